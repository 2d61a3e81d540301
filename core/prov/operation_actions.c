#include "prov/operation_parts.h"

#include <assert.h>

struct berth_action *berth__op_add(struct berth_actions *out, enum berth_action_type type)
{
    struct berth_action *a = &out->list[out->count++];

    assert(out->count <= BERTH_ACTIONS_MAX);
    *a = (struct berth_action){ .type = type };
    return a;
}

void berth__op_answer(struct berth_operation *op, const struct berth_answer *what,
                      struct berth_actions *out)
{
    if (op->answered)
        return;
    op->answered = true;
    berth__op_add(out, BERTH_DO_ANSWER)->answer = *what;
}

static void end(struct berth_operation *op, struct berth_actions *out)
{
    op->phase = BERTH_PHASE_DONE;
    berth__op_add(out, BERTH_DO_END);
}

void berth__op_refuse(struct berth_operation *op, enum berth_reason why, struct berth_actions *out)
{
    berth__op_answer(
        op, &(struct berth_answer){ .reason = why, .operation_id = op->req.operation_id }, out);
    end(op, out);
}

void berth__op_fail(struct berth_operation *op, berth_err e, struct berth_actions *out)
{
    berth__op_refuse(op, berth_reason_of_err(e), out);
}

void berth__op_tell(struct berth_operation *op, const struct berth_registration *state,
                    enum berth_reason reason, struct berth_actions *out)
{
    berth__op_answer(
        op,
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

void berth__op_commit(struct berth_operation *op, enum berth_reason reason,
                      struct berth_actions *out)
{
    struct berth_action *a = berth__op_add(out, BERTH_DO_COMMIT);

    a->changes = op->changes;
    a->change_count = op->change_count;
    op->result_reason = reason;
    op->phase = BERTH_PHASE_COMMITTING;
}

bool berth_answer_is_error(const struct berth_answer *a)
{
    return a->reason != BERTH_WHY_NONE && berth_reason_row(a->reason)->word[0] == '\0';
}

int berth_answer_wait_s(const struct berth_answer *a)
{
    bool is_ours = berth_answer_is_error(a) && berth_reason_row(a->reason)->status >= 500;

    return a->retry_after_s > 0 || !is_ours ? a->retry_after_s : BERTH_RETRY_AFTER_S;
}
