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
    uint64_t begin;    /* before the first event */
    uint64_t sequence; /* of the last event */
    struct hub_watch *watches;
    size_t users; /* under the list's lock: calls at work in it, and watches not yet ended */
    berth_str hub;
    char text[];
};

struct hub_events {
    pthread_mutex_t lock;   /* over the list, the rings' users and BEGIN */
    struct hub_ring *rings; /* of hubs that have events or watches */
    uint64_t begin;         /* beyond what any reader has seen of a ring that is no more */
};

berth_err hub_events_new(uint64_t begin, struct hub_events **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return BERTH_E_MEMORY;
    (*out)->begin = begin;
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

static void drop_all(struct hub_ring *r)
{
    while (r->first != NULL)
        drop_first(r);
}

static void free_ring(struct hub_ring *r)
{
    drop_all(r);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

void hub_events_free(struct hub_events *e)
{
    if (e == NULL)
        return;
    while (e->rings != NULL) {
        struct hub_ring *r = e->rings;
        e->rings = r->next;
        free_ring(r);
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
    r->begin = r->sequence = e->begin;
    pthread_mutex_init(&r->lock, NULL);
    r->next = e->rings;
    e->rings = r;
    return r;
}

/* The list's lock is held. */
static struct hub_ring *find_ring(struct hub_events *e, berth_str hub)
{
    struct hub_ring *r = e->rings;

    while (r != NULL && !berth_str_eq(r->hub, hub))
        r = r->next;
    return r;
}

/* To be given back. NULL when there is none; with MAKES, when memory is out. */
static struct hub_ring *take_ring(struct hub_events *e, berth_str hub, bool makes)
{
    struct hub_ring *r;

    pthread_mutex_lock(&e->lock);
    r = find_ring(e, hub);
    if (r == NULL && makes)
        r = make_ring(e, hub);
    if (r != NULL)
        r->users++;
    pthread_mutex_unlock(&e->lock);
    return r;
}

/* The last one frees an empty ring: hubs come and go, and what is left of them must not grow. */
static void give_back(struct hub_events *e, struct hub_ring *r)
{
    struct hub_ring **at = &e->rings;
    bool goes;

    pthread_mutex_lock(&e->lock);
    goes = --r->users == 0 && r->count == 0; /* nobody else can reach it now */
    while (goes && *at != r)
        at = &(*at)->next;
    if (goes)
        *at = r->next;
    if (goes && r->sequence > e->begin)
        e->begin = r->sequence;
    pthread_mutex_unlock(&e->lock);
    if (goes)
        free_ring(r);
}

static uint64_t begin_of(struct hub_events *e)
{
    pthread_mutex_lock(&e->lock);
    uint64_t begin = e->begin;
    pthread_mutex_unlock(&e->lock);
    return begin;
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
    size_t bytes =
        sizeof(struct kept) + event->device_id.n + event->bag.n + event->payload.n + event->audit.n;
    struct kept *k = malloc(bytes);
    struct hub_ring *r = k == NULL ? NULL : take_ring(e, hub, true);
    char *at;

    if (r == NULL) {
        free(k);
        return false;
    }
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
    give_back(e, r);
    return true;
}

void hub_events_forget(struct hub_events *e, berth_str hub)
{
    struct hub_ring *r = take_ring(e, hub, false);

    if (r == NULL)
        return;
    pthread_mutex_lock(&r->lock);
    drop_all(r);
    pthread_mutex_unlock(&r->lock);
    give_back(e, r);
}

void hub_events_count(struct hub_events *e, struct hub_events_counts *out)
{
    *out = (struct hub_events_counts){ 0 };
    pthread_mutex_lock(&e->lock);
    for (struct hub_ring *r = e->rings; r != NULL; r = r->next) {
        pthread_mutex_lock(&r->lock);
        out->hubs++;
        out->events += r->count;
        out->bytes += r->bytes;
        pthread_mutex_unlock(&r->lock);
    }
    pthread_mutex_unlock(&e->lock);
}

/* ---- reading ---- */

uint64_t hub_events_last(struct hub_events *e, berth_str hub)
{
    struct hub_ring *r = take_ring(e, hub, false);
    uint64_t last;

    if (r == NULL)
        return begin_of(e);
    pthread_mutex_lock(&r->lock);
    last = r->sequence;
    pthread_mutex_unlock(&r->lock);
    give_back(e, r);
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

/* Appends what Q asks for and fits. One that does not fit an array of its own never will: it counts
 * as missed. */
static size_t put_wanted(const struct hub_ring *r, const struct hub_events_query *q,
                         struct berth_buf *b, struct berth_arena *memory, uint64_t *next,
                         uint64_t *missed)
{
    size_t count = 0;

    for (const struct kept *k = r->first; k != NULL; k = k->next) {
        if (k->event.sequence <= *next)
            continue;
        if (is_wanted(q, &k->event)) {
            if (put(k, count > 0, b, memory))
                count++;
            else if (count > 0)
                return count;
            else
                ++*missed;
        }
        *next = k->event.sequence;
    }
    *next = r->sequence; /* also those that went with their hub */
    return count;
}

static void begin_watch(struct hub_ring *r, struct hub_watch *w)
{
    w->next = r->watches;
    w->prev = &r->watches;
    if (w->next != NULL)
        w->next->prev = &w->next;
    r->watches = w;
}

size_t hub_events_put(struct hub_events *e, const struct hub_events_query *q, struct berth_buf *b,
                      struct berth_arena *memory, struct hub_watch *w, uint64_t *next,
                      uint64_t *missed)
{
    struct hub_ring *r = take_ring(e, q->hub, w != NULL);
    uint64_t after = q->after; /* Q may hold NEXT */
    size_t count;

    *missed = 0;
    if (r == NULL) {
        *next = begin_of(e);
        return 0;
    }
    pthread_mutex_lock(&r->lock);
    *next = after >= r->begin && after <= r->sequence ? after : r->begin;
    if (r->first != NULL && after > 0 && r->first->event.sequence > *next + 1)
        *missed = r->first->event.sequence - *next - 1;
    count = put_wanted(r, q, b, memory, next, missed);
    bool waits = w != NULL && count == 0;
    if (waits) {
        w->events = e;
        w->ring = r;
        begin_watch(r, w);
    }
    pthread_mutex_unlock(&r->lock);
    if (!waits)
        give_back(e, r);
    return count;
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
    w->ring = NULL;
    give_back(w->events, r);
    return waited;
}
