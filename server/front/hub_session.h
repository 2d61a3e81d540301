/* front/hub_session.h - a device's session with its hub over MQTT: what its files share, and what
 * the rest of the front needs of it. hub_mqtt.c speaks MQTT, hub_session.c knows when a session
 * begins and ends, hub_session_twin.c reads and writes the twin. */
#ifndef FRONT_HUB_SESSION_H
#define FRONT_HUB_SESSION_H

#include "base/reason.h"
#include "berth/registration_id.h"
#include "berth/sas.h"
#include "front/device_mqtt.h"
#include "front/sessions.h"
#include "hub/device.h"
#include "hub/hub_topic.h"
#include "prov/enrollment.h"

/* What is told once a session at most. Below these bits: the filters. */
enum {
    HUB_TOLD_METHOD_ANSWER = BERTH_HUB_FILTERS,
    HUB_TOLD_MODULE,
    HUB_TOLD_TOPIC,
    HUB_TOLD_UNHEARD,
};

struct hub_session {
    struct mqtt *m; /* NULL: its connection has gone */
    struct front *f;
    struct hub_session *next, **prev; /* in the front's list */
    struct session *place;            /* in the table; NULL before the login and after the end */
    int64_t began_ms;                 /* monotonic */
    uint16_t keep_alive_s;
    char hub_text[BERTH_HOST_NAME_MAX], device_text[BERTH_ID_MAX];
    berth_str hub, device_id;       /* the hub's key, not the name that the device gave it */
    berth_str host;                 /* that name, in M's login */
    struct berth_sas token;         /* in M's login */
    int granted[BERTH_HUB_FILTERS]; /* QoS of each; -1: not subscribed */
    unsigned told;                  /* bits of what was told */
    char *desired;                  /* the values that the last patch led to, or the login found */
    size_t desired_n;
    struct deadline beat;   /* writes the last activity now and then */
    struct deadline expiry; /* of the token */
    bool ended;             /* by berth, for a reason */
    char *will;             /* its bag, then its payload; NULL: none */
    size_t will_bag, will_n;

    bool waiting; /* for the store */
    /* the twin request under way */
    bool reports;
    int tries;
    int64_t version; /* of the answer */
    char rid[BERTH_HUB_RID_MAX];
    size_t rid_n;
    char *patch;
    size_t patch_n;
};

/* ---- hub_session.c ---- */

/* NULL when memory is out. */
struct hub_session *hub_session_new(struct mqtt *m);
/* Its connection has gone. S is freed now, or when the store call under way has come back. */
void hub_session_closed(struct hub_session *s);
/* Of a store callback: false when the connection went meanwhile; S is gone then. */
bool hub_session_replied(struct hub_session *s);
/* The login was good, with DESIRED as it was read: takes the device's place. False when memory is
 * out. */
bool hub_session_begin(struct hub_session *s, const struct berth_twin_section *desired);
/* Ends the session, or what was to become one. */
void hub_session_end(struct hub_session *s, enum berth_reason why);
/* Counts and logs WHY, once a session by its BIT. WHAT is the topic or filter. */
void hub_session_tell(struct hub_session *s, unsigned bit, enum berth_reason why, berth_str what);
/* Keeps a message of the device. False when memory is out. */
bool hub_session_telemetry(struct hub_session *s, berth_str bag, berth_str payload);

/* The daemon stops: all sessions of F end. */
void hub_sessions_stop(struct front *f);
/* Frees those whose store calls were forgotten: after the port was detached. */
void hub_sessions_drop(struct front *f);
/* A device's record changed or went. Does not call the store. */
void hub_sessions_watch(struct front *f, const struct berth_record *rec, bool deleted);

/* ---- hub_session_twin.c ---- */

/* TWIN_GET, or TWIN_REPORT with PAYLOAD; input waits for the answer. */
void hub_session_twin(struct hub_session *s, const struct berth_hub_topic *topic,
                      berth_str payload);
/* The desired properties changed: tells the device if it wants to know. */
void hub_session_desired(struct hub_session *s, int64_t version, berth_str patch);

#endif
