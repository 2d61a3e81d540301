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
/* Of the control characters those that JSON does not escape, DEL and U+0080 to U+009F: terminals
 * take some for commands. Returns what stands before the first one in *S, and leaves in *S what
 * stands behind it; *CODE is its code point, 0 when there is none. */
berth_str berth_utf8_cut_control(berth_str *s, unsigned *code);

#endif
