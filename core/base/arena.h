/* base/arena.h - memory that lives until a request ends: handed out in order, given back all at
 * once. */
#ifndef BERTH_BASE_ARENA_H
#define BERTH_BASE_ARENA_H

#include "berth/buf.h"
#include "berth/str.h"

struct berth_arena {
    unsigned char *p;
    size_t n;
    size_t max;
};

/* STORAGE of SIZE bytes is borrowed for the arena's life. */
void berth_arena_init(struct berth_arena *a, void *storage, size_t size);
void berth_arena_reset(struct berth_arena *a);

/* N zeroed bytes aligned for any object, or NULL when the arena is exhausted. */
void *berth_arena_alloc(struct berth_arena *a, size_t n);
/* A copy of S; absent stays absent, empty needs no room. BERTH_E_FULL leaves *OUT absent. */
BERTH_MUST_USE berth_err berth_arena_dup(struct berth_arena *a, berth_str s, berth_str *out);
/* The same with ASCII letters in lower case: the lookup form of an ID. */
BERTH_MUST_USE berth_err berth_arena_lower(struct berth_arena *a, berth_str s, berth_str *out);

/* Lends all that is left as a buffer; berth_arena_keep then claims what was written. Nothing else
 * may be taken from the arena between the two. */
void berth_arena_lend(struct berth_arena *a, struct berth_buf *b);
BERTH_MUST_USE berth_err berth_arena_keep(struct berth_arena *a, const struct berth_buf *b,
                                          berth_str *out);

#endif
