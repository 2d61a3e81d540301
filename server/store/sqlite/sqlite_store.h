/* store/sqlite/sqlite_store.h - the embedded store: one SQLite file, one writer thread with the
 * only writing connection, group commit, symmetric keys sealed under a key file. Why one writer:
 * Debian's SQLite has the WAL-reset fault (docs/internals/store.md). */
#ifndef STORE_SQLITE_SQLITE_STORE_H
#define STORE_SQLITE_SQLITE_STORE_H

#include "store/store.h"

#define SQLITE_STORE_FILE    "berth.db"
#define SQLITE_STORE_KEYFILE "store.key" /* 32 random bytes, mode 0600, made at the first open */
#define SQLITE_STORE_LOCK    "berth.lock"

struct sqlite_store_options {
    const char *directory;
    const char *key_file;              /* NULL: SQLITE_STORE_KEYFILE in DIRECTORY */
    const struct berth_crypto *crypto; /* random and wipe; any thread */
    int window_ms;             /* how long a small batch waits for company; < 0: the default, 2 */
    int idle_ms;               /* without work for so long: checkpoint; 0: the default, 1000 */
    bool answer_before_commit; /* tests only: completes commits before they are durable, to prove
                                  that the crash test sees it */
    uint32_t max_pages;        /* pages of 4 KiB the database may grow to; 0: as the disk allows */
};

/* What an open found wrong: cause and remedy in words for the operator. */
struct sqlite_store_problem {
    char text[512];
};

/* Opens, or makes and migrates, the database in DIRECTORY, which exists. Takes a lock on it: a
 * second daemon is refused with a clear problem. BERTH_E_MISMATCH: wrong, lost or exposed key file,
 * newer schema, somebody else's database, or locked; BERTH_E_IO: disk full, read-only, damaged. */
BERTH_MUST_USE berth_err sqlite_store_open(const struct sqlite_store_options *o, struct store **out,
                                           struct sqlite_store_problem *problem);
BERTH_MUST_USE berth_err sqlite_store_attach(struct store *s, const struct store_attach *a,
                                             struct store_port **out);
/* After every port was detached: writes what is queued, checkpoints, closes. */
void sqlite_store_close(struct store *s);

/* For /metrics: counters since the open, and what is now. */
struct sqlite_store_stats {
    uint64_t commits, changes, batches, stale, failed, checkpoints;
    uint64_t queued;       /* waiting */
    uint64_t log_pages;    /* of the WAL, not yet in the database */
    uint64_t memory_bytes; /* of SQLite, in the whole process; most is cached pages */
};
void sqlite_store_stats(struct store *s, struct sqlite_store_stats *out);

#endif
