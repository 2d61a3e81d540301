#include "berth/openssl.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdlib.h>

#define HMAC_KEY_MAX 128

/* Fetching costs more than hashing, and a shared library context makes threads wait for each other:
 * both are done once a thread. */
struct openssl {
    OSSL_LIB_CTX *lib;
    EVP_MAC *hmac;
    EVP_MD *sha256;
    EVP_MD_CTX *digest;
};

/* OpenSSL's error queue is the thread's; what is left in it would be taken for a fault of the next
 * TLS call. */
static berth_err failed(void)
{
    ERR_clear_error();
    return BERTH_E_CRYPTO;
}

static berth_err hmac_prepare(void *ctx, const uint8_t *key, size_t n, struct berth_hmac_key *out)
{
    const struct openssl *o = ctx;
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    out->impl = NULL;
    if (n == 0 || n > HMAC_KEY_MAX) /* under an empty key anybody's signature would verify */
        return BERTH_E_CRYPTO;

    EVP_MAC_CTX *mac = EVP_MAC_CTX_new(o->hmac);
    if (mac == NULL)
        return failed();
    if (EVP_MAC_init(mac, key, n, params) != 1) {
        EVP_MAC_CTX_free(mac);
        return failed();
    }
    out->impl = mac;
    return BERTH_OK;
}

static berth_err hmac(void *ctx, struct berth_hmac_key *key, const berth_str *parts, size_t count,
                      uint8_t out[BERTH_SHA256_SIZE])
{
    EVP_MAC_CTX *mac = key->impl;
    size_t n = 0;

    (void)ctx;
    if (mac == NULL)
        return BERTH_E_CRYPTO;
    /* Without a key it starts again under the same one, from the states kept of its two pads. */
    if (EVP_MAC_init(mac, NULL, 0, NULL) != 1)
        return failed();
    for (size_t i = 0; i < count; i++)
        if (EVP_MAC_update(mac, (const unsigned char *)parts[i].p, parts[i].n) != 1)
            return failed();
    if (EVP_MAC_final(mac, out, &n, BERTH_SHA256_SIZE) != 1 || n != BERTH_SHA256_SIZE)
        return failed();
    return BERTH_OK;
}

static void hmac_release(void *ctx, struct berth_hmac_key *key)
{
    (void)ctx;
    EVP_MAC_CTX_free(key->impl); /* wipes the key; takes NULL */
    key->impl = NULL;
}

static berth_err digest_parts(const struct openssl *o, const berth_str *parts, size_t count,
                              uint8_t *out)
{
    unsigned n = 0;

    if (EVP_DigestInit_ex2(o->digest, o->sha256, NULL) != 1)
        return failed();
    for (size_t i = 0; i < count; i++)
        if (EVP_DigestUpdate(o->digest, parts[i].p, parts[i].n) != 1)
            return failed();
    if (EVP_DigestFinal_ex(o->digest, out, &n) != 1 || n != BERTH_SHA256_SIZE)
        return failed();
    return BERTH_OK;
}

static berth_err sha256(void *ctx, const berth_str *parts, size_t count,
                        uint8_t out[BERTH_SHA256_SIZE])
{
    const struct openssl *o = ctx;
    berth_err e = digest_parts(o, parts, count, out);

    /* What was hashed may have been secret: the block is wiped by now, this overwrites the state.
     * Resetting would free it as well, which costs as much as hashing. */
    return EVP_DigestInit_ex2(o->digest, o->sha256, NULL) == 1 ? e : failed();
}

static berth_err random_bytes(void *ctx, uint8_t *out, size_t n)
{
    const struct openssl *o = ctx;

    return n == 0 || RAND_priv_bytes_ex(o->lib, out, n, 0) == 1 ? BERTH_OK : failed();
}

static bool equal(void *ctx, const uint8_t *a, const uint8_t *b, size_t n)
{
    (void)ctx;
    return CRYPTO_memcmp(a, b, n) == 0;
}

static void wipe(void *ctx, void *p, size_t n)
{
    (void)ctx;
    OPENSSL_cleanse(p, n);
}

static void release(struct openssl *o)
{
    EVP_MD_CTX_free(o->digest);
    EVP_MD_free(o->sha256);
    EVP_MAC_free(o->hmac);
    OSSL_LIB_CTX_free(o->lib);
    free(o);
}

static bool fetch(struct openssl *o)
{
    o->lib = OSSL_LIB_CTX_new();
    if (o->lib == NULL)
        return false;
    o->hmac = EVP_MAC_fetch(o->lib, "HMAC", NULL);
    o->sha256 = EVP_MD_fetch(o->lib, "SHA256", NULL);
    o->digest = EVP_MD_CTX_new();
    return o->hmac != NULL && o->sha256 != NULL && o->digest != NULL;
}

berth_err berth_openssl_init(struct berth_crypto *out)
{
    struct openssl *o = calloc(1, sizeof *o);

    *out = (struct berth_crypto){ 0 };
    if (o == NULL)
        return BERTH_E_CRYPTO;
    if (!fetch(o)) {
        release(o);
        return failed();
    }
    *out = (struct berth_crypto){
        .ctx = o,
        .hmac_prepare = hmac_prepare,
        .hmac = hmac,
        .hmac_release = hmac_release,
        .sha256 = sha256,
        .random = random_bytes,
        .equal = equal,
        .wipe = wipe,
    };
    return BERTH_OK;
}

void berth_openssl_deinit(struct berth_crypto *c)
{
    if (c->ctx != NULL)
        release(c->ctx);
    *c = (struct berth_crypto){ 0 };
}
