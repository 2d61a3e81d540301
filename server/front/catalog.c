#include "front/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "ops/log.h"

/* An entry owns one block: itself, then an arena with all that its views point to. */
struct group_entry {
    struct berth_enrollment enrollment;
    struct berth_hmac_key primary, secondary;
    size_t size;
    unsigned char memory[];
};

struct policy_entry {
    size_t size;
    unsigned char memory[];
};

struct catalog {
    const struct berth_crypto *crypto;
    struct berth_catalog view;
    char id_scope[64];

    struct berth_group *groups; /* view.groups; in step with group_entries */
    struct group_entry **group_entries;
    size_t group_max;
    struct berth_hub *hubs; /* view.hubs */
    size_t hub_max;
    struct berth_policy *policies; /* by hub, then name, so that one hub's stand together */
    struct policy_entry **policy_entries;
    size_t policy_count, policy_max;

    /* while it is being filled */
    struct store_port *port;
    void (*done)(void *user, bool ok);
    void *user;
    unsigned kind;
};

/* A catalog that cannot hold what the store holds must not decide. */
static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

/* Room for one more entry. Not realloc: it would leave a table of keys behind. */
static void *grow(struct catalog *c, void *table, size_t count, size_t *max, size_t size)
{
    void *larger;

    if (count < *max)
        return table;
    *max = *max == 0 ? 16 : *max * 2;
    larger = must(malloc(*max * size));
    if (count > 0) {
        memcpy(larger, table, count * size);
        c->crypto->wipe(c->crypto->ctx, table, count * size);
    }
    free(table);
    return larger;
}

berth_err catalog_new(const struct berth_crypto *crypto, struct catalog **out)
{
    struct catalog *c = calloc(1, sizeof *c);

    *out = c;
    if (c == NULL)
        return BERTH_E_MEMORY;
    c->crypto = crypto;
    return BERTH_OK;
}

static void free_group(struct catalog *c, struct group_entry *e)
{
    c->crypto->hmac_release(c->crypto->ctx, &e->primary);
    c->crypto->hmac_release(c->crypto->ctx, &e->secondary);
    c->crypto->wipe(c->crypto->ctx, e, sizeof *e + e->size);
    free(e);
}

static void free_policy(struct catalog *c, struct berth_policy *p, struct policy_entry *e)
{
    c->crypto->wipe(c->crypto->ctx, p, sizeof *p);
    c->crypto->wipe(c->crypto->ctx, e->memory, e->size);
    free(e);
}

void catalog_free(struct catalog *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->view.group_count; i++)
        free_group(c, c->group_entries[i]);
    for (size_t i = 0; i < c->policy_count; i++)
        free_policy(c, &c->policies[i], c->policy_entries[i]);
    for (size_t i = 0; i < c->view.hub_count; i++)
        free((char *)(uintptr_t)c->hubs[i].host_name.p);
    free(c->groups);
    free(c->group_entries);
    free(c->policies);
    free(c->policy_entries);
    free(c->hubs);
    free(c);
}

/* Enough for a copy of REC and for the strings that decoding unescapes. */
static size_t room_for(const struct berth_record *rec)
{
    return rec->scope.n + rec->key.n + rec->name.n + rec->owner.n + 2 * rec->body.n + 256;
}

static berth_err prepare(struct catalog *c, const struct berth_key *key, struct berth_hmac_key *out)
{
    if (key->n == 0)
        return BERTH_OK;
    return c->crypto->hmac_prepare(c->crypto->ctx, key->bytes, key->n, out);
}

static struct group_entry *make_group(struct catalog *c, const struct berth_record *rec,
                                      struct berth_group *out)
{
    size_t size = room_for(rec);
    struct group_entry *e = must(calloc(1, sizeof *e + size));
    struct berth_record mine;
    struct berth_arena a;

    e->size = size;
    berth_arena_init(&a, e->memory, size);
    if (berth_record_dup(&a, rec, &mine) != BERTH_OK ||
        berth_enrollment_decode(&mine, &a, &e->enrollment) != BERTH_OK ||
        prepare(c, &e->enrollment.keys.primary, &e->primary) != BERTH_OK ||
        prepare(c, &e->enrollment.keys.secondary, &e->secondary) != BERTH_OK) {
        log_event(LOG_ERROR, "enrollment group cannot be read", LOG_TEXT("group", rec->key));
        free_group(c, e);
        return NULL;
    }
    *out = (struct berth_group){
        .enrollment = &e->enrollment,
        .key = mine.key,
        .primary = e->primary.impl == NULL ? NULL : &e->primary,
        .secondary = e->secondary.impl == NULL ? NULL : &e->secondary,
    };
    return e;
}

static void drop_group(struct catalog *c, size_t at)
{
    size_t after = --c->view.group_count - at;

    free_group(c, c->group_entries[at]);
    memmove(&c->groups[at], &c->groups[at + 1], after * sizeof *c->groups);
    memmove(&c->group_entries[at], &c->group_entries[at + 1], after * sizeof *c->group_entries);
}

static void insert_group(struct catalog *c, size_t at, const struct berth_group *g,
                         struct group_entry *e)
{
    size_t after = c->view.group_count - at, max = c->group_max;

    c->groups = grow(c, c->groups, c->view.group_count, &max, sizeof *c->groups);
    c->group_entries =
        grow(c, c->group_entries, c->view.group_count, &c->group_max, sizeof *c->group_entries);
    memmove(&c->groups[at + 1], &c->groups[at], after * sizeof *c->groups);
    memmove(&c->group_entries[at + 1], &c->group_entries[at], after * sizeof *c->group_entries);
    c->groups[at] = *g;
    c->group_entries[at] = e;
    c->view.group_count++;
    c->view.groups = c->groups;
}

static void watch_group(struct catalog *c, const struct berth_record *rec, bool deleted)
{
    const struct berth_group *old = berth_catalog_group(&c->view, rec->key);
    struct group_entry *e;
    struct berth_group g;

    if (old != NULL)
        drop_group(c, (size_t)(old - c->groups));
    if (deleted)
        return;
    e = make_group(c, rec, &g);
    if (e == NULL)
        return;
    insert_group(c, berth_catalog_group_from(&c->view, g.key), &g, e);
}

static void watch_hub(struct catalog *c, const struct berth_record *rec, bool deleted)
{
    const struct berth_hub *old = berth_catalog_hub(&c->view, rec->key);
    struct berth_hub h;
    char *name;

    if (old != NULL) {
        size_t at = (size_t)(old - c->hubs);
        free((char *)(uintptr_t)old->host_name.p);
        c->hubs[at] = c->hubs[--c->view.hub_count];
    }
    if (deleted)
        return;
    berth_hub_decode(rec, &h);
    name = must(malloc(rec->key.n + 1));
    memcpy(name, rec->key.p, rec->key.n);
    h.host_name = (berth_str){ name, rec->key.n };
    c->hubs = grow(c, c->hubs, c->view.hub_count, &c->hub_max, sizeof *c->hubs);
    c->hubs[c->view.hub_count++] = h;
    c->view.hubs = c->hubs;
}

static int policy_order(const struct berth_policy *p, berth_str hub, berth_str name)
{
    int order = berth_str_cmp(p->hub, hub);

    return order != 0 ? order : berth_str_cmp(p->name, name);
}

static struct policy_entry *make_policy(struct catalog *c, const struct berth_record *rec,
                                        struct berth_policy *out)
{
    size_t size = room_for(rec);
    struct policy_entry *e = must(calloc(1, sizeof *e + size));
    struct berth_record mine;
    struct berth_arena a;

    e->size = size;
    berth_arena_init(&a, e->memory, size);
    if (berth_record_dup(&a, rec, &mine) != BERTH_OK ||
        berth_policy_decode(&mine, &a, out) != BERTH_OK) {
        log_event(LOG_ERROR, "shared access policy cannot be read", LOG_TEXT("policy", rec->key));
        free_policy(c, out, e);
        return NULL;
    }
    return e;
}

static void remove_policy(struct catalog *c, size_t at)
{
    size_t after = --c->policy_count - at;

    free_policy(c, &c->policies[at], c->policy_entries[at]);
    memmove(&c->policies[at], &c->policies[at + 1], after * sizeof *c->policies);
    memmove(&c->policy_entries[at], &c->policy_entries[at + 1], after * sizeof *c->policy_entries);
    c->crypto->wipe(c->crypto->ctx, &c->policies[at + after], sizeof *c->policies);
}

static void insert_policy(struct catalog *c, size_t at, const struct berth_policy *p,
                          struct policy_entry *e)
{
    size_t after = c->policy_count - at, max = c->policy_max;

    c->policies = grow(c, c->policies, c->policy_count, &max, sizeof *c->policies);
    c->policy_entries =
        grow(c, c->policy_entries, c->policy_count, &c->policy_max, sizeof *c->policy_entries);
    memmove(&c->policies[at + 1], &c->policies[at], after * sizeof *c->policies);
    memmove(&c->policy_entries[at + 1], &c->policy_entries[at], after * sizeof *c->policy_entries);
    c->policies[at] = *p;
    c->policy_entries[at] = e;
    c->policy_count++;
}

static void watch_policy(struct catalog *c, const struct berth_record *rec, bool deleted)
{
    struct policy_entry *e;
    struct berth_policy p;
    size_t at = 0;

    while (at < c->policy_count && policy_order(&c->policies[at], rec->scope, rec->key) < 0)
        at++;
    if (at < c->policy_count && policy_order(&c->policies[at], rec->scope, rec->key) == 0)
        remove_policy(c, at);
    e = deleted ? NULL : make_policy(c, rec, &p);
    if (e == NULL)
        return;
    insert_policy(c, at, &p, e);
    c->crypto->wipe(c->crypto->ctx, &p, sizeof p);
}

static void watch_setting(struct catalog *c, const struct berth_record *rec, bool deleted)
{
    if (deleted || !berth_str_eq(rec->key, BERTH_STR(SETTING_ID_SCOPE)) ||
        rec->name.n > sizeof c->id_scope)
        return;
    memcpy(c->id_scope, rec->name.p, rec->name.n);
    c->view.id_scope = (berth_str){ c->id_scope, rec->name.n };
}

void catalog_watch(void *catalog, const struct berth_record *rec, bool deleted)
{
    struct catalog *c = catalog;

    switch (rec->kind) {
    case BERTH_KIND_GROUP:
        watch_group(c, rec, deleted);
        break;
    case BERTH_KIND_HUB:
        watch_hub(c, rec, deleted);
        break;
    case BERTH_KIND_POLICY:
        watch_policy(c, rec, deleted);
        break;
    case BERTH_KIND_SETTING:
        watch_setting(c, rec, deleted);
        break;
    default:
        break;
    }
}

static const enum berth_kind fill_order[] = { BERTH_KIND_SETTING, BERTH_KIND_HUB, BERTH_KIND_POLICY,
                                              BERTH_KIND_GROUP };

static void filled(void *user, const struct store_reply *reply);

static void fill_from(struct catalog *c, berth_str scope, berth_str after)
{
    enum berth_kind kind = fill_order[c->kind];
    struct store_query q = { .kind = kind,
                             .scope = scope,
                             .after = after,
                             .limit = STORE_LIST_MAX,
                             .all_scopes = kind == BERTH_KIND_POLICY };

    store_list(c->port, &q, filled, c);
}

static void filled(void *user, const struct store_reply *reply)
{
    struct catalog *c = user;

    if (reply->result != STORE_OK) {
        c->done(c->user, false);
        return;
    }
    for (size_t i = 0; i < reply->count; i++)
        catalog_watch(c, &reply->records[i], false);
    if (reply->more) {
        fill_from(c, reply->records[reply->count - 1].scope, reply->records[reply->count - 1].key);
        return;
    }
    if (++c->kind == sizeof fill_order / sizeof fill_order[0]) {
        c->done(c->user, c->view.id_scope.n > 0);
        return;
    }
    fill_from(c, BERTH_STR(""), BERTH_STR(""));
}

void catalog_fill(struct catalog *c, struct store_port *port, void (*done)(void *user, bool ok),
                  void *user)
{
    c->port = port;
    c->done = done;
    c->user = user;
    c->kind = 0;
    fill_from(c, BERTH_STR(""), BERTH_STR(""));
}

const struct berth_catalog *catalog_view(const struct catalog *c)
{
    return &c->view;
}

const struct berth_policy *catalog_policies(const struct catalog *c, berth_str hub, size_t *count)
{
    size_t from = 0, to;

    while (from < c->policy_count && !berth_str_eq(c->policies[from].hub, hub))
        from++;
    for (to = from; to < c->policy_count && berth_str_eq(c->policies[to].hub, hub);)
        to++;
    *count = to - from;
    return c->policies + from;
}

const struct berth_hub *catalog_hub_of_host(const struct catalog *c, const struct config *config,
                                            berth_str host)
{
    const struct berth_hub *h = berth_catalog_hub(&c->view, host);

    if (h != NULL)
        return h;
    for (size_t i = 0; i < config->host_count; i++)
        if (berth_str_ieq(berth_str_of(config->hosts[i]), host))
            return berth_catalog_hub(&c->view, berth_str_of(config->hosts[0]));
    return NULL;
}
