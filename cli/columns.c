#include "cli/columns.h"

#include <inttypes.h>
#include <string.h>

#include "base/ascii.h"
#include "base/utf8.h"
#include "berth/buf.h"
#include "cli/tell.h"

#define SHOWN_MAX 800 /* bytes of the names of columns in a message */
#define NONE      BERTH_CSV_FIELDS_MAX

berth_str columns_simplify(berth_str name, char out[COLUMNS_NAME_MAX])
{
    size_t n = 0;

    if (name.n > COLUMNS_NAME_MAX)
        return (berth_str){ out, 0 };
    for (size_t i = 0; i < name.n; i++)
        if (ascii_is_alnum(name.p[i]) || ((unsigned char)name.p[i] & 0x80) != 0)
            out[n++] = ascii_lower(name.p[i]);
    return (berth_str){ out, n };
}

static bool is_known(const struct column *c, berth_str name)
{
    char text[COLUMNS_NAME_MAX];
    berth_str simple = columns_simplify(name, text);

    for (size_t i = 0; c->names[i] != NULL; i++)
        if (berth_str_eq(simple, berth_str_of(c->names[i])))
            return true;
    return false;
}

/* "serial, mac, note" */
static berth_str names_of(const struct berth_csv_row *row, char out[SHOWN_MAX])
{
    struct berth_buf b;

    berth_buf_init(&b, out, SHOWN_MAX);
    for (size_t i = 0; i < row->count && !b.over; i++) {
        berth_buf_put(&b, i > 0 ? BERTH_STR(", ") : BERTH_STR(""));
        berth_buf_put(&b, berth_utf8_cut(berth_str_trim(row->fields[i]), COLUMNS_NAME_MAX));
    }
    return berth_buf_str(&b);
}

static bool is_number(const char *given)
{
    return given[strspn(given, "0123456789")] == '\0';
}

static int find_by_number(struct column *c, const struct berth_csv_row *first, const char *file)
{
    char shown[SHOWN_MAX];
    uint64_t number = 0;

    if (berth_str_to_u64(berth_str_of(c->given), &number) != BERTH_OK || number < 1 ||
        number > BERTH_CSV_FIELDS_MAX)
        return tell_failure(EXIT_CODE_USAGE, "%s %.64s: %s has columns 1 to 1024 at most",
                            c->option, c->given, file);
    if (number > first->count)
        return tell_failure(
            EXIT_CODE_USAGE,
            "%s %.64s: there is no column %" PRIu64 ", %s has %zu\n  its first row is: %.*s",
            c->option, c->given, number, file, first->count, BERTH_STR_ARG(names_of(first, shown)));
    c->at = (size_t)number - 1;
    return EXIT_CODE_OK;
}

/* C->at is NONE when no name is its own; more than one is a failure. */
static int find_by_name(struct column *c, const struct berth_csv_row *first, const char *file)
{
    char shown[SHOWN_MAX];

    c->at = NONE;
    for (size_t i = 0; i < first->count; i++) {
        berth_str name = berth_str_trim(first->fields[i]);

        if (c->given != NULL ? !berth_str_ieq(name, berth_str_of(c->given)) : !is_known(c, name))
            continue;
        if (c->at != NONE)
            return tell_failure(EXIT_CODE_USAGE,
                                "%s: columns %zu and %zu may both be the %s: %.*s\n  say which "
                                "with %s NUMBER",
                                file, c->at + 1, i + 1, c->what,
                                BERTH_STR_ARG(names_of(first, shown)), c->option);
        c->at = i;
    }
    if (c->at != NONE || c->given == NULL)
        return EXIT_CODE_OK;
    return tell_failure(EXIT_CODE_USAGE,
                        "%s has no column \"%.64s\"\n  its first row is: %.*s\n  a column can be "
                        "given by its number too",
                        file, c->given, BERTH_STR_ARG(names_of(first, shown)));
}

static int find_one(struct column *c, const struct berth_csv_row *first, const char *file,
                    enum columns_header header, bool *is_header)
{
    int code;

    if (c->given != NULL && is_number(c->given)) {
        code = find_by_number(c, first, file);
        if (code == EXIT_CODE_OK && is_known(c, first->fields[c->at]))
            *is_header = true;
        return code;
    }
    if (header == COLUMNS_NO_HEADER && c->given != NULL)
        return tell_failure(EXIT_CODE_USAGE,
                            "%s %.64s: with --no-header a column is given by its number", c->option,
                            c->given);
    c->at = NONE;
    if (header == COLUMNS_NO_HEADER)
        return EXIT_CODE_OK;
    code = find_by_name(c, first, file);
    *is_header |= code == EXIT_CODE_OK && c->at != NONE;
    return code;
}

int columns_find(struct column *columns, size_t count, const struct berth_csv_row *first,
                 const char *file, enum columns_header header, bool *is_header)
{
    struct column *missing = NULL;
    char shown[SHOWN_MAX];
    size_t wanted = 0;

    *is_header = false;
    for (size_t i = 0; i < count; i++) {
        int code;

        if (!columns[i].wanted)
            continue;
        code = find_one(&columns[i], first, file, header, is_header);
        if (code != EXIT_CODE_OK)
            return code;
        wanted++;
        if (columns[i].at == NONE)
            missing = &columns[i];
    }
    if (header != COLUMNS_LOOK)
        *is_header = header == COLUMNS_HEADER;
    if (missing == NULL)
        return EXIT_CODE_OK;
    /* One value is wanted and one is there. */
    if (wanted == 1 && first->count == 1) {
        missing->at = 0;
        return EXIT_CODE_OK;
    }
    return tell_failure(EXIT_CODE_USAGE,
                        "%s: which column is the %s?\n  its first row is: %.*s\n  say it with %s "
                        "NAME or NUMBER",
                        file, missing->what, BERTH_STR_ARG(names_of(first, shown)),
                        missing->option);
}

berth_str columns_field(const struct column *c, const struct berth_csv_row *row)
{
    return c->at < row->count ? berth_str_trim(row->fields[c->at]) : (berth_str){ "", 0 };
}
