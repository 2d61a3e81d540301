/* Hubs: /berth/v1/hubs. berth_hub_delete.c has DELETE. */
#include <string.h>

#include "auth/policy.h"
#include "front/host_name.h"
#include "front/hub_purge.h"
#include "front/if_match.h"
#include "front/service.h"
#include "ops/trust.h"
#include "prov/hub.h"
#include "wire/json.h"

#define POLICIES_MAX 8 /* a new hub gets */

/* One request about hubs: all of them, or the one addressed. */
struct task {
    bool one;
    uint64_t expect; /* of If-Match */
    size_t at;       /* whose devices are being counted */
    size_t count;
    bool made; /* answered with what became of the certificate: */
    bool covered;
    berth_str problem; /* why it does not name the hub */
    struct berth_hub rows[BERTH_ENROLLMENT_HUBS_MAX];
    uint64_t devices[BERTH_ENROLLMENT_HUBS_MAX];
};

static void put_certificate(struct berth_json_out *j, const struct task *t)
{
    berth_json_member_bool(j, "certificateCovers", t->covered);
    if (!t->covered)
        berth_json_member(j, "certificateProblem", t->problem);
}

static void put_row(struct berth_json_out *j, const struct task *t, size_t at)
{
    const struct berth_hub *r = &t->rows[at];
    char storage[32];
    struct berth_buf etag;

    berth_buf_init(&etag, storage, sizeof storage);
    berth_etag_put(&etag, r->version);
    berth_json_open(j, '{');
    berth_json_member(j, "hostName", r->host_name);
    berth_json_member_i64(j, "allocationWeight", r->weight);
    berth_json_member_bool(j, "allocation", r->takes_devices);
    berth_json_member_i64(j, "deviceCount", (int64_t)t->devices[at]);
    berth_json_member(j, "etag", berth_buf_str(&etag));
    if (t->made)
        put_certificate(j, t);
    berth_json_close(j, '}');
}

static void answer(struct call *c)
{
    const struct task *t = c->state;
    struct berth_json_out j;
    struct berth_buf b;

    call_body(c, &b);
    berth_json_begin(&j, &b);
    if (!t->one)
        berth_json_open(&j, '[');
    for (size_t i = 0; i < t->count; i++)
        put_row(&j, t, i);
    if (!t->one)
        berth_json_close(&j, ']');
    call_send(c, 200, &b, NULL, 0);
}

static void count_next(struct call *c);

static void on_counted(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    struct task *t = c->state;

    if (!call_stored(c, reply))
        return;
    t->devices[t->at++] = reply->total;
    count_next(c);
}

static void count_next(struct call *c)
{
    const struct task *t = c->state;

    if (t->at == t->count)
        answer(c);
    else
        store_count(c->f->store, BERTH_KIND_DEVICE, t->rows[t->at].host_name, -1, on_counted, c);
}

/* Rows come from the catalog, which shows every change that anyone was told of. */
static bool add_row(struct call *c, const struct berth_hub *hub)
{
    struct task *t = c->state;
    struct berth_hub *r;

    if (t->count == BERTH_ENROLLMENT_HUBS_MAX) {
        call_fail(c, BERTH_WHY_INTERNAL, "there are more hubs than there may be");
        return false;
    }
    r = &t->rows[t->count];
    *r = *hub;
    if (berth_arena_dup(&c->arena, hub->host_name, &r->host_name) != BERTH_OK) {
        call_fail(c, BERTH_WHY_INTERNAL, "a hub's name does not fit its call");
        return false;
    }
    t->count++;
    return true;
}

/* The catalog's order is that of the latest changes. */
static void sort_rows(struct task *t)
{
    for (size_t i = 1; i < t->count; i++) {
        struct berth_hub r = t->rows[i];
        size_t at = i;
        for (; at > 0 && berth_str_cmp(t->rows[at - 1].host_name, r.host_name) > 0; at--)
            t->rows[at] = t->rows[at - 1];
        t->rows[at] = r;
    }
}

static struct task *begin(struct call *c)
{
    struct task *t = call_alloc(c, sizeof *t);

    c->state = t;
    return t;
}

/* The name in the path in lower case; NULL after refusing. */
static const char *addressed(struct call *c)
{
    berth_str given = c->segments[3], lower;
    char *name = call_alloc(c, given.n + 1);

    if (name == NULL)
        return NULL;
    if (berth_arena_lower(&c->arena, given, &lower) != BERTH_OK) {
        call_fail(c, BERTH_WHY_INTERNAL, "a call's arena is exhausted");
        return NULL;
    }
    memcpy(name, lower.p, lower.n);
    return name;
}

static const struct berth_hub *find(const struct call *c, const char *name)
{
    return berth_catalog_hub(catalog_view(c->f->catalog), berth_str_of(name));
}

void api_hub_list(struct call *c)
{
    const struct berth_catalog *catalog = catalog_view(c->f->catalog);
    struct task *t = begin(c);

    if (t == NULL)
        return;
    for (size_t i = 0; i < catalog->hub_count; i++)
        if (!add_row(c, &catalog->hubs[i]))
            return;
    sort_rows(t);
    count_next(c);
}

void api_hub_get(struct call *c)
{
    struct task *t = begin(c);
    const char *name = t == NULL ? NULL : addressed(c);
    const struct berth_hub *hub = name == NULL ? NULL : find(c, name);

    if (name == NULL)
        return;
    if (hub == NULL) {
        call_refuse(c, BERTH_WHY_HUB_NOT_FOUND, (berth_str){ 0 });
        return;
    }
    t->one = true;
    if (add_row(c, hub))
        count_next(c);
}

/* ---- PUT ---- */

static bool parse(struct call *c, struct berth_hub *row)
{
    struct berth_refusal why;

    if (berth_hub_parse(c->body, row, &why) == BERTH_OK)
        return true;
    call_refuse(c, why.reason, why.message);
    return false;
}

/* The policies of a new hub, with fresh keys, as changes of the commit that makes it. */
static bool add_policies(struct call *c, berth_str hub, struct berth_change *changes, size_t *count)
{
    const struct berth_policy_default *row;
    struct berth_policy *p = call_alloc(c, sizeof *p);

    if (p == NULL)
        return false;
    for (row = berth_hub_policies; row->name != NULL; row++) {
        struct berth_change *change = &changes[*count];
        *p = (struct berth_policy){ .hub = hub,
                                    .name = berth_str_of(row->name),
                                    .rights = row->rights };
        if (!call_fill_keys(c, &p->keys, NULL, BERTH_POLICY_KEY_SIZE))
            return false;
        *change = (struct berth_change){ .type = BERTH_PUT, .expect = BERTH_ANY };
        if (*count > POLICIES_MAX || berth_policy_encode(p, &c->arena, &change->rec) != BERTH_OK) {
            call_fail(c, BERTH_WHY_INTERNAL, "a policy does not fit its record");
            return false;
        }
        ++*count;
    }
    return true;
}

/* Which of the two it was: gone, or another version. */
static void on_put_read(void *user, const struct store_reply *reply)
{
    struct call *c = user;

    if (call_stored(c, reply))
        call_refuse(c, reply->count == 0 ? BERTH_WHY_HUB_NOT_FOUND : BERTH_WHY_ETAG_STALE,
                    (berth_str){ 0 });
}

/* The hub is there in any case; what its name still lacks is told. */
static void on_covered(void *user, const struct trust_answer *a)
{
    struct call *c = user;
    struct task *t = c->state;
    berth_str problem = berth_str_of(
        a->err != BERTH_OK ? a->problem : "the operator's own certificate lacks the name");

    t->made = true;
    t->covered = a->covers;
    if (berth_arena_dup(&c->arena, problem, &t->problem) != BERTH_OK)
        call_fail(c, BERTH_WHY_INTERNAL, "a call's arena is exhausted");
    else
        count_next(c);
}

/* The answer waits until every worker shows a certificate with the name: what comes next is a
 * device that asks for it. */
static void cover(struct call *c)
{
    const struct task *t = c->state;
    struct front *f = c->f;
    struct trust_wish wish = { .verb = TRUST_COVER };

    if (f->trust == NULL || t->expect != BERTH_ANY) {
        count_next(c);
        return;
    }
    memcpy(wish.name, t->rows[0].host_name.p, t->rows[0].host_name.n);
    trust_ask(f->trust, loop_index(f->loop), &wish, on_covered, c);
}

static void refuse_too_many(struct call *c)
{
    call_refuse(c, BERTH_WHY_REQUEST_INVALID,
                BERTH_STR("There are 50 hubs, the most there can be."));
}

static void on_put(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    struct task *t = c->state;

    if (!call_stored(c, reply))
        return;
    if (reply->result == STORE_OK) {
        t->rows[0].version = reply->version;
        cover(c);
    } else if (t->expect == BERTH_ANY && reply->refused > 0) {
        refuse_too_many(c);
    } else if (t->expect == BERTH_ANY) {
        call_refuse(c, BERTH_WHY_HUB_EXISTS, (berth_str){ 0 });
    } else {
        store_get(c->f->store, BERTH_KIND_HUB, (berth_str){ 0 }, t->rows[0].host_name, on_put_read,
                  c);
    }
}

static bool name_is_free(struct call *c, const char *name)
{
    if (!host_name_is_valid(name, c->f->config)) {
        call_refuse(c, BERTH_WHY_REQUEST_INVALID,
                    BERTH_STR("The hub's name must be a DNS name with a dot, an IP address, or one "
                              "of this service's own names."));
        return false;
    }
    if (find(c, name) == NULL &&
        catalog_view(c->f->catalog)->hub_count >= BERTH_ENROLLMENT_HUBS_MAX) {
        refuse_too_many(c);
        return false;
    }
    return true;
}

static void commit_put(struct call *c)
{
    struct berth_change changes[1 + POLICIES_MAX + 1];
    const struct task *t = c->state;
    size_t count = 1;

    changes[0] = (struct berth_change){ .type = BERTH_PUT, .expect = t->expect };
    if (t->expect == BERTH_ANY)
        changes[0].expect = BERTH_ABSENT;
    if (berth_hub_encode(&t->rows[0], &c->arena, &changes[0].rec) != BERTH_OK) {
        call_fail(c, BERTH_WHY_INTERNAL, "a hub does not fit its record");
        return;
    }
    if (t->expect == BERTH_ANY && !add_policies(c, t->rows[0].host_name, changes, &count))
        return;
    if (t->expect == BERTH_ANY) /* others may be made at once */
        changes[count++] = (struct berth_change){ .type = BERTH_LIMIT,
                                                  .expect = BERTH_ENROLLMENT_HUBS_MAX,
                                                  .rec = { .kind = BERTH_KIND_HUB } };
    store_commit(c->f->store, changes, count, loop_now_ms(c->f->loop), on_put, c);
}

void api_hub_put(struct call *c)
{
    struct task *t = begin(c);
    const char *name = t == NULL ? NULL : addressed(c);

    if (name == NULL)
        return;
    t->rows[0] = (struct berth_hub){ .host_name = berth_str_of(name) };
    t->one = true;
    t->count = 1;
    t->expect = if_match(c, berth_etag_parse);
    if (!parse(c, &t->rows[0]) || (t->expect == BERTH_ANY && !name_is_free(c, name)))
        return;
    if (t->expect == BERTH_ANY && find(c, name) == NULL)
        hub_purge(c, t->rows[0].host_name, commit_put);
    else
        commit_put(c);
}
