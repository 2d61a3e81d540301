#include "front/presence.h"

#include <stdlib.h>
#include <string.h>

#include "front/common.h"
#include "ops/log.h"

#define MEMORY_SIZE (512 * 1024) /* a record taken apart and put together again */
#define TRIES_MAX   8

struct note {
    struct note *next;
    struct presence *p;
    berth_str hub, device_id;
    int64_t connection_ms, active_ms;
    int tries;
    char text[];
};

struct presence {
    struct front *f;
    struct note *first, **last;
    size_t waiting, under_way;
    struct note *asked; /* under way, to be freed should the store forget them */
    struct deadline due;
    bool lost; /* told that notes were lost */
};

berth_err presence_new(struct front *f, struct presence **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return BERTH_E_MEMORY;
    (*out)->f = f;
    (*out)->last = &(*out)->first;
    return BERTH_OK;
}

static void free_all(struct note *n)
{
    while (n != NULL) {
        struct note *next = n->next;
        free(n);
        n = next;
    }
}

void presence_free(struct presence *p)
{
    if (p == NULL)
        return;
    deadline_clear(&p->due);
    free_all(p->first);
    free_all(p->asked);
    free(p);
}

bool presence_is_idle(const struct presence *p)
{
    return p->waiting + p->under_way == 0;
}

/* ---- writing ---- */

static void ask_more(struct presence *p);

static void note_done(struct note *n)
{
    struct presence *p = n->p;
    struct note **at = &p->asked;

    while (*at != n)
        at = &(*at)->next;
    *at = n->next;
    free(n);
    p->under_way--;
    ask_more(p);
}

static int64_t later(int64_t a, int64_t b)
{
    return a == BERTH_TIME_NEVER || (b != BERTH_TIME_NEVER && b > a) ? b : a;
}

static void on_read(void *user, const struct store_reply *reply);

static void on_written(void *user, const struct store_reply *reply)
{
    struct note *n = user;

    if (reply->result == STORE_STALE && ++n->tries < TRIES_MAX)
        store_get(n->p->f->store, BERTH_KIND_DEVICE, n->hub, n->device_id, on_read, n);
    else
        note_done(n);
}

/* False when there is nothing to write, or no way to. */
static bool write_times(struct note *n, const struct berth_record *rec, struct berth_arena *a)
{
    struct front *f = n->p->f;
    struct berth_change change = { .type = BERTH_PUT, .expect = rec->version };
    struct berth_hub_device *d =
        berth_arena_alloc(a, sizeof *d); /* its keys are wiped with the arena */

    if (d == NULL || berth_hub_device_decode(rec, a, d) != BERTH_OK)
        return false;
    d->connection_updated_ms = later(d->connection_updated_ms, n->connection_ms);
    d->last_activity_ms = later(d->last_activity_ms, n->active_ms);
    if (berth_hub_device_encode(d, a, &change.rec) != BERTH_OK)
        return false;
    store_commit(f->store, &change, 1, loop_now_ms(f->loop), on_written, n);
    return true;
}

static void on_read(void *user, const struct store_reply *reply)
{
    struct note *n = user;
    const struct berth_crypto *c = n->p->f->crypto;
    struct berth_arena a;
    bool written = false;
    void *memory;

    if (reply->result != STORE_OK || reply->count == 0) { /* deleted meanwhile */
        note_done(n);
        return;
    }
    memory = malloc(MEMORY_SIZE);
    if (memory != NULL) {
        berth_arena_init(&a, memory, MEMORY_SIZE);
        written = write_times(n, &reply->records[0], &a);
        c->wipe(c->ctx, memory, a.n);
        free(memory);
    }
    if (!written)
        note_done(n);
}

static void ask_more(struct presence *p)
{
    while (p->first != NULL && p->under_way < PRESENCE_AT_ONCE) {
        struct note *n = p->first;
        p->first = n->next;
        if (p->first == NULL)
            p->last = &p->first;
        n->next = p->asked;
        p->asked = n;
        p->waiting--;
        p->under_way++;
        store_get(p->f->store, BERTH_KIND_DEVICE, n->hub, n->device_id, on_read, n);
    }
}

static void on_due(struct deadline *d)
{
    struct presence *p = (struct presence *)(void *)((char *)d - offsetof(struct presence, due));

    ask_more(p);
}

void presence_hurry(struct presence *p)
{
    if (p->first != NULL)
        deadline_set(p->f->loop, &p->due, 0, on_due);
}

/* ---- notes ---- */

static void tell_loss(struct presence *p)
{
    if (!p->lost)
        log_event(LOG_WARNING, "times of devices' activity are not kept",
                  LOG_TEXT("why", BERTH_STR("too many wait for the store")));
    p->lost = true;
}

void presence_note(struct presence *p, berth_str hub, berth_str device_id, int64_t connection_ms,
                   int64_t active_ms)
{
    struct note *n = p->waiting < PRESENCE_MAX ? malloc(sizeof *n + hub.n + device_id.n) : NULL;

    if (n == NULL) {
        tell_loss(p);
        return;
    }
    p->lost = false;
    *n = (struct note){ .p = p, .connection_ms = connection_ms, .active_ms = active_ms };
    memcpy(n->text, hub.p, hub.n);
    memcpy(n->text + hub.n, device_id.p, device_id.n);
    n->hub = (berth_str){ n->text, hub.n };
    n->device_id = (berth_str){ n->text + hub.n, device_id.n };
    *p->last = n;
    p->last = &n->next;
    p->waiting++;
    if (p->due.prev == NULL)
        deadline_set(p->f->loop, &p->due, p->f->stopping ? 0 : PRESENCE_DELAY_MS, on_due);
}

void presence_show(struct front *f, struct berth_hub_device *d)
{
    struct session_view v;

    d->connected = sessions_find(f->common->sessions, d->hub, d->device_id, &v);
    if (!d->connected)
        return;
    d->connection_updated_ms = v.connected_ms;
    d->last_activity_ms = v.active_ms;
}
