/* failing_crypto.h - a crypto seam that fails at the n-th call and keeps count: proves that no
 * failure of the crypto library is taken for a success, and that nothing stays behind. */
#ifndef TESTS_UNIT_FAILING_CRYPTO_H
#define TESTS_UNIT_FAILING_CRYPTO_H

#include "berth/crypto.h"

struct failing_crypto {
    struct berth_crypto seam; /* hand this out */
    const struct berth_crypto *real;
    size_t fail_at;  /* the call that fails, from 1; 0: none does */
    size_t calls;    /* of those that can fail */
    size_t prepared; /* keys not yet released */
    size_t compared; /* bytes */
    size_t wiped;    /* bytes */
};

static inline berth_err failing_verdict(struct failing_crypto *f, berth_err e)
{
    return ++f->calls == f->fail_at ? BERTH_E_CRYPTO : e;
}

static inline berth_err failing_hmac_prepare(void *ctx, const uint8_t *key, size_t n,
                                             struct berth_hmac_key *out)
{
    struct failing_crypto *f = ctx;
    berth_err e = failing_verdict(f, BERTH_OK);

    out->impl = NULL;
    if (e == BERTH_OK)
        e = f->real->hmac_prepare(f->real->ctx, key, n, out);
    if (e == BERTH_OK)
        f->prepared++;
    return e;
}

/* Fails with the right result in OUT: whoever does not look at the error then accepts it. */
static inline berth_err failing_hmac(void *ctx, struct berth_hmac_key *key, const berth_str *parts,
                                     size_t count, uint8_t out[BERTH_SHA256_SIZE])
{
    struct failing_crypto *f = ctx;

    return failing_verdict(f, f->real->hmac(f->real->ctx, key, parts, count, out));
}

static inline void failing_hmac_release(void *ctx, struct berth_hmac_key *key)
{
    struct failing_crypto *f = ctx;

    if (key->impl != NULL)
        f->prepared--;
    f->real->hmac_release(f->real->ctx, key);
}

static inline berth_err failing_sha256(void *ctx, const berth_str *parts, size_t count,
                                       uint8_t out[BERTH_SHA256_SIZE])
{
    struct failing_crypto *f = ctx;

    return failing_verdict(f, f->real->sha256(f->real->ctx, parts, count, out));
}

static inline berth_err failing_random(void *ctx, uint8_t *out, size_t n)
{
    struct failing_crypto *f = ctx;

    return failing_verdict(f, f->real->random(f->real->ctx, out, n));
}

static inline bool failing_equal(void *ctx, const uint8_t *a, const uint8_t *b, size_t n)
{
    struct failing_crypto *f = ctx;

    f->compared += n;
    return f->real->equal(f->real->ctx, a, b, n);
}

static inline void failing_wipe(void *ctx, void *p, size_t n)
{
    struct failing_crypto *f = ctx;

    f->wiped += n;
    f->real->wipe(f->real->ctx, p, n);
}

/* F points to itself from then on: do not copy it. REAL is borrowed. */
static inline void failing_crypto_init(struct failing_crypto *f, const struct berth_crypto *real,
                                       size_t fail_at)
{
    *f = (struct failing_crypto){
        .seam = { .ctx = f,
                  .hmac_prepare = failing_hmac_prepare,
                  .hmac = failing_hmac,
                  .hmac_release = failing_hmac_release,
                  .sha256 = failing_sha256,
                  .random = failing_random,
                  .equal = failing_equal,
                  .wipe = failing_wipe },
        .real = real,
        .fail_at = fail_at,
    };
}

#endif
