/* store/sqlite/wal_write.h - the frames of a transaction, written to the WAL at once. SQLite writes
 * each by two calls, a head of 24 bytes and the page: 150 calls for 64 registrations, and a third
 * of all that these cost. */
#ifndef STORE_SQLITE_WAL_WRITE_H
#define STORE_SQLITE_WAL_WRITE_H

/* The VFS to open the writer's connection with: the one that is the default at the first call, but
 * for what is written to a WAL. That is in the file, as by the default one, before the last write
 * of a transaction has returned: so before it is synced, and before a reader can know of it. NULL:
 * out of memory. */
const char *wal_write_vfs(void);

#endif
