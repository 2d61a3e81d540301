/* bench/load/tally.h - what became of a load. */
#ifndef BENCH_LOAD_TALLY_H
#define BENCH_LOAD_TALLY_H

#include "bench/load/conn.h"
#include "bench/load/latency.h"
#include "bench/load/options.h"

struct tally_failure {
    uint64_t count;
    char first[DIALOG_WHY_MAX + 64];
};

struct tally {
    uint64_t done, failed;
    struct tally_failure failures[FAILURES];
    struct latency all, of_part[OPTIONS_MIX_MAX];
    struct latency late; /* how long after it was due each began */
    int64_t wall_us;
    int64_t cpu_us;         /* this process's, user and system, during the load */
    int64_t process_cpu_us; /* with what came before */
    uint64_t behind;        /* the most that were due and not begun, for lack of connections */
};

const char *failure_name(enum failure f);
/* C has ended, or is held. A refusal counts as served when that is what was to be seen. */
void tally_add(struct tally *t, const struct conn *c, bool expect_refusal);
/* Share of one core that this program used. */
double tally_share(const struct tally *t);
/* It was so large that rate and latencies are this program's own limit. */
bool tally_is_saturated(const struct tally *t);

void tally_print(const struct tally *t, const struct load_options *o);
void tally_print_json(const struct tally *t, const struct load_options *o);

#endif
