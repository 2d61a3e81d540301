#include "prov/allocate.h"

#define LOG_FRACTION_BITS 24

/* -log2(h / 2^64) in fixed point with LOG_FRACTION_BITS; for h > 0. The fraction comes bit by bit
 * from squaring the mantissa, so it needs neither libm nor a 128-bit type. */
static uint64_t minus_log2(uint64_t h)
{
    unsigned top = 63;
    uint64_t mantissa, log;

    while ((h >> top) == 0)
        top--;
    mantissa = top >= 31 ? h >> (top - 31) : h << (31 - top); /* 1.0 to 2.0 with 31 fraction bits */
    log = top;
    for (unsigned i = 0; i < LOG_FRACTION_BITS; i++) {
        uint64_t square = mantissa * mantissa >> 31;
        bool carry = square >> 32 != 0;
        log = log << 1 | carry;
        mantissa = carry ? square >> 1 : square;
    }
    return ((uint64_t)64 << LOG_FRACTION_BITS) - log;
}

/* A uniform draw for this pair of device and hub: the hub with the least draw / weight wins, which
 * gives each hub its share. */
static berth_err draw(const struct berth_crypto *c, berth_str registration_key, berth_str hub,
                      uint64_t *out)
{
    const berth_str parts[] = { registration_key, { "\0", 1 }, hub };
    uint8_t digest[BERTH_SHA256_SIZE] = { 0 };
    uint64_t h = 0;
    berth_err e = c->sha256(c->ctx, parts, 3, digest);

    for (int i = 0; i < 8; i++)
        h = h << 8 | digest[i];
    *out = minus_log2(h | 1);
    return e;
}

static bool wins(uint64_t draw, const struct berth_hub *hub, uint64_t best_draw,
                 const struct berth_hub *best)
{
    uint64_t mine, its;

    if (best == NULL)
        return true;
    mine = draw * (uint64_t)best->weight; /* below 2^(6 + 24 + 10) */
    its = best_draw * (uint64_t)hub->weight;
    return mine < its || (mine == its && berth_str_cmp(hub->host_name, best->host_name) < 0);
}

static berth_err hashed(const struct berth_crypto *c, const struct berth_enrollment *e,
                        const struct berth_catalog *catalog, berth_str registration_key,
                        const struct berth_hub **hub, enum berth_reason *why)
{
    size_t count = e->hub_count > 0 ? e->hub_count : catalog->hub_count;
    uint64_t best = 0;

    for (size_t i = 0; i < count; i++) {
        const struct berth_hub *h =
            e->hub_count > 0 ? berth_catalog_hub(catalog, e->hubs[i]) : &catalog->hubs[i];
        uint64_t mine;
        if (h == NULL) {
            *hub = NULL;
            *why = BERTH_WHY_HUB_NOT_LINKED;
            return BERTH_OK;
        }
        if (!h->takes_devices)
            continue;
        if (draw(c, registration_key, h->host_name, &mine) != BERTH_OK) {
            *hub = NULL; /* the best of some hubs is no choice */
            return BERTH_E_CRYPTO;
        }
        if (wins(mine, h, best, *hub)) {
            best = mine;
            *hub = h;
        }
    }
    *why = *hub == NULL ? BERTH_WHY_NO_HUB : BERTH_WHY_NONE;
    return BERTH_OK;
}

static enum berth_reason fixed(const struct berth_enrollment *e,
                               const struct berth_catalog *catalog, const struct berth_hub **hub)
{
    berth_str name = e->hub_count == 1 ? e->hubs[0] : e->legacy_hub;
    const struct berth_hub *h;

    if (e->hub_count > 1 || name.n == 0)
        return BERTH_WHY_STATIC_WITHOUT_HUB;
    h = berth_catalog_hub(catalog, name);
    if (h == NULL)
        return BERTH_WHY_HUB_NOT_LINKED;
    if (!h->takes_devices)
        return BERTH_WHY_NO_HUB;
    *hub = h;
    return BERTH_WHY_NONE;
}

berth_err berth_allocate(const struct berth_crypto *c, const struct berth_enrollment *e,
                         const struct berth_catalog *catalog, berth_str registration_key,
                         const struct berth_hub **hub, enum berth_reason *why)
{
    *hub = NULL;
    *why = BERTH_WHY_NONE;
    switch (e->allocation) {
    case BERTH_ALLOCATE_STATIC:
        *why = fixed(e, catalog, hub);
        return BERTH_OK;
    case BERTH_ALLOCATE_CUSTOM:
        *why = BERTH_WHY_CUSTOM_ALLOCATION;
        return BERTH_OK;
    case BERTH_ALLOCATE_DEFAULT:
        if (e->legacy_hub.n > 0) { /* iotHubHostName is how old clients say static */
            *why = fixed(e, catalog, hub);
            return BERTH_OK;
        }
        break;
    case BERTH_ALLOCATE_HASHED:
    case BERTH_ALLOCATE_GEO_LATENCY:
        break;
    }
    return hashed(c, e, catalog, registration_key, hub, why);
}

berth_str berth_allocate_unlinked(const struct berth_enrollment *e,
                                  const struct berth_catalog *catalog)
{
    for (size_t i = 0; i < e->hub_count; i++)
        if (berth_catalog_hub(catalog, e->hubs[i]) == NULL)
            return e->hubs[i];
    if (e->legacy_hub.n > 0 && berth_catalog_hub(catalog, e->legacy_hub) == NULL)
        return e->legacy_hub;
    return BERTH_STR("");
}
