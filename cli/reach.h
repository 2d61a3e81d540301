/* cli/reach.h - the address of a daemon whose name is not known to this machine. */
#ifndef CLI_REACH_H
#define CLI_REACH_H

#include "cli/profile.h"

/* What to connect to for PLACE's own name: the name, or "localhost" when the name cannot be
 * resolved and a profile tells of a daemon on this machine: a trial needs no DNS. */
const char *reach_host(const struct profile *place);

#endif
