#include "tests/crash/scenario.h"

#include <stdio.h>
#include <string.h>

#include "tests/store/opened.h"

#define MOVERS  6
#define CHANGES STORY_CHANGES_MAX
#define STICKY  16 /* devices of the registrations */
#define WAVE    8  /* of them at once */

static const char *const texts[] = {
#define X(name, text) [SCENARIO_##name] = (text),
    SCENARIOS(X)
#undef X
};

const char *scenario_text(enum scenario s)
{
    return texts[s];
}

/* ---- changes of enrollments ---- */

bool scenario_has_changes(enum scenario s)
{
    return s == SCENARIO_CREATE || s == SCENARIO_UPDATE || s == SCENARIO_DELETE ||
           s == SCENARIO_REGENERATE;
}

struct enrollment_state scenario_before(enum scenario s)
{
    return (struct enrollment_state){ s != SCENARIO_CREATE, true, 'a' };
}

struct enrollment_state scenario_after(enum scenario s)
{
    return (struct enrollment_state){ s != SCENARIO_DELETE, s != SCENARIO_UPDATE,
                                      s == SCENARIO_REGENERATE ? 'b' : 'a' };
}

bool scenario_change_is_group(unsigned i)
{
    return i % 2 == 0;
}

void scenario_change_id(enum scenario s, unsigned i, char out[16])
{
    (void)snprintf(out, 16, "%s-%u", s == SCENARIO_CREATE ? "new" : "old", i);
}

struct change_request {
    struct rig_request q;
    char line[64], body[512];
};

static void make_change(struct change_request *c, enum scenario s, unsigned i)
{
    bool group = scenario_change_is_group(i);
    struct enrollment_state state = scenario_after(s);
    const char *key = state.key == 'b' ? WORLD_KEY_B : WORLD_KEY_A;
    char id[16];

    *c = (struct change_request){ .q = { .line = c->line } };
    scenario_change_id(s, i, id);
    (void)snprintf(c->line, sizeof c->line, "%s /%s/%s", state.there ? "PUT" : "DELETE",
                   group ? "enrollmentGroups" : "enrollments", id);
    (void)snprintf(c->body, sizeof c->body,
                   "{\"%s\":\"%s\",\"provisioningStatus\":\"%s\",\"attestation\":{\"type\":"
                   "\"symmetricKey\",\"symmetricKey\":{\"primaryKey\":\"%s\",\"secondaryKey\":"
                   "\"%s\"}}}",
                   group ? "enrollmentGroupId" : "registrationId", id,
                   state.enabled ? "enabled" : "disabled", key, WORLD_KEY_A);
    if (state.there)
        c->q.body = c->body;
    if (scenario_before(s).there)
        c->q.headers = "If-Match: *\r\n";
}

/* Change I, with the devices FROM to BELOW in flight around it. */
static void ask_change(struct world *w, enum scenario s, unsigned i, unsigned from, unsigned below)
{
    struct change_story *c = &w->story->changes[i];
    struct change_request r;

    make_change(&r, s, i);
    c->told = STORY_NEVER;
    c->asked = fault_mark("ask for a change");
    const struct rig_answer *a = world_ask(w, from, below, &r.q);
    if (a == NULL)
        return;
    if (a->status == 200 || a->status == 204)
        c->told = fault_mark("tell changed");
    else if (a->why == BERTH_WHY_STORE_FAILED)
        w->story->refused++;
    else
        story_blame(w->story, "%s is answered %d, %s", r.line, a->status,
                    berth_reason_row(a->why)->name);
}

/* ---- what each does ---- */

static unsigned enter_sticky(struct world *w)
{
    unsigned first = w->story->device_count;
    char id[16];

    for (unsigned i = 0; i < STICKY; i++) {
        (void)snprintf(id, sizeof id, "d-%u", i);
        (void)world_device(w->story, id, false);
    }
    return first;
}

static void do_registrations(struct world *w)
{
    unsigned d = enter_sticky(w);

    (void)world_ask(w, d, d + WAVE, NULL);
    world_rest(w);
    (void)world_ask(w, d + WAVE / 2, d + 2 * WAVE, NULL);
}

static void do_moves(struct world *w)
{
    (void)world_ask(w, 0, MOVERS / 2, NULL);
    world_rest(w);
    (void)world_ask(w, MOVERS / 2, MOVERS, NULL);
}

static void do_changes(struct world *w, enum scenario s)
{
    unsigned d = enter_sticky(w);

    w->story->change_count = CHANGES;
    for (unsigned i = 0; i < CHANGES; i++)
        w->story->changes[i] = (struct change_story){ STORY_NEVER, STORY_NEVER };
    for (unsigned i = 0; i < CHANGES; i++) {
        ask_change(w, s, i, d + 2 * i, d + 2 * i + 2);
        if (i == CHANGES / 2)
            world_rest(w);
    }
}

static bool is_answered(const struct device_story *d)
{
    return d->count > 0 && d->turns[d->count - 1].told != STORY_NEVER;
}

/* Everyone who was refused comes again. */
static void ask_again(struct world *w, enum scenario s)
{
    struct story *t = w->story;

    for (unsigned i = 0; i < t->change_count; i++)
        if (t->changes[i].told == STORY_NEVER)
            ask_change(w, s, i, 0, 0);
    for (unsigned i = 0; i < t->device_count; i++)
        if (!is_answered(&t->devices[i]))
            (void)world_ask(w, i, i + 1, NULL);
}

/* One record of the store, for what has no daemon around it. */
static void put_record(struct world *w)
{
    struct berth_change c = change_put(BERTH_KIND_SETTING, "", SCENARIO_RECORD, BERTH_ANY, "{}");
    struct door d;

    c.rec.secret = BERTH_STR(SCENARIO_SECRET);
    if (!opened_door_try(&d, w->store)) {
        w->story->refused++;
        return;
    }
    (void)fault_mark("ask for the commit");
    if (door_commit(&d, &c, 1, 1, NULL) == STORE_OK)
        w->story->ready = fault_mark("tell ready");
    else
        w->story->refused++;
    door_close(&d);
}

static void act(struct world *w, enum scenario s)
{
    if (w->bare) {
        put_record(w);
        return;
    }
    w->story->ready = fault_mark("tell ready");
    if (s == SCENARIO_REGISTRATION)
        do_registrations(w);
    else if (s == SCENARIO_MOVE)
        do_moves(w);
    else if (scenario_has_changes(s))
        do_changes(w, s);
}

static void act_again(struct world *w, enum scenario s)
{
    w->story->refused = 0;
    if (!w->bare)
        ask_again(w, s);
    else if (w->story->ready == STORY_NEVER)
        put_record(w);
    if (w->story->refused > 0)
        story_blame(w->story, "the disk is mended and requests are still refused");
    for (unsigned i = 0; i < w->story->device_count; i++)
        if (!is_answered(&w->story->devices[i]))
            story_blame(w->story, "%s is not assigned though the disk is mended",
                        w->story->devices[i].id);
}

void scenario_run(enum scenario s, struct world *w, size_t *mended)
{
    w->bare = s == SCENARIO_FIRST_START || s == SCENARIO_MIGRATION;
    w->story->ready = STORY_NEVER;
    bool open = world_open(w, false);
    if (open)
        act(w, s);
    else if (w->problem[0] == '\0')
        story_blame(w->story, "it does not open, and does not say why");
    unsigned refused = w->story->refused;
    fault_mend();
    if (!open && !world_open(w, false)) {
        story_blame(w->story, "it does not open though the disk is mended: %s", w->problem);
        return;
    }
    if (!open)
        act(w, s);
    act_again(w, s);
    w->story->refused = refused;
    *mended = fault_mark("mended");
    world_close(w);
}
