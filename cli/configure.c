#include "cli/configure.h"

#include <stdio.h>
#include <string.h>

#include "ops/config_table.h"

#define CONFIG_FILE "/etc/berth/berth.conf"
#define KEY_BASE    0x1000 /* argp keys of the configuration's rows */
#define KEY_CONFIG  0x0fff

error_t configure_parse(int key, char *arg, struct argp_state *state)
{
    struct configure *g = state->input;
    const struct config_key *row = key >= KEY_BASE ? config_key_at((size_t)(key - KEY_BASE)) : NULL;

    if (key == KEY_CONFIG) {
        g->config_file = arg;
        return 0;
    }
    if (key == ARGP_KEY_ARG)
        argp_error(state, "\"%s\" is not expected here", arg);
    if (row == NULL)
        return ARGP_ERR_UNKNOWN;
    if (g->count == CONFIGURE_OPTIONS_MAX)
        argp_error(state, "more than %d options", CONFIGURE_OPTIONS_MAX);
    g->set[g->count].name = row->name;
    g->set[g->count++].value = arg;
    return 0;
}

static bool is_among(const char *const *names, const char *name)
{
    for (; *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

void configure_options(struct argp_option options[CONFIGURE_OPTIONS_MAX], const char *const *names)
{
    const struct config_key *row;
    size_t n = 0;

    options[n++] = (struct argp_option){
        "config", KEY_CONFIG, "FILE", 0, "read this file instead of " CONFIG_FILE, 0
    };
    for (size_t i = 0; (row = config_key_at(i)) != NULL && n < CONFIGURE_OPTIONS_MAX - 1; i++)
        if (names == NULL || is_among(names, row->name))
            options[n++] =
                (struct argp_option){ row->name, KEY_BASE + (int)i, row->value, 0, row->help, 0 };
    options[n] = (struct argp_option){ 0 };
}

/* The file that was named must be there; the usual one may be missing. */
static berth_err read_file(struct config *c, struct configure *g, char *problem)
{
    const char *path = g->config_file != NULL ? g->config_file : CONFIG_FILE;
    berth_err e = config_read_file(c, path, problem, CONFIGURE_PROBLEM_MAX);

    g->read = e == BERTH_OK ? path : NULL;
    return e == BERTH_E_NOT_FOUND && g->config_file == NULL ? BERTH_OK : e;
}

/* A list given anew replaces what file and environment said, and adds to what stood before it on
 * the same line: --hostname a --hostname b are two names. */
static bool was_given(const struct configure *g, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(g->set[i].name, g->set[at].name) == 0)
            return true;
    return false;
}

static berth_err apply_options(struct config *c, const struct configure *g, char *problem)
{
    for (size_t i = 0; i < g->count; i++) {
        const struct config_row *row = config_row(g->set[i].name);
        berth_err e =
            config_apply(c, row, g->set[i].value, was_given(g, i), problem, CONFIGURE_PROBLEM_MAX);

        if (e != BERTH_OK)
            return e;
    }
    return BERTH_OK;
}

berth_err configure(struct configure *g, struct config *c, char problem[CONFIGURE_PROBLEM_MAX])
{
    berth_err e;

    config_defaults(c);
    e = read_file(c, g, problem);
    if (e == BERTH_OK)
        e = config_read_environment(c, problem, CONFIGURE_PROBLEM_MAX);
    if (e == BERTH_OK)
        e = apply_options(c, g, problem);
    return e == BERTH_OK ? config_finish(c, problem, CONFIGURE_PROBLEM_MAX) : e;
}
