/* Two registrations that stand for one device of a hub: accepted, and never unnoticed. */
#include <string.h>

#include "hub/device.h"
#include "unit/check.h"
#include "unit/rig_world.h"

#define KEYS(one)                                                                                  \
    "\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":{\"primaryKey\":\"" one           \
    "\",\"secondaryKey\":\"" one "\"}}"
#define ENROLLMENT(id, key, more)                                                                  \
    "{\"registrationId\":\"" id "\",\"deviceId\":\"pump\"," KEYS(key) more "}"
#define GROUP(id) "{\"enrollmentGroupId\":\"" id "\"," KEYS(WORLD_GROUP_KEY) "}"
#define KEY_A     WORLD_GROUP_KEY
#define KEY_B     WORLD_OTHER_KEY
#define STATIC_B  ",\"allocationPolicy\":\"static\",\"iotHubs\":[\"hub-b.example\"]"
#define STATIC_A  ",\"allocationPolicy\":\"static\",\"iotHubs\":[\"hub-a.example\"]"
#define MIGRATE   ",\"reprovisionPolicy\":{\"updateHubAssignment\":true,\"migrateDeviceData\":true}"
#define DISABLED  ",\"provisioningStatus\":\"disabled\""

static int set_up(void **state)
{
    static struct world w;

    world_init(&w);
    world_add_hub(&w, "hub-a.example", 1);
    world_add_enrollment(&w, "board-a", ENROLLMENT("board-a", KEY_A, STATIC_A));
    world_add_enrollment(&w, "board-b", ENROLLMENT("board-b", KEY_B, STATIC_A));
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    world_deinit(*state);
    return 0;
}

static bool is(berth_str s, const char *text)
{
    return berth_str_eq(s, berth_str_of(text));
}

static struct berth_hub_device device_in(struct world *w, const char *hub, struct berth_arena *a)
{
    static unsigned char memory[64 * 1024];
    const struct berth_record *rec = world_find(w, BERTH_KIND_DEVICE, hub, "pump");
    struct berth_hub_device d;

    assert_non_null(rec);
    berth_arena_init(a, memory, sizeof memory);
    assert_int_equal(berth_hub_device_decode(rec, a, &d), BERTH_OK);
    return d;
}

/* What the device's record says. OTHER "": nobody. */
static void expect_record(struct world *w, const char *mine, const char *other)
{
    struct berth_arena a;
    struct berth_hub_device d = device_in(w, "hub-a.example", &a);

    assert_true(is(d.registration, mine));
    assert_true(is(d.also_registered, other));
}

/* How a registration ends that was started. */
static void expect_end(struct world_op *o, const char *mine, const char *other, bool changed_hands)
{
    assert_true(o->ended);
    assert_int_equal(o->answer.state.status, BERTH_ASSIGNED);
    assert_true(is(o->answer.state.device_id, "pump"));
    if (other[0] == '\0') {
        assert_int_equal(o->shares, 0);
    } else {
        assert_int_equal(o->shares, 1);
        assert_true(is(o->shared.registration, mine));
        assert_true(is(o->shared.other, other));
        assert_true(is(o->shared.device_id, "pump"));
        assert_true(is(o->shared.hub, "hub-a.example"));
        assert_int_equal(o->shared.changed_hands, changed_hands);
    }
    world_end(o);
}

static void register_as(struct world *w, const char *id, const char *key, const char *other,
                        bool changed_hands)
{
    struct world_op o;

    (void)world_register(w, &o, id, key);
    expect_end(&o, id, other, changed_hands);
}

static void drop(struct world *w, enum berth_kind kind, const char *key)
{
    struct berth_change c = { .type = BERTH_DELETE, .expect = BERTH_PRESENT };

    c.rec.kind = kind;
    c.rec.scope = BERTH_STR("");
    c.rec.key = berth_str_of(key);
    assert_int_equal(world_commit(w, &c, 1), BERTH_OK);
}

static void test_two_enrollments_one_device(void **state)
{
    struct world *w = *state;
    uint64_t version;

    register_as(w, "board-a", KEY_A, "", false);
    expect_record(w, "board-a", "");
    register_as(w, "board-b", KEY_B, "board-a", true);
    expect_record(w, "board-b", "board-a");
    version = world_find(w, BERTH_KIND_DEVICE, "hub-a.example", "pump")->version;
    register_as(w, "board-b", KEY_B, "board-a", false); /* told of again, and not written again */
    assert_int_equal(world_find(w, BERTH_KIND_DEVICE, "hub-a.example", "pump")->version, version);
    register_as(w, "board-a", KEY_A, "board-b", true);
    expect_record(w, "board-a", "board-b");
    assert_int_equal(world_count(w, BERTH_KIND_DEVICE), 1);
}

static void test_a_groups_device_and_an_enrollment(void **state)
{
    struct world *w = *state;
    struct world_op o;

    world_add_group(w, "g", GROUP("g"));
    (void)world_register(w, &o, "pump", world_derive(w, WORLD_GROUP_KEY, "pump"));
    expect_end(&o, "pump", "", false);
    register_as(w, "board-b", KEY_B, "pump", true);
    expect_record(w, "board-b", "pump");
    (void)world_register(w, &o, "pump", world_derive(w, WORLD_GROUP_KEY, "pump"));
    expect_end(&o, "pump", "board-b", true);
}

static void test_case_makes_no_other(void **state)
{
    struct world *w = *state;
    struct world_op o;

    register_as(w, "board-a", KEY_A, "", false);
    (void)world_register(w, &o, "Board-A", KEY_A);
    expect_end(&o, "", "", false);
    expect_record(w, "board-a", "");
}

/* As a version before this one left it. */
static void test_a_record_that_names_nobody(void **state)
{
    struct world *w = *state;
    struct berth_change c = { .type = BERTH_PUT, .expect = BERTH_PRESENT };
    struct berth_hub_device d;
    struct berth_arena a;

    register_as(w, "board-a", KEY_A, "", false);
    d = device_in(w, "hub-a.example", &a);
    d.registration = (berth_str){ 0 };
    assert_int_equal(berth_hub_device_encode(&d, &a, &c.rec), BERTH_OK);
    assert_null(memmem(c.rec.body.p, c.rec.body.n, "egistr", 6));
    assert_int_equal(world_commit(w, &c, 1), BERTH_OK);
    register_as(w, "board-b", KEY_B, "", false); /* unknown is no reason to warn */
    expect_record(w, "board-b", "");
    register_as(w, "board-a", KEY_A, "board-b", true); /* from now on it is known */
}

/* A board was replaced on purpose: what shows that the old one will not come back. */
static void test_replaced_on_purpose(void **state)
{
    struct world *w = *state;

    register_as(w, "board-a", KEY_A, "", false);
    drop(w, BERTH_KIND_REGISTRATION, "board-a");
    register_as(w, "board-b", KEY_B, "", false);
    expect_record(w, "board-b", "");
    drop(w, BERTH_KIND_ENROLLMENT, "board-b");
    register_as(w, "board-a", KEY_A, "", false);
    expect_record(w, "board-a", "");
}

static void test_a_disabled_enrollment_does_not_stand(void **state)
{
    struct world *w = *state;

    register_as(w, "board-a", KEY_A, "", false);
    register_as(w, "board-b", KEY_B, "board-a", true);
    world_add_enrollment(w, "board-a", ENROLLMENT("board-a", KEY_A, STATIC_A DISABLED));
    register_as(w, "board-b", KEY_B, "", false);
    expect_record(w, "board-b", ""); /* it is over, and the record says so */
}

static void test_another_hub_is_another_device(void **state)
{
    struct world *w = *state;
    struct world_op o;

    world_add_hub(w, "hub-b.example", 1);
    world_add_enrollment(w, "board-b", ENROLLMENT("board-b", KEY_B, STATIC_B));
    register_as(w, "board-a", KEY_A, "", false);
    (void)world_register(w, &o, "board-b", KEY_B);
    expect_end(&o, "", "", false);
    assert_int_equal(world_count(w, BERTH_KIND_DEVICE), 2);
}

/* Whoever moves to another hub takes with it what is its own. */
static void test_a_device_that_was_taken_is_not_moved(void **state)
{
    struct world *w = *state;
    struct berth_arena a;

    world_add_hub(w, "hub-b.example", 1);
    register_as(w, "board-a", KEY_A, "", false);
    register_as(w, "board-b", KEY_B, "board-a", true);
    world_add_enrollment(w, "board-a", ENROLLMENT("board-a", KEY_A, STATIC_B MIGRATE));
    register_as(w, "board-a", KEY_A, "", false);
    assert_true(is(device_in(w, "hub-b.example", &a).registration, "board-a"));
    expect_record(w, "board-b", "board-a");      /* still there */
    register_as(w, "board-b", KEY_B, "", false); /* and alone again */
    expect_record(w, "board-b", "");
}

static void test_two_at_once(void **state)
{
    struct world *w = *state;
    struct world_op a, b;

    world_start(w, &a, "board-a", KEY_A, NULL);
    world_run(&a, true);
    world_start(w, &b, "board-b", KEY_B, NULL);
    world_run(&b, true);
    assert_true(world_apply(&a));
    world_run(&a, false);
    assert_false(world_apply(&b));
    world_run(&b, false);
    expect_end(&a, "board-a", "", false);
    expect_end(&b, "board-b", "board-a", true);
}

/* The other one comes back between decision and commit, with nothing to write into the device. */
static void test_the_other_comes_back_meanwhile(void **state)
{
    struct world *w = *state;
    struct world_op b;

    register_as(w, "board-a", KEY_A, "", false);
    drop(w, BERTH_KIND_REGISTRATION, "board-a");
    world_start(w, &b, "board-b", KEY_B, NULL);
    world_run(&b, true);
    register_as(w, "board-a", KEY_A, "", false);
    assert_false(world_apply(&b));
    world_run(&b, false);
    expect_end(&b, "board-b", "board-a", true);
}

/* The same when it only was the registration's record that came back. */
static void test_the_others_record_is_checked(void **state)
{
    struct world *w = *state;
    const struct berth_change *c;
    struct world_op b;

    register_as(w, "board-a", KEY_A, "", false);
    world_start(w, &b, "board-b", KEY_B, NULL);
    world_run(&b, true);
    c = &b.actions.list[0].changes[4];
    assert_int_equal(c->type, BERTH_CHECK);
    assert_int_equal(c->rec.kind, BERTH_KIND_REGISTRATION);
    assert_true(is(c->rec.key, "board-a"));
    assert_int_equal(c->expect, world_find(w, BERTH_KIND_REGISTRATION, "", "board-a")->version);
    world_run(&b, false);
    expect_end(&b, "board-b", "board-a", true);
}

static void test_changed_hands_between_two_reads(void **state)
{
    struct world *w = *state;
    const struct berth_action *act;
    struct world_op b;

    world_add_enrollment(w, "board-c", ENROLLMENT("board-c", KEY_A, STATIC_A));
    register_as(w, "board-a", KEY_A, "", false);
    world_start(w, &b, "board-b", KEY_B, NULL);
    act = &b.actions.list[0];
    berth_operation_step(
        &b.op,
        &(struct berth_event){ .type = BERTH_EV_LOADED,
                               .enrollment = world_find(w, BERTH_KIND_ENROLLMENT, "", "board-b") },
        &w->catalog, w->now_ms, &b.actions);
    berth_operation_step(
        &b.op,
        &(struct berth_event){ .type = BERTH_EV_DEVICES,
                               .device_there =
                                   world_find(w, BERTH_KIND_DEVICE, "hub-a.example", "pump") },
        &w->catalog, w->now_ms, &b.actions);
    assert_int_equal(act->type, BERTH_DO_LOAD_DEVICES);
    assert_true(is(act->other, "board-a"));
    register_as(w, "board-c", KEY_A, "board-a", true);
    world_run(&b, false);
    expect_end(&b, "board-b", "board-c", true);
}

/* A device that was told "assigning" for want of time shares no less. */
static void test_after_the_deadline(void **state)
{
    struct world *w = *state;
    struct world_op b;

    register_as(w, "board-a", KEY_A, "", false);
    world_start(w, &b, "board-b", KEY_B, NULL);
    world_run(&b, true);
    {
        struct berth_actions commit = b.actions;
        world_event(&b, BERTH_EV_DEADLINE);
        b.answer = b.actions.list[0].answer;
        b.actions = commit;
    }
    assert_int_equal(b.answer.state.status, BERTH_ASSIGNING);
    assert_true(world_apply(&b));
    world_run(&b, false);
    assert_int_equal(b.shares, 1);
    assert_int_equal(b.answers, 0); /* no second one */
    world_end(&b);
}

static void test_damaged_record_of_the_other(void **state)
{
    struct world *w = *state;
    struct berth_change c = { .type = BERTH_PUT,
                              .expect = BERTH_PRESENT,
                              .rec = { .kind = BERTH_KIND_REGISTRATION,
                                       .scope = BERTH_STR(""),
                                       .key = BERTH_STR("board-a"),
                                       .name = BERTH_STR("board-a"),
                                       .body = BERTH_STR("{}") } };
    struct world_op b;

    register_as(w, "board-a", KEY_A, "", false);
    assert_int_equal(world_commit(w, &c, 1), BERTH_OK);
    assert_int_equal(world_register(w, &b, "board-b", KEY_B)->reason, BERTH_WHY_RECORD_DAMAGED);
    world_end(&b);
}

#define ROW(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_two_enrollments_one_device),
        ROW(test_a_groups_device_and_an_enrollment),
        ROW(test_case_makes_no_other),
        ROW(test_a_record_that_names_nobody),
        ROW(test_replaced_on_purpose),
        ROW(test_a_disabled_enrollment_does_not_stand),
        ROW(test_another_hub_is_another_device),
        ROW(test_a_device_that_was_taken_is_not_moved),
        ROW(test_two_at_once),
        ROW(test_the_other_comes_back_meanwhile),
        ROW(test_the_others_record_is_checked),
        ROW(test_changed_hands_between_two_reads),
        ROW(test_after_the_deadline),
        ROW(test_damaged_record_of_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
