/* The registration machine, event by event, over a registry in memory. */
#include "unit/rig_world.h"

#include <stdio.h>
#include <string.h>

#include "hub/device.h"
#include "unit/check.h"
#include "unit/failing_crypto.h"

#define GROUP(id, more)                                                                            \
    "{\"enrollmentGroupId\":\"" id "\",\"attestation\":{\"type\":\"symmetricKey\","                \
    "\"symmetricKey\":{\"primaryKey\":\"" WORLD_GROUP_KEY "\",\"secondaryKey\":\"" WORLD_OTHER_KEY \
    "\"}}" more "}"
#define TWIN                                                                                       \
    ",\"initialTwin\":{\"tags\":{\"site\":\"a\"},\"properties\":{\"desired\":{\"interval\":1.10}}" \
    "}"
#define MIGRATE ",\"reprovisionPolicy\":{\"updateHubAssignment\":true,\"migrateDeviceData\":true}"
#define RESET   ",\"reprovisionPolicy\":{\"updateHubAssignment\":true,\"migrateDeviceData\":false}"
#define NEVER   ",\"reprovisionPolicy\":{\"updateHubAssignment\":false,\"migrateDeviceData\":false}"
#define ON(hub) ",\"allocationPolicy\":\"static\",\"iotHubs\":[\"" hub "\"]"

static int set_up(void **state)
{
    static struct world w;

    world_init(&w);
    world_add_hub(&w, "hub-a.example", 1);
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

static struct berth_hub_device device_of(struct world *w, const char *hub, const char *id)
{
    static unsigned char memory[512 * 1024];
    const struct berth_record *rec = world_find(w, BERTH_KIND_DEVICE, hub, id);
    struct berth_hub_device d;
    struct berth_arena a;

    if (rec == NULL)
        fail_msg("no device %s in %s", id, hub);
    berth_arena_init(&a, memory, sizeof memory);
    assert_int_equal(berth_hub_device_decode(rec, &a, &d), BERTH_OK);
    return d;
}

static const char *group_key_of(struct world *w)
{
    return world_derive(w, WORLD_GROUP_KEY, WORLD_ID);
}

static void expect_assigned(struct world *w, const char *key, const char *hub,
                            enum berth_substatus substatus)
{
    struct world_op o;
    const struct berth_answer *a = world_register(w, &o, WORLD_ID, key);

    assert_int_equal(a->reason, BERTH_WHY_NONE);
    assert_int_equal(a->state.status, BERTH_ASSIGNED);
    assert_int_equal(a->state.substatus, substatus);
    assert_true(is(a->state.assigned_hub, hub));
    assert_true(is(a->state.device_id, WORLD_ID));
    assert_true(a->state.version > 0);
    world_end(&o);
}

static void expect_refused(struct world *w, const char *id, const char *key,
                           enum berth_reason reason)
{
    struct world_op o;
    unsigned commits = w->commits;
    const struct berth_answer *a = world_register(w, &o, id, key);

    assert_int_equal(a->reason, reason);
    assert_int_equal(w->commits, commits);
    world_end(&o);
}

static void test_first_registration(void **state)
{
    struct world *w = *state;
    struct berth_hub_device d;

    world_add_group(w, "mylegacydevices", GROUP("mylegacydevices", TWIN));
    expect_assigned(w, group_key_of(w), "hub-a.example", BERTH_SUB_INITIAL_ASSIGNMENT);
    assert_int_equal(world_count(w, BERTH_KIND_REGISTRATION), 1);
    assert_int_equal(world_count(w, BERTH_KIND_DEVICE), 1);
    d = device_of(w, "hub-a.example", WORLD_ID);
    assert_true(d.enabled);
    assert_true(is(d.tags, "{\"site\":\"a\"}"));
    assert_true(is(d.desired.values, "{\"interval\":1.10}"));
    assert_true(is(world_find(w, BERTH_KIND_REGISTRATION, "", WORLD_ID)->owner, "mylegacydevices"));
}

static void test_secondary_key_and_group_of_mixed_case(void **state)
{
    struct world *w = *state;

    world_add_group(w, "MyGroup", GROUP("MyGroup", ""));
    expect_assigned(w, world_derive(w, WORLD_OTHER_KEY, WORLD_ID), "hub-a.example",
                    BERTH_SUB_INITIAL_ASSIGNMENT);
    assert_true(is(world_find(w, BERTH_KIND_REGISTRATION, "", WORLD_ID)->owner, "mygroup"));
    expect_assigned(w, group_key_of(w), "hub-a.example", BERTH_SUB_INITIAL_ASSIGNMENT);
}

static void test_again_writes_no_device(void **state)
{
    struct world *w = *state;
    uint64_t device_version;

    world_add_group(w, "g", GROUP("g", TWIN));
    expect_assigned(w, group_key_of(w), "hub-a.example", BERTH_SUB_INITIAL_ASSIGNMENT);
    device_version = world_find(w, BERTH_KIND_DEVICE, "hub-a.example", WORLD_ID)->version;
    expect_assigned(w, group_key_of(w), "hub-a.example", BERTH_SUB_INITIAL_ASSIGNMENT);
    assert_int_equal(world_find(w, BERTH_KIND_DEVICE, "hub-a.example", WORLD_ID)->version,
                     device_version);
    assert_int_equal(world_count(w, BERTH_KIND_DEVICE), 1);
}

static void test_refusals(void **state)
{
    struct world *w = *state;

    expect_refused(w, WORLD_ID, WORLD_OTHER_KEY, BERTH_WHY_NOT_ENROLLED);
    world_add_group(w, "g", GROUP("g", ""));
    expect_refused(w, WORLD_ID, NULL, BERTH_WHY_CREDENTIAL_MISSING);
    expect_refused(w, WORLD_ID, WORLD_OTHER_KEY, BERTH_WHY_SIGNATURE_UNKNOWN);
    expect_refused(w, WORLD_ID, WORLD_GROUP_KEY, BERTH_WHY_SIGNATURE_UNKNOWN);
    expect_refused(w, "bad id", WORLD_OTHER_KEY, BERTH_WHY_REGISTRATION_ID_INVALID);
    world_add_enrollment(w, WORLD_ID,
                         "{\"registrationId\":\"" WORLD_ID
                         "\",\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":"
                         "{\"primaryKey\":\"" WORLD_OTHER_KEY
                         "\",\"secondaryKey\":\"" WORLD_OTHER_KEY "\"}}}");
    /* the individual enrollment stands before the group */
    expect_refused(w, WORLD_ID, group_key_of(w), BERTH_WHY_SIGNATURE_WRONG);
    expect_assigned(w, WORLD_OTHER_KEY, "hub-a.example", BERTH_SUB_INITIAL_ASSIGNMENT);
    assert_true(is(world_find(w, BERTH_KIND_REGISTRATION, "", WORLD_ID)->owner, ""));
}

static void test_device_id_of_an_individual_enrollment(void **state)
{
    struct world *w = *state;
    struct world_op o;
    const struct berth_answer *a;

    world_add_enrollment(w, "dev1",
                         "{\"registrationId\":\"dev1\",\"deviceId\":\"Pump#7\",\"attestation\":{"
                         "\"type\":\"symmetricKey\",\"symmetricKey\":{\"primaryKey\":"
                         "\"" WORLD_OTHER_KEY "\",\"secondaryKey\":\"" WORLD_OTHER_KEY "\"}}}");
    a = world_register(w, &o, "dev1", WORLD_OTHER_KEY);
    assert_true(is(a->state.device_id, "Pump#7"));
    world_end(&o);
    (void)device_of(w, "hub-a.example", "Pump#7");
}

static void test_disabled_is_told_and_kept(void **state)
{
    struct world *w = *state;
    struct world_op o;
    const struct berth_answer *a;
    unsigned commits;

    world_add_group(w, "g", GROUP("g", ",\"provisioningStatus\":\"disabled\""));
    a = world_register(w, &o, WORLD_ID, group_key_of(w));
    assert_int_equal(a->reason, BERTH_WHY_ENROLLMENT_DISABLED);
    assert_int_equal(a->state.status, BERTH_DISABLED);
    world_end(&o);
    assert_int_equal(world_count(w, BERTH_KIND_DEVICE), 0);
    commits = w->commits; /* asking again costs no write */
    a = world_register(w, &o, WORLD_ID, group_key_of(w));
    assert_int_equal(a->reason, BERTH_WHY_ENROLLMENT_DISABLED);
    world_end(&o);
    assert_int_equal(w->commits, commits);
    world_change_group(w, "g", GROUP("g", ""));
    expect_assigned(w, group_key_of(w), "hub-a.example", BERTH_SUB_INITIAL_ASSIGNMENT);
}

static void test_allocation_failures(void **state)
{
    static const struct {
        const char *name, *more;
        enum berth_reason reason;
    } cases[] = {
        { "static without a hub", ",\"allocationPolicy\":\"static\"",
          BERTH_WHY_STATIC_WITHOUT_HUB },
        { "static with two",
          ",\"allocationPolicy\":\"static\",\"iotHubs\":[\"hub-a.example\",\"b\"]",
          BERTH_WHY_STATIC_WITHOUT_HUB },
        { "a hub that is not linked", ON("hub-z.example"), BERTH_WHY_HUB_NOT_LINKED },
        { "hashed over one that is not linked", ",\"iotHubs\":[\"hub-z.example\"]",
          BERTH_WHY_HUB_NOT_LINKED },
        { "custom",
          ",\"allocationPolicy\":\"custom\",\"customAllocationDefinition\":{\"webhookUrl\":"
          "\"https://x\",\"apiVersion\":\"2019-03-31\"}",
          BERTH_WHY_CUSTOM_ALLOCATION },
    };
    struct world *w = *state;

    world_add_group(w, "g", GROUP("g", ""));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char json[2048];
        struct world_op o;
        const struct berth_answer *a;
        (void)snprintf(json, sizeof json, "%.*s%s}", (int)strlen(GROUP("g", "")) - 1,
                       GROUP("g", ""), cases[i].more);
        world_change_group(w, "g", json);
        a = world_register(w, &o, WORLD_ID, group_key_of(w));
        CHECK(cases[i].name, a->reason == cases[i].reason);
        CHECK(cases[i].name, a->state.status == BERTH_FAILED);
        CHECK(cases[i].name, a->state.error_code == berth_reason_row(cases[i].reason)->code);
        world_end(&o);
    }
    w->hubs[0].takes_devices = false;
    world_change_group(w, "g", GROUP("g", ""));
    {
        struct world_op o;
        assert_int_equal(world_register(w, &o, WORLD_ID, group_key_of(w))->reason,
                         BERTH_WHY_NO_HUB);
        world_end(&o);
    }
}

static void edit_twin(struct world *w, const char *hub, const char *patch)
{
    static unsigned char memory[512 * 1024];
    struct berth_hub_device d = device_of(w, hub, WORLD_ID);
    struct berth_change c = { .type = BERTH_PUT, .expect = d.version };
    struct berth_refusal why;
    struct berth_arena a;

    berth_arena_init(&a, memory, sizeof memory);
    assert_int_equal(berth_twin_update(&d, berth_str_of(patch), false, w->now_ms, &a, &why),
                     BERTH_OK);
    assert_int_equal(berth_hub_device_encode(&d, &a, &c.rec), BERTH_OK);
    assert_int_equal(world_commit(w, &c, 1), BERTH_OK);
}

static void test_reprovisioning(void **state)
{
    static const struct {
        const char *name, *policy, *hub, *tags;
        enum berth_substatus substatus;
    } cases[] = {
        { "migrate", TWIN MIGRATE ON("hub-b.example"), "hub-b.example",
          "{\"site\":\"a\",\"edited\":true}", BERTH_SUB_DEVICE_DATA_MIGRATED },
        { "reset", TWIN RESET ON("hub-b.example"), "hub-b.example", "{\"site\":\"a\"}",
          BERTH_SUB_DEVICE_DATA_RESET },
        { "never", TWIN NEVER ON("hub-b.example"), "hub-a.example",
          "{\"site\":\"a\",\"edited\":true}", BERTH_SUB_INITIAL_ASSIGNMENT },
        { "same hub, migrate", TWIN MIGRATE ON("hub-a.example"), "hub-a.example",
          "{\"site\":\"a\",\"edited\":true}", BERTH_SUB_INITIAL_ASSIGNMENT },
        { "same hub, reset", TWIN RESET ON("hub-a.example"), "hub-a.example", "{\"site\":\"a\"}",
          BERTH_SUB_DEVICE_DATA_RESET },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        char json[4096];
        struct berth_hub_device d;
        world_init(&w);
        world_add_hub(&w, "hub-a.example", 1);
        world_add_hub(&w, "hub-b.example", 1);
        world_add_group(&w, "g", GROUP("g", TWIN ON("hub-a.example")));
        expect_assigned(&w, group_key_of(&w), "hub-a.example", BERTH_SUB_INITIAL_ASSIGNMENT);
        edit_twin(&w, "hub-a.example", "{\"tags\":{\"edited\":true}}");
        (void)snprintf(json, sizeof json, "%.*s%s}", (int)strlen(GROUP("g", "")) - 1,
                       GROUP("g", ""), cases[i].policy);
        world_change_group(&w, "g", json);
        expect_assigned(&w, group_key_of(&w), cases[i].hub, cases[i].substatus);
        CHECK(cases[i].name, world_count(&w, BERTH_KIND_DEVICE) == 1);
        CHECK(cases[i].name, world_count(&w, BERTH_KIND_REGISTRATION) == 1);
        d = device_of(&w, cases[i].hub, WORLD_ID);
        if (!is(d.tags, cases[i].tags))
            fail_msg("%s: tags %.*s", cases[i].name, BERTH_STR_ARG(d.tags));
        world_deinit(&w);
    }
}

static void test_record_deleted_device_kept(void **state)
{
    struct world *w = *state;
    struct berth_change c = { .type = BERTH_DELETE, .expect = BERTH_PRESENT };

    world_add_group(w, "g", GROUP("g", TWIN));
    expect_assigned(w, group_key_of(w), "hub-a.example", BERTH_SUB_INITIAL_ASSIGNMENT);
    edit_twin(w, "hub-a.example", "{\"tags\":{\"edited\":true}}");
    c.rec = (struct berth_record){ .kind = BERTH_KIND_REGISTRATION,
                                   .scope = BERTH_STR(""),
                                   .key = BERTH_STR(WORLD_ID) };
    assert_int_equal(world_commit(w, &c, 1), BERTH_OK);
    expect_assigned(w, group_key_of(w), "hub-a.example", BERTH_SUB_REPROVISIONED_TO_INITIAL);
    assert_true(
        is(device_of(w, "hub-a.example", WORLD_ID).tags, "{\"site\":\"a\",\"edited\":true}"));
}

static void test_device_deleted_record_kept(void **state)
{
    struct world *w = *state;
    struct berth_change c = { .type = BERTH_DELETE, .expect = BERTH_PRESENT };

    world_add_group(w, "g", GROUP("g", ""));
    expect_assigned(w, group_key_of(w), "hub-a.example", BERTH_SUB_INITIAL_ASSIGNMENT);
    c.rec = (struct berth_record){ .kind = BERTH_KIND_DEVICE,
                                   .scope = BERTH_STR("hub-a.example"),
                                   .key = BERTH_STR(WORLD_ID) };
    assert_int_equal(world_commit(w, &c, 1), BERTH_OK);
    expect_assigned(w, group_key_of(w), "hub-a.example", BERTH_SUB_INITIAL_ASSIGNMENT);
    (void)device_of(w, "hub-a.example", WORLD_ID);
}

/* ---- stale decisions ---- */

static void test_two_deciders_one_record(void **state)
{
    struct world *w = *state;
    struct world_op one, two;

    world_add_hub(w, "hub-b.example", 1);
    world_add_group(w, "g", GROUP("g", ""));
    world_start(w, &one, WORLD_ID, group_key_of(w), NULL);
    world_start(w, &two, WORLD_ID, group_key_of(w), NULL);
    world_run(&one, true);
    world_run(&two, true);
    assert_true(world_apply(&one));
    assert_false(world_apply(&two)); /* decided on what is no longer true */
    world_run(&one, false);
    world_run(&two, false);
    assert_int_equal(one.answer.state.status, BERTH_ASSIGNED);
    assert_int_equal(two.answer.state.status, BERTH_ASSIGNED);
    assert_true(berth_str_eq(one.answer.state.assigned_hub, two.answer.state.assigned_hub));
    assert_int_equal(world_count(w, BERTH_KIND_REGISTRATION), 1);
    assert_int_equal(world_count(w, BERTH_KIND_DEVICE), 1);
    world_end(&one);
    world_end(&two);
}

/* However many register one device at once, one writes. */
static void test_overtaken_registrations_tell_the_winner(void **state)
{
    enum { MANY = 2 * BERTH_OPERATION_TRIES_MAX };
    struct world *w = *state;
    struct world_op ops[MANY];

    world_add_group(w, "g", GROUP("g", ""));
    w->now_ms += 1000;
    for (size_t i = 0; i < MANY; i++) {
        world_start(w, &ops[i], WORLD_ID, group_key_of(w), NULL);
        world_run(&ops[i], true);
    }
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(world_apply(&ops[i]), i == 0);
    for (size_t i = 0; i < MANY; i++) {
        world_run(&ops[i], true);
        assert_true(ops[i].ended);
        assert_int_equal(ops[i].answer.reason, BERTH_WHY_NONE);
        assert_int_equal(ops[i].answer.state.status, BERTH_ASSIGNED);
        assert_int_equal(ops[i].answer.state.version, ops[0].answer.state.version);
        world_end(&ops[i]);
    }
    assert_int_equal(w->commits, 2); /* the group's, the winner's */
}

/* What was decided before the enrollment changed is no answer after it. */
static void test_overtaken_but_changed_decides_again(void **state)
{
    struct world *w = *state;
    struct world_op one, two;

    world_add_group(w, "g", GROUP("g", ""));
    w->now_ms += 1000;
    world_start(w, &one, WORLD_ID, group_key_of(w), NULL);
    world_start(w, &two, WORLD_ID, group_key_of(w), NULL);
    world_run(&one, true);
    world_run(&two, true);
    assert_true(world_apply(&one));
    assert_false(world_apply(&two));
    world_change_group(w, "g", GROUP("g", ""));
    world_run(&two, true);
    assert_false(two.ended); /* wants to commit */
    world_end(&one);
    world_end(&two);
}

/* An operator who enabled the group is not answered by a "disabled" that was decided before. */
static void test_enabled_between_decision_and_commit(void **state)
{
    struct world *w = *state;
    struct world_op o;

    world_add_group(w, "g", GROUP("g", ",\"provisioningStatus\":\"disabled\""));
    world_start(w, &o, WORLD_ID, group_key_of(w), NULL);
    world_run(&o, true);
    world_change_group(w, "g", GROUP("g", ""));
    assert_false(world_apply(&o));
    world_run(&o, false);
    assert_int_equal(o.answer.reason, BERTH_WHY_NONE);
    assert_int_equal(o.answer.state.status, BERTH_ASSIGNED);
    world_end(&o);
}

static void test_group_changed_between_decision_and_commit(void **state)
{
    struct world *w = *state;
    struct world_op o;

    world_add_group(w, "g", GROUP("g", ""));
    world_start(w, &o, WORLD_ID, group_key_of(w), NULL);
    world_run(&o, true);
    world_change_group(w, "g", GROUP("g", ",\"provisioningStatus\":\"disabled\""));
    assert_false(world_apply(&o));
    world_run(&o, false);
    assert_int_equal(o.answer.reason, BERTH_WHY_ENROLLMENT_DISABLED);
    assert_int_equal(world_count(w, BERTH_KIND_DEVICE), 0);
    world_end(&o);
}

static void test_always_stale_gives_up(void **state)
{
    struct world *w = *state;
    struct world_op o;
    int tries = 0;

    world_add_group(w, "g", GROUP("g", ""));
    world_start(w, &o, WORLD_ID, group_key_of(w), NULL);
    for (; !o.ended && tries <= BERTH_OPERATION_TRIES_MAX; tries++) {
        world_run(&o, true);
        if (!o.ended)
            world_event(&o, BERTH_EV_STALE);
    }
    assert_int_equal(o.answer.reason, BERTH_WHY_CONTENDED);
    assert_int_equal(tries, BERTH_OPERATION_TRIES_MAX + 1);
    assert_int_equal(w->commits, 1); /* the group's */
    world_end(&o);
}

static void test_store_failure_is_told(void **state)
{
    struct world *w = *state;
    struct world_op o;

    world_add_group(w, "g", GROUP("g", ""));
    world_start(w, &o, WORLD_ID, group_key_of(w), NULL);
    world_run(&o, true);
    world_event(&o, BERTH_EV_FAILED);
    world_run(&o, false);
    assert_int_equal(o.answer.reason, BERTH_WHY_STORE_FAILED);
    world_end(&o);
}

/* Replaces the body of a record by what no berth wrote. */
static void damage(struct world *w, enum berth_kind kind, const char *scope, const char *key)
{
    struct berth_change c = { .type = BERTH_PUT, .expect = BERTH_ANY };

    c.rec = *world_find(w, kind, scope, key);
    c.rec.body = BERTH_STR("{\"status\":");
    assert_int_equal(world_commit(w, &c, 1), BERTH_OK);
}

static void test_damaged_records_are_told(void **state)
{
    static const struct {
        const char *name;
        enum berth_kind kind;
        const char *scope;
    } cases[] = {
        { "registration", BERTH_KIND_REGISTRATION, "" },
        { "enrollment", BERTH_KIND_ENROLLMENT, "" },
        { "device", BERTH_KIND_DEVICE, "hub-a.example" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        struct world_op o;

        world_init(&w);
        world_add_hub(&w, "hub-a.example", 1);
        world_add_enrollment(&w, WORLD_ID,
                             "{\"registrationId\":\"" WORLD_ID
                             "\",\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":{"
                             "\"primaryKey\":\"" WORLD_OTHER_KEY
                             "\",\"secondaryKey\":\"" WORLD_GROUP_KEY "\"}}}");
        CHECK(cases[i].name,
              world_register(&w, &o, WORLD_ID, WORLD_OTHER_KEY)->reason == BERTH_WHY_NONE);
        world_end(&o);
        damage(&w, cases[i].kind, cases[i].scope, WORLD_ID);
        CHECK(cases[i].name, world_register(&w, &o, WORLD_ID, WORLD_OTHER_KEY)->reason ==
                                 BERTH_WHY_RECORD_DAMAGED);
        world_end(&o);
        world_deinit(&w);
    }
}

static void test_crypto_failure_is_told(void **state)
{
    struct world *w = *state;
    struct failing_crypto f;
    struct world_op o;

    world_add_hub(w, "hub-b.example", 1); /* more than one: they are drawn among */
    world_add_group(w, "g", GROUP("g", ""));
    for (unsigned call = 1; call == 1 || o.answer.reason != BERTH_WHY_NONE; call++) {
        assert_in_range(call, 1, 20);
        world_start(w, &o, WORLD_ID, group_key_of(w), NULL);
        failing_crypto_init(&f, &w->crypto, call);
        o.op.crypto = &f.seam;
        world_run(&o, false);
        assert_int_equal(o.answers, 1);
        assert_true(o.answer.reason == BERTH_WHY_NONE ? call > 3 && w->commits > 0
                                                      : o.answer.reason == BERTH_WHY_CRYPTO_FAILED);
        world_end(&o);
    }
}

static void test_full_arena_is_told(void **state)
{
    struct world *w = *state;
    struct world_op o;

    world_add_group(w, "g", GROUP("g", ""));
    world_start(w, &o, WORLD_ID, group_key_of(w), NULL);
    o.arena.max = o.arena.n;
    world_run(&o, false);
    assert_int_equal(o.answer.reason, BERTH_WHY_INTERNAL);
    world_end(&o);
}

static void test_no_arena_at_all_is_told(void **state)
{
    struct world *w = *state;
    struct berth_registration_request req;
    struct world_op o;

    world_start(w, &o, WORLD_ID, WORLD_OTHER_KEY, NULL);
    req = o.op.req;
    berth_operation_deinit(&o.op);
    berth_arena_init(&o.arena, o.memory, 0);
    berth_operation_init(&o.op, &w->crypto, &req, &o.arena);
    o.actions.count = 0;
    world_event(&o, BERTH_EV_START);
    world_run(&o, false);
    assert_true(o.ended);
    assert_int_equal(o.answer.reason, BERTH_WHY_INTERNAL);
    world_end(&o);
}

/* It happened; who reads of it learns no more of the group than that there was one. */
static void test_group_gone_between_commit_and_answer(void **state)
{
    struct world *w = *state;
    struct world_op o;

    world_add_group(w, "g", GROUP("g", ""));
    world_start(w, &o, WORLD_ID, group_key_of(w), NULL);
    world_run(&o, true);
    w->catalog.group_count = 0;
    assert_true(world_apply(&o));
    world_run(&o, false);
    assert_int_equal(o.answers, 1);
    assert_int_equal(o.answer.state.status, BERTH_ASSIGNED);
    world_end(&o);
}

static void test_nothing_is_told_before_the_commit(void **state)
{
    struct world *w = *state;
    struct world_op o;

    world_add_group(w, "g", GROUP("g", ""));
    world_start(w, &o, WORLD_ID, group_key_of(w), NULL);
    world_run(&o, true);
    assert_int_equal(o.answers, 0);
    assert_int_equal(o.actions.list[0].type, BERTH_DO_COMMIT);
    world_end(&o);
}

/* ---- assigning, polls, deadlines ---- */

static void poll(struct world *w, struct world_op *o, const char *operation_id, const char *key)
{
    world_start(w, o, WORLD_ID, key, operation_id);
    world_run(o, false);
    assert_true(o->ended);
}

static void test_assigning_first(void **state)
{
    struct world *w = *state;
    struct world_op first, second, third;
    const struct berth_answer *a;

    world_add_group(w, "g", GROUP("g", ",\"berth\":{\"assigningFirst\":true}"));
    a = world_register(w, &first, WORLD_ID, group_key_of(w));
    assert_int_equal(a->state.status, BERTH_ASSIGNING);
    assert_int_equal(a->retry_after_s, BERTH_RETRY_AFTER_S);
    assert_int_equal(world_count(w, BERTH_KIND_REGISTRATION), 1); /* the operation is durable */
    assert_int_equal(world_count(w, BERTH_KIND_DEVICE), 0);
    poll(w, &second, first.operation_id, group_key_of(w));
    assert_int_equal(second.answer.state.status, BERTH_ASSIGNED);
    assert_true(is(second.answer.operation_id, first.operation_id));
    poll(w, &third, first.operation_id, group_key_of(w));
    assert_int_equal(third.answer.state.status, BERTH_ASSIGNED);
    assert_int_equal(world_count(w, BERTH_KIND_DEVICE), 1);
    world_end(&first);
    world_end(&second);
    world_end(&third);
}

static void test_poll_needs_the_key_too(void **state)
{
    struct world *w = *state;
    struct world_op first, second;

    world_add_group(w, "g", GROUP("g", ""));
    (void)world_register(w, &first, WORLD_ID, group_key_of(w));
    poll(w, &second, first.operation_id, WORLD_OTHER_KEY);
    assert_int_equal(second.answer.reason, BERTH_WHY_SIGNATURE_UNKNOWN);
    world_end(&first);
    world_end(&second);
}

static void test_poll_of_unknown_operations(void **state)
{
    struct world *w = *state;
    struct world_op first, o;

    world_add_group(w, "g", GROUP("g", ""));
    (void)world_register(w, &first, WORLD_ID, group_key_of(w));
    poll(w, &o, "no-such-operation", group_key_of(w));
    assert_int_equal(o.answer.reason, BERTH_WHY_OPERATION_UNKNOWN);
    world_end(&o);
    w->now_ms += BERTH_OPERATION_LIFE_MS;
    poll(w, &o, first.operation_id, group_key_of(w));
    assert_int_equal(o.answer.reason, BERTH_WHY_NONE); /* at the edge */
    world_end(&o);
    w->now_ms += 1;
    poll(w, &o, first.operation_id, group_key_of(w));
    assert_int_equal(o.answer.reason, BERTH_WHY_OPERATION_UNKNOWN);
    world_end(&o);
    world_end(&first);
}

static void test_lost_operation_is_repaired_by_its_poll(void **state)
{
    struct world *w = *state;
    struct world_op lost, o;

    world_add_group(w, "g", GROUP("g", ""));
    world_start(w, &lost, WORLD_ID, group_key_of(w), NULL);
    world_event(&lost, BERTH_EV_DEADLINE); /* "assigning" was told, then the daemon died */
    assert_int_equal(lost.actions.list[0].type, BERTH_DO_ANSWER);
    assert_int_equal(lost.actions.list[0].answer.state.status, BERTH_ASSIGNING);
    poll(w, &o, lost.operation_id, group_key_of(w));
    assert_int_equal(o.answer.state.status, BERTH_ASSIGNED);
    world_end(&lost);
    world_end(&o);
}

static void test_deadline_answers_once(void **state)
{
    struct world *w = *state;
    struct world_op o;

    world_add_group(w, "g", GROUP("g", ""));
    world_start(w, &o, WORLD_ID, group_key_of(w), NULL);
    world_run(&o, true);
    {
        struct berth_actions held = o.actions;
        world_event(&o, BERTH_EV_DEADLINE);
        assert_int_equal(o.actions.count, 1);
        assert_int_equal(o.actions.list[0].answer.state.status, BERTH_ASSIGNING);
        world_event(&o, BERTH_EV_DEADLINE);
        assert_int_equal(o.actions.count, 0);
        o.actions = held;
    }
    assert_true(world_apply(&o));
    assert_int_equal(o.actions.count, 1); /* the end alone */
    assert_int_equal(o.actions.list[0].type, BERTH_DO_END);
    assert_int_equal(world_count(w, BERTH_KIND_DEVICE), 1);
    world_end(&o);
}

static void test_operation_id(void **state)
{
    static const struct {
        const char *name, *id;
        berth_err want;
    } cases[] = {
        { "one of ours", "5.0000018bcfe56800.00010203-0405-0607-0809-0a0b0c0d0e0f", BERTH_OK },
        { "upper case", "5.0000018BCFE56800.00010203-0405-0607-0809-0a0b0c0d0e0f", BERTH_E_SYNTAX },
        { "other head", "4.0000018bcfe56800.00010203-0405-0607-0809-0a0b0c0d0e0f", BERTH_E_SYNTAX },
        { "one short", "5.0000018bcfe56800.00010203-0405-0607-0809-0a0b0c0d0e0", BERTH_E_SYNTAX },
        { "one long", "5.0000018bcfe56800.00010203-0405-0607-0809-0a0b0c0d0e0f0", BERTH_E_SYNTAX },
        { "negative time", "5.ffffffffffffffff.00010203-0405-0607-0809-0a0b0c0d0e0f",
          BERTH_E_SYNTAX },
        { "empty", "", BERTH_E_SYNTAX },
    };
    char id[BERTH_OPERATION_ID_SIZE];
    uint8_t random[16];
    int64_t ms;

    (void)state;
    for (uint8_t i = 0; i < 16; i++)
        random[i] = i;
    berth_operation_id_make(id, random, WORLD_NOW_MS);
    assert_string_equal(id, cases[0].id);
    assert_int_equal(berth_operation_id_time(berth_str_of(id), &ms), BERTH_OK);
    assert_int_equal(ms, WORLD_NOW_MS);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(cases[i].name,
              berth_operation_id_time(berth_str_of(cases[i].id), &ms) == cases[i].want);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static void test_time_to_wait(void **state)
{
    static const struct {
        const char *name;
        enum berth_reason reason;
        int given, want;
    } cases[] = {
        { "assigned", BERTH_WHY_NONE, 0, 0 },
        { "assigning", BERTH_WHY_NONE, BERTH_RETRY_AFTER_S, BERTH_RETRY_AFTER_S },
        { "a state that is a refusal", BERTH_WHY_ENROLLMENT_DISABLED, 0, 0 },
        { "the device's mistake", BERTH_WHY_SIGNATURE_WRONG, 0, 0 },
        { "too often", BERTH_WHY_THROTTLED_DEVICE, 60, 60 },
        { "the service's want", BERTH_WHY_OVERLOADED, 0, BERTH_RETRY_AFTER_S },
        { "the same with a time of its own", BERTH_WHY_OVERLOADED, 60, 60 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct berth_answer a = { .reason = cases[i].reason, .retry_after_s = cases[i].given };

        CHECK(cases[i].name, berth_answer_wait_s(&a) == cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_to_wait),
        TEST(test_first_registration),
        TEST(test_secondary_key_and_group_of_mixed_case),
        TEST(test_again_writes_no_device),
        TEST(test_refusals),
        TEST(test_device_id_of_an_individual_enrollment),
        TEST(test_disabled_is_told_and_kept),
        TEST(test_allocation_failures),
        cmocka_unit_test(test_reprovisioning),
        TEST(test_record_deleted_device_kept),
        TEST(test_device_deleted_record_kept),
        TEST(test_two_deciders_one_record),
        TEST(test_overtaken_registrations_tell_the_winner),
        TEST(test_overtaken_but_changed_decides_again),
        TEST(test_enabled_between_decision_and_commit),
        TEST(test_group_changed_between_decision_and_commit),
        TEST(test_always_stale_gives_up),
        TEST(test_store_failure_is_told),
        cmocka_unit_test(test_damaged_records_are_told),
        TEST(test_crypto_failure_is_told),
        TEST(test_full_arena_is_told),
        TEST(test_no_arena_at_all_is_told),
        TEST(test_group_gone_between_commit_and_answer),
        TEST(test_nothing_is_told_before_the_commit),
        TEST(test_assigning_first),
        TEST(test_poll_needs_the_key_too),
        TEST(test_poll_of_unknown_operations),
        TEST(test_lost_operation_is_repaired_by_its_poll),
        TEST(test_deadline_answers_once),
        cmocka_unit_test(test_operation_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
