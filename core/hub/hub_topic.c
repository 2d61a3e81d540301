#include "hub/hub_topic.h"

#include "base/utf8.h"
#include "wire/percent.h"
#include "wire/query.h"

#define DEVICES       "devices/"
#define ANSWERS       "$iothub/twin/res/"
#define DESIRED       "$iothub/twin/PATCH/properties/desired/"
#define METHODS       "$iothub/methods/POST/"
#define TWIN_GET      "$iothub/twin/GET/"
#define TWIN_REPORT   "$iothub/twin/PATCH/properties/reported/"
#define METHOD_ANSWER "$iothub/methods/res/"

/* Nothing, "?api-version=..", or the "api-version=.." of old documentation. */
static bool take_query(berth_str rest, struct berth_hub_user *out)
{
    out->query = rest;
    if (rest.n == 0 || berth_str_starts(rest, BERTH_STR("api-version=")))
        return true;
    return berth_str_skip(&out->query, BERTH_STR("?"));
}

berth_err berth_hub_user_parse(berth_str user, struct berth_hub_user *out)
{
    struct berth_hub_user u = { .hub = berth_str_cut(&user, '/'),
                                .device_id = berth_str_cut(&user, '/') };

    *out = (struct berth_hub_user){ 0 };
    if (u.hub.n == 0 || u.device_id.n == 0)
        return BERTH_E_SYNTAX;
    if (!take_query(user, &u)) {
        u.module_id = berth_str_cut(&user, '/');
        if (u.module_id.n == 0 || !take_query(user, &u))
            return BERTH_E_SYNTAX;
    }
    *out = u;
    return BERTH_OK;
}

/* ---- topics ---- */

/* What follows devices/: {id}/messages/events/{bag}, {id}/modules/{mid}/messages/events/{bag}. */
static void take_device_topic(berth_str rest, struct berth_hub_topic *out)
{
    out->device_id = berth_str_cut(&rest, '/');
    if (berth_str_skip(&rest, BERTH_STR("modules/")))
        out->module_id = berth_str_cut(&rest, '/');
    if (!berth_str_skip(&rest, BERTH_STR("messages/events")))
        return;
    if (rest.n > 0 && !berth_str_skip(&rest, BERTH_STR("/")))
        return;
    out->type = BERTH_HUB_TELEMETRY;
    out->bag = rest;
}

static const struct {
    enum berth_hub_topic_type type;
    berth_str prefix;
} requests[] = {
    { BERTH_HUB_TWIN_GET, BERTH_STR_INIT(TWIN_GET) },
    { BERTH_HUB_TWIN_REPORT, BERTH_STR_INIT(TWIN_REPORT) },
    { BERTH_HUB_METHOD_ANSWER, BERTH_STR_INIT(METHOD_ANSWER) },
};

static berth_err take_request(berth_str topic, struct berth_hub_topic *out)
{
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        if (!berth_str_skip(&topic, requests[i].prefix))
            continue;
        (void)berth_str_cut(&topic, '?');
        out->rid = berth_query_get(topic, BERTH_STR("$rid"));
        if (out->rid.n > BERTH_HUB_RID_MAX)
            return BERTH_E_RANGE;
        out->type = requests[i].type;
        return BERTH_OK;
    }
    return BERTH_OK;
}

berth_err berth_hub_topic_parse(berth_str topic, struct berth_hub_topic *out)
{
    *out = (struct berth_hub_topic){ .type = BERTH_HUB_OTHER };
    if (!berth_str_skip(&topic, BERTH_STR(DEVICES)))
        return take_request(topic, out);
    take_device_topic(topic, out);
    return BERTH_OK;
}

enum berth_hub_filter berth_hub_filter_of(berth_str filter, berth_str device_id)
{
    if (berth_str_eq(filter, BERTH_STR(METHODS "#")))
        return BERTH_HUB_FILTER_METHODS;
    if (berth_str_eq(filter, BERTH_STR(ANSWERS "#")))
        return BERTH_HUB_FILTER_ANSWERS;
    if (berth_str_eq(filter, BERTH_STR(DESIRED "#")))
        return BERTH_HUB_FILTER_DESIRED;
    if (berth_str_skip(&filter, BERTH_STR(DEVICES)) && berth_str_skip(&filter, device_id) &&
        berth_str_eq(filter, BERTH_STR("/messages/devicebound/#")))
        return BERTH_HUB_FILTER_MESSAGES;
    return BERTH_HUB_FILTERS;
}

/* $rid stands first and every parameter has a value: the Python SDK refuses one without '='. */
void berth_hub_answer_topic_put(struct berth_buf *b, int status, berth_str rid, int64_t version)
{
    berth_buf_put(b, BERTH_STR(ANSWERS));
    berth_buf_put_i64(b, status);
    berth_buf_put(b, BERTH_STR("/?$rid="));
    berth_buf_put(b, rid);
    if (version > 0) {
        berth_buf_put(b, BERTH_STR("&$version="));
        berth_buf_put_i64(b, version);
    }
}

void berth_hub_desired_topic_put(struct berth_buf *b, int64_t version)
{
    berth_buf_put(b, BERTH_STR(DESIRED "?$version="));
    berth_buf_put_i64(b, version);
}

/* ---- property bags ---- */

bool berth_hub_bag_next(berth_str *bag, struct berth_hub_property *out)
{
    while (bag->n > 0) {
        berth_str rest = berth_str_cut(bag, '&');
        size_t all = rest.n;

        out->name = berth_str_cut(&rest, '=');
        out->value = out->name.n < all ? rest : (berth_str){ 0 };
        if (out->name.n > 0)
            return true;
    }
    return false;
}

berth_err berth_hub_bag_decode(berth_str text, struct berth_arena *a, berth_str *out)
{
    struct berth_buf b;
    berth_err e;

    *out = text;
    if (berth_str_find(text, '%') == text.n)
        return BERTH_OK;
    berth_arena_lend(a, &b);
    e = berth_percent_decode(text, &b);
    if (e == BERTH_E_FULL)
        return e;
    if (e != BERTH_OK || !berth_utf8_is_valid(berth_buf_str(&b)))
        return BERTH_OK;
    return berth_arena_keep(a, &b, out);
}

static const struct {
    berth_str key, word;
} system_names[] = {
    { BERTH_STR_INIT("mid"), BERTH_STR_INIT("messageId") },
    { BERTH_STR_INIT("cid"), BERTH_STR_INIT("correlationId") },
    { BERTH_STR_INIT("uid"), BERTH_STR_INIT("userId") },
    { BERTH_STR_INIT("ct"), BERTH_STR_INIT("contentType") },
    { BERTH_STR_INIT("ce"), BERTH_STR_INIT("contentEncoding") },
    { BERTH_STR_INIT("to"), BERTH_STR_INIT("to") },
    { BERTH_STR_INIT("exp"), BERTH_STR_INIT("expiryTimeUtc") },
    { BERTH_STR_INIT("ctime"), BERTH_STR_INIT("creationTimeUtc") },
    { BERTH_STR_INIT("on"), BERTH_STR_INIT("outputName") },
    { BERTH_STR_INIT("sub"), BERTH_STR_INIT("componentName") },
    { BERTH_STR_INIT("ifid"), BERTH_STR_INIT("interfaceId") },
    { BERTH_STR_INIT("schema"), BERTH_STR_INIT("messageSchema") },
    { BERTH_STR_INIT("diagid"), BERTH_STR_INIT("diagnosticId") },
    { BERTH_STR_INIT("diagctx"), BERTH_STR_INIT("diagnosticContext") },
};

berth_str berth_hub_system_name(berth_str name)
{
    if (!berth_str_skip(&name, BERTH_STR("$.")))
        return (berth_str){ 0 };
    for (size_t i = 0; i < sizeof system_names / sizeof *system_names; i++)
        if (berth_str_eq(name, system_names[i].key))
            return system_names[i].word;
    return name;
}
