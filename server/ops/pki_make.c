#include "ops/pki_make.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "ops/pki.h"

#define SERIAL_BITS     128
#define COMMON_NAME_MAX 64 /* RFC 5280, ub-common-name */
#define DAY_S           86400

static bool set_serial(X509 *x)
{
    BIGNUM *n = BN_new();
    bool ok = n != NULL && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;

    BN_free(n);
    return ok;
}

/* From a day ago: devices whose clocks are behind can connect on the first day too. */
static bool set_validity(X509 *x, int days, int64_t now_s)
{
    time_t now = (time_t)now_s;

    return X509_time_adj_ex(X509_getm_notBefore(x), -1, 0, &now) != NULL &&
           X509_time_adj_ex(X509_getm_notAfter(x), days - 1, 0, &now) != NULL;
}

static bool add_name(X509_NAME *name, const char *type, const char *text)
{
    return X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8, (const unsigned char *)text, -1,
                                      -1, 0) == 1;
}

/* VALUE in the words of openssl's x509v3_config; a constant, never a peer's text. */
static bool add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;
    bool ok;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ok = e != NULL && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok;
}

static X509 *new_certificate(EVP_PKEY *key, int days, int64_t now_s)
{
    X509 *x = X509_new();

    if (x != NULL && X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
        set_validity(x, days, now_s) && X509_set_pubkey(x, key) == 1)
        return x;
    X509_free(x);
    return NULL;
}

static bool name_ca(X509 *x)
{
    unsigned char random[3];
    char name[32];

    if (RAND_bytes(random, sizeof random) != 1)
        return false;
    (void)snprintf(name, sizeof name, PKI_CA_NAME "%02x%02x%02x", random[0], random[1], random[2]);
    return add_name(X509_get_subject_name(x), "O", "berth") &&
           add_name(X509_get_subject_name(x), "CN", name) &&
           X509_set_issuer_name(x, X509_get_subject_name(x)) == 1;
}

/* One CA may stand below it: the one that it vouches for while a roll-over lasts. */
static bool build_ca(X509 *x, EVP_PKEY *key)
{
    return name_ca(x) && add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:1") &&
           add_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           add_extension(x, x, NID_subject_key_identifier, "hash") &&
           X509_sign(x, key, EVP_sha256()) > 0;
}

X509 *pki_make_ca(EVP_PKEY *key, int64_t now_s)
{
    X509 *x = new_certificate(key, PKI_CA_DAYS, now_s);

    if (x != NULL && build_ca(x, key))
        return x;
    X509_free(x);
    return NULL;
}

static GENERAL_NAME *general_name(const char *name)
{
    GENERAL_NAME *g = GENERAL_NAME_new();
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(name);
    ASN1_IA5STRING *dns = address == NULL ? ASN1_IA5STRING_new() : NULL;

    if (g != NULL && address != NULL) {
        GENERAL_NAME_set0_value(g, GEN_IPADD, address);
        return g;
    }
    if (g != NULL && dns != NULL && ASN1_STRING_set(dns, name, -1) == 1) {
        GENERAL_NAME_set0_value(g, GEN_DNS, dns);
        return g;
    }
    ASN1_OCTET_STRING_free(address);
    ASN1_IA5STRING_free(dns);
    GENERAL_NAME_free(g);
    return NULL;
}

/* The daemon's own name is its first hub's as a rule. */
static bool stands_before(const char *const *names, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcasecmp(names[k], names[i]) == 0)
            return true;
    return false;
}

static bool add_alt_names(X509 *x, const char *const *names, size_t count)
{
    GENERAL_NAMES *all = GENERAL_NAMES_new();
    bool ok = all != NULL;

    for (size_t i = 0; ok && i < count; i++) {
        if (stands_before(names, i))
            continue;
        GENERAL_NAME *g = general_name(names[i]);

        ok = g != NULL && sk_GENERAL_NAME_push(all, g) > 0;
        if (!ok)
            GENERAL_NAME_free(g);
    }
    ok = ok && X509_add1_ext_i2d(x, NID_subject_alt_name, all, 0, 0) == 1;
    GENERAL_NAMES_free(all);
    return ok;
}

/* Clients that look at the common name are old; a name too long for it is in the SAN anyway. */
static bool name_leaf(X509 *x, X509 *ca, const char *name)
{
    return add_name(X509_get_subject_name(x), "O", "berth") &&
           (strlen(name) > COMMON_NAME_MAX || add_name(X509_get_subject_name(x), "CN", name)) &&
           X509_set_issuer_name(x, X509_get_subject_name(ca)) == 1;
}

/* RSA key transport is what the oldest TLS 1.2 clients ask an RSA certificate for. */
static const char *leaf_key_usage(const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "RSA") ? "critical,digitalSignature,keyEncipherment"
                                     : "critical,digitalSignature";
}

static bool end_with_ca(X509 *x, const X509 *ca)
{
    if (ASN1_TIME_compare(X509_get0_notAfter(x), X509_get0_notAfter(ca)) <= 0)
        return true;
    return X509_set1_notAfter(x, X509_get0_notAfter(ca)) == 1;
}

static bool build_leaf(X509 *x, X509 *ca, const char *const *names, size_t count,
                       const char *key_usage)
{
    return name_leaf(x, ca, names[0]) && end_with_ca(x, ca) &&
           add_extension(x, ca, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x, ca, NID_key_usage, key_usage) &&
           add_extension(x, ca, NID_ext_key_usage, "serverAuth") &&
           add_extension(x, ca, NID_subject_key_identifier, "hash") &&
           add_extension(x, ca, NID_authority_key_identifier, "keyid:always") &&
           add_alt_names(x, names, count);
}

static bool build_cross(X509 *x, X509 *ca, X509 *by)
{
    return X509_set_subject_name(x, X509_get_subject_name(ca)) == 1 &&
           X509_set_issuer_name(x, X509_get_subject_name(by)) == 1 &&
           X509_set1_notAfter(x, X509_get0_notAfter(ca)) == 1 && end_with_ca(x, by) &&
           add_extension(x, by, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           add_extension(x, by, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           add_extension(x, by, NID_subject_key_identifier, "hash") &&
           add_extension(x, by, NID_authority_key_identifier, "keyid:always");
}

X509 *pki_make_cross(X509 *ca, X509 *by, EVP_PKEY *by_key, int64_t now_s)
{
    X509 *x = new_certificate(X509_get0_pubkey(ca), PKI_CA_DAYS, now_s);

    if (x != NULL && build_cross(x, ca, by) && X509_sign(x, by_key, EVP_sha256()) > 0)
        return x;
    X509_free(x);
    return NULL;
}

X509 *pki_make_leaf(EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, const char *const *names,
                    size_t count, int64_t now_s)
{
    X509 *x = new_certificate(key, PKI_LEAF_DAYS, now_s);

    if (x != NULL && build_leaf(x, ca, names, count, leaf_key_usage(key)) &&
        X509_sign(x, ca_key, EVP_sha256()) > 0)
        return x;
    X509_free(x);
    return NULL;
}

static bool covers(X509 *x, const char *name)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(name);
    bool is_address = address != NULL;

    ASN1_OCTET_STRING_free(address);
    if (is_address)
        return X509_check_ip_asc(x, name, 0) == 1;
    return X509_check_host(x, name, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
}

const char *pki_lacks(X509 *x, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!covers(x, names[i]))
            return names[i];
    return NULL;
}

static int64_t seconds_of(const ASN1_TIME *at)
{
    struct tm tm;

    return ASN1_TIME_to_tm(at, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

int64_t pki_begin_s(const X509 *x)
{
    return seconds_of(X509_get0_notBefore(x));
}

int64_t pki_expiry_s(const X509 *x)
{
    return seconds_of(X509_get0_notAfter(x));
}

int pki_days_left(const X509 *x, int64_t now_s)
{
    int64_t left = pki_expiry_s(x) - now_s;

    return left < 0 ? -1 : (int)(left / DAY_S);
}

bool pki_is_ours(const X509 *x)
{
    char name[COMMON_NAME_MAX + 1];
    int n =
        X509_NAME_get_text_by_NID(X509_get_issuer_name(x), NID_commonName, name, (int)sizeof name);

    return n > 0 && strncmp(name, PKI_CA_NAME, strlen(PKI_CA_NAME)) == 0;
}
