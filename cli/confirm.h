/* cli/confirm.h - a question before something is gone. */
#ifndef CLI_CONFIRM_H
#define CLI_CONFIRM_H

#include <stdbool.h>

/* Asks "ACTION WHAT?" on a terminal; YES answers it. EXIT_CODE_OK to go on, EXIT_CODE_USAGE when
 * nobody can be asked, EXIT_CODE_FAILED for no. */
int confirm(const char *action, const char *what, bool yes);

#endif
