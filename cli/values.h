/* cli/values.h - what may stand for an option's value or an argument in a verb's table, and what
 * completion offers there. A value is either spelt out, "primary|secondary", or a placeholder in
 * capitals that is a row of the table in values.c: "GROUP-ID" offers the service's groups. */
#ifndef CLI_VALUES_H
#define CLI_VALUES_H

#include "berth/str.h"
#include "cli/options.h"

/* What the shell does beside offering the words that it is given. */
enum values_kind {
    VALUES_WORDS, /* nothing */
    VALUES_FILE,
    VALUES_DIRECTORY,
    VALUES_COMMAND,
};

/* Which names are wanted, and of which service. */
struct values_query {
    const struct options *options;
    const char *hub; /* NULL: the default one */
    berth_str prefix;
};

typedef void values_offer(void *user, berth_str word);

/* False when PLACEHOLDER is no row of the table. */
bool values_is_known(berth_str placeholder);
enum values_kind values_kind_of(berth_str placeholder);
/* Names that the service has for PLACEHOLDER, as far as they begin with the prefix: at most
 * VALUES_MAX, none when it cannot be asked. */
#define VALUES_MAX 1000
void values_ask(berth_str placeholder, const struct values_query *q, values_offer *offer,
                void *user);

#endif
