/* What a registration changes: the commit itself, and what it must not overlook. */
#include "prov/reprovision.h"

#include <stdio.h>
#include <string.h>

#include "unit/check.h"
#include "unit/rig_world.h"

#define KEYS                                                                                       \
    "\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":{\"primaryKey\":"                 \
    "\"" WORLD_GROUP_KEY "\",\"secondaryKey\":\"" WORLD_OTHER_KEY "\"}}"
#define GROUP(more)      "{\"enrollmentGroupId\":\"g\"," KEYS more "}"
#define OTHER(more)      "{\"enrollmentGroupId\":\"h\"," KEYS more "}"
#define INDIVIDUAL(more) "{\"registrationId\":\"" WORLD_ID "\"," KEYS more "}"
#define ON(hub)          ",\"allocationPolicy\":\"static\",\"iotHubs\":[\"" hub "\"]"
#define RESET            ",\"reprovisionPolicy\":{\"updateHubAssignment\":true,\"migrateDeviceData\":false}"

static int set_up(void **state)
{
    static struct world w;

    world_init(&w);
    world_add_hub(&w, "hub-a.example", 1);
    world_add_hub(&w, "hub-b.example", 1);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    world_deinit(*state);
    return 0;
}

static const char *key_of(struct world *w)
{
    return world_derive(w, WORLD_GROUP_KEY, WORLD_ID);
}

static void register_well(struct world *w)
{
    struct world_op o;

    assert_int_equal(world_register(w, &o, WORLD_ID, key_of(w))->reason, BERTH_WHY_NONE);
    assert_int_equal(o.answer.state.status, BERTH_ASSIGNED);
    world_end(&o);
}

/* An individual enrollment that came after the decision stands before the group all the same. */
static void test_individual_enrollment_comes_meanwhile(void **state)
{
    struct world *w = *state;
    struct world_op o;

    world_add_group(w, "g", GROUP(""));
    world_start(w, &o, WORLD_ID, key_of(w), NULL);
    world_run(&o, true);
    world_add_enrollment(w, WORLD_ID, INDIVIDUAL(",\"provisioningStatus\":\"disabled\""));
    assert_false(world_apply(&o));
    world_run(&o, false);
    assert_int_equal(o.answer.reason, BERTH_WHY_SIGNATURE_WRONG);
    assert_int_equal(world_count(w, BERTH_KIND_DEVICE), 0);
    assert_int_equal(world_count(w, BERTH_KIND_REGISTRATION), 0);
    world_end(&o);
}

/* The hub that was chosen is deleted before the commit. */
static void test_hub_goes_meanwhile(void **state)
{
    struct world *w = *state;
    struct world_op o;

    world_add_group(w, "g", GROUP(""));
    world_start(w, &o, WORLD_ID, key_of(w), NULL);
    world_run(&o, true);
    w->catalog.hub_count = 0;
    assert_false(world_apply(&o));
    world_run(&o, false);
    assert_int_equal(o.answer.reason, BERTH_WHY_NO_HUB);
    assert_int_equal(world_count(w, BERTH_KIND_DEVICE), 0);
    world_end(&o);
}

static void test_every_record_read_is_checked(void **state)
{
    static const struct {
        const char *name;
        enum berth_kind kind;
        const char *scope, *key;
    } cases[] = {
        { "the group", BERTH_KIND_GROUP, "", "g" },
        { "the registration", BERTH_KIND_REGISTRATION, "", WORLD_ID },
        { "the device in the hub it leaves", BERTH_KIND_DEVICE, "hub-a.example", WORLD_ID },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct berth_change c = { .type = BERTH_PUT, .expect = BERTH_PRESENT };
        struct world_op o;
        struct world w;
        world_init(&w);
        world_add_hub(&w, "hub-a.example", 1);
        world_add_hub(&w, "hub-b.example", 1);
        world_add_group(&w, "g", GROUP(ON("hub-a.example")));
        register_well(&w);
        world_change_group(&w, "g", GROUP(ON("hub-b.example")));
        world_start(&w, &o, WORLD_ID, key_of(&w), NULL);
        world_run(&o, true);
        CHECK(cases[i].name, o.actions.list[0].change_count == BERTH_MOVE_CHANGES_MAX - 1);
        c.rec = *world_find(&w, cases[i].kind, cases[i].scope, cases[i].key);
        CHECK(cases[i].name, world_commit(&w, &c, 1) == BERTH_OK); /* touched, no more */
        CHECK(cases[i].name, !world_apply(&o));
        world_end(&o);
        world_deinit(&w);
    }
}

/* Whether it is to be written or only stays as it is. */
static void test_the_device_there_is_checked(void **state)
{
    static const char *const policies[] = { "", RESET };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
        struct berth_change c = { .type = BERTH_PUT, .expect = BERTH_PRESENT };
        struct world_op o;
        struct world w;
        char json[1024];
        world_init(&w);
        world_add_hub(&w, "hub-a.example", 1);
        (void)snprintf(json, sizeof json, "%.*s%s}", (int)strlen(GROUP("")) - 1, GROUP(""),
                       policies[i]);
        world_add_group(&w, "g", json);
        register_well(&w);
        world_start(&w, &o, WORLD_ID, key_of(&w), NULL);
        world_run(&o, true);
        c.rec = *world_find(&w, BERTH_KIND_DEVICE, "hub-a.example", WORLD_ID);
        assert_int_equal(world_commit(&w, &c, 1), BERTH_OK);
        assert_false(world_apply(&o));
        world_end(&o);
        world_deinit(&w);
    }
}

/* Records are lent for the event alone: the commit must not look at them. */
static void test_changes_outlive_the_records(void **state)
{
    static const char *const moves[] = { ON("hub-a.example") RESET, ON("hub-b.example") };
    struct world *w = *state;

    world_add_group(w, "g", GROUP(ON("hub-a.example")));
    register_well(w);
    for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
        struct berth_change gone = { .type = BERTH_DELETE, .expect = BERTH_PRESENT };
        const struct berth_action *a;
        struct world_op o;
        char json[1024];
        size_t n = 0;
        (void)snprintf(json, sizeof json, "%.*s%s}", (int)strlen(GROUP("")) - 1, GROUP(""),
                       moves[i]);
        world_change_group(w, "g", json);
        world_start(w, &o, WORLD_ID, key_of(w), NULL);
        world_run(&o, true);
        gone.rec = (struct berth_record){ .kind = BERTH_KIND_DEVICE,
                                          .scope = BERTH_STR("hub-a.example"),
                                          .key = BERTH_STR(WORLD_ID) };
        assert_int_equal(world_commit(w, &gone, 1), BERTH_OK);
        a = &o.actions.list[0];
        for (size_t c = 0; c < a->change_count; c++) {
            const struct berth_record *r = &a->changes[c].rec;
            const berth_str texts[] = { r->scope, r->key, r->name, r->owner, r->body, r->secret };
            for (size_t t = 0; t < ARRAY_LEN(texts); t++)
                for (size_t at = 0; at < texts[t].n; at++)
                    n += texts[t].p[at] != '\0'; /* the sanitizer sees memory that is gone */
        }
        assert_true(n > 0);
        world_end(&o);
        register_well(w);
    }
}

static void check_message(struct world *w, enum berth_reason reason, const char *owner)
{
    const struct berth_record *rec = world_find(w, BERTH_KIND_REGISTRATION, "", WORLD_ID);
    const char *peer = berth_reason_row(reason)->peer;

    assert_non_null(rec);
    assert_non_null(memmem(rec->body.p, rec->body.n, peer, strlen(peer)));
    assert_true(berth_str_eq(rec->owner, berth_str_of(owner)));
}

static void expect_failed(struct world *w, enum berth_reason reason, unsigned commits)
{
    unsigned before = w->commits;
    struct world_op o;

    assert_int_equal(world_register(w, &o, WORLD_ID, key_of(w))->reason, reason);
    assert_int_equal(w->commits - before, commits);
    world_end(&o);
    check_message(w, reason, "g");
}

/* Three causes share one error code: the record tells the present one. */
static void test_a_failure_with_another_cause_is_written(void **state)
{
    struct world *w = *state;

    world_add_group(w, "g", GROUP(ON("hub-z.example")));
    expect_failed(w, BERTH_WHY_HUB_NOT_LINKED, 1);
    expect_failed(w, BERTH_WHY_HUB_NOT_LINKED, 0);
    world_change_group(w, "g", GROUP(",\"allocationPolicy\":\"static\""));
    expect_failed(w, BERTH_WHY_STATIC_WITHOUT_HUB, 1);
    expect_failed(w, BERTH_WHY_STATIC_WITHOUT_HUB, 0);
}

static void test_a_failure_through_another_group_is_written(void **state)
{
    struct world *w = *state;
    struct world_op o;

    world_add_group(w, "g", GROUP(",\"provisioningStatus\":\"disabled\""));
    assert_int_equal(world_register(w, &o, WORLD_ID, key_of(w))->reason,
                     BERTH_WHY_ENROLLMENT_DISABLED);
    world_end(&o);
    check_message(w, BERTH_WHY_ENROLLMENT_DISABLED, "g");
    world_add_group(w, "h", OTHER(",\"provisioningStatus\":\"disabled\""));
    w->group_views[0] = w->group_views[1]; /* the first one is gone */
    w->catalog.group_count = 1;
    assert_int_equal(world_register(w, &o, WORLD_ID, key_of(w))->reason,
                     BERTH_WHY_ENROLLMENT_DISABLED);
    world_end(&o);
    check_message(w, BERTH_WHY_ENROLLMENT_DISABLED, "h");
}

static struct berth_hub_device device_in(struct world *w, const char *hub)
{
    static unsigned char memory[256 * 1024];
    const struct berth_record *rec = world_find(w, BERTH_KIND_DEVICE, hub, WORLD_ID);
    struct berth_hub_device d;
    struct berth_arena a;

    assert_non_null(rec);
    berth_arena_init(&a, memory, sizeof memory);
    assert_int_equal(berth_hub_device_decode(rec, &a, &d), BERTH_OK);
    return d;
}

/* A hub's etag covers the capability that a reset may change. */
static void test_reset_of_a_capability_changes_the_etag(void **state)
{
    struct world *w = *state;
    uint64_t before;

    world_add_group(w, "g", GROUP(ON("hub-a.example") RESET));
    register_well(w);
    before = device_in(w, "hub-a.example").identity_revision;
    register_well(w);
    assert_int_equal(device_in(w, "hub-a.example").identity_revision, before);
    world_change_group(w, "g",
                       GROUP(ON("hub-a.example") RESET ",\"capabilities\":{\"iotEdge\":true}"));
    register_well(w);
    assert_int_equal(device_in(w, "hub-a.example").identity_revision, before + 1);
}

/* What an operator made of it in the hub, a registration makes good: it logs in with its own key.
 */
static void test_identity_is_put_right(void **state)
{
    static const struct {
        const char *name;
        enum berth_hub_device_auth auth;
        uint8_t primary_n, secondary_n;
        bool differs; /* in the last byte of the secondary key */
    } rows[] = {
        { "login by certificate", BERTH_AUTH_SELF_SIGNED, 32, 32, false },
        { "a longer primary key", BERTH_AUTH_SAS, 64, 32, false },
        { "a shorter secondary key", BERTH_AUTH_SAS, 32, 16, false },
        { "another secondary key", BERTH_AUTH_SAS, 32, 32, true },
    };
    struct world *w = *state;
    struct berth_hub_device right;

    world_add_group(w, "g", GROUP(ON("hub-a.example")));
    register_well(w);
    right = device_in(w, "hub-a.example");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct berth_change c = { .type = BERTH_PUT, .expect = BERTH_PRESENT };
        struct berth_hub_device d = device_in(w, "hub-a.example");
        static unsigned char memory[64 * 1024];
        struct berth_arena a;

        d.auth = rows[i].auth;
        d.keys.primary.n = rows[i].primary_n;
        d.keys.secondary.n = rows[i].secondary_n;
        d.keys.secondary.bytes[31] ^= rows[i].differs;
        berth_arena_init(&a, memory, sizeof memory);
        CHECK(rows[i].name, berth_hub_device_encode(&d, &a, &c.rec) == BERTH_OK);
        CHECK(rows[i].name, world_commit(w, &c, 1) == BERTH_OK);
        register_well(w);
        d = device_in(w, "hub-a.example");
        CHECK(rows[i].name, d.auth == BERTH_AUTH_SAS);
        CHECK(rows[i].name, d.keys.primary.n == 32 && d.keys.secondary.n == 32);
        CHECK(rows[i].name, memcmp(d.keys.secondary.bytes, right.keys.secondary.bytes, 32) == 0);
    }
}

/* To its new hub a device that moves is a new one, though its twin is not. */
static void test_identity_of_a_device_that_moves(void **state)
{
    struct world *w = *state;
    struct berth_hub_device before, after, back;

    world_add_group(w, "g", GROUP(ON("hub-a.example")));
    register_well(w);
    before = device_in(w, "hub-a.example");
    world_change_group(w, "g", GROUP(ON("hub-b.example")));
    register_well(w);
    after = device_in(w, "hub-b.example");
    assert_true(after.generation != before.generation && after.generation != 0);
    assert_true(after.identity_revision > 1);
    assert_int_equal(after.twin_version, before.twin_version);
    world_change_group(w, "g", GROUP(ON("hub-a.example")));
    register_well(w);
    back = device_in(w, "hub-a.example");
    assert_true(back.generation != before.generation && back.generation != after.generation);
}

/* Something else was changed: the old record is not what this registration was to bring about. */
static void test_stale_without_being_overtaken(void **state)
{
    struct berth_change c = { .type = BERTH_PUT, .expect = BERTH_PRESENT };
    struct world *w = *state;
    struct world_op o;

    world_add_group(w, "g", GROUP(ON("hub-a.example") RESET));
    register_well(w);
    w->now_ms += 1000;
    world_start(w, &o, WORLD_ID, key_of(w), NULL);
    world_run(&o, true);
    c.rec = *world_find(w, BERTH_KIND_DEVICE, "hub-a.example", WORLD_ID);
    assert_int_equal(world_commit(w, &c, 1), BERTH_OK);
    assert_false(world_apply(&o));
    world_run(&o, true);
    assert_false(o.ended); /* wants to commit */
    assert_true(world_apply(&o));
    world_run(&o, false);
    assert_int_equal(o.answer.state.status, BERTH_ASSIGNED);
    assert_int_equal(o.answer.state.updated_ms, w->now_ms);
    world_end(&o);
}

/* The catalog may change between any two events; a view into it does not outlive one. */
static void test_group_changes_between_two_reads(void **state)
{
    struct world *w = *state;
    struct world_op o;

    world_add_group(w, "g", GROUP(""));
    world_start(w, &o, WORLD_ID, key_of(w), NULL);
    world_event(&o, BERTH_EV_LOADED); /* nothing was there */
    assert_int_equal(o.actions.list[0].type, BERTH_DO_LOAD_DEVICES);
    world_change_group(w, "g", GROUP(",\"provisioningStatus\":\"disabled\""));
    world_event(&o, BERTH_EV_DEVICES);
    assert_int_equal(o.actions.list[0].type, BERTH_DO_LOAD);
    world_run(&o, false);
    assert_int_equal(o.answer.reason, BERTH_WHY_ENROLLMENT_DISABLED);
    world_end(&o);
}

static void test_operations_of_the_future(void **state)
{
    static const struct {
        int64_t ahead_ms;
        enum berth_reason want;
    } cases[] = { { 1000, BERTH_WHY_NONE }, { 1001, BERTH_WHY_OPERATION_UNKNOWN } };
    static const uint8_t random[16];
    struct world *w = *state;

    world_add_group(w, "g", GROUP(""));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char id[BERTH_OPERATION_ID_SIZE];
        struct world_op o;
        berth_operation_id_make(id, random, w->now_ms + cases[i].ahead_ms);
        world_start(w, &o, WORLD_ID, key_of(w), id);
        world_run(&o, false);
        assert_int_equal(o.answer.reason, cases[i].want);
        world_end(&o);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_individual_enrollment_comes_meanwhile),
        TEST(test_hub_goes_meanwhile),
        cmocka_unit_test(test_every_record_read_is_checked),
        cmocka_unit_test(test_the_device_there_is_checked),
        TEST(test_changes_outlive_the_records),
        TEST(test_a_failure_with_another_cause_is_written),
        TEST(test_a_failure_through_another_group_is_written),
        TEST(test_reset_of_a_capability_changes_the_etag),
        TEST(test_identity_is_put_right),
        TEST(test_identity_of_a_device_that_moves),
        TEST(test_stale_without_being_overtaken),
        TEST(test_group_changes_between_two_reads),
        TEST(test_operations_of_the_future),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
