/* test_certs.h - self-signed certificates as PEM files, made while the test runs. */
#ifndef TESTS_UNIT_TEST_CERTS_H
#define TESTS_UNIT_TEST_CERTS_H

#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static inline X509 *test_cert_make(EVP_PKEY *key, const char *name)
{
    X509 *x = X509_new();
    X509_NAME *subject = X509_get_subject_name(x);

    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, subject);
    if (X509_sign(x, key, EVP_sha256()) == 0)
        abort();
    return x;
}

/* Writes certificate and key of a new pair; RSA 2048 or ECDSA P-256. */
static inline void test_cert_write(bool rsa, const char *cert_file, const char *key_file)
{
    EVP_PKEY *key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    X509 *x = test_cert_make(key, "localhost");
    FILE *f = fopen(cert_file, "w");

    if (f == NULL || PEM_write_X509(f, x) != 1)
        abort();
    fclose(f);
    f = fopen(key_file, "w");
    if (f == NULL || PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) != 1)
        abort();
    fclose(f);
    X509_free(x);
    EVP_PKEY_free(key);
}

#endif
