#include "wire/csv.h"

#include <string.h>

/* A row being read: where, and what has been seen. */
struct reading {
    char *p;
    size_t n, at;
    char separator;
    bool last;
    bool doubled; /* a quoted field has doubled quotes */
    uint64_t line_ends;
};

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

static size_t line_size(berth_str text)
{
    size_t n = 0;

    while (n < text.n && !is_line_end(text.p[n]))
        n++;
    return n;
}

/* How many of C the line has outside quotes. */
static size_t count(berth_str line, char c)
{
    bool quoted = false;
    size_t found = 0;

    for (size_t i = 0; i < line.n; i++) {
        if (line.p[i] == '"')
            quoted = !quoted;
        else if (!quoted && line.p[i] == c)
            found++;
    }
    return found;
}

static char guess(berth_str line)
{
    static const char candidates[] = { '\t', ';', ',', '|' };
    size_t most = 0;
    char best = ',';

    for (size_t i = 0; i < sizeof candidates; i++) {
        size_t n = count(line, candidates[i]);

        if (n > most) {
            most = n;
            best = candidates[i];
        }
    }
    return best;
}

size_t berth_csv_begin(struct berth_csv *c, berth_str text, char separator)
{
    berth_str line = berth_str_sub(text, 0, line_size(text)), rest = line;
    bool named = berth_str_skip(&rest, BERTH_STR("sep=")) && rest.n == 1 && rest.p[0] != '"';
    size_t passed = 0;

    *c = (struct berth_csv){ .separator = separator, .line = 1 };
    if (named) {
        c->separator = separator != '\0' ? separator : rest.p[0];
        passed = line.n < text.n ? line.n + 1 : line.n;
        c->after_cr = line.n < text.n && text.p[line.n] == '\r';
        c->line = 2;
    }
    if (c->separator == '\0')
        c->separator = guess(line);
    return passed;
}

/* Past a quoted field, which begins at R->at; its text without the quotes. */
static berth_err take_quoted(struct reading *r, berth_str *out)
{
    size_t start = ++r->at;

    for (; r->at < r->n; r->at++) {
        char c = r->p[r->at];

        if (c == '\n' || (c == '\r' && (r->at + 1 == r->n || r->p[r->at + 1] != '\n')))
            r->line_ends++;
        if (c != '"')
            continue;
        if (r->at + 1 == r->n && !r->last)
            return BERTH_E_NOT_FOUND; /* the first of two, or the end? */
        if (r->at + 1 == r->n || r->p[r->at + 1] != '"') {
            *out = (berth_str){ r->p + start, r->at - start };
            r->at++;
            return BERTH_OK;
        }
        r->doubled = true;
        r->at++;
    }
    return r->last ? BERTH_E_FULL : BERTH_E_NOT_FOUND;
}

static void take_plain(struct reading *r, berth_str *out)
{
    size_t start = r->at;

    while (r->at < r->n && r->p[r->at] != r->separator && !is_line_end(r->p[r->at]))
        r->at++;
    *out = (berth_str){ r->p + start, r->at - start };
}

/* Every quoted field has its quote before it in P, and no other has. */
static void make_single(const struct reading *r, struct berth_csv_row *row)
{
    for (size_t i = 0; i < row->count; i++) {
        berth_str *f = &row->fields[i];
        char *to = r->p + (f->p - r->p);
        size_t n = 0;

        if (f->p == r->p || f->p[-1] != '"')
            continue;
        for (size_t j = 0; j < f->n; j++) {
            to[n++] = f->p[j];
            if (f->p[j] == '"')
                j++;
        }
        f->n = n;
    }
}

/* A field that begins at R->at, and what ends it, which stays. */
static berth_err take_field(struct reading *r, berth_str *out)
{
    berth_err e = BERTH_OK;

    if (r->at < r->n && r->p[r->at] == '"')
        e = take_quoted(r, out);
    else
        take_plain(r, out);
    if (e != BERTH_OK)
        return e;
    if (r->at == r->n)
        return r->last ? BERTH_OK : BERTH_E_NOT_FOUND;
    return r->p[r->at] == r->separator || is_line_end(r->p[r->at]) ? BERTH_OK : BERTH_E_SYNTAX;
}

static berth_err take_fields(struct reading *r, struct berth_csv_row *row)
{
    for (;;) {
        berth_err e;

        if (row->count == BERTH_CSV_FIELDS_MAX)
            return BERTH_E_RANGE;
        e = take_field(r, &row->fields[row->count]);
        if (e != BERTH_OK)
            return e;
        row->count++;
        if (r->at == r->n || is_line_end(r->p[r->at]))
            return BERTH_OK;
        r->at++;
    }
}

/* To the end of the line, when the row cannot be told apart. */
static berth_err pass_line(struct reading *r)
{
    while (r->at < r->n && !is_line_end(r->p[r->at]))
        r->at++;
    return r->at < r->n || r->last ? BERTH_OK : BERTH_E_NOT_FOUND;
}

static berth_err finish(struct berth_csv *c, struct reading *r, size_t *used)
{
    bool has_end = r->at < r->n;

    if (r->at > BERTH_CSV_ROW_MAX)
        return BERTH_E_FULL;
    c->after_cr = has_end && r->p[r->at] == '\r';
    c->line += r->line_ends + (has_end ? 1 : 0);
    *used += r->at + (has_end ? 1 : 0);
    return BERTH_OK;
}

berth_err berth_csv_next(struct berth_csv *c, char *p, size_t n, bool last, size_t *used,
                         struct berth_csv_row *row)
{
    struct reading r = { .separator = c->separator, .last = last };
    berth_err e, finished;

    *used = c->after_cr && n > 0 && p[0] == '\n' ? 1 : 0;
    if (n > 0)
        c->after_cr = false;
    row->count = 0;
    row->line = c->line;
    r.p = p + *used;
    r.n = n - *used;
    if (r.n == 0)
        return BERTH_E_NOT_FOUND;
    e = take_fields(&r, row);
    if (e == BERTH_E_SYNTAX || e == BERTH_E_RANGE) {
        berth_err passed = pass_line(&r);

        e = passed == BERTH_OK ? e : passed;
    }
    if (e == BERTH_E_NOT_FOUND)
        return r.n > BERTH_CSV_ROW_MAX ? BERTH_E_FULL : e;
    if (e == BERTH_E_FULL)
        return e;
    finished = finish(c, &r, used);
    if (finished == BERTH_OK && r.doubled)
        make_single(&r, row);
    return finished != BERTH_OK ? finished : e;
}
