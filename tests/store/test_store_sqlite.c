#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite/port.h"
#include "store/sqlite/sqlite_store.h"
#include "store/sqlite/writer.h"
#include "tests/store/door.h"
#include "tests/store/scratch.h"
#include "tests/store/test_crypto.h"
#include "tests/unit/check.h"

#define KIND   BERTH_KIND_REGISTRATION
#define SECRET "a secret of recognisable length, forty bytes"

struct subject {
    struct scratch dir;
    struct store *store;
};

static struct store *open_in(const struct scratch *dir, int window_ms)
{
    struct sqlite_store_options o = { .directory = dir->path,
                                      .crypto = &test_crypto,
                                      .window_ms = window_ms };
    struct sqlite_store_problem problem = { "" };
    struct store *s;

    if (sqlite_store_open(&o, &s, &problem) != BERTH_OK)
        door_die(__FILE__, __LINE__, problem.text);
    return s;
}

static void *subject_open(void *user)
{
    struct subject *s = calloc(1, sizeof *s);
    const int *window_ms = user;

    scratch_make(&s->dir);
    s->store = open_in(&s->dir, *window_ms);
    return s;
}

static berth_err subject_attach(void *subject, const struct store_attach *a,
                                struct store_port **out)
{
    struct subject *s = subject;

    return sqlite_store_attach(s->store, a, out);
}

static void subject_close(void *subject)
{
    struct subject *s = subject;

    sqlite_store_close(s->store);
    scratch_remove(&s->dir);
    free(s);
}

static int window = -1;
static const struct conformance sqlite_subject = {
    .name = "sqlite",
    .user = &window,
    .open = subject_open,
    .attach = subject_attach,
    .close = subject_close,
};

static void open_one(struct subject *s, struct door *d, int window_ms, unsigned watch_kinds)
{
    scratch_make(&s->dir);
    s->store = open_in(&s->dir, window_ms);
    door_open(d, &sqlite_subject, s, watch_kinds);
}

static void close_one(struct subject *s, struct door *d)
{
    door_close(d);
    sqlite_store_close(s->store);
    scratch_remove(&s->dir);
}

static void test_kept_over_restart(void **state)
{
    struct berth_change c = change_put(BERTH_KIND_GROUP, "", "g", BERTH_ABSENT, "{}");
    struct subject s;
    struct door d;
    struct answer a;

    (void)state;
    open_one(&s, &d, 0, 0);
    c.rec.secret = BERTH_STR("group secret");
    CHECK("put", door_commit(&d, &c, 1, 5, &a) == STORE_OK);
    uint64_t version = a.version;
    answer_clear(&a);
    struct berth_change other[] = { change_put(KIND, "", "x", BERTH_ABSENT, ""),
                                    change_delete(KIND, "", "x", BERTH_PRESENT) };
    CHECK("comes and goes", door_commit(&d, other, 2, 5, &a) == STORE_OK);
    uint64_t last = a.version;
    answer_clear(&a);
    door_close(&d);
    sqlite_store_close(s.store);
    CHECK("all is in one file", access(scratch_file(&s.dir, "berth.db-wal"), F_OK) != 0);

    s.store = open_in(&s.dir, 0);
    door_open(&d, &sqlite_subject, &s, 0);
    door_get(&d, BERTH_KIND_GROUP, "", "g", &a);
    CHECK("there", a.count == 1 && a.records[0].version == version &&
                       berth_str_eq(a.records[0].secret, BERTH_STR("group secret")));
    answer_clear(&a);
    c.expect = version;
    CHECK("versions go on", door_commit(&d, &c, 1, 5, &a) == STORE_OK && a.version > last);
    answer_clear(&a);
    close_one(&s, &d);
}

static bool file_has(const char *path, const char *text)
{
    enum { MAX = 8 * 1024 * 1024 };
    char *bytes = malloc(MAX);
    size_t n = scratch_read(path, bytes, MAX);
    bool found = memmem(bytes, n, text, strlen(text)) != NULL;

    free(bytes);
    return found;
}

static void test_no_secret_on_disk(void **state)
{
    struct berth_change c = change_put(BERTH_KIND_GROUP, "", "g", BERTH_ABSENT, "visible-body");
    struct subject s;
    struct door d;

    (void)state;
    open_one(&s, &d, 0, 0);
    c.rec.secret = BERTH_STR("hidden-secret");
    CHECK("put", door_commit(&d, &c, 1, 5, NULL) == STORE_OK);
    CHECK("the test looks in the right place",
          file_has(scratch_file(&s.dir, "berth.db-wal"), "visible-body"));
    CHECK("not in the WAL", !file_has(scratch_file(&s.dir, "berth.db-wal"), "hidden-secret"));
    door_close(&d);
    sqlite_store_close(s.store);
    CHECK("body", file_has(scratch_file(&s.dir, "berth.db"), "visible-body"));
    CHECK("not in the file", !file_has(scratch_file(&s.dir, "berth.db"), "hidden-secret"));
    scratch_remove(&s.dir);
}

/* Many at once share transactions; one that is stale among them fails alone. */
static void test_batches(void **state)
{
    enum { CALLS = 600 };
    static struct answer a[CALLS];
    struct sqlite_store_stats stats;
    struct subject s;
    struct door d;

    (void)state;
    open_one(&s, &d, 500, 0);
    for (int i = 0; i < CALLS; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%d", i);
        struct berth_change c[] = { change_put(KIND, "", key, BERTH_ABSENT, "{}"),
                                    change_check(KIND, "", key,
                                                 i % 7 == 3 ? BERTH_ABSENT : BERTH_PRESENT) };
        door_ask_commit(&d, c, 2, 1, &a[i]);
    }
    for (int i = 0; i < CALLS; i++) {
        door_await(&d, &a[i]);
        CHECK("alone", a[i].result == (i % 7 == 3 ? STORE_STALE : STORE_OK));
        CHECK("a version each", i == 0 || a[i].version > a[i - 1].version);
    }
    sqlite_store_stats(s.store, &stats);
    CHECK("fewer transactions than commits", stats.batches <= CALLS / 16);
    CHECK("counted", stats.commits + stats.stale == CALLS && stats.stale == (CALLS + 3) / 7);
    CHECK("a stale one left nothing", door_count(&d, KIND, "", -1) == stats.commits);
    CHECK("none waits", stats.queued == 0 && stats.failed == 0);
    for (int i = 0; i < CALLS; i++)
        answer_clear(&a[i]);
    close_one(&s, &d);
}

/* A few wait for company, until there are enough. */
static void test_window(void **state)
{
    static struct answer a[WRITER_BATCH_ENOUGH];
    struct sqlite_store_stats stats;
    struct subject s;
    struct door d;

    (void)state;
    open_one(&s, &d, 60000, 0);
    for (int i = 0; i < WRITER_BATCH_ENOUGH; i++) {
        struct berth_change c = change_put(KIND, "", "k", BERTH_ANY, "{}");
        door_ask_commit(&d, &c, 1, 1, &a[i]);
        usleep(500);
    }
    for (int i = 0; i < WRITER_BATCH_ENOUGH; i++) {
        door_await(&d, &a[i]);
        answer_clear(&a[i]);
    }
    sqlite_store_stats(s.store, &stats);
    CHECK("all in one", stats.batches == 1);
    close_one(&s, &d);
}

static sqlite3 *hold_writes(const struct scratch *dir)
{
    sqlite3 *db;

    MUST(sqlite3_open(scratch_file(dir, "berth.db"), &db) == SQLITE_OK);
    MUST(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK);
    return db;
}

static void release_writes(sqlite3 *db)
{
    MUST(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
    MUST(sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL) == SQLITE_OK);
    sqlite3_close(db);
}

static void await_taken(struct store *store)
{
    struct sqlite_store_stats stats;

    do {
        usleep(1000);
        sqlite_store_stats(store, &stats);
    } while (stats.queued > 0);
}

/* While another program holds the database, one batch waits for it and the queue fills up. */
static void test_queue_bound(void **state)
{
    enum { CALLS = WRITER_QUEUE_MAX + 2 };
    struct berth_change c = change_put(KIND, "", "k", BERTH_ANY, "{}");
    struct answer *a = calloc(CALLS, sizeof *a);
    struct subject s;
    struct door d;

    (void)state;
    open_one(&s, &d, 0, 0);
    sqlite3 *other = hold_writes(&s.dir);
    door_ask_commit(&d, &c, 1, 1, &a[0]);
    await_taken(s.store);
    for (int i = 1; i < CALLS; i++)
        door_ask_commit(&d, &c, 1, 1, &a[i]);
    door_await(&d, &a[CALLS - 1]);
    CHECK("one over is refused", a[CALLS - 1].result == STORE_FAILED);
    CHECK("says why", strstr(a[CALLS - 1].problem, "does not keep up") != NULL);
    release_writes(other);
    for (int i = 0; i < CALLS - 1; i++) {
        door_await(&d, &a[i]);
        CHECK("up to the bound all are kept", a[i].result == STORE_OK);
    }
    for (int i = 0; i < CALLS; i++)
        answer_clear(&a[i]);
    free(a);
    close_one(&s, &d);
}

static void test_queue_bytes_bound(void **state)
{
    enum { EACH = STORE_CHANGES_MAX, CALLS = 40 };
    char *body = calloc(1, BERTH_RECORD_BODY_MAX);
    struct berth_change c[EACH];
    static struct answer a[CALLS];
    struct subject s;
    struct door d;
    size_t kept = 0;

    (void)state;
    open_one(&s, &d, 0, 0);
    for (int i = 0; i < EACH; i++) {
        c[i] = change_put(KIND, "", "k", BERTH_ANY, "");
        c[i].rec.body = (berth_str){ body, BERTH_RECORD_BODY_MAX };
    }
    sqlite3 *other = hold_writes(&s.dir);
    door_ask_commit(&d, c, 1, 1, &a[0]);
    await_taken(s.store);
    for (int i = 1; i < CALLS; i++)
        door_ask_commit(&d, c, EACH, 1, &a[i]);
    release_writes(other);
    for (int i = 0; i < CALLS; i++) {
        door_await(&d, &a[i]);
        kept += a[i].result == STORE_OK;
        answer_clear(&a[i]);
    }
    /* What one takes beside its bodies is below a hundredth of them. */
    CHECK("as many as the bytes allow",
          kept == 1 + WRITER_QUEUE_BYTES_MAX / (EACH * (BERTH_RECORD_BODY_MAX + 500)));
    free(body);
    close_one(&s, &d);
}

/* A commit that does not fit costs the whole transaction in SQLite; here it costs only itself. */
static void test_disk_full_by_pages(void **state)
{
    enum { PAGES = 64, CALLS = 100 };
    struct sqlite_store_options o = { .crypto = &test_crypto, .max_pages = PAGES, .window_ms = 50 };
    char *body = calloc(1, 8192);
    static struct answer a[CALLS + 2];
    char keys[CALLS][24];
    struct subject s;
    struct door d;
    size_t kept = 0, small = 0;

    (void)state;
    scratch_make(&s.dir);
    o.directory = s.dir.path;
    MUST(sqlite_store_open(&o, &s.store, NULL) == BERTH_OK);
    door_open(&d, &sqlite_subject, &s, 1u << KIND);
    memset(body, 'x', 8192);
    for (int i = 0; i < CALLS; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "k%d", i);
        struct berth_change c = change_put(KIND, "", keys[i], BERTH_ABSENT, "{}");
        if (i % 10 != 0)
            c.rec.body = (berth_str){ body, 8192 };
        door_ask_commit(&d, &c, 1, 1, &a[i]);
    }
    for (int i = 0; i < CALLS; i++) {
        door_await(&d, &a[i]);
        CHECK(keys[i], a[i].result != STORE_STALE);
        kept += a[i].result == STORE_OK;
        small += i % 10 == 0 && a[i].result == STORE_OK;
        if (a[i].result == STORE_FAILED)
            CHECK("names the remedy", strstr(a[i].problem, "free space") != NULL);
    }
    CHECK("some fit and some do not", kept > 10 && kept < CALLS);
    CHECK("those that fit are not dragged along", small == CALLS / 10);
    CHECK("what was confirmed is there", door_count(&d, KIND, "", -1) == kept);
    CHECK("watchers saw just that", d.told_count == kept);

    for (int i = 0; i < CALLS; i++) {
        struct berth_change gone = change_delete(KIND, "", keys[i], BERTH_ANY);
        CHECK("room again", door_commit(&d, &gone, 1, 1, NULL) == STORE_OK);
        answer_clear(&a[i]);
    }
    struct berth_change c = change_put(KIND, "", "after", BERTH_ABSENT, "");
    c.rec.body = (berth_str){ body, 8192 };
    CHECK("the store goes on", door_commit(&d, &c, 1, 1, NULL) == STORE_OK);
    close_one(&s, &d);
    free(body);
}

/* For the crash test's own test: answers come although nothing is durable. */
static void test_answers_too_early(void **state)
{
    struct berth_change c = change_put(KIND, "", "k", BERTH_ABSENT, "{}");
    struct sqlite_store_options o = { .crypto = &test_crypto, .answer_before_commit = true };
    struct sqlite_store_stats stats;
    struct subject s;
    struct door d;

    (void)state;
    scratch_make(&s.dir);
    o.directory = s.dir.path;
    MUST(sqlite_store_open(&o, &s.store, NULL) == BERTH_OK);
    door_open(&d, &sqlite_subject, &s, 0);
    CHECK("answered", door_commit(&d, &c, 1, 1, NULL) == STORE_OK);
    CHECK("and nothing there yet", door_version(&d, KIND, "", "k") == 0);
    door_close(&d);
    sqlite_store_stats(s.store, &stats);
    CHECK("one batch", stats.batches == 1);
    sqlite_store_close(s.store);
    s.store = open_in(&s.dir, 0);
    door_open(&d, &sqlite_subject, &s, 0);
    CHECK("there in the end", door_version(&d, KIND, "", "k") != 0);
    close_one(&s, &d);
}

/* The writer checkpoints by itself, and the WAL does not grow for ever. */
static void test_checkpoint(void **state)
{
    enum { ROUNDS = 40 };
    char *body = calloc(1, BERTH_RECORD_BODY_MAX);
    struct sqlite_store_stats stats = { 0 };
    struct subject s;
    struct door d;

    (void)state;
    open_one(&s, &d, 0, 0);
    for (int round = 0; round < ROUNDS; round++) {
        struct berth_change c[STORE_CHANGES_MAX];
        char keys[STORE_CHANGES_MAX][24];
        memset(body, 'a' + round % 26, BERTH_RECORD_BODY_MAX);
        for (int i = 0; i < STORE_CHANGES_MAX; i++) {
            (void)snprintf(keys[i], sizeof keys[i], "k%d", i);
            c[i] = change_put(KIND, "", keys[i], BERTH_ANY, "");
            c[i].rec.body = (berth_str){ body, BERTH_RECORD_BODY_MAX };
        }
        CHECK("round", door_commit(&d, c, STORE_CHANGES_MAX, 1, NULL) == STORE_OK);
    }
    sqlite_store_stats(s.store, &stats);
    CHECK("past the limit it checkpoints at once", stats.checkpoints >= 1);
    uint64_t busy = stats.checkpoints;
    while (stats.checkpoints == busy) {
        usleep(50000);
        sqlite_store_stats(s.store, &stats);
    }
    free(body);
    close_one(&s, &d);
}

static atomic_size_t wiped; /* blocks that held the secret */

static void watching_wipe(void *ctx, void *p, size_t n)
{
    if (n > 32 && memmem(p, n, SECRET, strlen(SECRET)) != NULL)
        wiped++;
    test_crypto_wipe(ctx, p, n);
}

static bool is_woken(struct door *d)
{
    pthread_mutex_lock(&d->lock);
    bool woken = d->woken;
    pthread_mutex_unlock(&d->lock);
    return woken;
}

/* Whoever watches other kinds and sleeps all the time keeps neither secrets nor the log's memory.
 */
static void test_watcher_of_other_kinds(void **state)
{
    struct berth_crypto crypto = test_crypto;
    struct sqlite_store_options o = { .crypto = &crypto };
    struct sqlite_store_problem problem = { "" };
    struct subject s;
    struct door busy, idle;

    (void)state;
    crypto.wipe = watching_wipe;
    wiped = 0;
    scratch_make(&s.dir);
    o.directory = s.dir.path;
    CHECK(problem.text, sqlite_store_open(&o, &s.store, &problem) == BERTH_OK);
    door_open(&busy, &sqlite_subject, &s, 1u << KIND);
    door_open(&idle, &sqlite_subject, &s, 1u << BERTH_KIND_HUB);
    for (int i = 1; i <= 2 * PORT_PASSED_BY_MAX; i++) {
        struct berth_change c = change_put(KIND, "", "k", BERTH_ANY, "");
        c.rec.secret = BERTH_STR(SECRET);
        CHECK("committed", door_commit(&busy, &c, 1, 1, NULL) == STORE_OK);
        CHECK("woken when many have passed", is_woken(&idle) == (i >= PORT_PASSED_BY_MAX));
    }
    CHECK("told", busy.told_count == 2 * PORT_PASSED_BY_MAX);
    CHECK("all are wiped meanwhile", wiped >= 2 * PORT_PASSED_BY_MAX);

    struct berth_change hub = change_put(BERTH_KIND_HUB, "", "h", BERTH_ANY, "");
    CHECK("committed", door_commit(&busy, &hub, 1, 1, NULL) == STORE_OK);
    door_turn(&idle);
    CHECK("its own kind reaches it", idle.told_count == 1);
    door_close(&idle);
    close_one(&s, &busy);
}

int main(void)
{
    static int no_window = 0;
    struct conformance at_once = sqlite_subject;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_over_restart),
        cmocka_unit_test(test_no_secret_on_disk),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_queue_bound),
        cmocka_unit_test(test_queue_bytes_bound),
        cmocka_unit_test(test_disk_full_by_pages),
        cmocka_unit_test(test_answers_too_early),
        cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_watcher_of_other_kinds),
    };

    at_once.name = "sqlite without a window";
    at_once.user = &no_window;
    return conformance_run(&sqlite_subject) + conformance_run(&at_once) +
           cmocka_run_group_tests_name("sqlite's own", tests, NULL, NULL);
}
