#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/conformance_parts.h"

static void put_named(struct door *d, enum berth_kind kind, const char *scope, const char *key,
                      const char *owner)
{
    struct berth_change c = change_put(kind, scope, key, BERTH_ANY, "{}");

    c.rec.owner = berth_str_of(owner);
    CHECK(key, door_commit(d, &c, 1, 1, NULL) == STORE_OK);
}

/* The keys of a reply in a row, with a + when others follow. */
static const char *keys_of(struct door *d, const struct store_query *q)
{
    static char text[256];
    struct answer a;
    size_t n = 0;

    door_list(d, q, &a);
    CHECK("list", a.result == STORE_OK);
    for (size_t i = 0; i < a.count; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%.*s ", BERTH_STR_ARG(a.records[i].key));
    (void)snprintf(text + n, sizeof text - n, "%s", a.more ? "+" : "");
    answer_clear(&a);
    return text;
}

void test_list_order_and_paging(void **state)
{
    static const char *const keys[] = {
        "b", "a-b", "a", "a_b", "a.b", "B", "z\xc3\xa9", "zz", "a1"
    };
    static const struct {
        const char *name, *after;
        size_t limit;
        const char *want;
    } pages[] = {
        { "all", "", 1000, "B a a-b a.b a1 a_b b zz z\xc3\xa9 " },
        { "exactly as many", "", 9, "B a a-b a.b a1 a_b b zz z\xc3\xa9 " },
        { "one fewer", "", 8, "B a a-b a.b a1 a_b b zz +" },
        { "one", "", 1, "B +" },
        { "after one that is there", "a", 2, "a-b a.b +" },
        { "after one that is not", "a/", 2, "a1 a_b +" },
        { "before the end", "b", 2, "zz z\xc3\xa9 " },
        { "after the last", "z\xc3\xa9", 5, "" },
    };
    struct bench_of_one b;

    one_open(&b, state, 0);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        put_named(&b.door, BERTH_KIND_ENROLLMENT, "", keys[i], "");
    put_named(&b.door, BERTH_KIND_ENROLLMENT, "elsewhere", "c", "");
    put_named(&b.door, BERTH_KIND_GROUP, "", "d", "");
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        struct store_query q = { .kind = BERTH_KIND_ENROLLMENT,
                                 .after = berth_str_of(pages[i].after),
                                 .limit = pages[i].limit };
        CHECK(pages[i].name, strcmp(keys_of(&b.door, &q), pages[i].want) == 0);
    }
    one_close(&b);
}

void test_list_by_owner(void **state)
{
    static const struct {
        const char *name, *owner, *after;
        size_t limit;
        const char *want;
    } pages[] = {
        { "of g1", "g1", "", 10, "a c e " },
        { "of g1, first two", "g1", "", 2, "a c +" },
        { "of g1, the rest", "g1", "c", 2, "e " },
        { "of nobody", "", "", 10, "b " },
        { "of g2", "g2", "", 10, "d " },
        { "of somebody unknown", "g", "", 10, "" },
        { "of anybody", NULL, "", 10, "a b c d e " },
    };
    struct bench_of_one b;

    one_open(&b, state, 0);
    put_named(&b.door, BERTH_KIND_REGISTRATION, "", "e", "g1");
    put_named(&b.door, BERTH_KIND_REGISTRATION, "", "d", "g2");
    put_named(&b.door, BERTH_KIND_REGISTRATION, "", "c", "g2");
    put_named(&b.door, BERTH_KIND_REGISTRATION, "", "c", "g1"); /* changes hands */
    put_named(&b.door, BERTH_KIND_REGISTRATION, "", "b", "");
    put_named(&b.door, BERTH_KIND_REGISTRATION, "", "a", "g1");
    put_named(&b.door, BERTH_KIND_REGISTRATION, "other", "f", "g1");
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        struct store_query q = { .kind = BERTH_KIND_REGISTRATION,
                                 .owner = berth_str_of(pages[i].owner),
                                 .after = berth_str_of(pages[i].after),
                                 .limit = pages[i].limit };
        CHECK(pages[i].name, strcmp(keys_of(&b.door, &q), pages[i].want) == 0);
    }
    one_close(&b);
}

void test_list_all_scopes(void **state)
{
    struct store_query q = { .kind = BERTH_KIND_POLICY, .all_scopes = true, .limit = 1000 };
    struct bench_of_one b;

    one_open(&b, state, 0);
    put_named(&b.door, BERTH_KIND_POLICY, "hub2", "a", "x");
    put_named(&b.door, BERTH_KIND_POLICY, "hub1", "z", "x");
    put_named(&b.door, BERTH_KIND_POLICY, "", "m", "y");
    put_named(&b.door, BERTH_KIND_POLICY, "hub1", "b", "y");
    CHECK("by scope, then key", strcmp(keys_of(&b.door, &q), "m b z a ") == 0);
    q.limit = 3;
    CHECK("limited", strcmp(keys_of(&b.door, &q), "m b z +") == 0);
    q.owner = BERTH_STR("y");
    CHECK("with an owner", strcmp(keys_of(&b.door, &q), "m b ") == 0);
    q.scope = BERTH_STR("hub1");
    CHECK("with an owner, the next page", strcmp(keys_of(&b.door, &q), "b ") == 0);
    q.owner = (berth_str){ 0 };
    q.after = BERTH_STR("b");
    CHECK("within a scope", strcmp(keys_of(&b.door, &q), "z a ") == 0);
    q.limit = 1;
    CHECK("within a scope, limited", strcmp(keys_of(&b.door, &q), "z +") == 0);
    q.after = BERTH_STR("z");
    CHECK("at a scope's end", strcmp(keys_of(&b.door, &q), "a ") == 0);
    q.scope = BERTH_STR("hub2");
    q.after = BERTH_STR("a");
    CHECK("at the end", strcmp(keys_of(&b.door, &q), "") == 0);
    one_close(&b);
}

/* A reply's memory has a bound of its own: pages get shorter, and together they are complete. */
void test_list_of_large_records(void **state)
{
    enum { RECORDS = 60 };
    char *body = malloc(BERTH_RECORD_BODY_MAX);
    struct bench_of_one b;
    char after[24] = "";
    size_t seen = 0, pages = 0;
    bool more = true;

    one_open(&b, state, 0);
    memset(body, 'x', BERTH_RECORD_BODY_MAX);
    for (int i = 0; i < RECORDS; i++) {
        char key[24];
        (void)snprintf(key, sizeof key, "k%02d", i);
        struct berth_change c = change_put(BERTH_KIND_REGISTRATION, "", key, BERTH_ABSENT, "");
        c.rec.body = (berth_str){ body, BERTH_RECORD_BODY_MAX };
        CHECK(key, door_commit(&b.door, &c, 1, 1, NULL) == STORE_OK);
    }
    for (; more; pages++) {
        struct store_query q = { .kind = BERTH_KIND_REGISTRATION,
                                 .after = berth_str_of(after),
                                 .limit = STORE_LIST_MAX };
        struct answer a;
        door_list(&b.door, &q, &a);
        CHECK("page", a.result == STORE_OK && a.count > 0);
        CHECK("bound", a.count * BERTH_RECORD_BODY_MAX <= STORE_LIST_BYTES + BERTH_RECORD_BODY_MAX);
        (void)snprintf(after, sizeof after, "%.*s", BERTH_STR_ARG(a.records[a.count - 1].key));
        seen += a.count;
        more = a.more;
        answer_clear(&a);
    }
    CHECK("all of them, on several pages", seen == RECORDS && pages > 1);
    one_close(&b);
    free(body);
}
