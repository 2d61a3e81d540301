#include "ops/pki_pem.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <stdio.h>

#include "ops/file.h"

#define PEM_MAX (256 * 1024) /* a leaf with a few hundred long names has more than 64 KiB */

/* Without this OpenSSL asks the terminal for the password of an encrypted key. */
static int no_password(char *out, int size, int writing, void *user)
{
    (void)out, (void)size, (void)writing, (void)user;
    return -1;
}

static berth_err parse(berth_str text, berth_err (*fn)(BIO *in, void *user), void *user)
{
    BIO *in = BIO_new_mem_buf(text.p, (int)text.n);
    berth_err e = in != NULL ? fn(in, user) : BERTH_E_MEMORY;

    BIO_free(in);
    return e;
}

/* FN reads from what stands in PATH. */
static berth_err with_content(const char *path, berth_err (*fn)(BIO *in, void *user), void *user)
{
    char *text = malloc(PEM_MAX);
    struct berth_buf b;
    berth_err e;

    if (text == NULL)
        return BERTH_E_MEMORY;
    berth_buf_init(&b, text, PEM_MAX);
    e = file_read(path, &b);
    if (e == BERTH_OK)
        e = parse(berth_buf_str(&b), fn, user);
    else if (e == BERTH_E_FULL)
        e = BERTH_E_SYNTAX;
    explicit_bzero(text, b.n);
    free(text);
    return e;
}

static berth_err take_key(BIO *in, void *user)
{
    EVP_PKEY **out = user;

    *out = PEM_read_bio_PrivateKey(in, NULL, no_password, NULL);
    return *out != NULL ? BERTH_OK : BERTH_E_SYNTAX;
}

berth_err pki_load_key(const char *path, EVP_PKEY **out)
{
    *out = NULL;
    return with_content(path, take_key, out);
}

static berth_err take_chain(BIO *in, void *user)
{
    X509 **chain = user;

    chain[0] = PEM_read_bio_X509(in, NULL, no_password, NULL);
    if (chain[0] == NULL)
        return BERTH_E_SYNTAX;
    chain[1] = PEM_read_bio_X509(in, NULL, no_password, NULL);
    return BERTH_OK;
}

berth_err pki_load_chain(const char *path, X509 **first, X509 **second)
{
    X509 *chain[2] = { NULL, NULL };
    berth_err e = with_content(path, take_chain, chain);

    *first = chain[0];
    if (second != NULL)
        *second = chain[1];
    else
        X509_free(chain[1]);
    return e;
}

static berth_err take_root(BIO *in, void *user)
{
    X509 **out = user;

    while ((*out = PEM_read_bio_X509(in, NULL, no_password, NULL)) != NULL) {
        if (X509_self_signed(*out, 0) == 1)
            return BERTH_OK;
        X509_free(*out);
    }
    return BERTH_E_NOT_FOUND;
}

berth_err pki_load_root(const char *path, X509 **out)
{
    *out = NULL;
    return with_content(path, take_root, out);
}

static berth_err save(const char *path, BIO *bio, mode_t mode)
{
    char *text;
    long n = BIO_get_mem_data(bio, &text);

    return file_replace(path, (berth_str){ text, (size_t)n }, mode);
}

berth_err pki_save_key(const char *path, const EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    berth_err e = BERTH_E_CRYPTO;

    if (bio != NULL && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
        e = save(path, bio, 0600);
    BIO_free(bio);
    return e;
}

berth_err pki_save_chain(const char *path, X509 *first, X509 *second)
{
    BIO *bio = BIO_new(BIO_s_mem());
    berth_err e = BERTH_E_CRYPTO;

    if (bio != NULL && PEM_write_bio_X509(bio, first) == 1 &&
        (second == NULL || PEM_write_bio_X509(bio, second) == 1))
        e = save(path, bio, 0644);
    BIO_free(bio);
    return e;
}

void pki_put_fingerprint(const X509 *x, char out[PKI_FINGERPRINT_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    out[0] = '\0';
    if (X509_digest(x, EVP_sha256(), digest, &n) != 1)
        return;
    for (unsigned i = 0; i < n && i < 32; i++)
        (void)snprintf(out + (size_t)3 * i, PKI_FINGERPRINT_SIZE - (size_t)3 * i, "%02X%s",
                       digest[i], i + 1 < n ? ":" : "");
}
