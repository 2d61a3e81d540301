/* berth/buf.h - text written into storage of the caller, with a maximum. Overflow is remembered, so
 * a message is built without looking at each step and judged once at the end. */
#ifndef BERTH_BUF_H
#define BERTH_BUF_H

#include "berth/str.h"

#ifdef __cplusplus
extern "C" {
#endif

struct berth_buf {
    char *p;
    size_t n;
    size_t max;
    bool over; /* something did not fit; the content is a prefix and must not be used */
};

/* STORAGE of SIZE bytes is borrowed until the last use of B. */
void berth_buf_init(struct berth_buf *b, void *storage, size_t size);
void berth_buf_reset(struct berth_buf *b);

/* Appends all of S or, when it does not fit, nothing, and sets B->over. */
void berth_buf_put(struct berth_buf *b, berth_str s);
void berth_buf_put_char(struct berth_buf *b, char c);
void berth_buf_put_u64(struct berth_buf *b, uint64_t v);
void berth_buf_put_i64(struct berth_buf *b, int64_t v);
/* V as exactly DIGITS lower-case hex digits (1 to 16). */
void berth_buf_put_hex(struct berth_buf *b, uint64_t v, unsigned digits);

/* What was written so far. */
berth_str berth_buf_str(const struct berth_buf *b);
/* BERTH_OK with *OUT the whole text, or BERTH_E_FULL. */
BERTH_MUST_USE berth_err berth_buf_done(const struct berth_buf *b, berth_str *out);

#ifdef __cplusplus
}
#endif

#endif
