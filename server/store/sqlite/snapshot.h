/* store/sqlite/snapshot.h - the database as it is at one moment, copied beside a live writer of
 * this or another process, and the check that a copy is worth keeping.
 *
 * Why that is safe with the WAL-reset fault of this SQLite (docs/internals/store.md): the fault
 * needs two connections that write or checkpoint. The copying one does neither. It is a reader as
 * every port's is (query_only, no automatic checkpoint, none at close), holds one read transaction
 * from the first page to the last, and so sees one commit of the writer's, which meanwhile goes on;
 * its checkpoints stop at that commit, and the WAL grows until the copy is done. Where no daemon
 * runs and kill -9 left a WAL, opening it rebuilds the index of the WAL in shared memory, nothing
 * else: the next daemon finds database and WAL as they were. */
#ifndef STORE_SQLITE_SNAPSHOT_H
#define STORE_SQLITE_SNAPSHOT_H

#include "store/sqlite/sqlite_store.h"

/* Asked now and then how far the work is; false ends it with BERTH_E_CLOSED. */
struct snapshot_watch {
    bool (*go_on)(void *user, uint64_t done, uint64_t whole); /* pages */
    void *user;
};

/* Copies the database at FROM to a new file TO, 0600, in one file without a WAL; it is on the disk
 * when this returns. What was at TO is replaced; after an error nothing is. WATCH may be NULL. */
BERTH_MUST_USE berth_err sqlite_snapshot_take(const char *from, const char *to,
                                              const struct snapshot_watch *watch,
                                              struct sqlite_store_problem *problem);

struct snapshot_check {
    const char *path;
    const char *key_path; /* NULL: not looked at */
    const struct berth_crypto *crypto;
    const struct snapshot_watch *watch; /* may be NULL */
};
/* Reads all of it: every page whole, a schema that this berth knows (its version to *SCHEMA), and
 * the key file its own. BERTH_E_MISMATCH, BERTH_E_IO as sqlite_store_open. */
BERTH_MUST_USE berth_err sqlite_snapshot_verify(const struct snapshot_check *check, int *schema,
                                                struct sqlite_store_problem *problem);

/* The names of the hubs in a copy that was verified. */
BERTH_MUST_USE berth_err sqlite_snapshot_hubs(const char *path,
                                              void (*each)(void *user, berth_str name), void *user,
                                              struct sqlite_store_problem *problem);

/* The newest schema that this berth reads. */
int sqlite_snapshot_schema(void);

/* Keeps daemons away from DIRECTORY until *FD is closed. BERTH_E_MISMATCH: one is there. */
BERTH_MUST_USE berth_err sqlite_directory_lock(const char *directory, int *fd,
                                               struct sqlite_store_problem *problem);

#endif
