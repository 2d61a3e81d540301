/* cli/provisioned.h - whom a device of a hub was provisioned for, and who stands for it too. */
#ifndef CLI_PROVISIONED_H
#define CLI_PROVISIONED_H

#include "berth/registration_id.h"
#include "cli/api.h"

/* "" for what is not known. */
struct provisioned {
    char registration[BERTH_ID_MAX + 1];
    char other[BERTH_ID_MAX + 1];
};

/* As api_call; nothing is known of a device that is not there. */
int provisioned_ask(struct api *a, const char *hub, const char *device_id, struct provisioned *out);
/* Warns of a device with two registrations. */
void provisioned_warn(const struct provisioned *p, const char *hub, const char *device_id);

#endif
