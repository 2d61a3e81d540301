/* front/sessions.h - which devices are connected to their hubs now. One table for the process, of
 * any thread; each session has a mailbox. Whoever wants to reach a device puts a message there and
 * does not know which loop holds it. */
#ifndef FRONT_SESSIONS_H
#define FRONT_SESSIONS_H

#include "base/reason.h"
#include "net/listener.h"

#define SESSIONS_MAILBOX_MAX 64 /* messages waiting for one session; the rest is not delivered */
#define SESSIONS_TURN_MS     (60 * 60 * 1000) /* two peers of one identity within it: in turn */

struct sessions;
struct session; /* one session's place in the table */

enum session_message_type {
    SESSION_END,     /* WHY: close */
    SESSION_DESIRED, /* the desired properties changed: VERSION, and BODY, the patch */
};

struct session_message {
    enum session_message_type type;
    enum berth_reason why;
    int64_t version;
    berth_str body; /* borrowed for the call, on either side */
};

/* Called on the session's loop, in an event of its own, and never after sessions_leave. */
typedef void session_receive(void *owner, const struct session_message *message);

struct session_claim {
    berth_str hub, device_id;
    const struct peer *peer;
    int64_t now_ms, mono_ms;
    struct loop *loop;
    session_receive *receive;
    void *owner;
};

/* What stood in the device's place when a session joined. */
struct session_prior {
    bool live;                 /* a session, which now gets SESSION_END */
    bool in_turn;              /* the peer before the last one is back within SESSIONS_TURN_MS */
    bool other_peer;           /* the last peer was another one */
    char peer[PEER_TEXT_SIZE]; /* of the last session; "" when none is remembered */
};

/* What others may know of a session. */
struct session_view {
    int64_t connected_ms, active_ms;
    struct peer peer;
};

BERTH_MUST_USE berth_err sessions_new(struct sessions **out);
/* After the last session left. */
void sessions_free(struct sessions *t);

/* CLAIM becomes the device's session; one there already is told to end. BERTH_E_MEMORY. */
BERTH_MUST_USE berth_err sessions_join(struct sessions *t, const struct session_claim *claim,
                                       struct session **out, struct session_prior *prior);
/* On the session's loop. True when no newer session had taken its place. */
bool sessions_leave(struct session *s);
/* The device did something. */
void session_touch(struct session *s, int64_t now_ms);

/* Any thread. False when the device has no session, or its mailbox is full. */
bool sessions_send(struct sessions *t, berth_str hub, berth_str device_id,
                   const struct session_message *message);
/* Any thread. False when the device has no session. */
bool sessions_find(struct sessions *t, berth_str hub, berth_str device_id,
                   struct session_view *out);
/* How many devices of HUB are connected. */
size_t sessions_count(struct sessions *t, berth_str hub);

/* The owner of the device's session when LOOP, which asks, holds it; else NULL. */
void *sessions_owner(struct sessions *t, berth_str hub, berth_str device_id,
                     const struct loop *loop);

/* Whether A and B are one party, front/party.h. */
bool sessions_same_party(const struct peer *a, const struct peer *b);

#endif
