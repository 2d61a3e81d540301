#include "wire/percent.h"

#include "base/ascii.h"

static bool is_plain(char c)
{
    return ascii_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

void berth_percent_put(struct berth_buf *b, berth_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char escape[3] = { '%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15] };
        if (is_plain(s.p[i]))
            berth_buf_put_char(b, s.p[i]);
        else
            berth_buf_put(b, (berth_str){ escape, sizeof escape });
    }
}

/* The next decoded byte of *S, or -1 for a broken escape and for NUL, in either spelling. *S is not
 * empty. */
static int next(berth_str *s)
{
    char c = s->p[0];
    size_t used = 1;
    int value = (unsigned char)c;

    if (c == '%') {
        int high = s->n < 3 ? -1 : ascii_hex_value(s->p[1]);
        int low = s->n < 3 ? -1 : ascii_hex_value(s->p[2]);
        if (high < 0 || low < 0)
            return -1;
        value = high << 4 | low;
        used = 3;
    }
    *s = berth_str_sub(*s, used, s->n);
    return value == 0 ? -1 : value;
}

berth_err berth_percent_decode(berth_str s, struct berth_buf *out)
{
    while (s.n > 0) {
        int c = next(&s);
        if (c < 0)
            return BERTH_E_SYNTAX;
        berth_buf_put_char(out, (char)c);
    }
    return out->over ? BERTH_E_FULL : BERTH_OK;
}

bool berth_percent_ieq(berth_str s, berth_str plain)
{
    for (size_t i = 0; i < plain.n; i++) {
        int c = s.n == 0 ? -1 : next(&s);
        if (c < 0 || ascii_lower((char)c) != ascii_lower(plain.p[i]))
            return false;
    }
    return s.n == 0;
}
