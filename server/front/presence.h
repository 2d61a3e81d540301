/* front/presence.h - when devices were connected and last active, written into their records: late,
 * a few at a time, never for each message. Whether a device is connected now is not written: the
 * table of sessions knows, and after a crash nobody is. */
#ifndef FRONT_PRESENCE_H
#define FRONT_PRESENCE_H

#include "front/front.h"
#include "hub/device.h"

#define PRESENCE_DELAY_MS 2000  /* notes are gathered for so long */
#define PRESENCE_AT_ONCE  64    /* records read and written at one time, by one loop */
#define PRESENCE_MAX      65536 /* notes that wait; the rest is lost */

struct presence;

BERTH_MUST_USE berth_err presence_new(struct front *f, struct presence **out);
/* Forgets what waits. After the store's port was detached. */
void presence_free(struct presence *p);

/* CONNECTION_MS: when the device's connection came or went; BERTH_TIME_NEVER: it did neither. */
void presence_note(struct presence *p, berth_str hub, berth_str device_id, int64_t connection_ms,
                   int64_t active_ms);
/* Writes what waits without delay. */
void presence_hurry(struct presence *p);
bool presence_is_idle(const struct presence *p);

/* Sets what is true of D now: connected, and since when. */
void presence_show(struct front *f, struct berth_hub_device *d);

#endif
