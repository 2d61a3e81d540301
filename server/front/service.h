/* front/service.h - the handlers that the service APIs' tables name. Each answers its call in the
 * end. */
#ifndef FRONT_SERVICE_H
#define FRONT_SERVICE_H

#include "front/call.h"

/* enrollments.c: groups and individual enrollments share one code path */
void enrollment_get(struct call *c);
void enrollment_put(struct call *c);
void enrollment_delete(struct call *c);
void enrollment_query(struct call *c);
void enrollment_attestation(struct call *c);
void group_get(struct call *c);
void group_put(struct call *c);
void group_delete(struct call *c);
void group_query(struct call *c);
void group_attestation(struct call *c);

/* enrollment_settings.c: what berth adds to an enrollment */
void enrollment_settings_get(struct call *c);
void enrollment_settings_patch(struct call *c);
void group_settings_get(struct call *c);
void group_settings_patch(struct call *c);

/* dps_registrations.c */
void registration_get(struct call *c);
void registration_delete(struct call *c);
void registration_query(struct call *c);
void registration_list(struct call *c);

/* hub_devices.c */
void device_get(struct call *c);
void device_put(struct call *c);
void device_delete(struct call *c);
void device_list(struct call *c);

/* hub_twins.c */
void twin_get(struct call *c);
void twin_patch(struct call *c);
void twin_put(struct call *c);

/* berth_hubs.c */
void hub_list(struct call *c);
void hub_get(struct call *c);
void hub_put(struct call *c);
void hub_list_keys(struct call *c);
void service_list_keys(struct call *c);

#endif
