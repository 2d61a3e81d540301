/* cli/device.h - what the verbs of berth device have in common. */
#ifndef CLI_DEVICE_H
#define CLI_DEVICE_H

#include "berth/registration_id.h"
#include "cli/verb.h"

#define DEVICE_WHAT_MAX (BERTH_ID_MAX + LOGIN_HOST_MAX + 32)

/* Ends the process with EXIT_CODE_USAGE when ID is missing or breaks the rules. */
void device_check_id(struct argp_state *state, const char *id);
/* "device \"a\" in hub b" */
const char *device_what(const char *id, const struct login *hub, char out[DEVICE_WHAT_MAX]);
/* When CODE is that a device was not found, and no hub was named, says in which hub it is as far as
 * its registration tells. Returns CODE. */
int device_say_where(struct api *a, const struct verb_input *in, const struct login *hub, int code);
/* The keys in an identity: what is hidden unless asked for. */
struct berth_json device_keys_of(struct berth_json device);

#endif
