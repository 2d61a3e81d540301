/* hub/hub_topic.h - the names of a hub's device API over MQTT: user names, topics, filters,
 * property bags. Views borrow. docs/wire.md */
#ifndef BERTH_HUB_HUB_TOPIC_H
#define BERTH_HUB_HUB_TOPIC_H

#include "base/arena.h"
#include "berth/buf.h"

#define BERTH_HUB_RID_MAX 256 /* bytes of a request ID; SDKs send up to 36 */

/* {hub}/{device}[/{module}]/?api-version=..; the query, or its '?', may be missing. Its values are
 * as sent: ';' in a raw model ID is data. BERTH_E_SYNTAX when it is not this form. */
struct berth_hub_user {
    berth_str hub, device_id;
    berth_str module_id; /* absent: the device itself */
    berth_str query;     /* without '?'; empty when none */
};
BERTH_MUST_USE berth_err berth_hub_user_parse(berth_str user, struct berth_hub_user *out);

/* What a device publishes. */
enum berth_hub_topic_type {
    BERTH_HUB_OTHER, /* none of the documented ones */
    BERTH_HUB_TELEMETRY,
    BERTH_HUB_TWIN_GET,
    BERTH_HUB_TWIN_REPORT,
    BERTH_HUB_METHOD_ANSWER,
};
struct berth_hub_topic {
    enum berth_hub_topic_type type;
    berth_str device_id; /* TELEMETRY, and OTHER under devices/; absent else */
    berth_str module_id; /* TELEMETRY of a module; absent else */
    berth_str bag;       /* TELEMETRY: to the end of the topic, also over a '/' */
    berth_str rid;       /* TWIN_..., METHOD_ANSWER; absent when not given */
};
/* BERTH_E_RANGE for a rid over its bound; every other topic is at least OTHER. */
BERTH_MUST_USE berth_err berth_hub_topic_parse(berth_str topic, struct berth_hub_topic *out);

/* What a device subscribes to. */
enum berth_hub_filter {
    BERTH_HUB_FILTER_MESSAGES, /* devices/{id}/messages/devicebound/# */
    BERTH_HUB_FILTER_METHODS,  /* $iothub/methods/POST/# */
    BERTH_HUB_FILTER_ANSWERS,  /* $iothub/twin/res/# */
    BERTH_HUB_FILTER_DESIRED,  /* $iothub/twin/PATCH/properties/desired/# */
    BERTH_HUB_FILTERS          /* how many; also: none of them */
};
/* Wildcards only as shown. DEVICE_ID is the session's. */
enum berth_hub_filter berth_hub_filter_of(berth_str filter, berth_str device_id);

/* $iothub/twin/res/{status}/?$rid={rid}[&$version={n}]; VERSION 0: none. */
void berth_hub_answer_topic_put(struct berth_buf *b, int status, berth_str rid, int64_t version);
/* $iothub/twin/PATCH/properties/desired/?$version={n} */
void berth_hub_desired_topic_put(struct berth_buf *b, int64_t version);

/* One property of a bag, as received. */
struct berth_hub_property {
    berth_str name;
    berth_str value; /* absent without '=' */
};
/* Moves *BAG past the next property; empty ones are passed over. False at the end. */
bool berth_hub_bag_next(berth_str *bag, struct berth_hub_property *out);
/* TEXT percent-decoded into A, once; as it stands when it has a broken escape or would not be
 * UTF-8: the C SDK sends names and values raw. BERTH_E_FULL. */
BERTH_MUST_USE berth_err berth_hub_bag_decode(berth_str text, struct berth_arena *a,
                                              berth_str *out);
/* "contentType" for "$.ct"; the rest of NAME for a system property without a word of its own;
 * absent for an application property. NAME is decoded. */
berth_str berth_hub_system_name(berth_str name);

#endif
