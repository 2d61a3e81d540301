/* store/sqlite/writer.h - the one thread that writes: it takes what is queued, makes one
 * transaction of it, and answers after the commit. It alone checkpoints. */
#ifndef STORE_SQLITE_WRITER_H
#define STORE_SQLITE_WRITER_H

#include <pthread.h>
#include <sqlite3.h>

#include "store/sqlite/job.h"
#include "store/sqlite/rows.h"
#include "store/sqlite/seal.h"
#include "store/sqlite/sqlite_store.h"

#define WRITER_BATCH_MAX       256   /* commits in one transaction */
#define WRITER_BATCH_ENOUGH    64    /* with so many no company is waited for */
#define WRITER_WINDOW_MS       2     /* how long fewer wait for company */
#define WRITER_IDLE_MS         1000  /* without work for so long: checkpoint */
#define WRITER_WAL_PAGES       16000 /* checkpoint at once past this */
#define WRITER_QUEUE_MAX       16384 /* commits that may wait */
#define WRITER_QUEUE_BYTES_MAX (64u * 1024 * 1024)

struct port_set;

struct store_writer {
    sqlite3 *db;
    sqlite3_stmt *begin, *keep_version, *commit;
    struct rows rows;
    const struct berth_crypto *crypto;
    struct port_set *ports;
    uint64_t version; /* last one given */
    int window_ms, idle_ms;
    bool answer_early;
    atomic_int wal_pages; /* in the WAL after the last commit; 0: nothing to checkpoint */
    int wal_pages_limit;  /* checkpoint when past it */

    pthread_t thread;
    bool running;
    pthread_mutex_t lock;
    pthread_cond_t work;
    /* Under LOCK: */
    struct store_job *first, **end;
    size_t queued, queued_bytes;
    size_t awaited; /* QUEUED at which the thread wants to be woken; 0: it does not wait */
    bool stopping;

    struct {
        atomic_ullong commits, changes, batches, stale, failed, checkpoints;
    } counts;
};

struct writer_needs {
    sqlite3 *db; /* becomes the writer's own, closed by store_writer_stop or by an error here */
    const struct berth_crypto *crypto;
    const uint8_t *key;
    struct port_set *ports;
    int window_ms, idle_ms;
    bool answer_early;
};

BERTH_MUST_USE berth_err store_writer_start(struct store_writer *w,
                                            const struct writer_needs *needs,
                                            struct sqlite_store_problem *problem);
/* Writes what is queued, ends the thread, checkpoints all of the WAL. Safe on a zeroed writer. */
void store_writer_stop(struct store_writer *w);

/* Any thread. False: the queue is full. Else J comes back by port_complete. */
BERTH_MUST_USE bool store_writer_submit(struct store_writer *w, struct store_job *j);
void store_writer_stats(struct store_writer *w, struct sqlite_store_stats *out);

#endif
