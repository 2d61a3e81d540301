/* tests/store/test_crypto.h - the two functions of the crypto seam that a store uses. */
#ifndef TESTS_STORE_TEST_CRYPTO_H
#define TESTS_STORE_TEST_CRYPTO_H

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "berth/crypto.h"

static inline berth_err test_crypto_random(void *ctx, uint8_t *out, size_t n)
{
    (void)ctx;
    return RAND_bytes(out, (int)n) == 1 ? BERTH_OK : BERTH_E_CRYPTO;
}

static inline void test_crypto_wipe(void *ctx, void *p, size_t n)
{
    (void)ctx;
    OPENSSL_cleanse(p, n);
}

static const struct berth_crypto test_crypto = { .random = test_crypto_random,
                                                 .wipe = test_crypto_wipe };

#endif
