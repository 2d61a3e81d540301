#include "prov/operation_parts.h"

#include <assert.h>

void berth__op_clear_from(struct berth_operation *op, size_t mark)
{
    op->crypto->wipe(op->crypto->ctx, op->arena->p + mark, op->arena->n - mark);
    op->arena->n = mark;
}

/* Gives back what one decision took. */
static void clear_decision(struct berth_operation *op)
{
    berth__op_clear_from(op, op->arena_mark);
    op->crypto->wipe(op->crypto->ctx, &op->attested.device_keys, sizeof op->attested.device_keys);
    op->crypto->wipe(op->crypto->ctx, &op->enrollment.keys, sizeof op->enrollment.keys);
    op->other_n = 0;
    op->shared = (struct berth_shared){ 0 };
}

static void load(struct berth_operation *op, struct berth_actions *out)
{
    clear_decision(op);
    op->phase = BERTH_PHASE_LOADING;
    berth__op_add(out, BERTH_DO_LOAD)->key = op->key;
}

static void start(struct berth_operation *op, struct berth_actions *out)
{
    uint8_t random[8];
    int64_t ms;
    berth_err e;

    /* What cannot be one of ours may be long and strange, and is not repeated to anyone. */
    if (op->req.is_poll && berth_operation_id_time(op->req.operation_id, &ms) != BERTH_OK)
        op->req.operation_id = BERTH_STR("");
    if (berth_registration_id_check(op->req.registration_id).fault != BERTH_ID_FINE) {
        berth__op_refuse(op, BERTH_WHY_REGISTRATION_ID_INVALID, out);
        return;
    }
    e = op->crypto->random(op->crypto->ctx, random, sizeof random);
    if (e == BERTH_OK)
        e = berth_arena_lower(op->arena, op->req.registration_id, &op->key);
    if (e != BERTH_OK) {
        berth__op_fail(op, e, out);
        return;
    }
    for (size_t i = 0; i < sizeof random; i++)
        op->generation = op->generation << 8 | random[i];
    op->generation = op->generation >> 5 | 1; /* 18 decimal digits or fewer, never 0 */
    op->arena_mark = op->arena->n;
    load(op, out);
}

static berth_err take_registration(struct berth_operation *op, const struct berth_record *rec)
{
    struct berth_record mine;
    berth_err e;

    op->has_previous = rec != NULL;
    op->previous = (struct berth_registration){ 0 };
    if (rec == NULL)
        return BERTH_OK;
    e = berth_record_dup(op->arena, rec, &mine);
    return e == BERTH_OK ? berth_registration_decode(&mine, op->arena, &op->previous) : e;
}

static berth_err take_enrollment(struct berth_operation *op, const struct berth_record *rec)
{
    struct berth_record mine;
    berth_err e = berth_record_dup(op->arena, rec, &mine);

    return e == BERTH_OK ? berth_enrollment_decode(&mine, op->arena, &op->enrollment) : e;
}

static berth_err attest(struct berth_operation *op, const struct berth_enrollment *individual,
                        const struct berth_catalog *catalog, int64_t now_ms)
{
    berth_str last_group = BERTH_STR("");
    berth_err e = BERTH_OK;

    if (op->has_previous && !op->search.started)
        e = berth_arena_lower(op->arena, op->previous.group, &last_group);
    if (e == BERTH_OK)
        e = berth_attest(op->crypto, &op->req, catalog, individual, last_group, &op->search,
                         now_ms / 1000, &op->attested);
    if (e != BERTH_OK || op->attested.group == NULL)
        return e;
    op->group_version = op->attested.enrollment->version;
    return berth_arena_dup(op->arena, op->attested.group->key, &op->group_key);
}

static void loaded(struct berth_operation *op, const struct berth_event *ev,
                   const struct berth_catalog *catalog, int64_t now_ms, struct berth_actions *out)
{
    berth_err e = take_registration(op, ev->registration);

    op->search = (struct berth_search){ .most = BERTH_SEARCH_STEP };
    if (e == BERTH_OK && ev->enrollment != NULL)
        e = take_enrollment(op, ev->enrollment);
    if (e == BERTH_OK)
        e = attest(op, ev->enrollment != NULL ? &op->enrollment : NULL, catalog, now_ms);
    if (e == BERTH_OK)
        berth__op_decide(op, catalog, now_ms, out);
    else
        berth__op_fail(op, e, out);
}

static void search_on(struct berth_operation *op, const struct berth_catalog *catalog,
                      int64_t now_ms, struct berth_actions *out)
{
    berth_err e = attest(op, NULL, catalog, now_ms);

    if (e == BERTH_OK)
        berth__op_decide(op, catalog, now_ms, out);
    else
        berth__op_fail(op, e, out);
}

void berth__op_decide_again(struct berth_operation *op, struct berth_actions *out)
{
    if (++op->tries >= BERTH_OPERATION_TRIES_MAX) {
        berth__op_refuse(op, BERTH_WHY_CONTENDED, out);
        return;
    }
    load(op, out);
}

/* The group may have changed between two events; then the decision starts over. */
static bool find_group_again(struct berth_operation *op, const struct berth_catalog *catalog)
{
    const struct berth_group *g;

    if (op->attested.group == NULL)
        return true;
    g = berth_catalog_group(catalog, op->group_key);
    if (g == NULL || g->enrollment->version != op->group_version)
        return false;
    op->attested.group = g;
    op->attested.enrollment = g->enrollment;
    return true;
}

static void devices(struct berth_operation *op, const struct berth_event *ev,
                    const struct berth_catalog *catalog, int64_t now_ms, struct berth_actions *out)
{
    if (find_group_again(op, catalog))
        berth__op_move(op, ev, now_ms, out);
    else
        berth__op_decide_again(op, out);
}

static void committed(struct berth_operation *op, const struct berth_event *ev,
                      const struct berth_catalog *catalog, struct berth_actions *out)
{
    if (!find_group_again(op, catalog))
        op->attested.enrollment = NULL;
    op->result.version = ev->committed_version;
    if (op->shared.other.n > 0)
        berth__op_add(out, BERTH_DO_SHARED)->shared = op->shared;
    berth__op_tell(op, &op->result, op->result_reason, out);
}

static void answer_in_time(struct berth_operation *op, struct berth_actions *out)
{
    struct berth_answer assigning = {
        .operation_id = op->req.operation_id,
        .state = { .id = op->req.registration_id, .status = BERTH_ASSIGNING },
        .has_state = true,
        .retry_after_s = BERTH_RETRY_AFTER_S,
    };

    /* nobody knows who it is: it is not kept waiting for what others want as well */
    if (op->phase == BERTH_PHASE_ATTESTING)
        berth__op_refuse(op, BERTH_WHY_OVERLOADED, out);
    else
        berth__op_answer(op, &assigning, out);
}

void berth_operation_init(struct berth_operation *op, const struct berth_crypto *crypto,
                          const struct berth_registration_request *req, struct berth_arena *a)
{
    *op = (struct berth_operation){ .crypto = crypto, .req = *req, .arena = a };
}

void berth_operation_step(struct berth_operation *op, const struct berth_event *ev,
                          const struct berth_catalog *catalog, int64_t now_ms,
                          struct berth_actions *out)
{
    out->count = 0;
    switch (ev->type) {
    case BERTH_EV_START:
        assert(op->phase == BERTH_PHASE_NEW);
        start(op, out);
        return;
    case BERTH_EV_LOADED:
        assert(op->phase == BERTH_PHASE_LOADING);
        loaded(op, ev, catalog, now_ms, out);
        return;
    case BERTH_EV_CONTINUE:
        assert(op->phase == BERTH_PHASE_ATTESTING);
        search_on(op, catalog, now_ms, out);
        return;
    case BERTH_EV_DEVICES:
        assert(op->phase == BERTH_PHASE_DEVICES);
        devices(op, ev, catalog, now_ms, out);
        return;
    case BERTH_EV_COMMITTED:
        assert(op->phase == BERTH_PHASE_COMMITTING);
        committed(op, ev, catalog, out);
        return;
    case BERTH_EV_STALE:
        assert(op->phase == BERTH_PHASE_COMMITTING);
        berth__op_decide_again(op, out);
        return;
    case BERTH_EV_FAILED:
        berth__op_refuse(op, BERTH_WHY_STORE_FAILED, out);
        return;
    case BERTH_EV_DEADLINE:
        answer_in_time(op, out);
        return;
    }
    assert(false);
}

void berth_operation_deinit(struct berth_operation *op)
{
    clear_decision(op);
}
