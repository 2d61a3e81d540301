#include "store/sqlite/port.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define DELIVER_MAX 1024 /* callbacks in one call, so that the loop gets to its sockets too */

enum read_type { READ_GET, READ_LIST, READ_COUNT };

/* A read waits for the port's next deliver and is carried out there, right before its callback: so
 * its reply is never older than a change that the watcher was shown. */
struct read_call {
    struct read_call *next;
    enum read_type type;
    struct store_query query; /* get: AFTER is the key */
    int32_t tag;
    struct reader_place *at; /* of a wide read; in its text */
    store_done *done;
    void *user;
    _Alignas(struct reader_place) char text[];
};

static struct sqlite_port *port_of(struct store_port *base)
{
    return (struct sqlite_port *)(void *)base;
}

/* There is no way to tell a caller that its callback will never come. */
static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

static berth_str keep(char **at, berth_str s)
{
    char *p = *at;

    if (s.p == NULL)
        return s;
    memcpy(p, s.p, s.n);
    *at += s.n;
    return (berth_str){ p, s.n };
}

static void add_read(struct sqlite_port *p, struct read_call *c)
{
    c->next = NULL;
    *p->reads_end = c;
    p->reads_end = &c->next;
}

/* Looks at rows that it does not give back. */
static bool is_wide(enum read_type type, const struct store_query *q)
{
    return type == READ_COUNT || (type == READ_LIST && q->owner.p != NULL);
}

static void queue_read(struct sqlite_port *p, enum read_type type, const struct store_query *q,
                       int32_t tag, store_done *done, void *user)
{
    size_t place_n = is_wide(type, q) ? sizeof(struct reader_place) : 0;
    struct read_call *c = must(malloc(sizeof *c + place_n + q->scope.n + q->owner.n + q->after.n));
    char *at = c->text + place_n;

    *c = (struct read_call){ .type = type, .query = *q, .tag = tag, .done = done, .user = user };
    if (place_n > 0) {
        c->at = (struct reader_place *)(void *)c->text;
        memset(c->at, 0, sizeof *c->at);
    }
    c->query.scope = keep(&at, q->scope);
    c->query.owner = keep(&at, q->owner);
    c->query.after = keep(&at, q->after);
    bool first = p->reads == NULL;
    add_read(p, c);
    if (first && !p->delivering)
        port_wake(p);
}

static void port_get(struct store_port *base, enum berth_kind kind, berth_str scope, berth_str key,
                     store_done *done, void *user)
{
    struct store_query q = { .kind = kind, .scope = scope, .after = key };

    queue_read(port_of(base), READ_GET, &q, 0, done, user);
}

static void port_list(struct store_port *base, const struct store_query *q, store_done *done,
                      void *user)
{
    queue_read(port_of(base), READ_LIST, q, 0, done, user);
}

static void port_count(struct store_port *base, enum berth_kind kind, berth_str scope, int32_t tag,
                       store_done *done, void *user)
{
    struct store_query q = { .kind = kind, .scope = scope };

    queue_read(port_of(base), READ_COUNT, &q, tag, done, user);
}

static void begin_commit(struct sqlite_port *p)
{
    pthread_mutex_lock(&p->lock);
    p->under_way++;
    pthread_mutex_unlock(&p->lock);
}

static void port_commit(struct store_port *base, const struct berth_change *changes, size_t count,
                        int64_t now_ms, store_done *done, void *user)
{
    struct sqlite_port *p = port_of(base);
    const char *problem = store_change_problem(changes, count);
    struct store_job *j = problem == NULL ? store_job_new(p->crypto, changes, count) : NULL;

    if (j == NULL) {
        j = must(store_job_new(p->crypto, NULL, 0));
        j->problem = problem == NULL ? "out of memory" : problem;
    }
    j->port = p;
    j->now_ms = now_ms;
    j->done = done;
    j->user = user;
    begin_commit(p);
    if (j->problem == NULL && store_writer_submit(p->writer, j))
        return;
    j->result = STORE_FAILED;
    if (j->problem == NULL)
        j->problem = "too many commits wait for the disk; it does not keep up, look for errors of "
                     "the disk in the kernel's log";
    port_complete(&j, 1);
}

/* Moves those of JOBS that are P's to its completions; NULL is left of them. */
static size_t take_over(struct sqlite_port *p, struct store_job **jobs, size_t n)
{
    size_t taken = 0;

    for (size_t i = 0; i < n; i++) {
        struct store_job *j = jobs[i];
        if (j == NULL || j->port != p)
            continue;
        j->next = NULL;
        *p->done_end = j;
        p->done_end = &j->next;
        jobs[i] = NULL;
        taken++;
    }
    return taken;
}

/* The wake is inside the lock: once detach has had it, no wake can come any more. */
static void complete(struct sqlite_port *p, struct store_job **jobs, size_t n)
{
    pthread_mutex_lock(&p->lock);
    bool first = p->done == NULL;
    p->under_way -= take_over(p, jobs, n);
    atomic_store_explicit(&p->has_done, true, memory_order_release);
    if (first)
        port_wake(p);
    pthread_cond_signal(&p->settled);
    pthread_mutex_unlock(&p->lock);
}

void port_complete(struct store_job **jobs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (jobs[i] != NULL)
            complete(jobs[i]->port, jobs + i, n - i);
}

static void take_done(struct sqlite_port *p)
{
    if (!atomic_load_explicit(&p->has_done, memory_order_acquire))
        return;
    pthread_mutex_lock(&p->lock);
    p->due = p->done;
    p->done = NULL;
    p->done_end = &p->done;
    atomic_store_explicit(&p->has_done, false, memory_order_relaxed);
    pthread_mutex_unlock(&p->lock);
}

static size_t tell_changes(struct sqlite_port *p, const struct store_job *j)
{
    size_t told = 0;

    for (size_t i = 0; i < j->count; i++) {
        const struct store_step *s = &j->steps[i];
        if (!s->happened || (p->attach.watch_kinds & 1u << s->change.rec.kind) == 0)
            continue;
        p->attach.watcher(p->attach.watch_user, &s->change.rec, s->change.type == BERTH_DELETE);
        told++;
    }
    return told;
}

static size_t run_changes(struct sqlite_port *p)
{
    size_t told = 0;

    if (p->cursor == NULL)
        return 0;
    while (change_pending(p->cursor)) {
        change_advance(&p->cursor);
        if (!port_watches(p, p->cursor->kinds))
            continue;
        told += tell_changes(p, p->cursor);
        store_job_read(p->cursor);
    }
    return told;
}

static void port_deliver_changes(struct store_port *base)
{
    (void)run_changes(port_of(base));
}

static size_t run_one_done(struct sqlite_port *p)
{
    struct store_job *j = p->due;

    if (j == NULL)
        return 0;
    struct store_reply reply = {
        .result = j->result,
        .version = j->version,
        .refused = j->refused,
        .problem = j->problem,
    };
    p->due = j->next;
    j->done(j->user, &reply);
    store_job_unref(j);
    return 1;
}

static struct read_call *take_read(struct sqlite_port *p)
{
    struct read_call *c = p->reads;

    if (c == NULL)
        return NULL;
    p->reads = c->next;
    if (p->reads == NULL)
        p->reads_end = &p->reads;
    return c;
}

/* False when a part of a wide read is done, and nothing can be told yet. */
static bool carry_out(struct sqlite_port *p, struct read_call *c, struct store_reply *reply)
{
    switch (c->type) {
    case READ_GET:
        reader_get(&p->reader, c->query.kind, c->query.scope, c->query.after, reply);
        return true;
    case READ_LIST:
        return reader_list(&p->reader, &c->query, c->at, reply);
    case READ_COUNT:
        return reader_count(&p->reader, c->query.kind, c->query.scope, c->tag, c->at, reply);
    }
    return true;
}

/* *WIDE: it was a wide one, and the sockets come first now. */
static size_t run_one_read(struct sqlite_port *p, bool *wide)
{
    struct read_call *c = take_read(p);
    struct store_reply reply;

    if (c == NULL)
        return 0;
    *wide = c->at != NULL;
    if (!carry_out(p, c, &reply)) {
        reader_forget(&p->reader);
        add_read(p, c); /* behind the others */
        return 0;
    }
    c->done(c->user, &reply);
    reader_forget(&p->reader);
    free(c);
    return 1;
}

static size_t port_deliver(struct store_port *base)
{
    struct sqlite_port *p = port_of(base);
    size_t ran = 0;
    bool wide = false;

    assert(!p->delivering);
    p->delivering = true;
    while (ran < DELIVER_MAX && !wide) {
        /* Completions are taken before the changes are run: so the watcher has seen what they tell
         * of by the time they tell it. */
        if (p->due == NULL)
            take_done(p);
        size_t before = ran;
        ran += run_changes(p);
        ran += run_one_done(p);
        ran += run_one_read(p, &wide);
        if (ran == before)
            break;
    }
    p->delivering = false;
    if (p->due != NULL || p->reads != NULL)
        port_wake(p);
    return ran;
}

static void forget_calls(struct sqlite_port *p)
{
    struct read_call *c;
    struct store_job *j;

    while ((c = take_read(p)) != NULL)
        free(c);
    do {
        while ((j = p->due) != NULL) {
            p->due = j->next;
            store_job_unref(j);
        }
        take_done(p);
    } while (p->due != NULL);
}

static void port_detach(struct store_port *base)
{
    struct sqlite_port *p = port_of(base);

    assert(!p->delivering);
    pthread_mutex_lock(&p->lock);
    while (p->under_way > 0)
        pthread_cond_wait(&p->settled, &p->lock);
    pthread_mutex_unlock(&p->lock);
    port_set_leave(p);
    forget_calls(p);
    reader_deinit(&p->reader);
    pthread_cond_destroy(&p->settled);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static const struct store_ops port_ops = {
    .get = port_get,
    .list = port_list,
    .count = port_count,
    .commit = port_commit,
    .deliver = port_deliver,
    .deliver_changes = port_deliver_changes,
    .detach = port_detach,
};

berth_err port_new(const struct port_needs *needs, const struct store_attach *a,
                   struct store_port **out)
{
    struct sqlite_port *p = calloc(1, sizeof *p);

    *out = NULL;
    if (p == NULL)
        return BERTH_E_MEMORY;
    berth_err e = reader_init(&p->reader, needs->path, needs->crypto, needs->key);
    if (e != BERTH_OK) {
        reader_deinit(&p->reader);
        free(p);
        return e;
    }
    p->base.ops = &port_ops;
    p->set = needs->set;
    p->writer = needs->writer;
    p->crypto = needs->crypto;
    p->attach = *a;
    p->reads_end = &p->reads;
    p->done_end = &p->done;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->settled, NULL);
    port_set_join(p);
    *out = &p->base;
    return BERTH_OK;
}
