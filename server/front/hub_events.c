#include "front/hub_events.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct kept {
    struct kept *next;
    size_t bytes; /* that it takes */
    struct berth_hub_event event;
    char text[];
};

struct hub_ring {
    struct hub_ring *next;
    pthread_mutex_t lock;
    struct kept *first, **last;
    size_t count, bytes;
    uint64_t sequence; /* of the last event */
    struct hub_watch *watches;
    berth_str hub;
    char text[];
};

struct hub_events {
    pthread_mutex_t lock;   /* over the list; rings are never removed before the end */
    struct hub_ring *rings; /* as many as there ever were hubs with events or watches */
};

berth_err hub_events_new(struct hub_events **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return BERTH_E_MEMORY;
    pthread_mutex_init(&(*out)->lock, NULL);
    return BERTH_OK;
}

static void drop_first(struct hub_ring *r)
{
    struct kept *k = r->first;

    r->first = k->next;
    if (r->first == NULL)
        r->last = &r->first;
    r->count--;
    r->bytes -= k->bytes;
    free(k);
}

void hub_events_free(struct hub_events *e)
{
    if (e == NULL)
        return;
    while (e->rings != NULL) {
        struct hub_ring *r = e->rings;
        e->rings = r->next;
        while (r->first != NULL)
            drop_first(r);
        pthread_mutex_destroy(&r->lock);
        free(r);
    }
    pthread_mutex_destroy(&e->lock);
    free(e);
}

static struct hub_ring *make_ring(struct hub_events *e, berth_str hub)
{
    struct hub_ring *r = calloc(1, sizeof *r + hub.n);

    if (r == NULL)
        return NULL;
    memcpy(r->text, hub.p, hub.n);
    r->hub = (berth_str){ r->text, hub.n };
    r->last = &r->first;
    pthread_mutex_init(&r->lock, NULL);
    r->next = e->rings;
    e->rings = r;
    return r;
}

/* NULL when memory is out. */
static struct hub_ring *ring_of(struct hub_events *e, berth_str hub)
{
    struct hub_ring *r;

    pthread_mutex_lock(&e->lock);
    for (r = e->rings; r != NULL && !berth_str_eq(r->hub, hub); r = r->next)
        continue;
    if (r == NULL)
        r = make_ring(e, hub);
    pthread_mutex_unlock(&e->lock);
    return r;
}

/* ---- adding ---- */

static berth_str keep(char **at, berth_str s)
{
    char *p = *at;

    if (s.n > 0)
        memcpy(p, s.p, s.n);
    *at += s.n;
    return (berth_str){ p, s.n };
}

static void forget_watch(struct hub_watch *w)
{
    *w->prev = w->next;
    if (w->next != NULL)
        w->next->prev = w->prev;
    w->prev = NULL;
}

static void wake_all(struct hub_ring *r)
{
    for (struct hub_watch *w = r->watches, *next; w != NULL; w = next) {
        next = w->next;
        forget_watch(w);
        loop_post(w->loop, w->woken, w->user);
    }
}

bool hub_events_add(struct hub_events *e, berth_str hub, const struct berth_hub_event *event)
{
    struct hub_ring *r = ring_of(e, hub);
    size_t bytes =
        sizeof(struct kept) + event->device_id.n + event->bag.n + event->payload.n + event->audit.n;
    struct kept *k = r == NULL ? NULL : malloc(bytes);
    char *at;

    if (k == NULL)
        return false;
    at = k->text;
    *k = (struct kept){ .bytes = bytes, .event = *event };
    k->event.device_id = keep(&at, event->device_id);
    k->event.bag = keep(&at, event->bag);
    k->event.payload = keep(&at, event->payload);
    if (event->audit.p != NULL)
        k->event.audit = keep(&at, event->audit);
    pthread_mutex_lock(&r->lock);
    k->event.sequence = ++r->sequence;
    while (r->first != NULL &&
           (r->count >= HUB_EVENTS_MAX || r->bytes + bytes > HUB_EVENTS_BYTES_MAX))
        drop_first(r);
    *r->last = k;
    r->last = &k->next;
    r->count++;
    r->bytes += bytes;
    wake_all(r);
    pthread_mutex_unlock(&r->lock);
    return true;
}

/* ---- reading ---- */

uint64_t hub_events_last(struct hub_events *e, berth_str hub)
{
    struct hub_ring *r = ring_of(e, hub);
    uint64_t last = 0;

    if (r == NULL)
        return 0;
    pthread_mutex_lock(&r->lock);
    last = r->sequence;
    pthread_mutex_unlock(&r->lock);
    return last;
}

/* Appends K, or leaves B as it was: false. */
static bool put(const struct kept *k, bool comma, struct berth_buf *b, struct berth_arena *memory)
{
    size_t before = b->n;

    berth_arena_reset(memory);
    if (comma)
        berth_buf_put_char(b, ',');
    /* one byte less than there is: for the array's end */
    if (berth_hub_event_put(b, &k->event, memory) == BERTH_OK && b->n < b->max)
        return true;
    b->n = before;
    b->over = false;
    return false;
}

static bool is_wanted(const struct hub_events_query *q, const struct berth_hub_event *e)
{
    if (e->audit.p != NULL && !q->audit)
        return false;
    return q->device_id.p == NULL || berth_str_eq(q->device_id, e->device_id);
}

size_t hub_events_put(struct hub_events *e, const struct hub_events_query *q, struct berth_buf *b,
                      struct berth_arena *memory, uint64_t *next, uint64_t *missed)
{
    struct hub_ring *r = ring_of(e, q->hub);
    size_t count = 0;

    *next = q->after;
    *missed = 0;
    if (r == NULL)
        return 0;
    pthread_mutex_lock(&r->lock);
    if (*next > r->sequence)
        *next = 0;
    if (r->first != NULL && *next > 0 && r->first->event.sequence > *next + 1)
        *missed = r->first->event.sequence - *next - 1;
    for (const struct kept *k = r->first; k != NULL; k = k->next) {
        if (k->event.sequence <= *next)
            continue;
        if (is_wanted(q, &k->event)) {
            if (!put(k, count > 0, b, memory))
                break;
            count++;
        }
        *next = k->event.sequence;
    }
    pthread_mutex_unlock(&r->lock);
    return count;
}

/* ---- waiting ---- */

bool hub_events_watch(struct hub_events *e, berth_str hub, uint64_t after, struct hub_watch *w)
{
    struct hub_ring *r = ring_of(e, hub);
    bool waits;

    w->prev = NULL;
    w->ring = r;
    if (r == NULL)
        return false;
    pthread_mutex_lock(&r->lock);
    waits = r->sequence == after;
    if (waits) {
        w->next = r->watches;
        w->prev = &r->watches;
        if (w->next != NULL)
            w->next->prev = &w->next;
        r->watches = w;
    }
    pthread_mutex_unlock(&r->lock);
    return waits;
}

bool hub_watch_end(struct hub_watch *w)
{
    struct hub_ring *r = w->ring;
    bool waited;

    if (r == NULL)
        return false;
    pthread_mutex_lock(&r->lock);
    waited = w->prev != NULL;
    if (waited)
        forget_watch(w);
    pthread_mutex_unlock(&r->lock);
    return waited;
}
