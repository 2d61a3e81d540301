#include "cli/key_pair_option.h"

#include "cli/command.h"

enum { KEY_PRIMARY = 0xa00, KEY_PRIMARY_FILE, KEY_SECONDARY, KEY_SECONDARY_FILE };

static const struct argp_option options[] = {
    { "primary-key-file", KEY_PRIMARY_FILE, "FILE", 0,
      "its key in base64, - for standard input; made by the service when left out", 0 },
    { "primary-key", KEY_PRIMARY, "KEY", 0, "the same on the command line: others can see it", 0 },
    { "secondary-key-file", KEY_SECONDARY_FILE, "FILE", 0, "its other key", 0 },
    { "secondary-key", KEY_SECONDARY, "KEY", 0, "the same on the command line", 0 },
    { 0 }
};

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct key_pair_options *o = state->input;

    switch (key) {
    case KEY_PRIMARY:
        o->primary.given = arg;
        return 0;
    case KEY_PRIMARY_FILE:
        o->primary.file = arg;
        return 0;
    case KEY_SECONDARY:
        o->secondary.given = arg;
        return 0;
    case KEY_SECONDARY_FILE:
        o->secondary.file = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp key_pair_argp = { .options = options, .parser = take };

void key_pair_options_init(struct key_pair_options *o)
{
    *o = (struct key_pair_options){
        .primary = { .what = "primary key", .option = "--primary-key-file" },
        .secondary = { .what = "secondary key", .option = "--secondary-key-file" },
    };
}

static bool is_given(const struct secret_source *s)
{
    return s->file != NULL || s->given != NULL;
}

bool key_pair_options_given(const struct key_pair_options *o)
{
    return is_given(&o->primary) || is_given(&o->secondary);
}

int key_pair_options_read(const struct key_pair_options *o, struct berth_key_pair *pair)
{
    int code = secret_read(&o->primary, &pair->primary);

    return code == EXIT_CODE_OK ? secret_read(&o->secondary, &pair->secondary) : code;
}
