#include "backup/sealed.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#define MAGIC      "berthbak"
#define MAGIC_SIZE 8
#define FORMAT     1
#define COST_AT    9
#define ZERO_AT    12
#define SALT_AT    16
#define SALT_SIZE  32
#define MAC_AT     48
#define KEY_SIZE   32
#define NONCE_SIZE 12
#define KDF_EXTRA  (16u * 1024 * 1024) /* what scrypt needs beside its table */

struct keys {
    uint8_t cipher[KEY_SIZE], header[KEY_SIZE];
};

static berth_err failed(berth_err e)
{
    ERR_clear_error();
    return e;
}

static bool cost_is_bounded(struct sealed_cost c)
{
    return c.log_n >= SEALED_LOG_N_MIN && c.log_n <= SEALED_LOG_N_MAX && c.r >= 1 &&
           c.r <= SEALED_R_MAX && c.p >= 1 && c.p <= SEALED_P_MAX &&
           ((uint64_t)128 << c.log_n) * c.r * c.p <= SEALED_WORK_MAX;
}

berth_err sealed_judge(const uint8_t header[SEALED_HEADER_SIZE], struct sealed_cost *cost)
{
    static const uint8_t zero[SALT_AT - ZERO_AT] = { 0 };

    if (memcmp(header, MAGIC, MAGIC_SIZE) != 0)
        return BERTH_E_SYNTAX;
    if (header[MAGIC_SIZE] != FORMAT)
        return BERTH_E_UNSUPPORTED;
    if (memcmp(header + ZERO_AT, zero, sizeof zero) != 0)
        return BERTH_E_SYNTAX;
    *cost = (struct sealed_cost){ header[COST_AT], header[COST_AT + 1], header[COST_AT + 2] };
    return cost_is_bounded(*cost) ? BERTH_OK : BERTH_E_RANGE;
}

static bool scrypt(EVP_KDF_CTX *kdf, berth_str passphrase, struct sealed_cost cost,
                   const uint8_t *salt, struct keys *keys)
{
    uint64_t n = (uint64_t)1 << cost.log_n, memory = (uint64_t)SEALED_WORK_MAX + KDF_EXTRA;
    uint32_t r = cost.r, p = cost.p;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)(uintptr_t)passphrase.p,
                                          passphrase.n),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, SALT_SIZE),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
        OSSL_PARAM_construct_end(),
    };

    return EVP_KDF_derive(kdf, (uint8_t *)keys, sizeof *keys, params) == 1;
}

static berth_err derive(berth_str passphrase, struct sealed_cost cost, const uint8_t *salt,
                        struct keys *keys)
{
    EVP_KDF *algorithm = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
    EVP_KDF_CTX *kdf = algorithm == NULL ? NULL : EVP_KDF_CTX_new(algorithm);
    bool ok;

    EVP_KDF_free(algorithm);
    if (kdf == NULL)
        return failed(BERTH_E_CRYPTO);
    ok = scrypt(kdf, passphrase, cost, salt, keys);
    EVP_KDF_CTX_free(kdf);
    /* With parameters in their bounds nothing but the memory can be lacking. */
    return ok ? BERTH_OK : failed(BERTH_E_MEMORY);
}

static berth_err mac_header(const struct berth_crypto *crypto, const struct keys *keys,
                            const uint8_t *header, uint8_t out[BERTH_SHA256_SIZE])
{
    struct berth_hmac_key key;
    berth_str covered = { (const char *)header, MAC_AT };
    berth_err e = crypto->hmac_prepare(crypto->ctx, keys->header, KEY_SIZE, &key);

    if (e == BERTH_OK)
        e = crypto->hmac(crypto->ctx, &key, &covered, 1, out);
    crypto->hmac_release(crypto->ctx, &key);
    return e;
}

static EVP_CIPHER_CTX *keyed(const struct keys *keys, int encrypt)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = cipher != NULL && ctx != NULL &&
              EVP_CipherInit_ex2(ctx, cipher, keys->cipher, NULL, encrypt, NULL) == 1;

    EVP_CIPHER_free(cipher);
    if (ok)
        return ctx;
    EVP_CIPHER_CTX_free(ctx);
    ERR_clear_error();
    return NULL;
}

/* The direction is the context's. */
static bool start_chunk(EVP_CIPHER_CTX *ctx, const uint8_t *header, uint64_t number, bool last)
{
    uint8_t nonce[NONCE_SIZE] = { 0 };
    int n;

    for (int i = 0; i < 8; i++)
        nonce[3 + i] = (uint8_t)(number >> (56 - 8 * i));
    nonce[NONCE_SIZE - 1] = last ? 1 : 0;
    return EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, -1, NULL) == 1 &&
           EVP_CipherUpdate(ctx, NULL, &n, header, SEALED_HEADER_SIZE) == 1;
}

static bool pass_text(EVP_CIPHER_CTX *ctx, uint8_t *out, const uint8_t *in, size_t n)
{
    int written;

    return n == 0 || EVP_CipherUpdate(ctx, out, &written, in, (int)n) == 1;
}

/* ---- writing ---- */

static berth_err make_header(struct sealed_writer *w, berth_str passphrase, struct sealed_cost cost,
                             const struct berth_crypto *crypto, struct keys *keys)
{
    uint8_t *h = w->header;
    berth_err e;

    memcpy(h, MAGIC, MAGIC_SIZE);
    h[MAGIC_SIZE] = FORMAT;
    h[COST_AT] = cost.log_n;
    h[COST_AT + 1] = cost.r;
    h[COST_AT + 2] = cost.p;
    e = crypto->random(crypto->ctx, h + SALT_AT, SALT_SIZE);
    if (e == BERTH_OK)
        e = derive(passphrase, cost, h + SALT_AT, keys);
    return e == BERTH_OK ? mac_header(crypto, keys, h, h + MAC_AT) : e;
}

berth_err sealed_begin(struct sealed_writer *w, berth_str passphrase, struct sealed_cost cost,
                       const struct berth_crypto *crypto, const struct byte_sink *out)
{
    struct keys keys;
    berth_err e;

    memset(w, 0, sizeof *w);
    w->out = *out;
    if (!cost_is_bounded(cost))
        return BERTH_E_RANGE;
    e = make_header(w, passphrase, cost, crypto, &keys);
    if (e == BERTH_OK) {
        w->cipher = keyed(&keys, 1);
        e = w->cipher == NULL ? BERTH_E_CRYPTO : BERTH_OK;
    }
    OPENSSL_cleanse(&keys, sizeof keys);
    return e == BERTH_OK ? out->put(out->user, w->header, sizeof w->header) : e;
}

static berth_err put_chunk(struct sealed_writer *w, bool last)
{
    uint8_t *tag = w->chunk + w->n;
    size_t size = w->n + SEALED_TAG;
    int n;

    if (!start_chunk(w->cipher, w->header, w->number, last) ||
        !pass_text(w->cipher, w->chunk, w->chunk, w->n) ||
        EVP_CipherFinal_ex(w->cipher, tag, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(w->cipher, EVP_CTRL_AEAD_GET_TAG, SEALED_TAG, tag) != 1)
        return failed(BERTH_E_CRYPTO);
    w->number++;
    w->n = 0;
    return w->out.put(w->out.user, w->chunk, size);
}

/* A full chunk waits for more: only then is it known not to be the last. */
berth_err sealed_put(struct sealed_writer *w, const uint8_t *p, size_t n)
{
    while (n > 0) {
        berth_err e = w->n == SEALED_CHUNK ? put_chunk(w, false) : BERTH_OK;
        size_t part = SEALED_CHUNK - w->n < n ? SEALED_CHUNK - w->n : n;

        if (e != BERTH_OK)
            return e;
        memcpy(w->chunk + w->n, p, part);
        w->n += part;
        p += part;
        n -= part;
    }
    return BERTH_OK;
}

berth_err sealed_finish(struct sealed_writer *w)
{
    return put_chunk(w, true);
}

void sealed_writer_deinit(struct sealed_writer *w)
{
    EVP_CIPHER_CTX_free(w->cipher);
    OPENSSL_cleanse(w, sizeof *w);
}

/* ---- reading ---- */

static berth_err check_header(struct sealed_reader *r, berth_str passphrase,
                              const struct berth_crypto *crypto, struct sealed_cost cost)
{
    uint8_t mac[BERTH_SHA256_SIZE];
    struct keys keys;
    berth_err e = derive(passphrase, cost, r->header + SALT_AT, &keys);

    if (e == BERTH_OK)
        e = mac_header(crypto, &keys, r->header, mac);
    if (e == BERTH_OK && !crypto->equal(crypto->ctx, mac, r->header + MAC_AT, sizeof mac))
        e = BERTH_E_MISMATCH;
    if (e == BERTH_OK) {
        r->cipher = keyed(&keys, 0);
        e = r->cipher == NULL ? BERTH_E_CRYPTO : BERTH_OK;
    }
    OPENSSL_cleanse(&keys, sizeof keys);
    return e;
}

berth_err sealed_open(struct sealed_reader *r, berth_str passphrase,
                      const struct berth_crypto *crypto, const struct byte_source *in)
{
    struct sealed_cost cost;
    berth_err e;
    size_t n;

    memset(r, 0, sizeof *r);
    r->in = *in;
    e = bytes_fill(in, r->header, sizeof r->header, &n);
    if (e == BERTH_OK && n < sizeof r->header)
        e = BERTH_E_SYNTAX;
    if (e == BERTH_OK)
        e = sealed_judge(r->header, &cost);
    r->passed = n;
    return e == BERTH_OK ? check_header(r, passphrase, crypto, cost) : e;
}

/* Into PLAIN, when all of it is as it was written. */
static bool open_chunk(struct sealed_reader *r, size_t n)
{
    uint8_t *tag = r->sealed + n, none[1];
    int left;

    return start_chunk(r->cipher, r->header, r->number, r->last) &&
           pass_text(r->cipher, r->plain, r->sealed, n) &&
           EVP_CIPHER_CTX_ctrl(r->cipher, EVP_CTRL_AEAD_SET_TAG, SEALED_TAG, tag) == 1 &&
           EVP_CipherFinal_ex(r->cipher, none, &left) == 1;
}

static berth_err next_chunk(struct sealed_reader *r)
{
    size_t more, n;
    berth_err e = bytes_fill(&r->in, r->sealed + r->read, sizeof r->sealed - r->read, &more);

    if (e != BERTH_OK)
        return e;
    r->read += more;
    r->last = r->read < sizeof r->sealed;
    n = r->last ? r->read : SEALED_CHUNK + SEALED_TAG;
    /* Only an archive of nothing ends in an empty chunk. */
    if (n < SEALED_TAG || (n == SEALED_TAG && r->number > 0))
        return BERTH_E_SYNTAX;
    if (!open_chunk(r, n - SEALED_TAG)) {
        OPENSSL_cleanse(r->plain, sizeof r->plain);
        return failed(BERTH_E_SYNTAX);
    }
    r->at = 0;
    r->n = n - SEALED_TAG;
    r->number++;
    r->passed += n;
    r->sealed[0] = r->sealed[n - (r->last ? 1 : 0)];
    r->read -= n;
    return BERTH_OK;
}

berth_err sealed_get(void *reader, uint8_t *p, size_t size, size_t *n)
{
    struct sealed_reader *r = reader;

    *n = 0;
    if (r->at == r->n && !r->last) {
        berth_err e = next_chunk(r);

        if (e != BERTH_OK)
            return e;
    }
    *n = r->n - r->at < size ? r->n - r->at : size;
    memcpy(p, r->plain + r->at, *n);
    r->at += *n;
    return BERTH_OK;
}

void sealed_reader_deinit(struct sealed_reader *r)
{
    EVP_CIPHER_CTX_free(r->cipher);
    OPENSSL_cleanse(r, sizeof *r);
}
