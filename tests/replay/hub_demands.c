/* The assigned hub: telemetry and twin. */
#include <string.h>

#include "replay/demand.h"
#include "unit/check.h"

static const char *topic_of(const struct exchange *x)
{
    const struct heard *h = answer_of(x);

    return h == NULL ? "" : h->head;
}

/* "$iothub/twin/res/200/?" and the request's query as it was. */
static bool answers_rid(const struct exchange *x, const struct talk *t)
{
    static const char start[] = "$iothub/twin/res/200/";
    const char *topic = topic_of(x);
    size_t at = berth_str_find(x->packet.topic, '?');

    (void)t;
    return strncmp(topic, start, strlen(start)) == 0 &&
           berth_str_eq(berth_str_of(topic + strlen(start)),
                        berth_str_sub(x->packet.topic, at, x->packet.topic.n));
}

static bool topic_for_csharp(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return matches(topic_of(x), "\\$iothub/twin/res/2([0-9]+)/(\\?.+)");
}

static bool query_for_python(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return matches(topic_of(x), "/\\?[^=&]+=[^&]*(&[^=&]+=[^&]*)*$");
}

static bool has_versions(const struct exchange *x, const struct talk *t)
{
    json_t *j = answer_json(x);
    bool yes = json_is_integer(json_object_get(json_object_get(j, "desired"), "$version")) &&
               json_is_integer(json_object_get(json_object_get(j, "reported"), "$version"));

    (void)t;
    json_decref(j);
    return yes;
}

/* What the enrollment gave the twin: the device created by the registration is the one that the
 * hub serves. */
static bool has_desired(const struct exchange *x, const struct talk *t)
{
    json_t *j = answer_json(x);
    const json_t *interval = json_object_get(json_object_get(j, "desired"), "interval");
    bool yes = json_integer_value(interval) == 30;

    (void)t;
    json_decref(j);
    return yes;
}

static bool costs_no_connection(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return !x->closed;
}

static bool acknowledged_in_order(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return x->count == 1 && x->heard[0].packet == BERTH_MQTT_PUBACK &&
           x->heard[0].packet_id == x->packet.packet_id;
}

static bool member_is(const json_t *object, const char *name, berth_str text)
{
    const char *got = json_string_value(json_object_get(object, name));

    return got != NULL && berth_str_eq(berth_str_of(got), text);
}

/* Each message has its number as idx in the bag and as n in the payload. */
static berth_str number_of(const struct exchange *x)
{
    berth_str payload = x->packet.payload;

    return payload.n < 2 ? payload : berth_str_sub(payload, payload.n - 2, 1);
}

static bool arrives_whole(const struct exchange *x, const struct talk *t)
{
    json_t *events = json_loads(t->events, 0, NULL);
    const json_t *event;
    size_t i, found = 0;

    json_array_foreach(events, i, event)
    {
        const json_t *system = json_object_get(event, "systemProperties");
        found += member_is(event, "payload", x->packet.payload) &&
                 member_is(event, "deviceId", BERTH_STR(STAGE_DEVICE)) &&
                 member_is(json_object_get(event, "properties"), "idx", number_of(x)) &&
                 member_is(system, "contentType", BERTH_STR("application/json")) &&
                 member_is(system, "contentEncoding", BERTH_STR("utf-8"));
    }
    json_decref(events);
    return found == 1;
}

#define ON_MQTT (C | EMBEDDED | NODE | PYTHON | CSHARP)

static const struct demand rows[] = {
    { ON_MQTT, MQTT, HUB, ROLE(TWIN_GET), ALWAYS, "twin answer: 200 and $rid, byte for byte",
      "hub-device 9, iothubtransport_mqtt_common.c:620", answers_rid, NULL },
    { CSHARP, MQTT, HUB, ROLE(TWIN_GET), ALWAYS, "twin answer as its regex has it, below 300",
      "hub-device 9, MqttTransportHandler.cs:71", topic_for_csharp, NULL },
    { PYTHON, MQTT, HUB, ROLE(TWIN_GET), ALWAYS, "every part of a topic's query has its =",
      "hub-device 11, mqtt_topic_iothub.py:407", query_for_python, NULL },
    { ON_MQTT, MQTT, HUB, ROLE(TWIN_GET), ALWAYS, "$version of desired and of reported",
      "hub-device 9, 19 H16, pipeline_stages_iothub.py:98", has_versions, NULL },
    { ON_MQTT, MQTT, HUB, ROLE(TWIN_GET), ALWAYS, "the twin that provisioning gave the device",
      "hub-device 9, dps-service 18", has_desired, NULL },
    { NODE | PYTHON, MQTT, HUB, ROLE(TWIN_GET), ALWAYS, "one blank as payload is no fault",
      "hub-device 19 H27", costs_no_connection, NULL },
    { ON_MQTT, MQTT, HUB, ROLE(EVENT), ALWAYS, "PUBACK in the order of the messages",
      "hub-device 7, 19 H1, OrderedTwoPhaseWorkQueue.cs:62", acknowledged_in_order, NULL },
    { ON_MQTT, MQTT, HUB, ROLE(EVENT), ALWAYS,
      "a message arrives with its bag, raw slashes and all", "hub-device 7, 19 H20", arrives_whole,
      NULL },
};

const struct demand_table hub_demands = { rows, ARRAY_LEN(rows) };
