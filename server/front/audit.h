/* front/audit.h - what an operator should look into: kept in a ring of the process, and logged.
 * GET /berth/v1/audit. Any thread. */
#ifndef FRONT_AUDIT_H
#define FRONT_AUDIT_H

#include "berth/buf.h"
#include "front/hub_events.h"
#include "net/listener.h"

#define AUDIT_MAX      1024 /* records kept; the oldest makes room */
#define AUDIT_TEXT_MAX 256  /* bytes of a name; longer ones are cut */

enum audit_event {
    AUDIT_SESSION_FROM_OTHER_PEER, /* a live session was taken over from another address */
    AUDIT_PEERS_IN_TURN,           /* two addresses use one identity in turn */
    AUDIT_REGISTERED_ELSEWHERE,    /* another address registered while the session lives */
    AUDIT_DEVICE_SHARED,           /* two registrations stand for one device of a hub */
    AUDIT_EVENTS
};

/* Absent is what an event has not. */
struct audit_note {
    enum audit_event event;
    int64_t time_ms;
    berth_str hub, device_id;
    berth_str registration, other_registration; /* that has the device now; that had it before */
    const char *peer;                           /* who did it */
    const char *other_peer;                     /* who was there before */
};

struct audit;

/* Those who watch a hub in EVENTS are shown its audit too; EVENTS may be NULL. Sequences begin
 * behind BEGIN, as those of hub_events_new do. */
BERTH_MUST_USE berth_err audit_new(struct hub_events *events, uint64_t begin, struct audit **out);
void audit_free(struct audit *a);

void audit_add(struct audit *a, const struct audit_note *note);

/* Appends a JSON array of the records after sequence AFTER, oldest first, as many as fit. AFTER of
 * a process before counts as the beginning. Returns what to ask for as AFTER from now on. */
uint64_t audit_put(struct audit *a, uint64_t after, struct berth_buf *b);

#endif
