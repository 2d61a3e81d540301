/* tests/store/fake_store.h - a store in memory that behaves as badly as one may: it delays,
 * reorders and fails completions, by a seeded generator, so that a failing test fails again. Time
 * passes only in fake_store_step. For tests of whatever stands on server/store/store.h. */
#ifndef TESTS_STORE_FAKE_STORE_H
#define TESTS_STORE_FAKE_STORE_H

#include "store/store.h"

struct fake_store;

/* All zero: everything is carried out in the call and told by the next deliver, in order. */
struct fake_options {
    uint64_t seed;
    unsigned
        delay_max; /* steps from a call to its effect, and again to its completion: 0 to this */
    bool reorder;  /* a later call may overtake an earlier one */
    unsigned fail_percent; /* calls that fail without an effect */
    unsigned lie_percent;  /* commits that happen and yet are told as failed: a connection lost
                              during COMMIT */
};

struct fake_store *fake_store_new(const struct fake_options *o);
/* After every port was detached. */
void fake_store_free(struct fake_store *f);
/* From the next call on; the generator goes on. */
void fake_store_set(struct fake_store *f, const struct fake_options *o);

BERTH_MUST_USE berth_err fake_store_attach(struct fake_store *f, const struct store_attach *a,
                                           struct store_port **out);

/* One unit of time, any thread. Wakes ports that have something due. */
void fake_store_step(struct fake_store *f);
/* Calls whose completion is not yet due. */
size_t fake_store_under_way(struct fake_store *f);

#endif
