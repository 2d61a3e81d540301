/* front/call.h - one service request on its way through the store: arena, tracking ID, answers in
 * the DPS and the hub dialect. */
#ifndef FRONT_CALL_H
#define FRONT_CALL_H

#include "base/arena.h"
#include "base/reason.h"
#include "front/front.h"
#include "net/http.h"

#define CALL_ARENA_SIZE (1024 * 1024)

enum call_dialect { CALL_DPS, CALL_HUB };

/* Lives from call_new to its answer. When the client goes away first, the call lives on without
 * exchange and its answer is dropped, so store callbacks never meet a freed call. */
struct call {
    struct front *f;
    struct http_exchange *x; /* NULL once abandoned */
    enum call_dialect dialect;
    struct berth_arena arena;
    char tracking[FRONT_TRACKING_SIZE];
    berth_str segments[8]; /* path segments, percent-decoded, in the arena */
    size_t segment_count;
    int step;    /* free for the handler's use */
    void *state; /* in the arena */
};

/* NULL after answering 503 itself. */
struct call *call_new(struct front *f, struct http_exchange *x, enum call_dialect dialect);

/* Each answers, logs and ends the call. */
void call_json(struct call *c, int status, berth_str body, const struct http_header *headers,
               size_t count);
void call_empty(struct call *c, int status);
/* MESSAGE absent: the reason's own. DPS: {"errorCode",..}; hub:
 * {"Message":"ErrorCode:Name;text",..} and iothub-errorcode. */
void call_refuse(struct call *c, enum berth_reason why, berth_str message);

/* Room in the call's arena for an answer body. */
void call_body(struct call *c, struct berth_buf *b);

/* True when the request's SAS token allows one of RIGHTS for HUB (its key; empty: the provisioning
 * service); else refuses and ends the call. */
bool call_allowed(struct call *c, berth_str hub, unsigned rights);

#endif
