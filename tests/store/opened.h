/* tests/store/opened.h - a SQLite store in a scratch directory, for tests of what lies below it. */
#ifndef TESTS_STORE_OPENED_H
#define TESTS_STORE_OPENED_H

#include <sqlite3.h>

#include "store/sqlite/sqlite_store.h"
#include "tests/store/door.h"
#include "tests/store/scratch.h"

/* Opens a store in DIR with a crypto of the tests and no window. */
berth_err opened_try(const char *dir, struct store **out, struct sqlite_store_problem *problem);
struct store *opened_must(const char *dir);

/* A door to a store opened so. */
void opened_door(struct door *d, struct store *s);
bool opened_door_try(struct door *d, struct store *s);

/* Runs SQL on the file behind the store's back. */
void opened_sql(const struct scratch *dir, const char *sql);
int64_t opened_number(const struct scratch *dir, const char *sql);

#endif
