#include "cli/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/prompt.h"
#include "cli/tell.h"
#include "ops/file.h"

static void start(struct passphrase *p)
{
    berth_buf_init(&p->text, p->bytes, sizeof p->bytes);
}

/* A file's last line feed is not the passphrase's. */
static void trim(struct passphrase *p)
{
    if (p->text.n > 0 && p->text.p[p->text.n - 1] == '\n')
        p->text.n--;
    if (p->text.n > 0 && p->text.p[p->text.n - 1] == '\r')
        p->text.n--;
}

static int judge(const struct passphrase *p, bool is_new)
{
    if (p->text.over || p->text.n > PASSPHRASE_MAX)
        return tell_failure(EXIT_CODE_USAGE, "the passphrase is longer than %d bytes",
                            PASSPHRASE_MAX);
    if (memchr(p->text.p, '\n', p->text.n) != NULL)
        return tell_failure(EXIT_CODE_USAGE, "the passphrase has more than one line\n  give a file "
                                             "that holds the passphrase alone");
    if (p->text.n == 0)
        return tell_failure(EXIT_CODE_USAGE, "the passphrase is empty");
    if (is_new && p->text.n < PASSPHRASE_MIN)
        return tell_failure(EXIT_CODE_USAGE,
                            "the passphrase is too short: whoever has the file may try millions\n"
                            "  take %d characters at the least; several words are better",
                            PASSPHRASE_MIN);
    return EXIT_CODE_OK;
}

static int say(const char *from, berth_err e)
{
    return tell_failure(EXIT_CODE_USAGE, "the passphrase from %s: %s", from,
                        e == BERTH_E_NOT_FOUND ? "there is none"
                        : e == BERTH_E_IO      ? strerror(errno)
                                               : berth_err_text(e));
}

static int read_file(struct passphrase *p, const char *file)
{
    bool is_stdin = strcmp(file, "-") == 0;
    struct stat st;
    berth_err e = is_stdin ? prompt_read_line(STDIN_FILENO, &p->text) : file_read(file, &p->text);

    if (e == BERTH_E_NOT_FOUND && !is_stdin)
        return tell_failure(EXIT_CODE_USAGE, "%s: no such file", file);
    if (e != BERTH_OK && e != BERTH_E_FULL)
        return say(is_stdin ? "standard input" : file, e);
    if (!is_stdin && stat(file, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 007) != 0)
        tell_warning("others may read the passphrase in %s; take that from them: chmod 600 %s",
                     file, file);
    trim(p);
    return EXIT_CODE_OK;
}

static int ask(struct passphrase *p, const char *what)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    berth_err e;

    if (fd < 0)
        return say("the terminal", BERTH_E_IO);
    start(p);
    (void)fprintf(stderr, "%s: ", what);
    e = prompt_read_unseen(fd, &p->text);
    (void)close(fd);
    return e == BERTH_OK || e == BERTH_E_NOT_FOUND || e == BERTH_E_FULL ? EXIT_CODE_OK
                                                                        : say("the terminal", e);
}

static int ask_again(const struct passphrase *p)
{
    struct passphrase again;
    int code = ask(&again, "the same again");

    if (code == EXIT_CODE_OK && !berth_str_eq(berth_buf_str(&again.text), berth_buf_str(&p->text)))
        code = tell_failure(EXIT_CODE_USAGE, "the two passphrases differ");
    passphrase_wipe(&again);
    return code;
}

int passphrase_read(struct passphrase *p, const char *file, bool is_new)
{
    int code;

    start(p);
    if (file == NULL && isatty(STDERR_FILENO) != 1)
        return tell_failure(EXIT_CODE_USAGE, "no passphrase\n  give it with --passphrase-file FILE "
                                             "(- is standard input)");
    code = file != NULL ? read_file(p, file) : ask(p, "passphrase of the backup");
    if (code == EXIT_CODE_OK)
        code = judge(p, is_new);
    if (code == EXIT_CODE_OK && file == NULL && is_new)
        code = ask_again(p);
    return code;
}

void passphrase_wipe(struct passphrase *p)
{
    explicit_bzero(p, sizeof *p);
}
