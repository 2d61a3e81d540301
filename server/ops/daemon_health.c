#include "ops/daemon_impl.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front/forensics.h"
#include "front/refusals.h"
#include "ops/address.h"
#include "ops/trust.h"
#include "store/sqlite/sqlite_store.h"

#define METRICS_MAX (METRICS_TEXT_MAX + 4096) /* bytes of /metrics: the store adds its own */

static void put_store_metric(struct berth_buf *b, const char *name, const char *type,
                             uint64_t value)
{
    char line[256];

    (void)snprintf(line, sizeof line, "# TYPE berth_store_%s %s\nberth_store_%s %llu\n", name, type,
                   name, (unsigned long long)value);
    berth_buf_put(b, berth_str_of(line));
}

static void put_store(struct berth_buf *b, struct store *s)
{
    struct sqlite_store_stats stats;

    sqlite_store_stats(s, &stats);
    put_store_metric(b, "commits_total", "counter", stats.commits);
    put_store_metric(b, "changes_total", "counter", stats.changes);
    put_store_metric(b, "batches_total", "counter", stats.batches);
    put_store_metric(b, "stale_total", "counter", stats.stale);
    put_store_metric(b, "failed_total", "counter", stats.failed);
    put_store_metric(b, "checkpoints_total", "counter", stats.checkpoints);
    put_store_metric(b, "queued", "gauge", stats.queued);
    put_store_metric(b, "log_pages", "gauge", stats.log_pages);
    put_store_metric(b, "memory_bytes", "gauge", stats.memory_bytes);
}

static void put_metric(struct berth_buf *b, const char *name, const char *type, const char *help,
                       uint64_t value)
{
    char line[384];

    (void)snprintf(line, sizeof line, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name,
                   type, name, (unsigned long long)value);
    berth_buf_put(b, berth_str_of(line));
}

static void put_counter(struct berth_buf *b, const char *name, const char *help, uint64_t value)
{
    put_metric(b, name, "counter", help, value);
}

static void put_gauge(struct berth_buf *b, const char *name, const char *help, uint64_t value)
{
    put_metric(b, name, "gauge", help, value);
}

/* What is in use tells a leak from memory that malloc merely keeps. */
static void put_heap(struct berth_buf *b)
{
    struct mallinfo2 heap = mallinfo2();

    put_gauge(b, "berth_heap_used_bytes", "heap in use", heap.uordblks + heap.hblkhd);
    put_gauge(b, "berth_heap_free_bytes", "heap that is free and kept for later", heap.fordblks);
}

static void put_events(struct berth_buf *b, const struct daemon *d)
{
    struct hub_events_counts n;

    hub_events_count(d->common.events, &n);
    put_gauge(b, "berth_hub_events_hubs", "hubs with messages or watchers", n.hubs);
    put_gauge(b, "berth_hub_events_kept", "messages kept for those who watch", n.events);
    put_gauge(b, "berth_hub_events_bytes", "memory that they take", n.bytes);
}

static void put_forensics(struct berth_buf *b, const struct daemon *d)
{
    struct forensics_counts n;

    if (d->forensics == NULL)
        return;
    forensics_count(d->forensics, &n);
    put_counter(b, "berth_refusals_recorded_total", "refusals and warnings kept for berth explain",
                refusals_recorded(d->refusals));
    put_counter(b, "berth_forensics_matched_total", "refused tokens whose mistake was found",
                n.matched);
    put_counter(b, "berth_forensics_unmatched_total",
                "refused tokens that no known mistake explains", n.unmatched);
    put_counter(b, "berth_forensics_dropped_total",
                "refused tokens not looked into, for there were too many", n.dropped);
}

static void answer_metrics(struct daemon *d, struct http_exchange *x)
{
    static const struct http_header type = { BERTH_STR_INIT("Content-Type"),
                                             BERTH_STR_INIT(
                                                 "text/plain; version=0.0.4; charset=utf-8") };
    struct metrics *blocks[CONFIG_LOOPS_MAX];
    char *text = malloc(METRICS_MAX);
    struct berth_buf b;

    if (text == NULL) {
        http_respond(x, 503, NULL, 0, BERTH_STR(""));
        return;
    }
    for (size_t i = 0; i < d->worker_count; i++)
        blocks[i] = worker_metrics(d->workers[i]);
    berth_buf_init(&b, text, METRICS_MAX);
    metrics_put(&b, blocks, d->worker_count);
    put_store(&b, d->store);
    trust_put_metrics(d->trust, &b);
    put_forensics(&b, d);
    put_events(&b, d);
    put_heap(&b);
    http_respond(x, b.over ? 500 : 200, &type, 1, berth_buf_str(&b));
    free(text);
}

static void on_health(void *user, struct http_exchange *x)
{
    static const struct http_header type = { BERTH_STR_INIT("Content-Type"),
                                             BERTH_STR_INIT("application/json") };
    struct daemon *d = user;

    if (x->method != HTTP_GET && x->method != HTTP_HEAD)
        http_respond(x, 405, NULL, 0, BERTH_STR(""));
    else if (berth_str_eq(x->path, BERTH_STR("/metrics")))
        answer_metrics(d, x);
    else if (!berth_str_eq(x->path, BERTH_STR("/healthz")))
        http_respond(x, 404, NULL, 0, BERTH_STR(""));
    else if (d->stopping)
        http_respond(x, 503, &type, 1, BERTH_STR("{\"status\":\"stopping\"}\n"));
    else
        http_respond(x, 200, &type, 1, BERTH_STR("{\"status\":\"ok\"}\n"));
}

static struct layer *on_health_accept(void *user, struct layer *tcp, const struct peer *peer)
{
    struct daemon *d = user;

    (void)peer;
    return http_layer_new(tcp, &d->http);
}

berth_err daemon_open_health(struct daemon *d)
{
    const struct config *c = d->config;
    struct listener_options o = { .connections_max = DAEMON_OPS_CONNECTIONS_MAX,
                                  .accept = on_health_accept,
                                  .user = d };
    berth_err e;

    if (c->ops_port == 0)
        return BERTH_OK;
    d->http = (struct http_options){ .handler = on_health, .user = d };
    e = address_parse(c->ops_listen, c->ops_port, &o.addr);
    if (e == BERTH_OK && address_is_free(&o.addr))
        e = listener_start(d->loop, &o, &d->health);
    else
        e = BERTH_E_IO;
    if (e != BERTH_OK)
        (void)snprintf(d->problem, sizeof d->problem,
                       "cannot listen on %s port %u for /healthz and /metrics: %s; choose another "
                       "with --ops-port, or 0 for none",
                       c->ops_listen, (unsigned)c->ops_port, strerror(errno));
    return e;
}
