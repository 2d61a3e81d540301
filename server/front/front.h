/* front/front.h - what every adapter on a loop may use. One per loop; nothing here is shared
 * between loops but CONFIG. */
#ifndef FRONT_FRONT_H
#define FRONT_FRONT_H

#include "berth/crypto.h"
#include "front/catalog.h"
#include "front/limits.h"
#include "net/loop.h"
#include "ops/config.h"
#include "ops/metrics.h"
#include "store/store.h"

#define FRONT_WATCH_KINDS   (CATALOG_KINDS | 1u << BERTH_KIND_DEVICE)
#define FRONT_TRACKING_SIZE 37  /* a random UUID in text, and NUL */
#define FRONT_RANDOM_SIZE   256 /* bytes drawn at once */

struct http_exchange;
struct common;
struct dev;
struct dev_layer;
struct registrar;
struct trust;
struct call;
struct refusals;
struct forensics;
struct presence;
struct hub_session;
struct monitor;

struct front {
    struct loop *loop;
    struct store_port *store;
    const struct berth_crypto *crypto; /* this loop's */
    const struct config *config;
    struct catalog *catalog;
    struct limits *limits;
    struct registrar *registrar;
    struct metrics *metrics;
    struct trust *trust;         /* keeps the server's certificates; NULL: nobody does */
    struct refusals *refusals;   /* the process's; NULL: none are kept */
    struct forensics *forensics; /* the process's; NULL: nothing is looked into */
    struct common *common;       /* the process's */
    struct presence *presence;
    struct hub_session *hub_sessions; /* that this loop holds */
    struct monitor *monitors;         /* calls that wait for events */
    size_t monitor_count;
    struct call *calls;              /* service requests under way */
    uint16_t https_port, mqtts_port; /* that are listened on */
    bool stopping;                   /* new requests get BERTH_WHY_STOPPING */
    uint8_t random[FRONT_RANDOM_SIZE];
    size_t random_left;           /* at the end of it */
    struct dev *dev;              /* of `berth dev` alone: faults and plain words; NULL: none */
    struct dev_layer *dev_layers; /* its connections */
};

/* The store's watcher, with the front as its user, of FRONT_WATCH_KINDS. */
void front_watch(void *front, const struct berth_record *rec, bool deleted);
/* The daemon is about to stop: ends what would go on by itself, sessions and monitors. Again before
 * the loop is torn down. */
void front_stop(struct front *f);
/* Whether something is under way that a stopping daemon waits for. */
bool front_busy(const struct front *f);

/* Random bytes for names that cost little to draw, at most FRONT_RANDOM_SIZE; never for keys. */
BERTH_MUST_USE berth_err front_random(struct front *f, uint8_t *out, size_t n);
/* A random UUID: the tracking ID of a request, in its answer and in its log lines. */
void front_tracking_id(struct front *f, char out[FRONT_TRACKING_SIZE]);
/* Whether the request says that its body is JSON. */
bool front_has_json(const struct http_exchange *x);

#endif
