/* prov/operation_parts.h - what the files of an operation share: operation.c its events,
 * operation_decide.c what becomes of a device that has been attested, operation_devices.c its
 * devices in the hubs, operation_actions.c what goes out. */
#ifndef BERTH_PROV_OPERATION_PARTS_H
#define BERTH_PROV_OPERATION_PARTS_H

#include "prov/operation.h"

/* One action more, for its caller to fill. */
struct berth_action *berth__op_add(struct berth_actions *out, enum berth_action_type type);
/* Answers unless it has been answered; the operation goes on. */
void berth__op_answer(struct berth_operation *op, const struct berth_answer *what,
                      struct berth_actions *out);
/* Answers and ends: refused for WHY; the service could not; STATE, with REASON when that is a
 * refusal that has a status word. */
void berth__op_refuse(struct berth_operation *op, enum berth_reason why, struct berth_actions *out);
void berth__op_fail(struct berth_operation *op, berth_err e, struct berth_actions *out);
void berth__op_tell(struct berth_operation *op, const struct berth_registration *state,
                    enum berth_reason reason, struct berth_actions *out);
/* Commits OP->changes; OP->result is told with REASON afterwards. */
void berth__op_commit(struct berth_operation *op, enum berth_reason reason,
                      struct berth_actions *out);

/* Goes on from OP->attested. */
void berth__op_decide(struct berth_operation *op, const struct berth_catalog *catalog,
                      int64_t now_ms, struct berth_actions *out);
/* From the beginning: a record has changed since it was read. */
void berth__op_decide_again(struct berth_operation *op, struct berth_actions *out);

/* Asks for the device in OP->target_hub, and in the hub where it was. */
void berth__op_load_devices(struct berth_operation *op, struct berth_actions *out);
/* They are here: moves the device, and commits it with the registration. */
void berth__op_move(struct berth_operation *op, const struct berth_event *ev, int64_t now_ms,
                    struct berth_actions *out);

/* Gives back what was taken of the arena since MARK; keys lay in it. */
void berth__op_clear_from(struct berth_operation *op, size_t mark);

#endif
