/* store/sqlite/seal.h - secrets at rest: AES-256-GCM, bound to the row they stand in, so that a
 * blob moved to another row does not open. Layout: format byte, 12 byte random nonce, ciphertext,
 * 16 byte tag. */
#ifndef STORE_SQLITE_SEAL_H
#define STORE_SQLITE_SEAL_H

#include <openssl/evp.h>

#include "berth/crypto.h"

#define SEAL_KEY_SIZE 32
#define SEAL_OVERHEAD 29 /* how much longer the blob is than what it holds */

/* One thread's use of a key. */
struct sealer {
    const struct berth_crypto *crypto;
    EVP_CIPHER_CTX *to_seal, *to_open;
};

/* Where a secret lives; part of what the tag covers. */
struct seal_place {
    uint32_t kind;
    berth_str scope;
    berth_str key;
};

/* KEY is borrowed for the call. BERTH_E_CRYPTO leaves *S safe to deinit. */
BERTH_MUST_USE berth_err sealer_init(struct sealer *s, const struct berth_crypto *crypto,
                                     const uint8_t key[SEAL_KEY_SIZE]);
void sealer_deinit(struct sealer *s);

/* Writes CLEAR.n + SEAL_OVERHEAD bytes. BERTH_E_CRYPTO. */
BERTH_MUST_USE berth_err sealer_seal(struct sealer *s, const struct seal_place *place,
                                     berth_str clear, uint8_t *out);
/* Writes BLOB.n - SEAL_OVERHEAD bytes. BERTH_E_MISMATCH: another key, another place, damaged or too
 * short; then nothing of the clear text is left in OUT. */
BERTH_MUST_USE berth_err sealer_open(struct sealer *s, const struct seal_place *place,
                                     berth_str blob, uint8_t *out);

#endif
