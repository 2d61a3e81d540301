/* cli/describe.h - what a verb takes, from its own tables, without running it: for completion, the
 * manual and the tests. */
#ifndef CLI_DESCRIBE_H
#define CLI_DESCRIBE_H

#include <argp.h>
#include <stdbool.h>

#include "berth/str.h"
#include "cli/command.h"

#define DESCRIBE_NAME_MAX 128 /* bytes of a whole command, "berth key derive" */

/* Called with all that a verb takes; it is gone when this returns. */
typedef void describe_take(void *user, const struct argp *whole);

/* Has VERB, called NAME, hand what it takes to TAKE, and not run. A verb that does not come to
 * options_parse ends the process with EXIT_CODE_USAGE and a word about --described. */
void describe_verb(const struct command *verb, const char *name, describe_take *take, void *user);

/* For options_parse: does not return where describe_verb waits. */
void describe_parsed(const struct argp *whole);

/* An option with its aliases' main one (itself when it is none), in order; COMMON: of every verb.
 * Headers have a doc and no name. False ends the walk. */
typedef bool describe_each(void *user, const struct argp_option *o, const struct argp_option *main,
                           bool common);
/* False when EACH ended it. */
bool describe_options(const struct argp *whole, describe_each *each, void *user);

/* Calls EACH for every verb under GROUP, called NAME, in order, but for hidden ones. */
void describe_verbs(const struct command *group, const char *name,
                    void (*each)(void *user, const struct command *verb, const char *name),
                    void *user);

/* One of the alternatives "ID", "a|b", "[A | B]", cut off the front of *TEXT; empty at the end. */
berth_str describe_cut_word(berth_str *text);
/* Whether WORD stands for a value instead of being one: in capitals. */
bool describe_is_placeholder(berth_str word);

#endif
