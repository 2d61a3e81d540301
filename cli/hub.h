/* cli/hub.h - what the verbs of berth hub have in common. */
#ifndef CLI_HUB_H
#define CLI_HUB_H

#include "cli/options.h"

#define HUB_WEIGHT_MAX 1000

/* Ends the process with EXIT_CODE_USAGE when NAME is missing or no host name. */
void hub_check_name(struct argp_state *state, const char *name);

#endif
