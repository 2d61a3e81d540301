#include <stdio.h>
#include <string.h>

#include "tests/store/conformance_parts.h"

#define KIND BERTH_KIND_GROUP

void test_only_deliver_tells(void **state)
{
    struct berth_change put = change_put(KIND, "", "k", BERTH_ANY, "{}");
    struct store_query q = { .kind = KIND, .limit = 1 };
    struct answer a[4];
    struct bench_of_one b;

    one_open(&b, state, BIT(KIND));
    door_ask_commit(&b.door, &put, 1, 1, &a[0]);
    door_ask_get(&b.door, KIND, "", "k", &a[1]);
    door_ask_list(&b.door, &q, &a[2]);
    door_ask_count(&b.door, KIND, "", -1, &a[3]);
    store_deliver_changes(b.door.port);
    for (size_t i = 0; i < 4; i++)
        CHECK("not from the call, not from deliver_changes", a[i].ran == 0);
    for (size_t i = 0; i < 4; i++) {
        door_await(&b.door, &a[i]);
        CHECK("answered", a[i].result == STORE_OK);
    }
    for (size_t i = 0; i < 4; i++)
        answer_clear(&a[i]);
    one_close(&b);
}

void test_watcher_is_told(void **state)
{
    struct bench_of_one b;
    struct answer a;

    one_open(&b, state, BIT(BERTH_KIND_GROUP) | BIT(BERTH_KIND_DEVICE));
    struct berth_change c[] = {
        change_put(BERTH_KIND_GROUP, "", "g", BERTH_ABSENT, "one"),
        change_put(BERTH_KIND_HUB, "", "h", BERTH_ABSENT, "unwatched"),
        change_put(BERTH_KIND_DEVICE, "h", "d", BERTH_ABSENT, "two"),
    };
    c[0].rec.secret = BERTH_STR("clear");
    c[0].rec.owner = BERTH_STR("o");
    c[0].rec.tag = 7;
    CHECK("put", door_commit(&b.door, c, 3, 10, &a) == STORE_OK);
    CHECK("both, in order", b.door.told_count == 2);
    const struct told *t = b.door.told;
    CHECK("the group", t[0].rec.kind == BERTH_KIND_GROUP && !t[0].deleted &&
                           berth_str_eq(t[0].rec.key, BERTH_STR("g")) &&
                           berth_str_eq(t[0].rec.name, BERTH_STR("g")) &&
                           berth_str_eq(t[0].rec.owner, BERTH_STR("o")) && t[0].rec.tag == 7 &&
                           berth_str_eq(t[0].rec.body, BERTH_STR("one")) &&
                           berth_str_eq(t[0].rec.secret, BERTH_STR("clear")));
    CHECK("as stored",
          t[0].rec.version == a.version && t[0].rec.created_ms == 10 && t[0].rec.updated_ms == 10);
    CHECK("the device", berth_str_eq(t[1].rec.scope, BERTH_STR("h")));
    answer_clear(&a);

    door_forget_told(&b.door);
    c[0].expect = BERTH_PRESENT;
    CHECK("again", door_commit(&b.door, c, 1, 20, NULL) == STORE_OK);
    CHECK("times", b.door.told_count == 1 && b.door.told[0].rec.created_ms == 10 &&
                       b.door.told[0].rec.updated_ms == 20);

    door_forget_told(&b.door);
    struct berth_change gone = change_delete(BERTH_KIND_DEVICE, "h", "d", BERTH_ANY);
    CHECK("delete", door_commit(&b.door, &gone, 1, 30, &a) == STORE_OK);
    t = b.door.told;
    CHECK("deleted", b.door.told_count == 1 && t[0].deleted && t[0].rec.version == a.version &&
                         t[0].rec.kind == BERTH_KIND_DEVICE &&
                         berth_str_eq(t[0].rec.scope, BERTH_STR("h")) &&
                         berth_str_eq(t[0].rec.key, BERTH_STR("d")));
    answer_clear(&a);
    one_close(&b);
}

void test_watcher_is_not_told(void **state)
{
    struct berth_change unwatched = change_put(BERTH_KIND_HUB, "", "h", BERTH_ANY, "");
    struct berth_change nothing = change_delete(KIND, "", "none", BERTH_ANY);
    struct berth_change check = change_check(KIND, "", "none", BERTH_ABSENT);
    struct berth_change stale[] = { change_put(KIND, "", "k", BERTH_ANY, ""),
                                    change_check(KIND, "", "none", BERTH_PRESENT) };
    struct berth_change long_key = change_put(KIND, "", "", BERTH_ANY, "");
    struct bench_of_one b;
    struct door deaf;

    one_open(&b, state, BIT(KIND));
    door_open(&deaf, b.of, b.store, 0);
    CHECK("unwatched", door_commit(&b.door, &unwatched, 1, 1, NULL) == STORE_OK);
    CHECK("nothing to delete", door_commit(&b.door, &nothing, 1, 1, NULL) == STORE_OK);
    CHECK("check", door_commit(&b.door, &check, 1, 1, NULL) == STORE_OK);
    CHECK("stale", door_commit(&b.door, stale, 2, 1, NULL) == STORE_STALE);
    CHECK("failed", door_commit(&b.door, &long_key, 1, 1, NULL) == STORE_FAILED);
    store_deliver_changes(b.door.port);
    CHECK("silence", b.door.told_count == 0);
    CHECK("the other", door_commit(&deaf, stale, 1, 1, NULL) == STORE_OK);
    store_deliver_changes(deaf.port);
    store_deliver_changes(b.door.port);
    CHECK("told to who asked", b.door.told_count == 1 && deaf.told_count == 0);
    door_close(&deaf);
    one_close(&b);
}

/* A watcher that joined late sees what comes after it, and one that left costs nothing. */
void test_watchers_before_completions(void **state)
{
    struct bench_of_one b;
    struct door other[3];

    one_open(&b, state, BIT(KIND));
    for (int round = 0; round < 50; round++) {
        struct berth_change c = change_put(KIND, "", "k", BERTH_ANY, "{}");
        struct door *d = &other[round % 3];
        struct answer a;

        if (round >= 3)
            door_close(d);
        door_open(d, b.of, b.store, BIT(KIND));
        door_ask_commit(&b.door, &c, 1, round, &a);
        door_await(&b.door, &a);
        CHECK("its own watcher", b.door.told_count == (size_t)round + 1);
        for (int i = 0; i <= round && i < 3; i++) {
            store_deliver_changes(other[i].port);
            const struct told *last = &other[i].told[other[i].told_count - 1];
            CHECK("every other", other[i].told_count > 0 && last->rec.version == a.version);
        }
        CHECK("from its first commit on", d->told_count == 1);
        answer_clear(&a);
    }
    for (int i = 0; i < 3; i++)
        door_close(&other[i]);
    one_close(&b);
}

void test_detach_ends_calls(void **state)
{
    enum { CALLS = 100 };
    static struct answer a[2 * CALLS];
    struct bench_of_one b;
    struct door leaving;
    char keys[CALLS][24];

    one_open(&b, state, 0);
    door_open(&leaving, b.of, b.store, BIT(KIND));
    for (int i = 0; i < CALLS; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "k%d", i);
        struct berth_change c = change_put(KIND, "", keys[i], BERTH_ANY, "{}");
        c.rec.secret = BERTH_STR("s");
        door_ask_commit(&leaving, &c, 1, 1, &a[2 * i]);
        door_ask_get(&leaving, KIND, "", keys[i], &a[2 * i + 1]);
    }
    door_close(&leaving);
    for (int i = 0; i < 2 * CALLS; i++)
        CHECK("nothing was told", a[i].ran == 0);
    CHECK("what was under way was waited for", door_count(&b.door, KIND, "", -1) == CALLS);
    struct berth_change c = change_put(KIND, "", "after", BERTH_ANY, "{}");
    CHECK("the store goes on", door_commit(&b.door, &c, 1, 1, NULL) == STORE_OK);
    one_close(&b);
}
