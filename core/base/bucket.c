#include "base/bucket.h"

/* With 60000 parts to a token, a rule of n tokens a minute gives back n parts each millisecond:
 * no fraction is ever lost. */
#define TOKEN 60000u

static uint64_t level_at(const struct berth_bucket *b, const struct berth_bucket_rule *r,
                         int64_t now_ms)
{
    uint64_t full = (uint64_t)r->capacity * TOKEN;
    uint64_t missing = b->level < full ? full - b->level : 0;
    uint64_t elapsed = now_ms > b->at_ms ? (uint64_t)now_ms - (uint64_t)b->at_ms : 0;

    if (missing == 0)
        return full;
    if (r->per_min == 0)
        return b->level;
    if (elapsed > missing / r->per_min)
        return full;
    return b->level + elapsed * r->per_min;
}

static int64_t wait_for_token(uint64_t level, const struct berth_bucket_rule *r)
{
    if (level >= TOKEN)
        return 0;
    if (r->per_min == 0 || r->capacity == 0)
        return BERTH_BUCKET_NEVER;
    return (int64_t)((TOKEN - level + r->per_min - 1) / r->per_min);
}

void berth_bucket_init(struct berth_bucket *b, const struct berth_bucket_rule *r, int64_t now_ms)
{
    *b = (struct berth_bucket){ .level = (uint64_t)r->capacity * TOKEN, .at_ms = now_ms };
}

int64_t berth_bucket_wait(const struct berth_bucket *b, const struct berth_bucket_rule *r,
                          int64_t now_ms)
{
    return wait_for_token(level_at(b, r, now_ms), r);
}

int64_t berth_bucket_take(struct berth_bucket *b, const struct berth_bucket_rule *r, int64_t now_ms)
{
    uint64_t level = level_at(b, r, now_ms);
    int64_t wait_ms = wait_for_token(level, r);

    b->level = wait_ms == 0 ? level - TOKEN : level;
    if (now_ms > b->at_ms)
        b->at_ms = now_ms;
    return wait_ms;
}
