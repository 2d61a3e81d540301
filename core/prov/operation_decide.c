#include "prov/operation_parts.h"

#include "prov/allocate.h"

/* Commits the registration as it now stands; its hub and device stay for when things change. */
static void commit_state(struct berth_operation *op, enum berth_registration_status status,
                         enum berth_reason reason, int64_t now_ms, struct berth_actions *out)
{
    const struct berth_enrollment *e = op->attested.enrollment;
    const struct berth_reason_row *row = berth_reason_row(reason);
    berth_err err = BERTH_OK;

    op->result = op->previous;
    op->result.status = status;
    op->result.error_code = row->code;
    op->result.error_message = berth_str_of(row->peer);
    op->result.operation_id = op->req.operation_id;
    op->result.updated_ms = now_ms;
    op->result.group = BERTH_STR("");
    if (!op->has_previous) {
        op->result.id = op->req.registration_id;
        op->result.created_ms = now_ms;
    }
    if (e->is_group)
        err = berth_arena_dup(op->arena, e->id, &op->result.group);
    if (err == BERTH_OK)
        err = berth_registration_encode(&op->result, op->arena, &op->changes[0].rec);
    op->changes[0].type = BERTH_PUT;
    op->changes[0].expect = op->has_previous ? op->previous.version : BERTH_ABSENT;
    op->change_count = 1;
    if (err == BERTH_OK)
        err = berth_reprovision_hold(e, op->changes[0].rec.key, op->arena, op->changes,
                                     &op->change_count);
    if (err != BERTH_OK) {
        berth__op_fail(op, err, out);
        return;
    }
    berth__op_commit(op, reason, out);
}

/* What a finished record says again, and why it was no assignment. */
static enum berth_reason reason_of(const struct berth_registration *r)
{
    if (r->status == BERTH_ASSIGNED)
        return BERTH_WHY_NONE;
    for (unsigned i = BERTH_WHY_NONE + 1; i < BERTH_REASON_COUNT; i++)
        if (berth_reason_row((enum berth_reason)i)->word[0] != '\0' &&
            berth_reason_row((enum berth_reason)i)->code == r->error_code &&
            berth_str_eq(berth_str_of(berth_reason_row((enum berth_reason)i)->peer),
                         r->error_message))
            return (enum berth_reason)i;
    return r->status == BERTH_DISABLED ? BERTH_WHY_ENROLLMENT_DISABLED : BERTH_WHY_NO_HUB;
}

/* A result that is no assignment. One that already stands, for the same cause, is told again
 * without a write, so that a device that keeps asking costs nothing durable. */
static void settle(struct berth_operation *op, enum berth_registration_status status,
                   enum berth_reason reason, int64_t now_ms, struct berth_actions *out)
{
    const struct berth_enrollment *e = op->attested.enrollment;

    if (op->has_previous && op->previous.status == status && reason_of(&op->previous) == reason &&
        berth_str_eq(op->previous.group, e->is_group ? e->id : BERTH_STR(""))) {
        berth__op_tell(op, &op->previous, reason, out);
        return;
    }
    commit_state(op, status, reason, now_ms, out);
}

static bool is_final(enum berth_registration_status s)
{
    return s == BERTH_ASSIGNED || s == BERTH_FAILED || s == BERTH_DISABLED;
}

/* True when the record already holds what the operation was to bring about. */
static bool is_done(const struct berth_operation *op, int64_t started_ms)
{
    if (!op->has_previous || !is_final(op->previous.status))
        return false;
    if (berth_str_eq(op->previous.operation_id, op->req.operation_id))
        return true;
    return op->req.is_poll && op->previous.updated_ms >= started_ms; /* a later one overtook it */
}

/* Several registrations of one device at once: the first commit makes the others stale, and does
 * what they were to do. They tell it instead of writing it again, else one device that asks often
 * enough would be told CONTENDED. */
static bool was_overtaken(const struct berth_operation *op)
{
    const struct berth_enrollment *e = op->attested.enrollment;
    int64_t started_ms;

    if (op->tries == 0 || !op->has_previous || op->previous.status != BERTH_ASSIGNED)
        return false;
    return berth_operation_id_time(op->req.operation_id, &started_ms) == BERTH_OK &&
           op->previous.updated_ms >= started_ms && e->updated_ms < started_ms &&
           berth_str_ieq(op->previous.group, e->is_group ? e->id : BERTH_STR(""));
}

/* Where the device goes, or why nowhere. */
static berth_err choose_hub(struct berth_operation *op, const struct berth_catalog *catalog,
                            berth_str *hub, enum berth_reason *why)
{
    const struct berth_enrollment *e = op->attested.enrollment;
    const struct berth_hub *chosen;
    berth_err err = berth_allocate(op->crypto, e, catalog, op->key, &chosen, why);

    if (err != BERTH_OK)
        return err;
    *hub = berth_reprovision_hub(e, op->has_previous ? &op->previous : NULL, chosen, catalog);
    if (hub->n > 0)
        *why = BERTH_WHY_NONE; /* a kept hub needs no allocation */
    return BERTH_OK;
}

static void allocate(struct berth_operation *op, const struct berth_catalog *catalog,
                     int64_t now_ms, struct berth_actions *out)
{
    enum berth_reason why = BERTH_WHY_NONE;
    berth_str hub = { 0 };
    berth_err e = choose_hub(op, catalog, &hub, &why);

    if (e == BERTH_OK && why != BERTH_WHY_NONE) {
        settle(op, BERTH_FAILED, why, now_ms, out);
        return;
    }
    if (e == BERTH_OK)
        e = berth_arena_lower(op->arena, hub, &op->target_hub);
    if (e == BERTH_OK)
        berth__op_load_devices(op, out);
    else
        berth__op_fail(op, e, out);
}

void berth__op_decide(struct berth_operation *op, const struct berth_catalog *catalog,
                      int64_t now_ms, struct berth_actions *out)
{
    int64_t started_ms = now_ms;

    if (op->attested.verdict == BERTH_UNDECIDED) {
        op->phase = BERTH_PHASE_ATTESTING;
        berth__op_add(out, BERTH_DO_PAUSE);
        return;
    }
    if (op->attested.verdict != BERTH_ACCEPT) {
        berth__op_refuse(op, op->attested.reason, out);
        return;
    }
    if (op->req.is_poll &&
        (berth_operation_id_time(op->req.operation_id, &started_ms) != BERTH_OK ||
         started_ms < now_ms - BERTH_OPERATION_LIFE_MS || started_ms > now_ms + 1000)) {
        berth__op_refuse(op, BERTH_WHY_OPERATION_UNKNOWN, out);
        return;
    }
    if (is_done(op, started_ms)) {
        berth__op_tell(op, &op->previous, reason_of(&op->previous), out);
        return;
    }
    if (!op->attested.enrollment->enabled) {
        settle(op, BERTH_DISABLED, BERTH_WHY_ENROLLMENT_DISABLED, now_ms, out);
        return;
    }
    if (was_overtaken(op)) {
        berth__op_tell(op, &op->previous, BERTH_WHY_NONE, out);
        return;
    }
    if (op->attested.enrollment->assigning_first && !op->req.is_poll) {
        commit_state(op, BERTH_ASSIGNING, BERTH_WHY_NONE, now_ms, out);
        return;
    }
    allocate(op, catalog, now_ms, out);
}
