#include "prov/dps_device.h"
#include "wire/percent.h"
#include "wire/query.h"

#define REGISTRATIONS BERTH_STR("registrations")
#define PUT_TOPIC     "$dps/registrations/PUT/iotdps-register/"
#define GET_TOPIC     "$dps/registrations/GET/iotdps-get-operationstatus/"
#define ANSWER_TOPIC  "$dps/registrations/res/"

berth_err berth_dps_user_parse(berth_str user, struct berth_dps_user *out)
{
    berth_str scope = berth_str_cut(&user, '/');
    berth_str word = berth_str_cut(&user, '/');
    berth_str id = berth_str_cut(&user, '/');

    *out = (struct berth_dps_user){ 0 };
    if (scope.n == 0 || id.n == 0 || !berth_str_ieq(word, REGISTRATIONS))
        return BERTH_E_SYNTAX;
    if (berth_str_find(user, '/') < user.n)
        return BERTH_E_SYNTAX;
    out->id_scope = scope;
    out->registration_id = id;
    out->api_version = berth_query_get(user, BERTH_STR("api-version"));
    out->client_version = berth_query_get(user, BERTH_STR("ClientVersion"));
    return BERTH_OK;
}

void berth_dps_user_put(struct berth_buf *b, berth_str id_scope, berth_str registration_id,
                        berth_str client_version)
{
    berth_dps_resource_put(b, id_scope, registration_id);
    berth_buf_put(b, BERTH_STR("/api-version=" BERTH_DPS_API_VERSION));
    if (client_version.n > 0) {
        berth_buf_put(b, BERTH_STR("&ClientVersion="));
        berth_percent_put(b, client_version);
    }
}

void berth_dps_resource_put(struct berth_buf *b, berth_str id_scope, berth_str registration_id)
{
    berth_buf_put(b, id_scope);
    berth_buf_put(b, BERTH_STR("/registrations/"));
    berth_buf_put(b, registration_id);
}

berth_err berth_dps_topic_parse(berth_str topic, struct berth_dps_topic *out)
{
    bool is_poll = berth_str_skip(&topic, BERTH_STR(GET_TOPIC));
    berth_str rid;

    *out = (struct berth_dps_topic){ 0 };
    if (!is_poll && !berth_str_skip(&topic, BERTH_STR(PUT_TOPIC)))
        return BERTH_E_SYNTAX;
    if (topic.n > 0 && !berth_str_skip(&topic, BERTH_STR("?")))
        return BERTH_E_SYNTAX;
    rid = berth_query_get(topic, BERTH_STR("$rid"));
    if (rid.n > BERTH_DPS_RID_MAX)
        return BERTH_E_RANGE;
    out->is_poll = is_poll;
    out->rid = rid;
    if (is_poll)
        out->operation_id = berth_query_get(topic, BERTH_STR("operationId"));
    return BERTH_OK;
}

void berth_dps_topic_register_put(struct berth_buf *b, berth_str rid)
{
    berth_buf_put(b, BERTH_STR(PUT_TOPIC "?$rid="));
    berth_buf_put(b, rid);
}

void berth_dps_topic_poll_put(struct berth_buf *b, berth_str rid, berth_str operation_id)
{
    berth_buf_put(b, BERTH_STR(GET_TOPIC "?$rid="));
    berth_buf_put(b, rid);
    berth_buf_put(b, BERTH_STR("&operationId="));
    berth_buf_put(b, operation_id);
}

/* $rid stands first and every parameter has a value: the Python SDK splits on '$' and refuses a
 * parameter without '='. */
void berth_dps_answer_topic_put(struct berth_buf *b, int status, berth_str rid, int retry_after_s)
{
    berth_buf_put(b, BERTH_STR(ANSWER_TOPIC));
    berth_buf_put_i64(b, status);
    berth_buf_put(b, BERTH_STR("/?$rid="));
    berth_buf_put(b, rid);
    if (retry_after_s > 0) {
        berth_buf_put(b, BERTH_STR("&retry-after="));
        berth_buf_put_i64(b, retry_after_s);
    }
}

berth_err berth_dps_answer_topic_parse(berth_str topic, struct berth_dps_answer_topic *out)
{
    uint64_t status, retry_after;
    berth_str digits;
    berth_err e;

    *out = (struct berth_dps_answer_topic){ 0 };
    if (!berth_str_skip(&topic, BERTH_STR(ANSWER_TOPIC)))
        return BERTH_E_SYNTAX;
    digits = berth_str_cut(&topic, '/');
    e = berth_str_to_u64(digits, &status);
    if (e != BERTH_OK)
        return e;
    if (status < 100 || status > 599)
        return BERTH_E_RANGE;
    if (!berth_str_skip(&topic, BERTH_STR("?")))
        return BERTH_E_SYNTAX;
    out->status = (int)status;
    out->rid = berth_query_get(topic, BERTH_STR("$rid"));
    /* a date or a fraction is no reason to lose the answer: the client has its own default */
    if (berth_str_to_u64(berth_query_get(topic, BERTH_STR("retry-after")), &retry_after) ==
            BERTH_OK &&
        retry_after <= INT32_MAX)
        out->retry_after_s = (int)retry_after;
    return BERTH_OK;
}

static berth_err decode(berth_str segment, struct berth_arena *a, berth_str *out)
{
    struct berth_buf b;
    berth_err e;

    berth_arena_lend(a, &b);
    e = berth_percent_decode(segment, &b);
    return e == BERTH_OK ? berth_arena_keep(a, &b, out) : e;
}

/* Which path it is, with the parts still encoded. */
static berth_err split_path(berth_str path, struct berth_dps_path *out)
{
    berth_str verb;

    if (!berth_str_skip(&path, BERTH_STR("/")))
        return BERTH_E_NOT_FOUND;
    out->id_scope = berth_str_cut(&path, '/');
    if (out->id_scope.n == 0 || !berth_percent_ieq(berth_str_cut(&path, '/'), REGISTRATIONS))
        return BERTH_E_NOT_FOUND;
    out->is_lookup = berth_str_find(path, '/') == path.n;
    out->registration_id = berth_str_cut(&path, '/');
    if (out->registration_id.n == 0)
        return BERTH_E_NOT_FOUND;
    if (out->is_lookup)
        return BERTH_OK;

    out->is_register = berth_percent_ieq(path, BERTH_STR("register"));
    if (out->is_register)
        return BERTH_OK;
    verb = berth_str_cut(&path, '/');
    out->is_poll = berth_percent_ieq(verb, BERTH_STR("operations")) && path.n > 0 &&
                   berth_str_find(path, '/') == path.n;
    out->operation_id = path;
    return out->is_poll ? BERTH_OK : BERTH_E_NOT_FOUND;
}

berth_err berth_dps_path_parse(berth_str path, struct berth_arena *a, struct berth_dps_path *out)
{
    struct berth_dps_path split = { 0 };
    berth_err e = split_path(path, &split);

    *out = (struct berth_dps_path){ 0 };
    if (e == BERTH_OK)
        e = decode(split.id_scope, a, &split.id_scope);
    if (e == BERTH_OK)
        e = decode(split.registration_id, a, &split.registration_id);
    if (e == BERTH_OK && split.is_poll)
        e = decode(split.operation_id, a, &split.operation_id);
    if (e == BERTH_OK)
        *out = split;
    return e;
}
