#include "ops/worker_impl.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "front/connection_refused.h"
#include "front/dev.h"
#include "front/router.h"
#include "net/echo.h"
#include "ops/address.h"
#include "ops/log.h"

#define TRIM_FROM     256   /* connections that went: less is not worth the walk through the heap */
#define TRIM_MS       5000  /* after the first of them: those of a flood go together */
#define PAUSE_TELL_MS 10000 /* between two lines about it: at the bound each connection pauses */

static const char *const transports[PROTOCOLS] = { "https", "mqtts" };

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

static void on_waiting(void *user, int by)
{
    struct door *d = user;

    metrics_add(&d->w->metrics, handshakes_waiting, by);
}

static struct layer *on_accept(void *user, struct layer *tcp, const struct peer *peer)
{
    struct door *d = user;

    (void)peer;
    metrics_add(&d->w->metrics, connections_accepted, 1);
    metrics_add(&d->w->metrics, connections_open, 1);
    d->w->open++;
    if (d->w->open > d->w->most_open)
        d->w->most_open = d->w->open;
    return tls_layer_new(d->w->tls, tcp, &d->tls);
}

static void on_trim(struct deadline *t)
{
    struct worker *w = (struct worker *)(void *)((char *)t - offsetof(struct worker, trim));

    malloc_trim(0);
    w->most_open = w->open;
}

/* What many connections held comes free in pieces between others that stay; the C library keeps
 * such pages until it is asked for them. */
static void on_gone(void *user)
{
    struct door *d = user;
    struct worker *w = d->w;

    metrics_add(&w->metrics, connections_open, -1);
    w->open--;
    if (!w->front.stopping && w->trim.prev == NULL && w->most_open - w->open >= TRIM_FROM &&
        w->open <= w->most_open / 2)
        deadline_set(w->loop, &w->trim, TRIM_MS, on_trim);
}

static void on_paused(void *user, const char *why)
{
    struct door *d = user;
    int64_t now_ms = loop_mono_ms(d->w->loop);

    metrics_add(&d->w->metrics, accepting_paused, why != NULL ? 1 : -1);
    if (why != NULL)
        metrics_add(&d->w->metrics, accepting_pauses, 1);
    if (why != NULL && now_ms >= d->tell_from_ms) {
        log_event(LOG_WARNING, "accepting pauses", LOG_TEXT("why", berth_str_of(why)),
                  LOG_NUM("port", d->port));
        d->tell_from_ms = now_ms + PAUSE_TELL_MS;
        d->told_pause = true;
    } else if (why == NULL && d->told_pause && !d->w->front.stopping) {
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

static berth_err open_door(struct worker *w, enum protocol protocol, uint16_t port)
{
    const struct config *c = w->o.config;
    struct door *d = &w->doors[protocol];

    d->w = w;
    d->protocol = protocol;
    d->port = port;
    d->tls = (struct tls_options){
        .up = on_up, .failed = on_handshake_failed, .waiting = on_waiting, .user = d
    };
    for (; d->count < c->listen_count; d->count++) {
        struct listener_options o = {
            .room = w->o.room,
            .accept = on_accept,
            .gone = on_gone,
            .paused = on_paused,
            .user = d,
        };
        berth_err e = address_parse(c->listen[d->count], d->port, &o.addr);
        if (e == BERTH_OK)
            e = listener_start(w->loop, &o, &d->listeners[d->count]);
        if (e != BERTH_OK) {
            address_explain(c->listen[d->count], d->port, errno, w->o.dev != NULL, w->problem,
                            sizeof w->problem);
            return e;
        }
        d->port = listener_port(d->listeners[d->count]);
    }
    return BERTH_OK;
}

berth_err doors_open(struct worker *w)
{
    berth_err e;

    w->http = (struct http_options){ .handler = on_http, .user = w, .refused = on_http_refused };
    e = open_door(w, PROTOCOL_HTTPS, w->o.https_port);
    if (e == BERTH_OK)
        e = open_door(w, PROTOCOL_MQTTS, w->o.mqtts_port);
    w->front.https_port = w->doors[PROTOCOL_HTTPS].port;
    w->front.mqtts_port = w->doors[PROTOCOL_MQTTS].port;
    return e;
}

static void each_listener(struct worker *w, void (*fn)(struct listener *l))
{
    for (size_t p = 0; p < PROTOCOLS; p++)
        for (size_t i = 0; i < w->doors[p].count; i++)
            fn(w->doors[p].listeners[i]);
}

void doors_stop_accepting(struct worker *w)
{
    each_listener(w, listener_stop_accepting);
}

void doors_close(struct worker *w)
{
    deadline_clear(&w->trim);
    each_listener(w, listener_close);
    for (size_t p = 0; p < PROTOCOLS; p++)
        w->doors[p].count = 0; /* they free themselves */
}
