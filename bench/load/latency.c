#include "bench/load/latency.h"

#include <stddef.h>

/* Below 64 us each has a bucket; above, the six bits behind the highest one choose the step. */
static size_t bucket_of(int64_t us)
{
    uint64_t v = us < 0 ? 0 : (uint64_t)us;
    unsigned power;
    size_t i;

    if (v < LATENCY_STEPS)
        return (size_t)v;
    power = 63u - (unsigned)__builtin_clzll(v);
    i = (power - 5) * LATENCY_STEPS + (size_t)((v >> (power - 6)) - LATENCY_STEPS);
    return i < LATENCY_BUCKETS ? i : LATENCY_BUCKETS - 1;
}

/* The greatest time that falls into bucket I. */
static int64_t end_of(size_t i)
{
    size_t power = i / LATENCY_STEPS, step = i % LATENCY_STEPS;

    if (power == 0)
        return (int64_t)i;
    return (int64_t)((LATENCY_STEPS + step + 1) << (power - 1)) - 1;
}

void latency_add(struct latency *l, int64_t us)
{
    l->buckets[bucket_of(us)]++;
    l->count++;
    if (us > l->max_us)
        l->max_us = us;
}

int64_t latency_quantile(const struct latency *l, double q)
{
    uint64_t seen = 0, wanted = (uint64_t)(q * (double)l->count);

    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        seen += l->buckets[i];
        if (seen > wanted || (seen == l->count && seen > 0))
            return end_of(i) < l->max_us ? end_of(i) : l->max_us;
    }
    return 0;
}
