/* net/loop.h - one thread, one libuv loop, its clock, its deadlines, its mailbox and its scratch
 * buffers. Nothing of a loop is touched from another thread but loop_post. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "berth/err.h"

#define LOOP_SCRATCH_SIZE 65536 /* bytes read, TLS records written, plain text of them: at once */
#define LOOP_TICK_MS      100   /* deadlines are coarse: they fire up to this much late */

struct loop;

/* Also has the process ignore SIGPIPE: libuv writes to sockets whose peer may be gone. */
BERTH_MUST_USE berth_err loop_new(unsigned index, struct loop **out);
/* After loop_run has returned. Runs what is still posted, drops the members below and returns when
 * their last callback has: what connections use may be freed then. */
void loop_drain(struct loop *l);
/* Drains; handles that others opened on loop_uv must be closed by then. */
void loop_free(struct loop *l);
/* Runs in the calling thread until loop_stop; BERTH_E_IO when libuv fails. */
BERTH_MUST_USE berth_err loop_run(struct loop *l);
/* Any thread. */
void loop_stop(struct loop *l);

uv_loop_t *loop_uv(struct loop *l);
unsigned loop_index(const struct loop *l);
/* Milliseconds since 1970 and monotonic ones, both as of the present event: one clock read per
 * turn. */
int64_t loop_now_ms(const struct loop *l);
int64_t loop_mono_ms(const struct loop *l);

/* Any thread: runs FN(ARG) on the loop soon. Order per poster is kept. Never fails (aborts when
 * memory is out). */
void loop_post(struct loop *l, void (*fn)(void *arg), void *arg);

/* Work to be done after every event the loop has handled, before it sleeps: the store's
 * completions. One per loop. */
void loop_after_event(struct loop *l, void (*fn)(void *arg), void *arg);
/* Called by whoever handled an event on the loop (layers' roots, timers); runs the above. */
void loop_event_done(struct loop *l);

/* FN runs once a turn, when all its events have been handled. One per loop. */
void loop_before_sleep(struct loop *l, void (*fn)(void));

/* What loop_free must have closed before the loop can go: DROP is called once, leaves first, and
 * closes its handles without waiting for peers. */
struct loop_member {
    struct loop_member *next, **prev;
    void (*drop)(struct loop_member *m);
};
void loop_join(struct loop *l, struct loop_member *m, void (*drop)(struct loop_member *m));
void loop_leave(struct loop_member *m);

/* What peers have sent of requests and packets whose rest is still to come, and requests under way:
 * memory that strangers fill. HOLD counts N bytes more, or says false and whoever asked is turned
 * away: over LOOP_HELD_MAX, or before that when it is no small piece, so that what a device says
 * finds room though large bodies have filled theirs. */
#define LOOP_HELD_MAX       ((size_t)64 * 1024 * 1024)
#define LOOP_HELD_LARGE_MAX ((size_t)48 * 1024 * 1024)
#define LOOP_HELD_SMALL     4096 /* bytes of a small piece */
bool loop_hold(struct loop *l, size_t n);
/* N more for what holds HAD already: a large one is no small piece because it comes in small ones.
 */
bool loop_hold_more(struct loop *l, size_t had, size_t n);
void loop_let_go(struct loop *l, size_t n);

/* A coarse one-shot timer, embedded in its owner. All on the loop's thread. A wheel with one
 * uv_timer, that only runs while a deadline is set. */
struct deadline {
    struct deadline *next, **prev; /* prev NULL: not set */
    int64_t due_ms;
    void (*fn)(struct deadline *d);
};
/* (Re)sets D to fire AFTER_MS from now; 0: in the next turn of the loop, never inside this call. */
void deadline_set(struct loop *l, struct deadline *d, int64_t after_ms,
                  void (*fn)(struct deadline *d));
/* Safe when not set. */
void deadline_clear(struct deadline *d);
/* For tests: moves both clocks ahead by MS and fires what has become due. */
void loop_skip(struct loop *l, int64_t ms);
/* For tests: from now on the wall clock says NOW_MS, and moves by loop_skip alone. */
void loop_hold_wall(struct loop *l, int64_t now_ms);

/* Shared by all connections of the loop, valid within one event. */
uint8_t *loop_rx(struct loop *l);
uint8_t *loop_tx(struct loop *l);
uint8_t *loop_text(struct loop *l);

#endif
