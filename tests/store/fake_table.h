/* tests/store/fake_table.h - the fake store's records: an ordered array, and what a commit does to
 * it. */
#ifndef TESTS_STORE_FAKE_TABLE_H
#define TESTS_STORE_FAKE_TABLE_H

#include "store/store.h"

struct fake_table {
    struct berth_record *records; /* by kind, scope, key; each owns its text */
    size_t count, capacity;
    uint64_t version;
};

/* A record with its text in memory of its own; fake_record_free wipes it. */
struct berth_record fake_record_copy(const struct berth_record *r);
void fake_record_free(struct berth_record *r);

void fake_table_clear(struct fake_table *t);

/* The record, or NULL. */
const struct berth_record *fake_table_find(const struct fake_table *t,
                                           const struct berth_record *like);
/* Makes all changes or none. CHANGED[i]: the i-th did something; its record gets what the store
 * sets. */
enum store_result fake_table_commit(struct fake_table *t, struct berth_change *changes,
                                    size_t count, int64_t now_ms, bool *changed, size_t *refused);
/* Copies what Q asks for, LIMIT at most, into OUT; returns how many. */
size_t fake_table_list(const struct fake_table *t, const struct store_query *q,
                       struct berth_record *out, bool *more);
uint64_t fake_table_count(const struct fake_table *t, enum berth_kind kind, berth_str scope,
                          int32_t tag);

#endif
