#include "prov/operation_parts.h"

#include <assert.h>

#include "base/ascii.h"

void berth__op_load_devices(struct berth_operation *op, struct berth_actions *out)
{
    const struct berth_enrollment *e = op->attested.enrollment;
    const struct berth_registration *previous = op->has_previous ? &op->previous : NULL;
    struct berth_action *a = berth__op_add(out, BERTH_DO_LOAD_DEVICES);

    op->phase = BERTH_PHASE_DEVICES;
    a->other = (berth_str){ op->other, op->other_n };
    a->there.hub = op->target_hub;
    a->there.device_id = berth_reprovision_device_id(e, previous, op->req.registration_id);
    if (previous != NULL && previous->assigned_hub.n > 0 &&
        !berth_str_eq(previous->assigned_hub, op->target_hub)) {
        a->before.hub = previous->assigned_hub;
        a->before.device_id = previous->device_id;
    }
}

/* In the arena, not on the stack: it holds keys, and the arena is wiped. */
static berth_err take_device(struct berth_operation *op, const struct berth_record *rec,
                             const struct berth_hub_device **out)
{
    struct berth_hub_device *d;

    *out = NULL;
    if (rec == NULL)
        return BERTH_OK;
    d = berth_arena_alloc(op->arena, sizeof *d);
    *out = d;
    return d == NULL ? BERTH_E_FULL : berth_hub_device_decode(rec, op->arena, d);
}

/* A device that was left to another registration is not this one's to move. */
static bool is_anothers(const struct berth_hub_device *before, berth_str mine)
{
    return before != NULL && before->registration.n > 0 &&
           !berth_str_ieq(before->registration, mine);
}

/* Seldom: the device is known to stand for another registration. It is read along with the devices
 * once more, so that all are of one moment. False: it has been asked for, or the operation failed.
 */
static bool other_is_known(struct berth_operation *op, berth_str other, size_t mark,
                           struct berth_actions *out)
{
    if (berth_str_ieq(other, (berth_str){ op->other, op->other_n }))
        return true;
    if (op->other_n > 0 || other.n > sizeof op->other) { /* changed hands meanwhile */
        berth__op_decide_again(op, out);
        return false;
    }
    for (size_t i = 0; i < other.n; i++)
        op->other[i] = ascii_lower(other.p[i]);
    op->other_n = other.n;
    berth__op_clear_from(op, mark);
    berth__op_load_devices(op, out);
    return false;
}

/* What the store has of the other registration, as M has it. */
static berth_err take_other(struct berth_operation *op, const struct berth_event *ev,
                            struct berth_move *m)
{
    struct berth_registration r;
    struct berth_record mine;
    berth_err e;

    m->other.key = (berth_str){ op->other, op->other_n };
    m->other.version = BERTH_ABSENT;
    if (op->other_n == 0 || ev->other == NULL)
        return BERTH_OK;
    assert(m->there != NULL); /* it is what named the other */
    e = berth_record_dup(op->arena, ev->other, &mine);
    if (e == BERTH_OK)
        e = berth_registration_decode(&mine, op->arena, &r);
    if (e != BERTH_OK)
        return e;
    m->other.version = r.version;
    if (berth_share_stands(&r, ev->other_enrollment, m->there->hub, m->there->device_id))
        m->other.sharing = r.id;
    return BERTH_OK;
}

/* What is to be told once it is committed. */
static berth_err note_sharing(struct berth_operation *op, const struct berth_move *m)
{
    struct berth_shared *s = &op->shared;

    if (m->other.sharing.n == 0)
        return BERTH_OK;
    *s = (struct berth_shared){
        .hub = op->target_hub,
        .registration = op->result.id,
        .other = m->other.sharing,
        .changed_hands = !berth_str_ieq(m->there->registration, op->result.id),
    };
    return berth_arena_dup(op->arena, op->result.device_id, &s->device_id);
}

/* What the operation itself says of the move. */
static struct berth_move move_of(const struct berth_operation *op, int64_t now_ms)
{
    return (struct berth_move){
        .attestation = &op->attested,
        .previous = op->has_previous ? &op->previous : NULL,
        .registration_id = op->req.registration_id,
        .operation_id = op->req.operation_id,
        .hub = op->target_hub,
        .generation = op->generation,
        .now_ms = now_ms,
    };
}

/* Makes OP->changes and OP->result of M. */
static berth_err make_changes(struct berth_operation *op, const struct berth_move *m)
{
    struct berth_refusal why = { 0 };
    berth_err e =
        berth_reprovision(m, op->arena, op->changes, &op->change_count, &op->result, &why);

    if (e == BERTH_OK)
        e = berth_arena_dup(op->arena, op->result.group, &op->result.group);
    return e == BERTH_OK ? note_sharing(op, m) : e;
}

void berth__op_move(struct berth_operation *op, const struct berth_event *ev, int64_t now_ms,
                    struct berth_actions *out)
{
    struct berth_move m = move_of(op, now_ms);
    berth_str mine = op->has_previous ? op->previous.id : op->req.registration_id;
    size_t mark = op->arena->n;
    berth_err e = take_device(op, ev->device_there, &m.there);

    if (e == BERTH_OK)
        e = take_device(op, ev->device_before, &m.before);
    if (e == BERTH_OK && !other_is_known(op, berth_share_other(m.there, mine), mark, out))
        return;
    if (e == BERTH_OK)
        e = take_other(op, ev, &m);
    if (is_anothers(m.before, mine))
        m.before = NULL;
    if (e == BERTH_OK)
        e = make_changes(op, &m);
    if (e == BERTH_OK)
        berth__op_commit(op, BERTH_WHY_NONE, out);
    else
        berth__op_fail(op, e, out);
}
