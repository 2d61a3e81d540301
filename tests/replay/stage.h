/* stage.h - berth as the captured clients met a service: the names, keys and records that their
 * bytes speak of, and a clock and random bytes that are the harness's. */
#ifndef TESTS_REPLAY_STAGE_H
#define TESTS_REPLAY_STAGE_H

#include "net/http.h"
#include "unit/rig_front.h"

#define STAGE_HUB     "127.0.0.2" /* whom devices are assigned to */
#define STAGE_SERVICE "localhost" /* whom service clients ask, also as a hub */
#define STAGE_DEVICE  "dev1"
#define STAGE_KEY     "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
/* The UUID of every operation ID here, as it was on the day of the captures. */
#define STAGE_UUID         "11111111-2222-3333-4444-555555555555"
#define STAGE_OPERATION_ID "4.0000000000000000." STAGE_UUID /* in the captured bytes */

struct stage {
    struct front_rig front;
    struct http_options http;
};

/* The registry as the service's owner finds it on the first day: one hub, its policies and the
 * service's. */
void stage_open(struct stage *s, int64_t now_ms, struct limits_rates rates);
void stage_close(struct stage *s);

/* The individual enrollment of STAGE_DEVICE: its key, its hub, desired properties {"interval":30}.
 */
void stage_enroll(struct stage *s, bool assigning_first);
/* STAGE_DEVICE in a hub, as that hub's service clients made it. */
void stage_put_device(struct stage *s, const char *hub);
/* What STAGE_HUB's devices sent, as JSON. Static storage. */
const char *stage_events(struct stage *s);
/* What the next operation will be called. */
void stage_operation_id(struct stage *s, char out[BERTH_OPERATION_ID_SIZE]);

#endif
