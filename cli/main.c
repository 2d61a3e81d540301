#include <argp.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/tell.h"

int main(int argc, char **argv)
{
    int code;

    /* For the width of characters in tables; everything else speaks plain C. */
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    argp_err_exit_status = EXIT_CODE_USAGE;
    code = command_run(&command_root, argc, argv);
    /* A full disk behind a redirection shows only here. */
    if (fflush(stdout) != 0 || ferror(stdout) != 0)
        return tell_failure(EXIT_CODE_FAILED, "cannot write the output: %s", strerror(errno));
    return code;
}
