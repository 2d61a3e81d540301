/* front/call.h - one service request on its way through the store: arena, tracking ID, answers in
 * the DPS and the hub dialect. */
#ifndef FRONT_CALL_H
#define FRONT_CALL_H

#include "base/arena.h"
#include "base/reason.h"
#include "front/front.h"
#include "net/http.h"
#include "net/listener.h"

#define CALL_ARENA_SIZE   (2 * 1024 * 1024) /* a twin with its $metadata, thrice */
#define CALL_SEGMENTS_MAX 8                 /* of a path; longer ones are no route */
#define CALL_TRIES_MAX    8 /* decisions taken because a record had changed; then CONTENDED */
#define CALL_HEADERS_MAX  4 /* of an answer, besides those that every answer has */

enum call_dialect { CALL_DPS, CALL_HUB };

/* Lives from call_new to its answer. When the client goes away first, the call lives on without
 * exchange and its answer is dropped, so store callbacks never meet a freed call. Everything in it
 * is its own but FRONT and X: the exchange's views end with the exchange. */
struct call {
    struct call *next, **prev; /* in the front's list */
    struct front *f;
    struct http_exchange *x; /* NULL once abandoned */
    enum call_dialect dialect;
    struct berth_arena arena; /* wiped when the call ends: keys live there */
    size_t high;              /* most of the arena that was ever in use */
    char tracking[FRONT_TRACKING_SIZE];
    char peer[PEER_TEXT_SIZE];
    enum http_method method;
    berth_str method_text;
    berth_str path;                        /* as received */
    berth_str body;                        /* empty when none */
    berth_str if_match;                    /* absent when there was none */
    berth_str segments[CALL_SEGMENTS_MAX]; /* of the path, percent-decoded */
    size_t segment_count;
    berth_str hub;          /* key of the hub addressed; empty: the provisioning service */
    berth_str policy;       /* name of the policy used, for the log */
    unsigned retry_after_s; /* told with a refusal unless 0 */
    unsigned allow;         /* bits 1 << enum http_method, told with a refusal unless 0 */
    size_t mark;            /* where a decision taken again starts in the arena */
    int tries;
    void *state; /* the handler's, in the arena below MARK */
    /* The client went away; the handler may end the call. NULL: it goes on as if nothing was. */
    void (*gone)(struct call *c);
    unsigned char memory[];
};

/* NULL after answering itself: 503 when memory is out or the daemon is stopping, 404 or 400 for a
 * path that cannot be taken apart. */
struct call *call_new(struct front *f, struct http_exchange *x, enum call_dialect dialect);

/* Ends the calls that still wait, without an answer: after the store's port was detached, which
 * forgets them. */
void calls_drop(struct front *f);

/* Each answers, logs and ends the call. */
void call_json(struct call *c, int status, berth_str body, const struct http_header *headers,
               size_t count);
/* The same with a body written into B; one that did not fit is a failure of the service. */
void call_send(struct call *c, int status, const struct berth_buf *b,
               const struct http_header *headers, size_t count);
void call_empty(struct call *c, int status);
/* MESSAGE absent: the reason's own. DPS: {"errorCode",..}; hub:
 * {"Message":"ErrorCode:Name;text",..} and iothub-errorcode. */
void call_refuse(struct call *c, enum berth_reason why, berth_str message);
/* A document was refused with E by the parser that filled WHY; BERTH_E_FULL is the call's own want
 * of memory. */
void call_refuse_as(struct call *c, berth_err e, const struct berth_refusal *why);
/* For what is nobody's fault but the service's; PROBLEM is for the operator alone. */
void call_fail(struct call *c, enum berth_reason why, const char *problem);

/* Room in the call's arena for an answer body, to be given to call_send. */
void call_body(struct call *c, struct berth_buf *b);

/* True when the request's SAS token allows one of RIGHTS for HUB (its key; empty: the provisioning
 * service); else refuses and ends the call. Only before the first wait. */
bool call_allowed(struct call *c, berth_str hub, unsigned rights);

/* What is decided from here on may be decided again. */
void call_mark(struct call *c);
/* Before deciding again: gives back what the last decision took. False after refusing: too often.
 */
bool call_again(struct call *c);
/* False after refusing: the store could not. STORE_STALE is for the caller. */
bool call_stored(struct call *c, const struct store_reply *reply);

/* Gives the keys of PAIR that are missing: KEPT's (may be NULL), or new ones of SIZE random bytes.
 * False after refusing. */
bool call_fill_keys(struct call *c, struct berth_key_pair *pair, const struct berth_key_pair *kept,
                    uint8_t size);

/* The lookup form of ID, a registration's or a group's; false after refusing, a bad one as INVALID.
 */
bool call_key(struct call *c, berth_str id, enum berth_reason invalid, berth_str *key);

/* SIZE zeroed bytes of the arena; NULL after refusing. */
void *call_alloc(struct call *c, size_t size);

#endif
