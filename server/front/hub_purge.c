#include "front/hub_purge.h"

#define AT_ONCE 240 /* devices, for the store groups their commits */

struct purge {
    struct call *c;
    berth_str hub;
    void (*done)(struct call *c);
    size_t waiting; /* commits */
    bool failed, stale;
};

static void go_on(struct purge *p);

static void on_part(void *user, const struct store_reply *reply)
{
    struct purge *p = user;

    p->failed = p->failed || reply->result == STORE_FAILED;
    p->stale = p->stale || reply->result == STORE_STALE;
    if (--p->waiting > 0)
        return;
    if (p->failed)
        call_fail(p->c, BERTH_WHY_STORE_FAILED, "the store failed to delete what a hub has left");
    else if (p->stale) /* somebody has just made the hub, and made it empty */
        p->done(p->c);
    else
        go_on(p);
}

/* The first change of each commit: a hub that is made meanwhile keeps what it has. */
static void begin_part(const struct purge *p, struct berth_change *changes, size_t *n)
{
    changes[0] = (struct berth_change){ .type = BERTH_CHECK,
                                        .expect = BERTH_ABSENT,
                                        .rec = { .kind = BERTH_KIND_HUB, .key = p->hub } };
    *n = 1;
}

static void add(const struct purge *p, enum berth_kind kind, berth_str key,
                struct berth_change *changes, size_t *n)
{
    changes[(*n)++] = (struct berth_change){ .type = BERTH_DELETE,
                                             .expect = BERTH_ANY,
                                             .rec = { .kind = kind, .scope = p->hub, .key = key } };
}

static void commit(struct purge *p, const struct berth_change *changes, size_t n)
{
    struct front *f = p->c->f;

    store_commit(f->store, changes, n, loop_now_ms(f->loop), on_part, p);
}

static void delete_policies(struct purge *p, const struct berth_policy *policies, size_t count)
{
    struct berth_change changes[STORE_CHANGES_MAX];
    size_t n;

    begin_part(p, changes, &n);
    for (size_t i = 0; i < count && n < STORE_CHANGES_MAX; i++)
        add(p, BERTH_KIND_POLICY, policies[i].name, changes, &n);
    p->waiting = 1;
    commit(p, changes, n);
}

static void on_listed(void *user, const struct store_reply *reply)
{
    const size_t part = STORE_CHANGES_MAX - 1;
    struct berth_change changes[STORE_CHANGES_MAX];
    struct purge *p = user;

    if (!call_stored(p->c, reply))
        return;
    if (reply->count == 0) {
        p->done(p->c);
        return;
    }
    p->waiting = (reply->count + part - 1) / part;
    for (size_t from = 0; from < reply->count; from += part) {
        size_t n;

        begin_part(p, changes, &n);
        for (size_t i = from; i < reply->count && i < from + part; i++)
            add(p, BERTH_KIND_DEVICE, reply->records[i].key, changes, &n);
        commit(p, changes, n);
    }
}

static void go_on(struct purge *p)
{
    struct front *f = p->c->f;
    size_t count = 0;
    const struct berth_policy *policies = catalog_policies(f->catalog, p->hub, &count);

    if (count > 0)
        delete_policies(p, policies, count);
    else
        store_list(
            f->store,
            &(struct store_query){ .kind = BERTH_KIND_DEVICE, .scope = p->hub, .limit = AT_ONCE },
            on_listed, p);
}

void hub_purge(struct call *c, berth_str hub, void (*done)(struct call *c))
{
    struct purge *p = call_alloc(c, sizeof *p);

    if (p == NULL)
        return;
    *p = (struct purge){ .c = c, .hub = hub, .done = done };
    go_on(p);
}
