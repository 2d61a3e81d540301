/* cli/options.h - the options that every verb but serve has, and how a verb takes its own. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <argp.h>
#include <stdbool.h>

/* Borrowed from the command line; NULL when not given. */
struct options {
    bool json;
    char *login;
    const char *profile; /* a name or a file */
    const char *data_dir;
    const char *ca_file;
};

/* Of every verb that asks a service. */
extern const struct argp_option options_common[];

/* Parses ARGV by OWN (options, parser, args_doc, doc, children) with INPUT, and the common options
 * into *COMMON. What stands for an option's value in OWN says what completion offers: cli/values.h.
 * Leaves the process with EXIT_CODE_USAGE when the line is wrong, with 0 after
 * --help. */
void options_parse(const struct argp *own, void *input, struct options *common, int argc,
                   char **argv);

/* The same for a verb that has no common options. */
void options_parse_alone(const struct argp *own, void *input, int argc, char **argv);

/* For parsers: takes the one argument of a verb into *SLOT; a second one is an error. */
void options_take_one(struct argp_state *state, const char **slot, char *arg);
/* A whole number in LEAST to MOST, or the process ends with EXIT_CODE_USAGE. */
long options_number(struct argp_state *state, const char *option, const char *arg, long least,
                    long most);

#endif
