#include "cli/confirm.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/tell.h"

int confirm(const char *action, const char *what, bool yes)
{
    char answer[16] = "";

    if (yes)
        return EXIT_CODE_OK;
    if (isatty(STDIN_FILENO) != 1)
        return tell_failure(EXIT_CODE_USAGE,
                            "%s %s: there is no terminal to ask on\n  give --yes to %s it unasked",
                            action, what, action);
    (void)fprintf(stderr, "%s %s? [y/N] ", action, what);
    if (fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
        return EXIT_CODE_OK;
    return tell_failure(EXIT_CODE_FAILED, "%s is left as it is", what);
}
