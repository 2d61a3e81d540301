/* front/sessions_impl.h - what sessions.c, the table, sessions_mailbox.c, the messages, and
 * sessions_turn.c, the peers that take turns, share. */
#ifndef FRONT_SESSIONS_IMPL_H
#define FRONT_SESSIONS_IMPL_H

#include <stdatomic.h>

#include "front/sessions.h"

#define TRACES_MAX 256 /* devices of one shard whose last peers are remembered */

struct session {
    struct sessions *table;
    struct session *next; /* in its bucket; newest first */
    uint64_t hash;
    berth_str hub, device_id; /* in TEXT */
    struct loop *loop;
    session_receive *receive;
    void *owner;         /* of the loop's thread alone; NULL after it left */
    atomic_uint refs;    /* its owner, and each message under way */
    atomic_uint waiting; /* messages */
    int64_t connected_ms;
    _Atomic int64_t active_ms;
    struct peer peer;
    bool superseded; /* under the shard's lock: a newer session has the place */
    char text[];
};

/* A reference fewer; the last one frees. */
void session_unref(struct session *s);
/* Under the shard's lock: the session cannot leave meanwhile, so its loop is there. False: full,
 * or out of memory. */
bool session_post(struct session *s, const struct session_message *m);

/* The last peers of a device, in a place that another one may take. */
struct trace {
    uint64_t name; /* 0: free */
    int64_t mono_ms;
    uint64_t party, before;
    char peer[PEER_TEXT_SIZE];
};

/* Zeroed at first. */
struct traces {
    struct trace of[TRACES_MAX];
};

/* A session of PARTY begins: tells of the device's last peers in *PRIOR, and remembers this one. */
void traces_note(struct traces *t, const struct session *s, uint64_t party, int64_t mono_ms,
                 struct session_prior *prior);

#endif
