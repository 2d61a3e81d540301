/* front/search.h - paces the searches for a device's group. Each costs as much as there are groups,
 * and anybody can ask for one with a token that nobody made: so they share a budget of their own,
 * and devices that need none are not kept waiting. */
#ifndef FRONT_SEARCH_H
#define FRONT_SEARCH_H

#include "base/bucket.h"
#include "net/listener.h"
#include "net/loop.h"

/* Steps of BERTH_SEARCH_STEP groups each, 0.13 ms of work: a tenth of a loop's time. */
#define SEARCH_PER_MIN   46000
#define SEARCH_BURST     400 /* steps at once: 10,000 groups, each under two spellings of the ID */
#define SEARCHES_MAX     64  /* waiting; more are turned away */
#define SEARCHES_OF_PEER 8   /* likewise, of one address */

/* Embedded in its owner. */
struct search {
    struct search *next, **prev; /* prev NULL: does not wait */
    const struct peer *peer;
    void (*go_on)(struct search *s);
};

struct searches {
    struct loop *loop;
    struct search *first, **last;
    size_t count;
    struct berth_bucket bucket;
    struct deadline due;
};

void searches_init(struct searches *q, struct loop *loop);
void searches_deinit(struct searches *q);

/* Has S go on in a later turn of the loop, at the end of the queue unless FIRST. False: there are
 * too many. */
bool search_wait(struct searches *q, struct search *s, bool first);
/* Safe when it does not wait. */
void search_leave(struct searches *q, struct search *s);

#endif
