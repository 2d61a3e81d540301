/* store/sqlite/reader.h - one port's reading connection, and records out of rows. */
#ifndef STORE_SQLITE_READER_H
#define STORE_SQLITE_READER_H

#include <sqlite3.h>

#include "store/sqlite/seal.h"
#include "store/store.h"

#define READER_STATEMENTS 7 /* per kind: get, four lists, two counts */

struct reader {
    sqlite3 *db;
    struct sealer sealer;
    sqlite3_stmt *statements[BERTH_KINDS][READER_STATEMENTS];
    struct berth_record *records; /* of the reply under way, each with its text in one block */
    size_t count, capacity;
    bool held_up; /* another program held the file at the last read */
    char problem[256];
};

/* KEY is borrowed for the call. *R is safe to deinit also after an error. */
BERTH_MUST_USE berth_err reader_init(struct reader *r, const char *path,
                                     const struct berth_crypto *crypto,
                                     const uint8_t key[SEAL_KEY_SIZE]);
void reader_deinit(struct reader *r);

/* Each fills *REPLY; what it points to is R's until reader_forget, which wipes. */
void reader_get(struct reader *r, enum berth_kind kind, berth_str scope, berth_str key,
                struct store_reply *reply);
void reader_list(struct reader *r, const struct store_query *q, struct store_reply *reply);
void reader_count(struct reader *r, enum berth_kind kind, berth_str scope, int32_t tag,
                  struct store_reply *reply);
void reader_forget(struct reader *r);

#endif
