#include "store/sqlite/sqlite_store.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite/engine.h"
#include "store/sqlite/files.h"
#include "store/sqlite/port.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/writer.h"

#define KEY_CHECK        "berth key check" /* what the sealed row of that name says */
#define QUICK_CHECK_SIZE (64 * 1024 * 1024)

struct store {
    struct berth_crypto crypto;
    char path[PATH_MAX];
    uint8_t key[SEAL_KEY_SIZE];
    int lock_fd;
    struct port_set ports;
    struct store_writer writer;
};

static const struct seal_place key_check_place = {
    .kind = UINT32_MAX,
    .key = BERTH_STR_INIT("key_check"),
};

/* A damaged page would otherwise show up one failed request at a time. Large files are spared: it
 * reads all of them. */
static berth_err look_for_damage(sqlite3 *db, const char *path,
                                 struct sqlite_store_problem *problem)
{
    sqlite3_stmt *s;
    struct stat st;

    if (stat(path, &st) != 0 || st.st_size > QUICK_CHECK_SIZE)
        return BERTH_OK;
    int rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &s, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(s);
        if (rc == SQLITE_ROW)
            rc = berth_str_eq(engine_column(s, 0), BERTH_STR("ok")) ? SQLITE_OK : SQLITE_CORRUPT;
        (void)sqlite3_finalize(s);
    }
    return rc == SQLITE_OK ? BERTH_OK : problem_say_engine(problem, path, db, rc);
}

/* *N is 0 when the row is not there. */
static int read_key_check(sqlite3 *db, uint8_t *out, size_t max, size_t *n)
{
    sqlite3_stmt *s;

    *n = 0;
    int rc = sqlite3_prepare_v2(db, "SELECT value FROM meta WHERE name='key_check'", -1, &s, NULL);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        berth_str blob = engine_column(s, 0);
        *n = blob.n < max ? blob.n : max;
        memcpy(out, blob.p, *n);
    }
    (void)sqlite3_finalize(s);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int write_key_check(sqlite3 *db, const uint8_t *blob, size_t n)
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

static berth_err check_key(struct store *s, sqlite3 *db, const char *key_path, berth_str blob,
                           struct sqlite_store_problem *problem)
{
    uint8_t clear[sizeof KEY_CHECK + SEAL_OVERHEAD];
    uint8_t fresh[sizeof KEY_CHECK - 1 + SEAL_OVERHEAD];
    struct sealer sealer;

    berth_err e = sealer_init(&sealer, &s->crypto, s->key);
    if (e == BERTH_OK && blob.n > 0) {
        e = sealer_open(&sealer, &key_check_place, blob, clear);
        if (e != BERTH_OK)
            problem_say(problem,
                        "%s is not the key file that %s was made with; restore it from the backup "
                        "of that database",
                        key_path, s->path);
    } else if (e == BERTH_OK) {
        e = sealer_seal(&sealer, &key_check_place, BERTH_STR(KEY_CHECK), fresh);
        int rc = e == BERTH_OK ? write_key_check(db, fresh, sizeof fresh) : SQLITE_OK;
        if (rc != SQLITE_OK)
            e = problem_say_engine(problem, s->path, db, rc);
    }
    if (e == BERTH_E_CRYPTO)
        problem_say(problem, "AES-256-GCM is missing from OpenSSL; install its default provider");
    sealer_deinit(&sealer);
    return e;
}

/* A lost key file is never replaced: what is sealed under it would be lost for good. */
static berth_err open_key(struct store *s, sqlite3 *db, const char *key_path,
                          struct sqlite_store_problem *problem)
{
    uint8_t blob[sizeof KEY_CHECK + SEAL_OVERHEAD];
    size_t n;

    int rc = read_key_check(db, blob, sizeof blob, &n);
    if (rc != SQLITE_OK)
        return problem_say_engine(problem, s->path, db, rc);
    berth_err e = key_file_load(key_path, &s->crypto, s->key, problem);
    if (e == BERTH_E_NOT_FOUND && n > 0) {
        problem_say(problem,
                    "the key file %s is missing, and without it nothing can be read from %s; "
                    "restore it from the backup",
                    key_path, s->path);
        return BERTH_E_MISMATCH;
    }
    if (e == BERTH_E_NOT_FOUND)
        e = key_file_make(key_path, &s->crypto, s->key, problem);
    if (e != BERTH_OK)
        return e;
    return check_key(s, db, key_path, (berth_str){ (const char *)blob, n }, problem);
}

static berth_err prepare_database(struct store *s, const struct sqlite_store_options *o,
                                  sqlite3 **db, struct sqlite_store_problem *problem)
{
    char key_path[PATH_MAX];

    int n = o->key_file != NULL
                ? snprintf(key_path, sizeof key_path, "%s", o->key_file)
                : snprintf(key_path, sizeof key_path, "%s/%s", o->directory, SQLITE_STORE_KEYFILE);
    if (n >= (int)sizeof key_path) {
        problem_say(problem, "the key file's path is too long");
        return BERTH_E_RANGE;
    }
    int rc = engine_open_writer(s->path, o->max_pages, db);
    if (rc != SQLITE_OK)
        return problem_say_engine(problem, s->path, *db, rc);
    berth_err e = schema_judge(*db, s->path, problem);
    if (e == BERTH_OK)
        e = look_for_damage(*db, s->path, problem);
    if (e != BERTH_OK)
        return e;
    rc = engine_use_wal(*db);
    if (rc != SQLITE_OK)
        return problem_say_engine(problem, s->path, *db, rc);
    e = schema_migrate(*db, s->path, problem);
    return e == BERTH_OK ? open_key(s, *db, key_path, problem) : e;
}

static berth_err open_all(struct store *s, const struct sqlite_store_options *o,
                          struct sqlite_store_problem *problem)
{
    sqlite3 *db = NULL;

    berth_err e = directory_lock(o->directory, &s->lock_fd, problem);
    if (e != BERTH_OK)
        return e;
    if (snprintf(s->path, sizeof s->path, "%s/%s", o->directory, SQLITE_STORE_FILE) >=
        (int)sizeof s->path)
        return BERTH_E_RANGE;
    e = database_file_touch(s->path, problem);
    if (e == BERTH_OK)
        e = prepare_database(s, o, &db, problem);
    if (e == BERTH_OK)
        e = port_set_init(&s->ports);
    if (e != BERTH_OK) {
        engine_close(db);
        return e;
    }
    struct writer_needs needs = {
        .db = db,
        .crypto = &s->crypto,
        .key = s->key,
        .ports = &s->ports,
        .window_ms = o->window_ms,
        .answer_early = o->answer_before_commit,
    };
    return store_writer_start(&s->writer, &needs, problem);
}

berth_err sqlite_store_open(const struct sqlite_store_options *o, struct store **out,
                            struct sqlite_store_problem *problem)
{
    struct store *s = calloc(1, sizeof *s);

    *out = NULL;
    if (s == NULL) {
        problem_say(problem, "out of memory");
        return BERTH_E_MEMORY;
    }
    s->crypto = *o->crypto;
    s->lock_fd = -1;
    berth_err e = open_all(s, o, problem);
    if (e != BERTH_OK)
        sqlite_store_close(s);
    else
        *out = s;
    return e;
}

berth_err sqlite_store_attach(struct store *s, const struct store_attach *a,
                              struct store_port **out)
{
    struct port_needs needs = {
        .set = &s->ports,
        .writer = &s->writer,
        .crypto = &s->crypto,
        .path = s->path,
        .key = s->key,
    };

    return port_new(&needs, a, out);
}

void sqlite_store_close(struct store *s)
{
    store_writer_stop(&s->writer);
    port_set_deinit(&s->ports);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    s->crypto.wipe(s->crypto.ctx, s->key, sizeof s->key);
    free(s);
}

void sqlite_store_stats(struct store *s, struct sqlite_store_stats *out)
{
    store_writer_stats(&s->writer, out);
}
