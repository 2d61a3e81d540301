#include "net/tls_impl.h"

/* The loop's clock stands still within a turn. A handshake's first part takes a fifth of a
 * millisecond, so these are over before it moves again. */
static bool turn_has_room(struct tls_context *c, struct loop *l)
{
    int64_t now = loop_mono_ms(l);

    if (c->turn_ms != now) {
        c->turn_ms = now;
        c->begun = 0;
    }
    return c->begun < TLS_BEGIN_AT_ONCE;
}

static void note_waiting(const struct tls *t, int by)
{
    if (t->o->waiting != NULL)
        t->o->waiting(t->o->user, by);
}

void tls_queue_leave(struct tls *t)
{
    if (t->prev == NULL)
        return;
    *t->prev = t->next;
    if (t->next != NULL)
        t->next->prev = t->prev;
    else
        t->context->last = t->prev;
    t->next = NULL;
    t->prev = NULL;
    note_waiting(t, -1);
}

static void on_turn(struct deadline *d)
{
    struct tls_context *c =
        (struct tls_context *)(void *)((char *)d - offsetof(struct tls_context, turn));

    while (c->first != NULL && turn_has_room(c, c->first->l.loop)) {
        struct tls *t = c->first;

        tls_queue_leave(t);
        t->admitted = true;
        c->begun++;
        layer_resume(t->l.below);
    }
    if (c->first != NULL)
        deadline_set(c->first->l.loop, d, 0, on_turn);
}

static void join(struct tls_context *c, struct tls *t)
{
    if (c->first == NULL)
        c->last = &c->first;
    t->prev = c->last;
    *c->last = t;
    c->last = &t->next;
    note_waiting(t, 1);
    deadline_set(t->l.loop, &c->turn, 0, on_turn);
}

bool tls_queue_admits(struct tls *t)
{
    struct tls_context *c = t->context;

    if (t->admitted)
        return true;
    if (t->prev != NULL)
        return false;
    if (c->first == NULL && turn_has_room(c, t->l.loop)) {
        c->begun++;
        return t->admitted = true;
    }
    join(c, t);
    return false;
}

bool tls_queue_has(const struct tls *t)
{
    return t->prev != NULL;
}
