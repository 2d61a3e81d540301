/* store/sqlite/job.h - one commit on its way: a copy of its changes for the writer and, afterwards,
 * for the watchers, wiped as soon as the last of them is through; and its outcome. */
#ifndef STORE_SQLITE_JOB_H
#define STORE_SQLITE_JOB_H

#include <stdatomic.h>

#include "store/store.h"

struct sqlite_port;

struct store_step {
    struct berth_change change; /* its record's times and version are filled in by the writer */
    bool happened;              /* a row was written or removed */
};

struct store_job {
    struct store_job *next; /* in the queue, the batch, or the port's completions */
    struct sqlite_port *port;
    const struct berth_crypto *crypto;
    store_done *done;
    void *user;
    int64_t now_ms;

    struct store_step *steps; /* gone once nobody needs it */
    unsigned kinds;           /* 1 << kind of what happened, set when it is published */
    size_t count;
    size_t bytes; /* of what STEPS holds */

    enum store_result result;
    uint64_t version;
    size_t refused;
    const char *problem; /* static */

    /* As a node of the log of changes, changes.h. */
    _Atomic(struct store_job *) later;
    atomic_uint refs;    /* completion, predecessor in the log, log, each cursor on it */
    atomic_uint readers; /* who still needs STEPS: the writer, then each watcher of KINDS */
};

/* NULL when memory is out. Without changes (COUNT 0) it only carries an outcome. */
struct store_job *store_job_new(const struct berth_crypto *crypto,
                                const struct berth_change *changes, size_t count);
void store_job_ref(struct store_job *j);
void store_job_unref(struct store_job *j);
/* One of the readers of its changes is through. */
void store_job_read(struct store_job *j);

/* Static text when a change is over a bound of the store, else NULL. */
const char *store_change_problem(const struct berth_change *changes, size_t count);

#endif
