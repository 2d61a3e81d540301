#include "cli/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/tell.h"

/* At most MAX bytes into P; *N is 0 at the end. */
static berth_err read_some(struct rows *r, char *p, size_t max, size_t *n)
{
    for (;;) {
        ssize_t got = read(r->fd, p, max);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return BERTH_E_IO;
        *n = (size_t)got;
        r->done += *n;
        return BERTH_OK;
    }
}

static berth_err read_utf16(struct rows *r)
{
    struct berth_buf b = { .p = r->window, .n = r->end, .max = sizeof r->window };
    /* So many that all of them fit: three bytes a unit, and what one before it may leave. */
    size_t room = (b.max - b.n - BERTH_UTF16_ROOM) / 3 * 2, n = 0;
    berth_err e = read_some(r, r->raw, room < sizeof r->raw ? room : sizeof r->raw, &n);
    berth_str in = { r->raw, n };

    if (e != BERTH_OK)
        return e;
    r->last = n == 0;
    if (r->last && !berth_utf16_is_whole(&r->utf16))
        return BERTH_E_SYNTAX;
    berth_utf16_take(&r->utf16, &in, &b);
    r->end = b.n;
    return BERTH_OK;
}

/* More behind what waits, which moves to the front. */
static berth_err fill(struct rows *r)
{
    size_t n = 0;
    berth_err e;

    memmove(r->window, r->window + r->start, r->end - r->start);
    r->end -= r->start;
    r->start = 0;
    if (r->encoding != BERTH_ENCODING_UTF8)
        return read_utf16(r);
    e = read_some(r, r->window + r->end, sizeof r->window - r->end, &n);
    r->last = e == BERTH_OK && n == 0;
    r->end += n;
    return e;
}

/* The first bytes decide the encoding; those that came with them are UTF-8, or decoded now. */
static berth_err begin(struct rows *r)
{
    struct berth_buf b = { .p = r->window, .max = sizeof r->window };
    size_t n = 0, got = 0, mark;
    berth_str in;
    berth_err e = BERTH_OK;

    do {
        e = read_some(r, r->raw + n, sizeof r->raw - n, &got);
        n += got;
    } while (e == BERTH_OK && got > 0 && n < 3);
    if (e != BERTH_OK)
        return e;
    in = (berth_str){ r->raw, n };
    r->encoding = berth_encoding_of(in, &mark);
    in = berth_str_sub(in, mark, n);
    r->utf16.big = r->encoding == BERTH_ENCODING_UTF16_BE;
    if (r->encoding == BERTH_ENCODING_UTF8)
        berth_buf_put(&b, in);
    else
        berth_utf16_take(&r->utf16, &in, &b);
    r->end = b.n;
    return BERTH_OK;
}

/* The separator is looked for in the first line: it must be there whole. */
static berth_err fill_first_line(struct rows *r)
{
    while (!r->last && r->end < BERTH_CSV_ROW_MAX &&
           berth_str_find((berth_str){ r->window, r->end }, '\n') == r->end) {
        berth_err e = fill(r);

        if (e != BERTH_OK)
            return e;
    }
    return BERTH_OK;
}

static int open_input(struct rows *r, const char *path)
{
    if (strcmp(path, "-") == 0) {
        r->fd = STDIN_FILENO;
        r->name = "standard input";
    } else {
        r->fd = open(path, O_RDONLY | O_CLOEXEC);
        r->opened = r->fd >= 0;
        r->name = path;
    }
    if (r->fd < 0 || fstat(r->fd, &r->stat) != 0)
        return tell_failure(EXIT_CODE_USAGE, "%s: %s", path,
                            errno == ENOENT ? "there is no such file" : strerror(errno));
    if (S_ISDIR(r->stat.st_mode))
        return tell_failure(EXIT_CODE_USAGE, "%s is a directory", path);
    return EXIT_CODE_OK;
}

static const char *why_not_read(berth_err e)
{
    return e == BERTH_E_SYNTAX ? "it ends within a character of UTF-16\n  was it copied whole?"
                               : strerror(errno);
}

int rows_open(struct rows *r, const char *path, bool list, char separator)
{
    berth_err e;
    int code;

    memset(r, 0, offsetof(struct rows, row));
    r->list = list;
    code = open_input(r, path);
    if (code != EXIT_CODE_OK)
        return code;
    e = begin(r);
    if (e == BERTH_OK)
        e = fill_first_line(r);
    if (e != BERTH_OK)
        return tell_failure(EXIT_CODE_FAILED, "cannot read %s: %s", r->name, why_not_read(e));
    if (list)
        r->csv = (struct berth_csv){ .line = 1 };
    else
        r->start = berth_csv_begin(&r->csv, (berth_str){ r->window, r->end }, separator);
    return EXIT_CODE_OK;
}

/* As berth_csv_next, for a line that is one value. */
static berth_err next_line(struct rows *r, size_t *used)
{
    berth_str rest = { r->window + r->start, r->end - r->start };
    size_t n = berth_str_find(rest, '\n');

    *used = 0;
    r->row.line = r->csv.line;
    if (n > BERTH_CSV_ROW_MAX)
        return BERTH_E_FULL;
    if (n == rest.n && (!r->last || n == 0))
        return BERTH_E_NOT_FOUND;
    *used = n < rest.n ? n + 1 : n;
    r->csv.line++;
    rest.n = n > 0 && rest.p[n - 1] == '\r' ? n - 1 : n;
    r->row.fields[0] = rest;
    r->row.count = 1;
    return BERTH_OK;
}

static bool is_blank(const struct berth_csv_row *row)
{
    for (size_t i = 0; i < row->count; i++)
        if (berth_str_trim(row->fields[i]).n > 0)
            return false;
    return true;
}

static enum rows_found judge(struct rows *r, berth_err e, const char **why)
{
    switch (e) {
    case BERTH_OK:
        return ROWS_ROW;
    case BERTH_E_SYNTAX:
        *why = "text after a closing quote\n  a quote within quotes is written twice";
        return ROWS_BAD;
    case BERTH_E_RANGE:
        *why = "more than 1024 columns\n  is this the separator? --separator says which";
        return ROWS_BAD;
    default:
        *why = r->list ? "longer than 64 KiB\n  a list has one ID a line"
                       : "a row longer than 64 KiB, or a quote that is never closed\n  look for a "
                         "lone \" in this line";
        return ROWS_FAILED;
    }
}

enum rows_found rows_next(struct rows *r, const char **why)
{
    for (;;) {
        size_t used;
        berth_err e = r->list ? next_line(r, &used)
                              : berth_csv_next(&r->csv, r->window + r->start, r->end - r->start,
                                               r->last, &used, &r->row);

        r->start += used;
        if (e == BERTH_OK && is_blank(&r->row))
            continue;
        if (e != BERTH_E_NOT_FOUND)
            return judge(r, e, why);
        if (r->last)
            return ROWS_END;
        e = fill(r);
        if (e != BERTH_OK) {
            *why = why_not_read(e);
            r->row.line = 0;
            return ROWS_FAILED;
        }
    }
}

uint64_t rows_size(const struct rows *r)
{
    return S_ISREG(r->stat.st_mode) ? (uint64_t)r->stat.st_size : 0;
}

void rows_close(struct rows *r)
{
    if (r->opened)
        (void)close(r->fd);
    r->opened = false;
}
