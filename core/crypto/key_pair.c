#include "crypto/key_pair.h"

#include <string.h>

static void put_key(struct berth_buf *b, const struct berth_key *k)
{
    berth_buf_put_char(b, (char)k->n);
    berth_buf_put(b, (berth_str){ (const char *)k->bytes, k->n });
}

berth_err berth_key_pair_encode(const struct berth_key_pair *k, struct berth_arena *a,
                                berth_str *out)
{
    struct berth_buf b;

    berth_arena_lend(a, &b);
    put_key(&b, &k->primary);
    put_key(&b, &k->secondary);
    return berth_arena_keep(a, &b, out);
}

static berth_err take_key(berth_str *rest, struct berth_key *out)
{
    size_t n;

    if (rest->n == 0)
        return BERTH_E_SYNTAX;
    n = (unsigned char)rest->p[0];
    if (n > BERTH_KEY_MAX || (n > 0 && n < BERTH_KEY_MIN))
        return BERTH_E_RANGE;
    if (n > rest->n - 1)
        return BERTH_E_SYNTAX;
    memcpy(out->bytes, rest->p + 1, n);
    out->n = (uint8_t)n;
    *rest = berth_str_sub(*rest, 1 + n, rest->n);
    return BERTH_OK;
}

berth_err berth_key_pair_decode(berth_str secret, struct berth_key_pair *out)
{
    berth_err e;

    *out = (struct berth_key_pair){ 0 };
    if (secret.n == 0)
        return BERTH_OK;
    e = take_key(&secret, &out->primary);
    if (e == BERTH_OK)
        e = take_key(&secret, &out->secondary);
    if (e == BERTH_OK && secret.n > 0)
        e = BERTH_E_SYNTAX;
    if (e != BERTH_OK)
        *out = (struct berth_key_pair){ 0 };
    return e;
}
