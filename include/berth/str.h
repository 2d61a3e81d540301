/* berth/str.h - a borrowed, read-only run of bytes, and the few ways to take it apart. */
#ifndef BERTH_STR_H
#define BERTH_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "berth/err.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Not NUL-terminated. Valid as long as what it was cut from. n == 0 means empty; p == NULL, which
 * goes with n == 0 alone, absent. */
typedef struct berth_str {
    const char *p;
    size_t n;
} berth_str;

#define BERTH_STR(literal) ((berth_str){ "" literal, sizeof(literal) - 1 })
/* For static initialisers. */
#define BERTH_STR_INIT(literal)                                                                    \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
#define BERTH_STR_ARG(s) (int)(s).n, (s).p /* for "%.*s" */

/* TEXT up to its NUL; NULL gives the absent string. */
berth_str berth_str_of(const char *text);

bool berth_str_eq(berth_str a, berth_str b);
/* Without regard to ASCII case. */
bool berth_str_ieq(berth_str a, berth_str b);
/* memcmp order, shorter first. */
int berth_str_cmp(berth_str a, berth_str b);

bool berth_str_starts(berth_str s, berth_str prefix);
bool berth_str_ends(berth_str s, berth_str suffix);

/* When *S starts with PREFIX, moves past it and returns true; else leaves *S alone. */
bool berth_str_skip(berth_str *s, berth_str prefix);
/* Returns what stands before the first SEPARATOR and leaves in *S what stands after it; without a
 * separator returns all and leaves *S empty. */
berth_str berth_str_cut(berth_str *s, char separator);
/* Index of the first C, or S.n. */
size_t berth_str_find(berth_str s, char c);
/* Bytes [FROM, FROM+N), both clamped to S. */
berth_str berth_str_sub(berth_str s, size_t from, size_t n);
/* Without leading and trailing blanks and tabs. */
berth_str berth_str_trim(berth_str s);

/* Decimal digits only, the whole of S, no sign but '-' for i64. BERTH_E_SYNTAX for other bytes or
 * an empty string, BERTH_E_RANGE when it does not fit; *OUT is untouched on error. */
BERTH_MUST_USE berth_err berth_str_to_i64(berth_str s, int64_t *out);
BERTH_MUST_USE berth_err berth_str_to_u64(berth_str s, uint64_t *out);

#ifdef __cplusplus
}
#endif

#endif
