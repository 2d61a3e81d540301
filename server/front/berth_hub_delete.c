/* DELETE /berth/v1/hubs/{name}: the hub first, so that from then on nothing comes to it; then what
 * it leaves. Registrations keep its name: what was, is told, and the next registration is decided
 * without it. */
#include "front/hub_purge.h"
#include "front/if_match.h"
#include "front/service.h"
#include "prov/enrollment.h"
#include "wire/query.h"

struct task {
    berth_str name;
    uint64_t expect;
    bool force;
};

static void decide(struct call *c);

static void on_purged(struct call *c)
{
    call_empty(c, 204);
}

static void on_deleted(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    const struct task *t = c->state;

    if (!call_stored(c, reply))
        return;
    if (reply->result == STORE_OK) {
        hub_purge(c, t->name, on_purged);
    } else if (call_again(c)) {
        store_deliver_changes(c->f->store);
        decide(c);
    }
}

/* With its policies in one commit: keys of a hub that is gone open nothing. */
static void commit(struct call *c)
{
    const struct task *t = c->state;
    struct berth_change changes[STORE_CHANGES_MAX];
    size_t count = 0, n = 1;
    const struct berth_policy *policies = catalog_policies(c->f->catalog, t->name, &count);

    changes[0] =
        (struct berth_change){ .type = BERTH_DELETE,
                               .expect = t->expect == BERTH_ANY ? BERTH_PRESENT : t->expect,
                               .rec = { .kind = BERTH_KIND_HUB, .key = t->name } };
    for (size_t i = 0; i < count && n < STORE_CHANGES_MAX; i++)
        changes[n++] = (struct berth_change){
            .type = BERTH_DELETE,
            .expect = BERTH_ANY,
            .rec = { .kind = BERTH_KIND_POLICY, .scope = t->name, .key = policies[i].name }
        };
    store_commit(c->f->store, changes, n, loop_now_ms(c->f->loop), on_deleted, c);
}

/* A device that comes between this and the commit goes with the hub, and is assigned anew when it
 * registers again. */
static void on_counted(void *user, const struct store_reply *reply)
{
    struct call *c = user;

    if (!call_stored(c, reply))
        return;
    if (reply->total == 0)
        commit(c);
    else
        call_refuse(c, BERTH_WHY_HUB_HAS_DEVICES, (berth_str){ 0 });
}

static void decide(struct call *c)
{
    const struct task *t = c->state;
    const struct berth_hub *hub = berth_catalog_hub(catalog_view(c->f->catalog), t->name);

    if (hub == NULL)
        call_refuse(c, BERTH_WHY_HUB_NOT_FOUND, (berth_str){ 0 });
    else if (if_match_is_etag(t->expect) && t->expect != hub->version)
        call_refuse(c, BERTH_WHY_ETAG_STALE, (berth_str){ 0 });
    else if (t->force)
        commit(c);
    else
        store_count(c->f->store, BERTH_KIND_DEVICE, t->name, -1, on_counted, c);
}

void api_hub_delete(struct call *c)
{
    berth_str force = berth_query_get(c->x->query, BERTH_STR("force"));
    struct task *t = call_alloc(c, sizeof *t);

    if (t == NULL)
        return;
    if (force.n > 0 && !berth_str_ieq(force, BERTH_STR("true")) &&
        !berth_str_ieq(force, BERTH_STR("false"))) {
        call_refuse(c, BERTH_WHY_REQUEST_INVALID, BERTH_STR("force must be true or false."));
        return;
    }
    if (berth_arena_lower(&c->arena, c->segments[3], &t->name) != BERTH_OK) {
        call_fail(c, BERTH_WHY_INTERNAL, "a call's arena is exhausted");
        return;
    }
    t->expect = if_match(c, berth_etag_parse);
    t->force = berth_str_ieq(force, BERTH_STR("true"));
    c->state = t;
    call_mark(c);
    decide(c);
}
