/* base/bucket.h - a token bucket in whole numbers: how often something may happen, and how soon
 * again. Time is passed in; going backwards refills nothing. */
#ifndef BERTH_BASE_BUCKET_H
#define BERTH_BASE_BUCKET_H

#include <stdint.h>

#define BERTH_BUCKET_NEVER INT64_MAX /* wait of a bucket that is never refilled */

struct berth_bucket_rule {
    uint32_t capacity; /* tokens of a full bucket: the burst */
    uint32_t per_min;  /* tokens that come back in a minute */
};

struct berth_bucket {
    uint64_t level; /* in parts of a token; bucket.c */
    int64_t at_ms;  /* when LEVEL was true */
};

/* Full. */
void berth_bucket_init(struct berth_bucket *b, const struct berth_bucket_rule *r, int64_t now_ms);
/* 0 when there is a token, else after how many milliseconds there will be one. Takes nothing. */
int64_t berth_bucket_wait(const struct berth_bucket *b, const struct berth_bucket_rule *r,
                          int64_t now_ms);
/* Takes a token and returns 0, or takes nothing and returns the wait. */
int64_t berth_bucket_take(struct berth_bucket *b, const struct berth_bucket_rule *r,
                          int64_t now_ms);

#endif
