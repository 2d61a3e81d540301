/* front/audit.h - what an operator should look into: kept in a ring of the process, and logged.
 * GET /berth/v1/audit. Any thread. */
#ifndef FRONT_AUDIT_H
#define FRONT_AUDIT_H

#include "berth/buf.h"
#include "net/listener.h"

#define AUDIT_MAX      1024 /* records kept; the oldest makes room */
#define AUDIT_TEXT_MAX 256  /* bytes of a name; longer ones are cut */

enum audit_event {
    AUDIT_SESSION_FROM_OTHER_PEER, /* a live session was taken over from another address */
    AUDIT_PEERS_IN_TURN,           /* two addresses use one identity in turn */
    AUDIT_REGISTERED_ELSEWHERE,    /* another address registered while the session lives */
    AUDIT_EVENTS
};

struct audit_record {
    uint64_t sequence; /* from 1, given by audit_add */
    int64_t time_ms;
    enum audit_event event;
    char hub[AUDIT_TEXT_MAX + 1];
    char device_id[AUDIT_TEXT_MAX + 1];
    char peer[PEER_TEXT_SIZE];       /* who did it */
    char other_peer[PEER_TEXT_SIZE]; /* who was there before */
};

struct audit;

BERTH_MUST_USE berth_err audit_new(struct audit **out);
void audit_free(struct audit *a);

void audit_add(struct audit *a, enum audit_event event, int64_t time_ms, berth_str hub,
               berth_str device_id, const char *peer, const char *other_peer);

/* Appends a JSON array of the records after sequence AFTER, oldest first, as many as fit; the last
 * one's sequence, or AFTER. */
uint64_t audit_put(struct audit *a, uint64_t after, struct berth_buf *b);

#endif
