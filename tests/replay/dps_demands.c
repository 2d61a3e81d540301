/* Provisioning: what a register request and a poll must be answered, over HTTP and over MQTT. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/demand.h"
#include "unit/check.h"

/* ---- the document ---- */

static bool is_object(const struct exchange *x, const struct talk *t)
{
    json_t *j = answer_json(x);
    bool yes = json_is_object(j);

    (void)t;
    json_decref(j);
    return yes;
}

static bool has_operation_id(const struct exchange *x, const struct talk *t)
{
    char id[256];

    (void)t;
    return answer_text(x, "operationId", id, sizeof id) && id[0] != '\0';
}

static bool keeps_operation_id(const struct exchange *x, const struct talk *t)
{
    char id[256];

    return answer_text(x, "operationId", id, sizeof id) && strcmp(id, t->operation_id) == 0;
}

/* It is pasted as it is into a topic, and into a buffer of 256 bytes with it. */
static bool id_survives_a_topic(const struct exchange *x, const struct talk *t)
{
    char id[256];

    (void)t;
    return answer_text(x, "operationId", id, sizeof id) && matches(id, "^[0-9a-zA-Z.-]{1,185}$");
}

static bool says(const struct exchange *x, const char *path, const char *word)
{
    char text[256];

    return answer_text(x, path, text, sizeof text) && strcmp(text, word) == 0;
}

static const char *wanted_status(const struct exchange *x, const struct talk *t)
{
    return x->role == SAYS_REGISTER && t->assigning_first ? "assigning" : "assigned";
}

static bool has_status(const struct exchange *x, const struct talk *t)
{
    return says(x, "status", wanted_status(x, t));
}

static bool has_inner_status(const struct exchange *x, const struct talk *t)
{
    return says(x, "registrationState.status", wanted_status(x, t));
}

static bool has_state(const struct exchange *x, const struct talk *t)
{
    json_t *j = answer_json(x);
    bool yes = json_is_object(json_object_get(j, "registrationState"));

    (void)t;
    json_decref(j);
    return yes;
}

static bool names_device(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return says(x, "registrationState.registrationId", STAGE_DEVICE);
}

static bool has_hub_and_device(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return says(x, "registrationState.assignedHub", STAGE_HUB) &&
           says(x, "registrationState.deviceId", STAGE_DEVICE);
}

static bool hub_is_bare(const struct exchange *x, const struct talk *t)
{
    char hub[256];

    (void)t;
    return answer_text(x, "registrationState.assignedHub", hub, sizeof hub) &&
           matches(hub, "^[0-9A-Za-z.-]+$");
}

static bool has_substatus(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return says(x, "registrationState.substatus", "initialAssignment");
}

static bool has_no_null(const struct exchange *x, const struct talk *t)
{
    json_t *j = answer_json(x);
    bool yes = j != NULL && !holds_null(j);

    (void)t;
    json_decref(j);
    return yes;
}

static bool has_dates(const struct exchange *x, const struct talk *t)
{
    char date[64];

    (void)t;
    return answer_text(x, "registrationState.createdDateTimeUtc", date, sizeof date) &&
           is_date(date) &&
           answer_text(x, "registrationState.lastUpdatedDateTimeUtc", date, sizeof date) &&
           is_date(date);
}

/* ---- the topic ---- */

#define PREFIX "$dps/registrations/res/"

static const char *topic_of(const struct exchange *x)
{
    const struct heard *h = answer_of(x);

    return h == NULL ? "" : h->head;
}

static bool topic_for_c(const struct exchange *x, const struct talk *t)
{
    const char *topic = topic_of(x);
    long status;

    (void)t;
    if (strncmp(topic, PREFIX, strlen(PREFIX)) != 0)
        return false;
    status = strtol(topic + strlen(PREFIX), NULL, 10);
    return status >= 200 && status < 300;
}

static bool topic_for_embedded(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return matches(topic_of(x), "^\\$dps/registrations/res/2[0-9]{2}/\\?[^/]*$");
}

/* The request's own, byte for byte. */
static berth_str rid_of(berth_str topic)
{
    size_t at = berth_str_find(topic, '?');
    berth_str query = berth_str_sub(topic, at + 1, topic.n);

    return berth_str_skip(&query, BERTH_STR("$rid=")) ? berth_str_cut(&query, '&')
                                                      : (berth_str){ 0 };
}

static bool echoes_rid(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return rid_of(x->packet.topic).n > 0 &&
           berth_str_eq(rid_of(berth_str_of(topic_of(x))), rid_of(x->packet.topic));
}

static bool topic_for_node(const struct exchange *x, const struct talk *t)
{
    return matches(topic_of(x), "^\\$dps/registrations/res/(.*)/\\?(.*)$") && echoes_rid(x, t);
}

static bool topic_for_csharp(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return matches(topic_of(x), "^\\$dps/registrations/res/[0-9]+/\\?\\$rid=(.*)$");
}

/* Split at '$' it must be in three; each parameter needs its '=' and comes once. */
static bool topic_for_python(const struct exchange *x, const struct talk *t)
{
    const char *topic = topic_of(x), *second = topic[0] == '$' ? strchr(topic + 1, '$') : NULL;
    berth_str rest, seen[8];
    size_t n = 0;

    (void)t;
    if (second == NULL || strncmp(second - 2, "/?", 2) != 0 || strchr(second + 1, '$') != NULL)
        return false;
    for (rest = berth_str_of(second + 1); rest.n > 0 && n < ARRAY_LEN(seen); n++) {
        berth_str value = berth_str_cut(&rest, '&');
        if (berth_str_find(value, '=') == value.n)
            return false;
        seen[n] = berth_str_cut(&value, '=');
        for (size_t i = 0; i < n; i++)
            if (berth_str_eq(seen[i], seen[n]))
                return false;
    }
    return n > 0;
}

/* ---- when to come again ---- */

static bool retry_text(const struct exchange *x, char *out, size_t size)
{
    const struct heard *h = answer_of(x);
    const char *at;

    if (h == NULL)
        return false;
    if (h->type == HEARD_HTTP)
        return talk_field(h->head, "Retry-After", out, size);
    at = strstr(h->head, "&retry-after=");
    if (at == NULL)
        return false;
    (void)snprintf(out, size, "%.*s", (int)strcspn(at + 13, "&"), at + 13);
    return true;
}

/* Whole seconds; from 60 on C# has lost its channel. */
static bool says_when(const struct exchange *x, const struct talk *t)
{
    char text[32];

    (void)t;
    return retry_text(x, text, sizeof text) && matches(text, "^[1-9][0-9]?$") && atoi(text) < 60;
}

/* ---- HTTP ---- */

static bool status_in(const struct exchange *x, int from, int to)
{
    const struct heard *h = answer_of(x);

    return h != NULL && h->status >= from && h->status <= to;
}

static bool status_for_c(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return status_in(x, 200, 226);
}

static bool status_for_node(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return status_in(x, 200, 299);
}

static bool is_202(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return status_in(x, 202, 202);
}

static bool is_200_or_202(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return status_in(x, 200, 200) || status_in(x, 202, 202);
}

static bool has_phrase(const struct exchange *x, const struct talk *t)
{
    const struct heard *h = answer_of(x);

    (void)t;
    return h != NULL && matches(h->head, "^HTTP/1\\.1 [0-9]{3} [A-Z][A-Za-z -]*\r\n");
}

static bool stays_open(const struct exchange *x, const struct talk *t)
{
    const struct heard *h = answer_of(x);
    char text[64];

    (void)t;
    return h != NULL && !x->closed &&
           (!talk_field(h->head, "Connection", text, sizeof text) ||
            strcasecmp(text, "close") != 0);
}

/* ---- refusals ---- */

static int refusal_of(const struct talk *t)
{
    return t->refusal == REFUSED_RATE ? 429 : 401;
}

static bool has_refusal_status(const struct exchange *x, const struct talk *t)
{
    const struct heard *h = answer_of(x);
    char start[64];

    if (h == NULL)
        return false;
    if (h->type == HEARD_HTTP)
        return h->status == refusal_of(t);
    (void)snprintf(start, sizeof start, PREFIX "%d/?$rid=", refusal_of(t));
    return strncmp(h->head, start, strlen(start)) == 0;
}

static bool has_error_code(const struct exchange *x, const struct talk *t)
{
    json_t *j = answer_json(x);
    bool yes = json_integer_value(json_object_get(j, "errorCode")) / 1000 == refusal_of(t);

    json_decref(j);
    return yes;
}

static bool has_error_texts(const struct exchange *x, const struct talk *t)
{
    char text[256];

    (void)t;
    return answer_text(x, "trackingId", text, sizeof text) &&
           answer_text(x, "message", text, sizeof text) &&
           answer_text(x, "timestampUtc", text, sizeof text) && is_date(text);
}

static bool has_one_message(const struct exchange *x, const struct talk *t)
{
    char text[256];

    (void)t;
    return answer_text(x, "message", text, sizeof text) &&
           !answer_text(x, "errorMessage", text, sizeof text);
}

#define ON_HTTP (C | NODE | CSHARP | AZIOT)
#define ON_MQTT (C | EMBEDDED | NODE | PYTHON | CSHARP)
#define ANY     (HTTP | MQTT)

static const struct demand rows[] = {
    { ALL, ANY, DPS, REQUESTS, ALWAYS, "the answer is a JSON object", "dps-device 2.7, 10.3",
      is_object, NULL },
    { ALL, ANY, DPS, ROLE(REGISTER), ASSIGNING, "operationId with assigning", "dps-device 15",
      has_operation_id, NULL },
    { EMBEDDED | PYTHON | AZIOT, ANY, DPS, REQUESTS, ASSIGNED, "operationId with assigned too",
      "dps-device 15, az_iot_provisioning_client.c:376", has_operation_id, NULL },
    { C, ANY, DPS, REQUESTS, SERVED, "the same operationId in each answer",
      "dps-device 16 T8, prov_transport_http_client.c:944", keeps_operation_id, NULL },
    { ON_MQTT, MQTT, DPS, REQUESTS, SERVED, "operationId fit to be pasted into a topic",
      "dps-device 10.3", id_survives_a_topic, NULL },
    { ALL, ANY, DPS, REQUESTS, SERVED, "status at the top, in lower case",
      "dps-device 2.4, 15, prov_device_ll_client.c:538", has_status, NULL },
    { ALL, ANY, DPS, REQUESTS, ASSIGNED, "registrationState with assigned", "dps-device 15",
      has_state, NULL },
    { CSHARP, ANY, DPS, REQUESTS, SERVED, "the status in registrationState too",
      "dps-device 2.4, ProvisioningTransportHandlerMqtt.cs:179", has_inner_status, NULL },
    { AZIOT, ANY, DPS, REQUESTS, SERVED, "registrationState names the registration ID",
      "dps-device 15, schema.rs:63", names_device, NULL },
    { ALL, ANY, DPS, REQUESTS, ASSIGNED, "assignedHub and deviceId together, as strings",
      "dps-device 2.5, 15", has_hub_and_device, NULL },
    { ALL, ANY, DPS, REQUESTS, ASSIGNED, "assignedHub without scheme and port", "dps-device 16 T9",
      hub_is_bare, NULL },
    { PYTHON, ANY, DPS, REQUESTS, ASSIGNED, "substatus, without which it waits for ever",
      "dps-device 2.21", has_substatus, NULL },
    { C | EMBEDDED, ANY, DPS, REQUESTS, ALWAYS, "no null anywhere", "dps-device 2.6", has_no_null,
      NULL },
    { EMBEDDED | CSHARP, ANY, DPS, REQUESTS, ASSIGNED, "dates as strings that parse",
      "dps-device 15", has_dates, NULL },
    { C | EMBEDDED | NODE | PYTHON | CSHARP, ANY, DPS, ROLE(REGISTER), ASSIGNING,
      "a time to come again, in whole seconds under 60", "dps-device 8, 16 T5 T6", says_when,
      NULL },

    { C, MQTT, DPS, REQUESTS, SERVED, "topic's prefix and a status below 429",
      "dps-device 10.3, prov_transport_mqtt_common.c:207", topic_for_c, NULL },
    { EMBEDDED, MQTT, DPS, REQUESTS, SERVED, "topic: digits up to the slash, then the query",
      "dps-device 10.3, az_iot_provisioning_client.c:580", topic_for_embedded, NULL },
    { NODE, MQTT, DPS, REQUESTS, ALWAYS, "topic as its regex has it, $rid known",
      "dps-device 10.3, mqtt.ts:61", topic_for_node, NULL },
    { PYTHON, MQTT, DPS, REQUESTS, ALWAYS, "topic in three at its $, every parameter once with =",
      "dps-device 10.3, mqtt_topic_provisioning.py:80", topic_for_python, NULL },
    { CSHARP, MQTT, DPS, REQUESTS, ALWAYS, "topic as its regex has it, $rid first",
      "dps-device 10.3, ProvisioningChannelHandlerAdapter.cs:36", topic_for_csharp, NULL },
    { EMBEDDED | PYTHON | CSHARP, MQTT, DPS, REQUESTS, ALWAYS, "$rid comes back byte for byte",
      "dps-device 2.11", echoes_rid, NULL },

    { CSHARP | AZIOT, HTTP, DPS, ROLE(REGISTER), SERVED, "202 to a register request, never 200",
      "dps-device 2.1, RuntimeRegistration.cs:530, mod.rs:207", is_202, NULL },
    { CSHARP | AZIOT, HTTP, DPS, ROLE(POLL), SERVED, "200 or 202 to a poll",
      "dps-device 9.2, RuntimeRegistration.cs:163, mod.rs:245", is_200_or_202, NULL },
    { C, HTTP, DPS, REQUESTS, SERVED, "a status from 200 to 226", "dps-device 9.2", status_for_c,
      NULL },
    { NODE, HTTP, DPS, REQUESTS, SERVED, "a status below 300", "dps-device 9.2", status_for_node,
      NULL },
    { C, HTTP, DPS, REQUESTS, ALWAYS, "a reason phrase behind the status",
      "dps-device 9.3, uhttp.c:135", has_phrase, NULL },
    { C, HTTP, DPS, REQUESTS, ALWAYS, "one answer, its Content-Length exact, no chunks, no 1xx",
      "dps-device 9.3, uhttp.c:563 :598 :266", has_exact_length, NULL },
    { C, HTTP, DPS, REQUESTS, ALWAYS, "the connection stays open between its requests",
      "dps-device 9.2, 16 T1, uhttp.c:839", stays_open, NULL },
    { NODE | AZIOT, HTTP, DPS, REQUESTS, ALWAYS, "Content-Type: application/json",
      "dps-device 9.2, 16 T3, rest_api_client.ts:235", is_typed_json, NULL },

    { ALL, ANY, DPS, REQUESTS, REFUSED, "the status of what is wrong: 401 or 429",
      "dps-device 6, 10.1, captures, refusals", has_refusal_status, NULL },
    { EMBEDDED | CSHARP, ANY, DPS, REQUESTS, REFUSED, "errorCode, whose thousands are the status",
      "dps-device 6.1, az_iot_provisioning_client.c:244", has_error_code, NULL },
    { EMBEDDED | CSHARP, ANY, DPS, REQUESTS, REFUSED, "trackingId, message, timestampUtc: strings",
      "dps-device 6.1, az_iot_provisioning_client.c:470", has_error_texts, NULL },
    { AZIOT, ANY, DPS, REQUESTS, REFUSED, "message, and no errorMessage beside it",
      "dps-device 6.1, schema.rs:41", has_one_message, NULL },
    { C | EMBEDDED | NODE | PYTHON | CSHARP, ANY, DPS, REQUESTS, THROTTLED,
      "429 says when to come again", "dps-device 6.3, captures, refusals", says_when, NULL },
};

const struct demand_table dps_demands = { rows, ARRAY_LEN(rows) };
