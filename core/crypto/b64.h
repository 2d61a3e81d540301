/* crypto/b64.h - standard base64 with padding (RFC 4648 section 4), strict: no blanks, no missing
 * padding, no stray bits. */
#ifndef BERTH_CRYPTO_B64_H
#define BERTH_CRYPTO_B64_H

#include "berth/buf.h"
#include "berth/crypto.h"

#define BERTH_B64_SIZE(n)  (((n) + 2) / 3 * 4) /* characters for n bytes */
#define BERTH_KEY_TEXT_MAX BERTH_B64_SIZE(BERTH_KEY_MAX)

void berth_b64_put(struct berth_buf *b, const uint8_t *p, size_t n);
/* At most MAX bytes into OUT; *N is how many. BERTH_E_SYNTAX, or BERTH_E_RANGE when there are more.
 */
BERTH_MUST_USE berth_err berth_b64_decode(berth_str text, uint8_t *out, size_t max, size_t *n);

/* A symmetric key of BERTH_KEY_MIN to BERTH_KEY_MAX bytes. *OUT is zeroed on error. */
BERTH_MUST_USE berth_err berth_key_decode(berth_str text, struct berth_key *out);
void berth_key_put(struct berth_buf *b, const struct berth_key *key);

#endif
