#include "base/arena.h"

#include <stdalign.h>
#include <string.h>

#include "base/ascii.h"

void berth_arena_init(struct berth_arena *a, void *storage, size_t size)
{
    *a = (struct berth_arena){ .p = storage, .max = size };
}

void berth_arena_reset(struct berth_arena *a)
{
    a->n = 0;
}

/* How many bytes to skip so that the next one is aligned for anything. */
static size_t padding(const struct berth_arena *a)
{
    size_t align = alignof(max_align_t);

    return (align - (uintptr_t)(a->p + a->n) % align) % align;
}

void *berth_arena_alloc(struct berth_arena *a, size_t n)
{
    size_t skip = padding(a);
    void *p;

    if (skip > a->max - a->n || n > a->max - a->n - skip)
        return NULL;
    p = a->p + a->n + skip;
    memset(p, 0, n);
    a->n += skip + n;
    return p;
}

berth_err berth_arena_dup(struct berth_arena *a, berth_str s, berth_str *out)
{
    char *p = (char *)a->p + a->n;

    *out = (berth_str){ 0 };
    if (s.n > a->max - a->n)
        return BERTH_E_FULL;
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    a->n += s.n;
    *out = s.p == NULL ? s : (berth_str){ p, s.n };
    return BERTH_OK;
}

berth_err berth_arena_lower(struct berth_arena *a, berth_str s, berth_str *out)
{
    char *p = (char *)a->p + a->n;
    berth_err e = berth_arena_dup(a, s, out);

    if (e != BERTH_OK)
        return e;
    for (size_t i = 0; i < s.n; i++)
        p[i] = ascii_lower(p[i]);
    return BERTH_OK;
}

void berth_arena_lend(struct berth_arena *a, struct berth_buf *b)
{
    berth_buf_init(b, a->p + a->n, a->max - a->n);
}

berth_err berth_arena_keep(struct berth_arena *a, const struct berth_buf *b, berth_str *out)
{
    berth_err e = berth_buf_done(b, out);

    if (e == BERTH_OK)
        a->n += out->n;
    return e;
}
