/* store/sqlite/port.h - one loop's door: its reads, and what the writer has for it. */
#ifndef STORE_SQLITE_PORT_H
#define STORE_SQLITE_PORT_H

#include <pthread.h>

#include "store/sqlite/changes.h"
#include "store/sqlite/reader.h"
#include "store/sqlite/writer.h"

struct port_set;
struct read_call;

struct sqlite_port {
    struct store_port base;
    struct sqlite_port *next; /* in the set, under its lock */
    unsigned passed_by; /* jobs of no kind it watches since it was woken, under the set's lock */
    struct port_set *set;
    struct store_writer *writer;
    const struct berth_crypto *crypto;
    struct store_attach attach;

    /* The loop's alone. */
    struct store_job *cursor; /* NULL: no watcher */
    struct reader reader;
    struct read_call *reads, **reads_end;
    struct store_job *due; /* completions taken over, not yet told */
    bool delivering;

    pthread_mutex_t lock;
    pthread_cond_t settled;
    struct store_job *done, **done_end; /* completions the writer left, under LOCK */
    size_t under_way;                   /* commits not yet among them, under LOCK */
    atomic_bool has_done;
};

static inline void port_wake(struct sqlite_port *p)
{
    if (p->attach.wake != NULL)
        p->attach.wake(p->attach.wake_user);
}

/* A watcher is woken for what it watches, and after so many jobs of other kinds, lest it keep the
 * log's memory for ever. */
#define PORT_PASSED_BY_MAX 256

static inline bool port_watches(const struct sqlite_port *p, unsigned kinds)
{
    return p->attach.watcher != NULL && (p->attach.watch_kinds & kinds) != 0;
}

/* Every port of a store, and the log their watchers follow. */
struct port_set {
    pthread_mutex_t lock;
    struct sqlite_port *first;
    struct change_log log;
    unsigned watched; /* kinds that any watcher follows */
};

BERTH_MUST_USE berth_err port_set_init(struct port_set *set);
/* After every port was detached; safe on a zeroed set. */
void port_set_deinit(struct port_set *set);
/* P is in the set of P->set, its watcher behind the last change. */
void port_set_join(struct sqlite_port *p);
void port_set_leave(struct sqlite_port *p);

struct port_needs {
    struct port_set *set;
    struct store_writer *writer;
    const struct berth_crypto *crypto;
    const char *path;
    const uint8_t *key;
};
BERTH_MUST_USE berth_err port_new(const struct port_needs *needs, const struct store_attach *a,
                                  struct store_port **out);

/* The writer's two calls, in this order: first the changes of a batch, then its completions. So
 * nobody is told of a commit that some watcher could still miss. */
void port_set_publish(struct port_set *set, struct store_job **jobs, size_t n);
/* Each port is woken once. JOBS are gone. */
void port_complete(struct store_job **jobs, size_t n);

#endif
