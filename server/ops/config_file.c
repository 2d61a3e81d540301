#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <ini.h>

#include "ops/config_table.h"

#define SECTION  "berth"
#define KEYS_MAX 64 /* rows of the table that SEEN has room for */

/* inih tells neither its handler nor its reader the line, but asks the reader once for each. */
struct reading {
    struct config *c;
    FILE *file;
    int line;
    int bad_line; /* of the first problem, 0: none */
    char problem[512];
    const struct config_row *seen[KEYS_MAX];
    size_t seen_count;
};

static int complain(struct reading *r, const char *words)
{
    if (r->bad_line == 0) {
        r->bad_line = r->line;
        (void)snprintf(r->problem, sizeof r->problem, "%s", words);
    }
    return 0;
}

/* The place of fgets. A line that does not fit is a problem: inih would take its rest for another
 * line. */
static char *read_line(char *out, int size, void *stream)
{
    struct reading *r = stream;
    size_t n;

    if (fgets(out, size, r->file) == NULL)
        return NULL;
    r->line++;
    n = strlen(out);
    if (n + 1 == (size_t)size && out[n - 1] != '\n') {
        (void)complain(r, "longer than 198 bytes; give it in the environment or as an option");
        out[0] = '\0';
    }
    return out;
}

static bool seen(const struct reading *r, const struct config_row *row)
{
    for (size_t i = 0; i < r->seen_count; i++)
        if (r->seen[i] == row)
            return true;
    return false;
}

static bool is_list(const struct config_row *row)
{
    return row->kind == CONFIG_NAMES || row->kind == CONFIG_ADDRESSES;
}

static int take_pair(void *user, const char *section, const char *key, const char *value)
{
    struct reading *r = user;
    const struct config_row *row = config_row(key);
    bool again = row != NULL && seen(r, row);
    char words[400];

    if (section[0] != '\0' && strcmp(section, SECTION) != 0)
        return complain(r, "unknown section; keys stand in [" SECTION "]");
    if (row == NULL) {
        berth_err e = config_set(r->c, key, value, words, sizeof words);

        return e == BERTH_OK ? 1 : complain(r, words);
    }
    if (again && !is_list(row))
        return complain(r, "given twice (or an indented line, which goes on with the one above)");
    if (config_apply(r->c, row, value, again, words, sizeof words) != BERTH_OK)
        return complain(r, words);
    if (!again && r->seen_count < KEYS_MAX)
        r->seen[r->seen_count++] = row;
    return 1;
}

static berth_err complain_file(const char *path, char *problem, size_t problem_size)
{
    berth_err e = errno == ENOENT ? BERTH_E_NOT_FOUND : BERTH_E_IO;

    (void)snprintf(problem, problem_size, "%s: %s", path, strerror(errno));
    return e;
}

berth_err config_read_file(struct config *c, const char *path, char *problem, size_t problem_size)
{
    struct config draft = *c;
    struct reading r = { .c = &draft, .file = fopen(path, "re") };
    bool unread;
    int bad;

    if (r.file == NULL)
        return complain_file(path, problem, problem_size);
    bad = ini_parse_stream(read_line, &r, take_pair, &r);
    unread = ferror(r.file) != 0;
    if (unread)
        (void)complain_file(path, problem, problem_size);
    (void)fclose(r.file);
    if (unread)
        return BERTH_E_IO;
    /* inih's own complaint, a line without '=' or ']', may come before the first of ours. */
    if (bad > 0 && (r.bad_line == 0 || bad < r.bad_line)) {
        r.bad_line = bad;
        (void)snprintf(r.problem, sizeof r.problem, "neither \"key = value\" nor a section");
    }
    if (r.bad_line == 0) {
        *c = draft;
        return BERTH_OK;
    }
    (void)snprintf(problem, problem_size, "%s:%d: %s", path, r.bad_line, r.problem);
    return BERTH_E_SYNTAX;
}
