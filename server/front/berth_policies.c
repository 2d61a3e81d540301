/* Shared access policies of the service and of its hubs: /berth/v1/policies, listkeys and the same
 * below /berth/v1/hubs/{name}. Decisions are taken on the catalog, which shows every change that
 * anyone was told of; each commit carries the versions it was decided on. */
#include <assert.h>
#include <string.h>

#include "front/if_match.h"
#include "front/policy_body.h"
#include "front/service.h"
#include "prov/enrollment.h"

#define CHANGES_MAX 3 /* the policy, what must be as it was, how many there may be */

struct task {
    berth_str hub;  /* key; empty: the service */
    berth_str name; /* of one policy; empty: all */
    uint64_t expect;
    struct berth_policy p; /* as it becomes */
    bool with_keys;
};

static const struct berth_policy *find(const struct call *c, berth_str hub, berth_str name)
{
    size_t count = 0;
    const struct berth_policy *policies = catalog_policies(c->f->catalog, hub, &count);

    for (size_t i = 0; i < count; i++)
        if (berth_str_eq(policies[i].name, name))
            return &policies[i];
    return NULL;
}

/* In the path: /berth/v1/policies/{name}.. or /berth/v1/hubs/{hub}/policies/{name}.. */
static bool take_place(struct call *c, struct task *t)
{
    bool of_hub = berth_str_ieq(c->segments[2], BERTH_STR("hubs"));
    size_t name = of_hub ? 5 : 3;

    t->hub = BERTH_STR("");
    if (of_hub && berth_arena_lower(&c->arena, c->segments[3], &t->hub) != BERTH_OK) {
        call_fail(c, BERTH_WHY_INTERNAL, "a call's arena is exhausted");
        return false;
    }
    if (name < c->segment_count)
        t->name = c->segments[name];
    return true;
}

static bool hub_is_there(struct call *c, const struct task *t)
{
    if (t->hub.n == 0 || berth_catalog_hub(catalog_view(c->f->catalog), t->hub) != NULL)
        return true;
    call_refuse(c, BERTH_WHY_HUB_NOT_FOUND, (berth_str){ 0 });
    return false;
}

/* NULL after refusing. */
static struct task *begin(struct call *c)
{
    struct task *t = call_alloc(c, sizeof *t);

    if (t == NULL || !take_place(c, t) || !hub_is_there(c, t))
        return NULL;
    t->expect = if_match(c, berth_etag_parse);
    c->state = t;
    call_mark(c);
    return t;
}

/* ---- answers ---- */

static void put(struct berth_buf *b, const struct berth_policy *p, bool with_keys)
{
    char storage[32];
    struct berth_buf etag;

    berth_buf_init(&etag, storage, sizeof storage);
    berth_etag_put(&etag, p->version);
    berth_policy_put(b, p, berth_buf_str(&etag), with_keys);
}

static void answer(struct call *c, const struct berth_policy *p, bool with_keys)
{
    struct berth_buf b;

    call_body(c, &b);
    put(&b, p, with_keys);
    call_send(c, 200, &b, NULL, 0);
}

static void answer_all(struct call *c, bool with_keys)
{
    const struct task *t = begin(c);
    const struct berth_policy *policies;
    struct berth_buf b;
    size_t count = 0;

    if (t == NULL)
        return;
    policies = catalog_policies(c->f->catalog, t->hub, &count);
    call_body(c, &b);
    berth_buf_put_char(&b, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            berth_buf_put_char(&b, ',');
        put(&b, &policies[i], with_keys);
    }
    berth_buf_put_char(&b, ']');
    call_send(c, 200, &b, NULL, 0);
}

static void answer_one(struct call *c, bool with_keys)
{
    const struct task *t = begin(c);
    const struct berth_policy *p = t == NULL ? NULL : find(c, t->hub, t->name);

    if (p != NULL)
        answer(c, p, with_keys);
    else if (t != NULL)
        call_refuse(c, BERTH_WHY_POLICY_NOT_FOUND, (berth_str){ 0 });
}

void api_policy_list(struct call *c)
{
    answer_all(c, false);
}

void api_policy_list_keys(struct call *c)
{
    answer_all(c, true);
}

void api_policy_get(struct call *c)
{
    answer_one(c, false);
}

void api_policy_get_keys(struct call *c)
{
    answer_one(c, true);
}

/* ---- what a commit has to hold ---- */

/* Another policy of the service that may change policies. */
static const struct berth_policy *other_owner(const struct call *c, berth_str name)
{
    size_t count = 0;
    const struct berth_policy *policies = catalog_policies(c->f->catalog, BERTH_STR(""), &count);

    for (size_t i = 0; i < count; i++)
        if ((policies[i].rights & BERTH_RIGHT_SERVICE_CONFIG) != 0 &&
            !berth_str_eq(policies[i].name, name))
            return &policies[i];
    return NULL;
}

static void add_check(struct berth_change *changes, size_t *n, uint64_t expect,
                      const struct berth_record *of)
{
    changes[(*n)++] = (struct berth_change){ .type = BERTH_CHECK, .expect = expect, .rec = *of };
}

/* With no owner left nobody could ever make one again. The other owner must still be one when this
 * is committed: two at once that each count on the other would both go. */
static bool keep_owner(struct call *c, const struct task *t, const struct berth_policy *stored,
                       struct berth_change *changes, size_t *n)
{
    unsigned lost = stored == NULL ? 0 : stored->rights & ~t->p.rights;
    const struct berth_policy *other;

    if (t->hub.n > 0 || (lost & BERTH_RIGHT_SERVICE_CONFIG) == 0)
        return true;
    other = other_owner(c, t->name);
    if (other == NULL) {
        call_refuse(c, BERTH_WHY_POLICY_LAST_OWNER, (berth_str){ 0 });
        return false;
    }
    add_check(changes, n, other->version,
              &(struct berth_record){
                  .kind = BERTH_KIND_POLICY, .scope = BERTH_STR(""), .key = other->name });
    return true;
}

/* A policy must not outlive the hub it is made for. */
static void hold_hub(const struct task *t, struct berth_change *changes, size_t *n)
{
    if (t->hub.n > 0)
        add_check(changes, n, BERTH_PRESENT,
                  &(struct berth_record){ .kind = BERTH_KIND_HUB, .key = t->hub });
}

static bool is_expected(struct call *c, const struct task *t, const struct berth_policy *stored)
{
    if (stored == NULL)
        call_refuse(c, BERTH_WHY_POLICY_NOT_FOUND, (berth_str){ 0 });
    else if (if_match_is_etag(t->expect) && t->expect != stored->version)
        call_refuse(c, BERTH_WHY_ETAG_STALE, (berth_str){ 0 });
    else
        return true;
    return false;
}

/* ---- writing ---- */

static void commit_put(struct call *c, const struct berth_policy *stored, store_done *done)
{
    struct task *t = c->state;
    struct berth_change changes[CHANGES_MAX] = {
        { .type = BERTH_PUT, .expect = stored == NULL ? BERTH_ABSENT : stored->version }
    };
    size_t n = 1;

    if (berth_policy_encode(&t->p, &c->arena, &changes[0].rec) != BERTH_OK) {
        call_fail(c, BERTH_WHY_INTERNAL, "a policy does not fit its record");
        return;
    }
    if (!keep_owner(c, t, stored, changes, &n))
        return;
    hold_hub(t, changes, &n);
    if (stored == NULL) /* others may be made at once */
        changes[n++] =
            (struct berth_change){ .type = BERTH_LIMIT,
                                   .expect = BERTH_POLICIES_MAX,
                                   .rec = { .kind = BERTH_KIND_POLICY, .scope = t->hub } };
    assert(n <= CHANGES_MAX);
    store_commit(c->f->store, changes, n, loop_now_ms(c->f->loop), done, c);
}

static void decide_put(struct call *c);
static void decide_regenerate(struct call *c);

static void finish(struct call *c, const struct store_reply *reply, void (*again)(struct call *c))
{
    struct task *t = c->state;

    if (!call_stored(c, reply))
        return;
    if (reply->result == STORE_OK) {
        t->p.version = reply->version;
        answer(c, &t->p, t->with_keys);
    } else if (call_again(c)) {
        store_deliver_changes(c->f->store);
        again(c);
    }
}

static void on_put(void *user, const struct store_reply *reply)
{
    finish(user, reply, decide_put);
}

static void on_regenerated(void *user, const struct store_reply *reply)
{
    finish(user, reply, decide_regenerate);
}

/* In a new policy; one that is there has passed. */
static bool may_be_made(struct call *c, const struct task *t)
{
    const char *fault = NULL;
    size_t count = 0;

    (void)catalog_policies(c->f->catalog, t->hub, &count);
    if (!berth_policy_name_is_valid(t->name))
        fault = "A policy's name must have 1 to 64 letters, digits, '-', '.', '_'.";
    else if (count >= BERTH_POLICIES_MAX)
        fault = "There are 15 policies, the most there can be.";
    if (fault != NULL)
        call_refuse(c, BERTH_WHY_REQUEST_INVALID, berth_str_of(fault));
    return fault == NULL;
}

static bool decide_which(struct call *c, const struct task *t, const struct berth_policy *stored)
{
    if (t->expect != BERTH_ANY)
        return is_expected(c, t, stored);
    if (stored == NULL)
        return may_be_made(c, t);
    call_refuse(c, BERTH_WHY_POLICY_EXISTS, (berth_str){ 0 });
    return false;
}

static void decide_put(struct call *c)
{
    struct task *t = c->state;
    const struct berth_policy *stored;

    t->p = (struct berth_policy){ .hub = t->hub, .name = t->name };
    if (!hub_is_there(c, t) || !policy_body_read(c, &t->p))
        return;
    stored = find(c, t->hub, t->name);
    if (decide_which(c, t, stored) &&
        call_fill_keys(c, &t->p.keys, stored ? &stored->keys : NULL, BERTH_POLICY_KEY_SIZE))
        commit_put(c, stored, on_put);
}

void api_policy_put(struct call *c)
{
    if (begin(c) != NULL)
        decide_put(c);
}

/* ---- a new key ---- */

static void decide_regenerate(struct call *c)
{
    struct task *t = c->state;
    const struct berth_policy *stored = find(c, t->hub, t->name);

    if (!is_expected(c, t, stored))
        return;
    t->p = *stored;
    t->p.hub = t->hub; /* the catalog's own text may go while this waits */
    t->p.name = t->name;
    if (policy_body_drop_key(c, &t->p) &&
        call_fill_keys(c, &t->p.keys, NULL, BERTH_POLICY_KEY_SIZE))
        commit_put(c, stored, on_regenerated);
}

void api_policy_regenerate(struct call *c)
{
    struct task *t = begin(c);

    if (t == NULL)
        return;
    t->with_keys = true;
    decide_regenerate(c);
}

/* ---- DELETE ---- */

static void decide_delete(struct call *c);

static void on_deleted(void *user, const struct store_reply *reply)
{
    struct call *c = user;

    if (!call_stored(c, reply))
        return;
    if (reply->result == STORE_OK) {
        call_empty(c, 204);
    } else if (call_again(c)) {
        store_deliver_changes(c->f->store);
        decide_delete(c);
    }
}

static void decide_delete(struct call *c)
{
    const struct task *t = c->state;
    const struct berth_policy *stored = find(c, t->hub, t->name);
    struct berth_change changes[CHANGES_MAX] = { { .type = BERTH_DELETE } };
    size_t n = 1;

    if (!is_expected(c, t, stored) || !keep_owner(c, t, stored, changes, &n))
        return;
    changes[0].expect = stored->version;
    changes[0].rec =
        (struct berth_record){ .kind = BERTH_KIND_POLICY, .scope = t->hub, .key = t->name };
    store_commit(c->f->store, changes, n, loop_now_ms(c->f->loop), on_deleted, c);
}

void api_policy_delete(struct call *c)
{
    if (begin(c) != NULL)
        decide_delete(c);
}
