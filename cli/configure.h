/* cli/configure.h - the daemon's configuration as a command on its machine has it: defaults, file,
 * environment, options. */
#ifndef CLI_CONFIGURE_H
#define CLI_CONFIGURE_H

#include <argp.h>

#include "ops/config.h"

#define CONFIGURE_PROBLEM_MAX 512
#define CONFIGURE_OPTIONS_MAX 64

/* What stood on the command line: applied last, over file and environment. Start with it zeroed. */
struct configure {
    const char *config_file; /* --config */
    const char *read;        /* the file that was read; NULL: none */
    struct {
        const char *name, *value;
    } set[CONFIGURE_OPTIONS_MAX];
    size_t count;
};

/* --config and an option for each key; NAMES (ended by NULL), when given, are the only ones. */
void configure_options(struct argp_option options[CONFIGURE_OPTIONS_MAX], const char *const *names);
/* The parser of these options; its input is a struct configure. */
error_t configure_parse(int key, char *arg, struct argp_state *state);
/* PROBLEM gets what is wrong and where. */
BERTH_MUST_USE berth_err configure(struct configure *g, struct config *c,
                                   char problem[CONFIGURE_PROBLEM_MAX]);

#endif
