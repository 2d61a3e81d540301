/* front/if_match.h - what a request's If-Match asks of a record. */
#ifndef FRONT_IF_MATCH_H
#define FRONT_IF_MATCH_H

#include "base/record.h"
#include "front/call.h"

/* Stands for an etag that no record ever has. */
#define IF_MATCH_NEVER (UINT64_MAX - 2)

/* BERTH_ANY without If-Match, BERTH_PRESENT for a star, else the version or revision that PARSE
 * reads. */
static inline uint64_t if_match(const struct call *c, uint64_t (*parse)(berth_str header))
{
    uint64_t v;

    if (c->if_match.p == NULL)
        return BERTH_ANY;
    v = parse(c->if_match);
    return v == BERTH_ANY || v == BERTH_ABSENT ? IF_MATCH_NEVER : v;
}

/* Whether the client named one etag, so that another is for it to judge. */
static inline bool if_match_is_etag(uint64_t v)
{
    return v != BERTH_ANY && v != BERTH_PRESENT;
}

#endif
