/* The registration machine in arenas of every size: it serves, or it says that it could not. */
#include "unit/rig_world.h"

#include <string.h>

#include "unit/check.h"

#define KEYS                                                                                       \
    "\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":{\"primaryKey\":"                 \
    "\"" WORLD_OTHER_KEY "\",\"secondaryKey\":\"" WORLD_GROUP_KEY "\"}}"
#define ENROLLMENT(id, more) "{\"registrationId\":\"" id "\"," KEYS more "}"
#define TWIN                                                                                       \
    ",\"initialTwin\":{\"tags\":{\"s\":\"\\u0061\"},\"properties\":{\"desired\":{\"i\":1}}}"
#define ON(hub)  ",\"allocationPolicy\":\"static\",\"iotHubs\":[\"" hub "\"]"
#define MIGRATE  ",\"reprovisionPolicy\":{\"updateHubAssignment\":true,\"migrateDeviceData\":true}"
#define DISABLED ",\"provisioningStatus\":\"disabled\""
/* Texts are kept byte by byte, so all their ends are met; a twin is worked on in blocks. */
#define STEP(room) ((room) < 3000 ? 7 : 1999)

static void enroll(struct world *w, const char *id, const char *json)
{
    struct berth_change gone = { .type = BERTH_DELETE, .expect = BERTH_ANY };

    gone.rec = (struct berth_record){ .kind = BERTH_KIND_ENROLLMENT,
                                      .scope = BERTH_STR(""),
                                      .key = berth_str_of(id) };
    assert_int_equal(world_commit(w, &gone, 1), BERTH_OK);
    world_add_enrollment(w, id, json);
}

static void register_well(struct world *w, const char *id)
{
    struct world_op o;

    assert_int_equal(world_register(w, &o, id, WORLD_OTHER_KEY)->reason, BERTH_WHY_NONE);
    world_end(&o);
}

/* What is there when the registration begins. */
static void nothing(struct world *w)
{
    world_add_enrollment(w, WORLD_ID, ENROLLMENT(WORLD_ID, TWIN ON("hub-a.example")));
}

static void by_group(struct world *w)
{
    world_add_group(w, "g", "{\"enrollmentGroupId\":\"g\"," KEYS TWIN "}");
}

static void another_hub(struct world *w)
{
    nothing(w);
    register_well(w, WORLD_ID);
    enroll(w, WORLD_ID, ENROLLMENT(WORLD_ID, TWIN MIGRATE ON("hub-b.example")));
}

static void disabled(struct world *w)
{
    world_add_enrollment(w, WORLD_ID, ENROLLMENT(WORLD_ID, DISABLED));
}

static void shared(struct world *w)
{
    world_add_enrollment(w, "other",
                         ENROLLMENT("other", ",\"deviceId\":\"pump\"" ON("hub-a.example")));
    world_add_enrollment(w, WORLD_ID,
                         ENROLLMENT(WORLD_ID, ",\"deviceId\":\"pump\"" ON("hub-a.example")));
    register_well(w, "other");
}

static const struct {
    const char *name;
    void (*prepare)(struct world *w);
    enum berth_reason want;
    bool grouped;
} scenes[] = {
    { "first registration", nothing, BERTH_WHY_NONE, false },
    { "by a group", by_group, BERTH_WHY_NONE, true },
    { "to another hub", another_hub, BERTH_WHY_NONE, false },
    { "disabled", disabled, BERTH_WHY_ENROLLMENT_DISABLED, false },
    { "a device that another has", shared, BERTH_WHY_NONE, false },
};

/* Registers with ROOM bytes of arena; true when the answer is what a large one gives. */
static bool served_with(size_t i, size_t room)
{
    static struct world w;
    struct world_op o;
    unsigned commits;
    bool served;

    world_init(&w);
    world_add_hub(&w, "hub-a.example", 1);
    world_add_hub(&w, "hub-b.example", 1);
    scenes[i].prepare(&w);
    commits = w.commits;
    world_start(&w, &o, WORLD_ID,
                scenes[i].grouped ? world_derive(&w, WORLD_OTHER_KEY, WORLD_ID) : WORLD_OTHER_KEY,
                NULL);
    if (room < o.arena.max - o.arena.n)
        o.arena.max = o.arena.n + room;
    world_run(&o, false);
    CHECK(scenes[i].name, o.ended && o.answers == 1);
    served = o.answer.reason == scenes[i].want;
    CHECK(scenes[i].name, served || o.answer.reason == BERTH_WHY_INTERNAL);
    CHECK(scenes[i].name, (w.commits > commits) == served);
    world_end(&o);
    world_deinit(&w);
    return served;
}

static void test_every_room(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scenes); i++) {
        size_t room = 0;

        CHECK(scenes[i].name, served_with(i, SIZE_MAX));
        while (!served_with(i, room))
            room += STEP(room);
        CHECK(scenes[i].name, room > 0 && room < BERTH_OPERATION_ARENA);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_room) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
