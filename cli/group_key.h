/* cli/group_key.h - an enrollment group's key, asked from the service. */
#ifndef CLI_GROUP_KEY_H
#define CLI_GROUP_KEY_H

#include "cli/api.h"

/* GROUP's (a checked ID) primary key, or its SECONDARY one, into KEY, which the caller wipes.
 * EXIT_CODE_OK, or the user has been told. */
int group_key_ask(struct api *a, const char *group, bool secondary, struct berth_key *key);

#endif
