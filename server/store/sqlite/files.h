/* store/sqlite/files.h - what stands beside the database: the directory's lock and the key file. */
#ifndef STORE_SQLITE_FILES_H
#define STORE_SQLITE_FILES_H

#include "store/sqlite/problem.h"
#include "store/sqlite/seal.h"

/* Locks DIRECTORY for this daemon; the lock lasts until *FD is closed, also by a crash.
 * BERTH_E_MISMATCH: another holds it; the problem has its process ID. BERTH_E_IO, too: what stands
 * in the lock file's place is not a file of its own, and was not touched. */
BERTH_MUST_USE berth_err directory_lock(const char *directory, int *fd,
                                        struct sqlite_store_problem *problem);

/* Makes the database file with mode 0600 unless it is there: SQLite would leave it to the umask.
 * BERTH_E_IO, too: it is a link, or has a second name. */
BERTH_MUST_USE berth_err database_file_touch(const char *path,
                                             struct sqlite_store_problem *problem);

/* A name is durable once its directory is. */
BERTH_MUST_USE bool sync_directory_of(const char *path);

/* BERTH_E_NOT_FOUND: no such file, the problem is left alone. BERTH_E_MISMATCH: others may read it,
 * or it is not a key. Files of systemd's credential directory are taken with any mode: systemd
 * guards them by other means. */
BERTH_MUST_USE berth_err key_file_load(const char *path, const struct berth_crypto *crypto,
                                       uint8_t key[SEAL_KEY_SIZE],
                                       struct sqlite_store_problem *problem);
/* Makes a random key that is on disk, whole and under its name, before the call returns. Never
 * replaces a file. */
BERTH_MUST_USE berth_err key_file_make(const char *path, const struct berth_crypto *crypto,
                                       uint8_t key[SEAL_KEY_SIZE],
                                       struct sqlite_store_problem *problem);
/* Takes the draft away that a crash of key_file_make left as a second name of the key. */
void key_file_tidy(const char *path);

#endif
