/* prov/operation.h - one registration, from request to answer: a durable operation advanced by
 * events. step(operation, event, now) says what to do next; whoever drives it
 * (server/front/registrar.c) does it and comes back with the result as the next event. The machine
 * does no I/O and cannot tell a fast store from a slow one. */
#ifndef BERTH_PROV_OPERATION_H
#define BERTH_PROV_OPERATION_H

#include "prov/reprovision.h"

#define BERTH_OPERATION_TRIES_MAX 8 /* decisions taken again because a record had changed */
#define BERTH_OPERATION_LIFE_MS   (600 * 1000) /* an operation ID stays pollable for this long */
#define BERTH_OPERATION_ID_SIZE   56           /* "5." 16 hex of the start "." UUID, and NUL */
#define BERTH_SEARCH_STEP         128 /* groups tried before others have their turn: 0.12 ms */
#define BERTH_RETRY_AFTER_S       3   /* what Azure sends; good for every SDK */

enum berth_event_type {
    BERTH_EV_START = 1,
    BERTH_EV_LOADED,   /* individual enrollment and registration */
    BERTH_EV_CONTINUE, /* others have had their turn */
    BERTH_EV_DEVICES,  /* the device in the chosen and in the present hub */
    BERTH_EV_COMMITTED,
    BERTH_EV_STALE,    /* the store refused: a record changed since it was read */
    BERTH_EV_FAILED,   /* the store could not */
    BERTH_EV_DEADLINE, /* a second has passed without an answer */
};

/* Records are borrowed for the call; NULL: there is none. */
struct berth_event {
    enum berth_event_type type;
    const struct berth_record *enrollment;       /* LOADED */
    const struct berth_record *registration;     /* LOADED */
    const struct berth_record *device_there;     /* DEVICES */
    const struct berth_record *device_before;    /* DEVICES */
    const struct berth_record *other;            /* DEVICES: registration OTHER */
    const struct berth_record *other_enrollment; /* DEVICES: its individual enrollment */
    uint64_t committed_version;                  /* COMMITTED */
};

enum berth_action_type {
    BERTH_DO_LOAD = 1,     /* read enrollment and registration KEY, then LOADED */
    BERTH_DO_PAUSE,        /* more groups are to be tried: CONTINUE, after others had their turn */
    BERTH_DO_LOAD_DEVICES, /* read DEVICE_THERE and, unless its hub is empty, DEVICE_BEFORE, then
                              DEVICES; with OTHER also that registration and its enrollment */
    BERTH_DO_COMMIT,       /* commit CHANGES, then COMMITTED, STALE or FAILED */
    BERTH_DO_SHARED,       /* it is committed: SHARED is so; tell the operator */
    BERTH_DO_ANSWER,       /* tell the peer; the operation goes on if another action follows */
    BERTH_DO_END,          /* nothing more will come: release the operation */
};

/* What an adapter tells the device. */
struct berth_answer {
    /* set: refused; STATE is told beside it when the reasons table has a status word */
    enum berth_reason reason;
    berth_str message; /* told instead of the reason's own words; absent: those */
    berth_str operation_id;
    struct berth_registration state; /* status BERTH_ASSIGNING: only that is known */
    bool has_state;
    int retry_after_s;        /* 0: none */
    enum berth_key_slot slot; /* for the log */
    berth_str enrollment_id;  /* for the log; empty when nobody vouched */
};

/* Two registrations stand for one device of a hub. */
struct berth_shared {
    berth_str hub, device_id;
    berth_str registration; /* that has the device now */
    berth_str other;        /* that stands for it too */
    bool changed_hands;     /* by this operation; else it was so before */
};

/* Whether it is told as an error, not as a state. */
bool berth_answer_is_error(const struct berth_answer *a);
/* Seconds after which the device may ask again; 0: it need not wait. Embedded C takes 5xx without
 * them as "at once". */
int berth_answer_wait_s(const struct berth_answer *a);

struct berth_action {
    enum berth_action_type type;
    berth_str key; /* LOAD: registration ID in lower case */
    struct {
        berth_str hub, device_id;
    } there, before;                    /* LOAD_DEVICES */
    berth_str other;                    /* LOAD_DEVICES: a registration's key, or empty */
    struct berth_shared shared;         /* SHARED */
    const struct berth_change *changes; /* COMMIT */
    size_t change_count;
    struct berth_answer answer; /* ANSWER */
};

#define BERTH_ACTIONS_MAX 3
struct berth_actions {
    struct berth_action list[BERTH_ACTIONS_MAX];
    size_t count;
};

enum berth_phase {
    BERTH_PHASE_NEW = 0,
    BERTH_PHASE_LOADING,
    BERTH_PHASE_ATTESTING,
    BERTH_PHASE_DEVICES,
    BERTH_PHASE_COMMITTING,
    BERTH_PHASE_DONE,
};

/* Owned by the driver, filled by the machine alone. */
struct berth_operation {
    const struct berth_crypto *crypto;
    struct berth_registration_request req;
    struct berth_arena *arena;
    size_t arena_mark; /* where a decision taken again starts */
    enum berth_phase phase;
    int tries;
    bool answered;
    berth_str key; /* registration ID in lower case */
    uint64_t generation;

    /* one decision; taken anew after BERTH_EV_STALE */
    struct berth_attestation attested;  /* its views are valid within one step only */
    struct berth_search search;         /* for the group */
    struct berth_enrollment enrollment; /* an individual one, in the arena */
    berth_str group_key;                /* or the group's key and version */
    uint64_t group_version;
    bool has_previous;
    struct berth_registration previous;
    berth_str target_hub;
    char other[BERTH_ID_MAX]; /* a registration that may have the same device: its key */
    size_t other_n;
    struct berth_shared shared; /* OTHER empty: it is not */
    struct berth_change changes[BERTH_MOVE_CHANGES_MAX];
    size_t change_count;
    struct berth_registration result; /* what the commit makes true */
    enum berth_reason result_reason;  /* told with it */
};

/* REQ and the memory of A are borrowed until BERTH_DO_END; views in actions live in A until the
 * next step. A needs BERTH_OPERATION_ARENA bytes. */
#define BERTH_OPERATION_ARENA (512 * 1024)
void berth_operation_init(struct berth_operation *op, const struct berth_crypto *crypto,
                          const struct berth_registration_request *req, struct berth_arena *a);

/* Events that the present phase does not wait for are the driver's bug (assert). NOW_MS: since
 * 1970. */
void berth_operation_step(struct berth_operation *op, const struct berth_event *ev,
                          const struct berth_catalog *catalog, int64_t now_ms,
                          struct berth_actions *out);

/* Wipes derived keys; safe twice. */
void berth_operation_deinit(struct berth_operation *op);

/* A new operation ID from 16 random bytes and the time. */
void berth_operation_id_make(char out[BERTH_OPERATION_ID_SIZE], const uint8_t random[16],
                             int64_t now_ms);
/* When it was made, in ms since 1970; BERTH_E_SYNTAX when it is not one of ours. */
BERTH_MUST_USE berth_err berth_operation_id_time(berth_str id, int64_t *ms);

#endif
