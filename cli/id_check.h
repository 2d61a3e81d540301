/* cli/id_check.h - IDs on the command line: one that breaks the rules is told with the rules. */
#ifndef CLI_ID_CHECK_H
#define CLI_ID_CHECK_H

#include <argp.h>

#define ID_CHECK_RULES                                                                             \
    "an ID has letters (a-z, A-Z), digits and - . _ : and ends in a letter, a digit or -"

/* End the process with EXIT_CODE_USAGE when ID breaks the rules of registration IDs and group IDs,
 * or those of device IDs. OPTION gave it; NULL: an argument. */
void id_check_registration(struct argp_state *state, const char *option, const char *id);
void id_check_device(struct argp_state *state, const char *option, const char *id);

#endif
