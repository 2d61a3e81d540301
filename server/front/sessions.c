#include "front/sessions_impl.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/siphash.h"
#include "berth/registration_id.h"
#include "front/party.h"
#include "prov/enrollment.h"

#define SHARDS       64
#define BUCKETS_MIN  16
#define LONGEST_NAME (BERTH_HOST_NAME_MAX + 1 + BERTH_ID_MAX)

struct shard {
    pthread_mutex_t lock;
    struct session **buckets;
    size_t size, count;
    struct traces traces;
};

struct hub_count {
    struct hub_count *next;
    size_t n;
    berth_str hub;
    char text[];
};

struct sessions {
    uint8_t seed[BERTH_SIPHASH_KEY_SIZE];
    struct shard shards[SHARDS];
    pthread_mutex_t counts_lock;
    struct hub_count *counts; /* of hubs that have sessions */
};

/* ---- names ---- */

static uint64_t hash_of(const struct sessions *t, berth_str hub, berth_str device_id)
{
    char storage[LONGEST_NAME];
    struct berth_buf b;
    uint64_t hash;

    /* longer names are cut: they share a bucket, no more */
    berth_buf_init(&b, storage, sizeof storage);
    berth_buf_put(&b, berth_str_sub(device_id, 0, BERTH_ID_MAX));
    berth_buf_put_char(&b, '\n');
    berth_buf_put(&b, berth_str_sub(hub, 0, BERTH_HOST_NAME_MAX));
    hash = berth_siphash(t->seed, berth_buf_str(&b));
    return hash != 0 ? hash : 1;
}

static uint64_t party_name(const struct sessions *t, const struct peer *peer)
{
    uint8_t party[PARTY_MAX];
    size_t n = party_of((const struct sockaddr *)&peer->addr, party);

    return berth_siphash(t->seed, (berth_str){ (const char *)party, n });
}

bool sessions_same_party(const struct peer *a, const struct peer *b)
{
    uint8_t one[PARTY_MAX], other[PARTY_MAX];
    size_t n = party_of((const struct sockaddr *)&a->addr, one);

    return n == party_of((const struct sockaddr *)&b->addr, other) && memcmp(one, other, n) == 0;
}

static struct shard *shard_of(struct sessions *t, uint64_t hash)
{
    return &t->shards[hash >> 56 & (SHARDS - 1)];
}

static struct session **bucket_of(struct shard *sh, uint64_t hash)
{
    return &sh->buckets[hash & (sh->size - 1)];
}

/* The session that has the device's place. */
static struct session *find(struct shard *sh, uint64_t hash, berth_str hub, berth_str device_id)
{
    for (struct session *s = *bucket_of(sh, hash); s != NULL; s = s->next)
        if (s->hash == hash && !s->superseded && berth_str_eq(s->device_id, device_id) &&
            berth_str_eq(s->hub, hub))
            return s;
    return NULL;
}

/* ---- life of the table ---- */

berth_err sessions_new(struct sessions **out)
{
    struct sessions *t = calloc(1, sizeof *t);

    *out = NULL;
    if (t == NULL)
        return BERTH_E_MEMORY;
    pthread_mutex_init(&t->counts_lock, NULL);
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&t->shards[i].lock, NULL);
        t->shards[i].size = BUCKETS_MIN;
        t->shards[i].buckets = calloc(BUCKETS_MIN, sizeof(struct session *));
        if (t->shards[i].buckets == NULL) {
            sessions_free(t);
            return BERTH_E_MEMORY;
        }
    }
    if (getrandom(t->seed, sizeof t->seed, 0) != (ssize_t)sizeof t->seed) {
        sessions_free(t);
        return BERTH_E_IO;
    }
    *out = t;
    return BERTH_OK;
}

void sessions_free(struct sessions *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < SHARDS && t->shards[i].size > 0; i++) {
        assert(t->shards[i].count == 0);
        free(t->shards[i].buckets);
        pthread_mutex_destroy(&t->shards[i].lock);
    }
    while (t->counts != NULL) {
        struct hub_count *next = t->counts->next;
        free(t->counts);
        t->counts = next;
    }
    pthread_mutex_destroy(&t->counts_lock);
    free(t);
}

/* Twice the buckets when they are full; without memory they stay as they are, only slower. */
static void grow(struct shard *sh)
{
    size_t old_size = sh->size;
    struct session **old = sh->buckets, **all;

    if (sh->count < sh->size)
        return;
    all = calloc(old_size * 2, sizeof *all);
    if (all == NULL)
        return;
    sh->buckets = all;
    sh->size = old_size * 2;
    for (size_t i = 0; i < old_size; i++)
        while (old[i] != NULL) {
            struct session *s = old[i], **end = bucket_of(sh, s->hash);
            old[i] = s->next;
            while (*end != NULL) /* keeps the newest first */
                end = &(*end)->next;
            s->next = NULL;
            *end = s;
        }
    free(old);
}

/* ---- counts ---- */

/* Where the hub's count stands, or would. */
static struct hub_count **count_of(struct sessions *t, berth_str hub)
{
    struct hub_count **at = &t->counts;

    while (*at != NULL && !berth_str_eq((*at)->hub, hub))
        at = &(*at)->next;
    return at;
}

static bool count_one(struct sessions *t, berth_str hub)
{
    struct hub_count **at, *c;

    pthread_mutex_lock(&t->counts_lock);
    at = count_of(t, hub);
    c = *at;
    if (c == NULL && (c = malloc(sizeof *c + hub.n)) != NULL) {
        *c = (struct hub_count){ .hub = { c->text, hub.n } };
        memcpy(c->text, hub.p, hub.n);
        *at = c;
    }
    if (c != NULL)
        c->n++;
    pthread_mutex_unlock(&t->counts_lock);
    return c != NULL;
}

static void count_one_less(struct sessions *t, berth_str hub)
{
    struct hub_count **at, *c;

    pthread_mutex_lock(&t->counts_lock);
    at = count_of(t, hub);
    c = *at;
    assert(c != NULL); /* who leaves was counted */
    if (--c->n == 0) {
        *at = c->next;
        free(c);
    }
    pthread_mutex_unlock(&t->counts_lock);
}

size_t sessions_count(struct sessions *t, berth_str hub)
{
    const struct hub_count *c;
    size_t n;

    pthread_mutex_lock(&t->counts_lock);
    c = *count_of(t, hub);
    n = c == NULL ? 0 : c->n;
    pthread_mutex_unlock(&t->counts_lock);
    return n;
}

/* ---- reaching a device ---- */

bool sessions_send(struct sessions *t, berth_str hub, berth_str device_id,
                   const struct session_message *m)
{
    uint64_t hash = hash_of(t, hub, device_id);
    struct shard *sh = shard_of(t, hash);
    struct session *s;
    bool sent;

    pthread_mutex_lock(&sh->lock);
    s = find(sh, hash, hub, device_id);
    sent = s != NULL && session_post(s, m);
    pthread_mutex_unlock(&sh->lock);
    return sent;
}

/* ---- coming and going ---- */

static struct session *make(struct sessions *t, const struct session_claim *claim)
{
    struct session *s = calloc(1, sizeof *s + claim->hub.n + claim->device_id.n);

    if (s == NULL)
        return NULL;
    memcpy(s->text, claim->hub.p, claim->hub.n);
    memcpy(s->text + claim->hub.n, claim->device_id.p, claim->device_id.n);
    s->hub = (berth_str){ s->text, claim->hub.n };
    s->device_id = (berth_str){ s->text + claim->hub.n, claim->device_id.n };
    s->table = t;
    s->hash = hash_of(t, s->hub, s->device_id);
    s->loop = claim->loop;
    s->receive = claim->receive;
    s->owner = claim->owner;
    s->peer = *claim->peer;
    s->connected_ms = claim->now_ms;
    atomic_init(&s->active_ms, claim->now_ms);
    atomic_init(&s->refs, 1);
    return s;
}

berth_err sessions_join(struct sessions *t, const struct session_claim *claim, struct session **out,
                        struct session_prior *prior)
{
    const struct session_message end = { .type = SESSION_END, .why = BERTH_WHY_SESSION_TAKEN_OVER };
    struct session *s = make(t, claim), *old, **head;
    struct shard *sh;

    *out = NULL;
    *prior = (struct session_prior){ 0 };
    if (s == NULL)
        return BERTH_E_MEMORY;
    sh = shard_of(t, s->hash);
    pthread_mutex_lock(&sh->lock);
    old = find(sh, s->hash, s->hub, s->device_id);
    prior->live = old != NULL;
    /* Without a message the old one would live on unseen: then the new one does not begin. */
    if ((old != NULL && !session_post(old, &end)) || (old == NULL && !count_one(t, s->hub))) {
        pthread_mutex_unlock(&sh->lock);
        free(s);
        return BERTH_E_MEMORY;
    }
    if (old != NULL)
        old->superseded = true;
    traces_note(&sh->traces, s, party_name(t, &s->peer), claim->mono_ms, prior);
    grow(sh);
    head = bucket_of(sh, s->hash);
    s->next = *head;
    *head = s;
    sh->count++;
    pthread_mutex_unlock(&sh->lock);
    *out = s;
    return BERTH_OK;
}

bool sessions_leave(struct session *s)
{
    struct shard *sh = shard_of(s->table, s->hash);
    struct session **at;
    bool last;

    pthread_mutex_lock(&sh->lock);
    at = bucket_of(sh, s->hash);
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    sh->count--;
    last = !s->superseded;
    pthread_mutex_unlock(&sh->lock);
    if (last)
        count_one_less(s->table, s->hub);
    s->owner = NULL;
    session_unref(s);
    return last;
}

void session_touch(struct session *s, int64_t now_ms)
{
    atomic_store_explicit(&s->active_ms, now_ms, memory_order_relaxed);
}

bool sessions_find(struct sessions *t, berth_str hub, berth_str device_id, struct session_view *out)
{
    uint64_t hash = hash_of(t, hub, device_id);
    struct shard *sh = shard_of(t, hash);
    const struct session *s;

    *out = (struct session_view){ 0 };
    pthread_mutex_lock(&sh->lock);
    s = find(sh, hash, hub, device_id);
    if (s != NULL) {
        out->connected_ms = s->connected_ms;
        out->active_ms = atomic_load_explicit(&s->active_ms, memory_order_relaxed);
        out->peer = s->peer;
    }
    pthread_mutex_unlock(&sh->lock);
    return s != NULL;
}

void *sessions_owner(struct sessions *t, berth_str hub, berth_str device_id,
                     const struct loop *loop)
{
    uint64_t hash = hash_of(t, hub, device_id);
    struct shard *sh = shard_of(t, hash);
    const struct session *s;
    void *owner = NULL;

    pthread_mutex_lock(&sh->lock);
    s = find(sh, hash, hub, device_id);
    if (s != NULL && s->loop == loop)
        owner = s->owner;
    pthread_mutex_unlock(&sh->lock);
    return owner;
}
