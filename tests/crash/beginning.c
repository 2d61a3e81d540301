#include "tests/crash/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/sqlite/seal.h"
#include "tests/store/fixture_v1.h"
#include "tests/store/opened.h"

#define MOVERS 6
#define NEVER  ",\"reprovisionPolicy\":{\"updateHubAssignment\":false,\"migrateDeviceData\":false}"
#define KEYS(key)                                                                                  \
    "\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":{\"primaryKey\":\"" key           \
    "\",\"secondaryKey\":\"" key "\"}}"

static void must_put(struct world *w, const char *path, const char *id, const char *body)
{
    char line[64];

    (void)snprintf(line, sizeof line, "PUT /%s/%s", path, id);
    MUST(rig_ask(w->rig, &(struct rig_request){ .line = line, .body = body })->status == 200);
}

static void put_enrollments(struct world *w)
{
    char id[16], body[512];

    must_put(w, "enrollmentGroups", WORLD_STICKY,
             "{\"enrollmentGroupId\":\"" WORLD_STICKY "\"," KEYS(WORLD_KEY_STICKY) NEVER "}");
    for (unsigned i = 0; i < STORY_CHANGES_MAX; i++) {
        bool group = scenario_change_is_group(i);
        scenario_change_id(SCENARIO_UPDATE, i, id);
        (void)snprintf(body, sizeof body, "{\"%s\":\"%s\"," KEYS(WORLD_KEY_A) "}",
                       group ? "enrollmentGroupId" : "registrationId", id);
        must_put(w, group ? "enrollmentGroups" : "enrollments", id, body);
    }
}

static void register_movers(struct world *w)
{
    char id[16];

    must_put(w, "enrollmentGroups", WORLD_MOVERS,
             "{\"enrollmentGroupId\":\"" WORLD_MOVERS "\"," KEYS(WORLD_KEY_MOVERS) "}");
    for (unsigned i = 0; i < MOVERS; i++) {
        (void)snprintf(id, sizeof id, "m-%u", i);
        (void)world_device(w->story, id, true);
    }
    (void)world_ask(w, 0, MOVERS, NULL);
    MUST(w->story->problem[0] == '\0' && w->story->refused == 0);
}

/* What was told then lies before every step. */
static void settle(struct story *s)
{
    for (unsigned i = 0; i < s->device_count; i++) {
        struct turn *t = &s->devices[i].turns[0];
        MUST(t->told != STORY_NEVER);
        t->asked = t->told = 0;
    }
}

static void take(const struct scratch *dir, const struct story *story, struct beginning *out)
{
    fault_image_load(dir->path, &out->image);
    out->story = *story;
}

static void make_filled(struct beginning list[SCENARIO_COUNT])
{
    struct story story = { 0 };
    struct scratch dir;
    struct world w = { .story = &story, .directory = dir.path };

    scratch_make(&dir);
    MUST(world_open(&w, true));
    register_movers(&w);
    put_enrollments(&w);
    world_close(&w);
    settle(&story);
    for (int s = SCENARIO_REGISTRATION; s <= SCENARIO_REGENERATE; s++)
        if (s != SCENARIO_MOVE)
            take(&dir, &story, &list[s]);
    MUST(world_open(&w, false));
    world_close_hub(&w);
    world_close(&w);
    take(&dir, &story, &list[SCENARIO_MOVE]);
    scratch_remove(&dir);
}

static void make_legacy(struct beginning *out)
{
    struct story story = { 0 };
    uint8_t key[SEAL_KEY_SIZE];
    struct scratch dir;
    char sql[512];

    scratch_make(&dir);
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    scratch_write(scratch_file(&dir, "store.key"), key, sizeof key);
    for (size_t i = 0; i < sizeof fixture_v1 / sizeof *fixture_v1; i++)
        opened_sql(&dir, fixture_v1[i]);
    (void)snprintf(sql, sizeof sql,
                   "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i<%d)"
                   " INSERT INTO registration SELECT 100+i, '', 'old-'||i, 'Old-'||i,"
                   " 'mylegacydevices', 0, 10, 1, 2, NULL, '{\"number\":'||i||'}' FROM n",
                   SCENARIO_LEGACY - 1);
    opened_sql(&dir, sql);
    take(&dir, &story, out);
    scratch_remove(&dir);
}

/* In the midst of registrations the power goes, right after the last word that somebody was
 * assigned before the WAL is written back. */
static size_t find_cut(void)
{
    size_t at = 0;

    for (size_t i = fault_count(); i-- > 0 && at == 0;)
        if (strcmp(fault_event(i)->step, "tell assigned") == 0)
            at = i + 1;
    MUST(at > 0);
    return at;
}

static void forget_later(struct story *s, size_t at)
{
    for (unsigned i = 0; i < s->device_count; i++) {
        struct device_story *d = &s->devices[i];
        for (unsigned k = 0; k < d->count; k++)
            d->turns[k].asked = d->turns[k].told = d->turns[k].told < at ? 0 : STORY_NEVER;
    }
}

static void make_crashed(const struct beginning *from, struct beginning *out)
{
    struct story story = from->story;
    struct scratch dir;
    struct world w = { .story = &story, .directory = dir.path };
    size_t mended;

    scratch_make(&dir);
    fault_image_write(&from->image, dir.path);
    fault_begin(dir.path, NULL, false);
    scenario_run(SCENARIO_REGISTRATION, &w, &mended);
    fault_end();
    fault_image_at(find_cut(), FAULT_CUT_LOST, 1, &out->image);
    forget_later(&story, find_cut());
    out->story = story;
    scratch_remove(&dir);
}

void beginnings_make(struct beginning list[SCENARIO_COUNT])
{
    memset(list, 0, SCENARIO_COUNT * sizeof *list);
    make_filled(list);
    make_legacy(&list[SCENARIO_MIGRATION]);
    make_crashed(&list[SCENARIO_REGISTRATION], &list[SCENARIO_REOPENING]);
}

void beginnings_free(struct beginning list[SCENARIO_COUNT])
{
    for (int s = 0; s < SCENARIO_COUNT; s++)
        fault_image_free(&list[s].image);
}
