/* front/forensics.h - a thread that looks into refused tokens after their answers have left: its
 * own crypto, its own door to the store, its own copy of the groups' keys. Bounded in work and
 * memory: what comes too fast is not looked into. */
#ifndef FRONT_FORENSICS_H
#define FRONT_FORENSICS_H

#include "front/refusals.h"
#include "prov/attest.h"
#include "store/store.h"

#define FORENSICS_QUEUE_MAX  64  /* refusals waiting */
#define FORENSICS_BURST      60  /* refusals looked into at once .. */
#define FORENSICS_PER_MIN    600 /* .. and by the minute */
#define FORENSICS_TRIES_MAX  96  /* keys tried for one refusal: 7 ms of work */
#define FORENSICS_FORMER_MAX 64  /* keys that groups had; the oldest makes room */

struct forensics;

typedef berth_err forensics_attach(struct store *s, const struct store_attach *a,
                                   struct store_port **out);

struct forensics_options {
    struct store *store;
    forensics_attach *attach;
    struct refusals *refusals; /* borrowed for the thread's life */
    int64_t (*mono_ms)(void);  /* NULL: the machine's clock */
};

struct forensics_counts {
    uint64_t matched, unmatched, dropped;
};

/* Starts the thread. */
BERTH_MUST_USE berth_err forensics_start(const struct forensics_options *o, struct forensics **out);
/* Ends it; what waits is forgotten. NULL is fine. */
void forensics_stop(struct forensics *f);

/* Whether a refusal for WHY has anything to look into. */
bool forensics_can_help(enum berth_reason why);
/* Any thread; F may be NULL. Copies what it needs. What does not fit the bounds is noted as
 * skipped.
 */
void forensics_submit(struct forensics *f, struct refusal_handle h,
                      const struct berth_registration_request *req, enum berth_reason why,
                      int64_t now_ms);
void forensics_count(struct forensics *f, struct forensics_counts *out);

#endif
