#include "tests/crash/oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/b64.h"
#include "hub/device.h"
#include "prov/enrollment.h"
#include "prov/registration.h"
#include "tests/crash/oracle_sql.h"
#include "tests/store/fixture_v1.h"
#include "tests/store/opened.h"

#define ARENA (1024 * 1024)

struct look {
    enum scenario s;
    const struct story *story;
    size_t at;
    struct world w;
    struct door door;
    struct verdict *v;
    struct berth_arena arena;
};

__attribute__((format(printf, 2, 3))) static void blame(struct look *t, const char *format, ...)
{
    va_list args;

    if (t->v->problem[0] != '\0')
        return;
    va_start(args, format);
    (void)vsnprintf(t->v->problem, sizeof t->v->problem, format, args);
    va_end(args);
}

static void promise(struct look *t, bool kept)
{
    t->v->told++;
    t->v->kept += kept;
}

/* The record, decoded by the caller while *A lives; NULL: there is none. */
static const struct berth_record *look_up(struct look *t, enum berth_kind kind, const char *scope,
                                          const char *key, struct answer *a)
{
    door_get(&t->door, kind, scope, key, a);
    if (a->result != STORE_OK)
        blame(t, "%s cannot be read: %s", key, a->problem);
    berth_arena_reset(&t->arena);
    return a->result == STORE_OK && a->count > 0 ? &a->records[0] : NULL;
}

/* ---- devices ---- */

/* That the device is in HUB, once, and opens with the key it has. */
static bool device_is_there(struct look *t, const struct device_story *d, const char *hub)
{
    struct berth_hub_device device;
    struct answer a;
    struct berth_key key;

    const struct berth_record *rec = look_up(t, BERTH_KIND_DEVICE, hub, d->id, &a);
    bool there = rec != NULL;
    if (there && berth_hub_device_decode(rec, &t->arena, &device) != BERTH_OK)
        blame(t, "device %s is damaged", d->id);
    MUST(berth_key_decode(berth_str_of(world_device_key(d)), &key) == BERTH_OK);
    if (there && (device.keys.primary.n != key.n ||
                  memcmp(device.keys.primary.bytes, key.bytes, key.n) != 0))
        blame(t, "device %s has another key", d->id);
    answer_clear(&a);
    return there;
}

static bool is_as_told(struct look *t, const struct device_story *d,
                       const struct berth_registration *r)
{
    const struct turn *told = story_told(d, t->at);

    if (story_in_flight(d, t->at)) /* and what came after may have happened */
        return true;
    return berth_str_eq(r->assigned_hub, berth_str_of(told->hub)) &&
           berth_str_eq(r->operation_id, berth_str_of(told->operation));
}

static void judge_device(struct look *t, const struct device_story *d)
{
    const struct turn *told = story_told(d, t->at);
    struct berth_registration r;
    struct answer a;
    char hub[64];
    bool kept = false;

    const struct berth_record *rec = look_up(t, BERTH_KIND_REGISTRATION, "", d->id, &a);
    if (rec != NULL && berth_registration_decode(rec, &t->arena, &r) != BERTH_OK) {
        blame(t, "the registration of %s is damaged", d->id);
    } else if (rec != NULL) {
        kept = told == NULL || is_as_told(t, d, &r);
        (void)snprintf(hub, sizeof hub, "%.*s", BERTH_STR_ARG(r.assigned_hub));
        if (!device_is_there(t, d, hub))
            blame(t, "%s is registered in %s and not there", d->id, hub);
    }
    answer_clear(&a);
    if (told != NULL)
        promise(t, kept);
}

/* ---- enrollments ---- */

static bool enrollment_is(struct look *t, unsigned i, struct enrollment_state want)
{
    bool group = scenario_change_is_group(i);
    struct berth_enrollment e;
    struct answer a;
    char id[16];
    bool same;

    scenario_change_id(t->s, i, id);
    const struct berth_record *rec =
        look_up(t, group ? BERTH_KIND_GROUP : BERTH_KIND_ENROLLMENT, "", id, &a);
    same = (rec != NULL) == want.there;
    if (rec != NULL && berth_enrollment_decode(rec, &t->arena, &e) != BERTH_OK)
        blame(t, "the enrollment %s is damaged", id);
    else if (rec != NULL)
        same = same && e.enabled == want.enabled && e.keys.primary.n == 32 &&
               e.keys.primary.bytes[0] == (uint8_t)want.key &&
               e.keys.primary.bytes[31] == (uint8_t)want.key;
    answer_clear(&a);
    return same;
}

static void judge_change(struct look *t, unsigned i)
{
    const struct change_story *c = &t->story->changes[i];
    bool after = enrollment_is(t, i, scenario_after(t->s));

    if (c->told < t->at)
        promise(t, after);
    else if (!(after && c->asked < t->at) && !enrollment_is(t, i, scenario_before(t->s)))
        blame(t, "enrollment %u is neither as it was nor as it was to be", i);
}

/* ---- what was there before ---- */

static bool has_secret(struct look *t, enum berth_kind kind, const char *scope, const char *key,
                       const char *secret)
{
    struct answer a;
    const struct berth_record *rec = look_up(t, kind, scope, key, &a);
    bool has = rec != NULL && berth_str_eq(rec->secret, berth_str_of(secret));

    answer_clear(&a);
    return has;
}

static bool is_whole_legacy(struct look *t, int i)
{
    struct answer a;
    char id[16], body[32];

    (void)snprintf(id, sizeof id, "old-%d", i);
    (void)snprintf(body, sizeof body, "{\"number\":%d}", i);
    const struct berth_record *rec = look_up(t, BERTH_KIND_REGISTRATION, "", id, &a);
    bool whole = rec != NULL && berth_str_eq(rec->body, berth_str_of(body));
    answer_clear(&a);
    return whole;
}

static void judge_legacy(struct look *t)
{
    for (int i = 0; i < SCENARIO_LEGACY; i++)
        promise(t, is_whole_legacy(t, i));
    promise(t, has_secret(t, BERTH_KIND_GROUP, "", "mylegacydevices", FIXTURE_V1_GROUP_SECRET));
    promise(t, has_secret(t, BERTH_KIND_DEVICE, "hub.example", "sn-007", FIXTURE_V1_DEVICE_SECRET));
}

static void judge_records(struct look *t)
{
    void *memory = malloc(ARENA);

    MUST(memory != NULL);
    berth_arena_init(&t->arena, memory, ARENA);
    if (t->s == SCENARIO_MIGRATION)
        judge_legacy(t);
    if (t->story->ready < t->at && t->w.bare)
        promise(t, has_secret(t, BERTH_KIND_SETTING, "", SCENARIO_RECORD, SCENARIO_SECRET));
    for (unsigned i = 0; i < t->story->device_count; i++)
        judge_device(t, &t->story->devices[i]);
    for (unsigned i = 0; i < t->story->change_count; i++)
        judge_change(t, i);
    if (!t->w.bare && door_count(&t->door, BERTH_KIND_REGISTRATION, "", -1) !=
                          door_count(&t->door, BERTH_KIND_DEVICE, RIG_HOST, -1) +
                              door_count(&t->door, BERTH_KIND_DEVICE, RIG_HUB, -1))
        blame(t, "there are not as many devices as registrations");
    free(memory);
}

/* ---- and on ---- */

/* The hub that half of them have is closed to new ones: who was told it must come back to it. */
static void register_again(struct look *t)
{
    struct story again = { 0 };

    if (t->story->device_count == 0)
        return;
    t->w.story = &again;
    world_close_hub(&t->w);
    for (unsigned i = 0; i < t->story->device_count; i++)
        (void)world_device(&again, t->story->devices[i].id, t->story->devices[i].mover);
    (void)world_ask(&t->w, 0, again.device_count, NULL);
    for (unsigned i = 0; i < again.device_count; i++) {
        const struct device_story *d = &t->story->devices[i];
        const struct turn *told = story_told(d, t->at), *now = &again.devices[i].turns[0];
        if (now->told == STORY_NEVER)
            blame(t, "%s cannot register again: %s", d->id, again.problem);
        else if (told != NULL && !d->mover && strcmp(now->hub, told->hub) != 0)
            blame(t, "%s was told %s and now %s", d->id, told->hub, now->hub);
    }
}

static unsigned count_told(const struct look *t)
{
    const struct story *s = t->story;
    unsigned told = t->w.bare && s->ready < t->at;

    if (t->s == SCENARIO_MIGRATION)
        told += SCENARIO_LEGACY + 2;
    for (unsigned i = 0; i < s->device_count; i++)
        told += story_told(&s->devices[i], t->at) != NULL;
    for (unsigned i = 0; i < s->change_count; i++)
        told += s->changes[i].told < t->at;
    return told;
}

void oracle_judge(enum scenario s, const struct story *story, size_t at, const char *directory,
                  struct verdict *v)
{
    struct story none = { 0 };
    struct look t = { .s = s, .story = story, .at = at, .v = v };

    t.w = (struct world){ .story = &none,
                          .directory = directory,
                          .bare = s == SCENARIO_FIRST_START || s == SCENARIO_MIGRATION };
    if (!world_open(&t.w, false)) {
        blame(&t, "it does not open again: %s", t.w.problem);
        v->told += count_told(&t); /* none of it is kept */
        return;
    }
    opened_door(&t.door, t.w.store);
    judge_records(&t);
    register_again(&t);
    door_close(&t.door);
    world_close(&t.w);
    oracle_sql(directory, v);
}
