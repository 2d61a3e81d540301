/* What certificates there are, for people and metrics. Reads alone. */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "ops/file.h"
#include "ops/pki.h"
#include "ops/pki_make.h"
#include "ops/pki_pem.h"

static void describe(const X509 *x, const char *name, struct pki_item *out)
{
    *out = (struct pki_item){ .from_s = pki_begin_s(x), .expiry_s = pki_expiry_s(x) };
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, out->subject,
                                    (int)sizeof out->subject);
    pki_put_fingerprint(x, out->fingerprint);
}

static void load(const char *directory, const char *name, X509 **first, X509 **second)
{
    char path[FILE_PATH_MAX];

    *first = NULL;
    if (second != NULL)
        *second = NULL;
    if (file_path(path, directory, name) != BERTH_OK ||
        pki_load_chain(path, first, second) != BERTH_OK)
        ERR_clear_error();
}

static bool is_key_of(const char *directory, const char *name, const X509 *x)
{
    char path[FILE_PATH_MAX];
    EVP_PKEY *key = NULL;
    bool is;

    is = file_path(path, directory, name) == BERTH_OK && pki_load_key(path, &key) == BERTH_OK &&
         EVP_PKEY_eq(X509_get0_pubkey(x), key) == 1;
    EVP_PKEY_free(key);
    ERR_clear_error();
    return is;
}

size_t pki_look(const char *directory, struct pki_item out[PKI_ITEMS_MAX])
{
    static const char *const leaves[] = { "server", "server-rsa" };
    X509 *ca, *other, *leaf;
    size_t n = 0;

    load(directory, "ca.pem", &ca, &other);
    if (ca != NULL)
        describe(ca, "ca", &out[n++]);
    if (other != NULL)
        describe(other, is_key_of(directory, "ca-next.key", ca) ? "ca-previous" : "ca-next",
                 &out[n++]);
    X509_free(ca);
    X509_free(other);
    for (size_t i = 0; i < 2; i++) {
        char name[32];

        (void)snprintf(name, sizeof name, "%s.pem", leaves[i]);
        load(directory, name, &leaf, NULL);
        if (leaf != NULL)
            describe(leaf, leaves[i], &out[n++]);
        X509_free(leaf);
    }
    return n;
}

bool pki_look_at(const char *path, const char *name, struct pki_item *out)
{
    X509 *x = NULL;

    if (pki_load_chain(path, &x, NULL) == BERTH_OK)
        describe(x, name, out);
    ERR_clear_error();
    if (x == NULL)
        return false;
    X509_free(x);
    return true;
}

const char *pki_file_lacks(const char *path, const char *const *names, size_t count)
{
    const char *lacks = NULL;
    X509 *x = NULL;

    if (pki_load_chain(path, &x, NULL) == BERTH_OK)
        lacks = pki_lacks(x, names, count);
    ERR_clear_error();
    X509_free(x);
    return lacks;
}

void pki_root_of(const char *path, char *out, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    X509 *root = NULL;
    char *text;
    long n = 0;

    out[0] = '\0';
    if (bio != NULL && pki_load_root(path, &root) == BERTH_OK && PEM_write_bio_X509(bio, root) == 1)
        n = BIO_get_mem_data(bio, &text);
    if (n > 0 && (size_t)n < size) {
        memcpy(out, text, (size_t)n);
        out[n] = '\0';
    }
    X509_free(root);
    BIO_free(bio);
    ERR_clear_error();
}
