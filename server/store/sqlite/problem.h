/* store/sqlite/problem.h - what went wrong, in words for the operator: cause, then remedy. */
#ifndef STORE_SQLITE_PROBLEM_H
#define STORE_SQLITE_PROBLEM_H

#include <sqlite3.h>

#include "store/sqlite/sqlite_store.h"

/* PROBLEM may be NULL. */
__attribute__((format(printf, 2, 3))) void problem_say(struct sqlite_store_problem *problem,
                                                       const char *format, ...);

/* For a result code of SQLite on DB (may be NULL). Static text without any of the data. */
const char *problem_of_engine(sqlite3 *db, int rc);
/* "PATH: the engine's words"; BERTH_E_IO. */
BERTH_MUST_USE berth_err problem_say_engine(struct sqlite_store_problem *problem, const char *path,
                                            sqlite3 *db, int rc);
/* "PATH: words for errno"; BERTH_E_IO. */
BERTH_MUST_USE berth_err problem_say_errno(struct sqlite_store_problem *problem, const char *path);
/* For an errno on a file of the store. Static text. */
const char *problem_of_errno(int error);

#endif
