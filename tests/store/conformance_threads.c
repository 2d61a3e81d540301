#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/conformance_parts.h"

#define KIND BERTH_KIND_REGISTRATION

enum { THREADS = 4, KEYS = 3, ADDITIONS = 60 };

static const char *const names[KEYS] = { "one", "two", "three" };

struct adder {
    const struct conformance *of;
    void *store;
    unsigned number;
    uint64_t stale;
};

static uint64_t number_of(const struct answer *a)
{
    uint64_t n = 0;

    MUST(a->result == STORE_OK);
    MUST(a->count == 0 || berth_str_to_u64(a->records[0].body, &n) == BERTH_OK);
    return n;
}

/* Reads, adds one, writes if nobody else did: the decision is taken again until it holds. */
static void add_one(struct door *d, const char *key, uint64_t *stale)
{
    enum store_result result = STORE_STALE;

    while (result == STORE_STALE) {
        char body[24];
        struct answer a;
        door_get(d, KIND, "", key, &a);
        (void)snprintf(body, sizeof body, "%llu", (unsigned long long)number_of(&a) + 1);
        struct berth_change c =
            change_put(KIND, "", key, a.count == 0 ? BERTH_ABSENT : a.records[0].version, body);
        answer_clear(&a);
        result = door_commit(d, &c, 1, 1, NULL);
        *stale += result == STORE_STALE;
    }
    MUST(result == STORE_OK);
}

/* What a watcher was told of one key counts up by one, in the order of the versions. */
static void check_told(const struct door *d)
{
    for (int k = 0; k < KEYS; k++) {
        uint64_t version = 0, number = 0;
        for (size_t i = 0; i < d->told_count; i++) {
            const struct berth_record *r = &d->told[i].rec;
            uint64_t n;
            if (!berth_str_eq(r->key, berth_str_of(names[k])))
                continue;
            MUST(berth_str_to_u64(r->body, &n) == BERTH_OK);
            MUST(r->version > version && (number == 0 || n == number + 1));
            version = r->version;
            number = n;
        }
    }
}

static void *add(void *arg)
{
    struct adder *me = arg;
    struct door d;

    door_open(&d, me->of, me->store, BIT(KIND));
    for (unsigned i = 0; i < ADDITIONS; i++)
        add_one(&d, names[(i + me->number) % KEYS], &me->stale);
    check_told(&d);
    door_close(&d);
    return NULL;
}

void test_no_lost_update(void **state)
{
    struct adder adders[THREADS];
    pthread_t threads[THREADS];
    struct bench_of_one b;
    uint64_t sum = 0, stale = 0;

    one_open(&b, state, BIT(KIND));
    for (unsigned i = 0; i < THREADS; i++) {
        adders[i] = (struct adder){ b.of, b.store, i, 0 };
        assert_int_equal(pthread_create(&threads[i], NULL, add, &adders[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        stale += adders[i].stale;
    }
    for (int k = 0; k < KEYS; k++) {
        struct answer a;
        door_get(&b.door, KIND, "", names[k], &a);
        sum += number_of(&a);
        answer_clear(&a);
    }
    CHECK("every addition counts once", sum == (uint64_t)THREADS * ADDITIONS);
    store_deliver_changes(b.door.port);
    CHECK("every change was told", b.door.told_count == (size_t)THREADS * ADDITIONS);
    check_told(&b.door);
    print_message("             %llu decisions were taken again\n", (unsigned long long)stale);
    one_close(&b);
}

struct herald {
    const struct conformance *of;
    void *store;
    atomic_ullong told; /* version of the last commit somebody was told of */
    atomic_bool end;
};

static void *proclaim(void *arg)
{
    struct herald *h = arg;
    struct door d;

    door_open(&d, h->of, h->store, 0);
    for (int i = 0; i < 300; i++) {
        struct berth_change c = change_put(KIND, "", "k", BERTH_ANY, "{}");
        struct answer a;
        MUST(door_commit(&d, &c, 1, 1, &a) == STORE_OK);
        atomic_store(&h->told, a.version);
        answer_clear(&a);
    }
    atomic_store(&h->end, true);
    door_close(&d);
    return NULL;
}

/* Whatever anyone was told of, deliver_changes on another thread shows. */
void test_told_means_seen(void **state)
{
    struct bench_of_one b;
    pthread_t thread;

    one_open(&b, state, BIT(KIND));
    struct herald h = { .of = b.of, .store = b.store };
    assert_int_equal(pthread_create(&thread, NULL, proclaim, &h), 0);
    while (!atomic_load(&h.end)) {
        uint64_t told = atomic_load(&h.told);
        store_deliver_changes(b.door.port);
        size_t n = b.door.told_count;
        MUST(told == 0 || (n > 0 && b.door.told[n - 1].rec.version >= told));
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    one_close(&b);
}

struct blinker {
    const struct conformance *of;
    void *store;
    atomic_bool end;
};

static void *blink(void *arg)
{
    struct blinker *me = arg;
    struct door d;

    door_open(&d, me->of, me->store, 0);
    for (int i = 0; i < 300; i++) {
        const char *key = names[i % KEYS];
        struct berth_change put = change_put(KIND, "", key, BERTH_ANY, "{}");
        struct berth_change gone = change_delete(KIND, "", key, BERTH_ANY);
        MUST(door_commit(&d, i / KEYS % 2 == 0 ? &put : &gone, 1, 1, NULL) == STORE_OK);
    }
    atomic_store(&me->end, true);
    door_close(&d);
    return NULL;
}

/* A copy kept from listings and changes, the way the catalog does it. */
struct mirror {
    bool there[KEYS];
    uint64_t version[KEYS];
};

static int key_index(berth_str key)
{
    for (int k = 0; k < KEYS; k++)
        if (berth_str_eq(key, berth_str_of(names[k])))
            return k;
    return -1;
}

static void apply_changes(struct mirror *m, const struct door *d, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        int k = key_index(d->told[i].rec.key);
        m->there[k] = !d->told[i].deleted;
        m->version[k] = d->told[i].rec.version;
    }
}

static void apply_list(struct mirror *m, const struct answer *a)
{
    bool listed[KEYS] = { false };

    for (size_t i = 0; i < a->count; i++) {
        int k = key_index(a->records[i].key);
        listed[k] = true;
        /* The watcher's last word on the key is not younger than the listing. */
        MUST(a->records[i].version >= m->version[k]);
        m->version[k] = a->records[i].version;
    }
    memcpy(m->there, listed, sizeof listed);
}

static void check_mirror(const struct mirror *m, struct door *d)
{
    for (int k = 0; k < KEYS; k++) {
        uint64_t version = door_version(d, KIND, "", names[k]);
        CHECK(names[k], m->there[k] == (version != 0));
        CHECK(names[k], version == 0 || version == m->version[k]);
    }
}

void test_replies_and_changes_add_up(void **state)
{
    struct mirror m = { 0 };
    struct bench_of_one b;
    pthread_t thread;

    one_open(&b, state, BIT(KIND));
    struct blinker blinker = { .of = b.of, .store = b.store };
    assert_int_equal(pthread_create(&thread, NULL, blink, &blinker), 0);
    while (!atomic_load(&blinker.end)) {
        struct store_query q = { .kind = KIND, .limit = 10 };
        struct answer a;
        door_list(&b.door, &q, &a);
        apply_changes(&m, &b.door, 0, a.told_before);
        apply_list(&m, &a);
        apply_changes(&m, &b.door, a.told_before, b.door.told_count);
        door_forget_told(&b.door);
        answer_clear(&a);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    store_deliver_changes(b.door.port);
    apply_changes(&m, &b.door, 0, b.door.told_count);
    check_mirror(&m, &b.door);
    one_close(&b);
}
