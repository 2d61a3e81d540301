/* store/sqlite/schema.h - the tables, and the way from every older form of them to the present
 * one. */
#ifndef STORE_SQLITE_SCHEMA_H
#define STORE_SQLITE_SCHEMA_H

#include "store/sqlite/problem.h"

#define SCHEMA_APPLICATION_ID 0x62727468 /* "brth", in the file's header */

/* What the present code reads and writes. */
int schema_version(void);
/* The table that keeps KIND. */
const char *schema_table(enum berth_kind kind);

/* Looks, and changes nothing. BERTH_E_MISMATCH: DB is newer than this code, or not berth's. */
BERTH_MUST_USE berth_err schema_judge(sqlite3 *db, const char *path,
                                      struct sqlite_store_problem *problem);
/* Takes DB, empty or of any older version, to the present one, whole or not at all. */
BERTH_MUST_USE berth_err schema_migrate(sqlite3 *db, const char *path,
                                        struct sqlite_store_problem *problem);

#endif
