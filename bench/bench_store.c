/* bench_store - durable rows per second of the SQLite store: 64 commits in flight against one at a
 * time, interleaved; and the latency of a commit under the former. Prints each round, as JSON.
 *
 *   bench_store [DIRECTORY [ROUNDS [ROWS]]]     the directory's disk is what is measured */
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/sqlite/sqlite_store.h"

#define IN_FLIGHT  64
#define BODY_SIZE  400 /* a registration's record */
#define ROUNDS     7
#define ROUNDS_MAX 99
#define ROWS       64000 /* in one round at 64 in flight; one at a time gets an eighth of that */

struct bench {
    struct store *store;
    char dir[256];
    struct {
        double rows[ROUNDS_MAX], cpu[ROUNDS_MAX], p50[ROUNDS_MAX], p99[ROUNDS_MAX];
    } of_round;
    struct store_port *port;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool woken;
    size_t to_start, to_finish;
    double *latency_us; /* of each commit of the round */
    size_t latencies;
    uint64_t next_key;
};

struct flight {
    struct bench *bench;
    double began_us;
};

static berth_err random_bytes(void *ctx, uint8_t *out, size_t n)
{
    (void)ctx;
    return RAND_bytes(out, (int)n) == 1 ? BERTH_OK : BERTH_E_CRYPTO;
}

static void wipe(void *ctx, void *p, size_t n)
{
    (void)ctx;
    OPENSSL_cleanse(p, n);
}

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "bench_store: %s\n", what);
    exit(1);
}

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void wake(void *user)
{
    struct bench *b = user;

    pthread_mutex_lock(&b->lock);
    b->woken = true;
    pthread_cond_signal(&b->cond);
    pthread_mutex_unlock(&b->lock);
}

static void start(struct flight *f);

static void done(void *user, const struct store_reply *reply)
{
    struct flight *f = user;
    struct bench *b = f->bench;

    must(reply->result == STORE_OK, reply->problem == NULL ? "stale" : reply->problem);
    b->latency_us[b->latencies++] = now_us() - f->began_us;
    b->to_finish--;
    if (b->to_start > 0)
        start(f);
}

static void start(struct flight *f)
{
    static const char body[BODY_SIZE] = "{}";
    struct bench *b = f->bench;
    char key[48];
    uint64_t spread = b->next_key++ * 0x9e3779b97f4a7c15u; /* keys come in no order */

    int n =
        snprintf(key, sizeof key, "sn-%016llx-mac-a1-b2-c3-d4-e5-f6", (unsigned long long)spread);
    struct berth_change put = { .type = BERTH_PUT, .expect = BERTH_ABSENT };
    put.rec.kind = BERTH_KIND_REGISTRATION;
    put.rec.key = put.rec.name = (berth_str){ key, (size_t)n };
    put.rec.owner = BERTH_STR("mylegacydevices");
    put.rec.body = (berth_str){ body, sizeof body };
    b->to_start--;
    f->began_us = now_us();
    store_commit(b->port, &put, 1, 1, done, f);
}

static void wait_and_deliver(struct bench *b)
{
    pthread_mutex_lock(&b->lock);
    while (!b->woken)
        pthread_cond_wait(&b->cond, &b->lock);
    b->woken = false;
    pthread_mutex_unlock(&b->lock);
    (void)store_deliver(b->port);
}

/* Rows per second; *CPU gets the process's microseconds per row. */
static double round_of(struct bench *b, size_t in_flight, size_t rows, double *cpu)
{
    struct flight flights[IN_FLIGHT];

    b->to_start = b->to_finish = rows;
    b->latencies = 0;
    double began = now_us(), cpu_began = cpu_us();
    for (size_t i = 0; i < in_flight && b->to_start > 0; i++) {
        flights[i].bench = b;
        start(&flights[i]);
    }
    while (b->to_finish > 0)
        wait_and_deliver(b);
    *cpu = (cpu_us() - cpu_began) / (double)rows;
    return (double)rows / (now_us() - began) * 1e6;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static double quantile(double *values, size_t n, double q)
{
    qsort(values, n, sizeof *values, by_value);
    return values[(size_t)((double)(n - 1) * q)];
}

static void measure(struct bench *b, size_t round, size_t in_flight, size_t rows)
{
    b->of_round.rows[round] = round_of(b, in_flight, rows, &b->of_round.cpu[round]);
    b->of_round.p50[round] = quantile(b->latency_us, b->latencies, 0.50);
    b->of_round.p99[round] = quantile(b->latency_us, b->latencies, 0.99);
}

static void print_values(const char *name, const double *values, size_t n)
{
    printf("\"%s\":[", name);
    for (size_t i = 0; i < n; i++)
        printf("%s%.1f", i > 0 ? "," : "", values[i]);
    printf("]");
}

static void report(const char *name, const struct bench *b, size_t rounds)
{
    printf("\"%s\":{", name);
    print_values("rows", b->of_round.rows, rounds);
    printf(",");
    print_values("p50", b->of_round.p50, rounds);
    printf(",");
    print_values("p99", b->of_round.p99, rounds);
    printf(",");
    print_values("cpu", b->of_round.cpu, rounds);
    printf("}");
}

static void clean_up(const char *dir)
{
    static const char *const names[] = { SQLITE_STORE_FILE, SQLITE_STORE_KEYFILE,
                                         SQLITE_STORE_LOCK };
    char path[512];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

/* WINDOW_MS as in the store's options: one at a time would only measure the window. */
static void bench_open(struct bench *b, const char *where, int window_ms, size_t rows)
{
    static const struct berth_crypto crypto = { .random = random_bytes, .wipe = wipe };
    struct store_attach attach = { .wake = wake, .wake_user = b };
    struct sqlite_store_problem problem = { "" };

    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->cond, NULL);
    (void)snprintf(b->dir, sizeof b->dir, "%s/bench-store-XXXXXX", where);
    must(mkdtemp(b->dir) != NULL, "cannot make a directory to work in");
    struct sqlite_store_options o = { .directory = b->dir,
                                      .crypto = &crypto,
                                      .window_ms = window_ms };
    must(sqlite_store_open(&o, &b->store, &problem) == BERTH_OK, problem.text);
    must(sqlite_store_attach(b->store, &attach, &b->port) == BERTH_OK, "cannot attach");
    b->latency_us = calloc(rows, sizeof *b->latency_us);
    must(b->latency_us != NULL, "out of memory");
}

static void bench_close(struct bench *b)
{
    store_detach(b->port);
    sqlite_store_close(b->store);
    free(b->latency_us);
    clean_up(b->dir);
}

int main(int argc, char **argv)
{
    static struct bench many, one;
    size_t rounds = argc > 2 ? (size_t)atoi(argv[2]) : ROUNDS;
    size_t rows = argc > 3 ? (size_t)atoi(argv[3]) : ROWS;

    must(rounds >= 1 && rounds <= ROUNDS_MAX && rows >= 8, "1 to 99 rounds of at least 8 rows");
    bench_open(&one, argc > 1 ? argv[1] : ".", 0, rows);
    bench_open(&many, argc > 1 ? argv[1] : ".", -1, rows);
    for (size_t i = 0; i < rounds; i++) {
        measure(&one, i, 1, rows / 8);
        measure(&many, i, IN_FLIGHT, rows);
    }
    printf("{");
    report("one", &one, rounds);
    printf(",");
    report("many", &many, rounds);
    printf("}\n");

    bench_close(&one);
    bench_close(&many);
    return 0;
}
