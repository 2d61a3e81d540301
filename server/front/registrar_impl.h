/* front/registrar_impl.h - what registrar.c, the life of a registration, and registrar_store.c,
 * what it reads and commits, share. */
#ifndef FRONT_REGISTRAR_IMPL_H
#define FRONT_REGISTRAR_IMPL_H

#include "front/registrar.h"
#include "front/search.h"

/* Which reply a slot waits for. */
enum { SLOT_FIRST, SLOT_SECOND, SLOT_OTHER, SLOT_OTHER_ENROLLMENT, SLOTS };

struct slot {
    struct registration *g;
    struct berth_record *record; /* NULL: none found */
    bool failed;
};

struct registration {
    struct registrar *r;
    struct registration *next, **prev; /* open list, or free list by next alone */
    struct berth_operation op;
    struct berth_arena arena;
    struct slot slots[SLOTS];
    unsigned waiting; /* store replies still to come */
    bool loading_devices;
    bool over; /* the machine has ended, the last reply frees */
    struct deadline deadline;
    struct search search;
    bool searching;           /* has had a step */
    registrar_answer *answer; /* NULL: answered or forgotten */
    void *user;
    struct berth_answer early; /* what could not even start */
    struct peer peer;
    const char *transport;
    int64_t started_ms;
    char operation_id[BERTH_OPERATION_ID_SIZE];
    char tracking[FRONT_TRACKING_SIZE];
    unsigned char memory[BERTH_OPERATION_ARENA];
};

struct registrar {
    struct front *f;
    struct registration *open;
    struct registration *free;
    struct searches searches;
    size_t open_count, free_count;
};

/* Gives EV to the machine and carries out what it wants; G may be gone afterwards. */
void registration_step(struct registration *g, const struct berth_event *ev);

/* Ask the store; its last reply is the machine's next event. */
void registration_load(struct registration *g, const struct berth_action *a);
void registration_load_devices(struct registration *g, const struct berth_action *a);
void registration_commit(struct registration *g, const struct berth_action *a);
/* Wipes and frees what was read. */
void registration_drop_records(struct registration *g);

#endif
