#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/door.h"
#include "tests/store/fake_store.h"
#include "tests/unit/check.h"

#define KIND BERTH_KIND_DEVICE

static void *subject_open(void *user)
{
    return fake_store_new(user);
}

static berth_err subject_attach(void *store, const struct store_attach *a, struct store_port **out)
{
    return fake_store_attach(store, a, out);
}

static void subject_step(void *store)
{
    fake_store_step(store);
}

static void subject_close(void *store)
{
    fake_store_free(store);
}

static struct conformance subject(const char *name, struct fake_options *o)
{
    return (struct conformance){
        .name = name,
        .user = o,
        .open = subject_open,
        .attach = subject_attach,
        .step = subject_step,
        .close = subject_close,
    };
}

enum { CALLS = 200 };

/* Results of CALLS commits in the order they were told: number of the call, and how it went. */
struct trace {
    struct {
        int call;
        enum store_result result;
    } told[CALLS];
    int count;
};

struct traced_call {
    struct trace *trace;
    int number;
};

static void note(void *user, const struct store_reply *reply)
{
    const struct traced_call *c = user;
    struct trace *t = c->trace;

    t->told[t->count].call = c->number;
    t->told[t->count++].result = reply->result;
}

static void count_change(void *user, const struct berth_record *rec, bool deleted)
{
    size_t *n = user;

    (void)rec;
    *n += !deleted;
}

struct outcome {
    struct trace trace;
    size_t changes; /* told to the watcher */
    uint64_t records;
};

static void note_total(void *user, const struct store_reply *reply)
{
    uint64_t *total = user;

    *total = reply->result == STORE_OK ? reply->total : UINT64_MAX;
}

static void run(const struct fake_options *o, struct outcome *out)
{
    static const struct fake_options good;
    struct traced_call calls[CALLS];
    struct store_attach a = { .watcher = count_change,
                              .watch_user = &out->changes,
                              .watch_kinds = 1u << KIND };
    struct fake_store *f = fake_store_new(o);
    struct store_port *p;

    *out = (struct outcome){ 0 };
    MUST(fake_store_attach(f, &a, &p) == BERTH_OK);
    for (int i = 0; i < CALLS; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%d", i);
        struct berth_change c = change_put(KIND, "", key, BERTH_ABSENT, "{}");
        calls[i] = (struct traced_call){ &out->trace, i };
        store_commit(p, &c, 1, 1, note, &calls[i]);
    }
    for (int i = 0; out->trace.count < CALLS; i++) {
        MUST(i < 100000);
        (void)store_deliver(p);
        fake_store_step(f);
    }
    MUST(fake_store_under_way(f) == 0);
    fake_store_set(f, &good);
    store_count(p, KIND, BERTH_STR(""), -1, note_total, &out->records);
    (void)store_deliver(p);
    store_detach(p);
    fake_store_free(f);
}

static size_t went(const struct trace *t, enum store_result result)
{
    size_t n = 0;

    for (int i = 0; i < t->count; i++)
        n += t->told[i].result == result;
    return n;
}

static bool in_order(const struct trace *t)
{
    for (int i = 0; i < t->count; i++)
        if (t->told[i].call != i)
            return false;
    return true;
}

static void test_faults(void **state)
{
    static const struct {
        const char *name;
        struct fake_options o;
        bool ordered;
    } cases[] = {
        { "none", { .seed = 1 }, true },
        { "delay", { .seed = 1, .delay_max = 9 }, true },
        { "delay and reorder", { .seed = 1, .delay_max = 9, .reorder = true }, false },
        { "reorder without delay", { .seed = 1, .reorder = true }, false },
        { "fail", { .seed = 1, .fail_percent = 30 }, true },
        { "fail always", { .seed = 1, .fail_percent = 100 }, true },
        { "lie", { .seed = 1, .lie_percent = 30 }, true },
        { "all", { 1, 9, true, 20, 20 }, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct fake_options *o = &cases[i].o;
        struct outcome got;
        run(o, &got);
        size_t ok = went(&got.trace, STORE_OK);
        bool faulty = o->fail_percent > 0 || o->lie_percent > 0;
        CHECK(cases[i].name, in_order(&got.trace) == cases[i].ordered);
        CHECK(cases[i].name, ok + went(&got.trace, STORE_FAILED) == CALLS);
        CHECK(cases[i].name, (ok < CALLS) == faulty);
        CHECK(cases[i].name, (ok > 0) == (o->fail_percent < 100));
        CHECK(cases[i].name, got.changes == got.records);
        CHECK(cases[i].name, o->lie_percent > 0 ? got.records > ok : got.records == ok);
    }
}

static void test_seed_decides(void **state)
{
    struct fake_options o = { .seed = 7, .delay_max = 20, .reorder = true, .fail_percent = 20 };
    static struct outcome first, again, other;

    (void)state;
    run(&o, &first);
    run(&o, &again);
    o.seed = 8;
    run(&o, &other);
    CHECK("same seed", memcmp(&first, &again, sizeof first) == 0);
    CHECK("another seed", memcmp(&first, &other, sizeof first) != 0);
}

static void test_time_stands_still(void **state)
{
    struct berth_change c = change_put(KIND, "", "k", BERTH_ABSENT, "{}");
    struct fake_options o = { .seed = 3, .delay_max = 1000 };
    struct fake_store *f = fake_store_new(&o);
    struct store_attach a = { 0 };
    struct store_port *p;
    struct trace trace = { 0 };
    struct traced_call call = { &trace, 0 };
    int steps = 0;

    (void)state;
    MUST(fake_store_attach(f, &a, &p) == BERTH_OK);
    store_commit(p, &c, 1, 1, note, &call);
    for (int i = 0; i < 100; i++)
        CHECK("not without a step", store_deliver(p) == 0);
    CHECK("under way", fake_store_under_way(f) == 1);
    for (; trace.count == 0; steps++) {
        fake_store_step(f);
        (void)store_deliver(p);
    }
    CHECK("within twice the delay", steps > 1 && steps <= 2000);
    store_detach(p);
    fake_store_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_seed_decides),
        cmocka_unit_test(test_time_stands_still),
    };
    struct fake_options none = { 0 };
    struct fake_options delay = { .seed = 11, .delay_max = 5 };
    struct fake_options reorder = { .seed = 12, .delay_max = 5, .reorder = true };
    struct conformance plain = subject("fake", &none);
    struct conformance delayed = subject("fake, delayed", &delay);
    struct conformance reordered = subject("fake, delayed and reordered", &reorder);

    return conformance_run(&plain) + conformance_run(&delayed) + conformance_run(&reordered) +
           cmocka_run_group_tests_name("fake's own", tests, NULL, NULL);
}
