#include "store/sqlite/writer.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "store/sqlite/engine.h"
#include "store/sqlite/port.h"
#include "store/sqlite/problem.h"

#define EARLY_HOLD_MS 20 /* between answer and commit, when answers are told to come too early */

static void count(atomic_ullong *counter, size_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

bool store_writer_submit(struct store_writer *w, struct store_job *j)
{
    pthread_mutex_lock(&w->lock);
    bool room =
        w->queued < WRITER_QUEUE_MAX && w->queued_bytes <= WRITER_QUEUE_BYTES_MAX - j->bytes;
    if (room) {
        j->next = NULL;
        *w->end = j;
        w->end = &j->next;
        w->queued++;
        w->queued_bytes += j->bytes;
        if (w->queued == w->awaited)
            pthread_cond_signal(&w->work);
    }
    pthread_mutex_unlock(&w->lock);
    if (!room)
        count(&w->counts.failed, 1);
    return room;
}

static struct timespec from_now(int ms)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (ms % 1000) * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000L;
    }
    return t;
}

/* With LOCK: until N are queued, or UNTIL (NULL: no end to it), or the stop. */
static void await(struct store_writer *w, size_t n, const struct timespec *until)
{
    int rc = 0;

    w->awaited = n;
    while (w->queued < n && !w->stopping && rc != ETIMEDOUT)
        rc = until == NULL ? pthread_cond_wait(&w->work, &w->lock)
                           : pthread_cond_timedwait(&w->work, &w->lock, until);
    w->awaited = 0;
}

/* With LOCK. False: there is none, and the WAL has waited long enough. */
static bool await_work(struct store_writer *w)
{
    struct timespec idle = from_now(w->idle_ms);

    await(w, 1, w->wal_pages == 0 ? NULL : &idle);
    return w->queued > 0 || w->stopping;
}

/* With LOCK. */
static size_t pop(struct store_writer *w, struct store_job **batch, size_t most)
{
    size_t n = 0;

    while (n < most && w->first != NULL) {
        batch[n] = w->first;
        w->first = w->first->next;
        w->queued_bytes -= batch[n++]->bytes;
    }
    w->queued -= n;
    if (w->first == NULL)
        w->end = &w->first;
    return n;
}

static int note_wal_pages(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct store_writer *w = arg;

    (void)db;
    (void)name;
    w->wal_pages = pages;
    return SQLITE_OK;
}

/* PASSIVE waits for nobody; after a complete one the next commit starts the WAL anew. An incomplete
 * or failed one is tried again when idle next, or after a quarter of the limit more. */
static void checkpoint(struct store_writer *w)
{
    int in_log = -1, done = -1;

    int rc = sqlite3_wal_checkpoint_v2(w->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, &done);
    bool complete = rc == SQLITE_OK && in_log == done;
    w->wal_pages_limit = complete ? WRITER_WAL_PAGES : w->wal_pages + WRITER_WAL_PAGES / 4;
    if (complete) {
        w->wal_pages = 0;
        count(&w->counts.checkpoints, 1);
    }
}

static int run_kept(struct store_writer *w, const char *sql, sqlite3_stmt **slot)
{
    int rc = engine_prepare(w->db, sql, slot);

    return rc == SQLITE_OK ? engine_run(*slot) : rc;
}

static void roll_back(struct store_writer *w)
{
    if (!sqlite3_get_autocommit(w->db))
        (void)sqlite3_exec(w->db, "ROLLBACK", NULL, NULL, NULL);
}

/* Called before anything else is run on the connection: that would cover up the cause. */
static void fail_all(struct store_writer *w, struct store_job **batch, size_t n, int rc)
{
    const char *problem = problem_of_engine(w->db, rc);

    for (size_t i = 0; i < n; i++) {
        batch[i]->result = STORE_FAILED;
        batch[i]->problem = problem;
    }
}

static void tally(struct store_writer *w, const struct store_job *j)
{
    if (j->result == STORE_OK) {
        count(&w->counts.commits, 1);
        count(&w->counts.changes, j->count);
    } else {
        count(j->result == STORE_STALE ? &w->counts.stale : &w->counts.failed, 1);
    }
}

/* Changes of all first: a completion of the batch may be told the moment it is handed over. */
static void answer(struct store_writer *w, struct store_job **batch, size_t n)
{
    port_set_publish(w->ports, batch, n);
    for (size_t i = 0; i < n; i++) {
        tally(w, batch[i]);
        store_job_read(batch[i]);
    }
    port_complete(batch, n);
}

/* A transaction under way: MADE of its N commits are, ANY of them not in vain. */
struct batch {
    struct store_job **jobs;
    size_t n, made;
    bool any;
};

/* Versions only ever grow, also over failed commits: one that failed may still be met after a
 * crash. */
static bool make(struct store_writer *w, struct batch *b)
{
    for (; b->made < b->n; b->made++) {
        struct store_job *j = b->jobs[b->made];
        if (!rows_apply(&w->rows, j, ++w->version))
            return false;
        b->any = b->any || j->result == STORE_OK;
    }
    return true;
}

/* Few wait for company until UNTIL. Whoever is there joins at once: what the loops have yet to ask
 * for is asked while the writer makes what they have asked for. */
static bool is_joined(struct store_writer *w, struct batch *b, const struct timespec *until)
{
    if (b->n >= WRITER_BATCH_ENOUGH || w->window_ms == 0)
        return false;
    pthread_mutex_lock(&w->lock);
    if (w->queued == 0)
        await(w, WRITER_BATCH_ENOUGH - b->n, until);
    size_t more = pop(w, b->jobs + b->n, WRITER_BATCH_MAX - b->n);
    pthread_mutex_unlock(&w->lock);
    b->n += more;
    return more > 0;
}

static bool make_all(struct store_writer *w, struct batch *b)
{
    struct timespec until = from_now(w->window_ms);

    do {
        if (!make(w, b))
            return false;
    } while (is_joined(w, b, &until));
    return true;
}

static int keep_version(struct store_writer *w)
{
    static const char sql[] = "UPDATE meta SET value=?1 WHERE name='version'";

    int rc = engine_prepare(w->db, sql, &w->keep_version);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(w->keep_version, 1, (sqlite3_int64)w->version);
    return rc == SQLITE_OK ? engine_run(w->keep_version) : rc;
}

static int commit(struct store_writer *w)
{
    int rc = keep_version(w);

    return rc == SQLITE_OK ? run_kept(w, "COMMIT", &w->commit) : rc;
}

static void commit_late(struct store_writer *w, const struct batch *b)
{
    const struct timespec hold = { .tv_nsec = EARLY_HOLD_MS * 1000000L };

    answer(w, b->jobs, b->n);
    nanosleep(&hold, NULL);
    if (commit(w) != SQLITE_OK)
        roll_back(w);
}

/* False: the engine gave up the transaction and nobody was answered. */
static bool attempt(struct store_writer *w, struct batch *b,
                    bool (*make_them)(struct store_writer *, struct batch *))
{
    int rc = run_kept(w, "BEGIN IMMEDIATE", &w->begin);
    if (rc != SQLITE_OK) {
        fail_all(w, b->jobs, b->n, rc);
        answer(w, b->jobs, b->n);
        return true;
    }
    if (!make_them(w, b)) {
        roll_back(w);
        return false;
    }
    count(&w->counts.batches, 1);
    if (b->any && w->answer_early) {
        commit_late(w, b);
        return true;
    }
    rc = b->any ? commit(w) : SQLITE_OK;
    if (rc != SQLITE_OK)
        fail_all(w, b->jobs, b->n, rc);
    roll_back(w);
    answer(w, b->jobs, b->n);
    return true;
}

/* What costs the whole transaction (a full disk does) must not cost the others: then each gets a
 * transaction of its own. JOBS has room for WRITER_BATCH_MAX, N are there. */
static void carry_out(struct store_writer *w, struct store_job **jobs, size_t n)
{
    struct batch all = { .jobs = jobs, .n = n };

    if (attempt(w, &all, make_all))
        return;
    for (size_t i = 0; i < all.n; i++) {
        struct batch one = { .jobs = &jobs[i], .n = 1 };
        if (attempt(w, &one, make))
            continue;
        if (jobs[i]->result != STORE_FAILED) {
            jobs[i]->result = STORE_FAILED;
            jobs[i]->problem = "the database engine gave up the transaction";
        }
        answer(w, &jobs[i], 1);
    }
}

static void *run(void *arg)
{
    struct store_writer *w = arg;
    struct store_job *jobs[WRITER_BATCH_MAX];
    bool more = true;

    while (more) {
        pthread_mutex_lock(&w->lock);
        bool work = await_work(w);
        size_t n = pop(w, jobs, WRITER_BATCH_MAX);
        more = n > 0 || !w->stopping;
        pthread_mutex_unlock(&w->lock);
        if (n > 0)
            carry_out(w, jobs, n);
        if (!work || w->wal_pages > w->wal_pages_limit)
            checkpoint(w);
    }
    return NULL;
}

/* Signals are for the daemon's loops. */
static bool start_thread(struct store_writer *w)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    w->running = pthread_create(&w->thread, NULL, run, w) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return w->running;
}

static berth_err refuse(struct store_writer *w, struct sqlite_store_problem *problem,
                        const char *text, berth_err e)
{
    problem_say(problem, "cannot start writing to the database: %s", text);
    rows_deinit(&w->rows);
    engine_close(w->db);
    w->db = NULL;
    return e;
}

berth_err store_writer_start(struct store_writer *w, const struct writer_needs *needs,
                             struct sqlite_store_problem *problem)
{
    pthread_condattr_t monotonic;
    int64_t version = 0;

    *w = (struct store_writer){
        .db = needs->db,
        .crypto = needs->crypto,
        .ports = needs->ports,
        .window_ms = needs->window_ms < 0 ? WRITER_WINDOW_MS : needs->window_ms,
        .idle_ms = needs->idle_ms <= 0 ? WRITER_IDLE_MS : needs->idle_ms,
        .answer_early = needs->answer_early,
        .wal_pages_limit = WRITER_WAL_PAGES,
    };
    w->end = &w->first;
    if (rows_init(&w->rows, w->db, w->crypto, needs->key) != BERTH_OK)
        return refuse(w, problem, "AES-256-GCM is missing from OpenSSL", BERTH_E_CRYPTO);
    int rc = engine_number(w->db, "SELECT value FROM meta WHERE name='version'", &version);
    if (rc != SQLITE_OK)
        return refuse(w, problem, problem_of_engine(w->db, rc), BERTH_E_IO);
    w->version = (uint64_t)version;
    (void)sqlite3_wal_hook(w->db, note_wal_pages, w);

    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (!start_thread(w))
        return refuse(w, problem, "no thread; raise the limit of tasks", BERTH_E_MEMORY);
    return BERTH_OK;
}

void store_writer_stop(struct store_writer *w)
{
    if (!w->running)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    assert(w->queued == 0);

    rows_deinit(&w->rows);
    (void)sqlite3_finalize(w->begin);
    (void)sqlite3_finalize(w->keep_version);
    (void)sqlite3_finalize(w->commit);
    (void)sqlite3_wal_checkpoint_v2(w->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    engine_close(w->db);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    *w = (struct store_writer){ 0 };
}

void store_writer_stats(struct store_writer *w, struct sqlite_store_stats *out)
{
    *out = (struct sqlite_store_stats){
        .commits = atomic_load(&w->counts.commits),
        .changes = atomic_load(&w->counts.changes),
        .batches = atomic_load(&w->counts.batches),
        .stale = atomic_load(&w->counts.stale),
        .failed = atomic_load(&w->counts.failed),
        .checkpoints = atomic_load(&w->counts.checkpoints),
        .log_pages = (uint64_t)atomic_load(&w->wal_pages),
        .memory_bytes = (uint64_t)sqlite3_memory_used(),
    };
    pthread_mutex_lock(&w->lock);
    out->queued = w->queued;
    pthread_mutex_unlock(&w->lock);
}
