/* berth_man SECTIONS OUTPUT - writes the manual: berth(1), a page for each command beside it, and
 * berth.conf(5), from the program's own tables and what stands in SECTIONS/PAGE.man. Runs at build
 * time. */
#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "berth/version.h"
#include "cli/command.h"
#include "cli/describe.h"
#include "cli/man/roff.h"
#include "ops/config.h"

struct page {
    FILE *out;
    const char *sections; /* directory */
    const struct command *group;
    bool common; /* put the common options, and no others */
    bool any;    /* an option has been put */
};

static void put_heading(FILE *out, const char *level, const char *text)
{
    (void)fprintf(out, ".%s ", level);
    roff_text(out, berth_str_of(text));
    (void)fputc('\n', out);
}

static void put_paragraph(FILE *out, berth_str text)
{
    if (text.n == 0)
        return;
    roff_text(out, text);
    (void)fputc('\n', out);
}

static bool begin(struct page *p, const char *output, const char *name, int section,
                  const char *summary)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/man%d/%s.%d", output, section, name, section);
    p->out = fopen(path, "w");
    if (p->out == NULL)
        return false;
    (void)fprintf(p->out, ".\\\" Made from the program's own tables.\n.TH ");
    for (const char *c = name; *c != '\0'; c++)
        (void)fputc(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c, p->out);
    (void)fprintf(p->out,
                  " %d \"\" \"berth " BERTH_VERSION "\" \"berth manual\"\n"
                  ".nh\n.ad l\n.SH NAME\n%s \\- ",
                  section, name);
    put_paragraph(p->out, berth_str_of(summary));
    return true;
}

/* What people have written about the page, then what all pages end with. */
static bool end(struct page *p, const char *name, const char *see_also)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/%s.man", p->sections, name);
    (void)roff_copy(p->out, path); /* tests/e2e/every-verb.mjs misses what is not there */
    (void)fprintf(p->out, ".SH SEE ALSO\n%s\n", see_also);
    return fclose(p->out) == 0;
}

/* ---- options ---- */

static bool put_option(void *user, const struct argp_option *o, const struct argp_option *main,
                       bool common)
{
    struct page *p = user;
    bool optional = (o->flags & OPTION_ARG_OPTIONAL) != 0;

    if (o->name == NULL || o != main || common != p->common)
        return true;
    (void)fputs(".TP\n", p->out);
    if (o->key > ' ' && o->key <= '~') {
        (void)fprintf(p->out, "\\fB\\-%c\\fR", o->key);
        if (o->arg != NULL) {
            (void)fputc(' ', p->out);
            roff_values(p->out, berth_str_of(o->arg));
        }
        (void)fputs(", ", p->out);
    }
    (void)fputs("\\fB\\-\\-", p->out);
    roff_text(p->out, berth_str_of(o->name));
    (void)fputs("\\fR", p->out);
    if (o->arg != NULL) {
        (void)fputs(optional ? "[=" : "=", p->out);
        roff_values(p->out, berth_str_of(o->arg));
        (void)fputs(optional ? "]" : "", p->out);
    }
    (void)fputc('\n', p->out);
    put_paragraph(p->out, berth_str_of(o->doc));
    p->any = true;
    return true;
}

static void put_common(void *user, const struct argp *whole)
{
    struct page *p = user;

    if (p->any)
        return;
    p->common = true;
    (void)describe_options(whole, put_option, p);
    p->common = false;
}

/* ---- verbs ---- */

struct naming {
    struct page *page;
    const char *name;
};

static void put_synopsis_of(void *user, const struct argp *whole)
{
    const struct naming *n = user;
    FILE *out = n->page->out;

    (void)fputs(n->page->any ? ".br\n" : "", out);
    n->page->any = true;
    roff_bold(out, berth_str_of(n->name));
    (void)fputs(" [\\fIOPTION\\fR.\\|.\\|.]", out);
    if (whole->args_doc != NULL) {
        (void)fputc(' ', out);
        roff_values(out, berth_str_of(whole->args_doc));
    }
    (void)fputc('\n', out);
}

static void put_synopsis(void *user, const struct command *verb, const char *name)
{
    describe_verb(verb, name, put_synopsis_of, &(struct naming){ user, name });
}

/* argp's own convention: what stands behind a vertical tab comes after the options. */
static void put_verb_of(void *user, const struct argp *whole)
{
    struct page *p = user;
    berth_str after = berth_str_of(whole->doc), doc = berth_str_cut(&after, '\v');

    put_paragraph(p->out, doc);
    p->any = false;
    (void)describe_options(whole, put_option, p);
    if (after.n == 0)
        return;
    (void)fputs(".PP\n", p->out);
    put_paragraph(p->out, after);
}

static void put_verb(void *user, const struct command *verb, const char *name)
{
    struct page *p = user;

    if (p->group->children != NULL) /* "berth enrollment keys show": what stands behind "berth " */
        put_heading(p->out, "SS", name + strlen("berth "));
    describe_verb(verb, name, put_verb_of, p);
}

static void each_verb(struct page *p, const char *name,
                      void (*each)(void *user, const struct command *verb, const char *name))
{
    if (p->group->run != NULL)
        each(p, p->group, name);
    if (p->group->children != NULL)
        describe_verbs(p->group, name, each, p);
}

static bool write_command(const char *sections, const char *output, const struct command *c)
{
    struct page p = { .sections = sections, .group = c };
    char name[DESCRIBE_NAME_MAX], page[DESCRIBE_NAME_MAX];

    (void)snprintf(name, sizeof name, "berth %s", c->name);
    (void)snprintf(page, sizeof page, "berth-%s", c->name);
    if (!begin(&p, output, page, 1, c->summary))
        return false;
    put_heading(p.out, "SH", "SYNOPSIS");
    each_verb(&p, name, put_synopsis);
    put_heading(p.out, "SH", c->children != NULL ? "COMMANDS" : "DESCRIPTION");
    each_verb(&p, name, put_verb);
    return end(&p, page,
               "Options of every command, exit status, files and environment:\n.BR berth (1),\n"
               ".BR berth.conf (5)");
}

/* ---- berth(1), berth.conf(5) ---- */

static void put_row(void *user, const struct command *verb, const char *name)
{
    struct page *p = user;

    (void)fputs(".TP\n", p->out);
    roff_bold(p->out, berth_str_of(name));
    (void)fputc('\n', p->out);
    put_paragraph(p->out, berth_str_of(verb->summary));
}

static void put_see_also(char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, ".BR berth.conf (5)");

    for (const struct command *c = command_root.children; c->name != NULL; c++)
        if (c->summary != NULL && n < size)
            n += (size_t)snprintf(out + n, size - n, ",\n.BR berth\\-%s (1)", c->name);
}

static void take_common(void *user, const struct command *verb, const char *name)
{
    describe_verb(verb, name, put_common, user);
}

static bool write_root(const char *sections, const char *output)
{
    struct page p = { .sections = sections, .group = &command_root };
    char see_also[4096];

    if (!begin(&p, output, "berth", 1, command_root.summary))
        return false;
    (void)fputs(".SH SYNOPSIS\n\\fBberth\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR.\\|.\\|.]\n.br\n"
                "\\fBberth\\fR [\\fICOMMAND\\fR] \\fB\\-\\-help\\fR\n.br\n"
                "\\fBberth \\-\\-version\\fR\n.SH COMMANDS\n",
                p.out);
    describe_verbs(&command_root, "berth", put_row, &p);
    put_heading(p.out, "SH", "COMMON OPTIONS");
    describe_verbs(&command_root, "berth", take_common, &p);
    put_see_also(see_also, sizeof see_also);
    return end(&p, "berth", see_also);
}

static bool write_conf(const char *sections, const char *output)
{
    struct page p = { .sections = sections };
    const struct config_key *key;

    if (!begin(&p, output, "berth.conf", 5, "configuration of the berth daemon"))
        return false;
    put_heading(p.out, "SH", "KEYS");
    for (size_t i = 0; (key = config_key_at(i)) != NULL; i++) {
        (void)fputs(".TP\n", p.out);
        roff_bold(p.out, berth_str_of(key->name));
        (void)fputs(" = ", p.out);
        roff_values(p.out, berth_str_of(key->value));
        (void)fputc('\n', p.out);
        put_paragraph(p.out, berth_str_of(key->help));
        (void)fputs(".br\nDefault: ", p.out);
        put_paragraph(p.out, berth_str_of(key->fallback));
    }
    return end(&p, "berth.conf", ".BR berth (1),\n.BR berth\\-serve (1)");
}

int main(int argc, char **argv)
{
    bool ok;

    if (argc != 3) {
        (void)fputs("usage: berth_man SECTIONS OUTPUT\n", stderr);
        return EXIT_CODE_USAGE;
    }
    ok = write_root(argv[1], argv[2]) && write_conf(argv[1], argv[2]);
    for (const struct command *c = command_root.children; ok && c->name != NULL; c++)
        ok = c->summary == NULL || write_command(argv[1], argv[2], c);
    if (!ok)
        (void)fprintf(stderr, "berth_man: %s: %s\n", argv[2], strerror(errno));
    return ok ? EXIT_CODE_OK : EXIT_CODE_FAILED;
}
