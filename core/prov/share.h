/* prov/share.h - two registrations that stand for one device of a hub. DPS accepts that, and so
 * does berth: the one that comes last has the device. It must not go unnoticed. */
#ifndef BERTH_PROV_SHARE_H
#define BERTH_PROV_SHARE_H

#include "hub/device.h"
#include "prov/registration.h"

/* The registration beside MINE that D may stand for: the one it was provisioned for, or the one
 * before. Empty when none is known. */
berth_str berth_share_other(const struct berth_hub_device *d, berth_str mine);

/* Whether R still is a registration of the device: its record says so, and its enrollment lets it
 * come back. ENROLLMENT is the individual one under R's ID, NULL when there is none. */
bool berth_share_stands(const struct berth_registration *r, const struct berth_record *enrollment,
                        berth_str hub, berth_str device_id);

#endif
