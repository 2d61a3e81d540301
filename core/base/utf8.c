#include "base/utf8.h"

static bool is_tail(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* A lead byte with TAIL bytes after it, of which the first lies between LOW and HIGH: that alone
 * keeps out overlong forms, surrogates and what lies beyond U+10FFFF (RFC 3629 section 4). */
static size_t sequence(berth_str s, size_t tail, unsigned char low, unsigned char high)
{
    if (s.n <= tail || (unsigned char)s.p[1] < low || (unsigned char)s.p[1] > high)
        return 0;
    for (size_t i = 2; i <= tail; i++)
        if (!is_tail(s.p[i]))
            return 0;
    return tail + 1;
}

size_t berth_utf8_size(berth_str s)
{
    unsigned char lead = s.n == 0 ? 0xff : (unsigned char)s.p[0];

    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return sequence(s, 1, 0x80, 0xbf);
    if (lead >= 0xe0 && lead <= 0xef)
        return sequence(s, 2, lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf);
    if (lead >= 0xf0 && lead <= 0xf4)
        return sequence(s, 3, lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf);
    return 0;
}

bool berth_utf8_is_valid(berth_str s)
{
    while (s.n > 0) {
        size_t size = berth_utf8_size(s);
        if (size == 0)
            return false;
        s = berth_str_sub(s, size, s.n);
    }
    return true;
}

berth_str berth_utf8_cut(berth_str s, size_t max)
{
    if (s.n <= max)
        return s;
    while (max > 0 && is_tail(s.p[max]))
        max--;
    return (berth_str){ s.p, max };
}

size_t berth_utf8_control_size(berth_str s, unsigned *code)
{
    static const struct {
        unsigned from, to;
    } controls[] = {
        { 0x7f, 0x9f }, { 0x61c, 0x61c }, { 0x200e, 0x200f }, { 0x2028, 0x202e }, { 0x2066, 0x2069 }
    };
    size_t size = berth_utf8_size(s);

    if (size == 0 || size > 3)
        return 0;
    *code = (unsigned char)s.p[0] & (size == 1 ? 0x7f : size == 2 ? 0x1f : 0x0f);
    for (size_t i = 1; i < size; i++)
        *code = *code << 6 | ((unsigned char)s.p[i] & 0x3f);
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++)
        if (*code >= controls[i].from && *code <= controls[i].to)
            return size;
    return 0;
}

berth_str berth_utf8_cut_control(berth_str *s, unsigned *code)
{
    berth_str whole = *s;
    size_t n = 0, size = 0;

    while (n < whole.n) {
        if ((unsigned char)whole.p[n] >= 0x7f)
            size = berth_utf8_control_size(berth_str_sub(whole, n, whole.n), code);
        if (size > 0)
            break;
        n++;
    }
    if (size == 0)
        *code = 0;
    *s = berth_str_sub(whole, n + size, whole.n);
    return berth_str_sub(whole, 0, n);
}
