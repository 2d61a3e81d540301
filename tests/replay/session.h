/* session.h - the recordings that are replayed, and the ways in which a service may take each; and
 * the recordings that wait for what berth does not serve yet. */
#ifndef TESTS_REPLAY_SESSION_H
#define TESTS_REPLAY_SESSION_H

#include "replay/talk.h"

struct recording {
    const char *client;
    unsigned clients; /* whose demands it is judged by, see demand.h; likewise the next two */
    unsigned transport, api;
    const char *file;
    const char *before; /* a registration that comes first; NULL: none */
    int64_t life_s;     /* its token has this long to go when the session begins */
    bool always_polls;  /* also when told assigned at once */
};

struct way {
    const char *name;
    unsigned apis; /* of which recordings */
    enum talk_refusal refusal;
    bool assigning_first; /* the enrollment says so */
    bool polls;
};

extern const struct recording recordings[];
extern const size_t recording_count;
extern const struct way ways[];
extern const size_t way_count;

/* Recorded too, or asked for by the same sources. */
struct unserved {
    const char *client, *transport, *api, *file, *why;
};

extern const struct unserved unserved[];
extern const size_t unserved_count;

#endif
