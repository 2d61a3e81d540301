/* cli/verb.h - what the verbs that show, change or delete one thing have in common: their options,
 * the service to ask, the answer's way to people and scripts. */
#ifndef CLI_VERB_H
#define CLI_VERB_H

#include "cli/api.h"

/* What such a verb takes; NULL and false when not given. */
struct verb_input {
    /* Ends the process with EXIT_CODE_USAGE when ID is missing (NULL) or breaks the rules. */
    void (*check_id)(struct argp_state *state, const char *id);
    const void *user; /* the verb's own */
    const char *id, *hub, *etag;
    const char *key_type; /* "primary" or "secondary" */
    bool wants_key_type, yes, show_keys;
};

enum {
    VERB_KEY_ID = 0x900,
    VERB_KEY_HUB,
    VERB_KEY_ETAG,
    VERB_KEY_TYPE,
    VERB_KEY_YES,
    VERB_KEYS,
    VERB_KEY_NAME = 'n'
};

/* Rows of a verb's options, for verb_take or a parser that hands on to it. METAVAR: cli/values.c.
 */
#define VERB_ID(name, metavar)                                                                     \
    {                                                                                              \
        name, VERB_KEY_ID, metavar, 0, "the same as ID alone, as az has it", 0                     \
    }
#define VERB_ALIAS(name)                                                                           \
    {                                                                                              \
        name, VERB_KEY_ID, NULL, OPTION_ALIAS, NULL, 0                                             \
    }
#define VERB_HUB                                                                                   \
    {                                                                                              \
        "hub", VERB_KEY_HUB, "HUB", 0, "the hub's name; the daemon's own hub when left out", 0     \
    }
#define VERB_ETAG                                                                                  \
    {                                                                                              \
        "etag", VERB_KEY_ETAG, "ETAG", 0,                                                          \
            "only when this is still its etag, as show --json has it", 0                           \
    }
#define VERB_KEY_TYPES                                                                             \
    {                                                                                              \
        "key-type", VERB_KEY_TYPE, "primary|secondary", 0, "which is made anew", 0                 \
    }
#define VERB_YES                                                                                   \
    {                                                                                              \
        "yes", VERB_KEY_YES, NULL, 0, "do not ask", 0                                              \
    }
#define VERB_SHOW_KEYS                                                                             \
    {                                                                                              \
        "show-keys", VERB_KEYS, NULL, 0, "with its keys", 0                                        \
    }

/* An argp parser whose input is a struct verb_input. */
error_t verb_take(int key, char *arg, struct argp_state *state);

/* Parses ARGV by ARGP into INPUT, finds the service, has WORK ask it. Returns WORK's exit code. */
typedef int verb_work(struct api *a, const struct options *o, void *input);
int verb_run(const struct argp *argp, void *input, verb_work *work, int argc, char **argv);

/* {"primaryKey":..,"secondaryKey":..} as JSON or as two lines; WHAT has none when KEYS is no
 * object. */
int verb_print_keys(struct berth_json keys, const char *what, bool json);
/* Asks on a terminal unless YES, deletes what R addresses, says so. R has path, what, hub, etag. */
int verb_delete(struct api *a, const struct options *o, const struct api_request *r, bool yes);

#endif
