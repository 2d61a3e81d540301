/* cli/prompt.h - lines that a person types, or that a pipe gives in their place. */
#ifndef CLI_PROMPT_H
#define CLI_PROMPT_H

#include "berth/buf.h"

/* One line, without its end. BERTH_E_NOT_FOUND at the end of input; byte by byte, so that nothing
 * of what follows is taken away from the next reader. BERTH_E_FULL; BERTH_E_CLOSED: a signal. */
BERTH_MUST_USE berth_err prompt_read_line(int fd, struct berth_buf *b);
/* The same from a terminal that does not show it. A signal is caught, and raised again after. */
BERTH_MUST_USE berth_err prompt_read_unseen(int fd, struct berth_buf *b);

#endif
