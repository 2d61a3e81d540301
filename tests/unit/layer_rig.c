#include "tests/unit/layer_rig.h"

#include <stdlib.h>
#include <string.h>

void rig_bytes_add(struct rig_bytes *b, const void *p, size_t n)
{
    if (b->n + n > b->cap) {
        b->cap = 2 * (b->n + n);
        b->p = realloc(b->p, b->cap);
        if (b->p == NULL)
            abort();
    }
    if (n > 0)
        memcpy(b->p + b->n, p, n);
    b->n += n;
}

void rig_bytes_free(struct rig_bytes *b)
{
    free(b->p);
    *b = (struct rig_bytes){ 0 };
}

static void bytes_skip(struct rig_bytes *b, size_t n)
{
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

static size_t write_down(struct layer *l, const uint8_t *p, size_t n)
{
    struct rig *r = (struct rig *)(void *)l;
    size_t taken = n < r->capacity ? n : r->capacity;

    if (r->close_wanted || r->closed)
        return n;
    rig_bytes_add(&r->out, p, taken);
    if (r->capacity != RIG_ALL)
        r->capacity -= taken;
    if (taken < n)
        r->starved = true;
    return taken;
}

static void resume(struct layer *l)
{
    ((struct rig *)(void *)l)->resumed = true;
}

static void close_down(struct layer *l)
{
    struct rig *r = (struct rig *)(void *)l;

    r->close_wanted = true;
    r->closes++;
}

static const struct layer_ops rig_ops = {
    .write = write_down,
    .resume = resume,
    .close = close_down,
};

void rig_init(struct rig *r, struct loop *l)
{
    *r = (struct rig){ .l = { .ops = &rig_ops, .loop = l }, .capacity = RIG_ALL };
}

void rig_deinit(struct rig *r)
{
    rig_bytes_free(&r->out);
    rig_bytes_free(&r->in);
}

/* Hands over an exact-size copy, so that a sanitizer sees a layer that reads or keeps too much. */
static void hand_over(struct rig *r)
{
    uint8_t *copy = malloc(r->in.n > 0 ? r->in.n : 1);
    size_t n = r->in.n;

    if (copy == NULL)
        abort();
    memcpy(copy, r->in.p, n);
    size_t used = layer_input(r->l.above, copy, n);
    free(copy);
    if (used > n)
        abort();
    bytes_skip(&r->in, used);
}

void rig_offer(struct rig *r, const void *p, size_t n)
{
    bool waiting = r->in.n > 0;

    if (r->close_wanted || r->closed || n == 0)
        return;
    rig_bytes_add(&r->in, p, n);
    if (!waiting)
        hand_over(r);
}

void rig_event(struct rig *r)
{
    uv_run(loop_uv(r->l.loop), UV_RUN_NOWAIT);
    if (r->closed)
        return;
    if (r->close_wanted) {
        rig_close(r);
    } else if (r->resumed) {
        r->resumed = false;
        if (r->in.n > 0)
            hand_over(r);
    }
}

void rig_turn(struct rig *r)
{
    for (int i = 0; i < 100; i++)
        rig_event(r);
}

void rig_drain(struct rig *r, size_t n)
{
    r->capacity = n == RIG_ALL ? RIG_ALL : r->capacity + n;
    if (!r->starved || r->close_wanted || r->closed)
        return;
    r->starved = false;
    r->l.above->ops->writable(r->l.above);
}

void rig_close(struct rig *r)
{
    if (r->closed)
        return;
    r->closed = true;
    r->l.above->ops->closed(r->l.above);
}

void rig_end(struct rig *r)
{
    if (!r->close_wanted && !r->closed && !layer_ended(r->l.above))
        close_down(&r->l);
}

void rig_forget(struct rig *r)
{
    r->out.n = 0;
}

static size_t top_input(struct layer *l, const uint8_t *p, size_t n)
{
    struct rig_top *t = (struct rig_top *)(void *)l;
    size_t taken = n < t->appetite ? n : t->appetite;

    t->inputs++;
    if (t->write_in_input)
        (void)layer_write(l->below, "w", 1);
    if (t->close_in_input)
        layer_close(l->below);
    rig_bytes_add(&t->got, p, taken);
    if (t->appetite != RIG_ALL)
        t->appetite -= taken;
    return taken;
}

static void top_writable(struct layer *l)
{
    ((struct rig_top *)(void *)l)->writables++;
}

static void top_ended(struct layer *l)
{
    struct rig_top *t = (struct rig_top *)(void *)l;

    t->ends++;
    if (!t->owes)
        layer_close(l->below);
}

static void top_closed(struct layer *l)
{
    ((struct rig_top *)(void *)l)->closes++;
}

static const struct layer_ops top_ops = {
    .input = top_input,
    .writable = top_writable,
    .ended = top_ended,
    .closed = top_closed,
};

void rig_top_init(struct rig_top *t, struct layer *below)
{
    *t = (struct rig_top){ .l = { .ops = &top_ops, .below = below, .loop = below->loop },
                           .appetite = RIG_ALL };
}

void rig_top_deinit(struct rig_top *t)
{
    rig_bytes_free(&t->got);
}
