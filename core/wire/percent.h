/* wire/percent.h - percent coding (RFC 3986). '+' is never a blank. */
#ifndef BERTH_WIRE_PERCENT_H
#define BERTH_WIRE_PERCENT_H

#include "berth/buf.h"

/* Encodes all but letters, digits, '-' '.' '_' '~', with upper-case hex. */
void berth_percent_put(struct berth_buf *b, berth_str s);
/* Appends the decoded form. BERTH_E_SYNTAX for a broken escape, BERTH_E_FULL. Decodes once; NUL, as
 * it is or as %00, is BERTH_E_SYNTAX. */
BERTH_MUST_USE berth_err berth_percent_decode(berth_str s, struct berth_buf *out);
/* Whether S decoded equals PLAIN, without regard to ASCII case. False for a broken escape. */
bool berth_percent_ieq(berth_str s, berth_str plain);

#endif
