/* net/loop_impl.h - what loop.c and deadline.c share. */
#ifndef NET_LOOP_IMPL_H
#define NET_LOOP_IMPL_H

#include <pthread.h>

#include "net/loop.h"

#define WHEEL_SLOTS 8192 /* 13 minutes of ticks; a later deadline is looked at once per round */

struct post;

struct wheel {
    struct deadline *slots[WHEEL_SLOTS];
    uint64_t used[WHEEL_SLOTS / 64]; /* a set bit may be stale, a clear one never is */
    struct deadline *soon;           /* due in the next turn */
    int64_t tick;                    /* all slots up to here have been looked at */
    int64_t armed;                   /* the tick the timer waits for, WHEEL_NEVER: not running */
    uv_timer_t timer;
    uv_idle_t idle; /* active while SOON has any: keeps the loop from sleeping */
};

#define WHEEL_NEVER INT64_MAX

struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_prepare_t turn_end;
    unsigned index;

    pthread_mutex_t lock; /* over the next three */
    struct post *first;
    struct post **last;
    bool stop;

    void (*after)(void *arg);
    void *after_arg;
    void (*before_sleep)(void);
    struct loop_member *members;
    size_t held;
    int64_t skipped_ms; /* loop_skip */
    int64_t wall_ms;    /* as read at WALL_AT_MS */
    int64_t wall_at_ms;
    bool wall_held; /* loop_hold_wall */
    int64_t held_ms;
    struct wheel wheel;

    uint8_t rx[LOOP_SCRATCH_SIZE];
    uint8_t tx[LOOP_SCRATCH_SIZE];
    uint8_t text[LOOP_SCRATCH_SIZE];
};

int wheel_init(struct loop *l);
/* Lets uv_run return although the wheel is there. */
void wheel_unref(struct loop *l);
void wheel_close(struct loop *l);

#endif
