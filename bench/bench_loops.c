/* bench_loops - what a second loop is worth: TLS 1.3 handshakes a second in memory, both ends in
 * one thread, by one thread and by two, each on a core of its own. Two threads as the daemon's
 * loops have it, each with a library context of its own, and two that share one. Interleaved
 * rounds.
 *
 *   bench_loops CERTIFICATE KEY [ROUNDS [MILLISECONDS]]     one line of JSON */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "net/tls_impl.h"

#define ROUNDS       5
#define ROUNDS_MAX   99
#define MILLISECONDS 1000
#define STEPS_MAX    8

struct side {
    struct tls_context *server;
    OSSL_LIB_CTX *lib;
    SSL_CTX *client;
};

struct worker {
    const struct side *side;
    unsigned core;
    double per_second;
};

static atomic_bool stop;

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "bench_loops: %s\n", what);
    exit(1);
}

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void open_side(struct side *s, char **files)
{
    const struct tls_files f = { .chain_file = files[0], .key_file = files[1] };
    char problem[256];

    must(tls_context_new(&f, &s->server, problem, sizeof problem) == BERTH_OK, problem);
    s->lib = OSSL_LIB_CTX_new();
    s->client = SSL_CTX_new_ex(s->lib, NULL, TLS_client_method());
    must(s->client != NULL, "no client context");
    SSL_CTX_set_verify(s->client, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(s->client, SSL_SESS_CACHE_OFF);
}

static void close_side(struct side *s)
{
    SSL_CTX_free(s->client);
    OSSL_LIB_CTX_free(s->lib);
    tls_context_free(s->server);
}

static void shake(const struct side *s)
{
    SSL *server = SSL_new(s->server->ctx), *client = SSL_new(s->client);
    BIO *up = NULL, *down = NULL;
    bool done = false;

    must(server != NULL && client != NULL && BIO_new_bio_pair(&up, 0, &down, 0) == 1,
         "out of memory");
    SSL_set_bio(server, up, up);
    SSL_set_bio(client, down, down);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    for (int i = 0; i < STEPS_MAX && !done; i++) {
        int c = SSL_do_handshake(client), r = SSL_do_handshake(server);
        done = c == 1 && r == 1;
    }
    must(done, "a handshake failed");
    SSL_free(client);
    SSL_free(server);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    cpu_set_t cores;
    size_t n = 0;
    double began;

    CPU_ZERO(&cores);
    CPU_SET(w->core, &cores);
    (void)sched_setaffinity(0, sizeof cores,
                            &cores); /* of this thread; a bench without still runs */
    began = now_s();
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        shake(w->side);
        n++;
    }
    w->per_second = (double)n / (now_s() - began);
    return NULL;
}

/* Handshakes a second of all THREADS, the first on FIRST, the others on SECOND. */
static double round_of(size_t threads, const struct side *first, const struct side *second, int ms)
{
    struct worker w[2] = { { first, 0, 0 }, { second, 1, 0 } };
    pthread_t ids[2];
    double sum = 0;

    atomic_store(&stop, false);
    for (size_t i = 0; i < threads; i++)
        must(pthread_create(&ids[i], NULL, work, &w[i]) == 0, "no thread");
    (void)usleep((useconds_t)ms * 1000);
    atomic_store(&stop, true);
    for (size_t i = 0; i < threads; i++) {
        (void)pthread_join(ids[i], NULL);
        sum += w[i].per_second;
    }
    return sum;
}

static void print(const char *name, const double *values, size_t n)
{
    (void)printf(",\"%s\":[", name);
    for (size_t i = 0; i < n; i++)
        (void)printf("%s%.1f", i > 0 ? "," : "", values[i]);
    (void)printf("]");
}

int main(int argc, char **argv)
{
    static double one[ROUNDS_MAX], two[ROUNDS_MAX], shared[ROUNDS_MAX];
    size_t rounds = argc > 3 ? strtoul(argv[3], NULL, 10) : ROUNDS;
    int ms = argc > 4 ? atoi(argv[4]) : MILLISECONDS;
    struct side a, b;

    must(argc >= 3, "usage: bench_loops CERTIFICATE KEY [ROUNDS [MILLISECONDS]]");
    must(rounds >= 1 && rounds <= ROUNDS_MAX && ms >= 1, "1 to 99 rounds of at least 1 ms");
    open_side(&a, argv + 1);
    open_side(&b, argv + 1);
    shake(&a);
    shake(&b);
    for (size_t i = 0; i < rounds; i++) {
        one[i] = round_of(1, &a, NULL, ms);
        two[i] = round_of(2, &a, &b, ms);
        shared[i] = round_of(2, &a, &a, ms);
    }
    (void)printf("{\"rounds\":%zu", rounds);
    print("one", one, rounds);
    print("two", two, rounds);
    print("shared", shared, rounds);
    (void)printf("}\n");
    close_side(&a);
    close_side(&b);
    return 0;
}
