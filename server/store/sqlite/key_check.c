#include "store/sqlite/key_check.h"

#include <string.h>

#include "store/sqlite/engine.h"
#include "store/sqlite/files.h"

#define KEY_CHECK "berth key check" /* what the sealed row says */

static const struct seal_place key_check_place = {
    .kind = UINT32_MAX,
    .key = BERTH_STR_INIT("key_check"),
};

struct row {
    uint8_t blob[sizeof KEY_CHECK + SEAL_OVERHEAD];
    size_t n; /* 0: not there */
};

static berth_err read_row(const struct key_check *k, struct row *row,
                          struct sqlite_store_problem *problem)
{
    sqlite3_stmt *s;

    row->n = 0;
    int rc =
        sqlite3_prepare_v2(k->db, "SELECT value FROM meta WHERE name='key_check'", -1, &s, NULL);
    if (rc != SQLITE_OK)
        return problem_say_engine(problem, k->path, k->db, rc);
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        berth_str blob = engine_column(s, 0);
        row->n = blob.n < sizeof row->blob ? blob.n : sizeof row->blob;
        memcpy(row->blob, blob.p, row->n);
    }
    (void)sqlite3_finalize(s);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        return BERTH_OK;
    return problem_say_engine(problem, k->path, k->db, rc);
}

static int write_row(sqlite3 *db, const uint8_t *blob, size_t n)
{
    sqlite3_stmt *s;

    int rc = sqlite3_prepare_v2(db, "INSERT INTO meta VALUES ('key_check', ?1)", -1, &s, NULL);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_bind_blob(s, 1, blob, (int)n, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = engine_run(s);
    (void)sqlite3_finalize(s);
    return rc;
}

static berth_err open_row(const struct key_check *k, struct sealer *sealer, const struct row *row,
                          struct sqlite_store_problem *problem)
{
    uint8_t clear[sizeof KEY_CHECK + SEAL_OVERHEAD];
    berth_err e = sealer_open(sealer, &key_check_place,
                              (berth_str){ (const char *)row->blob, row->n }, clear);

    if (e != BERTH_OK)
        problem_say(problem,
                    "%s is not the key file that %s was made with; restore it from the backup of "
                    "that database",
                    k->key_path, k->path);
    return e;
}

static berth_err make_row(const struct key_check *k, struct sealer *sealer,
                          struct sqlite_store_problem *problem)
{
    uint8_t fresh[sizeof KEY_CHECK - 1 + SEAL_OVERHEAD];
    berth_err e = sealer_seal(sealer, &key_check_place, BERTH_STR(KEY_CHECK), fresh);

    if (e != BERTH_OK)
        return e;
    int rc = write_row(k->db, fresh, sizeof fresh);
    return rc == SQLITE_OK ? BERTH_OK : problem_say_engine(problem, k->path, k->db, rc);
}

static berth_err judge(const struct key_check *k, const uint8_t key[SEAL_KEY_SIZE],
                       const struct row *row, struct sqlite_store_problem *problem)
{
    struct sealer sealer;
    berth_err e = sealer_init(&sealer, k->crypto, key);

    if (e == BERTH_OK)
        e = row->n > 0 ? open_row(k, &sealer, row, problem) : make_row(k, &sealer, problem);
    if (e == BERTH_E_CRYPTO)
        problem_say(problem, "AES-256-GCM is missing from OpenSSL; install its default provider");
    sealer_deinit(&sealer);
    return e;
}

static berth_err refuse_lost(const struct key_check *k, struct sqlite_store_problem *problem)
{
    problem_say(problem,
                "the key file %s is missing, and without it nothing can be read from %s; restore "
                "it from the backup",
                k->key_path, k->path);
    return BERTH_E_MISMATCH;
}

berth_err key_check_open(const struct key_check *k, uint8_t key[SEAL_KEY_SIZE],
                         struct sqlite_store_problem *problem)
{
    struct row row;
    berth_err e = read_row(k, &row, problem);

    if (e != BERTH_OK)
        return e;
    e = key_file_load(k->key_path, k->crypto, key, problem);
    if (e == BERTH_OK)
        key_file_tidy(k->key_path);
    if (e == BERTH_E_NOT_FOUND && row.n > 0)
        return refuse_lost(k, problem);
    if (e == BERTH_E_NOT_FOUND)
        e = key_file_make(k->key_path, k->crypto, key, problem);
    return e == BERTH_OK ? judge(k, key, &row, problem) : e;
}

berth_err key_check_verify(const struct key_check *k, struct sqlite_store_problem *problem)
{
    uint8_t key[SEAL_KEY_SIZE];
    struct row row;
    berth_err e = read_row(k, &row, problem);

    if (e != BERTH_OK)
        return e;
    if (row.n == 0) {
        problem_say(problem, "%s has never been served from; start the daemon once", k->path);
        return BERTH_E_MISMATCH;
    }
    e = key_file_load(k->key_path, k->crypto, key, problem);
    if (e == BERTH_E_NOT_FOUND)
        return refuse_lost(k, problem);
    if (e == BERTH_OK)
        e = judge(k, key, &row, problem);
    k->crypto->wipe(k->crypto->ctx, key, sizeof key);
    return e;
}
