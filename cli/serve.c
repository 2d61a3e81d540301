/* berth serve: the daemon. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/options.h"
#include "ops/config_table.h"
#include "ops/daemon.h"
#include "ops/log.h"

#define CONFIG_FILE "/etc/berth/berth.conf"
#define PROBLEM_MAX 512
#define OPTIONS_MAX 64
#define KEY_BASE    0x1000 /* argp keys of the configuration's rows */
#define KEY_CONFIG  0x0fff

/* What stood on the command line: applied last, over file and environment. */
struct given {
    const char *config_file;
    struct {
        const char *name, *value;
    } set[OPTIONS_MAX];
    size_t count;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct given *g = state->input;
    const struct config_key *row = key >= KEY_BASE ? config_key_at((size_t)(key - KEY_BASE)) : NULL;

    if (key == KEY_CONFIG) {
        g->config_file = arg;
        return 0;
    }
    if (key == ARGP_KEY_ARG)
        argp_error(state, "\"%s\" is not expected here", arg);
    if (row == NULL)
        return ARGP_ERR_UNKNOWN;
    if (g->count == OPTIONS_MAX)
        argp_error(state, "more than %d options", OPTIONS_MAX);
    g->set[g->count].name = row->name;
    g->set[g->count++].value = arg;
    return 0;
}

static void make_options(struct argp_option options[OPTIONS_MAX])
{
    const struct config_key *row;
    size_t n = 0;

    options[n++] = (struct argp_option){
        "config", KEY_CONFIG, "FILE", 0, "read this file instead of " CONFIG_FILE, 0
    };
    for (size_t i = 0; (row = config_key_at(i)) != NULL && n < OPTIONS_MAX - 1; i++)
        options[n++] =
            (struct argp_option){ row->name, KEY_BASE + (int)i, row->value, 0, row->help, 0 };
}

/* The file that was named must be there; the usual one may be missing. */
static berth_err read_file(struct config *c, const struct given *g, char *problem)
{
    const char *path = g->config_file != NULL ? g->config_file : CONFIG_FILE;
    berth_err e = config_read_file(c, path, problem, PROBLEM_MAX);

    return e == BERTH_E_NOT_FOUND && g->config_file == NULL ? BERTH_OK : e;
}

/* A list given anew replaces what file and environment said, and adds to what stood before it on
 * the same line: --hostname a --hostname b are two names. */
static bool was_given(const struct given *g, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(g->set[i].name, g->set[at].name) == 0)
            return true;
    return false;
}

static berth_err apply_options(struct config *c, const struct given *g, char *problem)
{
    for (size_t i = 0; i < g->count; i++) {
        const struct config_row *row = config_row(g->set[i].name);
        berth_err e = config_apply(c, row, g->set[i].value, was_given(g, i), problem, PROBLEM_MAX);

        if (e != BERTH_OK)
            return e;
    }
    return BERTH_OK;
}

static berth_err configure(struct config *c, const struct given *g, char *problem)
{
    berth_err e;

    config_defaults(c);
    e = read_file(c, g, problem);
    if (e == BERTH_OK)
        e = config_read_environment(c, problem, PROBLEM_MAX);
    if (e == BERTH_OK)
        e = apply_options(c, g, problem);
    return e == BERTH_OK ? config_finish(c, problem, PROBLEM_MAX) : e;
}

int serve_run(int argc, char **argv)
{
    static struct argp_option options[OPTIONS_MAX];
    static struct config config;
    struct argp argp = {
        options,
        parse,
        NULL,
        "Run the provisioning service with its embedded hubs.\v"
        "Every option is also a key of the configuration file and, as BERTH_NAME, of the "
        "environment; options win. The first start makes what is missing and prints where it is.",
        NULL,
        NULL,
        NULL
    };
    struct given given = { 0 };
    char problem[PROBLEM_MAX] = "";

    make_options(options);
    options_parse_alone(&argp, &given, argc, argv);
    if (configure(&config, &given, problem) != BERTH_OK) {
        (void)fprintf(stderr, "berth serve: %s\n", problem);
        return EXIT_CODE_USAGE;
    }
    return daemon_run(&config, NULL);
}
