#include <assert.h>

#include "prov/dps_device.h"
#include "wire/json_time.h"

/* ---- the device's request ---- */

/* Member NAME as plain text: absent when it is missing or null, which some clients send for "not
 * set". BERTH_E_SYNTAX for another type. */
static berth_err take_text(struct berth_json object, const char *name, struct berth_arena *a,
                           berth_str *out)
{
    struct berth_json v = berth_json_get(object, berth_str_of(name));

    if (v.type == BERTH_JSON_ABSENT || v.type == BERTH_JSON_NULL)
        return BERTH_OK;
    return berth_json_string(v, a, out);
}

static berth_str take_source(struct berth_json object, const char *name)
{
    struct berth_json v = berth_json_get(object, berth_str_of(name));

    if (v.type == BERTH_JSON_NULL)
        return (berth_str){ 0 };
    return v.text;
}

/* Several SDKs publish nothing or one blank: who asks is known from the connection. */
berth_err berth_dps_register_parse(berth_str body, struct berth_arena *a,
                                   struct berth_dps_register *out)
{
    struct berth_dps_register r = { 0 };
    struct berth_json object;
    berth_err e;

    *out = r;
    if (berth_str_trim(body).n == 0)
        return BERTH_OK;
    e = berth_json_check(body, &object, NULL);
    if (e != BERTH_OK)
        return e;
    if (object.type != BERTH_JSON_OBJECT)
        return BERTH_E_SYNTAX;
    e = take_text(object, "registrationId", a, &r.registration_id);
    if (e != BERTH_OK)
        return e;
    r.payload = take_source(object, "payload");
    *out = r;
    return BERTH_OK;
}

void berth_dps_register_put(struct berth_buf *b, berth_str registration_id, berth_str payload)
{
    struct berth_json_out j;

    berth_json_begin(&j, b);
    berth_json_open(&j, '{');
    berth_json_member(&j, "registrationId", registration_id);
    if (payload.n > 0)
        berth_json_member_raw(&j, "payload", payload);
    berth_json_close(&j, '}');
}

/* ---- the service's answer ---- */

/* While nothing is recorded only this much is known. aziot needs the ID and the status in the
 * answer to a poll, and code and message with "failed". */
static void put_brief(struct berth_buf *b, const struct berth_registration *r)
{
    struct berth_json_out j;

    berth_json_begin(&j, b);
    berth_json_open(&j, '{');
    if (r->id.n > 0)
        berth_json_member(&j, "registrationId", r->id);
    berth_json_member(&j, "status", berth_str_of(berth_registration_status_text(r->status)));
    if (r->error_code != 0) {
        berth_json_member_i64(&j, "errorCode", r->error_code);
        berth_json_member(&j, "errorMessage", r->error_message);
    }
    berth_json_close(&j, '}');
}

/* The state as told: that of a refusal takes status, code and words from the reasons table. */
static struct berth_registration told_state(const struct berth_answer *answer)
{
    const struct berth_reason_row *row = berth_reason_row(answer->reason);
    struct berth_registration r = answer->state;

    if (answer->reason == BERTH_WHY_NONE)
        return r;
    assert(row->word[0] != '\0'); /* without a word it is berth_dps_error_put's */
    r.status = berth_str_eq(berth_str_of(row->word), BERTH_STR("disabled")) ? BERTH_DISABLED
                                                                            : BERTH_FAILED;
    r.error_code = row->code;
    r.error_message = answer->message.p != NULL ? answer->message : berth_str_of(row->peer);
    return r;
}

void berth_dps_answer_put(struct berth_buf *b, const struct berth_answer *answer)
{
    struct berth_registration state = told_state(answer);
    struct berth_json_out j;

    berth_json_begin(&j, b);
    berth_json_open(&j, '{');
    berth_json_member(&j, "operationId", answer->operation_id);
    berth_json_member(&j, "status", berth_str_of(berth_registration_status_text(state.status)));
    berth_json_name(&j, BERTH_STR("registrationState"));
    if (answer->has_state && state.status != BERTH_ASSIGNING)
        berth_registration_put(b, &state);
    else
        put_brief(b, &state);
    berth_json_close(&j, '}');
}

void berth_dps_error_put(struct berth_buf *b, enum berth_reason why, berth_str message,
                         berth_str tracking_id, int64_t now_ms)
{
    const struct berth_reason_row *row = berth_reason_row(why);
    struct berth_json_out j;

    berth_json_begin(&j, b);
    berth_json_open(&j, '{');
    berth_json_member_i64(&j, "errorCode", row->code);
    if (tracking_id.n > 0)
        berth_json_member(&j, "trackingId", tracking_id);
    berth_json_member(&j, "message", message.p != NULL ? message : berth_str_of(row->peer));
    berth_json_member_time(&j, "timestampUtc", now_ms);
    berth_json_close(&j, '}');
}

/* ---- what a client reads out of it ---- */

static berth_err take_status(struct berth_json object, struct berth_arena *a,
                             struct berth_dps_result *out)
{
    berth_str word = { 0 };
    berth_err e = take_text(object, "status", a, &word);

    if (e != BERTH_OK || word.p == NULL)
        return e;
    for (int s = BERTH_UNASSIGNED; s <= BERTH_DISABLED; s++) {
        enum berth_registration_status status = (enum berth_registration_status)s;
        if (!berth_str_ieq(word, berth_str_of(berth_registration_status_text(status))))
            continue;
        out->status = status;
        out->has_status = true;
        return BERTH_OK;
    }
    return BERTH_E_SYNTAX;
}

static berth_err take_code(struct berth_json object, int64_t *out)
{
    struct berth_json v = berth_json_get(object, BERTH_STR("errorCode"));

    if (v.type == BERTH_JSON_ABSENT || v.type == BERTH_JSON_NULL)
        return BERTH_OK;
    return berth_json_i64(v, out);
}

static berth_err take_state(struct berth_json state, struct berth_arena *a,
                            struct berth_dps_result *out)
{
    berth_err e = take_text(state, "assignedHub", a, &out->assigned_hub);

    if (e == BERTH_OK)
        e = take_text(state, "deviceId", a, &out->device_id);
    if (e == BERTH_OK)
        e = take_text(state, "substatus", a, &out->substatus);
    if (e == BERTH_OK)
        e = take_text(state, "errorMessage", a, &out->error_message);
    if (e == BERTH_OK)
        e = take_code(state, &out->error_code);
    out->payload = take_source(state, "payload");
    return e;
}

/* A body without status is an error's: {"errorCode","trackingId","message"}. */
static berth_err take_error(struct berth_json object, struct berth_arena *a,
                            struct berth_dps_result *out)
{
    berth_err e = take_code(object, &out->error_code);

    return e == BERTH_OK ? take_text(object, "message", a, &out->error_message) : e;
}

berth_err berth_dps_answer_parse(berth_str body, struct berth_arena *a,
                                 struct berth_dps_result *out)
{
    struct berth_dps_result r = { 0 };
    struct berth_json object;
    berth_err e;

    *out = r;
    e = berth_json_check(body, &object, NULL);
    if (e != BERTH_OK)
        return e;
    if (object.type != BERTH_JSON_OBJECT)
        return BERTH_E_SYNTAX;
    e = take_status(object, a, &r);
    if (e == BERTH_OK)
        e = take_text(object, "operationId", a, &r.operation_id);
    if (e == BERTH_OK)
        e = take_text(object, "trackingId", a, &r.tracking_id);
    if (e == BERTH_OK && r.has_status)
        e = take_state(berth_json_get(object, BERTH_STR("registrationState")), a, &r);
    else if (e == BERTH_OK)
        e = take_error(object, a, &r);
    if (e == BERTH_OK)
        *out = r;
    return e;
}
