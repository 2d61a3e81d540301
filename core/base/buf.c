#include "berth/buf.h"

#include <string.h>

void berth_buf_init(struct berth_buf *b, void *storage, size_t size)
{
    *b = (struct berth_buf){ .p = storage, .max = size };
}

void berth_buf_reset(struct berth_buf *b)
{
    b->n = 0;
    b->over = false;
}

void berth_buf_put(struct berth_buf *b, berth_str s)
{
    if (b->over || s.n > b->max - b->n) {
        b->over = true;
        return;
    }
    if (s.n > 0)
        memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
}

void berth_buf_put_char(struct berth_buf *b, char c)
{
    berth_buf_put(b, (berth_str){ &c, 1 });
}

void berth_buf_put_u64(struct berth_buf *b, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    berth_buf_put(b, (berth_str){ digits + at, sizeof digits - at });
}

void berth_buf_put_i64(struct berth_buf *b, int64_t v)
{
    if (v < 0)
        berth_buf_put_char(b, '-');
    berth_buf_put_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void berth_buf_put_hex(struct berth_buf *b, uint64_t v, unsigned digits)
{
    while (digits-- > 0)
        berth_buf_put_char(b, "0123456789abcdef"[v >> (4 * digits) & 15]);
}

berth_str berth_buf_str(const struct berth_buf *b)
{
    return (berth_str){ b->p, b->n };
}

berth_err berth_buf_done(const struct berth_buf *b, berth_str *out)
{
    *out = (berth_str){ 0 };
    if (b->over)
        return BERTH_E_FULL;
    *out = berth_buf_str(b);
    return BERTH_OK;
}
