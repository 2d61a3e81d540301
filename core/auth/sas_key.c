#include "auth/sas_key.h"

#include <string.h>

#define BLOCK 64 /* of SHA-256, RFC 2104 section 2 */

_Static_assert(BERTH_KEY_MAX <= BLOCK, "a longer key would have to be hashed first");

static void pad(const struct berth_key *key, unsigned char with, char out[BLOCK])
{
    memset(out, with, BLOCK);
    for (size_t i = 0; i < key->n; i++)
        out[i] = (char)(key->bytes[i] ^ with);
}

/* HMAC-SHA256, RFC 2104, of what a token signs. */
static berth_err sign(const struct berth_crypto *c, const struct berth_sas *t,
                      const struct berth_key *key, uint8_t out[BERTH_SHA256_SIZE])
{
    char block[BLOCK];
    uint8_t inner[BERTH_SHA256_SIZE] = { 0 };
    const berth_str in[] = { { block, BLOCK }, t->resource, BERTH_STR("\n"), t->expiry_text };
    const berth_str of[] = { { block, BLOCK }, { (const char *)inner, sizeof inner } };

    pad(key, 0x36, block);
    berth_err e = c->sha256(c->ctx, in, sizeof in / sizeof in[0], inner);
    pad(key, 0x5c, block);
    if (e == BERTH_OK)
        e = c->sha256(c->ctx, of, sizeof of / sizeof of[0], out);
    c->wipe(c->ctx, block, sizeof block);
    c->wipe(c->ctx, inner, sizeof inner);
    return e;
}

berth_err berth__sas_verify_key(const struct berth_crypto *c, const struct berth_sas *t,
                                const struct berth_key *key, bool *ok)
{
    uint8_t expected[BERTH_SHA256_SIZE] = { 0 };
    berth_err e;

    *ok = false;
    if (key->n == 0)
        return BERTH_OK;
    e = sign(c, t, key, expected);
    if (e == BERTH_OK)
        *ok = c->equal(c->ctx, expected, t->signature, sizeof expected);
    c->wipe(c->ctx, expected, sizeof expected);
    return e;
}
