/* tlsload - opens COUNT new TLS connections to a server on this machine, a number of them at once
 * or so many a second whatever becomes of the others, each with a full handshake, and has each say
 * its script. Prints one line of JSON. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "bench/load_script.h"

#define RX_MAX     16384
#define EVENTS_MAX 64
#define COUNT_MAX  100000
#define ONCE_MAX   1024
#define PEERS_MAX  250
#define RATE_MAX   10000
#define QUIET_MS   10000 /* without any event for so long: the server hangs */

struct conn {
    SSL *ssl; /* NULL: free */
    int fd;
    size_t index; /* which of COUNT */
    unsigned step;
    bool shaken, left; /* LEFT: close_notify is sent, the server's end is awaited */
    size_t rx_n;
    char rx[RX_MAX];
};

struct load {
    SSL_CTX *ctx;
    int epoll;
    struct sockaddr_in to;
    struct load_script script;
    struct conn *conns;
    size_t at_once, started, open, done, errors;
    size_t peers;    /* addresses that connections come from; 0: any */
    int64_t step_ns; /* between two starts; 0: as soon as one has ended */
    int64_t began_us;
    int64_t *took_us; /* from when each was due to its answer */
    char first_error[160];
};

struct options {
    int port;
    enum load_mode mode;
    size_t count, at_once, rate, peers;
    int tls;
    struct load_who who;
};

static int64_t clock_us(clockid_t id)
{
    struct timespec t;

    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void end_conn(struct load *l, struct conn *c, const char *error)
{
    if (error != NULL && l->errors++ == 0)
        (void)snprintf(l->first_error, sizeof l->first_error, "connection %zu, step %u: %s",
                       c->index, c->step, error);
    l->done += error == NULL;
    SSL_free(c->ssl);
    (void)close(c->fd);
    c->ssl = NULL;
    l->open--;
    ERR_clear_error();
}

/* From one of PEERS addresses: limits count by them. */
static bool bind_conn(const struct load *l, const struct conn *c)
{
    uint32_t address = INADDR_LOOPBACK + 256 + (uint32_t)(c->index % (l->peers > 0 ? l->peers : 1));
    struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };
    int on = 1;

    if (l->peers == 0)
        return true;
    return setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) == 0 &&
           bind(c->fd, (struct sockaddr *)&from, sizeof from) == 0;
}

static bool begin_conn(struct load *l, struct conn *c)
{
    struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };
    char name[] = "localhost"; /* OpenSSL's macro casts const away */
    int on = 1;

    c->index = l->started++;
    c->step = 0;
    c->shaken = c->left = false;
    c->rx_n = 0;
    c->ssl = SSL_new(l->ctx);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    l->open++;
    if (c->ssl == NULL || c->fd < 0 || SSL_set_fd(c->ssl, c->fd) != 1 ||
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        SSL_set_tlsext_host_name(c->ssl, name) != 1 || !bind_conn(l, c) ||
        (connect(c->fd, (struct sockaddr *)&l->to, sizeof l->to) != 0 && errno != EINPROGRESS) ||
        epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0) {
        end_conn(l, c, strerror(errno));
        return false;
    }
    SSL_set_connect_state(c->ssl);
    return true;
}

/* What is said fits any socket buffer, so that it is taken whole or something is wrong. */
static bool say(struct conn *c, berth_str text)
{
    size_t wrote;

    return text.n == 0 || (SSL_write_ex(c->ssl, text.p, text.n, &wrote) == 1 && wrote == text.n);
}

static void leave(struct conn *c)
{
    (void)SSL_shutdown(c->ssl);
    (void)shutdown(c->fd, SHUT_WR);
    c->left = true;
}

/* Why the connection failed; NULL: it goes on. */
static const char *hear(struct load *l, struct conn *c)
{
    size_t used;
    berth_str reply;

    while (c->rx_n > 0) {
        enum load_progress p = load_script_hear(&l->script, c->index, &c->step,
                                                (berth_str){ c->rx, c->rx_n }, &used, &reply);
        if (p == LOAD_WAIT)
            return NULL;
        if (p == LOAD_WRONG)
            return "not the answer expected";
        memmove(c->rx, c->rx + used, c->rx_n - used);
        c->rx_n -= used;
        if (!say(c, reply))
            return "cannot write";
        if (p == LOAD_DONE) {
            l->took_us[c->index] =
                clock_us(CLOCK_MONOTONIC) - l->began_us - (int64_t)c->index * l->step_ns / 1000;
            leave(c);
            return NULL;
        }
    }
    return NULL;
}

static const char *shake(struct load *l, struct conn *c, bool *again)
{
    int r = SSL_do_handshake(c->ssl);
    int why = r == 1 ? SSL_ERROR_NONE : SSL_get_error(c->ssl, r);

    *again = r == 1;
    if (r != 1)
        return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? NULL : "handshake";
    c->shaken = true;
    if (!say(c, load_script_first(&l->script, c->index)))
        return "cannot write";
    if (l->script.mode == LOAD_CLOSE)
        leave(c);
    return NULL;
}

static const char *receive(struct load *l, struct conn *c)
{
    size_t n;

    while (!c->left && SSL_read_ex(c->ssl, c->rx + c->rx_n, RX_MAX - c->rx_n, &n) == 1) {
        c->rx_n += n;
        const char *error = hear(l, c);
        if (error != NULL)
            return error;
    }
    return c->left || SSL_get_error(c->ssl, 0) == SSL_ERROR_WANT_READ ? NULL : "cannot read";
}

/* Reads and forgets until the server's end: true when it has come. */
static bool drained(struct conn *c)
{
    ssize_t n;

    while ((n = recv(c->fd, c->rx, RX_MAX, 0)) > 0)
        continue;
    return n == 0 || errno != EAGAIN;
}

static void on_event(struct load *l, struct conn *c)
{
    const char *error = NULL;
    bool again = true;

    if (!c->shaken)
        error = shake(l, c, &again);
    if (error == NULL && again && !c->left)
        error = receive(l, c);
    if (error != NULL)
        end_conn(l, c, error);
    else if (c->left && drained(c))
        end_conn(l, c, NULL);
}

static void run(struct load *l)
{
    struct epoll_event events[EVENTS_MAX];

    for (size_t i = 0; i < l->at_once && l->started < l->script.count; i++)
        (void)begin_conn(l, &l->conns[i]);
    while (l->open > 0) {
        int n = epoll_wait(l->epoll, events, EVENTS_MAX, QUIET_MS);
        if (n <= 0) {
            l->errors += l->open;
            (void)snprintf(l->first_error, sizeof l->first_error, "%zu connections hang", l->open);
            return;
        }
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            on_event(l, c);
            while (c->ssl == NULL && l->started < l->script.count && !begin_conn(l, c))
                continue;
        }
    }
}

/* Begins those that have become due; false when so many are open that the server hangs. */
static bool begin_due(struct load *l, uint64_t due)
{
    for (size_t i = 0; due > 0 && l->started < l->script.count; i++) {
        if (i == l->at_once)
            return false;
        if (l->conns[i].ssl != NULL)
            continue;
        (void)begin_conn(l, &l->conns[i]);
        due--;
    }
    return true;
}

static int start_clock(struct load *l)
{
    struct itimerspec every = { 0 };
    struct epoll_event ev = { .events = EPOLLIN };
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

    every.it_interval.tv_nsec = l->step_ns;
    every.it_value.tv_nsec = 1;
    if (fd < 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) != 0 ||
        timerfd_settime(fd, 0, &every, NULL) != 0) {
        l->errors++;
        return -1;
    }
    l->began_us = clock_us(CLOCK_MONOTONIC);
    return fd;
}

/* Open loop: what a slow answer delays is itself alone. */
static void run_at_rate(struct load *l)
{
    struct epoll_event events[EVENTS_MAX];
    int clock = start_clock(l);
    bool keeps_up = true;

    while (clock >= 0 && keeps_up && (l->open > 0 || l->started < l->script.count)) {
        uint64_t due = 0;
        int n = epoll_wait(l->epoll, events, EVENTS_MAX, QUIET_MS);
        for (int i = 0; i < n; i++)
            if (events[i].data.ptr != NULL)
                on_event(l, events[i].data.ptr);
        if (read(clock, &due, sizeof due) == (ssize_t)sizeof due)
            keeps_up = begin_due(l, due);
    }
    if (!keeps_up) {
        l->errors += l->open;
        (void)snprintf(l->first_error, sizeof l->first_error, "%zu connections at once", l->open);
    }
    if (clock >= 0)
        (void)close(clock);
}

/* The server's chain is not verified: what that costs the client is no part of the comparison. */
static bool open_load(struct load *l, const struct options *o)
{
    int version = o->tls == 12 ? TLS1_2_VERSION : TLS1_3_VERSION;

    l->to = (struct sockaddr_in){ .sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)o->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    l->at_once = o->at_once;
    l->peers = o->peers;
    l->step_ns = o->rate == 0 ? 0 : 1000000000 / (int64_t)o->rate;
    l->took_us = calloc(o->count, sizeof *l->took_us);
    l->ctx = SSL_CTX_new(TLS_client_method());
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->conns = calloc(o->at_once, sizeof *l->conns);
    if (l->ctx == NULL || l->epoll < 0 || l->conns == NULL || l->took_us == NULL)
        return false;
    SSL_CTX_set_session_cache_mode(l->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(l->ctx, SSL_VERIFY_NONE, NULL);
    return SSL_CTX_set_min_proto_version(l->ctx, version) == 1 &&
           SSL_CTX_set_max_proto_version(l->ctx, version) == 1 &&
           load_script_init(&l->script, o->mode, o->count, &o->who) == BERTH_OK;
}

static int by_value(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static void report(const struct load *l, int64_t wall_us, int64_t cpu_us)
{
    (void)printf("{\"done\":%zu,\"errors\":%zu,\"firstError\":\"%s\",\"wallUs\":%lld,"
                 "\"cpuUs\":%lld,\"totalCpuUs\":%lld,\"p50Us\":%lld,\"p99Us\":%lld}\n",
                 l->done, l->errors, l->first_error, (long long)wall_us, (long long)cpu_us,
                 (long long)clock_us(CLOCK_PROCESS_CPUTIME_ID), /* with the making of scripts */
                 (long long)l->took_us[l->script.count / 2],
                 (long long)l->took_us[l->script.count * 99 / 100]);
}

static int usage(void)
{
    (void)fprintf(
        stderr, "usage: tlsload -p PORT [-m close|echo|mqtt|http|refused] [-n COUNT] [-k AT-ONCE] "
                "[-e STARTS-PER-SECOND] [-f PEERS] [-t 12|13] [-s ID-SCOPE -r ID-PREFIX]\n"
                "The group's key, for mqtt and http, is TLSLOAD_KEY of the environment.\n");
    return 2;
}

static bool parse_options(struct options *o, int argc, char **argv)
{
    static const char *const modes[LOAD_MODES] = { "close", "echo", "mqtt", "http", "refused" };
    int c;

    while ((c = getopt(argc, argv, "p:m:n:k:e:f:t:s:r:")) != -1) {
        switch (c) {
        case 'p':
            o->port = atoi(optarg);
            break;
        case 'm':
            for (o->mode = 0; o->mode < LOAD_MODES && strcmp(modes[o->mode], optarg) != 0;)
                o->mode++;
            break;
        case 'n':
            o->count = strtoul(optarg, NULL, 10);
            break;
        case 'k':
            o->at_once = strtoul(optarg, NULL, 10);
            break;
        case 'e':
            o->rate = strtoul(optarg, NULL, 10);
            break;
        case 'f':
            o->peers = strtoul(optarg, NULL, 10);
            break;
        case 't':
            o->tls = atoi(optarg);
            break;
        case 's':
            o->who.id_scope = optarg;
            break;
        case 'r':
            o->who.prefix = optarg;
            break;
        default:
            return false;
        }
    }
    o->who.group_key = getenv("TLSLOAD_KEY");
    return optind == argc && o->port > 0 && o->port < 65536 && o->mode < LOAD_MODES &&
           o->count > 0 && o->count <= COUNT_MAX && o->at_once > 0 && o->at_once <= ONCE_MAX &&
           o->rate <= RATE_MAX && o->rate != 1 && o->peers <= PEERS_MAX &&
           (o->tls == 12 || o->tls == 13) &&
           (o->mode < LOAD_MQTT || (o->who.id_scope != NULL && o->who.group_key != NULL));
}

int main(int argc, char **argv)
{
    static struct load l;
    struct options o = {
        .mode = LOAD_ECHO, .count = 1000, .at_once = 16, .tls = 13, .who.prefix = "load"
    };
    int64_t wall, cpu;

    if (!parse_options(&o, argc, argv))
        return usage();
    if (!open_load(&l, &o)) {
        (void)fprintf(stderr, "tlsload: cannot set up\n");
        return 1;
    }
    wall = clock_us(CLOCK_MONOTONIC);
    cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID);
    if (l.step_ns > 0)
        run_at_rate(&l);
    else
        run(&l);
    qsort(l.took_us, l.script.count, sizeof *l.took_us, by_value);
    report(&l, clock_us(CLOCK_MONOTONIC) - wall, clock_us(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    load_script_deinit(&l.script);
    free(l.took_us);
    return l.errors == 0 ? 0 : 1;
}
