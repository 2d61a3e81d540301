/* store/store.h - the registry's storage. Every call, reads included, completes by event: its
 * callback runs later, on the loop that asked, from store_deliver; never from inside the call.
 * Implementations: sqlite/ here; tests/store/fake_store.c delays, reorders and fails completions.
 * tests/store/conformance.c is what any implementation must pass. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/record.h"
#include "berth/crypto.h"
#include "berth/err.h"

#define STORE_CHANGES_MAX 16                /* in one commit */
#define STORE_LIST_MAX    1000              /* records in one reply */
#define STORE_LIST_BYTES  (4 * 1024 * 1024) /* bytes after which a reply takes no further record */
#define STORE_TEXT_MAX    1024              /* bytes of a scope, key, name or owner */

struct store;      /* one database */
struct store_port; /* one loop's door to it: all calls and callbacks of a port happen on its loop's
                      thread */

enum store_result {
    STORE_OK,
    STORE_STALE,  /* a record was not of the expected version: nothing was written */
    STORE_FAILED, /* the engine could not; nothing was written as far as anyone can tell */
};

/* All of it is borrowed for the callback. */
struct store_reply {
    enum store_result result;
    const struct berth_record *records; /* get: 0 or 1; list: in key order */
    size_t count;
    bool more;           /* list: others may follow the last one; also when large records, or an
                            owner with few among many, made it shorter than was asked */
    uint64_t version;    /* commit: what every record it wrote has now */
    size_t refused;      /* STORE_STALE: index of the change that did not fit */
    uint64_t total;      /* count */
    const char *problem; /* STORE_FAILED: the engine's words, never a secret */
};

typedef void store_done(void *user, const struct store_reply *reply);

/* Which records to list: of KIND in SCOPE, with key > AFTER, and of OWNER unless that is absent. */
struct store_query {
    enum berth_kind kind;
    berth_str scope;
    berth_str owner; /* p == NULL: any */
    berth_str after; /* empty: from the first */
    size_t limit;    /* 1 to STORE_LIST_MAX */
    bool all_scopes; /* of all scopes, by scope, then key, behind SCOPE and AFTER */
};

/* Arguments are borrowed for the call only: what is needed later is copied. A read's reply is never
 * older than a change the watcher was shown before it, so a reply and the changes after it add up.
 */
struct store_ops {
    void (*get)(struct store_port *p, enum berth_kind kind, berth_str scope, berth_str key,
                store_done *done, void *user);
    void (*list)(struct store_port *p, const struct store_query *q, store_done *done, void *user);
    /* How many of KIND in SCOPE have TAG (any when negative). Counted a part at a time: of a
     * registry that changes meanwhile, as of no single moment. */
    void (*count)(struct store_port *p, enum berth_kind kind, berth_str scope, int32_t tag,
                  store_done *done, void *user);
    /* All CHANGES or none, judged and made in their order; done runs after they are durable. NOW_MS
     * becomes updated_ms (and created_ms of new records). A record over a bound is STORE_FAILED. */
    void (*commit)(struct store_port *p, const struct berth_change *changes, size_t count,
                   int64_t now_ms, store_done *done, void *user);
    /* Runs callbacks that are due on this loop, changes first; returns how many ran. */
    size_t (*deliver)(struct store_port *p);
    /* Runs only the watcher's due calls: after it the watcher has seen every change whose commit
     * anyone was told of. */
    void (*deliver_changes)(struct store_port *p);
    /* Ends the port: waits for calls under way, runs no further callback. */
    void (*detach)(struct store_port *p);
};

struct store_port {
    const struct store_ops *ops;
};

/* Called on the port's loop for each committed change of the watched kinds, made by any port, in
 * the order of their commits; REC has kind, scope, key and the commit's version only when DELETED.
 * Deleting what is not there is no change. The watcher may not call the store. */
typedef void store_watcher(void *user, const struct berth_record *rec, bool deleted);

/* How a port reaches its loop. */
struct store_attach {
    void (*wake)(
        void *user); /* any thread: something is due, have the loop call store_deliver soon */
    void *wake_user;
    store_watcher *watcher; /* NULL: none */
    void *watch_user;
    unsigned watch_kinds; /* bit 1 << kind */
};

static inline void store_get(struct store_port *p, enum berth_kind kind, berth_str scope,
                             berth_str key, store_done *done, void *user)
{
    p->ops->get(p, kind, scope, key, done, user);
}

static inline void store_list(struct store_port *p, const struct store_query *q, store_done *done,
                              void *user)
{
    p->ops->list(p, q, done, user);
}

static inline void store_count(struct store_port *p, enum berth_kind kind, berth_str scope,
                               int32_t tag, store_done *done, void *user)
{
    p->ops->count(p, kind, scope, tag, done, user);
}

static inline void store_commit(struct store_port *p, const struct berth_change *changes,
                                size_t count, int64_t now_ms, store_done *done, void *user)
{
    p->ops->commit(p, changes, count, now_ms, done, user);
}

static inline size_t store_deliver(struct store_port *p)
{
    return p->ops->deliver(p);
}

static inline void store_deliver_changes(struct store_port *p)
{
    p->ops->deliver_changes(p);
}

static inline void store_detach(struct store_port *p)
{
    p->ops->detach(p);
}

#endif
