#include "front/registrar_impl.h"

#include "front/record_copy.h"
#include "ops/log.h"

void registration_drop_records(struct registration *g)
{
    for (int i = 0; i < SLOTS; i++) {
        record_copy_free(g->r->f->crypto, g->slots[i].record);
        g->slots[i].record = NULL;
    }
}

static void event_done(struct registration *g)
{
    struct berth_event ev = { .type = g->loading_devices ? BERTH_EV_DEVICES : BERTH_EV_LOADED };
    bool failed = false;

    for (int i = 0; i < SLOTS; i++)
        failed |= g->slots[i].failed;
    if (failed) {
        ev.type = BERTH_EV_FAILED;
    } else if (g->loading_devices) {
        ev.device_there = g->slots[SLOT_FIRST].record;
        ev.device_before = g->slots[SLOT_SECOND].record;
        ev.other = g->slots[SLOT_OTHER].record;
        ev.other_enrollment = g->slots[SLOT_OTHER_ENROLLMENT].record;
    } else {
        ev.enrollment = g->slots[SLOT_FIRST].record;
        ev.registration = g->slots[SLOT_SECOND].record;
    }
    registration_step(g, &ev);
}

static void read_done(void *user, const struct store_reply *reply)
{
    struct slot *s = user;
    struct registration *g = s->g;

    if (reply->result != STORE_OK) {
        s->failed = true;
    } else if (reply->count > 0) {
        s->record = record_copy(&reply->records[0]);
        s->failed = s->record == NULL;
    }
    if (s->failed)
        log_event(LOG_ERROR, "store read failed",
                  LOG_TEXT("problem", berth_str_of(reply->problem == NULL ? "" : reply->problem)));
    if (--g->waiting == 0)
        event_done(g);
}

static void start_reading(struct registration *g, bool devices, unsigned reads)
{
    registration_drop_records(g);
    for (int i = 0; i < SLOTS; i++)
        g->slots[i] = (struct slot){ .g = g };
    g->loading_devices = devices;
    g->waiting = reads;
}

static void read_into(struct registration *g, int slot, enum berth_kind kind, berth_str scope,
                      berth_str key)
{
    store_get(g->r->f->store, kind, scope, key, read_done, &g->slots[slot]);
}

void registration_load(struct registration *g, const struct berth_action *a)
{
    start_reading(g, false, 2);
    read_into(g, SLOT_FIRST, BERTH_KIND_ENROLLMENT, BERTH_STR(""), a->key);
    read_into(g, SLOT_SECOND, BERTH_KIND_REGISTRATION, BERTH_STR(""), a->key);
}

void registration_load_devices(struct registration *g, const struct berth_action *a)
{
    bool before = a->before.hub.n > 0, other = a->other.n > 0;

    start_reading(g, true, 1u + (before ? 1u : 0u) + (other ? 2u : 0u));
    read_into(g, SLOT_FIRST, BERTH_KIND_DEVICE, a->there.hub, a->there.device_id);
    if (before)
        read_into(g, SLOT_SECOND, BERTH_KIND_DEVICE, a->before.hub, a->before.device_id);
    if (!other)
        return;
    read_into(g, SLOT_OTHER, BERTH_KIND_REGISTRATION, BERTH_STR(""), a->other);
    read_into(g, SLOT_OTHER_ENROLLMENT, BERTH_KIND_ENROLLMENT, BERTH_STR(""), a->other);
}

static void commit_done(void *user, const struct store_reply *reply)
{
    struct registration *g = user;
    struct berth_event ev = { .type = BERTH_EV_COMMITTED, .committed_version = reply->version };

    g->waiting--;
    if (reply->result == STORE_STALE) {
        metrics_add(g->r->f->metrics, decisions_repeated, 1);
        ev.type = BERTH_EV_STALE;
    }
    if (reply->result == STORE_FAILED) {
        ev.type = BERTH_EV_FAILED;
        log_event(LOG_ERROR, "store commit failed",
                  LOG_TEXT("problem", berth_str_of(reply->problem == NULL ? "" : reply->problem)));
    }
    registration_step(g, &ev);
}

void registration_commit(struct registration *g, const struct berth_action *a)
{
    g->waiting = 1;
    store_commit(g->r->f->store, a->changes, a->change_count, loop_now_ms(g->r->f->loop),
                 commit_done, g);
}
