/* service_rig.h - the service APIs as a client sees them: bytes of HTTP in at the real http layer,
 * answers out, over a store that delays and reorders. No socket, no TLS. */
#ifndef TESTS_UNIT_SERVICE_RIG_H
#define TESTS_UNIT_SERVICE_RIG_H

#include "auth/policy.h"
#include "front/front.h"
#include "net/layer.h"

#define RIG_HOST  "dps.test.example" /* the service's and the first hub's */
#define RIG_HUB   "line2.test.example"
#define RIG_ALIAS "10.1.2.3" /* another of the daemon's own names */
#define RIG_OWNER "provisioningserviceowner"
#define RIG_SCOPE "0ne00112233"

struct rig;
struct route;

struct rig_answer {
    int status;
    enum berth_reason why; /* what the metrics counted; NONE when nothing was refused */
    char *head;            /* NUL-terminated, header lines with CRLF */
    char *body;            /* NUL-terminated */
    size_t body_n;
};

struct rig_request {
    const char *line;    /* "PUT /enrollments/dev-1": "?api-version=2021-10-01" is added when there
                            is no '?' */
    const char *host;    /* NULL: RIG_HOST */
    const char *policy;  /* signs; NULL: the host's owner policy; "": no Authorization */
    const char *token;   /* whole Authorization value instead; NULL: signed by POLICY */
    const char *headers; /* whole lines with CRLF; "@" stands for the last etag; NULL: none */
    const char *body;    /* NULL: none. "Content-Type: application/json" is added when there is one
                            and HEADERS have none */
};

struct rig *rig_new(void);
/* The same over a store of the caller's, which answers in its own time: rig_step then waits for
 * it. FILLED: what the rig would put there is there already, and the catalog reads it. NULL when
 * the store cannot; nobody is left attached. */
struct rig_store {
    berth_err (*attach)(void *store, const struct store_attach *a, struct store_port **out);
    void *store;
    bool filled;
};
struct rig *rig_new_over(const struct rig_store *s);
void rig_free(struct rig *r);
struct front *rig_front(struct rig *r);
/* The keys of every policy in the rig. */
struct berth_key rig_key(void);

/* Valid until the next request. */
const struct rig_answer *rig_ask(struct rig *r, const struct rig_request *q);
/* Lines of one story, in order, on one service. HAS and LACKS are looked for in the body; several
 * are kept apart by '~'. */
struct rig_line {
    const char *name, *line, *headers, *body;
    int status;
    enum berth_reason why;
    const char *has, *lacks;
};
void rig_play(struct rig *r, const struct rig_line *lines, size_t count);

extern const char *const rig_methods[]; /* by enum http_method */
/* "PUT /enrollments/x" for ROW, ID in the place of every '+'. */
void rig_line(const struct route *row, const char *id, char *out, size_t size);

/* The bytes of Q into OUT; how many. */
size_t rig_write(struct rig *r, const struct rig_request *q, char *out, size_t size);
/* Sends without waiting; then one store event at a time, false when there is none. */
void rig_send(struct rig *r, const struct rig_request *q);
bool rig_step(struct rig *r);
const struct rig_answer *rig_answer(struct rig *r);
/* The client goes away. */
void rig_hang_up(struct rig *r);
/* Until no call waits for the store. */
void rig_settle(struct rig *r);
/* The value of a header line of the last answer, "" when it is not there. Case counts. */
const char *rig_header(struct rig *r, const char *name);

/* Straight into the store, whatever is there. */
void rig_put(struct rig *r, const struct berth_record *rec);
void rig_put_policy(struct rig *r, const char *hub, const char *name, unsigned rights);
/* A registration of ID through GROUP ("": individual), assigned to RIG_HOST. */
void rig_put_registration(struct rig *r, const char *id, const char *group);
bool rig_has(struct rig *r, enum berth_kind kind, const char *scope, const char *key);
void rig_put_policy_keys(struct rig *r, const struct berth_policy *p);
/* How often the store was asked for anything so far. */
size_t rig_store_calls(const struct rig *r);
/* The next N commits find that somebody else has just written what they are about to. */
void rig_make_stale(struct rig *r, int n);
/* Once, between the next decision and its commit: what somebody else may do there. */
void rig_before_commit(struct rig *r, void (*hook)(struct rig *r));
/* For such a hook: gone at once. */
void rig_delete_at_once(struct rig *r, enum berth_kind kind, const char *scope, const char *key);
/* From now on the store cannot. */
void rig_break_store(struct rig *r);
/* "SharedAccessSignature .." for RESOURCE, expiring at EXPIRY_S. Static storage. */
const char *rig_token(const char *resource, const char *policy, const struct berth_key *key,
                      int64_t expiry_s);

#endif
