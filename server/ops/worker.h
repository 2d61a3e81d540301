/* ops/worker.h - one thread of the daemon: a loop with its listeners, its door to the store, its
 * catalog and all that adapters use. Workers share the store and the configuration, nothing else.
 */
#ifndef OPS_WORKER_H
#define OPS_WORKER_H

#include "net/tls.h"
#include "ops/config.h"
#include "ops/metrics.h"
#include "store/store.h"

#define WORKER_STOP_MS 5000 /* for what is under way when the daemon stops */

struct common;
struct dev;
struct worker;
struct connection_room;
struct refusals;
struct forensics;

/* Where a worker's store port comes from: sqlite_store_attach or a test double's. */
typedef berth_err worker_attach(struct store *s, const struct store_attach *a,
                                struct store_port **out);

struct worker_options {
    const struct config *config; /* borrowed for the worker's life */
    struct store *store;
    struct common *common; /* borrowed likewise; the workers share it */
    worker_attach *attach;
    const struct tls_files *files; /* borrowed for the start */
    struct trust *trust;           /* the keeper of certificates; NULL: none */
    struct refusals *refusals;     /* shared by all workers; NULL: none are kept */
    struct forensics *forensics;   /* likewise */
    struct dev *dev;               /* likewise; NULL: this is no `berth dev` */
    unsigned index;
    struct connection_room *room;    /* for the connections of all workers; borrowed likewise */
    uint16_t https_port, mqtts_port; /* as the first worker got them */
    void (*ended)(void *user);       /* on its thread, as it ends after having served; or NULL */
    void *user;
};

/* Starts the thread and waits until it serves, or until it cannot: then PROBLEM has cause and
 * remedy. */
BERTH_MUST_USE berth_err worker_start(const struct worker_options *o, struct worker **out,
                                      char *problem, size_t problem_size);
uint16_t worker_https_port(const struct worker *w);
uint16_t worker_mqtts_port(const struct worker *w);
struct metrics *worker_metrics(struct worker *w);

/* Any thread: runs FN(ARG) on the worker's loop. False once the worker is ending: FN will not run.
 * For as long as the worker is not freed. */
bool worker_post(struct worker *w, void (*fn)(void *arg), void *arg);
/* For tls_certificates_new on the thread that frees the worker, and tls_context_use on its loop. */
struct tls_context *worker_tls(struct worker *w);

/* Any thread: accept no more, finish what is under way, close, end the thread. */
void worker_stop(struct worker *w);
/* Waits for the thread, releases everything. NULL is fine. */
void worker_free(struct worker *w);

#endif
