/* layer_rig.h - two test doubles to put a layer between: a lowest layer without a socket, whose
 * capacity is scripted, and a topmost one that records its input and consumes as told. Both stand
 * on a real loop that rig_turn runs by hand. */
#ifndef TESTS_UNIT_LAYER_RIG_H
#define TESTS_UNIT_LAYER_RIG_H

#include "net/layer.h"
#include "net/loop.h"

#define RIG_ALL SIZE_MAX

struct rig_bytes {
    uint8_t *p;
    size_t n, cap;
};

/* The lowest layer. */
struct rig {
    struct layer l; /* l.above: the layer under test */
    struct rig_bytes out;
    size_t capacity;     /* bytes that writes may still take */
    struct rig_bytes in; /* offered and not consumed */
    bool resumed;        /* the layer above asked for IN again */
    bool starved;        /* a write was taken in part */
    bool close_wanted;
    bool closed;
    int closes; /* calls of close */
};

void rig_init(struct rig *r, struct loop *l);
/* Releases what was recorded; the layer above must have been closed. */
void rig_deinit(struct rig *r);
/* Offers N bytes, as a socket would: while something is left over they wait for resume. */
void rig_offer(struct rig *r, const void *p, size_t n);
/* One turn of the loop, then what a socket would do in a later event: offers again after resume;
 * tells CLOSED after close. */
void rig_event(struct rig *r);
/* The same in later events, until nothing changes. */
void rig_turn(struct rig *r);
/* Makes room for N more bytes and says so when a write had been cut short. */
void rig_drain(struct rig *r, size_t n);
/* The peer says its end, and goes on reading. */
void rig_end(struct rig *r);
/* The peer goes away. */
void rig_close(struct rig *r);
/* Forgets the output so far. */
void rig_forget(struct rig *r);

/* The topmost layer. */
struct rig_top {
    struct layer l;
    struct rig_bytes got;
    size_t appetite; /* bytes it will still consume; RIG_ALL: no end */
    int inputs, writables, ends, closes;
    bool owes; /* an answer, to a peer that has ended */
    /* Before INPUT reads what it was given, which must outlive both. */
    bool write_in_input, close_in_input;
};

void rig_top_init(struct rig_top *t, struct layer *below);
void rig_top_deinit(struct rig_top *t);

void rig_bytes_add(struct rig_bytes *b, const void *p, size_t n);
void rig_bytes_free(struct rig_bytes *b);

#endif
