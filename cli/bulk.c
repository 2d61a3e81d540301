#include "cli/bulk.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/tell.h"

enum {
    KEY_CSV = 0x400,
    KEY_OUTPUT = 'o',
    KEY_SEPARATOR = 0x401,
    KEY_HEADER,
    KEY_NO_HEADER,
    KEY_SKIP
};

static const struct argp_option bulk_options[] = {
    { NULL, 0, NULL, 0, "Many at once:", 10 },
    { "csv", KEY_CSV, "FILE", 0,
      "read the devices from this CSV file, - for standard input: any separator, UTF-8 or UTF-16",
      0 },
    { "separator", KEY_SEPARATOR, "CHARACTER", 0,
      "comma, semicolon, tab, pipe or the character itself; else found in the first line", 0 },
    { "header", KEY_HEADER, NULL, 0, "the first row holds names", 0 },
    { "no-header", KEY_NO_HEADER, NULL, 0, "the first row is a device; else found out", 0 },
    { "output-file", KEY_OUTPUT, "FILE", 0,
      "write to this file: it is there whole or not at all; else to standard output", 0 },
    { "skip-bad-lines", KEY_SKIP, NULL, 0, "tell bad lines, do the others, and exit with 0", 0 },
    { 0 },
};

static char take_separator(struct argp_state *state, const char *arg)
{
    static const struct {
        const char *name;
        char c;
    } names[] = {
        { "comma", ',' }, { "semicolon", ';' }, { "tab", '\t' }, { "\\t", '\t' }, { "pipe", '|' }
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(arg, names[i].name) == 0)
            return names[i].c;
    if (strlen(arg) != 1 || strchr("\"\r\n", arg[0]) != NULL)
        argp_error(state, "--separator %s: comma, semicolon, tab, pipe or one character", arg);
    return arg[0];
}

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct bulk_options *o = state->input;

    switch (key) {
    case KEY_CSV:
        o->csv = arg;
        return 0;
    case KEY_SEPARATOR:
        o->separator = take_separator(state, arg);
        break;
    case KEY_HEADER:
        o->header = COLUMNS_HEADER;
        break;
    case KEY_NO_HEADER:
        o->header = COLUMNS_NO_HEADER;
        break;
    case KEY_OUTPUT:
        o->output = arg;
        break;
    case KEY_SKIP:
        o->skip_bad = true;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    o->any = true;
    return 0;
}

const struct argp bulk_argp = { .options = bulk_options, .parser = take };

void bulk_check(struct argp_state *state, const struct bulk_options *o)
{
    if (o->csv != NULL && o->list != NULL)
        argp_error(state, "only one of --csv and --list can be given");
    if (o->any && o->csv == NULL && o->list == NULL)
        argp_error(state, "--output-file, --separator, --header, --no-header and --skip-bad-lines "
                          "are for many devices: --csv FILE is missing");
    if (o->list != NULL && (o->separator != '\0' || o->header != COLUMNS_LOOK))
        argp_error(state, "a list has one value a line, no columns: use --csv");
}

int bulk_begin(struct bulk *b, const struct bulk_options *o, mode_t mode)
{
    const char *path = o->list != NULL ? o->list : o->csv;
    int code;

    b->options = o;
    b->good = b->bad = b->fatal = b->told = 0;
    b->sink.open = false;
    b->progress = (struct progress){ 0 };
    code = rows_open(&b->rows, path, o->list != NULL, o->separator);
    if (code == EXIT_CODE_OK)
        code = sink_open(&b->sink, o->output, mode, &b->rows.stat);
    if (code == EXIT_CODE_OK)
        progress_begin(&b->progress, rows_size(&b->rows),
                       b->sink.path == NULL && isatty(STDOUT_FILENO) == 1);
    return code;
}

__attribute__((format(printf, 2, 0))) static void tell_line(struct bulk *b, const char *format,
                                                            va_list args)
{
    char text[1024];

    if (b->told++ >= BULK_TOLD_MAX)
        return;
    progress_clear(&b->progress);
    (void)vsnprintf(text, sizeof text, format, args);
    if (b->rows.row.line == 0)
        (void)tell_failure(EXIT_CODE_FAILED, "%s: %s", b->rows.name, text);
    else
        (void)tell_failure(EXIT_CODE_FAILED, "%s, line %" PRIu64 ": %s", b->rows.name,
                           b->rows.row.line, text);
}

void bulk_bad(struct bulk *b, const char *format, ...)
{
    va_list args;

    b->bad++;
    va_start(args, format);
    tell_line(b, format, args);
    va_end(args);
}

void bulk_fatal(struct bulk *b, const char *format, ...)
{
    va_list args;

    b->fatal++;
    va_start(args, format);
    tell_line(b, format, args);
    va_end(args);
}

bool bulk_next(struct bulk *b)
{
    for (;;) {
        uint64_t before = b->rows.done;
        const char *why = "";
        enum rows_found found = rows_next(&b->rows, &why);

        if (b->rows.done != before)
            progress_at(&b->progress, b->rows.done, b->good);
        if (b->sink.failure != 0)
            return false; /* a full disk: bulk_end tells */
        switch (found) {
        case ROWS_ROW:
            return true;
        case ROWS_BAD:
            bulk_bad(b, "%s", why);
            continue;
        case ROWS_FAILED:
            bulk_fatal(b, "%s", why);
            return false;
        case ROWS_END:
            return false;
        }
    }
}

int bulk_columns(struct bulk *b, struct column *columns, size_t count, bool *has_row)
{
    bool is_header;
    int code;

    *has_row = bulk_next(b);
    if (!*has_row)
        return EXIT_CODE_OK;
    code = columns_find(columns, count, &b->rows.row, b->rows.name, b->options->header, &is_header);
    if (code == EXIT_CODE_OK && is_header)
        *has_row = bulk_next(b);
    return code;
}

static void tell_sum(const struct bulk *b)
{
    const char *written = b->sink.path == NULL ? "the others are written"
                          : b->fatal > 0       ? "nothing is written"
                                               : "nothing is written\n  --skip-bad-lines writes "
                                                 "the others";

    if (b->told > BULK_TOLD_MAX)
        (void)tell_failure(EXIT_CODE_FAILED, "and %" PRIu64 " more lines", b->told - BULK_TOLD_MAX);
    if (b->options->skip_bad && b->fatal == 0)
        tell_warning("bad lines passed over: %" PRIu64 ", devices done: %" PRIu64, b->bad, b->good);
    else
        (void)tell_failure(EXIT_CODE_FAILED,
                           "lines refused: %" PRIu64 ", good ones: %" PRIu64 "; %s",
                           b->bad + b->fatal, b->good, written);
}

int bulk_end(struct bulk *b, int code)
{
    bool refused = b->fatal > 0 || (b->bad > 0 && !b->options->skip_bad);
    bool written;

    progress_clear(&b->progress);
    if (code == EXIT_CODE_OK && (b->bad > 0 || b->fatal > 0))
        tell_sum(b);
    if (code == EXIT_CODE_OK && !refused && b->good == 0 && b->bad == 0)
        tell_warning("%s has no devices", b->rows.name);
    rows_close(&b->rows);
    /* On standard output the good rows before a bad one are out already: the rest follows them. */
    written = b->sink.open && code == EXIT_CODE_OK && (!refused || b->sink.path == NULL);
    if (written)
        code = sink_commit(&b->sink);
    sink_abandon(&b->sink);
    return code == EXIT_CODE_OK && refused ? EXIT_CODE_FAILED : code;
}
