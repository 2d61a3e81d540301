/* front/refusals.h - what was refused lately, and why: the process-wide memory behind `berth
 * explain`. Bounded in count and age; any thread. */
#ifndef FRONT_REFUSALS_H
#define FRONT_REFUSALS_H

#include "auth/forensics.h"
#include "base/reason.h"
#include "net/listener.h"

#define REFUSALS_LIST_MAX 200 /* told in one answer */
#define REFUSALS_AGE_MS   ((int64_t)7 * 24 * 3600 * 1000)
#define REFUSALS_AGAIN_MS                                                                          \
    ((int64_t)10 * 60 * 1000)     /* repetitions are counted, not kept, for so long */
#define REFUSAL_TEXT_SIZE     192 /* bytes of a detail, and NUL */
#define REFUSAL_TRACKING_SIZE 37

/* Each kind has room of its own, so that a flood of one pushes out none of another. */
enum refusal_kind {
    REFUSAL_DEVICE,     /* a registration */
    REFUSAL_SERVICE,    /* a request to a service API */
    REFUSAL_CONNECTION, /* before anyone said who it is: TLS, wrong protocol */
    REFUSAL_WARNING,    /* accepted, though it smells */
    REFUSAL_KINDS
};

/* What forensics has made of it. */
enum refusal_examined {
    REFUSAL_PLAIN = 0, /* the reason says it all */
    REFUSAL_PENDING,
    REFUSAL_SKIPPED, /* too many at once */
    REFUSAL_EXAMINED,
};

struct refusal {
    uint64_t number; /* in its kind, from 1 */
    uint64_t order;  /* over all kinds */
    enum refusal_kind kind;
    enum berth_reason reason; /* NONE for a warning */
    int64_t first_ms, last_ms;
    uint32_t count;
    char tracking[REFUSAL_TRACKING_SIZE]; /* of the last one; "" when nobody was told one */
    char peer[PEER_TEXT_SIZE];
    char registration_id[BERTH_ID_MAX + 1]; /* cut when longer */
    char detail[REFUSAL_TEXT_SIZE];         /* in addition to the reason's text, or "" */
    const char *transport;                  /* static */
    enum refusal_examined examined;
    struct berth_finding finding;
    char enrollment[BERTH_ID_MAX + 1]; /* whose key the finding is about, or "" */
};

/* Which refusal a finding belongs to. */
struct refusal_handle {
    enum refusal_kind kind;
    uint64_t number; /* 0: none */
};

/* Texts are copied; control characters in them become '?'. Absent ones are fine. */
struct refusal_note {
    enum refusal_kind kind;
    enum berth_reason reason;
    enum berth_mistake warning; /* with REFUSAL_WARNING */
    int64_t off_s;              /* with a warning */
    const char *tracking;
    const char *peer;
    berth_str registration_id, detail, enrollment;
    const char *transport;
    bool pending; /* forensics has been asked */
};

struct refusals;

BERTH_MUST_USE berth_err refusals_new(struct refusals **out);
void refusals_free(struct refusals *r);

/* Keeps it. R may be NULL: nothing is kept. Repetitions of what has no tracking ID, of throttling
 * and of warnings are counted in the entry there is. */
struct refusal_handle refusals_add(struct refusals *r, const struct refusal_note *n,
                                   int64_t now_ms);
/* What forensics came to; forgotten when the entry is gone. ENROLLMENT as in struct refusal. */
void refusals_examined(struct refusals *r, struct refusal_handle h, enum refusal_examined what,
                       const struct berth_finding *f, berth_str enrollment);

/* Any that is absent matches all. ABOUT is a tracking ID, registration ID or peer. A peer matches
 * with or without its port. */
struct refusal_query {
    berth_str tracking, registration, peer, about;
};

/* Newest first, at most MAX. */
size_t refusals_find(struct refusals *r, const struct refusal_query *q, int64_t now_ms,
                     struct refusal *out, size_t max);
/* How many were kept since the start, repetitions included. */
uint64_t refusals_recorded(struct refusals *r);

#endif
