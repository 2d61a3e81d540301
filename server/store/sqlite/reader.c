#include "store/sqlite/reader.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/engine.h"
#include "store/sqlite/patience.h"
#include "store/sqlite/problem.h"
#include "store/sqlite/schema.h"

#define SQL_MAX 512
#define COLUMNS "scope, key, name, owner, tag, version, created_ms, updated_ms, secret, body"

enum { GET, LIST, LIST_OWNER, LIST_ALL, LIST_ALL_OWNER, PART, COUNT, COUNT_TAG };

/* Parameters: 1 scope, 2 key or what it comes after, 3 limit, 4 owner, 5 the last key, 6 tag. No
 * key is empty, so "after nothing" needs no form of its own. */
static const char *const forms[READER_STATEMENTS] = {
    [GET] = "SELECT " COLUMNS " FROM %s WHERE scope=?1 AND key=?2",
    [LIST] = "SELECT " COLUMNS " FROM %s WHERE scope=?1 AND key>?2 ORDER BY key LIMIT ?3",
    [LIST_OWNER] = "SELECT " COLUMNS " FROM %s WHERE scope=?1 AND owner=?4 AND key>?2 AND key<=?5 "
                   "ORDER BY key LIMIT ?3",
    [LIST_ALL] =
        "SELECT " COLUMNS " FROM %s WHERE (scope, key)>(?1, ?2) ORDER BY scope, key LIMIT ?3",
    [LIST_ALL_OWNER] = "SELECT " COLUMNS " FROM %s WHERE owner=?4 AND (scope, key)>(?1, ?2) "
                       "ORDER BY scope, key LIMIT ?3",
    [PART] = "SELECT key FROM %s WHERE scope=?1 AND key>?2 ORDER BY key LIMIT 1 OFFSET ?3",
    [COUNT] = "SELECT count(*), max(key) FROM (SELECT key FROM %s WHERE scope=?1 AND key>?2 "
              "ORDER BY key LIMIT ?3)",
    [COUNT_TAG] = "SELECT count(*), max(id) FROM (SELECT id FROM %s WHERE scope=?1 AND tag=?6 "
                  "AND id>?2 ORDER BY id LIMIT ?3)",
};

berth_err reader_init(struct reader *r, const char *path, const struct berth_crypto *crypto,
                      const uint8_t key[SEAL_KEY_SIZE])
{
    *r = (struct reader){ 0 };
    berth_err e = sealer_init(&r->sealer, crypto, key);
    if (e != BERTH_OK)
        return e;
    const char *vfs = patience_vfs();
    if (vfs == NULL)
        return BERTH_E_MEMORY;
    patience_begin(true);
    return engine_open_reader(path, vfs, &r->db) == SQLITE_OK ? BERTH_OK : BERTH_E_IO;
}

void reader_deinit(struct reader *r)
{
    for (size_t k = 0; k < BERTH_KINDS; k++)
        for (size_t i = 0; i < READER_STATEMENTS; i++)
            (void)sqlite3_finalize(r->statements[k][i]);
    if (r->sealer.crypto != NULL)
        reader_forget(r);
    free(r->records);
    sealer_deinit(&r->sealer);
    engine_close(r->db);
    *r = (struct reader){ 0 };
}

void reader_forget(struct reader *r)
{
    const struct berth_crypto *crypto = r->sealer.crypto;

    for (size_t i = 0; i < r->count; i++) {
        union {
            const char *lent;
            char *own; /* the record's block begins with its secret */
        } block = { r->records[i].secret.p };
        crypto->wipe(crypto->ctx, block.own, r->records[i].secret.n);
        free(block.own);
    }
    r->count = 0;
}

static void fail(struct reader *r, struct store_reply *reply, const char *problem)
{
    reader_forget(r);
    *reply = (struct store_reply){ .result = STORE_FAILED, .problem = problem };
}

static bool is_held(int rc)
{
    int kind = rc & 0xff;

    return kind == SQLITE_BUSY || kind == SQLITE_LOCKED || kind == SQLITE_PROTOCOL;
}

/* The first step takes the read lock. */
static int begin(struct reader *r, sqlite3_stmt *s)
{
    int rc = sqlite3_step(s);

    r->held_up = is_held(rc);
    return rc;
}

static void fail_engine(struct reader *r, struct store_reply *reply, int rc)
{
    fail(r, reply, problem_of_engine(r->db, rc));
}

static int prepare(struct reader *r, enum berth_kind kind, int form, sqlite3_stmt **out)
{
    char sql[SQL_MAX];
    sqlite3_stmt **slot = &r->statements[kind][form];

    assert(kind < BERTH_KINDS);
    patience_begin(!r->held_up);
    if (*slot == NULL) {
        /* A form has one %s; its table's name is ours. */
        const char *from = strstr(forms[form], "%s");
        int n = snprintf(sql, sizeof sql, "%.*s%s%s", (int)(from - forms[form]), forms[form],
                         schema_table(kind), from + 2);
        assert(n < (int)sizeof sql);
        (void)n;
        int rc = engine_prepare(r->db, sql, slot);
        r->held_up = is_held(rc);
        if (rc != SQLITE_OK)
            return rc;
    }
    *out = *slot;
    return SQLITE_OK;
}

static bool make_room(struct reader *r)
{
    if (r->count < r->capacity)
        return true;
    size_t capacity = r->capacity == 0 ? 4 : r->capacity * 2;
    struct berth_record *grown = realloc(r->records, capacity * sizeof *grown);
    if (grown == NULL)
        return false;
    r->records = grown;
    r->capacity = capacity;
    return true;
}

static berth_str keep(char **at, berth_str s)
{
    char *p = *at;

    memcpy(p, s.p, s.n);
    *at += s.n;
    return (berth_str){ p, s.n };
}

/* The row as a record in a block of its own, the secret first. Returns NULL or a problem. */
static const char *take_row(struct reader *r, enum berth_kind kind, sqlite3_stmt *s, size_t *bytes)
{
    berth_str scope = engine_column(s, 0), key = engine_column(s, 1), name = engine_column(s, 2);
    berth_str owner = engine_column(s, 3), sealed = engine_column(s, 8), body = engine_column(s, 9);
    struct seal_place place = { .kind = kind, .scope = scope, .key = key };
    size_t secret_n = sealed.n > SEAL_OVERHEAD ? sealed.n - SEAL_OVERHEAD : 0;

    size_t n = secret_n + scope.n + key.n + name.n + owner.n + body.n;
    char *block = make_room(r) ? malloc(n + 1) : NULL;
    if (block == NULL)
        return "out of memory";
    if (sealed.n > 0 && sealer_open(&r->sealer, &place, sealed, (uint8_t *)block) != BERTH_OK) {
        (void)snprintf(r->problem, sizeof r->problem,
                       "the sealed key of %s '%.*s' does not open: its row was damaged or changed "
                       "outside berth; restore the last backup",
                       schema_table(kind), key.n > 128 ? 128 : (int)key.n, key.p);
        free(block);
        return r->problem;
    }
    char *at = block + secret_n;
    r->records[r->count++] = (struct berth_record){
        .kind = kind,
        .secret = { block, secret_n },
        .scope = keep(&at, scope),
        .key = keep(&at, key),
        .name = keep(&at, name),
        .owner = keep(&at, owner),
        .body = keep(&at, body),
        .tag = sqlite3_column_int(s, 4),
        .version = (uint64_t)sqlite3_column_int64(s, 5),
        .created_ms = sqlite3_column_int64(s, 6),
        .updated_ms = sqlite3_column_int64(s, 7),
    };
    *bytes += n;
    return NULL;
}

/* Rows into records until LIMIT of them or STORE_LIST_BYTES; the statement is reset before any
 * callback runs, so that no reader ever holds up a checkpoint for longer. */
static void take_rows(struct reader *r, enum berth_kind kind, sqlite3_stmt *s, size_t limit,
                      struct store_reply *reply)
{
    const char *problem = NULL;
    size_t bytes = 0;
    bool more = false;
    int rc;

    for (rc = begin(r, s); rc == SQLITE_ROW; rc = sqlite3_step(s)) {
        more = r->count == limit || bytes >= STORE_LIST_BYTES;
        if (more)
            break;
        problem = take_row(r, kind, s, &bytes);
        if (problem != NULL)
            break;
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        problem = problem_of_engine(r->db, rc);
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s);
    if (problem != NULL)
        fail(r, reply, problem);
    else
        *reply = (struct store_reply){ .records = r->records, .count = r->count, .more = more };
}

void reader_get(struct reader *r, enum berth_kind kind, berth_str scope, berth_str key,
                struct store_reply *reply)
{
    sqlite3_stmt *s;

    int rc = prepare(r, kind, GET, &s);
    if (rc == SQLITE_OK)
        rc = engine_bind(s, 1, scope);
    if (rc == SQLITE_OK)
        rc = engine_bind(s, 2, key);
    if (rc != SQLITE_OK)
        fail_engine(r, reply, rc);
    else
        take_rows(r, kind, s, 1, reply);
}

/* Rows end here for those that end nowhere: to SQLite every text is less than any blob. */
static int bind_no_end(sqlite3_stmt *s, int at)
{
    return sqlite3_bind_blob(s, at, "\xff", 1, SQLITE_STATIC);
}

static void keep_key(struct reader_place *at, berth_str key)
{
    assert(key.n <= sizeof at->key);
    if (key.n > 0)
        memcpy(at->key, key.p, key.n);
    at->key_n = key.n;
}

static berth_str place_key(const struct reader_place *at)
{
    return (berth_str){ at->key, at->key_n };
}

/* Where the part that begins behind AT ends: LAST is false when that is before the last row. */
static int find_end(struct reader *r, const struct store_query *q, const struct reader_place *at,
                    struct reader_place *end, bool *last)
{
    sqlite3_stmt *s;

    int rc = prepare(r, q->kind, PART, &s);
    if (rc == SQLITE_OK)
        rc = engine_bind(s, 1, q->scope);
    if (rc == SQLITE_OK)
        rc = engine_bind(s, 2, place_key(at));
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int(s, 3, READER_PART - 1);
    if (rc != SQLITE_OK)
        return rc;
    rc = begin(r, s);
    *last = rc != SQLITE_ROW;
    if (rc == SQLITE_ROW)
        keep_key(end, engine_column(s, 0));
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The rows of Q behind AFTER, up to END unless that is NULL. */
static void list_rows(struct reader *r, const struct store_query *q, berth_str after,
                      const struct reader_place *end, struct store_reply *reply)
{
    bool owned = q->owner.p != NULL;
    int form = q->all_scopes ? (owned ? LIST_ALL_OWNER : LIST_ALL) : (owned ? LIST_OWNER : LIST);
    sqlite3_stmt *s;

    int rc = prepare(r, q->kind, form, &s);
    if (rc == SQLITE_OK)
        rc = engine_bind(s, 1, q->scope);
    if (rc == SQLITE_OK)
        rc = engine_bind(s, 2, after);
    if (rc == SQLITE_OK) /* one more tells whether others follow */
        rc = sqlite3_bind_int64(s, 3, (sqlite3_int64)q->limit + 1);
    if (rc == SQLITE_OK && owned)
        rc = engine_bind(s, 4, q->owner);
    if (rc == SQLITE_OK && form == LIST_OWNER)
        rc = end != NULL ? engine_bind(s, 5, place_key(end)) : bind_no_end(s, 5);
    if (rc != SQLITE_OK)
        fail_engine(r, reply, rc);
    else
        take_rows(r, q->kind, s, q->limit, reply);
}

/* Those of an owner are picked out of all. */
static bool list_part(struct reader *r, const struct store_query *q, struct reader_place *at,
                      struct store_reply *reply)
{
    struct reader_place end;
    bool last;

    if (at->key_n == 0)
        keep_key(at, q->after);
    int rc = find_end(r, q, at, &end, &last);
    if (rc != SQLITE_OK) {
        fail_engine(r, reply, rc);
        return true;
    }
    list_rows(r, q, place_key(at), last ? NULL : &end, reply);
    if (last || reply->result != STORE_OK)
        return true;
    if (reply->count > 0) {
        reply->more = true;
        return true;
    }
    keep_key(at, place_key(&end));
    return false;
}

bool reader_list(struct reader *r, const struct store_query *q, struct reader_place *at,
                 struct store_reply *reply)
{
    assert(q->limit >= 1 && q->limit <= STORE_LIST_MAX);
    if (q->owner.p != NULL && !q->all_scopes)
        return list_part(r, q, at, reply);
    list_rows(r, q, q->after, NULL, reply);
    return true;
}

bool reader_count(struct reader *r, enum berth_kind kind, berth_str scope, int32_t tag,
                  struct reader_place *at, struct store_reply *reply)
{
    sqlite3_stmt *s;
    int64_t n = 0;

    int rc = prepare(r, kind, tag < 0 ? COUNT : COUNT_TAG, &s);
    if (rc != SQLITE_OK) {
        fail_engine(r, reply, rc);
        return true;
    }
    rc = engine_bind(s, 1, scope);
    if (rc == SQLITE_OK)
        rc = tag < 0 ? engine_bind(s, 2, place_key(at)) : sqlite3_bind_int64(s, 2, at->id);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int(s, 3, READER_PART);
    if (rc == SQLITE_OK && tag >= 0)
        rc = sqlite3_bind_int(s, 6, tag);
    if (rc == SQLITE_OK)
        rc = begin(r, s);
    if (rc == SQLITE_ROW) {
        n = sqlite3_column_int64(s, 0);
        at->total += (uint64_t)n;
        at->id = sqlite3_column_int64(s, 1);
        if (n > 0 && tag < 0)
            keep_key(at, engine_column(s, 1));
        *reply = (struct store_reply){ .total = at->total };
    } else {
        fail_engine(r, reply, rc);
    }
    /* also after a failure: a statement that was not reset takes no bindings any more */
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s);
    return n < READER_PART;
}
