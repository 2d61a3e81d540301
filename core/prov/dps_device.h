/* prov/dps_device.h - the names and messages of the DPS device API: user names, topics, paths,
 * answers. Both ends use it: the daemon reads what the client writes. Source: the DPS device API;
 * docs/wire.md. */
#ifndef BERTH_PROV_DPS_DEVICE_H
#define BERTH_PROV_DPS_DEVICE_H

#include "base/arena.h"
#include "base/reason.h"
#include "prov/operation.h"

#define BERTH_DPS_API_VERSION     "2021-06-01" /* what berth's own client sends */
#define BERTH_DPS_RESPONSE_FILTER "$dps/registrations/res/#"

/* MQTT user name: {scope}/registrations/{id}/api-version=V[&ClientVersion=..]. Views borrow; ID is
 * as given. A missing or unknown version is fine; BERTH_E_SYNTAX when it is not this form. */
struct berth_dps_user {
    berth_str id_scope, registration_id, api_version, client_version;
};
BERTH_MUST_USE berth_err berth_dps_user_parse(berth_str user, struct berth_dps_user *out);
void berth_dps_user_put(struct berth_buf *b, berth_str id_scope, berth_str registration_id,
                        berth_str client_version);

#define BERTH_DPS_RID_MAX 256 /* bytes of a request ID; SDKs send up to 36 */

/* Topics of a device's publishes: register and operation status. rid is kept byte for byte.
 * BERTH_E_SYNTAX when it is neither, BERTH_E_RANGE for a rid over its bound. */
struct berth_dps_topic {
    bool is_poll;
    berth_str rid;          /* absent when not given */
    berth_str operation_id; /* of a poll; absent when not given */
};
BERTH_MUST_USE berth_err berth_dps_topic_parse(berth_str topic, struct berth_dps_topic *out);
void berth_dps_topic_register_put(struct berth_buf *b, berth_str rid);
void berth_dps_topic_poll_put(struct berth_buf *b, berth_str rid, berth_str operation_id);

/* $dps/registrations/res/{status}/?$rid={rid}[&retry-after={n}]. Parsing takes status 100 to 599
 * (else BERTH_E_RANGE); a retry-after that is no number counts as absent. */
void berth_dps_answer_topic_put(struct berth_buf *b, int status, berth_str rid, int retry_after_s);
struct berth_dps_answer_topic {
    int status;
    berth_str rid;
    int retry_after_s; /* 0 when absent */
};
BERTH_MUST_USE berth_err berth_dps_answer_topic_parse(berth_str topic,
                                                      struct berth_dps_answer_topic *out);

/* HTTP targets: /{scope}/registrations/{id}/register and
 * /{scope}/registrations/{id}/operations/{op}, percent-decoded into A, words without regard to
 * case. BERTH_E_NOT_FOUND when it is another path, BERTH_E_SYNTAX for a broken escape. PATH has no
 * query. */
struct berth_dps_path {
    berth_str id_scope, registration_id, operation_id;
    bool is_register, is_poll, is_lookup;
};
BERTH_MUST_USE berth_err berth_dps_path_parse(berth_str path, struct berth_arena *a,
                                              struct berth_dps_path *out);

/* {scope}/registrations/{id}: what a device's token is for. */
void berth_dps_resource_put(struct berth_buf *b, berth_str id_scope, berth_str registration_id);

/* Register body: {"registrationId":..,"payload":..}; also empty or one blank. Views borrow from
 * BODY or lie in A. */
struct berth_dps_register {
    berth_str registration_id; /* absent when not in the body */
    berth_str payload;         /* JSON source text; absent when not there or null */
};
BERTH_MUST_USE berth_err berth_dps_register_parse(berth_str body, struct berth_arena *a,
                                                  struct berth_dps_register *out);
void berth_dps_register_put(struct berth_buf *b, berth_str registration_id, berth_str payload);

#define BERTH_DPS_ANSWER_MAX 8192 /* bytes of a body that a device is sent */

/* Body of an answer: {"operationId","status","registrationState"}. A refusal with a status word
 * in the reasons table is told as a result: word, code and, unless ANSWER has one, message come
 * from the table. */
void berth_dps_answer_put(struct berth_buf *b, const struct berth_answer *answer);
/* Body of an error: {"errorCode","trackingId","message","timestampUtc"}. MESSAGE absent: the
 * reason's own. */
void berth_dps_error_put(struct berth_buf *b, enum berth_reason why, berth_str message,
                         berth_str tracking_id, int64_t now_ms);

/* What a client reads out of an answer's body. Views borrow from BODY or lie in A. BERTH_E_SYNTAX
 * also for a status word that is not known. */
struct berth_dps_result {
    berth_str operation_id;
    enum berth_registration_status status;
    bool has_status; /* false: an error body */
    berth_str assigned_hub, device_id, substatus;
    int64_t error_code; /* 0 when none */
    berth_str error_message;
    berth_str tracking_id;
    berth_str payload; /* JSON source text */
};
BERTH_MUST_USE berth_err berth_dps_answer_parse(berth_str body, struct berth_arena *a,
                                                struct berth_dps_result *out);

#endif
