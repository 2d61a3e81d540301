#include "berth/str.h"

#include <string.h>

#include "base/ascii.h"

berth_str berth_str_of(const char *text)
{
    if (text == NULL)
        return (berth_str){ 0 };
    return (berth_str){ text, strlen(text) };
}

bool berth_str_eq(berth_str a, berth_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool berth_str_ieq(berth_str a, berth_str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    return true;
}

int berth_str_cmp(berth_str a, berth_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n == 0 ? 0 : memcmp(a.p, b.p, n);

    if (order != 0)
        return order;
    return a.n < b.n ? -1 : a.n > b.n;
}

bool berth_str_starts(berth_str s, berth_str prefix)
{
    return s.n >= prefix.n && berth_str_eq((berth_str){ s.p, prefix.n }, prefix);
}

bool berth_str_ends(berth_str s, berth_str suffix)
{
    return s.n >= suffix.n && berth_str_eq(berth_str_sub(s, s.n - suffix.n, suffix.n), suffix);
}

bool berth_str_skip(berth_str *s, berth_str prefix)
{
    if (!berth_str_starts(*s, prefix))
        return false;
    *s = berth_str_sub(*s, prefix.n, s->n);
    return true;
}

size_t berth_str_find(berth_str s, char c)
{
    const char *at = s.n == 0 ? NULL : memchr(s.p, c, s.n);

    return at == NULL ? s.n : (size_t)(at - s.p);
}

berth_str berth_str_cut(berth_str *s, char separator)
{
    size_t n = berth_str_find(*s, separator);
    berth_str head = { s->p, n };

    *s = berth_str_sub(*s, n < s->n ? n + 1 : n, s->n);
    return head;
}

berth_str berth_str_sub(berth_str s, size_t from, size_t n)
{
    if (s.n == 0)
        return s;
    if (from > s.n)
        from = s.n;
    if (n > s.n - from)
        n = s.n - from;
    return (berth_str){ s.p + from, n };
}

berth_str berth_str_trim(berth_str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = berth_str_sub(s, 1, s.n);
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

berth_err berth_str_to_u64(berth_str s, uint64_t *out)
{
    uint64_t v = 0;

    if (s.n == 0)
        return BERTH_E_SYNTAX;
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_digit(s.p[i]))
            return BERTH_E_SYNTAX;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(s.p[i] - '0');
        if (v > (UINT64_MAX - digit) / 10)
            return BERTH_E_RANGE;
        v = v * 10 + digit;
    }
    *out = v;
    return BERTH_OK;
}

berth_err berth_str_to_i64(berth_str s, int64_t *out)
{
    uint64_t magnitude;
    bool negative = berth_str_skip(&s, BERTH_STR("-"));
    berth_err e = berth_str_to_u64(s, &magnitude);

    if (e != BERTH_OK)
        return e;
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return BERTH_E_RANGE;
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return BERTH_OK;
}
