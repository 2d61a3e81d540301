/* hub/hub_event.h - one message of a device as those who watch a hub read it. docs/api.md */
#ifndef BERTH_HUB_HUB_EVENT_H
#define BERTH_HUB_HUB_EVENT_H

#include "base/arena.h"
#include "berth/buf.h"

#define BERTH_HUB_EVENT_PROPERTIES_MAX 256 /* shown; the JSON reader takes 1024 names */

struct berth_hub_event {
    uint64_t sequence;
    int64_t time_ms;
    berth_str device_id;
    berth_str bag; /* as received: UTF-8 without NUL, as in any MQTT topic */
    berth_str payload;
    berth_str audit; /* JSON; not absent: no message, but what an operator should look into */
};

/* Of an audit event {"sequence","time","deviceId","audit":{}}. Of a message
 * {"sequence","time","deviceId","properties":{},"systemProperties":{},"payload","payloadEncoding"}:
 * names once each, the first one counts; the payload as text when it is UTF-8 without control
 * characters but blanks, else as base64. A is for the names. BERTH_E_FULL leaves B unfinished. */
BERTH_MUST_USE berth_err berth_hub_event_put(struct berth_buf *b, const struct berth_hub_event *e,
                                             struct berth_arena *a);

#endif
