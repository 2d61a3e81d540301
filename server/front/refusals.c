#include "front/refusals.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/siphash.h"

#define AGAIN_PLACES 1024 /* what may be repeated; a collision costs an entry more */

static const size_t rooms[REFUSAL_KINDS] = {
    [REFUSAL_DEVICE] = 4096,
    [REFUSAL_SERVICE] = 1024,
    [REFUSAL_CONNECTION] = 1024,
    [REFUSAL_WARNING] = 1024,
};

/* Entry N stands at (N - 1) % room. */
struct ring {
    struct refusal *entries;
    size_t room;
    uint64_t oldest, last; /* numbers; empty when OLDEST > LAST */
};

struct place {
    uint64_t name; /* keyed hash of what is repeated */
    uint64_t number;
};

struct refusals {
    pthread_mutex_t lock;
    struct ring rings[REFUSAL_KINDS];
    struct place again[REFUSAL_KINDS][AGAIN_PLACES];
    uint8_t seed[BERTH_SIPHASH_KEY_SIZE];
    uint64_t order, recorded;
};

static void release(struct refusals *r)
{
    for (size_t k = 0; k < REFUSAL_KINDS; k++)
        free(r->rings[k].entries);
    free(r);
}

berth_err refusals_new(struct refusals **out)
{
    struct refusals *r = calloc(1, sizeof *r);

    *out = NULL;
    if (r == NULL)
        return BERTH_E_MEMORY;
    for (size_t k = 0; k < REFUSAL_KINDS; k++) {
        r->rings[k] = (struct ring){ calloc(rooms[k], sizeof(struct refusal)), rooms[k], 1, 0 };
        if (r->rings[k].entries == NULL) {
            release(r);
            return BERTH_E_MEMORY;
        }
    }
    if (getrandom(r->seed, sizeof r->seed, 0) != (ssize_t)sizeof r->seed ||
        pthread_mutex_init(&r->lock, NULL) != 0) {
        release(r);
        return BERTH_E_IO;
    }
    *out = r;
    return BERTH_OK;
}

void refusals_free(struct refusals *r)
{
    if (r == NULL)
        return;
    (void)pthread_mutex_destroy(&r->lock);
    release(r);
}

/* ---- keeping ---- */

static struct refusal *entry(struct ring *g, uint64_t number)
{
    if (number < g->oldest || number > g->last)
        return NULL;
    return &g->entries[(number - 1) % g->room];
}

static void copy_text(char *out, size_t size, berth_str s)
{
    size_t n = s.n < size - 1 ? s.n : size - 1;

    for (size_t i = 0; i < n; i++)
        out[i] = s.p[i] >= ' ' && s.p[i] <= '~' ? s.p[i] : '?';
    out[n] = '\0';
}

/* "192.0.2.1:4711" and "[2001:db8::1]:4711" without the port, and without brackets. */
static berth_str address_of(berth_str peer)
{
    size_t end = peer.n;

    if (peer.n > 0 && peer.p[0] == '[')
        return berth_str_sub(peer, 1, berth_str_find(peer, ']') - 1);
    if (berth_str_find(peer, ':') == peer.n)
        return peer;
    while (end > 0 && peer.p[end - 1] != ':')
        end--;
    /* More than one colon and no brackets: a bare IPv6 address. */
    if (berth_str_find(peer, ':') != end - 1)
        return peer;
    return berth_str_sub(peer, 0, end - 1);
}

static bool may_repeat(const struct refusal_note *n)
{
    return (n->kind == REFUSAL_CONNECTION && n->tracking == NULL) || n->kind == REFUSAL_WARNING ||
           n->reason == BERTH_WHY_THROTTLED_PEER || n->reason == BERTH_WHY_THROTTLED_DEVICE;
}

/* What makes two refusals one and the same, but for their time. */
static uint64_t name_of(const struct refusals *r, const struct refusal_note *n)
{
    char text[512];
    struct berth_buf b;

    berth_buf_init(&b, text, sizeof text);
    berth_buf_put_u64(&b, (uint64_t)n->reason * BERTH_MISTAKE_COUNT + (uint64_t)n->warning);
    berth_buf_put_char(&b, '\n');
    berth_buf_put(&b, address_of(berth_str_of(n->peer)));
    berth_buf_put_char(&b, '\n');
    berth_buf_put(&b, berth_str_sub(n->registration_id, 0, BERTH_ID_MAX));
    berth_buf_put_char(&b, '\n');
    berth_buf_put(&b, berth_str_of(n->transport));
    berth_buf_put_char(&b, '\n');
    berth_buf_put(&b, berth_str_sub(n->detail, 0, 128));
    return berth_siphash(r->seed, berth_buf_str(&b));
}

static void forget_old(struct ring *g, int64_t now_ms)
{
    struct refusal *e;

    while ((e = entry(g, g->oldest)) != NULL && now_ms - e->last_ms > REFUSALS_AGE_MS) {
        explicit_bzero(e, sizeof *e);
        g->oldest++;
    }
}

static struct refusal *make_room(struct ring *g)
{
    struct refusal *e;

    if (g->last - g->oldest + 1 >= g->room)
        g->oldest++;
    g->last++;
    e = entry(g, g->last);
    *e = (struct refusal){ .number = g->last };
    return e;
}

static void fill(struct refusal *e, const struct refusal_note *n)
{
    e->kind = n->kind;
    e->reason = n->reason;
    e->transport = n->transport == NULL ? "" : n->transport;
    e->examined = n->pending ? REFUSAL_PENDING : REFUSAL_PLAIN;
    copy_text(e->peer, sizeof e->peer, berth_str_of(n->peer));
    copy_text(e->registration_id, sizeof e->registration_id, n->registration_id);
    copy_text(e->detail, sizeof e->detail, n->detail);
    copy_text(e->enrollment, sizeof e->enrollment, n->enrollment);
    if (n->warning == BERTH_MISTAKE_NONE)
        return;
    e->finding = (struct berth_finding){ .mistakes = { n->warning },
                                         .count = 1,
                                         .proven = !berth_mistake_is_inferred(n->warning) };
}

static struct refusal_handle keep(struct refusals *r, const struct refusal_note *n, int64_t now_ms,
                                  uint64_t name)
{
    struct ring *g = &r->rings[n->kind];
    struct place *place = &r->again[n->kind][name % AGAIN_PLACES];
    struct refusal *e = NULL;

    forget_old(g, now_ms);
    if (name != 0 && place->name == name)
        e = entry(g, place->number);
    if (e != NULL && now_ms - e->first_ms > REFUSALS_AGAIN_MS)
        e = NULL;
    if (e == NULL) {
        e = make_room(g);
        fill(e, n);
        e->first_ms = now_ms;
        *place = (struct place){ name, e->number };
    }
    e->finding.off_s = n->off_s;
    e->last_ms = now_ms;
    e->count++;
    e->order = ++r->order;
    copy_text(e->tracking, sizeof e->tracking, berth_str_of(n->tracking));
    r->recorded++;
    return (struct refusal_handle){ n->kind, e->number };
}

struct refusal_handle refusals_add(struct refusals *r, const struct refusal_note *n, int64_t now_ms)
{
    struct refusal_handle h = { 0 };
    uint64_t name;

    if (r == NULL)
        return h;
    name = may_repeat(n) ? name_of(r, n) | 1 : 0;
    (void)pthread_mutex_lock(&r->lock);
    h = keep(r, n, now_ms, name);
    (void)pthread_mutex_unlock(&r->lock);
    return h;
}

void refusals_examined(struct refusals *r, struct refusal_handle h, enum refusal_examined what,
                       const struct berth_finding *f, berth_str enrollment)
{
    struct refusal *e;

    if (r == NULL || h.number == 0)
        return;
    (void)pthread_mutex_lock(&r->lock);
    e = entry(&r->rings[h.kind], h.number);
    if (e != NULL) {
        e->examined = what;
        if (f != NULL)
            e->finding = *f;
        copy_text(e->enrollment, sizeof e->enrollment, enrollment);
    }
    (void)pthread_mutex_unlock(&r->lock);
}

/* ---- telling ---- */

static bool is_peer(const struct refusal *e, berth_str wanted)
{
    berth_str peer = berth_str_of(e->peer);

    return berth_str_ieq(peer, wanted) || berth_str_ieq(address_of(peer), address_of(wanted));
}

static bool is_tracking(const struct refusal *e, berth_str wanted)
{
    return e->tracking[0] != '\0' && berth_str_ieq(berth_str_of(e->tracking), wanted);
}

static bool is_registration(const struct refusal *e, berth_str wanted)
{
    return e->registration_id[0] != '\0' && berth_str_ieq(berth_str_of(e->registration_id), wanted);
}

static bool fits(const struct refusal *e, const struct refusal_query *q)
{
    if (q->tracking.p != NULL && !is_tracking(e, q->tracking))
        return false;
    if (q->registration.p != NULL && !is_registration(e, q->registration))
        return false;
    if (q->peer.p != NULL && !is_peer(e, q->peer))
        return false;
    return q->about.p == NULL || is_tracking(e, q->about) || is_registration(e, q->about) ||
           (e->peer[0] != '\0' && is_peer(e, q->about));
}

/* LIST has the newest so far, newest first; E joins it when it is one of them. */
static void consider(const struct refusal **list, size_t *count, size_t max,
                     const struct refusal *e)
{
    size_t at = *count;

    if (at == max && list[max - 1]->order > e->order)
        return;
    if (at < max)
        (*count)++;
    else
        at--;
    for (; at > 0 && list[at - 1]->order < e->order; at--)
        list[at] = list[at - 1];
    list[at] = e;
}

/* Repetitions make an old entry new again, so the whole ring is looked at. */
static void search(struct ring *g, const struct refusal_query *q, const struct refusal **list,
                   size_t *count, size_t max)
{
    for (uint64_t n = g->last; n >= g->oldest && n > 0; n--) {
        const struct refusal *e = entry(g, n);

        if (fits(e, q))
            consider(list, count, max, e);
    }
}

size_t refusals_find(struct refusals *r, const struct refusal_query *q, int64_t now_ms,
                     struct refusal *out, size_t max)
{
    const struct refusal *list[REFUSALS_LIST_MAX];
    size_t count = 0;

    if (r == NULL || max == 0)
        return 0;
    if (max > REFUSALS_LIST_MAX)
        max = REFUSALS_LIST_MAX;
    (void)pthread_mutex_lock(&r->lock);
    for (size_t k = 0; k < REFUSAL_KINDS; k++) {
        forget_old(&r->rings[k], now_ms);
        search(&r->rings[k], q, list, &count, max);
    }
    for (size_t i = 0; i < count; i++)
        out[i] = *list[i];
    (void)pthread_mutex_unlock(&r->lock);
    return count;
}

uint64_t refusals_recorded(struct refusals *r)
{
    uint64_t n;

    (void)pthread_mutex_lock(&r->lock);
    n = r->recorded;
    (void)pthread_mutex_unlock(&r->lock);
    return n;
}
