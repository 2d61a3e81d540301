#include "net/loop_impl.h"

static int64_t ticks_down(int64_t ms)
{
    return ms / LOOP_TICK_MS;
}

static void push(struct deadline **list, struct deadline *d)
{
    d->next = *list;
    if (d->next != NULL)
        d->next->prev = &d->next;
    d->prev = list;
    *list = d;
}

/* Moves a whole list, so that what is added while it is worked off waits for the next time. */
static void move(struct deadline **from, struct deadline **to)
{
    *to = *from;
    *from = NULL;
    if (*to != NULL)
        (*to)->prev = to;
}

static struct deadline **slot_of(struct wheel *w, int64_t tick)
{
    return &w->slots[tick % WHEEL_SLOTS];
}

static void mark(struct wheel *w, int64_t tick)
{
    int64_t i = tick % WHEEL_SLOTS;

    w->used[i / 64] |= 1ull << (i % 64);
}

/* deadline_clear knows no loop, so a slot's bit outlives its last deadline until it is asked. */
static bool slot_used(struct wheel *w, int64_t tick)
{
    int64_t i = tick % WHEEL_SLOTS;

    if ((w->used[i / 64] >> (i % 64) & 1) == 0)
        return false;
    if (w->slots[i] != NULL)
        return true;
    w->used[i / 64] &= ~(1ull << (i % 64));
    return false;
}

static int64_t next_used(struct wheel *w)
{
    int64_t tick = w->tick + 1;
    int64_t end = w->tick + WHEEL_SLOTS;

    while (tick <= end) {
        if (tick % 64 == 0 && w->used[tick % WHEEL_SLOTS / 64] == 0) {
            tick += 64;
            continue;
        }
        if (slot_used(w, tick))
            return tick;
        tick++;
    }
    return WHEEL_NEVER;
}

static void on_timer(uv_timer_t *timer);

static void arm(struct loop *l, int64_t tick)
{
    struct wheel *w = &l->wheel;

    w->armed = tick;
    if (tick == WHEEL_NEVER) {
        uv_timer_stop(&w->timer);
        return;
    }
    int64_t wait = tick * LOOP_TICK_MS - loop_mono_ms(l);
    uv_timer_start(&w->timer, on_timer, wait > 0 ? (uint64_t)wait : 0, 0);
}

static void fire_slot(struct loop *l, int64_t tick)
{
    struct deadline *list;

    move(slot_of(&l->wheel, tick), &list);
    while (list != NULL) {
        struct deadline *d = list;

        deadline_clear(d);
        if (d->due_ms <= loop_mono_ms(l)) {
            d->fn(d);
            continue;
        }
        push(slot_of(&l->wheel, tick), d); /* of a later round */
        mark(&l->wheel, tick);
    }
}

static void advance(struct loop *l)
{
    struct wheel *w = &l->wheel;
    int64_t now = ticks_down(loop_mono_ms(l));

    if (now - w->tick > WHEEL_SLOTS)
        w->tick = now - WHEEL_SLOTS; /* each slot once is enough */
    while (w->tick < now) {
        w->tick++;
        if (slot_used(w, w->tick))
            fire_slot(l, w->tick);
    }
    arm(l, next_used(w));
}

static void on_timer(uv_timer_t *timer)
{
    struct loop *l = timer->data;

    advance(l);
    loop_event_done(l);
}

static void on_idle(uv_idle_t *idle)
{
    struct loop *l = idle->data;
    struct deadline *list;

    move(&l->wheel.soon, &list);
    while (list != NULL) {
        struct deadline *d = list;

        deadline_clear(d);
        d->fn(d);
    }
    if (l->wheel.soon == NULL)
        uv_idle_stop(idle);
    loop_event_done(l);
}

void deadline_set(struct loop *l, struct deadline *d, int64_t after_ms,
                  void (*fn)(struct deadline *d))
{
    struct wheel *w = &l->wheel;

    deadline_clear(d);
    d->fn = fn;
    d->due_ms = loop_mono_ms(l) + (after_ms > 0 ? after_ms : 0);
    if (after_ms <= 0) {
        push(&w->soon, d);
        uv_idle_start(&w->idle, on_idle);
        return;
    }
    int64_t tick = ticks_down(d->due_ms + LOOP_TICK_MS - 1);
    if (tick <= w->tick)
        tick = w->tick + 1;
    push(slot_of(w, tick), d);
    mark(w, tick);
    if (tick < w->armed)
        arm(l, tick);
}

void deadline_clear(struct deadline *d)
{
    if (d->prev == NULL)
        return;
    *d->prev = d->next;
    if (d->next != NULL)
        d->next->prev = d->prev;
    d->next = NULL;
    d->prev = NULL;
}

void loop_skip(struct loop *l, int64_t ms)
{
    l->skipped_ms += ms;
    l->wall_at_ms = -1;
    advance(l);
    loop_event_done(l);
}

int wheel_init(struct loop *l)
{
    struct wheel *w = &l->wheel;
    int e = uv_timer_init(&l->uv, &w->timer);

    if (e == 0)
        e = uv_idle_init(&l->uv, &w->idle);
    w->timer.data = l;
    w->idle.data = l;
    w->armed = WHEEL_NEVER;
    w->tick = ticks_down(loop_mono_ms(l));
    return e;
}

void wheel_unref(struct loop *l)
{
    uv_unref((uv_handle_t *)&l->wheel.timer);
}

void wheel_close(struct loop *l)
{
    uv_close((uv_handle_t *)&l->wheel.timer, NULL);
    uv_close((uv_handle_t *)&l->wheel.idle, NULL);
}
