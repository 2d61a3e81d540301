#include "store/sqlite/rows.h"

#include <stdio.h>

#include "store/sqlite/engine.h"
#include "store/sqlite/problem.h"
#include "store/sqlite/schema.h"

#define SQL_MAX 384

enum { FIND, INSERT, UPDATE, DELETE, COUNT };

static const char *const heads[ROWS_STATEMENTS] = {
    [FIND] = "SELECT id, version, created_ms FROM ",
    [INSERT] = "INSERT INTO ",
    [UPDATE] = "UPDATE ",
    [DELETE] = "DELETE FROM ",
    [COUNT] = "SELECT count(*) FROM ",
};

/* INSERT and UPDATE number their parameters alike. */
static const char *const tails[ROWS_STATEMENTS] = {
    [FIND] = " WHERE scope=?1 AND key=?2",
    [INSERT] = "(scope, key, name, owner, tag, version, created_ms, updated_ms, secret, body)"
               " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    [UPDATE] = " SET name=?3, owner=?4, tag=?5, version=?6, created_ms=?7, updated_ms=?8,"
               " secret=?9, body=?10 WHERE id=?11",
    [DELETE] = " WHERE id=?1",
    [COUNT] = " WHERE scope=?1",
};

struct found {
    bool known; /* false: not judged before the first change is made */
    bool there;
    sqlite3_int64 id;
    uint64_t version;
    int64_t created_ms;
};

berth_err rows_init(struct rows *r, sqlite3 *db, const struct berth_crypto *crypto,
                    const uint8_t key[SEAL_KEY_SIZE])
{
    *r = (struct rows){ .db = db };
    return sealer_init(&r->sealer, crypto, key);
}

void rows_deinit(struct rows *r)
{
    for (size_t k = 0; k < BERTH_KINDS; k++)
        for (size_t i = 0; i < ROWS_STATEMENTS; i++)
            (void)sqlite3_finalize(r->statements[k][i]);
    sealer_deinit(&r->sealer);
    *r = (struct rows){ 0 };
}

static int prepare(struct rows *r, enum berth_kind kind, int what, sqlite3_stmt **out)
{
    char sql[SQL_MAX];
    sqlite3_stmt **slot = &r->statements[kind][what];
    int rc = SQLITE_OK;

    if (*slot == NULL) {
        (void)snprintf(sql, sizeof sql, "%s%s%s", heads[what], schema_table(kind), tails[what]);
        rc = engine_prepare(r->db, sql, slot);
    }
    *out = *slot;
    return rc;
}

static int find(struct rows *r, const struct berth_record *rec, struct found *out)
{
    sqlite3_stmt *s;

    *out = (struct found){ 0 };
    int rc = prepare(r, rec->kind, FIND, &s);
    if (rc == SQLITE_OK)
        rc = engine_bind(s, 1, rec->scope);
    if (rc == SQLITE_OK)
        rc = engine_bind(s, 2, rec->key);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        *out = (struct found){ .there = true,
                               .id = sqlite3_column_int64(s, 0),
                               .version = (uint64_t)sqlite3_column_int64(s, 1),
                               .created_ms = sqlite3_column_int64(s, 2) };
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static bool fits(uint64_t expect, const struct found *f)
{
    if (expect == BERTH_ANY)
        return true;
    if (expect == BERTH_PRESENT)
        return f->there;
    return expect == BERTH_ABSENT ? !f->there : f->there && f->version == expect;
}

static int bind_secret(struct rows *r, sqlite3_stmt *s, const struct berth_record *rec)
{
    struct seal_place place = { .kind = rec->kind, .scope = rec->scope, .key = rec->key };

    if (rec->secret.n == 0)
        return sqlite3_bind_null(s, 9);
    if (sealer_seal(&r->sealer, &place, rec->secret, r->sealed) != BERTH_OK)
        return SQLITE_AUTH;
    return sqlite3_bind_blob(s, 9, r->sealed, (int)(rec->secret.n + SEAL_OVERHEAD), SQLITE_STATIC);
}

static int bind_record(struct rows *r, sqlite3_stmt *s, const struct berth_record *rec)
{
    const berth_str texts[] = { rec->scope, rec->key, rec->name, rec->owner };
    int rc = SQLITE_OK;

    for (int i = 0; i < 4 && rc == SQLITE_OK; i++)
        rc = engine_bind(s, 1 + i, texts[i]);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int(s, 5, rec->tag);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 6, (sqlite3_int64)rec->version);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 7, rec->created_ms);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 8, rec->updated_ms);
    if (rc == SQLITE_OK)
        rc = bind_secret(r, s, rec);
    return rc == SQLITE_OK ? engine_bind(s, 10, rec->body) : rc;
}

static int put(struct rows *r, const struct berth_record *rec, const struct found *f)
{
    sqlite3_stmt *s;

    int rc = prepare(r, rec->kind, f->there ? UPDATE : INSERT, &s);
    if (rc == SQLITE_OK)
        rc = bind_record(r, s, rec);
    if (rc == SQLITE_OK && f->there)
        rc = sqlite3_bind_int64(s, 11, f->id);
    return rc == SQLITE_OK ? engine_run(s) : rc;
}

static int remove_row(struct rows *r, const struct berth_record *rec, const struct found *f)
{
    sqlite3_stmt *s;

    int rc = prepare(r, rec->kind, DELETE, &s);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 1, f->id);
    return rc == SQLITE_OK ? engine_run(s) : rc;
}

static int judge_limit(struct rows *r, const struct berth_change *c, bool *fits)
{
    sqlite3_stmt *s;

    int rc = prepare(r, c->rec.kind, COUNT, &s);
    if (rc == SQLITE_OK)
        rc = engine_bind(s, 1, c->rec.scope);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        *fits = (uint64_t)sqlite3_column_int64(s, 0) <= c->expect;
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s);
    return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static bool is_same_record(const struct berth_record *a, const struct berth_record *b)
{
    return a->kind == b->kind && berth_str_eq(a->key, b->key) && berth_str_eq(a->scope, b->scope);
}

/* Whether step I can be judged only when those before it are made. */
static bool hangs_on_others(const struct store_job *j, size_t i)
{
    if (j->steps[i].change.type == BERTH_LIMIT)
        return true;
    for (size_t k = 0; k < i; k++)
        if (is_same_record(&j->steps[k].change.rec, &j->steps[i].change.rec))
            return true;
    return false;
}

/* Whether change I meets the version it was decided on, or there are too many. */
static int judge(struct rows *r, struct store_job *j, size_t i, struct found *f)
{
    const struct berth_change *c = &j->steps[i].change;
    bool good = false;

    int rc = c->type == BERTH_LIMIT ? judge_limit(r, c, &good) : find(r, &c->rec, f);
    f->known = rc == SQLITE_OK;
    if (c->type != BERTH_LIMIT)
        good = f->known && fits(c->expect, f);
    if (f->known && !good) {
        j->result = STORE_STALE;
        j->refused = i;
    }
    return rc;
}

/* All of them before any is made: so a commit that is stale leaves nothing behind, without a
 * savepoint for each. A record's second change and a limit alone cannot be judged before what
 * stands before them is made. */
static int judge_all(struct rows *r, struct store_job *j, struct found *found, bool *left)
{
    int rc = SQLITE_OK;

    *left = false;
    for (size_t i = 0; i < j->count && rc == SQLITE_OK && j->result == STORE_OK; i++) {
        found[i] = (struct found){ 0 };
        if (hangs_on_others(j, i))
            *left = true;
        else
            rc = judge(r, j, i, &found[i]);
    }
    return rc;
}

static int make_change(struct rows *r, struct store_job *j, struct store_step *step,
                       const struct found *f)
{
    struct berth_change *c = &step->change;

    if (c->type == BERTH_CHECK || c->type == BERTH_LIMIT || (c->type == BERTH_DELETE && !f->there))
        return SQLITE_OK;
    c->rec.version = j->version;
    step->happened = true;
    if (c->type == BERTH_DELETE)
        return remove_row(r, &c->rec, f);
    c->rec.created_ms = f->there ? f->created_ms : j->now_ms;
    c->rec.updated_ms = j->now_ms;
    return put(r, &c->rec, f);
}

static int make_changes(struct rows *r, struct store_job *j, struct found *found)
{
    int rc = SQLITE_OK;

    for (size_t i = 0; i < j->count && rc == SQLITE_OK && j->result == STORE_OK; i++) {
        if (!found[i].known)
            rc = judge(r, j, i, &found[i]);
        if (rc == SQLITE_OK && j->result == STORE_OK)
            rc = make_change(r, j, &j->steps[i], &found[i]);
    }
    return rc;
}

/* Such a commit may turn out stale when a part of it is made. */
static int make_undoably(struct rows *r, struct store_job *j, struct found *found)
{
    int rc = sqlite3_exec(r->db, "SAVEPOINT one", NULL, NULL, NULL);

    if (rc == SQLITE_OK)
        rc = make_changes(r, j, found);
    if (rc == SQLITE_OK && j->result != STORE_OK)
        rc = sqlite3_exec(r->db, "ROLLBACK TO one", NULL, NULL, NULL);
    return rc == SQLITE_OK ? sqlite3_exec(r->db, "RELEASE one", NULL, NULL, NULL) : rc;
}

bool rows_apply(struct rows *r, struct store_job *j, uint64_t version)
{
    struct found found[STORE_CHANGES_MAX];
    bool left;

    j->result = STORE_OK;
    j->problem = NULL; /* of a transaction that was given up before */
    j->version = version;
    for (size_t i = 0; i < j->count; i++)
        j->steps[i].happened = false;

    int rc = judge_all(r, j, found, &left);
    if (rc == SQLITE_OK && j->result == STORE_OK)
        rc = left ? make_undoably(r, j, found) : make_changes(r, j, found);
    if (rc != SQLITE_OK) {
        j->result = STORE_FAILED;
        j->problem = problem_of_engine(r->db, rc);
    }
    return rc == SQLITE_OK && !sqlite3_get_autocommit(r->db);
}
