/* berth/crypto.h - the crypto seam: the few functions berth needs, handed in by whoever builds on
 * core. The daemon and the desktop client hand in OpenSSL (berth/openssl.h); a small target
 * its own. */
#ifndef BERTH_CRYPTO_H
#define BERTH_CRYPTO_H

#include "berth/err.h"
#include "berth/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BERTH_SHA256_SIZE 32
#define BERTH_KEY_MIN     16 /* bytes of a decoded symmetric key, DPS service API limits */
#define BERTH_KEY_MAX     64

/* A symmetric key, decoded. n == 0: no key. Wipe with the seam when done. */
struct berth_key {
    uint8_t bytes[BERTH_KEY_MAX];
    uint8_t n;
};

struct berth_key_pair {
    struct berth_key primary;
    struct berth_key secondary;
};

/* A key made ready for many HMACs. Belongs to one thread; released by whoever prepared it. */
struct berth_hmac_key {
    void *impl;
};

struct berth_crypto {
    void *ctx; /* handed back as the first argument of each */

    /* Makes KEY[0..N) ready; N is 1 to 128. BERTH_E_CRYPTO leaves OUT->impl NULL. */
    berth_err (*hmac_prepare)(void *ctx, const uint8_t *key, size_t n, struct berth_hmac_key *out);
    /* HMAC-SHA256 of the PARTS in a row. May be called any number of times for one prepared key. */
    berth_err (*hmac)(void *ctx, struct berth_hmac_key *key, const berth_str *parts, size_t count,
                      uint8_t out[BERTH_SHA256_SIZE]);
    /* Safe on a zeroed key and twice. */
    void (*hmac_release)(void *ctx, struct berth_hmac_key *key);

    berth_err (*sha256)(void *ctx, const berth_str *parts, size_t count,
                        uint8_t out[BERTH_SHA256_SIZE]);
    /* Unpredictable bytes. */
    berth_err (*random)(void *ctx, uint8_t *out, size_t n);
    /* True when equal; takes the same time wherever they differ. */
    bool (*equal)(void *ctx, const uint8_t *a, const uint8_t *b, size_t n);
    /* Overwrites; not optimised away. */
    void (*wipe)(void *ctx, void *p, size_t n);
};

#ifdef __cplusplus
}
#endif

#endif
