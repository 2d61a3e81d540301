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

static int decode(const struct secret_source *s, const char *from, berth_str text,
                  struct berth_key *key)
{
    switch (berth_key_decode(berth_str_trim(text), key)) {
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

static int decode_read(const struct secret_source *s, const char *from, berth_err e,
                       struct berth_buf *b, struct berth_key *key)
{
    bool is_file = s->file != NULL && from == s->file;
    berth_str text = berth_buf_str(b);

    if (e == BERTH_E_FULL)
        return tell_failure(EXIT_CODE_USAGE, "%s from %s: too long for a key", s->what, from);
    if (e == BERTH_E_NOT_FOUND)
        return tell_failure(EXIT_CODE_USAGE, "%s from %s: %s", s->what, from,
                            is_file ? "there is no such file" : "there is none");
    if (e != BERTH_OK)
        return tell_failure(EXIT_CODE_USAGE, "%s from %s: %s", s->what, from,
                            e == BERTH_E_IO ? strerror(errno) : berth_err_text(e));
    while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
        text.n--;
    return decode(s, from, text, key);
}

static int read_given(const struct secret_source *s, struct berth_key *key)
{
    int code = decode(s, "the command line", berth_str_of(s->given), key);

    memset(s->given, '*', strlen(s->given));
    tell_warning("a key on the command line can be seen by other users while this runs, and stays "
                 "in the shell's history; use %s%s%s",
                 s->option, s->variable != NULL ? " or $" : "",
                 s->variable != NULL ? s->variable : "");
    return code;
}

static int prompt(const struct secret_source *s, struct berth_buf *b, struct berth_key *key)
{
    int fd = s->from_terminal ? open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC) : STDIN_FILENO;
    berth_err e;

    (void)fprintf(stderr, "%s (base64): ", s->what);
    e = fd >= 0 ? prompt_read_unseen(fd, b) : BERTH_E_IO;
    if (s->from_terminal && fd >= 0)
        (void)close(fd);
    return decode_read(s, "the terminal", e, b, key);
}

/* Somebody is there to be asked. */
static bool can_ask(const struct secret_source *s)
{
    return isatty(s->from_terminal ? STDERR_FILENO : STDIN_FILENO) == 1;
}

static int read_into(const struct secret_source *s, struct berth_buf *b, struct berth_key *key)
{
    const char *variable = s->variable != NULL ? getenv(s->variable) : NULL;

    if (s->file != NULL && s->given != NULL)
        return tell_failure(EXIT_CODE_USAGE, "%s: the %s has been given twice", s->option, s->what);
    if (s->file != NULL && strcmp(s->file, "-") == 0)
        return decode_read(s, "standard input", prompt_read_line(STDIN_FILENO, b), b, key);
    if (s->file != NULL)
        return decode_read(s, s->file, file_read(s->file, b), b, key);
    if (s->given != NULL)
        return read_given(s, key);
    if (variable != NULL && variable[0] != '\0')
        return decode(s, s->variable, berth_str_of(variable), key);
    if (!s->ask)
        return EXIT_CODE_OK;
    if (can_ask(s))
        return prompt(s, b, key);
    return tell_failure(EXIT_CODE_USAGE, "no %s\n  give it with %s FILE (- is standard input)%s%s",
                        s->what, s->option, s->variable != NULL ? " or $" : "",
                        s->variable != NULL ? s->variable : "");
}

int secret_read(const struct secret_source *s, struct berth_key *key)
{
    char text[SECRET_FILE_MAX];
    struct berth_buf b;
    int code;

    *key = (struct berth_key){ 0 };
    berth_buf_init(&b, text, sizeof text);
    code = read_into(s, &b, key);
    explicit_bzero(text, sizeof text);
    return code;
}
