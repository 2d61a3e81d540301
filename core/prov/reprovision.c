#include "prov/reprovision.h"

#include <string.h>

static bool was_assigned(const struct berth_registration *previous)
{
    return previous != NULL && previous->assigned_hub.n > 0;
}

berth_str berth_reprovision_hub(const struct berth_enrollment *e,
                                const struct berth_registration *previous,
                                const struct berth_hub *chosen, const struct berth_catalog *catalog)
{
    if (was_assigned(previous) && !e->reprovision_update_hub &&
        berth_catalog_hub(catalog, previous->assigned_hub) != NULL)
        return previous->assigned_hub;
    if (chosen == NULL)
        return (berth_str){ 0 };
    return chosen->host_name;
}

berth_str berth_reprovision_device_id(const struct berth_enrollment *e,
                                      const struct berth_registration *previous,
                                      berth_str registration_id)
{
    if (was_assigned(previous))
        return previous->device_id;
    return e->device_id.n > 0 ? e->device_id : registration_id;
}

static bool same_keys(const struct berth_key_pair *a, const struct berth_key_pair *b)
{
    /* Both sides are already ours: nobody learns anything from the time this takes. */
    return a->primary.n == b->primary.n && a->secondary.n == b->secondary.n &&
           memcmp(a->primary.bytes, b->primary.bytes, a->primary.n) == 0 &&
           memcmp(a->secondary.bytes, b->secondary.bytes, a->secondary.n) == 0;
}

/* Where the device's twin comes from. */
enum twin_source { TWIN_KEEP, TWIN_INITIAL, TWIN_MIGRATED };

struct plan {
    enum twin_source twin;
    enum berth_substatus substatus;
};

/* As DPS documents its reprovision policies. What it leaves open: a device that is there without a
 * registration is taken over as the policy says of data, and one that somebody deleted starts anew.
 */
static struct plan plan_of(const struct berth_move *m)
{
    const struct berth_enrollment *e = m->attestation->enrollment;
    bool assigned = was_assigned(m->previous);
    bool moved = assigned && !berth_str_ieq(m->previous->assigned_hub, m->hub);

    if (!assigned && m->there == NULL)
        return (struct plan){ TWIN_INITIAL, BERTH_SUB_INITIAL_ASSIGNMENT };
    if (!assigned)
        return (struct plan){ e->reprovision_migrate_data ? TWIN_KEEP : TWIN_INITIAL,
                              BERTH_SUB_REPROVISIONED_TO_INITIAL };
    if (moved && e->reprovision_migrate_data && m->before != NULL)
        return (struct plan){ TWIN_MIGRATED, BERTH_SUB_DEVICE_DATA_MIGRATED };
    if (moved)
        return (struct plan){ TWIN_INITIAL, BERTH_SUB_DEVICE_DATA_RESET };
    if (m->there == NULL) /* somebody deleted it from the hub */
        return (struct plan){ TWIN_INITIAL, BERTH_SUB_INITIAL_ASSIGNMENT };
    if (e->reprovision_update_hub && !e->reprovision_migrate_data)
        return (struct plan){ TWIN_INITIAL, BERTH_SUB_DEVICE_DATA_RESET };
    return (struct plan){ TWIN_KEEP, m->previous->substatus != BERTH_SUB_NONE
                                         ? m->previous->substatus
                                         : BERTH_SUB_INITIAL_ASSIGNMENT };
}

static berth_str device_id_of(const struct berth_move *m)
{
    return berth_reprovision_device_id(m->attestation->enrollment, m->previous, m->registration_id);
}

/* What is its hub's alone stays, and all else becomes that of BEFORE. */
static void migrate(struct berth_hub_device *d, const struct berth_hub_device *before)
{
    uint64_t generation = d->generation, revision = d->identity_revision, version = d->version;

    *d = *before;
    d->generation = generation;
    d->identity_revision = revision + 1;
    d->version = version;
}

/* Whose the device is from now on. */
static bool hand_over(const struct berth_move *m, struct berth_hub_device *d)
{
    berth_str mine = m->previous != NULL ? m->previous->id : m->registration_id;
    bool changed = !berth_str_ieq(d->registration, mine) ||
                   !berth_str_ieq(d->also_registered, m->other.sharing);

    d->registration = mine;
    d->also_registered = m->other.sharing.n > 0 ? m->other.sharing : (berth_str){ 0 };
    return changed;
}

/* The device as it shall be. *CHANGED is false when the one that is there needs nothing. */
static berth_err make_device(const struct berth_move *m, struct plan plan, struct berth_arena *a,
                             struct berth_hub_device *d, bool *changed, struct berth_refusal *why)
{
    const struct berth_enrollment *e = m->attestation->enrollment;
    berth_err err = BERTH_OK;

    *changed = plan.twin != TWIN_KEEP;
    if (m->there != NULL)
        *d = *m->there;
    else
        berth_hub_device_init(d, m->hub, device_id_of(m), m->generation, m->now_ms);
    if (plan.twin == TWIN_MIGRATED)
        migrate(d, m->before);
    d->hub = m->hub; /* of M, not of a record that is gone by the time of the commit */
    d->device_id = device_id_of(m);
    *changed |= hand_over(m, d);
    if (plan.twin == TWIN_INITIAL) {
        d->identity_revision += m->there != NULL && d->iot_edge != e->iot_edge;
        d->iot_edge = e->iot_edge;
        err = berth_twin_reset(d, e->initial_twin, m->now_ms, a, why);
    }
    if (d->auth != BERTH_AUTH_SAS || !same_keys(&d->keys, &m->attestation->device_keys)) {
        d->auth = BERTH_AUTH_SAS;
        d->keys = m->attestation->device_keys;
        d->identity_revision += m->there != NULL;
        *changed = true;
    }
    return err;
}

static struct berth_change check(enum berth_kind kind, berth_str key, uint64_t expect)
{
    return (struct berth_change){
        .type = BERTH_CHECK,
        .expect = expect,
        .rec = { .kind = kind, .scope = BERTH_STR(""), .key = key },
    };
}

static struct berth_change delete_before(const struct berth_move *m)
{
    return (struct berth_change){
        .type = BERTH_DELETE,
        .expect = m->before->version,
        .rec = { .kind = BERTH_KIND_DEVICE,
                 .scope = m->previous->assigned_hub,
                 .key = m->previous->device_id },
    };
}

static berth_err put_device(const struct berth_move *m, const struct berth_hub_device *d,
                            bool changed, struct berth_arena *a, struct berth_change *out)
{
    berth_err e = berth_hub_device_encode(d, a, &out->rec);

    out->type = changed ? BERTH_PUT : BERTH_CHECK;
    out->expect = m->there == NULL ? BERTH_ABSENT : m->there->version;
    return e;
}

berth_err berth_reprovision_hold(const struct berth_enrollment *e, berth_str key,
                                 struct berth_arena *a, struct berth_change *changes, size_t *count)
{
    berth_str own;
    berth_err err = berth_arena_lower(a, e->id, &own);

    if (err != BERTH_OK)
        return err;
    changes[(*count)++] =
        check(e->is_group ? BERTH_KIND_GROUP : BERTH_KIND_ENROLLMENT, own, e->version);
    if (e->is_group)
        changes[(*count)++] = check(BERTH_KIND_ENROLLMENT, key, BERTH_ABSENT);
    return BERTH_OK;
}

berth_err berth_reprovision(const struct berth_move *m, struct berth_arena *a,
                            struct berth_change changes[BERTH_MOVE_CHANGES_MAX], size_t *count,
                            struct berth_registration *result, struct berth_refusal *why)
{
    const struct berth_enrollment *e = m->attestation->enrollment;
    struct plan plan = plan_of(m);
    /* in the arena, not on the stack: it holds keys, and the arena is wiped */
    struct berth_hub_device *device = berth_arena_alloc(a, sizeof *device);
    bool changed;
    berth_err err;

    *count = 0;
    *result = (struct berth_registration){
        .id = m->previous != NULL ? m->previous->id : m->registration_id,
        .group = e->is_group ? e->id : BERTH_STR(""),
        .status = BERTH_ASSIGNED,
        .substatus = plan.substatus,
        .assigned_hub = m->hub,
        .device_id = device_id_of(m),
        .operation_id = m->operation_id,
        .created_ms = m->previous != NULL ? m->previous->created_ms : m->now_ms,
        .updated_ms = m->now_ms,
    };
    if (device == NULL)
        return BERTH_E_FULL;
    err = make_device(m, plan, a, device, &changed, why);
    if (err == BERTH_OK)
        err = berth_registration_encode(result, a, &changes[0].rec);
    if (err == BERTH_OK)
        err = put_device(m, device, changed, a, &changes[1]);
    if (err != BERTH_OK)
        return err;
    changes[0].type = BERTH_PUT;
    changes[0].expect = m->previous == NULL ? BERTH_ABSENT : m->previous->version;
    changes[2] = check(BERTH_KIND_HUB, m->hub, BERTH_PRESENT);
    *count = 3;
    err = berth_reprovision_hold(e, changes[0].rec.key, a, changes, count);
    if (err != BERTH_OK)
        return err;
    if (m->other.key.n > 0)
        changes[(*count)++] = check(BERTH_KIND_REGISTRATION, m->other.key, m->other.version);
    if (m->before != NULL)
        changes[(*count)++] = delete_before(m);
    return BERTH_OK;
}
