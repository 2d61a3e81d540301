/* store/sqlite/rows.h - what a commit does to rows: judge each change, then make it. The writer's
 * thread only. */
#ifndef STORE_SQLITE_ROWS_H
#define STORE_SQLITE_ROWS_H

#include <sqlite3.h>

#include "store/sqlite/job.h"
#include "store/sqlite/seal.h"

#define ROWS_STATEMENTS 5 /* per kind: find, insert, update, delete, count */

struct rows {
    sqlite3 *db;
    struct sealer sealer;
    sqlite3_stmt *statements[BERTH_KINDS][ROWS_STATEMENTS];
    uint8_t sealed[BERTH_RECORD_SECRET_MAX + SEAL_OVERHEAD];
};

/* DB and CRYPTO are borrowed until deinit, KEY for the call. */
BERTH_MUST_USE berth_err rows_init(struct rows *r, sqlite3 *db, const struct berth_crypto *crypto,
                                   const uint8_t key[SEAL_KEY_SIZE]);
void rows_deinit(struct rows *r);

/* Makes J's changes, all with VERSION, inside a transaction that is under way, or none of them;
 * sets J's outcome. False: J has left the transaction half done, or the engine gave it up; it is to
 * be rolled back, and what else was in it done again without J. */
BERTH_MUST_USE bool rows_apply(struct rows *r, struct store_job *j, uint64_t version);

#endif
