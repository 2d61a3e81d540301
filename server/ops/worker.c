#include "ops/worker_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "berth/openssl.h"
#include "front/call.h"
#include "front/hub_session.h"
#include "front/presence.h"
#include "front/registrar.h"
#include "ops/log.h"

#define STOP_TICK_MS 50

/* ---- start, on the worker's thread ---- */

static berth_err fail(struct worker *w, berth_err e, const char *what)
{
    (void)snprintf(w->problem, sizeof w->problem, "%s: %s", what, berth_err_text(e));
    return e;
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
        e = doors_open(w);
    report(w, e);
    if (e != BERTH_OK) {
        doors_close(w);
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

/* Waits for what is under way, then has all connections close and waits for what they owe. */
static void stop_step(struct deadline *d)
{
    struct worker *w = (struct worker *)(void *)((char *)d - offsetof(struct worker, stop_tick));
    bool late = loop_mono_ms(w->loop) >= w->stop_by_ms;

    if (!front_busy(&w->front) || late)
        doors_close(w);
    if (late || (w->open == 0 && !front_busy(&w->front)))
        loop_stop(w->loop);
    else
        deadline_set(w->loop, d, STOP_TICK_MS, stop_step);
}

static void begin_stop(void *arg)
{
    struct worker *w = arg;

    front_stop(&w->front);
    w->stop_by_ms = loop_mono_ms(w->loop) + WORKER_STOP_MS;
    doors_stop_accepting(w);
    deadline_set(w->loop, &w->stop_tick, STOP_TICK_MS, stop_step);
}

void worker_stop(struct worker *w)
{
    (void)worker_post(w, begin_stop, w); /* else it has ended by itself */
}

void worker_free(struct worker *w)
{
    if (w == NULL)
        return;
    (void)pthread_join(w->thread, NULL);
    release(w);
}
