#include "cli/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/prompt.h"
#include "cli/tell.h"
#include "crypto/b64.h"
#include "ops/file.h"

/* What reading gave, told when it is nothing. */
static int judge(const struct secret_source *s, const char *name, berth_err e, const char **from)
{
    *from = name;
    if (e == BERTH_OK)
        return EXIT_CODE_OK;
    if (e == BERTH_E_FULL)
        return tell_failure(EXIT_CODE_USAGE, "%s from %s: too long for a %s", s->what, name,
                            s->what);
    if (e == BERTH_E_NOT_FOUND)
        return tell_failure(EXIT_CODE_USAGE, "%s from %s: %s", s->what, name,
                            name == s->file ? "there is no such file" : "there is none");
    return tell_failure(EXIT_CODE_USAGE, "%s from %s: %s", s->what, name,
                        e == BERTH_E_IO ? strerror(errno) : berth_err_text(e));
}

static int copy(const struct secret_source *s, const char *name, const char *text,
                struct berth_buf *b, const char **from)
{
    berth_buf_put(b, berth_str_of(text));
    return judge(s, name, b->over ? BERTH_E_FULL : BERTH_OK, from);
}

static int read_given(const struct secret_source *s, struct berth_buf *b, const char **from)
{
    int code = copy(s, "the command line", s->given, b, from);

    memset(s->given, '*', strlen(s->given));
    tell_warning("a key on the command line can be seen by other users while this runs, and stays "
                 "in the shell's history; use %s%s%s",
                 s->option, s->variable != NULL ? " or $" : "",
                 s->variable != NULL ? s->variable : "");
    return code;
}

static int prompt(const struct secret_source *s, struct berth_buf *b, const char **from)
{
    int fd = s->from_terminal ? open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC) : STDIN_FILENO;
    berth_err e;

    (void)fprintf(stderr, "%s%s: ", s->what, s->is_text ? "" : " (base64)");
    e = fd >= 0 ? prompt_read_unseen(fd, b) : BERTH_E_IO;
    if (s->from_terminal && fd >= 0)
        (void)close(fd);
    return judge(s, "the terminal", e, from);
}

/* Somebody is there to be asked. */
static bool can_ask(const struct secret_source *s)
{
    return isatty(s->from_terminal ? STDERR_FILENO : STDIN_FILENO) == 1;
}

/* *FROM says where it came from; NULL when no way gave one. */
static int obtain(const struct secret_source *s, struct berth_buf *b, const char **from)
{
    const char *variable = s->variable != NULL ? getenv(s->variable) : NULL;

    *from = NULL;
    if (s->file != NULL && s->given != NULL)
        return tell_failure(EXIT_CODE_USAGE, "%s: the %s has been given twice", s->option, s->what);
    if (s->file != NULL && strcmp(s->file, "-") == 0)
        return judge(s, "standard input", prompt_read_line(STDIN_FILENO, b), from);
    if (s->file != NULL)
        return judge(s, s->file, file_read(s->file, b), from);
    if (s->given != NULL)
        return read_given(s, b, from);
    if (variable != NULL && variable[0] != '\0')
        return copy(s, s->variable, variable, b, from);
    if (!s->ask)
        return EXIT_CODE_OK;
    if (can_ask(s))
        return prompt(s, b, from);
    return tell_failure(EXIT_CODE_USAGE, "no %s\n  give it with %s FILE (- is standard input)%s%s",
                        s->what, s->option, s->variable != NULL ? " or $" : "",
                        s->variable != NULL ? s->variable : "");
}

static berth_str trimmed(const struct berth_buf *b)
{
    berth_str text = berth_buf_str(b);

    while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
        text.n--;
    return berth_str_trim(text);
}

static int decode(const struct secret_source *s, const char *from, berth_str text,
                  struct berth_key *key)
{
    switch (berth_key_decode(text, key)) {
    case BERTH_OK:
        return EXIT_CODE_OK;
    case BERTH_E_RANGE:
        return tell_failure(EXIT_CODE_USAGE, "%s from %s: a key has 16 to 64 bytes", s->what, from);
    default:
        return tell_failure(EXIT_CODE_USAGE,
                            "%s from %s: not base64\n  copy the key whole, with the = at its end",
                            s->what, from);
    }
}

int secret_read(const struct secret_source *s, struct berth_key *key)
{
    char text[SECRET_FILE_MAX];
    const char *from;
    struct berth_buf b;
    int code;

    *key = (struct berth_key){ 0 };
    berth_buf_init(&b, text, sizeof text);
    code = obtain(s, &b, &from);
    if (code == EXIT_CODE_OK && from != NULL)
        code = decode(s, from, trimmed(&b), key);
    explicit_bzero(text, sizeof text);
    return code;
}

int secret_read_text(const struct secret_source *s, char storage[SECRET_FILE_MAX], berth_str *text,
                     const char **from)
{
    struct berth_buf b;
    int code;

    berth_buf_init(&b, storage, SECRET_FILE_MAX);
    code = obtain(s, &b, from);
    *text = trimmed(&b);
    return code;
}
