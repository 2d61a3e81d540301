#include "tests/store/fake_store.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/fake_table.h"

enum call_type { GET, LIST, COUNT, COMMIT };

/* A call waits for its effect (a commit's), then for its completion to be due, then for deliver. A
 * read has no effect before deliver, which carries it out: so its reply is as new as the changes
 * told before it. */
struct call {
    struct call *next;
    struct fake_port *port;
    enum call_type type;
    uint64_t effect_at, due_at;
    bool done_its_work, fails, lies;
    struct store_query query; /* get: AFTER is the key; owns its text */
    int32_t tag;
    struct berth_change *changes;
    size_t count;
    int64_t now_ms;
    struct store_reply reply;
    store_done *done;
    void *user;
};

struct change {
    struct change *next;
    struct berth_record rec;
    bool deleted;
};

struct fake_port {
    struct store_port base;
    struct fake_store *store;
    struct fake_port *next;
    struct store_attach attach;
    struct call *due, **due_end; /* in the order they are told */
    struct change *changes, **changes_end;
    uint64_t last_due; /* of the calls so far, when order is kept */
    bool delivering;
};

struct fake_store {
    pthread_mutex_t lock; /* of everything here and in the ports */
    struct fake_options options;
    uint64_t random, clock;
    struct fake_table table;
    struct fake_port *ports;
    struct call *waiting, **waiting_end;
};

static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

static uint64_t draw(struct fake_store *f) /* splitmix64 */
{
    uint64_t z = f->random += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static bool chance(struct fake_store *f, unsigned percent)
{
    return percent > 0 && draw(f) % 100 < percent;
}

static struct fake_port *port_of(struct store_port *base)
{
    return (struct fake_port *)(void *)base;
}

static berth_str own(berth_str s)
{
    if (s.p == NULL)
        return s;
    char *p = must(malloc(s.n + 1));
    memcpy(p, s.p, s.n);
    return (berth_str){ p, s.n };
}

static void disown(berth_str s)
{
    free((void *)(uintptr_t)s.p);
}

static void call_free(struct call *c)
{
    disown(c->query.scope);
    disown(c->query.owner);
    disown(c->query.after);
    for (size_t i = 0; i < c->count; i++)
        fake_record_free(&c->changes[i].rec);
    free(c->changes);
    free(c);
}

static void wake(struct fake_port *p)
{
    if (p->attach.wake != NULL)
        p->attach.wake(p->attach.wake_user);
}

/* what time brings; all with the lock */

static void publish(struct fake_store *f, const struct berth_record *rec, bool deleted)
{
    for (struct fake_port *p = f->ports; p != NULL; p = p->next) {
        if (p->attach.watcher == NULL || (p->attach.watch_kinds & 1u << rec->kind) == 0)
            continue;
        struct change *c = must(calloc(1, sizeof *c));
        c->rec = fake_record_copy(rec);
        c->deleted = deleted;
        *p->changes_end = c;
        p->changes_end = &c->next;
        wake(p);
    }
}

static void take_effect(struct fake_store *f, struct call *c)
{
    bool changed[STORE_CHANGES_MAX] = { false };

    c->done_its_work = true;
    if (c->type != COMMIT || c->fails)
        return;
    c->reply.result =
        fake_table_commit(&f->table, c->changes, c->count, c->now_ms, changed, &c->reply.refused);
    c->reply.version = f->table.version;
    for (size_t i = 0; i < c->count && c->reply.result == STORE_OK; i++)
        if (changed[i])
            publish(f, &c->changes[i].rec, c->changes[i].type == BERTH_DELETE);
    if (c->lies)
        c->reply = (struct store_reply){ .result = STORE_FAILED, .problem = "connection lost" };
}

static void make_due(struct fake_store *f, struct call *c)
{
    struct fake_port *p = c->port;
    struct call **at = f->options.reorder && chance(f, 50) ? &p->due : p->due_end;

    c->next = *at;
    *at = c;
    if (c->next == NULL)
        p->due_end = &c->next;
    wake(p);
}

static void move_on(struct fake_store *f)
{
    struct call **at = &f->waiting;

    while (*at != NULL) {
        struct call *c = *at;
        if (!c->done_its_work && c->effect_at <= f->clock)
            take_effect(f, c);
        if (c->due_at > f->clock) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        if (*at == NULL)
            f->waiting_end = at;
        make_due(f, c);
    }
}

void fake_store_step(struct fake_store *f)
{
    pthread_mutex_lock(&f->lock);
    f->clock++;
    move_on(f);
    pthread_mutex_unlock(&f->lock);
}

/* calls */

static void set_out(struct fake_port *p, struct call *c)
{
    struct fake_store *f = p->store;
    unsigned span = f->options.delay_max + 1;

    pthread_mutex_lock(&f->lock);
    c->port = p;
    c->fails = c->fails || chance(f, f->options.fail_percent);
    c->lies = c->type == COMMIT && !c->fails && chance(f, f->options.lie_percent);
    if (c->fails && c->reply.problem == NULL)
        c->reply = (struct store_reply){ .result = STORE_FAILED, .problem = "made to fail" };
    c->effect_at = f->clock + draw(f) % span;
    c->due_at = c->effect_at + draw(f) % span;
    if (!f->options.reorder) {
        c->effect_at = c->effect_at > p->last_due ? c->effect_at : p->last_due;
        c->due_at = c->due_at > c->effect_at ? c->due_at : c->effect_at;
        p->last_due = c->due_at;
    }
    *f->waiting_end = c;
    f->waiting_end = &c->next;
    move_on(f);
    pthread_mutex_unlock(&f->lock);
}

static struct call *call_new(enum call_type type, store_done *done, void *user)
{
    struct call *c = must(calloc(1, sizeof *c));

    c->type = type;
    c->done = done;
    c->user = user;
    return c;
}

static void fake_get(struct store_port *base, enum berth_kind kind, berth_str scope, berth_str key,
                     store_done *done, void *user)
{
    struct call *c = call_new(GET, done, user);

    c->query = (struct store_query){ .kind = kind, .scope = own(scope), .after = own(key) };
    set_out(port_of(base), c);
}

static void fake_list(struct store_port *base, const struct store_query *q, store_done *done,
                      void *user)
{
    struct call *c = call_new(LIST, done, user);

    assert(q->limit >= 1 && q->limit <= STORE_LIST_MAX);
    c->query = *q;
    c->query.scope = own(q->scope);
    c->query.owner = own(q->owner);
    c->query.after = own(q->after);
    set_out(port_of(base), c);
}

static void fake_count(struct store_port *base, enum berth_kind kind, berth_str scope, int32_t tag,
                       store_done *done, void *user)
{
    struct call *c = call_new(COUNT, done, user);

    c->query = (struct store_query){ .kind = kind, .scope = own(scope) };
    c->tag = tag;
    set_out(port_of(base), c);
}

static bool is_over_bounds(const struct berth_change *c)
{
    const struct berth_record *r = &c->rec;

    if ((r->key.n == 0 && c->type != BERTH_LIMIT) || r->key.n > STORE_TEXT_MAX ||
        r->scope.n > STORE_TEXT_MAX)
        return true;
    return c->type == BERTH_PUT &&
           (r->name.n > STORE_TEXT_MAX || r->owner.n > STORE_TEXT_MAX ||
            r->body.n > BERTH_RECORD_BODY_MAX || r->secret.n > BERTH_RECORD_SECRET_MAX);
}

static void fake_commit(struct store_port *base, const struct berth_change *changes, size_t count,
                        int64_t now_ms, store_done *done, void *user)
{
    struct call *c = call_new(COMMIT, done, user);

    c->fails = count == 0 || count > STORE_CHANGES_MAX;
    for (size_t i = 0; i < count; i++)
        c->fails = c->fails || is_over_bounds(&changes[i]);
    if (c->fails) {
        c->reply = (struct store_reply){ .result = STORE_FAILED, .problem = "over a bound" };
    } else {
        c->changes = must(calloc(count, sizeof c->changes[0]));
        c->count = count;
    }
    for (size_t i = 0; i < c->count; i++) {
        c->changes[i] = changes[i];
        c->changes[i].rec = fake_record_copy(&changes[i].rec);
    }
    c->now_ms = now_ms;
    set_out(port_of(base), c);
}

/* deliver */

static struct change *take_change(struct fake_port *p)
{
    pthread_mutex_lock(&p->store->lock);
    struct change *c = p->changes;
    if (c != NULL)
        p->changes = c->next;
    if (p->changes == NULL)
        p->changes_end = &p->changes;
    pthread_mutex_unlock(&p->store->lock);
    return c;
}

static size_t run_changes(struct fake_port *p)
{
    struct change *c;
    size_t ran = 0;

    for (; (c = take_change(p)) != NULL; ran++) {
        p->attach.watcher(p->attach.watch_user, &c->rec, c->deleted);
        fake_record_free(&c->rec);
        free(c);
    }
    return ran;
}

static struct call *take_due(struct fake_port *p)
{
    pthread_mutex_lock(&p->store->lock);
    struct call *c = p->due;
    if (c != NULL)
        p->due = c->next;
    if (p->due == NULL)
        p->due_end = &p->due;
    pthread_mutex_unlock(&p->store->lock);
    return c;
}

/* Fills the reply of a read; its records are copies in OUT. */
static void carry_out(struct fake_store *f, struct call *c, struct berth_record *out)
{
    const struct store_query *q = &c->query;
    struct berth_record like = { .kind = q->kind, .scope = q->scope, .key = q->after };
    const struct berth_record *found;

    pthread_mutex_lock(&f->lock);
    c->reply.records = out;
    if (c->type == LIST)
        c->reply.count = fake_table_list(&f->table, q, out, &c->reply.more);
    else if (c->type == COUNT)
        c->reply.total = fake_table_count(&f->table, q->kind, q->scope, c->tag);
    else if ((found = fake_table_find(&f->table, &like)) != NULL)
        out[c->reply.count++] = fake_record_copy(found);
    pthread_mutex_unlock(&f->lock);
}

static void tell(struct call *c)
{
    size_t room = c->type == LIST ? c->query.limit : 1;
    struct berth_record *out = must(calloc(room, sizeof *out));

    if (c->type != COMMIT && !c->fails)
        carry_out(c->port->store, c, out);
    c->done(c->user, &c->reply);
    for (size_t i = 0; i < c->reply.count; i++)
        fake_record_free(&out[i]);
    free(out);
    call_free(c);
}

static size_t fake_deliver(struct store_port *base)
{
    struct fake_port *p = port_of(base);
    struct call *c;
    size_t ran = 0;

    assert(!p->delivering);
    p->delivering = true;
    do {
        c = take_due(p);
        ran += run_changes(p);
        if (c != NULL) {
            tell(c);
            ran++;
        }
    } while (c != NULL);
    p->delivering = false;
    return ran;
}

static void fake_deliver_changes(struct store_port *base)
{
    (void)run_changes(port_of(base));
}

/* life */

static void forget_call(struct fake_port *p, struct call *c)
{
    if (!c->done_its_work)
        take_effect(p->store, c);
    call_free(c);
}

static void fake_detach(struct store_port *base)
{
    struct fake_port *p = port_of(base);
    struct fake_store *f = p->store;
    struct call **at = &f->waiting;
    struct call *c;

    assert(!p->delivering);
    pthread_mutex_lock(&f->lock);
    while ((c = *at) != NULL) {
        if (c->port != p) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        forget_call(p, c);
    }
    f->waiting_end = at;
    struct fake_port **link = &f->ports;
    while (*link != p)
        link = &(*link)->next;
    *link = p->next;
    pthread_mutex_unlock(&f->lock);

    while ((c = take_due(p)) != NULL)
        call_free(c);
    for (struct change *change; (change = take_change(p)) != NULL; free(change))
        fake_record_free(&change->rec);
    free(p);
}

static const struct store_ops fake_ops = {
    .get = fake_get,
    .list = fake_list,
    .count = fake_count,
    .commit = fake_commit,
    .deliver = fake_deliver,
    .deliver_changes = fake_deliver_changes,
    .detach = fake_detach,
};

berth_err fake_store_attach(struct fake_store *f, const struct store_attach *a,
                            struct store_port **out)
{
    struct fake_port *p = must(calloc(1, sizeof *p));

    p->base.ops = &fake_ops;
    p->store = f;
    p->attach = *a;
    p->due_end = &p->due;
    p->changes_end = &p->changes;
    pthread_mutex_lock(&f->lock);
    p->next = f->ports;
    f->ports = p;
    pthread_mutex_unlock(&f->lock);
    *out = &p->base;
    return BERTH_OK;
}

struct fake_store *fake_store_new(const struct fake_options *o)
{
    struct fake_store *f = must(calloc(1, sizeof *f));

    pthread_mutex_init(&f->lock, NULL);
    f->options = *o;
    f->random = o->seed;
    f->waiting_end = &f->waiting;
    return f;
}

void fake_store_set(struct fake_store *f, const struct fake_options *o)
{
    pthread_mutex_lock(&f->lock);
    f->options = *o;
    pthread_mutex_unlock(&f->lock);
}

void fake_store_free(struct fake_store *f)
{
    assert(f->ports == NULL && f->waiting == NULL);
    fake_table_clear(&f->table);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

size_t fake_store_under_way(struct fake_store *f)
{
    size_t n = 0;

    pthread_mutex_lock(&f->lock);
    for (const struct call *c = f->waiting; c != NULL; c = c->next)
        n++;
    pthread_mutex_unlock(&f->lock);
    return n;
}
