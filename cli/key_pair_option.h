/* cli/key_pair_option.h - --primary-key-file and --secondary-key-file of verbs that create or
 * change what has two keys. */
#ifndef CLI_KEY_PAIR_OPTION_H
#define CLI_KEY_PAIR_OPTION_H

#include <argp.h>

#include "cli/secret.h"

struct key_pair_options {
    struct secret_source primary, secondary;
};

/* A child of a verb's argp; its input is a struct key_pair_options. */
extern const struct argp key_pair_argp;

void key_pair_options_init(struct key_pair_options *o);
bool key_pair_options_given(const struct key_pair_options *o);
/* The keys given into PAIR, which the caller wipes; the others have n == 0. EXIT_CODE_OK, or the
 * user has been told. */
int key_pair_options_read(const struct key_pair_options *o, struct berth_key_pair *pair);

#endif
