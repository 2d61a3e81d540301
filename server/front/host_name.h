/* front/host_name.h - which names a hub may have. */
#ifndef FRONT_HOST_NAME_H
#define FRONT_HOST_NAME_H

#include <stdbool.h>

#include "ops/config.h"

/* A DNS name of at least two labels, an IP address, or one of the daemon's own names. NAME is in
 * lower case. Dots are what the C SDK splits hub names at. */
bool host_name_is_valid(const char *name, const struct config *config);

#endif
