/* base/utf8.h - characters in bytes that claim to be UTF-8 (RFC 3629). */
#ifndef BERTH_BASE_UTF8_H
#define BERTH_BASE_UTF8_H

#include "berth/str.h"

/* Size of the character that S begins with; 0 when it is none, or S is empty. */
size_t berth_utf8_size(berth_str s);
/* Whether all of S is characters. */
bool berth_utf8_is_valid(berth_str s);
/* At most MAX bytes of S, never ending within a character. */
berth_str berth_utf8_cut(berth_str s, size_t max);
/* What JSON does not escape and no terminal should be shown: DEL and U+0080 to U+009F, which may be
 * commands; line ends U+2028 and U+2029; and those that turn the direction of what stands around
 * them (Bidi_Control of Unicode), so that a line reads as another. Size of the one that S begins
 * with and its code point; 0 when it is none. */
size_t berth_utf8_control_size(berth_str s, unsigned *code);
/* Returns what stands before the first of those in *S, and leaves in *S what stands behind it;
 * *CODE is its code point, 0 when there is none. */
berth_str berth_utf8_cut_control(berth_str *s, unsigned *code);

#endif
