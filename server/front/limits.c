#include "front/limits.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/bucket.h"
#include "base/siphash.h"
#include "front/party.h"

/* A name may stand in any of the WAYS places of its set; the place longest unused makes room. A
 * lookup so reads two cache lines, whatever strangers send. */
#define WAYS 8
#define SETS (LIMITS_ENTRIES / WAYS)

struct entry {
    uint64_t name;    /* keyed hash; 0: free */
    uint64_t used_at; /* turn of its last use */
    struct berth_bucket bucket;
};

struct table {
    struct berth_bucket_rule rule;
    uint64_t turn;
    struct entry entries[LIMITS_ENTRIES];
};

struct limits {
    uint8_t seed[BERTH_SIPHASH_KEY_SIZE];
    struct table devices;
    struct table peers;
};

static struct entry *set_of(struct table *t, uint64_t name)
{
    return &t->entries[name % SETS * WAYS];
}

static struct entry *find(struct table *t, uint64_t name)
{
    struct entry *set = set_of(t, name);

    for (size_t i = 0; i < WAYS; i++)
        if (set[i].name == name)
            return &set[i];
    return NULL;
}

static struct entry *make_room(struct table *t, uint64_t name, int64_t mono_ms)
{
    struct entry *set = set_of(t, name);
    struct entry *oldest = &set[0];

    for (size_t i = 1; i < WAYS; i++)
        if (set[i].used_at < oldest->used_at)
            oldest = &set[i];
    oldest->name = name;
    berth_bucket_init(&oldest->bucket, &t->rule, mono_ms);
    return oldest;
}

static unsigned seconds(int64_t wait_ms)
{
    return (unsigned)((wait_ms + 999) / 1000);
}

static unsigned take(struct table *t, uint64_t name, int64_t mono_ms)
{
    struct entry *e = find(t, name);

    if (e == NULL)
        e = make_room(t, name, mono_ms);
    e->used_at = ++t->turn;
    return seconds(berth_bucket_take(&e->bucket, &t->rule, mono_ms));
}

static uint64_t name_of(const struct limits *l, berth_str text)
{
    uint64_t hash = berth_siphash(l->seed, text);

    return hash != 0 ? hash : 1;
}

/* 0 for a peer without address. */
static uint64_t peer_name(const struct limits *l, const struct sockaddr *addr)
{
    uint8_t party[PARTY_MAX];
    size_t n = party_of(addr, party);

    return n == 0 ? 0 : name_of(l, (berth_str){ (const char *)party, n });
}

berth_err limits_new(const struct limits_rates *r, struct limits **out)
{
    struct limits *l = calloc(1, sizeof *l);

    *out = NULL;
    if (l == NULL)
        return BERTH_E_MEMORY;
    if (getrandom(l->seed, sizeof l->seed, 0) != (ssize_t)sizeof l->seed) {
        free(l);
        return BERTH_E_IO;
    }
    l->devices.rule =
        (struct berth_bucket_rule){ r->device_requests_per_min, r->device_requests_per_min };
    l->peers.rule =
        (struct berth_bucket_rule){ r->peer_failures_per_min, r->peer_failures_per_min };
    *out = l;
    return BERTH_OK;
}

void limits_free(struct limits *l)
{
    free(l);
}

unsigned limits_device(struct limits *l, berth_str registration_key, int64_t mono_ms)
{
    if (l->devices.rule.capacity == 0)
        return 0;
    return take(&l->devices, name_of(l, registration_key), mono_ms);
}

unsigned limits_peer(struct limits *l, const struct sockaddr *addr, int64_t mono_ms)
{
    uint64_t name = peer_name(l, addr);
    const struct entry *e = name != 0 ? find(&l->peers, name) : NULL;

    if (e == NULL)
        return 0;
    return seconds(berth_bucket_wait(&e->bucket, &l->peers.rule, mono_ms));
}

void limits_peer_failed(struct limits *l, const struct sockaddr *addr, int64_t mono_ms)
{
    uint64_t name = peer_name(l, addr);

    if (name != 0 && l->peers.rule.capacity != 0)
        (void)take(&l->peers, name, mono_ms);
}
