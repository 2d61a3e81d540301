/* front/dev.h - what `berth dev` adds to the service for tests of firmware, and `berth serve` never
 * has (its front's DEV is NULL): faults of single devices, refusals whose message names the cause.
 */
#ifndef FRONT_DEV_H
#define FRONT_DEV_H

#include <stdatomic.h>

#include "berth/registration_id.h"
#include "front/front.h"
#include "net/listener.h"
#include "ops/seed.h"
#include "prov/operation.h"

#define DEV_DELAY_MAX_MS  (10 * 60 * 1000)
#define DEV_THROTTLES_MAX 1000000
#define DEV_DROP_MAX      1000000 /* bytes */

enum dev_fault_kind {
    DEV_DELAY,     /* each answer comes so much later */
    DEV_REFUSE,    /* for REASON, whatever the device sends */
    DEV_THROTTLE,  /* 429 with Retry-After, so many times or always */
    DEV_DROP,      /* the registration is carried out; its answer ends after so many bytes */
    DEV_ASSIGNING, /* never more than "assigning" */
};

struct dev_fault {
    char id[BERTH_ID_MAX + 1]; /* registration ID, without regard to case */
    enum dev_fault_kind kind;
    int64_t delay_ms;
    enum berth_reason reason;
    _Atomic int throttles; /* still to come; negative: without end */
    int retry_after_s;
    size_t drop_after;
};

struct dev {
    struct dev_fault faults[SEED_FAULTS_MAX];
    size_t count;
};

/* "REGISTRATION-ID:KIND[=VALUE]" as in docs/dev.md. BERTH_E_SYNTAX, BERTH_E_RANGE or BERTH_E_FULL
 * with cause and remedy in PROBLEM. */
BERTH_MUST_USE berth_err dev_add_fault(struct dev *d, berth_str text, char *problem,
                                       size_t problem_size);

/* What becomes of a request that has met its device's faults. */
struct dev_verdict {
    int64_t delay_ms;
    bool answers; /* ANSWER is told; nothing is decided */
    struct berth_answer answer;
};
/* F has a DEV. PEER is the connection's own, by which it is found; views in OUT borrow from REQ. */
void dev_meet(struct front *f, const struct peer *peer,
              const struct berth_registration_request *req, struct dev_verdict *out);

/* The reason with cause and remedy, static; absent without a DEV, so that the wire stays as it is.
 */
berth_str dev_message(const struct dev *d, enum berth_reason why);
/* Of a fault: its reason, and that nothing is to be mended but the fault. Static. */
berth_str dev_injected(enum berth_reason why);

/* A layer for BELOW that can end its connection in the middle of an answer, with what MAKE(USER)
 * puts upon it; NULL when either cannot be made. */
struct layer *dev_layer_new(struct front *f, struct layer *below,
                            struct layer *(*make)(void *user, struct layer *below), void *user);
/* The connection of PEER ends after BYTES more bytes of ours. */
void dev_layer_arm(struct front *f, const struct peer *peer, size_t bytes);

#endif
