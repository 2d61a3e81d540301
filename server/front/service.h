/* front/service.h - the handlers that the service APIs' tables name. Each answers its call in the
 * end. api_ keeps them apart from the command line's functions, which link the same library. */
#ifndef FRONT_SERVICE_H
#define FRONT_SERVICE_H

#include "front/call.h"

/* enrollments.c: groups and individual enrollments share one code path */
void api_enrollment_get(struct call *c);
void api_enrollment_put(struct call *c);
void api_enrollment_delete(struct call *c);
void api_enrollment_query(struct call *c);
void api_enrollment_attestation(struct call *c);
void api_group_get(struct call *c);
void api_group_put(struct call *c);
void api_group_delete(struct call *c);
void api_group_query(struct call *c);
void api_group_attestation(struct call *c);

/* enrollment_settings.c: what berth adds to an enrollment */
void api_enrollment_settings_get(struct call *c);
void api_enrollment_settings_patch(struct call *c);
void api_group_settings_get(struct call *c);
void api_group_settings_patch(struct call *c);

/* dps_registrations.c */
void api_registration_get(struct call *c);
void api_registration_delete(struct call *c);
void api_registration_query(struct call *c);
void api_registration_list(struct call *c);

/* hub_devices.c */
void api_device_get(struct call *c);
void api_device_put(struct call *c);
void api_device_delete(struct call *c);
void api_device_list(struct call *c);

/* hub_query.c */
void api_device_query(struct call *c);

/* hub_twins.c */
void api_twin_get(struct call *c);
void api_twin_patch(struct call *c);
void api_twin_put(struct call *c);

/* berth_hubs.c */
void api_hub_list(struct call *c);
void api_hub_get(struct call *c);
void api_hub_put(struct call *c);
void api_hub_delete(struct call *c);

/* berth_policies.c: the service's and each hub's share one code path */
void api_policy_list(struct call *c);
void api_policy_list_keys(struct call *c);
void api_policy_get(struct call *c);
void api_policy_get_keys(struct call *c);
void api_policy_put(struct call *c);
void api_policy_delete(struct call *c);
void api_policy_regenerate(struct call *c);

/* berth_ca.c */
void api_ca_get(struct call *c);
void api_ca_rollover(struct call *c);

/* berth_refusals.c */
void api_refusal_list(struct call *c);
/* monitor.c */
void api_hub_events(struct call *c);
void api_device_provisioning(struct call *c);
void api_audit_list(struct call *c);

#endif
