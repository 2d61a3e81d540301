/* The catalog: what a loop knows by heart, filled from the store and kept up to date. */
#include "front/catalog.h"

#include <stdio.h>
#include <string.h>

#include "berth/openssl.h"
#include "ops/log.h"
#include "tests/store/fake_store.h"
#include "unit/check.h"

struct desk {
    struct berth_crypto crypto;
    struct catalog *catalog;
};

static int set_up(void **state)
{
    static struct desk d;

    log_setup(0, false);
    assert_int_equal(berth_openssl_init(&d.crypto), BERTH_OK);
    assert_int_equal(catalog_new(&d.crypto, &d.catalog), BERTH_OK);
    *state = &d;
    return 0;
}

static int tear_down(void **state)
{
    struct desk *d = *state;

    catalog_free(d->catalog);
    berth_openssl_deinit(&d->crypto);
    return 0;
}

/* ---- records ---- */

static struct berth_record group_record(const char *id, char fill, const char *more)
{
    static unsigned char memory[128 * 1024];
    static char json[64 * 1024];
    struct berth_refusal why;
    struct berth_enrollment e;
    struct berth_record rec;
    struct berth_arena a;

    (void)snprintf(json, sizeof json,
                   "{\"enrollmentGroupId\":\"%s\",\"attestation\":{\"type\":\"symmetricKey\"}%s}",
                   id, more);
    berth_arena_init(&a, memory, sizeof memory);
    CHECK(id, berth_enrollment_parse(true, berth_str_of(id), berth_str_of(json), &a, &e, &why) ==
                  BERTH_OK);
    e.keys.primary.n = e.keys.secondary.n = 32;
    memset(e.keys.primary.bytes, fill, 32);
    memset(e.keys.secondary.bytes, fill + 1, 32);
    CHECK(id, berth_enrollment_encode(&e, &a, &rec) == BERTH_OK);
    rec.version = 7;
    return rec;
}

static struct berth_record hub_record(const char *name, const char *body)
{
    return (struct berth_record){ .kind = BERTH_KIND_HUB,
                                  .scope = BERTH_STR(""),
                                  .key = berth_str_of(name),
                                  .name = berth_str_of(name),
                                  .version = 9,
                                  .body = berth_str_of(body) };
}

static struct berth_record policy_record(const char *hub, const char *name, char fill)
{
    static unsigned char memory[4096];
    struct berth_policy p = { .hub = berth_str_of(hub), .name = berth_str_of(name), .rights = 1 };
    struct berth_record rec;
    struct berth_arena a;

    p.keys.primary.n = p.keys.secondary.n = 32;
    memset(p.keys.primary.bytes, fill, 32);
    berth_arena_init(&a, memory, sizeof memory);
    CHECK(name, berth_policy_encode(&p, &a, &rec) == BERTH_OK);
    return rec;
}

/* ---- groups ---- */

/* Whether the prepared key is one of 32 bytes FILL. */
static bool is_key(struct desk *d, struct berth_hmac_key *key, char fill)
{
    uint8_t bytes[32], mine[32], its[32];
    berth_str text = BERTH_STR("x");
    struct berth_hmac_key other;

    memset(bytes, fill, sizeof bytes);
    assert_int_equal(d->crypto.hmac_prepare(d->crypto.ctx, bytes, 32, &other), BERTH_OK);
    assert_int_equal(d->crypto.hmac(d->crypto.ctx, &other, &text, 1, mine), BERTH_OK);
    assert_int_equal(d->crypto.hmac(d->crypto.ctx, key, &text, 1, its), BERTH_OK);
    d->crypto.hmac_release(d->crypto.ctx, &other);
    return memcmp(mine, its, sizeof mine) == 0;
}

static void test_groups(void **state)
{
    struct desk *d = *state;
    const struct berth_catalog *view = catalog_view(d->catalog);
    struct berth_record rec;
    char id[16];

    for (int i = 0; i < 40; i++) { /* beyond the table's first sizes */
        (void)snprintf(id, sizeof id, "G-%d", i);
        rec = group_record(id, (char)i, "");
        catalog_watch(d->catalog, &rec, false);
    }
    assert_int_equal(view->group_count, 40);
    for (int i = 0; i < 40; i++) {
        (void)snprintf(id, sizeof id, "g-%d", i);
        const struct berth_group *g = berth_catalog_group(view, berth_str_of(id));
        CHECK(id, g != NULL && berth_str_ieq(g->enrollment->id, berth_str_of(id)));
        CHECK(id, g->enrollment->version == 7);
        CHECK(id, is_key(d, g->primary, (char)i) && is_key(d, g->secondary, (char)(i + 1)));
    }
    rec = group_record("G-3", 'n', ",\"provisioningStatus\":\"disabled\"");
    catalog_watch(d->catalog, &rec, false); /* changed */
    assert_int_equal(view->group_count, 40);
    assert_false(berth_catalog_group(view, BERTH_STR("g-3"))->enrollment->enabled);
    assert_true(is_key(d, berth_catalog_group(view, BERTH_STR("g-3"))->primary, 'n'));
    for (int i = 0; i < 40; i += 2) {
        (void)snprintf(id, sizeof id, "g-%d", i);
        rec = (struct berth_record){ .kind = BERTH_KIND_GROUP, .key = berth_str_of(id) };
        catalog_watch(d->catalog, &rec, true);
        assert_null(berth_catalog_group(view, berth_str_of(id)));
    }
    assert_int_equal(view->group_count, 20);
    assert_true(is_key(d, berth_catalog_group(view, BERTH_STR("g-39"))->primary, 39));
}

/* A group that cannot be read lets nobody in, also when an older version of it could. */
static void test_damaged_group(void **state)
{
    struct desk *d = *state;
    struct berth_record rec = group_record("g", 'k', "");

    catalog_watch(d->catalog, &rec, false);
    assert_int_equal(catalog_view(d->catalog)->group_count, 1);
    rec.body = BERTH_STR("{");
    catalog_watch(d->catalog, &rec, false);
    assert_int_equal(catalog_view(d->catalog)->group_count, 0);
    rec = group_record("g", 'k', "");
    catalog_watch(d->catalog, &rec, false);
    assert_int_equal(catalog_view(d->catalog)->group_count, 1);
}

/* Names that must be escaped take more room when they are decoded than when they are borrowed. */
static void test_group_with_much_to_decode(void **state)
{
    struct desk *d = *state;
    char more[16 * 1024] = ",\"iotHubs\":[";
    struct berth_record rec;

    for (int i = 0; i < BERTH_ENROLLMENT_HUBS_MAX; i++)
        strcat(more, i == 0 ? "\"\\\"\\\"\\\"\\\"\"" : ",\"\\\"\\\"\\\"\\\"\"");
    strcat(more, "]");
    rec = group_record("g", 'k', more);
    catalog_watch(d->catalog, &rec, false);
    assert_int_equal(catalog_view(d->catalog)->group_count, 1);
    assert_true(berth_str_eq(catalog_view(d->catalog)->groups[0].enrollment->hubs[49],
                             BERTH_STR("\"\"\"\"")));
}

/* ---- hubs ---- */

static void test_hubs(void **state)
{
    static const struct {
        const char *name, *body;
        int32_t weight;
        bool takes_devices;
    } cases[] = {
        { "a.example", "{\"weight\":1000,\"allocation\":true}", 1000, true },
        { "b.example", "{\"weight\":1,\"allocation\":false}", 1, false },
        { "c.example", "{}", 1, true },
        { "d.example", "{\"weight\":0}", 1, true },
        { "e.example", "{\"weight\":1001}", 1, true },
        { "f.example", "{\"weight\":-5}", 1, true },
        { "g.example", "{\"weight\":\"2\"}", 1, true },
        { "a.example", "{\"weight\":3,\"allocation\":false}", 3, false }, /* changed */
    };
    struct desk *d = *state;
    const struct berth_catalog *view = catalog_view(d->catalog);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct berth_record rec = hub_record(cases[i].name, cases[i].body);
        const struct berth_hub *h;
        catalog_watch(d->catalog, &rec, false);
        h = berth_catalog_hub(view, berth_str_of(cases[i].name));
        CHECK(cases[i].name, h != NULL && h->weight == cases[i].weight);
        CHECK(cases[i].name, h->takes_devices == cases[i].takes_devices && h->version == 9);
    }
    assert_int_equal(view->hub_count, ARRAY_LEN(cases) - 1);
    for (size_t i = 0; i + 1 < ARRAY_LEN(cases); i++) {
        struct berth_record rec = hub_record(cases[i].name, "");
        catalog_watch(d->catalog, &rec, true);
        assert_null(berth_catalog_hub(view, berth_str_of(cases[i].name)));
    }
    assert_int_equal(view->hub_count, 0);
}

static void test_hub_of_a_host(void **state)
{
    struct desk *d = *state;
    struct berth_record one = hub_record("dps.example", "{}"), two = hub_record("b.example", "{}");
    struct config c;

    config_defaults(&c);
    strcpy(c.hosts[0], "dps.example");
    strcpy(c.hosts[1], "10.0.0.5");
    c.host_count = 2;
    catalog_watch(d->catalog, &one, false);
    catalog_watch(d->catalog, &two, false);
    assert_true(berth_str_eq(catalog_hub_of_host(d->catalog, &c, BERTH_STR("B.Example"))->host_name,
                             BERTH_STR("b.example")));
    assert_true(berth_str_eq(catalog_hub_of_host(d->catalog, &c, BERTH_STR("10.0.0.5"))->host_name,
                             BERTH_STR("dps.example")));
    assert_null(catalog_hub_of_host(d->catalog, &c, BERTH_STR("evil.example")));
}

/* ---- policies ---- */

static void test_policies(void **state)
{
    static const struct {
        const char *hub, *name;
    } rows[] = { { "b.example", "service" }, { "", "owner" },      { "a.example", "device" },
                 { "", "reader" },           { "b.example", "a" }, { "a.example", "owner" },
                 { "b.example", "z" } };
    struct desk *d = *state;
    const struct berth_policy *p;
    struct berth_record rec;
    size_t count;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        rec = policy_record(rows[i].hub, rows[i].name, 'k');
        catalog_watch(d->catalog, &rec, false);
    }
    p = catalog_policies(d->catalog, BERTH_STR("b.example"), &count);
    assert_int_equal(count, 3);
    assert_true(berth_str_eq(p[0].name, BERTH_STR("a")));
    assert_true(berth_str_eq(p[2].name, BERTH_STR("z")));
    (void)catalog_policies(d->catalog, BERTH_STR(""), &count);
    assert_int_equal(count, 2);
    (void)catalog_policies(d->catalog, BERTH_STR("c.example"), &count);
    assert_int_equal(count, 0);
    rec = policy_record("b.example", "a", 'n'); /* new keys */
    catalog_watch(d->catalog, &rec, false);
    p = catalog_policies(d->catalog, BERTH_STR("b.example"), &count);
    assert_int_equal(count, 3);
    assert_int_equal(p[0].keys.primary.bytes[0], 'n');
    catalog_watch(d->catalog, &rec, true);
    (void)catalog_policies(d->catalog, BERTH_STR("b.example"), &count);
    assert_int_equal(count, 2);
    rec = policy_record("b.example", "z", 'k');
    rec.body = BERTH_STR("{");
    catalog_watch(d->catalog, &rec, false); /* damaged: gone */
    (void)catalog_policies(d->catalog, BERTH_STR("b.example"), &count);
    assert_int_equal(count, 1);
}

/* ---- filled from a store ---- */

#define MANY (STORE_LIST_MAX + 5)

static void on_done(void *user, const struct store_reply *reply)
{
    assert_int_equal(reply->result, STORE_OK);
    *(bool *)user = true;
}

static void put(struct fake_store *s, struct store_port *port, const struct berth_record *rec)
{
    struct berth_change c = { .type = BERTH_PUT, .expect = BERTH_ANY, .rec = *rec };
    bool done = false;

    store_commit(port, &c, 1, 1, on_done, &done);
    while (!done) {
        fake_store_step(s);
        (void)store_deliver(port);
    }
}

static void on_filled(void *user, bool ok)
{
    *(int *)user = ok ? 1 : -1;
}

static int fill(struct desk *d, struct fake_store *s, const struct fake_options *o)
{
    struct store_attach attach = { .watcher = catalog_watch,
                                   .watch_user = d->catalog,
                                   .watch_kinds = CATALOG_KINDS };
    struct store_port *port;
    int filled = 0;

    fake_store_set(s, o);
    assert_int_equal(fake_store_attach(s, &attach, &port), BERTH_OK);
    catalog_fill(d->catalog, port, on_filled, &filled);
    for (int i = 0; filled == 0 && i < 1000; i++) {
        fake_store_step(s);
        (void)store_deliver(port);
    }
    store_detach(port);
    return filled;
}

static void test_filled(void **state)
{
    static const struct fake_options prompt = { 0 };
    struct desk *d = *state;
    struct fake_store *s = fake_store_new(&prompt);
    struct store_attach attach = { 0 };
    struct store_port *port;
    struct berth_record rec = { .kind = BERTH_KIND_SETTING,
                                .key = BERTH_STR(SETTING_ID_SCOPE),
                                .name = BERTH_STR("0ne00112233"),
                                .body = BERTH_STR("{}") };
    size_t policies;

    assert_int_equal(fill(d, s, &prompt), -1); /* a store without an ID scope is none of ours */
    assert_int_equal(fake_store_attach(s, &attach, &port), BERTH_OK);
    put(s, port, &rec);
    for (int i = 0; i < MANY; i++) { /* more than one reply can hold */
        char id[16];
        (void)snprintf(id, sizeof id, "G-%d", i);
        rec = group_record(id, 'k', "");
        put(s, port, &rec);
    }
    rec = hub_record("a.example", "{\"weight\":2}");
    put(s, port, &rec);
    for (int i = 0; i < MANY; i++) { /* the page's end lies within a hub */
        char name[16];
        (void)snprintf(name, sizeof name, "p-%d", i);
        rec = policy_record(i % 2 == 0 ? "a.example" : "b.example", name, 'k');
        put(s, port, &rec);
    }
    store_detach(port);
    assert_int_equal(fill(d, s, &(struct fake_options){ .fail_percent = 100 }), -1);
    assert_int_equal(fill(d, s, &(struct fake_options){ .seed = 1, .delay_max = 3 }), 1);
    assert_true(berth_str_eq(catalog_view(d->catalog)->id_scope, BERTH_STR("0ne00112233")));
    assert_int_equal(catalog_view(d->catalog)->group_count, MANY);
    assert_int_equal(catalog_view(d->catalog)->hubs[0].weight, 2);
    (void)catalog_policies(d->catalog, BERTH_STR("a.example"), &policies);
    assert_int_equal(policies, (MANY + 1) / 2);
    (void)catalog_policies(d->catalog, BERTH_STR("b.example"), &policies);
    assert_int_equal(policies, MANY / 2);
    fake_store_free(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_groups), TEST(test_damaged_group), TEST(test_group_with_much_to_decode),
        TEST(test_hubs),   TEST(test_hub_of_a_host), TEST(test_policies),
        TEST(test_filled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
