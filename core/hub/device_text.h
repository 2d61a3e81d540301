/* hub/device_text.h - the words of a device's enumerations, the same on the wire and at rest. */
#ifndef BERTH_HUB_DEVICE_TEXT_H
#define BERTH_HUB_DEVICE_TEXT_H

#include "hub/device.h"
#include "wire/json.h"

/* "selfSigned" */
berth_str berth__hub_device_auth_text(enum berth_hub_device_auth auth);
/* Case does not count. BERTH_E_SYNTAX for other words. */
BERTH_MUST_USE berth_err berth__hub_device_auth_parse(berth_str text,
                                                      enum berth_hub_device_auth *out);

/* The members that identity and twin documents share: null where nothing is set. */
void berth__hub_device_put_connection(struct berth_json_out *j, const struct berth_hub_device *d);
void berth__hub_device_put_thumbprints(struct berth_json_out *j, const struct berth_hub_device *d);
void berth__hub_device_put_edge(struct berth_json_out *j, const struct berth_hub_device *d);
void berth__hub_device_put_etag(struct berth_json_out *j, const char *name, uint64_t revision);

#endif
