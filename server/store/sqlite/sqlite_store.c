#include "store/sqlite/sqlite_store.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite/engine.h"
#include "store/sqlite/files.h"
#include "store/sqlite/key_check.h"
#include "store/sqlite/port.h"
#include "store/sqlite/preserve.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/writer.h"

#define QUICK_CHECK_SIZE (64 * 1024 * 1024)

struct store {
    struct berth_crypto crypto;
    char path[PATH_MAX];
    uint8_t key[SEAL_KEY_SIZE];
    int lock_fd;
    struct port_set ports;
    struct store_writer writer;
};

/* A damaged page would otherwise show up one failed request at a time. Large files are spared: it
 * reads all of them. */
static berth_err look_for_damage(sqlite3 *db, const char *path,
                                 struct sqlite_store_problem *problem)
{
    struct stat st;

    if (stat(path, &st) != 0 || st.st_size > QUICK_CHECK_SIZE)
        return BERTH_OK;
    int rc = engine_judge(db, "PRAGMA quick_check(1)");
    return rc == SQLITE_OK ? BERTH_OK : problem_say_engine(problem, path, db, rc);
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
    e = preserve_before_migration(*db, o->directory, problem);
    if (e != BERTH_OK)
        return e;
    rc = engine_use_wal(*db);
    if (rc != SQLITE_OK)
        return problem_say_engine(problem, s->path, *db, rc);
    e = schema_migrate(*db, s->path, problem);
    if (e != BERTH_OK)
        return e;
    struct key_check k = { *db, s->path, key_path, &s->crypto };
    return key_check_open(&k, s->key, problem);
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
        .idle_ms = o->idle_ms,
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
