#include "ops/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "berth/openssl.h"
#include "front/call.h"
#include "front/connection_refused.h"
#include "front/dev.h"
#include "front/hub_session.h"
#include "front/presence.h"
#include "front/registrar.h"
#include "front/router.h"
#include "net/echo.h"
#include "net/http.h"
#include "net/listener.h"
#include "net/tls.h"
#include "ops/address.h"
#include "ops/file.h"
#include "ops/log.h"

#define STOP_TICK_MS  50
#define PAUSE_TELL_MS 10000 /* between two lines about it: at the bound each connection pauses */

enum protocol { PROTOCOL_HTTPS, PROTOCOL_MQTTS, PROTOCOLS };

static const char *const transports[PROTOCOLS] = { "https", "mqtts" };

/* What a listener's connections become. */
struct door {
    struct worker *w;
    enum protocol protocol;
    struct tls_options tls;
    struct listener *listeners[CONFIG_LISTEN_MAX];
    size_t count;
    uint16_t port;
    bool told_pause;
    int64_t tell_from_ms;
};

struct worker {
    struct worker_options o;
    pthread_t thread;
    uv_sem_t ready;
    berth_err err;
    char problem[512];

    struct loop *loop;
    struct berth_crypto crypto;
    bool has_crypto;
    struct tls_context *tls;
    struct front front;
    struct metrics metrics;
    struct http_options http;
    struct door doors[PROTOCOLS];
    struct deadline stop_tick;
    int64_t stop_by_ms;

    pthread_mutex_t lock; /* of CLOSED: nothing is posted to a loop that is going */
    bool closed;
};

/* ---- connections ---- */

static struct layer *stack_protocol(void *user, struct layer *below)
{
    struct door *d = user;

    if (d->w->o.config->bare_tls)
        return echo_layer_new(below);
    if (d->protocol == PROTOCOL_MQTTS)
        return device_mqtt_new(&d->w->front, below, "mqtts");
    return http_layer_new(below, &d->w->http);
}

static struct layer *on_up(void *user, struct layer *tls, const struct tls_info *info)
{
    struct door *d = user;
    struct front *f = &d->w->front;

    connection_tls_up(f, tls, info, transports[d->protocol]);
    return f->dev != NULL ? dev_layer_new(f, tls, stack_protocol, d) : stack_protocol(d, tls);
}

static void on_handshake_failed(void *user, struct layer *tls, enum tls_failure what,
                                const char *reason)
{
    struct door *d = user;

    metrics_add(&d->w->metrics, handshakes_failed, 1);
    log_event(LOG_NOTICE, "tls handshake failed", LOG_TEXT("why", berth_str_of(reason)),
              LOG_TEXT("peer", berth_str_of(layer_peer(tls)->text)),
              LOG_TEXT("server_name", berth_str_of(layer_tls_info(tls)->server_name)));
    connection_tls_failed(&d->w->front, tls, what, transports[d->protocol], reason);
}

static struct layer *on_accept(void *user, struct layer *tcp, const struct peer *peer)
{
    struct door *d = user;

    (void)peer;
    metrics_add(&d->w->metrics, connections_accepted, 1);
    metrics_add(&d->w->metrics, connections_open, 1);
    return tls_layer_new(d->w->tls, tcp, &d->tls);
}

static void on_gone(void *user)
{
    struct door *d = user;

    metrics_add(&d->w->metrics, connections_open, -1);
}

static void on_paused(void *user, const char *why)
{
    struct door *d = user;
    int64_t now_ms = loop_mono_ms(d->w->loop);

    if (why != NULL && now_ms >= d->tell_from_ms) {
        log_event(LOG_WARNING, "accepting pauses", LOG_TEXT("why", berth_str_of(why)),
                  LOG_NUM("port", d->port));
        d->tell_from_ms = now_ms + PAUSE_TELL_MS;
        d->told_pause = true;
    } else if (why == NULL && d->told_pause) {
        log_event(LOG_NOTICE, "accepting goes on", LOG_NUM("port", d->port));
        d->told_pause = false;
    }
}

static void on_http_refused(void *user, struct layer *l, int status, const char *why)
{
    struct worker *w = user;

    metrics_add(&w->metrics, http_refused, 1);
    log_event(LOG_NOTICE, "http request refused", LOG_NUM("status", status),
              LOG_TEXT("why", berth_str_of(why)),
              LOG_TEXT("peer", berth_str_of(layer_peer(l)->text)));
    connection_http_refused(&w->front, l, status, why);
}

static void on_http(void *user, struct http_exchange *x)
{
    struct worker *w = user;

    metrics_add(&w->metrics, http_requests, 1);
    router_http(&w->front, x);
}

/* ---- start, on the worker's thread ---- */

static berth_err fail(struct worker *w, berth_err e, const char *what)
{
    (void)snprintf(w->problem, sizeof w->problem, "%s: %s", what, berth_err_text(e));
    return e;
}

static void explain_bind(struct worker *w, const char *address, uint16_t port, int error)
{
    const char *remedy =
        error == EACCES
            ? "ports under 1024 need the right to bind them: give the service "
              "CAP_NET_BIND_SERVICE, lower the sysctl net.ipv4.ip_unprivileged_port_start, or "
              "choose others with --https-port and --mqtts-port (official SDKs know 443 and 8883 "
              "only)"
        : error == EADDRINUSE
            ? "another program listens there: stop it, or choose another port or --listen address"
            : "see --listen, --https-port and --mqtts-port";

    (void)snprintf(w->problem, sizeof w->problem, "cannot listen on %s port %u: %s; %s", address,
                   (unsigned)port, strerror(error), remedy);
}

static berth_err open_door(struct worker *w, enum protocol protocol, uint16_t port)
{
    const struct config *c = w->o.config;
    struct door *d = &w->doors[protocol];

    d->w = w;
    d->protocol = protocol;
    d->port = port;
    d->tls = (struct tls_options){ .up = on_up, .failed = on_handshake_failed, .user = d };
    for (; d->count < c->listen_count; d->count++) {
        struct listener_options o = {
            .connections_max = w->o.connections_max,
            .accept = on_accept,
            .gone = on_gone,
            .paused = on_paused,
            .user = d,
        };
        berth_err e = address_parse(c->listen[d->count], d->port, &o.addr);
        if (e == BERTH_OK)
            e = listener_start(w->loop, &o, &d->listeners[d->count]);
        if (e != BERTH_OK) {
            explain_bind(w, c->listen[d->count], d->port, errno);
            return e;
        }
        d->port = listener_port(d->listeners[d->count]);
    }
    return BERTH_OK;
}

static void each_listener(struct worker *w, void (*fn)(struct listener *l))
{
    for (size_t p = 0; p < PROTOCOLS; p++)
        for (size_t i = 0; i < w->doors[p].count; i++)
            fn(w->doors[p].listeners[i]);
}

static void report(struct worker *w, berth_err e)
{
    w->err = e;
    uv_sem_post(&w->ready);
}

static void on_filled(void *user, bool ok)
{
    struct worker *w = user;
    berth_err e = ok ? BERTH_OK : fail(w, BERTH_E_IO, "cannot read the registry");

    if (e == BERTH_OK)
        e = open_door(w, PROTOCOL_HTTPS, w->o.https_port);
    if (e == BERTH_OK)
        e = open_door(w, PROTOCOL_MQTTS, w->o.mqtts_port);
    report(w, e);
    if (e != BERTH_OK) {
        each_listener(w, listener_close);
        loop_stop(w->loop);
    }
}

static void deliver(void *arg)
{
    struct worker *w = arg;

    if (w->front.store != NULL) /* a wake may come late */
        (void)store_deliver(w->front.store);
}

static void wake(void *arg)
{
    struct worker *w = arg;

    loop_post(w->loop, deliver, w);
}

static berth_err make_front(struct worker *w)
{
    const struct config *c = w->o.config;
    struct limits_rates rates = { c->device_requests_per_min, c->peer_failures_per_min };
    struct front *f = &w->front;
    struct store_attach attach = { .wake = wake,
                                   .wake_user = w,
                                   .watcher = front_watch,
                                   .watch_user = f,
                                   .watch_kinds = FRONT_WATCH_KINDS };
    berth_err e;

    f->loop = w->loop;
    f->crypto = &w->crypto;
    f->config = c;
    f->metrics = &w->metrics;
    f->trust = w->o.trust;
    f->refusals = w->o.refusals;
    f->forensics = w->o.forensics;
    f->common = w->o.common;
    f->dev = w->o.dev;
    e = catalog_new(&w->crypto, &f->catalog);
    if (e == BERTH_OK)
        e = limits_new(&rates, &f->limits);
    if (e == BERTH_OK)
        e = registrar_new(f, &f->registrar);
    if (e == BERTH_OK)
        e = presence_new(f, &f->presence);
    return e == BERTH_OK ? w->o.attach(w->o.store, &attach, &f->store) : e;
}

static berth_err set_up(struct worker *w)
{
    berth_err e = loop_new(w->o.index, &w->loop);

    if (e == BERTH_OK)
        e = berth_openssl_init(&w->crypto);
    if (e != BERTH_OK)
        return fail(w, e, "cannot start a loop");
    w->has_crypto = true;
    e = tls_context_new(w->o.files, &w->tls, w->problem, sizeof w->problem);
    if (e != BERTH_OK)
        return e;
    e = make_front(w);
    if (e != BERTH_OK)
        return fail(w, e, "cannot open the registry");
    w->http = (struct http_options){ .handler = on_http, .user = w, .refused = on_http_refused };
    loop_after_event(w->loop, deliver, w);
    loop_before_sleep(w->loop, log_flush);
    log_gather(true);
    catalog_fill(w->front.catalog, w->front.store, on_filled, w);
    return BERTH_OK;
}

static void tear_down(struct worker *w)
{
    struct store_port *port;

    (void)pthread_mutex_lock(&w->lock);
    w->closed = true;
    (void)pthread_mutex_unlock(&w->lock);
    if (w->loop != NULL) {
        front_stop(&w->front);
        loop_drain(w->loop); /* connections that linger hold registrations */
    }
    registrar_free(w->front.registrar);
    port = w->front.store;
    w->front.store = NULL;
    if (port != NULL)
        store_detach(port);
    calls_drop(&w->front);
    hub_sessions_drop(&w->front);
    presence_free(w->front.presence);
    catalog_free(w->front.catalog);
    limits_free(w->front.limits);
    if (w->has_crypto)
        berth_openssl_deinit(&w->crypto);
    if (w->loop != NULL)
        loop_free(w->loop);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    berth_err e = set_up(w);

    if (e != BERTH_OK)
        report(w, e);
    else if (loop_run(w->loop) != BERTH_OK)
        log_event(LOG_ERROR, "a loop failed", LOG_NUM("loop", w->o.index));
    tear_down(w);
    log_gather(false);
    if (w->err == BERTH_OK && w->o.ended != NULL)
        w->o.ended(w->o.user);
    return NULL;
}

static void release(struct worker *w)
{
    tls_context_free(w->tls);
    uv_sem_destroy(&w->ready);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}

berth_err worker_start(const struct worker_options *o, struct worker **out, char *problem,
                       size_t problem_size)
{
    struct worker *w = calloc(1, sizeof *w);
    berth_err e;

    *out = NULL;
    if (w == NULL)
        return BERTH_E_MEMORY;
    w->o = *o;
    (void)uv_sem_init(&w->ready, 0);
    (void)pthread_mutex_init(&w->lock, NULL);
    if (pthread_create(&w->thread, NULL, run, w) != 0) {
        (void)snprintf(problem, problem_size, "cannot start a thread: %s", strerror(errno));
        release(w);
        return BERTH_E_IO;
    }
    uv_sem_wait(&w->ready);
    e = w->err;
    if (e == BERTH_OK) {
        *out = w;
        return BERTH_OK;
    }
    (void)snprintf(problem, problem_size, "%s", w->problem);
    worker_free(w);
    return e;
}

uint16_t worker_https_port(const struct worker *w)
{
    return w->doors[PROTOCOL_HTTPS].port;
}

uint16_t worker_mqtts_port(const struct worker *w)
{
    return w->doors[PROTOCOL_MQTTS].port;
}

struct metrics *worker_metrics(struct worker *w)
{
    return &w->metrics;
}

bool worker_post(struct worker *w, void (*fn)(void *arg), void *arg)
{
    bool open;

    (void)pthread_mutex_lock(&w->lock);
    open = !w->closed;
    if (open)
        loop_post(w->loop, fn, arg);
    (void)pthread_mutex_unlock(&w->lock);
    return open;
}

struct tls_context *worker_tls(struct worker *w)
{
    return w->tls;
}

/* ---- stop ---- */

/* Waits for what is under way, then closes all connections, and gives them a moment to say so. */
static void stop_step(struct deadline *d)
{
    struct worker *w = (struct worker *)(void *)((char *)d - offsetof(struct worker, stop_tick));
    bool late = loop_mono_ms(w->loop) >= w->stop_by_ms;

    if (front_busy(&w->front) && !late) {
        deadline_set(w->loop, d, STOP_TICK_MS, stop_step);
        return;
    }
    each_listener(w, listener_close);
    loop_stop(w->loop);
}

static void begin_stop(void *arg)
{
    struct worker *w = arg;

    front_stop(&w->front);
    w->stop_by_ms = loop_mono_ms(w->loop) + WORKER_STOP_MS;
    each_listener(w, listener_stop_accepting);
    deadline_set(w->loop, &w->stop_tick, STOP_TICK_MS, stop_step);
}

void worker_stop(struct worker *w)
{
    loop_post(w->loop, begin_stop, w);
}

void worker_free(struct worker *w)
{
    if (w == NULL)
        return;
    (void)pthread_join(w->thread, NULL);
    release(w);
}
