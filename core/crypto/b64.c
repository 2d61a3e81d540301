#include "crypto/b64.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void berth_b64_put(struct berth_buf *b, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i += 3) {
        size_t have = n - i < 3 ? n - i : 3;
        uint32_t v = (uint32_t)p[i] << 16 | (have > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                     (have > 2 ? p[i + 2] : 0u);
        char quad[4] = { alphabet[v >> 18], alphabet[v >> 12 & 63],
                         have > 1 ? alphabet[v >> 6 & 63] : '=',
                         have > 2 ? alphabet[v & 63] : '=' };
        berth_buf_put(b, (berth_str){ quad, sizeof quad });
    }
}

/* 0 to 63, or -1. */
static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters to 1, 2 or 3 bytes; 0 when they are not base64. Padding is for the LAST quad
 * only, and the bits under it are zero. */
static size_t decode_quad(const char *q, bool last, uint8_t out[3])
{
    size_t padding = !last || q[3] != '=' ? 0 : q[2] == '=' ? 2 : 1;
    uint32_t v = 0;

    for (size_t i = 0; i < 4; i++) {
        int d = i >= 4 - padding ? 0 : digit(q[i]);
        if (d < 0)
            return 0;
        v = v << 6 | (uint32_t)d;
    }
    if ((padding == 1 && (v & 0xff) != 0) || (padding == 2 && (v & 0xffff) != 0))
        return 0;
    out[0] = (uint8_t)(v >> 16);
    out[1] = (uint8_t)(v >> 8);
    out[2] = (uint8_t)v;
    return 3 - padding;
}

berth_err berth_b64_decode(berth_str text, uint8_t *out, size_t max, size_t *n)
{
    size_t have = 0;

    *n = 0;
    if (text.n % 4 != 0)
        return BERTH_E_SYNTAX;
    for (size_t i = 0; i < text.n; i += 4) {
        uint8_t bytes[3];
        size_t got = decode_quad(text.p + i, i + 4 == text.n, bytes);
        if (got == 0)
            return BERTH_E_SYNTAX;
        if (got > max - have)
            return BERTH_E_RANGE;
        memcpy(out + have, bytes, got);
        have += got;
    }
    *n = have;
    return BERTH_OK;
}

berth_err berth_key_decode(berth_str text, struct berth_key *out)
{
    size_t n;
    berth_err e;

    *out = (struct berth_key){ 0 };
    e = berth_b64_decode(text, out->bytes, sizeof out->bytes, &n);
    if (e == BERTH_OK && n < BERTH_KEY_MIN)
        e = BERTH_E_RANGE;
    if (e != BERTH_OK) {
        *out = (struct berth_key){ 0 };
        return e;
    }
    out->n = (uint8_t)n;
    return BERTH_OK;
}

void berth_key_put(struct berth_buf *b, const struct berth_key *key)
{
    berth_b64_put(b, key->bytes, key->n);
}
