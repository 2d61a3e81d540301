#include "bench/load/engine.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX  64
#define TICK_MS     100 /* deadlines are looked at so often */
#define FILES_SPARE 32  /* that this program needs besides its connections */

struct engine {
    const struct load_options *o;
    struct fleet *fleet;
    struct device device; /* the one that starts */
    SSL_CTX *ctx;
    int epoll;
    struct conn_target https, mqtts;
    struct conn *conns;
    size_t slots;           /* of conns: those under way, and with --hold those that stay */
    size_t *spare, spare_n; /* indices of conns that are free */
    size_t open;            /* begun, not ended, not held */
    uint64_t started, held;
    int weights[OPTIONS_MIX_MAX]; /* of the smooth round robin */
    int64_t began_us, checked_us;
};

/* ---- the making ---- */

static berth_err resolve(const struct load_options *o, unsigned port, struct conn_target *out,
                         char *problem, size_t problem_size)
{
    const char *where = o->connect_to != NULL ? o->connect_to : o->host;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *list;
    char service[8];
    int error;

    if (o->peers > 0)
        hints.ai_family = AF_INET;
    (void)snprintf(service, sizeof service, "%u", port);
    error = getaddrinfo(strcasecmp(where, "localhost") == 0 ? "127.0.0.1" : where, service, &hints,
                        &list);
    if (error != 0) {
        (void)snprintf(problem, problem_size, "the name %s is not known (%s)", where,
                       gai_strerror(error));
        return BERTH_E_NOT_FOUND;
    }
    *out = (struct conn_target){ .host = o->host, .verify = o->verify, .peers = o->peers };
    memcpy(&out->addr, list->ai_addr, list->ai_addrlen);
    out->addr_n = list->ai_addrlen;
    freeaddrinfo(list);
    return BERTH_OK;
}

static bool set_versions(SSL_CTX *ctx, int tls)
{
    int version = tls == 12 ? TLS1_2_VERSION : TLS1_3_VERSION;

    if (tls == 0)
        return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1;
    return SSL_CTX_set_min_proto_version(ctx, version) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, version) == 1;
}

static berth_err open_tls(struct engine *e, char *problem, size_t problem_size)
{
    const struct load_options *o = e->o;
    bool trusted = true;

    e->ctx = SSL_CTX_new(TLS_client_method());
    if (e->ctx == NULL || !set_versions(e->ctx, o->tls)) {
        (void)snprintf(problem, problem_size, "OpenSSL made no context");
        return BERTH_E_CRYPTO;
    }
    SSL_CTX_set_session_cache_mode(e->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(e->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(e->ctx, o->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (o->verify)
        trusted = o->ca_file != NULL ? SSL_CTX_load_verify_file(e->ctx, o->ca_file) == 1
                                     : SSL_CTX_set_default_verify_paths(e->ctx) == 1;
    if (!trusted)
        (void)snprintf(problem, problem_size, "no certificate can be read from %s",
                       o->ca_file != NULL ? o->ca_file : "the system's store");
    return trusted ? BERTH_OK : BERTH_E_NOT_FOUND;
}

static berth_err open_conns(struct engine *e, char *problem, size_t problem_size)
{
    struct rlimit files;
    size_t n = e->o->hold ? (size_t)e->o->count : e->o->concurrency;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && n + FILES_SPARE > files.rlim_cur) {
        (void)snprintf(problem, problem_size,
                       "%zu connections at once are more than the limit of %llu open files "
                       "allows: raise it (ulimit -n), or run several",
                       n, (unsigned long long)files.rlim_cur);
        return BERTH_E_RANGE;
    }
    e->conns = calloc(n, sizeof *e->conns);
    e->spare = calloc(n, sizeof *e->spare);
    e->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (e->conns == NULL || e->spare == NULL || e->epoll < 0) {
        (void)snprintf(problem, problem_size, "out of memory");
        return BERTH_E_MEMORY;
    }
    e->slots = n;
    for (size_t i = 0; i < n; i++) {
        e->conns[i].fd = -1;
        e->spare[e->spare_n++] = n - 1 - i;
    }
    return BERTH_OK;
}

berth_err engine_new(const struct load_options *o, struct fleet *fleet, struct engine **out,
                     char *problem, size_t problem_size)
{
    struct engine *e = calloc(1, sizeof *e);
    berth_err err;

    *out = e;
    if (e == NULL) {
        (void)snprintf(problem, problem_size, "out of memory");
        return BERTH_E_MEMORY;
    }
    e->o = o;
    e->fleet = fleet;
    e->epoll = -1;
    err = resolve(o, o->https_port, &e->https, problem, problem_size);
    if (err == BERTH_OK)
        err = resolve(o, o->mqtts_port, &e->mqtts, problem, problem_size);
    if (err == BERTH_OK)
        err = open_tls(e, problem, problem_size);
    if (err == BERTH_OK)
        err = open_conns(e, problem, problem_size);
    return err;
}

void engine_free(struct engine *e)
{
    if (e == NULL)
        return;
    for (size_t i = 0; e->conns != NULL && i < e->slots; i++)
        if (e->conns[i].phase != CONN_FREE)
            conn_end(&e->conns[i]);
    free(e->conns);
    free(e->spare);
    SSL_CTX_free(e->ctx);
    if (e->epoll >= 0)
        (void)close(e->epoll);
    free(e);
}

/* ---- one connection ---- */

/* Smooth weighted round robin: each part gains its weight, the richest is chosen and pays all. */
static size_t choose_part(struct engine *e)
{
    const struct load_options *o = e->o;
    size_t best = 0;
    int total = 0;

    for (size_t i = 0; i < o->mix_count; i++) {
        total += o->mix[i].weight;
        e->weights[i] += o->mix[i].weight;
        if (e->weights[i] > e->weights[best])
            best = i;
    }
    e->weights[best] -= total;
    return best;
}

static struct dialog *start_dialog(struct engine *e, const struct transport *t, uint64_t index)
{
    struct dialog *d = NULL;

    if (fleet_device(e->fleet, index, &e->device) == BERTH_OK)
        d = t->start(t, e->fleet, &e->device);
    e->fleet->crypto.wipe(e->fleet->crypto.ctx, &e->device.key, sizeof e->device.key);
    return d;
}

/* Ended ones make room. */
static void settle(struct engine *e, struct conn *c, struct tally *t)
{
    if (c->phase == CONN_HELD) {
        if (e->o->hold) {
            c->dialog->transport->end(c->dialog);
            c->dialog = NULL;
            tally_add(t, c, e->o->expect_refusal);
            e->open--;
            e->held++;
            return;
        }
        conn_leave(c);
        conn_event(c);
    }
    if (c->phase != CONN_ENDED)
        return;
    tally_add(t, c, e->o->expect_refusal);
    conn_end(c);
    e->open--;
    e->spare[e->spare_n++] = (size_t)(c - e->conns);
}

static void begin(struct engine *e, int64_t due_us, struct tally *t)
{
    struct conn *c = &e->conns[e->spare[--e->spare_n]];
    struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };
    const struct transport *transport;
    struct dialog *dialog;

    c->index = e->started++;
    c->part = choose_part(e);
    c->due_us = due_us;
    transport = e->o->mix[c->part].transport;
    dialog = start_dialog(e, transport, c->index);
    e->open++;
    latency_add(&t->late, conn_now_us() - due_us);
    conn_begin(c, e->ctx, transport->over_https_port ? &e->https : &e->mqtts, dialog);
    if (dialog == NULL ||
        (c->phase == CONN_SHAKING && epoll_ctl(e->epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0)) {
        c->failed = true;
        c->failure = FAILURE_WRONG;
        (void)snprintf(c->why, sizeof c->why,
                       "the device cannot be made up: its ID is too long, or memory is out");
        c->phase = CONN_ENDED;
    }
    settle(e, c, t);
}

/* ---- all of them ---- */

static bool are_more(const struct engine *e, const volatile sig_atomic_t *stop)
{
    if (*stop || e->started >= e->o->count)
        return false;
    return e->o->duration_s == 0 ||
           conn_now_us() - e->began_us < (int64_t)e->o->duration_s * 1000000;
}

/* Whether one more may be under way. */
static bool has_room(const struct engine *e)
{
    return e->spare_n > 0 && e->open < e->o->concurrency;
}

/* When the next one is due. */
static int64_t next_due_us(const struct engine *e)
{
    return e->began_us + (int64_t)(e->started * 1000000 / e->o->rate);
}

static void begin_due(struct engine *e, const volatile sig_atomic_t *stop, struct tally *t)
{
    if (e->o->rate == 0) {
        while (has_room(e) && are_more(e, stop))
            begin(e, conn_now_us(), t);
        return;
    }
    while (are_more(e, stop) && next_due_us(e) <= conn_now_us()) {
        if (!has_room(e)) {
            uint64_t due = (uint64_t)(conn_now_us() - e->began_us) * e->o->rate / 1000000;
            if (due - e->started > t->behind)
                t->behind = due - e->started;
            return;
        }
        begin(e, next_due_us(e), t);
    }
}

static void check_all(struct engine *e, struct tally *t)
{
    int64_t now = conn_now_us();

    if (now - e->checked_us < TICK_MS * 1000)
        return;
    e->checked_us = now;
    for (size_t i = 0; i < e->slots; i++) {
        struct conn *c = &e->conns[i];
        if (c->phase == CONN_FREE || c->phase == CONN_HELD)
            continue;
        conn_check(c, now);
        settle(e, c, t);
    }
}

/* Until the next start, or the next look at deadlines. */
static struct timespec how_long(const struct engine *e, bool more)
{
    int64_t us = TICK_MS * 1000;

    if (more && e->o->rate > 0 && has_room(e)) {
        int64_t due = next_due_us(e) - conn_now_us();
        us = due < 0 ? 0 : due < us ? due : us;
    }
    return (struct timespec){ .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
}

static void take_event(struct engine *e, struct conn *c, struct tally *t)
{
    bool was_held = c->phase == CONN_HELD;

    if (c->phase == CONN_FREE)
        return;
    conn_event(c);
    if (was_held && c->phase == CONN_ENDED) { /* it was counted as served */
        e->held--;
        e->open++;
        t->done--;
    }
    if (!was_held || c->phase == CONN_ENDED)
        settle(e, c, t);
}

static void turn(struct engine *e, bool more, struct tally *t)
{
    struct epoll_event events[EVENTS_MAX];
    struct timespec wait = how_long(e, more);
    int n = epoll_pwait2(e->epoll, events, EVENTS_MAX, &wait, NULL);

    for (int i = 0; i < n; i++)
        if (events[i].data.ptr != NULL)
            take_event(e, events[i].data.ptr, t);
    check_all(e, t);
}

static int64_t cpu_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void engine_run(struct engine *e, const volatile sig_atomic_t *stop, struct tally *t)
{
    int64_t cpu = cpu_us();
    bool more = true;

    e->began_us = conn_now_us();
    while (more || e->open > 0) {
        begin_due(e, stop, t);
        more = are_more(e, stop) && (e->o->rate > 0 || has_room(e) || e->open > 0);
        if (more || e->open > 0)
            turn(e, more, t);
    }
    t->wall_us = conn_now_us() - e->began_us;
    t->process_cpu_us = cpu_us();
    t->cpu_us = t->process_cpu_us - cpu;
}

uint64_t engine_held(const struct engine *e)
{
    return e->held;
}

static void let_go(struct engine *e)
{
    for (size_t i = 0; i < e->slots; i++)
        if (e->conns[i].phase == CONN_HELD)
            conn_leave(&e->conns[i]);
    e->held = 0;
}

void engine_hold(struct engine *e, int fd, const volatile sig_atomic_t *stop, struct tally *t)
{
    struct epoll_event events[EVENTS_MAX], ev = { .events = EPOLLIN };
    bool over = epoll_ctl(e->epoll, EPOLL_CTL_ADD, fd, &ev) != 0; /* a file: at its end at once */

    while (!over && !*stop && e->held > 0) {
        int n = epoll_wait(e->epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                over = true;
            else
                take_event(e, events[i].data.ptr, t);
        }
    }
    let_go(e);
}
