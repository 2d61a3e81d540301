/* bench/load/latency.h - how long things took, as counts in steps of under 1.6 %: quantiles of any
 * number of measurements in fixed memory. */
#ifndef BENCH_LOAD_LATENCY_H
#define BENCH_LOAD_LATENCY_H

#include <stdint.h>

#define LATENCY_STEPS   64 /* between one power of two and the next */
#define LATENCY_POWERS  32 /* up to 2^37 us */
#define LATENCY_BUCKETS (LATENCY_STEPS * LATENCY_POWERS)

struct latency {
    uint64_t count;
    int64_t max_us;
    uint64_t buckets[LATENCY_BUCKETS];
};

void latency_add(struct latency *l, int64_t us);
/* The least time that Q (0 to 1) of all did not exceed; 0 when there are none. */
int64_t latency_quantile(const struct latency *l, double q);

#endif
