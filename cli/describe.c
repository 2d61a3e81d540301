#include "cli/describe.h"

#include <assert.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "cli/options.h"

/* Who waits in describe_verb. A verb comes to options_parse first of all, with nothing to give
 * back: it may be left by a jump. */
static struct {
    describe_take *take;
    void *user;
    jmp_buf back;
} waiting;

void describe_parsed(const struct argp *whole)
{
    if (waiting.take == NULL)
        return;
    waiting.take(waiting.user, whole);
    longjmp(waiting.back, 1);
}

static void run(const struct command *verb, const char *name)
{
    char program[DESCRIBE_NAME_MAX], described[] = "--described";
    char *line[] = { program, described, NULL };

    (void)snprintf(program, sizeof program, "%s", name);
    if (setjmp(waiting.back) == 0)
        (void)verb->run(2, line);
}

void describe_verb(const struct command *verb, const char *name, describe_take *take, void *user)
{
    waiting.take = take;
    waiting.user = user;
    run(verb, name);
    waiting.take = NULL;
}

static bool is_end(const struct argp_option *o)
{
    return o->key == 0 && o->name == NULL && o->doc == NULL && o->group == 0;
}

bool describe_options(const struct argp *whole, describe_each *each, void *user)
{
    const struct argp_option *main = NULL;

    for (const struct argp_option *o = whole->options; o != NULL && !is_end(o); o++) {
        if ((o->flags & OPTION_ALIAS) == 0)
            main = o;
        if ((o->flags & OPTION_HIDDEN) == 0 &&
            !each(user, o, main, whole->options == options_common))
            return false;
    }
    for (const struct argp_child *c = whole->children; c != NULL && c->argp != NULL; c++)
        if (!describe_options(c->argp, each, user))
            return false;
    return true;
}

void describe_verbs(const struct command *group, const char *name,
                    void (*each)(void *user, const struct command *verb, const char *name),
                    void *user)
{
    char whole[DESCRIBE_NAME_MAX];
    bool fits;

    for (const struct command *c = group->children; c->name != NULL; c++) {
        if (c->summary == NULL)
            continue;
        fits = snprintf(whole, sizeof whole, "%s %s", name, c->name) < (int)sizeof whole;
        assert(fits);
        if (!fits)
            continue;
        if (c->run != NULL)
            each(user, c, whole);
        if (c->children != NULL)
            describe_verbs(c, whole, each, user);
    }
}

berth_str describe_cut_word(berth_str *text)
{
    size_t n = 0;

    while (text->n > 0 && memchr("[] |.,", text->p[0], 6) != NULL)
        *text = berth_str_sub(*text, 1, text->n);
    while (n < text->n && memchr("[] |.,", text->p[n], 6) == NULL)
        n++;
    *text = berth_str_sub(*text, n, text->n);
    return (berth_str){ text->p - n, n };
}

bool describe_is_placeholder(berth_str word)
{
    return word.n > 0 && word.p[0] >= 'A' && word.p[0] <= 'Z';
}
