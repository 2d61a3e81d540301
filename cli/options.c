#include "cli/options.h"

#include <stdlib.h>

#include "berth/str.h"
#include "cli/command.h"
#include "cli/describe.h"

enum { KEY_JSON = 0x800, KEY_LOGIN, KEY_PROFILE, KEY_DATA_DIR, KEY_CA_FILE };

const struct argp_option options_common[] = {
    { NULL, 0, NULL, 0, "Common options:", 90 },
    { "json", KEY_JSON, NULL, 0, "print JSON instead of text for people", 0 },
    { "login", KEY_LOGIN, "CONNECTION_STRING", 0,
      "the service to ask, as HostName=..;SharedAccessKeyName=..;SharedAccessKey=..; better in "
      "$BERTH_LOGIN, which other users cannot see",
      0 },
    { "profile", KEY_PROFILE, "PROFILE|FILE", 0,
      "a profile of `berth login`, or the profile.ini that a daemon wrote; else $BERTH_PROFILE, "
      "else the profile in use, else the usual places",
      0 },
    { "data-dir", KEY_DATA_DIR, "DIRECTORY", 0, "take the profile.ini in this directory", 0 },
    { "ca-file", KEY_CA_FILE, "FILE", 0,
      "trust the CA certificates in this PEM file; else the profile's, else the system's", 0 },
    { 0 },
};

static error_t take_common(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;

    switch (key) {
    case KEY_JSON:
        o->json = true;
        return 0;
    case KEY_LOGIN:
        o->login = arg;
        break;
    case KEY_PROFILE:
        o->profile = arg;
        break;
    case KEY_DATA_DIR:
        o->data_dir = arg;
        break;
    case KEY_CA_FILE:
        o->ca_file = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    if ((o->login != NULL) + (o->profile != NULL) + (o->data_dir != NULL) > 1)
        argp_error(state, "only one of --login, --profile and --data-dir can be given");
    return 0;
}

struct inputs {
    void *own;
    struct options *common;
};

static error_t hand_on(int key, char *arg, struct argp_state *state)
{
    const struct inputs *in = state->input;

    if (key == ARGP_KEY_INIT) {
        state->child_inputs[0] = in->own;
        state->child_inputs[1] = in->common;
        return 0;
    }
    (void)arg;
    return ARGP_ERR_UNKNOWN;
}

void options_parse(const struct argp *own, void *input, struct options *common, int argc,
                   char **argv)
{
    static const struct argp common_argp = { .options = options_common, .parser = take_common };
    const struct argp own_argp = { .options = own->options,
                                   .parser = own->parser,
                                   .children = own->children };
    const struct argp_child children[] = { { &own_argp, 0, NULL, 0 },
                                           { &common_argp, 0, NULL, 0 },
                                           { 0 } };
    const struct argp whole = {
        .parser = hand_on, .args_doc = own->args_doc, .doc = own->doc, .children = children
    };
    struct inputs inputs = { input, common };

    *common = (struct options){ 0 };
    options_parse_alone(&whole, &inputs, argc, argv);
}

void options_parse_alone(const struct argp *own, void *input, int argc, char **argv)
{
    describe_parsed(own);
    if (argp_parse(own, argc, argv, 0, NULL, input) != 0)
        exit(EXIT_CODE_USAGE); /* memory ran out: argp tells of everything else itself */
}

void options_take_one(struct argp_state *state, const char **slot, char *arg)
{
    if (*slot != NULL)
        argp_error(state, "\"%s\" is not expected here", arg);
    *slot = arg;
}

long options_number(struct argp_state *state, const char *option, const char *arg, long least,
                    long most)
{
    int64_t n = 0;

    if (berth_str_to_i64(berth_str_of(arg), &n) != BERTH_OK || n < least || n > most)
        argp_error(state, "%s %s: not a number from %ld to %ld", option, arg, least, most);
    return (long)n;
}
