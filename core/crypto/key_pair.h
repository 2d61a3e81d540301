/* crypto/key_pair.h - two keys as a record's secret: a length byte and the key's bytes, twice. */
#ifndef BERTH_CRYPTO_KEY_PAIR_H
#define BERTH_CRYPTO_KEY_PAIR_H

#include "base/arena.h"
#include "berth/crypto.h"

#define BERTH_KEY_PAIR_MAX (2 * (1 + BERTH_KEY_MAX)) /* bytes of an encoded pair */

/* Into A, whose owner wipes it. A key with n == 0 keeps its place. */
BERTH_MUST_USE berth_err berth_key_pair_encode(const struct berth_key_pair *k,
                                               struct berth_arena *a, berth_str *out);
/* An empty SECRET is a pair without keys. *OUT is zeroed on error: BERTH_E_SYNTAX for a layout that
 * is not the above, BERTH_E_RANGE for a key shorter or longer than a key may be. */
BERTH_MUST_USE berth_err berth_key_pair_decode(berth_str secret, struct berth_key_pair *out);

#endif
