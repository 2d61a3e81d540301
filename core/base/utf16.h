/* base/utf16.h - which encoding a text file has, and UTF-16 made UTF-8 as it comes (RFC 2781). */
#ifndef BERTH_BASE_UTF16_H
#define BERTH_BASE_UTF16_H

#include "berth/buf.h"

enum berth_encoding {
    BERTH_ENCODING_UTF8, /* or any other in which ASCII is ASCII */
    BERTH_ENCODING_UTF16_LE,
    BERTH_ENCODING_UTF16_BE,
};

/* By the first bytes of a file, at least 3 unless it is shorter: its byte order mark, of *MARK
 * bytes to pass over, or, without one, a NUL beside an ASCII character. */
enum berth_encoding berth_encoding_of(berth_str start, size_t *mark);

/* Begin with it zeroed but for BIG. */
struct berth_utf16 {
    bool big;      /* the high byte of a unit first */
    bool has_odd;  /* ODD is the first byte of a unit */
    uint8_t odd;   /* the rest of it is to come */
    uint16_t high; /* a high surrogate whose low one is to come, or 0 */
};

#define BERTH_UTF16_ROOM                                                                           \
    6 /* bytes that one unit may become: U+FFFD for a high surrogate, and 3                        \
       */

/* Moves units from *IN to B as long as B has BERTH_UTF16_ROOM bytes left; a lone surrogate becomes
 * U+FFFD. */
void berth_utf16_take(struct berth_utf16 *u, berth_str *in, struct berth_buf *b);
/* Whether the text may end here: not within a character. */
bool berth_utf16_is_whole(const struct berth_utf16 *u);

#endif
