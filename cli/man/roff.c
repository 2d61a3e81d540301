#include "cli/man/roff.h"

#include "cli/describe.h"

static void put(FILE *out, berth_str s, bool at_start)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (at_start && (c == '.' || c == '\''))
            (void)fputs("\\&", out);
        if (c == '\\')
            (void)fputs("\\e", out);
        else if (c == '-')
            (void)fputs("\\-", out); /* a hyphen cannot be pasted into a shell */
        else if (c == '`')
            (void)fputs("\\(ga", out);
        else if (c == '\'')
            (void)fputs("\\(aq", out);
        else if (c == '~')
            (void)fputs("\\(ti", out);
        else if (c == '^')
            (void)fputs("\\(ha", out);
        else
            (void)fputc(c, out);
        if (c == '|')
            (void)fputs("\\:", out); /* a long choice may go on in the next line */
        at_start = c == '\n';
    }
}

void roff_text(FILE *out, berth_str s)
{
    put(out, s, true);
}

static void put_in(FILE *out, const char *font, berth_str s)
{
    (void)fprintf(out, "\\f%s", font);
    put(out, s, false);
    (void)fputs("\\fR", out);
}

void roff_bold(FILE *out, berth_str s)
{
    put_in(out, "B", s);
}

void roff_values(FILE *out, berth_str spec)
{
    while (spec.n > 0) {
        berth_str rest = spec, word = describe_cut_word(&rest);
        size_t before = word.n > 0 ? (size_t)(word.p - spec.p) : spec.n;

        put(out, berth_str_sub(spec, 0, before), false);
        if (word.n > 0)
            put_in(out, describe_is_placeholder(word) ? "I" : "B", word);
        spec = rest;
    }
}

bool roff_copy(FILE *out, const char *path)
{
    FILE *in = fopen(path, "r");
    char part[4096];
    size_t n;
    bool ok;

    if (in == NULL)
        return false;
    while ((n = fread(part, 1, sizeof part, in)) > 0)
        (void)fwrite(part, 1, n, out);
    ok = ferror(in) == 0;
    (void)fclose(in);
    return ok;
}
