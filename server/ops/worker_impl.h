/* ops/worker_impl.h - what worker.c, the thread from start to end, and worker_doors.c, its
 * listeners and what their connections become, share. */
#ifndef OPS_WORKER_IMPL_H
#define OPS_WORKER_IMPL_H

#include <pthread.h>
#include <uv.h>

#include "front/front.h"
#include "net/http.h"
#include "net/listener.h"
#include "ops/worker.h"

enum protocol { PROTOCOL_HTTPS, PROTOCOL_MQTTS, PROTOCOLS };

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
    size_t open, most_open; /* connections; the most since memory was last given back */
    struct deadline trim;
    struct deadline stop_tick;
    int64_t stop_by_ms;

    pthread_mutex_t lock; /* of CLOSED: nothing is posted to a loop that is going */
    bool closed;
};

/* Listens on all addresses; on an error W->problem has cause and remedy, and what listens by then
 * goes on. */
BERTH_MUST_USE berth_err doors_open(struct worker *w);
void doors_stop_accepting(struct worker *w);
/* With their connections. */
void doors_close(struct worker *w);

#endif
