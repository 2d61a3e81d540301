/* store/sqlite/reader.h - one port's reading connection, and records out of rows. */
#ifndef STORE_SQLITE_READER_H
#define STORE_SQLITE_READER_H

#include <sqlite3.h>

#include "store/sqlite/seal.h"
#include "store/store.h"

#define READER_STATEMENTS 8    /* per kind: get, four lists, the end of a part, two counts */
#define READER_PART       1000 /* rows that a wide read looks at in one go */

struct reader {
    sqlite3 *db;
    struct sealer sealer;
    sqlite3_stmt *statements[BERTH_KINDS][READER_STATEMENTS];
    struct berth_record *records; /* of the reply under way, each with its text in one block */
    size_t count, capacity;
    bool held_up; /* another program held the file at the last read */
    char problem[256];
};

/* How far a wide read has come: one that looks at more rows than it gives back. It is done a part
 * at a time, so that a loop with a large registry gets to its sockets in between. Zero to begin. */
struct reader_place {
    char key[STORE_TEXT_MAX]; /* the last one looked at */
    size_t key_n;
    int64_t id; /* the same, where rows are looked at in the order of their making */
    uint64_t total;
};

/* KEY is borrowed for the call. *R is safe to deinit also after an error. */
BERTH_MUST_USE berth_err reader_init(struct reader *r, const char *path,
                                     const struct berth_crypto *crypto,
                                     const uint8_t key[SEAL_KEY_SIZE]);
void reader_deinit(struct reader *r);

/* Each fills *REPLY; what it points to is R's until reader_forget, which wipes. LIST and COUNT go
 * on from *AT and are false when there is more to be looked at before anything can be told. */
void reader_get(struct reader *r, enum berth_kind kind, berth_str scope, berth_str key,
                struct store_reply *reply);
bool reader_list(struct reader *r, const struct store_query *q, struct reader_place *at,
                 struct store_reply *reply);
bool reader_count(struct reader *r, enum berth_kind kind, berth_str scope, int32_t tag,
                  struct reader_place *at, struct store_reply *reply);
void reader_forget(struct reader *r);

#endif
