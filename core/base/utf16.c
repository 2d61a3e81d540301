#include "base/utf16.h"

#define REPLACEMENT 0xfffdu

enum berth_encoding berth_encoding_of(berth_str start, size_t *mark)
{
    berth_str first = berth_str_sub(start, 0, 2);

    *mark = berth_str_starts(start, BERTH_STR("\xef\xbb\xbf")) ? 3 : 0;
    if (*mark > 0 || first.n < 2)
        return BERTH_ENCODING_UTF8;
    if (berth_str_eq(first, BERTH_STR("\xff\xfe")) || berth_str_eq(first, BERTH_STR("\xfe\xff"))) {
        *mark = 2;
        return first.p[0] == '\xff' ? BERTH_ENCODING_UTF16_LE : BERTH_ENCODING_UTF16_BE;
    }
    if (first.p[0] != '\0' && first.p[1] == '\0')
        return BERTH_ENCODING_UTF16_LE;
    if (first.p[0] == '\0' && first.p[1] != '\0')
        return BERTH_ENCODING_UTF16_BE;
    return BERTH_ENCODING_UTF8;
}

static void put(struct berth_buf *b, uint32_t c)
{
    char bytes[4] = { (char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 63)),
                      (char)(0x80 | (c >> 6 & 63)), (char)(0x80 | (c & 63)) };
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    if (n == 1)
        bytes[3] = (char)c;
    else if (n == 2)
        bytes[2] = (char)(0xc0 | c >> 6);
    else if (n == 3)
        bytes[1] = (char)(0xe0 | c >> 12);
    berth_buf_put(b, (berth_str){ bytes + sizeof bytes - n, n });
}

static void take_unit(struct berth_utf16 *u, uint16_t unit, struct berth_buf *b)
{
    bool is_low = unit >= 0xdc00 && unit <= 0xdfff;

    if (u->high != 0 && is_low) {
        put(b, 0x10000u + ((uint32_t)(u->high - 0xd800) << 10) + (unit - 0xdc00u));
        u->high = 0;
        return;
    }
    if (u->high != 0)
        put(b, REPLACEMENT);
    u->high = 0;
    if (unit >= 0xd800 && unit <= 0xdbff)
        u->high = unit;
    else
        put(b, is_low ? REPLACEMENT : unit);
}

void berth_utf16_take(struct berth_utf16 *u, berth_str *in, struct berth_buf *b)
{
    while (in->n > 0 && b->max - b->n >= BERTH_UTF16_ROOM) {
        uint8_t byte = (uint8_t)in->p[0];

        *in = berth_str_sub(*in, 1, in->n);
        if (!u->has_odd)
            u->odd = byte;
        else
            take_unit(u, (uint16_t)(u->big ? u->odd << 8 | byte : byte << 8 | u->odd), b);
        u->has_odd = !u->has_odd;
    }
}

bool berth_utf16_is_whole(const struct berth_utf16 *u)
{
    return !u->has_odd && u->high == 0;
}
