/* store/sqlite/key_check.h - a sealed row in the database that tells whether a key file is the one
 * it was made with. */
#ifndef STORE_SQLITE_KEY_CHECK_H
#define STORE_SQLITE_KEY_CHECK_H

#include "store/sqlite/problem.h"
#include "store/sqlite/seal.h"

/* DB, which is at PATH, with the key file at KEY_PATH. */
struct key_check {
    sqlite3 *db;
    const char *path, *key_path;
    const struct berth_crypto *crypto;
};

/* The daemon's way: a new database gets a key file and the row. A lost key file is never replaced:
 * what is sealed under it would be lost for good. BERTH_E_MISMATCH: wrong, lost or exposed. */
BERTH_MUST_USE berth_err key_check_open(const struct key_check *k, uint8_t key[SEAL_KEY_SIZE],
                                        struct sqlite_store_problem *problem);
/* Whether the two belong together; makes nothing. */
BERTH_MUST_USE berth_err key_check_verify(const struct key_check *k,
                                          struct sqlite_store_problem *problem);

#endif
