/* front/common.h - what all loops of the process share besides the store and the configuration:
 * what is true of the moment, and is not kept. */
#ifndef FRONT_COMMON_H
#define FRONT_COMMON_H

#include "front/audit.h"
#include "front/hub_events.h"
#include "front/sessions.h"

struct common {
    struct sessions *sessions;
    struct hub_events *events;
    struct audit *audit;
};

/* BEGIN: of the sequences of events, see hub_events_new. */
BERTH_MUST_USE berth_err common_init(struct common *c, uint64_t begin);
/* After the last loop has gone; safe twice, and after an error. */
void common_deinit(struct common *c);

#endif
