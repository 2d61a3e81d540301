/* ops/daemon_impl.h - what the parts of the daemon share: daemon.c its run from signals to exit
 * code, daemon_start.c what must be there before it serves, daemon_health.c the port for /healthz
 * and /metrics. */
#ifndef OPS_DAEMON_IMPL_H
#define OPS_DAEMON_IMPL_H

#include <uv.h>

#include "front/common.h"
#include "net/http.h"
#include "net/listener.h"
#include "ops/daemon.h"
#include "ops/setup.h"
#include "ops/worker.h"

#define DAEMON_SIGNALS             3
#define DAEMON_OPS_CONNECTIONS_MAX 64 /* of the health port; part of SECURE_FILES_RESERVE */

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
    struct connection_room room; /* of all workers together */
    struct worker *workers[CONFIG_LOOPS_MAX];
    size_t worker_count;
    size_t workers_ended;
    struct loop *loop; /* the main thread's: signals and the health port */
    struct listener *health;
    struct http_options http;
    uv_signal_t signals[DAEMON_SIGNALS];
    bool stopping;
    bool is_second; /* another daemon holds the data directory */
    char problem[512];
};

/* Ports, store, certificates, workers, profile, in the order that they need; on an error
 * D->problem has cause and remedy. */
BERTH_MUST_USE berth_err daemon_start(struct daemon *d);
/* Any thread: a worker has ended after having served. USER is the daemon. */
void daemon_worker_ended(void *user);

/* Opens the health port, unless it is 0. */
BERTH_MUST_USE berth_err daemon_open_health(struct daemon *d);

#endif
