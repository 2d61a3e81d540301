/* bench/load/engine.h - runs a load: begins connections as they are due, waits for events, counts
 * what became of each. One thread. */
#ifndef BENCH_LOAD_ENGINE_H
#define BENCH_LOAD_ENGINE_H

#include <signal.h>

#include "bench/load/tally.h"

struct engine;

/* O and FLEET are borrowed. On error PROBLEM has words for whoever started the load. */
BERTH_MUST_USE berth_err engine_new(const struct load_options *o, struct fleet *fleet,
                                    struct engine **out, char *problem, size_t problem_size);
/* Until the last has ended, or *STOP is set: then no more begin. */
void engine_run(struct engine *e, const volatile sig_atomic_t *stop, struct tally *t);
/* Connections that stay. */
uint64_t engine_held(const struct engine *e);
/* Keeps them until FD has something to read, or its end; then says goodbye to all. */
void engine_hold(struct engine *e, int fd, const volatile sig_atomic_t *stop, struct tally *t);
void engine_free(struct engine *e);

#endif
