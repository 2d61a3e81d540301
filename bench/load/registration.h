/* bench/load/registration.h - a registration as libberth does it: what HTTPS, MQTT and MQTT over
 * WebSocket have in common. */
#ifndef BENCH_LOAD_REGISTRATION_H
#define BENCH_LOAD_REGISTRATION_H

#include "bench/load/dialog.h"
#include "berth/provisioning.h"

/* P asks for a token and its first bytes. */
BERTH_MUST_USE berth_err registration_start(struct berth_prov *p, enum berth_transport transport,
                                            struct fleet *fleet, const struct device *device);
/* D needs what P needs, OUT included. */
void registration_tell(const struct berth_prov *p, struct dialog *d);

#endif
