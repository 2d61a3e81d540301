#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/conformance_parts.h"

static const struct {
    const char *name;
    struct berth_record rec;
} records[] = {
    { "a group with a secret",
      { .kind = BERTH_KIND_GROUP,
        .key = BERTH_STR_INIT("mylegacydevices"),
        .name = BERTH_STR_INIT("MyLegacyDevices"),
        .tag = 1,
        .body = BERTH_STR_INIT("{\"a\":1.10}"),
        .secret = BERTH_STR_INIT("\0\1key\0with NULs\xff") } },
    { "everything but the key empty", { .kind = BERTH_KIND_SETTING, .key = BERTH_STR_INIT("k") } },
    { "a registration of a group",
      { .kind = BERTH_KIND_REGISTRATION,
        .key = BERTH_STR_INIT("sn-007"),
        .name = BERTH_STR_INIT("SN-007"),
        .owner = BERTH_STR_INIT("mylegacydevices"),
        .tag = INT32_MIN,
        .body = BERTH_STR_INIT("{\"x\":\"\xc3\xa9\\u0000\"}") } },
    { "a device in a hub",
      { .kind = BERTH_KIND_DEVICE,
        .scope = BERTH_STR_INIT("hub.example"),
        .key = BERTH_STR_INIT("O'Brien \"%s\"; --"),
        .name = BERTH_STR_INIT("O'Brien"),
        .tag = INT32_MAX,
        .body = BERTH_STR_INIT("[\0]"),
        .secret = BERTH_STR_INIT("s") } },
};

static bool same(const struct berth_record *a, const struct berth_record *b)
{
    return a->kind == b->kind && berth_str_eq(a->scope, b->scope) && berth_str_eq(a->key, b->key) &&
           berth_str_eq(a->name, b->name) && berth_str_eq(a->owner, b->owner) && a->tag == b->tag &&
           berth_str_eq(a->body, b->body) && berth_str_eq(a->secret, b->secret);
}

void test_record_comes_back(void **state)
{
    struct bench_of_one b;

    one_open(&b, state, 0);
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        const struct berth_record *rec = &records[i].rec;
        struct berth_change put = { .type = BERTH_PUT, .expect = BERTH_ABSENT, .rec = *rec };
        char scope[64] = "", key[64] = "";
        struct answer a;

        if (rec->scope.n > 0)
            memcpy(scope, rec->scope.p, rec->scope.n);
        memcpy(key, rec->key.p, rec->key.n);
        door_get(&b.door, rec->kind, scope, key, &a);
        CHECK(records[i].name, a.result == STORE_OK && a.count == 0 && !a.more);
        answer_clear(&a);
        CHECK(records[i].name, door_commit(&b.door, &put, 1, 1, NULL) == STORE_OK);
        door_get(&b.door, rec->kind, scope, key, &a);
        CHECK(records[i].name, a.result == STORE_OK && a.count == 1 && same(&a.records[0], rec));
        answer_clear(&a);
    }
    one_close(&b);
}

void test_times_and_replacing(void **state)
{
    struct bench_of_one b;
    struct answer a;

    one_open(&b, state, 0);
    struct berth_change c = change_put(BERTH_KIND_HUB, "", "h", BERTH_ANY, "1");
    c.rec.created_ms = c.rec.updated_ms = 99; /* the store's to set */
    c.rec.secret = BERTH_STR("old");
    CHECK("first", door_commit(&b.door, &c, 1, 1000, NULL) == STORE_OK);
    c.rec.body = BERTH_STR("2");
    c.rec.name = BERTH_STR("H");
    c.rec.owner = BERTH_STR("o");
    c.rec.secret = (berth_str){ 0 };
    CHECK("second", door_commit(&b.door, &c, 1, -5, NULL) == STORE_OK);

    door_get(&b.door, BERTH_KIND_HUB, "", "h", &a);
    CHECK("one record", a.count == 1);
    CHECK("created at the first write", a.records[0].created_ms == 1000);
    CHECK("updated at the last", a.records[0].updated_ms == -5);
    CHECK("all fields replaced", berth_str_eq(a.records[0].body, BERTH_STR("2")) &&
                                     berth_str_eq(a.records[0].name, BERTH_STR("H")) &&
                                     berth_str_eq(a.records[0].owner, BERTH_STR("o")) &&
                                     a.records[0].secret.n == 0);
    answer_clear(&a);

    struct berth_change again[] = { change_delete(BERTH_KIND_HUB, "", "h", BERTH_PRESENT),
                                    change_put(BERTH_KIND_HUB, "", "h", BERTH_ABSENT, "3") };
    CHECK("made anew", door_commit(&b.door, again, 2, 3000, NULL) == STORE_OK);
    door_get(&b.door, BERTH_KIND_HUB, "", "h", &a);
    CHECK("created anew", a.count == 1 && a.records[0].created_ms == 3000);
    answer_clear(&a);
    one_close(&b);
}

void test_kinds_and_scopes_apart(void **state)
{
    static const char *const scopes[] = { "", "a", "ab", "A" };
    struct bench_of_one b;
    size_t made = 0;

    one_open(&b, state, 0);
    for (int kind = 0; kind < BERTH_KINDS; kind++)
        for (size_t s = 0; s < ARRAY_LEN(scopes); s++, made++) {
            struct berth_change c =
                change_put((enum berth_kind)kind, scopes[s], "same", BERTH_ABSENT, scopes[s]);
            CHECK(scopes[s], door_commit(&b.door, &c, 1, 1, NULL) == STORE_OK);
        }
    for (int kind = 0; kind < BERTH_KINDS; kind++) {
        struct answer a;
        struct berth_change c = change_delete((enum berth_kind)kind, "a", "same", BERTH_PRESENT);
        CHECK("delete one", door_commit(&b.door, &c, 1, 1, NULL) == STORE_OK);
        door_get(&b.door, (enum berth_kind)kind, "ab", "same", &a);
        CHECK("its own body", a.count == 1 && berth_str_eq(a.records[0].body, BERTH_STR("ab")));
        answer_clear(&a);
        for (size_t s = 0; s < ARRAY_LEN(scopes); s++)
            CHECK(scopes[s], door_count(&b.door, (enum berth_kind)kind, scopes[s], -1) ==
                                 (strcmp(scopes[s], "a") == 0 ? 0u : 1u));
    }
    one_close(&b);
}

enum field { KEY, SCOPE, NAME, OWNER, BODY, SECRET };

static const struct {
    const char *name;
    enum field field;
    size_t n;
    enum store_result want;
} bounds[] = {
    { "key at its bound", KEY, STORE_TEXT_MAX, STORE_OK },
    { "key over it", KEY, STORE_TEXT_MAX + 1, STORE_FAILED },
    { "key empty", KEY, 0, STORE_FAILED },
    { "scope at its bound", SCOPE, STORE_TEXT_MAX, STORE_OK },
    { "scope over it", SCOPE, STORE_TEXT_MAX + 1, STORE_FAILED },
    { "name at its bound", NAME, STORE_TEXT_MAX, STORE_OK },
    { "name over it", NAME, STORE_TEXT_MAX + 1, STORE_FAILED },
    { "owner at its bound", OWNER, STORE_TEXT_MAX, STORE_OK },
    { "owner over it", OWNER, STORE_TEXT_MAX + 1, STORE_FAILED },
    { "body at its bound", BODY, BERTH_RECORD_BODY_MAX, STORE_OK },
    { "body over it", BODY, BERTH_RECORD_BODY_MAX + 1, STORE_FAILED },
    { "secret at its bound", SECRET, BERTH_RECORD_SECRET_MAX, STORE_OK },
    { "secret over it", SECRET, BERTH_RECORD_SECRET_MAX + 1, STORE_FAILED },
};

static berth_str *field_of(struct berth_record *r, enum field f)
{
    berth_str *fields[] = { &r->key, &r->scope, &r->name, &r->owner, &r->body, &r->secret };

    return fields[f];
}

void test_bounds(void **state)
{
    struct bench_of_one b;
    uint64_t kept = 0;

    one_open(&b, state, 0);
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        char key[32];
        struct berth_change c;
        struct store_query q = { .kind = BERTH_KIND_DEVICE, .all_scopes = true, .limit = 1000 };
        struct answer a;
        char *text = malloc(bounds[i].n + 1);

        memset(text, 'x', bounds[i].n + 1);
        (void)snprintf(key, sizeof key, "k%zu", i);
        c = change_put(BERTH_KIND_DEVICE, "s", key, BERTH_ABSENT, "{}");
        *field_of(&c.rec, bounds[i].field) = (berth_str){ text, bounds[i].n };
        CHECK(bounds[i].name, door_commit(&b.door, &c, 1, 1, NULL) == bounds[i].want);
        kept += bounds[i].want == STORE_OK;
        door_list(&b.door, &q, &a);
        CHECK(bounds[i].name, a.result == STORE_OK && a.count == kept);
        for (size_t k = 0; k < a.count; k++)
            if (field_of(&a.records[k], bounds[i].field)->n == bounds[i].n)
                CHECK(bounds[i].name,
                      memcmp(field_of(&a.records[k], bounds[i].field)->p, text, bounds[i].n) == 0);
        answer_clear(&a);
        free(text);
    }
    one_close(&b);
}

void test_count(void **state)
{
    struct bench_of_one b;

    one_open(&b, state, 0);
    for (int i = 0; i < 10; i++) {
        char key[2] = { (char)('a' + i), 0 };
        struct berth_change c =
            change_put(BERTH_KIND_DEVICE, i < 7 ? "one" : "two", key, BERTH_ABSENT, "{}");
        c.rec.tag = i % 2;
        CHECK(key, door_commit(&b.door, &c, 1, 1, NULL) == STORE_OK);
    }
    CHECK("all of one", door_count(&b.door, BERTH_KIND_DEVICE, "one", -1) == 7);
    CHECK("tag 0 of one", door_count(&b.door, BERTH_KIND_DEVICE, "one", 0) == 4);
    CHECK("tag 1 of one", door_count(&b.door, BERTH_KIND_DEVICE, "one", 1) == 3);
    CHECK("tag 1 of two", door_count(&b.door, BERTH_KIND_DEVICE, "two", 1) == 2);
    CHECK("no such tag", door_count(&b.door, BERTH_KIND_DEVICE, "one", 2) == 0);
    CHECK("no such scope", door_count(&b.door, BERTH_KIND_DEVICE, "three", -1) == 0);
    CHECK("another kind", door_count(&b.door, BERTH_KIND_GROUP, "one", -1) == 0);
    one_close(&b);
}
