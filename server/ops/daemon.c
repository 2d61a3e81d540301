#include "ops/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "berth/openssl.h"
#include "berth/version.h"
#include "front/common.h"
#include "front/forensics.h"
#include "front/refusals.h"
#include "net/http.h"
#include "net/listener.h"
#include "ops/address.h"
#include "ops/first_start.h"
#include "ops/log.h"
#include "ops/notify.h"
#include "ops/secure.h"
#include "ops/setup.h"
#include "ops/trust.h"
#include "ops/worker.h"
#include "store/sqlite/sqlite_store.h"

#define METRICS_MAX (METRICS_TEXT_MAX + 4096) /* bytes of /metrics: the store adds its own */
#define SIGNALS     3

struct daemon {
    const struct config *config;
    const struct daemon_dev *dev; /* NULL: serve */
    struct berth_crypto crypto;
    struct store *store;
    struct common common;
    struct setup setup;
    struct trust *trust;
    struct refusals *refusals;
    struct forensics *forensics;
    struct worker *workers[CONFIG_LOOPS_MAX];
    size_t worker_count;
    size_t workers_ended;
    struct loop *loop; /* the main thread's: signals and the health port */
    struct listener *health;
    struct http_options http;
    uv_signal_t signals[SIGNALS];
    bool stopping;
    char problem[512];
};

static int give_up(struct daemon *d)
{
    (void)fprintf(stderr, "berth: %s\n", d->problem);
    return DAEMON_FAILED;
}

/* ---- health and metrics, on a port of their own without TLS ---- */

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
}

static void put_counter(struct berth_buf *b, const char *name, const char *help, uint64_t value)
{
    char line[384];

    (void)snprintf(line, sizeof line, "# HELP %s %s\n# TYPE %s counter\n%s %llu\n", name, help,
                   name, name, (unsigned long long)value);
    berth_buf_put(b, berth_str_of(line));
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

static berth_err open_health(struct daemon *d)
{
    const struct config *c = d->config;
    struct listener_options o = { .connections_max = 64, .accept = on_health_accept, .user = d };
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

/* ---- signals ---- */

/* A service manager that does not listen is worth a line, no more. */
static void tell_manager(berth_err e)
{
    if (e != BERTH_OK)
        log_event(LOG_WARNING, "the service manager was not told",
                  LOG_TEXT("why", berth_str_of(berth_err_text(e))));
}

static void count_ended(void *user)
{
    struct daemon *d = user;

    if (++d->workers_ended == d->worker_count)
        loop_stop(d->loop);
}

static void on_worker_ended(void *user)
{
    struct daemon *d = user;

    loop_post(d->loop, count_ended, d);
}

static void reload(struct daemon *d)
{
    if (d->worker_count == d->config->loops && !d->stopping)
        trust_reload(d->trust);
}

/* The health port goes on until the workers have ended, and a second signal ends the process. */
static void on_signal(uv_signal_t *h, int number)
{
    struct daemon *d = h->data;

    if (number == SIGHUP) {
        reload(d);
        return;
    }
    if (d->stopping)
        _exit(128 + number);
    d->stopping = true;
    log_event(LOG_NOTICE, "stopping", LOG_NUM("signal", number));
    tell_manager(notify_stopping());
    for (size_t i = 0; i < d->worker_count; i++)
        worker_stop(d->workers[i]);
}

static void watch_signals(struct daemon *d)
{
    static const int numbers[SIGNALS] = { SIGTERM, SIGINT, SIGHUP };

    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < SIGNALS; i++) {
        (void)uv_signal_init(loop_uv(d->loop), &d->signals[i]);
        d->signals[i].data = d;
        (void)uv_signal_start(&d->signals[i], on_signal, numbers[i]);
    }
}

/* ---- start ---- */

static berth_err open_store(struct daemon *d)
{
    const struct config *c = d->config;
    struct sqlite_store_problem problem = { "" };
    struct sqlite_store_options o = {
        .directory = c->data_dir,
        .key_file = c->key_file[0] == '\0' ? NULL : c->key_file,
        .crypto = &d->crypto,
        .window_ms = -1,
        .answer_before_commit = c->unsafe_answer_before_commit,
    };
    berth_err e = sqlite_store_open(&o, &d->store, &problem);

    if (e != BERTH_OK)
        (void)snprintf(d->problem, sizeof d->problem, "%s", problem.text);
    return e;
}

/* All loops listen on the same port, so only the first start can notice that another program has
 * it. */
static berth_err check_ports(struct daemon *d)
{
    const struct config *c = d->config;
    const uint16_t ports[] = { c->https_port, c->mqtts_port };

    for (size_t i = 0; i < 2 * c->listen_count; i++) {
        struct sockaddr_storage a;
        if (ports[i % 2] == 0 || address_parse(c->listen[i / 2], ports[i % 2], &a) != BERTH_OK ||
            address_is_free(&a) || errno != EADDRINUSE)
            continue;
        (void)snprintf(d->problem, sizeof d->problem,
                       "cannot listen on %s port %u: another program listens there; stop it, or "
                       "choose another port or --listen address",
                       c->listen[i / 2], (unsigned)ports[i % 2]);
        return BERTH_E_IO;
    }
    return BERTH_OK;
}

static berth_err start_workers(struct daemon *d)
{
    const struct config *c = d->config;
    struct worker_options o = {
        .config = c,
        .store = d->store,
        .common = &d->common,
        .attach = sqlite_store_attach,
        .files = trust_files(d->trust),
        .trust = d->trust,
        .refusals = d->refusals,
        .forensics = d->forensics,
        .dev = d->dev != NULL ? d->dev->seed->dev : NULL,
        .https_port = c->https_port,
        .mqtts_port = c->mqtts_port,
        .ended = on_worker_ended,
        .user = d,
    };
    size_t files = secure_file_limit();
    size_t connections = secure_connections(files, c->loops, c->connections_max);

    if (connections == 0) {
        (void)snprintf(d->problem, sizeof d->problem,
                       "the limit of open files leaves no room for connections; raise it "
                       "(LimitNOFILE=, ulimit -n)");
        return BERTH_E_IO;
    }
    o.connections_max = connections / c->loops + 1;
    log_event(LOG_NOTICE, "limits", LOG_NUM("open_files", (int64_t)files),
              LOG_NUM("connections", (int64_t)connections), LOG_NUM("loops", c->loops));
    for (; d->worker_count < c->loops; d->worker_count++) {
        struct worker *w;
        o.index = (unsigned)d->worker_count;
        if (worker_start(&o, &w, d->problem, sizeof d->problem) != BERTH_OK)
            return BERTH_E_IO;
        d->workers[d->worker_count] = w;
        o.https_port = worker_https_port(w);
        o.mqtts_port = worker_mqtts_port(w);
    }
    trust_start(d->trust, d->workers, d->worker_count);
    return BERTH_OK;
}

static berth_err open_trust(struct daemon *d)
{
    struct trust_options o = {
        .config = d->config,
        .loop = d->loop,
        .store = d->store,
        .attach = sqlite_store_attach,
        .tls_dir = d->setup.tls_dir,
    };
    berth_err e = trust_new(&o, &d->trust);

    if (e != BERTH_OK)
        (void)snprintf(d->problem, sizeof d->problem, "cannot keep the certificates: %s",
                       berth_err_text(e));
    return e;
}

static berth_err start_forensics(struct daemon *d)
{
    struct forensics_options o = { .store = d->store, .attach = sqlite_store_attach };
    berth_err e = refusals_new(&d->refusals);

    o.refusals = d->refusals;
    if (e == BERTH_OK)
        e = forensics_start(&o, &d->forensics);
    if (e != BERTH_OK)
        (void)snprintf(d->problem, sizeof d->problem, "cannot start forensics: %s",
                       berth_err_text(e));
    return e;
}

static void tell_first_start(const struct daemon *d)
{
    const struct setup *s = &d->setup;

    if (!s->first_start)
        return;
    (void)printf("berth " BERTH_VERSION ": first start in %s\n\n"
                 "  ID scope        %s\n"
                 "  CA certificate  %s   (devices and tools must trust it)\n"
                 "  profile         %s   (the command line finds the daemon by it)\n\n"
                 "Next, in another terminal:\n"
                 "  export BERTH_PROFILE=%s\n"
                 "  berth enrollment-group create mylegacydevices\n"
                 "  berth connection-string show\n\n",
                 d->config->data_dir, s->id_scope,
                 s->ca_file[0] != '\0' ? s->ca_file : "that of your tls-certificate", s->profile,
                 s->profile);
    (void)fflush(stdout);
}

static void tell_ready(const struct daemon *d)
{
    char status[NOTIFY_STATUS_MAX];
    uint16_t https = worker_https_port(d->workers[0]), mqtts = worker_mqtts_port(d->workers[0]);

    (void)printf("berth serves https://%s:%u and mqtts://%s:%u; ID scope %s\n", d->config->hosts[0],
                 https, d->config->hosts[0], mqtts, d->setup.id_scope);
    (void)fflush(stdout);
    log_event(LOG_NOTICE, "serving", LOG_TEXT("host", berth_str_of(d->config->hosts[0])),
              LOG_NUM("https_port", https), LOG_NUM("mqtts_port", mqtts),
              LOG_TEXT("id_scope", berth_str_of(d->setup.id_scope)),
              LOG_NUM("made_certificates", d->setup.made_leaf));
    (void)snprintf(status, sizeof status, "serving on ports %u and %u", https, mqtts);
    tell_manager(notify_status(status));
    tell_manager(notify_ready());
}

/* False when whoever waited for it has gone. */
static bool announce(const struct daemon *d)
{
    const struct daemon_dev *dev = d->dev;

    if (dev != NULL)
        return dev->ready(dev->user, worker_https_port(d->workers[0]),
                          worker_mqtts_port(d->workers[0]));
    tell_first_start(d);
    tell_ready(d);
    return true;
}

static berth_err start(struct daemon *d)
{
    berth_err e = check_ports(d);

    if (e == BERTH_OK)
        e = first_start_directory(d->config->data_dir, d->problem, sizeof d->problem);
    if (e == BERTH_OK)
        e = open_store(d);
    if (e == BERTH_OK)
        e = setup_run(d->config, d->dev != NULL ? d->dev->seed : NULL, d->store,
                      sqlite_store_attach, &d->crypto, &d->setup, d->problem, sizeof d->problem);
    if (e == BERTH_OK)
        e = open_trust(d);
    if (e == BERTH_OK)
        e = common_init(&d->common);
    if (e == BERTH_OK)
        e = open_health(d);
    if (e == BERTH_OK)
        e = start_forensics(d);
    if (e == BERTH_OK)
        e = start_workers(d);
    return e;
}

static void release(struct daemon *d)
{
    for (size_t i = 0; i < d->worker_count; i++) {
        if (!d->stopping && d->workers_ended == 0)
            worker_stop(d->workers[i]);
        worker_free(d->workers[i]);
    }
    trust_stop(d->trust);
    forensics_stop(d->forensics);
    refusals_free(d->refusals);
    common_deinit(&d->common);
    if (d->health != NULL)
        listener_close(d->health);
    for (size_t i = 0; i < SIGNALS; i++)
        if (d->signals[i].data != NULL)
            uv_close((uv_handle_t *)&d->signals[i], NULL);
    loop_free(d->loop);
    trust_free(d->trust);
    if (d->store != NULL)
        sqlite_store_close(d->store);
    berth_openssl_deinit(&d->crypto);
}

static void set_up_log(const struct config *c)
{
    bool as_text = strcmp(c->log_format, "text") == 0 ||
                   (strcmp(c->log_format, "auto") == 0 && isatty(STDERR_FILENO));
    enum log_level level = LOG_INFO;

    (void)log_level_of(berth_str_of(c->log_level), &level);
    log_setup(level, as_text);
}

int daemon_run(const struct config *c, const struct daemon_dev *dev)
{
    struct daemon d = { .config = c, .dev = dev };
    int code = DAEMON_OK;

    set_up_log(c);
    if (dev != NULL)
        log_without_priority();
    if (secure_process(c->dumpable) != BERTH_OK || berth_openssl_init(&d.crypto) != BERTH_OK ||
        loop_new(CONFIG_LOOPS_MAX, &d.loop) != BERTH_OK) {
        (void)fprintf(stderr, "berth: cannot set up the process\n");
        return DAEMON_FAILED;
    }
    if (c->unsafe_answer_before_commit)
        log_event(LOG_ERROR, "UNSAFE: answers leave before the commit; for tests alone",
                  LOG_NUM("unsafe", 1));
    watch_signals(&d);
    if (start(&d) != BERTH_OK) {
        code = give_up(&d);
    } else if (!announce(&d)) {
        code = DAEMON_FAILED;
    } else {
        if (loop_run(d.loop) != BERTH_OK || !d.stopping)
            code = DAEMON_FAILED;
    }
    release(&d);
    log_event(LOG_NOTICE, "stopped", LOG_NUM("code", code));
    return code;
}
