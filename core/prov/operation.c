#include "prov/operation.h"

#include <assert.h>

#include "base/ascii.h"
#include "prov/allocate.h"

static struct berth_action *add(struct berth_actions *out, enum berth_action_type type)
{
    struct berth_action *a = &out->list[out->count++];

    assert(out->count <= BERTH_ACTIONS_MAX);
    *a = (struct berth_action){ .type = type };
    return a;
}

static void answer(struct berth_operation *op, const struct berth_answer *what,
                   struct berth_actions *out)
{
    if (op->answered)
        return;
    op->answered = true;
    add(out, BERTH_DO_ANSWER)->answer = *what;
}

static void end(struct berth_operation *op, struct berth_actions *out)
{
    op->phase = BERTH_PHASE_DONE;
    add(out, BERTH_DO_END);
}

static void refuse(struct berth_operation *op, enum berth_reason why, struct berth_actions *out)
{
    answer(op, &(struct berth_answer){ .reason = why, .operation_id = op->req.operation_id }, out);
    end(op, out);
}

/* The service could not. */
static void fail(struct berth_operation *op, berth_err e, struct berth_actions *out)
{
    refuse(op, berth_reason_of_err(e), out);
}

/* Tells STATE, with REASON when it is a refusal that has a status word. */
static void tell(struct berth_operation *op, const struct berth_registration *state,
                 enum berth_reason reason, struct berth_actions *out)
{
    answer(op,
           &(struct berth_answer){
               .reason = reason,
               .operation_id = op->req.operation_id,
               .state = *state,
               .has_state = true,
               .retry_after_s = state->status == BERTH_ASSIGNING ? BERTH_RETRY_AFTER_S : 0,
               .slot = op->attested.slot,
               .enrollment_id =
                   op->attested.enrollment == NULL ? BERTH_STR("") : op->attested.enrollment->id,
           },
           out);
    end(op, out);
}

/* Gives back what was taken since MARK; keys lay in it. */
static void clear_from(struct berth_operation *op, size_t mark)
{
    op->crypto->wipe(op->crypto->ctx, op->arena->p + mark, op->arena->n - mark);
    op->arena->n = mark;
}

/* Gives back what one decision took. */
static void clear_decision(struct berth_operation *op)
{
    clear_from(op, op->arena_mark);
    op->crypto->wipe(op->crypto->ctx, &op->attested.device_keys, sizeof op->attested.device_keys);
    op->crypto->wipe(op->crypto->ctx, &op->enrollment.keys, sizeof op->enrollment.keys);
    op->other_n = 0;
    op->shared = (struct berth_shared){ 0 };
}

static void load(struct berth_operation *op, struct berth_actions *out)
{
    clear_decision(op);
    op->phase = BERTH_PHASE_LOADING;
    add(out, BERTH_DO_LOAD)->key = op->key;
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
        refuse(op, BERTH_WHY_REGISTRATION_ID_INVALID, out);
        return;
    }
    e = op->crypto->random(op->crypto->ctx, random, sizeof random);
    if (e == BERTH_OK)
        e = berth_arena_lower(op->arena, op->req.registration_id, &op->key);
    if (e != BERTH_OK) {
        fail(op, e, out);
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

static void commit(struct berth_operation *op, enum berth_reason reason, struct berth_actions *out)
{
    struct berth_action *a = add(out, BERTH_DO_COMMIT);

    a->changes = op->changes;
    a->change_count = op->change_count;
    op->result_reason = reason;
    op->phase = BERTH_PHASE_COMMITTING;
}

/* Commits the registration as it now stands, alone; its hub and device stay for when things change.
 */
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
    if (err != BERTH_OK) {
        fail(op, err, out);
        return;
    }
    op->changes[0].type = BERTH_PUT;
    op->changes[0].expect = op->has_previous ? op->previous.version : BERTH_ABSENT;
    op->change_count = 1;
    commit(op, reason, out);
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
        tell(op, &op->previous, reason, out);
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

static void load_devices(struct berth_operation *op, struct berth_actions *out)
{
    const struct berth_enrollment *e = op->attested.enrollment;
    const struct berth_registration *previous = op->has_previous ? &op->previous : NULL;
    struct berth_action *a = add(out, BERTH_DO_LOAD_DEVICES);

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
        load_devices(op, out);
    else
        fail(op, e, out);
}

static void decide(struct berth_operation *op, const struct berth_catalog *catalog, int64_t now_ms,
                   struct berth_actions *out)
{
    int64_t started_ms = now_ms;

    if (op->attested.verdict == BERTH_UNDECIDED) {
        op->phase = BERTH_PHASE_ATTESTING;
        add(out, BERTH_DO_PAUSE);
        return;
    }
    if (op->attested.verdict != BERTH_ACCEPT) {
        refuse(op, op->attested.reason, out);
        return;
    }
    if (op->req.is_poll &&
        (berth_operation_id_time(op->req.operation_id, &started_ms) != BERTH_OK ||
         started_ms < now_ms - BERTH_OPERATION_LIFE_MS || started_ms > now_ms + 1000)) {
        refuse(op, BERTH_WHY_OPERATION_UNKNOWN, out);
        return;
    }
    if (is_done(op, started_ms)) {
        tell(op, &op->previous, reason_of(&op->previous), out);
        return;
    }
    if (!op->attested.enrollment->enabled) {
        settle(op, BERTH_DISABLED, BERTH_WHY_ENROLLMENT_DISABLED, now_ms, out);
        return;
    }
    if (was_overtaken(op)) {
        tell(op, &op->previous, BERTH_WHY_NONE, out);
        return;
    }
    if (op->attested.enrollment->assigning_first && !op->req.is_poll) {
        commit_state(op, BERTH_ASSIGNING, BERTH_WHY_NONE, now_ms, out);
        return;
    }
    allocate(op, catalog, now_ms, out);
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
        decide(op, catalog, now_ms, out);
    else
        fail(op, e, out);
}

static void search_on(struct berth_operation *op, const struct berth_catalog *catalog,
                      int64_t now_ms, struct berth_actions *out)
{
    berth_err e = attest(op, NULL, catalog, now_ms);

    if (e == BERTH_OK)
        decide(op, catalog, now_ms, out);
    else
        fail(op, e, out);
}

static void decide_again(struct berth_operation *op, struct berth_actions *out)
{
    if (++op->tries >= BERTH_OPERATION_TRIES_MAX) {
        refuse(op, BERTH_WHY_CONTENDED, out);
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
        decide_again(op, out);
        return false;
    }
    for (size_t i = 0; i < other.n; i++)
        op->other[i] = ascii_lower(other.p[i]);
    op->other_n = other.n;
    clear_from(op, mark);
    load_devices(op, out);
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

static void devices(struct berth_operation *op, const struct berth_event *ev,
                    const struct berth_catalog *catalog, int64_t now_ms, struct berth_actions *out)
{
    struct berth_refusal why = { 0 };
    size_t mark = op->arena->n;
    berth_str mine = op->has_previous ? op->previous.id : op->req.registration_id;
    berth_err e;
    struct berth_move m = {
        .attestation = &op->attested,
        .previous = op->has_previous ? &op->previous : NULL,
        .registration_id = op->req.registration_id,
        .operation_id = op->req.operation_id,
        .hub = op->target_hub,
        .generation = op->generation,
        .now_ms = now_ms,
    };

    if (!find_group_again(op, catalog)) {
        decide_again(op, out);
        return;
    }
    e = take_device(op, ev->device_there, &m.there);
    if (e == BERTH_OK)
        e = take_device(op, ev->device_before, &m.before);
    if (e == BERTH_OK && !other_is_known(op, berth_share_other(m.there, mine), mark, out))
        return;
    if (e == BERTH_OK)
        e = take_other(op, ev, &m);
    if (is_anothers(m.before, mine))
        m.before = NULL;
    if (e == BERTH_OK)
        e = berth_reprovision(&m, op->arena, op->changes, &op->change_count, &op->result, &why);
    if (e == BERTH_OK)
        e = berth_arena_dup(op->arena, op->result.group, &op->result.group);
    if (e == BERTH_OK)
        e = note_sharing(op, &m);
    if (e == BERTH_OK)
        commit(op, BERTH_WHY_NONE, out);
    else
        fail(op, e, out);
}

bool berth_answer_is_error(const struct berth_answer *a)
{
    return a->reason != BERTH_WHY_NONE && berth_reason_row(a->reason)->word[0] == '\0';
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
        if (!find_group_again(op, catalog))
            op->attested.enrollment = NULL;
        op->result.version = ev->committed_version;
        if (op->shared.other.n > 0)
            add(out, BERTH_DO_SHARED)->shared = op->shared;
        tell(op, &op->result, op->result_reason, out);
        return;
    case BERTH_EV_STALE:
        assert(op->phase == BERTH_PHASE_COMMITTING);
        decide_again(op, out);
        return;
    case BERTH_EV_FAILED:
        refuse(op, BERTH_WHY_STORE_FAILED, out);
        return;
    case BERTH_EV_DEADLINE:
        /* nobody knows who it is: it is not kept waiting for what others want as well */
        if (op->phase == BERTH_PHASE_ATTESTING) {
            refuse(op, BERTH_WHY_OVERLOADED, out);
            return;
        }
        answer(op,
               &(struct berth_answer){
                   .operation_id = op->req.operation_id,
                   .state = { .id = op->req.registration_id, .status = BERTH_ASSIGNING },
                   .has_state = true,
                   .retry_after_s = BERTH_RETRY_AFTER_S,
               },
               out);
        return;
    }
    assert(false);
}

void berth_operation_deinit(struct berth_operation *op)
{
    clear_decision(op);
}
