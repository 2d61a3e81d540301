#include "tests/store/door.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENCE_S 60      /* a wake that has not come by then never will */
#define STEPS_MAX  1000000 /* the same, where time is stepped */

void door_die(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    abort();
}

static berth_str copy_text(berth_str s)
{
    if (s.p == NULL)
        return s;
    char *p = malloc(s.n == 0 ? 1 : s.n); /* exact, so that the sanitizer sees a byte too many */
    MUST(p != NULL);
    memcpy(p, s.p, s.n);
    return (berth_str){ p, s.n };
}

static void free_text(berth_str s)
{
    free((void *)(uintptr_t)s.p);
}

static struct berth_record copy_record(const struct berth_record *r)
{
    struct berth_record c = *r;

    c.scope = copy_text(r->scope);
    c.key = copy_text(r->key);
    c.name = copy_text(r->name);
    c.owner = copy_text(r->owner);
    c.body = copy_text(r->body);
    c.secret = copy_text(r->secret);
    return c;
}

static void free_record(struct berth_record *r)
{
    free_text(r->scope);
    free_text(r->key);
    free_text(r->name);
    free_text(r->owner);
    free_text(r->body);
    free_text(r->secret);
}

void answer_clear(struct answer *a)
{
    for (size_t i = 0; i < a->count; i++)
        free_record(&a->records[i]);
    free(a->records);
    *a = (struct answer){ 0 };
}

static void take_answer(void *user, const struct store_reply *reply)
{
    struct answer *a = user;

    MUST(a->door->in_deliver);
    MUST(pthread_equal(a->door->thread, pthread_self()));
    MUST(++a->ran == 1);
    MUST((reply->result == STORE_FAILED) == (reply->problem != NULL));
    a->told_before = a->door->told_count;
    a->result = reply->result;
    a->more = reply->more;
    a->version = reply->version;
    a->refused = reply->refused;
    a->total = reply->total;
    (void)snprintf(a->problem, sizeof a->problem, "%s", reply->problem ? reply->problem : "");
    a->records = calloc(reply->count + 1, sizeof a->records[0]);
    MUST(a->records != NULL);
    for (size_t i = 0; i < reply->count; i++)
        a->records[a->count++] = copy_record(&reply->records[i]);
}

static void take_change(void *user, const struct berth_record *rec, bool deleted)
{
    struct door *d = user;

    MUST(pthread_equal(d->thread, pthread_self()));
    d->told = realloc(d->told, (d->told_count + 1) * sizeof d->told[0]);
    MUST(d->told != NULL);
    d->told[d->told_count++] = (struct told){ copy_record(rec), deleted };
}

void door_forget_told(struct door *d)
{
    for (size_t i = 0; i < d->told_count; i++)
        free_record(&d->told[i].rec);
    d->told_count = 0;
}

static void wake(void *user)
{
    struct door *d = user;

    pthread_mutex_lock(&d->lock);
    d->woken = true;
    pthread_cond_signal(&d->cond);
    pthread_mutex_unlock(&d->lock);
}

bool door_try(struct door *d, const struct conformance *of, void *store, unsigned watch_kinds)
{
    *d = (struct door){ .of = of, .store = store, .thread = pthread_self() };
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->cond, NULL);
    struct store_attach a = {
        .wake = wake,
        .wake_user = d,
        .watcher = watch_kinds == 0 ? NULL : take_change,
        .watch_user = d,
        .watch_kinds = watch_kinds,
    };
    if (of->attach(store, &a, &d->port) == BERTH_OK)
        return true;
    pthread_cond_destroy(&d->cond);
    pthread_mutex_destroy(&d->lock);
    return false;
}

void door_open(struct door *d, const struct conformance *of, void *store, unsigned watch_kinds)
{
    MUST(door_try(d, of, store, watch_kinds));
}

void door_close(struct door *d)
{
    store_detach(d->port);
    door_forget_told(d);
    free(d->told);
    pthread_cond_destroy(&d->cond);
    pthread_mutex_destroy(&d->lock);
}

static void await_wake(struct door *d)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&d->lock);
    for (int i = 0; !d->woken && d->of->step != NULL; i++) {
        pthread_mutex_unlock(&d->lock);
        MUST(i < STEPS_MAX);
        d->of->step(d->store);
        pthread_mutex_lock(&d->lock);
    }
    while (!d->woken)
        MUST(pthread_cond_timedwait(&d->cond, &d->lock, &until) != ETIMEDOUT);
    d->woken = false;
    pthread_mutex_unlock(&d->lock);
}

void door_turn(struct door *d)
{
    await_wake(d);
    d->in_deliver = true;
    (void)store_deliver(d->port);
    d->in_deliver = false;
}

void door_await(struct door *d, struct answer *a)
{
    while (a->ran == 0)
        door_turn(d);
}

void door_ask_commit(struct door *d, const struct berth_change *changes, size_t count,
                     int64_t now_ms, struct answer *a)
{
    struct berth_change *lent = calloc(count + 1, sizeof *lent);

    MUST(lent != NULL);
    for (size_t i = 0; i < count; i++) {
        lent[i] = changes[i];
        lent[i].rec = copy_record(&changes[i].rec);
    }
    *a = (struct answer){ .door = d };
    store_commit(d->port, lent, count, now_ms, take_answer, a);
    for (size_t i = 0; i < count; i++)
        free_record(&lent[i].rec);
    free(lent);
}

void door_ask_get(struct door *d, enum berth_kind kind, const char *scope, const char *key,
                  struct answer *a)
{
    berth_str s = copy_text(berth_str_of(scope)), k = copy_text(berth_str_of(key));

    *a = (struct answer){ .door = d };
    store_get(d->port, kind, s, k, take_answer, a);
    free_text(s);
    free_text(k);
}

void door_ask_list(struct door *d, const struct store_query *q, struct answer *a)
{
    struct store_query lent = *q;

    lent.scope = copy_text(q->scope);
    lent.owner = copy_text(q->owner);
    lent.after = copy_text(q->after);
    *a = (struct answer){ .door = d };
    store_list(d->port, &lent, take_answer, a);
    free_text(lent.scope);
    free_text(lent.owner);
    free_text(lent.after);
}

void door_ask_count(struct door *d, enum berth_kind kind, const char *scope, int32_t tag,
                    struct answer *a)
{
    berth_str s = copy_text(berth_str_of(scope));

    *a = (struct answer){ .door = d };
    store_count(d->port, kind, s, tag, take_answer, a);
    free_text(s);
}

enum store_result door_commit(struct door *d, const struct berth_change *changes, size_t count,
                              int64_t now_ms, struct answer *a)
{
    struct answer own;

    if (a == NULL)
        a = &own;
    door_ask_commit(d, changes, count, now_ms, a);
    door_await(d, a);
    enum store_result result = a->result;
    if (a == &own)
        answer_clear(&own);
    return result;
}

void door_get(struct door *d, enum berth_kind kind, const char *scope, const char *key,
              struct answer *a)
{
    door_ask_get(d, kind, scope, key, a);
    door_await(d, a);
}

void door_list(struct door *d, const struct store_query *q, struct answer *a)
{
    door_ask_list(d, q, a);
    door_await(d, a);
}

uint64_t door_count(struct door *d, enum berth_kind kind, const char *scope, int32_t tag)
{
    struct answer a;

    door_ask_count(d, kind, scope, tag, &a);
    door_await(d, &a);
    MUST(a.result == STORE_OK);
    uint64_t total = a.total;
    answer_clear(&a);
    return total;
}

uint64_t door_version(struct door *d, enum berth_kind kind, const char *scope, const char *key)
{
    struct answer a;

    door_get(d, kind, scope, key, &a);
    MUST(a.result == STORE_OK && a.count <= 1);
    uint64_t version = a.count == 0 ? 0 : a.records[0].version;
    answer_clear(&a);
    return version;
}

struct berth_change change_put(enum berth_kind kind, const char *scope, const char *key,
                               uint64_t expect, const char *body)
{
    struct berth_change c = change_delete(kind, scope, key, expect);

    c.type = BERTH_PUT;
    c.rec.name = c.rec.key;
    c.rec.body = berth_str_of(body);
    return c;
}

struct berth_change change_delete(enum berth_kind kind, const char *scope, const char *key,
                                  uint64_t expect)
{
    return (struct berth_change){
        .type = BERTH_DELETE,
        .expect = expect,
        .rec = { .kind = kind, .scope = berth_str_of(scope), .key = berth_str_of(key) },
    };
}

struct berth_change change_check(enum berth_kind kind, const char *scope, const char *key,
                                 uint64_t expect)
{
    struct berth_change c = change_delete(kind, scope, key, expect);

    c.type = BERTH_CHECK;
    return c;
}
