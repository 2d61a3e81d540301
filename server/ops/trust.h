/* ops/trust.h - the keeper of the server's certificates, on the main thread: makes them anew when a
 * hub needs its name in them, when their time runs out, when another CA takes over; hands them to
 * workers that go on serving. With the operator's own certificates it only loads and watches. */
#ifndef OPS_TRUST_H
#define OPS_TRUST_H

#include "ops/config.h"
#include "ops/pki.h"
#include "ops/worker.h"

#define TRUST_PEM_MAX 16384 /* bytes of what clients are to trust */

struct trust;

struct trust_options {
    const struct config *config; /* borrowed */
    struct loop *loop;           /* the main thread's */
    struct store *store;
    worker_attach *attach;
    const char *tls_dir; /* borrowed */
};

/* A CA was made where one had been. Any thread. */
void trust_tell_new_ca(void);

/* All on the main thread but trust_ask. */
BERTH_MUST_USE berth_err trust_new(const struct trust_options *o, struct trust **out);
/* What workers start with; valid as long as T. */
const struct tls_files *trust_files(const struct trust *t);
/* The workers are there and borrowed: checks at once and then daily. */
void trust_start(struct trust *t, struct worker *const *workers, size_t count);
/* SIGHUP: loads the files again. What cannot be used is told in the log, and nothing changes. */
void trust_reload(struct trust *t);
/* Expiry of each certificate as Prometheus text. */
void trust_put_metrics(const struct trust *t, struct berth_buf *b);
/* The workers are freed: answers nobody any more. */
void trust_stop(struct trust *t);
/* After the loop's end. NULL is fine. */
void trust_free(struct trust *t);

enum trust_verb {
    TRUST_LOOK,
    TRUST_COVER, /* the hub NAME was made: it belongs into the certificates */
    TRUST_ROLL,  /* STEP of a roll-over */
};

struct trust_wish {
    enum trust_verb verb;
    enum pki_step step;
    char name[256];
};

/* Borrowed for the callback. */
struct trust_answer {
    berth_err err; /* the wish could not be met: PROBLEM says why */
    char problem[512];
    bool operators; /* the certificates in use are the operator's own */
    bool covers;    /* TRUST_COVER: the certificate in use has the name */
    struct pki_item items[PKI_ITEMS_MAX];
    size_t item_count;
    char pem[TRUST_PEM_MAX]; /* what clients are to trust; "" when the operator knows it alone */
};

typedef void trust_done(void *user, const struct trust_answer *a);

/* From the loop of worker INDEX: DONE(USER) runs there later, when all workers use what the wish
 * led to; never when the worker ends before. */
void trust_ask(struct trust *t, unsigned index, const struct trust_wish *wish, trust_done *done,
               void *user);

#endif
