#include <stdio.h>
#include <string.h>

#include "tests/store/conformance_parts.h"

#define KIND BERTH_KIND_REGISTRATION

enum { NOW = UINT32_MAX }; /* in the table: the version that is there */

static const struct {
    const char *name;
    enum berth_change_type type;
    bool there;
    uint64_t expect;
    enum store_result want;
    bool there_after;
} expectations[] = {
    { "put, absent wanted, nothing there", BERTH_PUT, false, BERTH_ABSENT, STORE_OK, true },
    { "put, absent wanted, one there", BERTH_PUT, true, BERTH_ABSENT, STORE_STALE, true },
    { "put, any, nothing there", BERTH_PUT, false, BERTH_ANY, STORE_OK, true },
    { "put, any, one there", BERTH_PUT, true, BERTH_ANY, STORE_OK, true },
    { "put, present wanted, nothing there", BERTH_PUT, false, BERTH_PRESENT, STORE_STALE, false },
    { "put, present wanted, one there", BERTH_PUT, true, BERTH_PRESENT, STORE_OK, true },
    { "put, version fits", BERTH_PUT, true, NOW, STORE_OK, true },
    { "put, another version", BERTH_PUT, true, 1u << 20, STORE_STALE, true },
    { "put, a version, nothing there", BERTH_PUT, false, 1, STORE_STALE, false },
    { "delete, absent wanted, nothing there", BERTH_DELETE, false, BERTH_ABSENT, STORE_OK, false },
    { "delete, absent wanted, one there", BERTH_DELETE, true, BERTH_ABSENT, STORE_STALE, true },
    { "delete, any, nothing there", BERTH_DELETE, false, BERTH_ANY, STORE_OK, false },
    { "delete, any, one there", BERTH_DELETE, true, BERTH_ANY, STORE_OK, false },
    { "delete, present, nothing there", BERTH_DELETE, false, BERTH_PRESENT, STORE_STALE, false },
    { "delete, present, one there", BERTH_DELETE, true, BERTH_PRESENT, STORE_OK, false },
    { "delete, version fits", BERTH_DELETE, true, NOW, STORE_OK, false },
    { "delete, another version", BERTH_DELETE, true, 1u << 20, STORE_STALE, true },
    { "check, absent wanted, nothing there", BERTH_CHECK, false, BERTH_ABSENT, STORE_OK, false },
    { "check, absent wanted, one there", BERTH_CHECK, true, BERTH_ABSENT, STORE_STALE, true },
    { "check, any, one there", BERTH_CHECK, true, BERTH_ANY, STORE_OK, true },
    { "check, present, nothing there", BERTH_CHECK, false, BERTH_PRESENT, STORE_STALE, false },
    { "check, version fits", BERTH_CHECK, true, NOW, STORE_OK, true },
    { "check, another version", BERTH_CHECK, true, 1u << 20, STORE_STALE, true },
};

void test_expectations(void **state)
{
    struct bench_of_one b;

    one_open(&b, state, 0);
    for (size_t i = 0; i < ARRAY_LEN(expectations); i++) {
        const char *name = expectations[i].name;
        struct berth_change before = change_put(KIND, "", "k", BERTH_ANY, "before");
        struct berth_change c = change_put(KIND, "", "k", expectations[i].expect, "after");
        struct answer a;

        if (!expectations[i].there)
            before.type = BERTH_DELETE;
        CHECK(name, door_commit(&b.door, &before, 1, 1, NULL) == STORE_OK);
        uint64_t version = door_version(&b.door, KIND, "", "k");
        if (c.expect == NOW)
            c.expect = version;
        c.type = expectations[i].type;
        CHECK(name, door_commit(&b.door, &c, 1, 2, &a) == expectations[i].want);
        CHECK(name, a.refused == 0);
        uint64_t written = a.version;
        answer_clear(&a);

        bool changed = expectations[i].want == STORE_OK && c.type == BERTH_PUT;
        door_get(&b.door, KIND, "", "k", &a);
        CHECK(name, a.count == expectations[i].there_after);
        if (a.count == 1) {
            CHECK(name, a.records[0].version == (changed ? written : version));
            CHECK(name, berth_str_eq(a.records[0].body,
                                     changed ? BERTH_STR("after") : BERTH_STR("before")));
        }
        answer_clear(&a);
    }
    one_close(&b);
}

static void fill(struct berth_change *c, char keys[][24], size_t n, uint64_t expect)
{
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(keys[i], 24, "k%zu", i);
        c[i] = change_put(KIND, "", keys[i], expect, "{}");
    }
}

/* Judged after the steps before it; another scope's and another kind's do not count. */
void test_limit(void **state)
{
    struct berth_change c[2] = { { 0 }, { .type = BERTH_LIMIT, .expect = 2 } };
    struct bench_of_one b;
    struct answer a;

    one_open(&b, state, 0);
    c[1].rec.kind = KIND;
    c[1].rec.scope = BERTH_STR("s");
    c[0] = change_put(KIND, "other", "k", BERTH_ANY, "{}");
    CHECK("another scope", door_commit(&b.door, c, 1, 1, NULL) == STORE_OK);
    c[0] = change_put(KIND, "s", "a", BERTH_ABSENT, "{}");
    CHECK("the first", door_commit(&b.door, c, 2, 1, NULL) == STORE_OK);
    c[0] = change_put(KIND, "s", "b", BERTH_ABSENT, "{}");
    CHECK("the last that may be", door_commit(&b.door, c, 2, 1, NULL) == STORE_OK);
    c[0] = change_put(KIND, "s", "c", BERTH_ABSENT, "{}");
    CHECK("one more", door_commit(&b.door, c, 2, 1, &a) == STORE_STALE);
    CHECK("the limit refused it", a.refused == 1);
    answer_clear(&a);
    CHECK("nothing of it is there", door_count(&b.door, KIND, "s", -1) == 2);
    c[0] = change_put(KIND, "s", "b", BERTH_ANY, "[]");
    CHECK("a change of one that is there", door_commit(&b.door, c, 2, 1, NULL) == STORE_OK);
    c[0].type = BERTH_DELETE;
    CHECK("one goes", door_commit(&b.door, c, 2, 1, NULL) == STORE_OK);
    c[0] = change_put(KIND, "s", "c", BERTH_ABSENT, "{}");
    CHECK("there is room", door_commit(&b.door, c, 2, 1, NULL) == STORE_OK);
    one_close(&b);
}

void test_all_or_none(void **state)
{
    struct berth_change c[STORE_CHANGES_MAX + 1];
    char keys[STORE_CHANGES_MAX + 1][24];
    struct bench_of_one b;
    struct answer a;

    one_open(&b, state, 0);
    for (size_t bad = 0; bad < STORE_CHANGES_MAX; bad++) {
        fill(c, keys, STORE_CHANGES_MAX, BERTH_ABSENT);
        c[bad].expect = BERTH_PRESENT;
        CHECK(keys[bad], door_commit(&b.door, c, STORE_CHANGES_MAX, 1, &a) == STORE_STALE);
        CHECK(keys[bad], a.refused == bad);
        CHECK(keys[bad], door_count(&b.door, KIND, "", -1) == 0);
        answer_clear(&a);
    }
    fill(c, keys, STORE_CHANGES_MAX, BERTH_ABSENT);
    CHECK("as many as allowed", door_commit(&b.door, c, STORE_CHANGES_MAX, 1, &a) == STORE_OK);
    for (size_t i = 0; i < STORE_CHANGES_MAX; i++)
        CHECK(keys[i], door_version(&b.door, KIND, "", keys[i]) == a.version);
    answer_clear(&a);

    fill(c, keys, STORE_CHANGES_MAX, BERTH_PRESENT);
    for (size_t i = 0; i < STORE_CHANGES_MAX; i++)
        c[i].type = BERTH_DELETE;
    c[STORE_CHANGES_MAX - 1].expect = BERTH_ABSENT;
    CHECK("deletes too", door_commit(&b.door, c, STORE_CHANGES_MAX, 1, NULL) == STORE_STALE);
    CHECK("deletes too", door_count(&b.door, KIND, "", -1) == STORE_CHANGES_MAX);

    fill(c, keys, STORE_CHANGES_MAX + 1, BERTH_ANY);
    CHECK("one over", door_commit(&b.door, c, STORE_CHANGES_MAX + 1, 1, NULL) == STORE_FAILED);
    CHECK("one over", door_count(&b.door, KIND, "", -1) == STORE_CHANGES_MAX);
    CHECK("none at all", door_commit(&b.door, c, 0, 1, NULL) == STORE_FAILED);
    one_close(&b);
}

void test_changes_in_order(void **state)
{
    struct berth_change twice[] = { change_put(KIND, "", "k", BERTH_ABSENT, "1"),
                                    change_put(KIND, "", "k", BERTH_ABSENT, "2") };
    struct berth_change moved[] = { change_put(KIND, "", "k", BERTH_ABSENT, "1"),
                                    change_check(KIND, "", "k", BERTH_PRESENT),
                                    change_delete(KIND, "", "k", BERTH_PRESENT),
                                    change_check(KIND, "", "k", BERTH_ABSENT),
                                    change_put(KIND, "", "k", BERTH_ABSENT, "3") };
    struct bench_of_one b;
    struct answer a;

    one_open(&b, state, 0);
    CHECK("the second meets the first", door_commit(&b.door, twice, 2, 1, &a) == STORE_STALE);
    CHECK("the second meets the first", a.refused == 1);
    answer_clear(&a);
    CHECK("each meets those before it", door_commit(&b.door, moved, 5, 1, NULL) == STORE_OK);
    door_get(&b.door, KIND, "", "k", &a);
    CHECK("the last one stays", a.count == 1 && berth_str_eq(a.records[0].body, BERTH_STR("3")));
    answer_clear(&a);
    one_close(&b);
}

void test_versions_never_reused(void **state)
{
    struct bench_of_one b;
    uint64_t last = 0, first = 0;

    one_open(&b, state, 0);
    for (int i = 0; i < 20; i++) {
        struct berth_change put = change_put(KIND, "", "k", BERTH_ABSENT, "{}");
        struct answer a;

        CHECK("put", door_commit(&b.door, &put, 1, 1, &a) == STORE_OK);
        CHECK("grows", a.version > last);
        CHECK("is the record's", door_version(&b.door, KIND, "", "k") == a.version);
        last = a.version;
        first = first == 0 ? last : first;
        answer_clear(&a);
        struct berth_change gone = change_delete(KIND, "", "k", last);
        CHECK("delete", door_commit(&b.door, &gone, 1, 1, NULL) == STORE_OK);
    }
    /* Deleted and made again, it is not what the decision was taken on. */
    struct berth_change put = change_put(KIND, "", "k", BERTH_ABSENT, "{}");
    struct berth_change old = change_put(KIND, "", "k", first, "{}");
    CHECK("again", door_commit(&b.door, &put, 1, 1, NULL) == STORE_OK);
    CHECK("old decision", door_commit(&b.door, &old, 1, 1, NULL) == STORE_STALE);
    old.expect = last;
    CHECK("younger decision", door_commit(&b.door, &old, 1, 1, NULL) == STORE_STALE);
    one_close(&b);
}
