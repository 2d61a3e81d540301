/* front/forensics_impl.h - what forensics.c, the thread with its queue and its keys, and
 * forensics_inquiry.c, one refused token, share. */
#ifndef FRONT_FORENSICS_IMPL_H
#define FRONT_FORENSICS_IMPL_H

#include <pthread.h>

#include "base/bucket.h"
#include "front/catalog.h"
#include "front/forensics.h"

#define FORENSICS_ARENA (2 * BERTH_RECORD_BODY_MAX)

struct forensics_job {
    struct refusal_handle refusal;
    enum berth_reason why;
    int64_t now_ms;
    size_t id_n, token_n;
    char id[BERTH_ID_MAX];
    char token[BERTH_SAS_MAX];
};

/* A key that a group had. */
struct forensics_former {
    struct berth_key key;
    char group[BERTH_ID_MAX];
    size_t group_n;
};

struct forensics {
    struct forensics_options o;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t rung;
    /* under the lock */
    struct forensics_job jobs[FORENSICS_QUEUE_MAX];
    size_t first, waiting;
    struct berth_bucket bucket;
    struct forensics_counts counts;
    bool due, stopping;
    /* the thread's own */
    struct berth_crypto crypto;
    struct store_port *port;
    struct catalog *catalog;
    struct forensics_former former[FORENSICS_FORMER_MAX];
    size_t former_count, former_next;
    bool asking, filled;
    struct berth_record *reply;
    struct forensics_job job; /* the one being looked into */
    unsigned char memory[FORENSICS_ARENA];
};

/* On the thread. The record, or NULL; the caller frees it. */
struct berth_record *forensics_fetch(struct forensics *f, enum berth_kind kind, berth_str key);

/* On the thread. Tells F's refusals what J came to; false when no mistake was found. */
bool forensics_look_into(struct forensics *f, const struct forensics_job *j);

#endif
