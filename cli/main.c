#include <argp.h>
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/tell.h"
#include "ops/secure.h"

/* Keys pass through most verbs. Leak checkers attach to those that the variable opens to them. */
static berth_err hide(void)
{
    const char *open = getenv("BERTH_TEST_DUMPABLE");

    return secure_memory(open != NULL && strcmp(open, "1") == 0);
}

int main(int argc, char **argv)
{
    int code;

    /* write() says EFBIG instead, and whoever wrote tells it. */
    (void)signal(SIGXFSZ, SIG_IGN);
    /* For the width of characters in tables; everything else speaks plain C. */
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    argp_err_exit_status = EXIT_CODE_USAGE;
    if (hide() != BERTH_OK)
        return tell_failure(EXIT_CODE_FAILED,
                            "cannot keep other processes out of this one's memory");
    code = command_run(&command_root, argc, argv);
    /* A full disk behind a redirection shows only here. */
    if (fflush(stdout) != 0 || ferror(stdout) != 0)
        return tell_failure(EXIT_CODE_FAILED, "cannot write the output: %s", strerror(errno));
    return code;
}
