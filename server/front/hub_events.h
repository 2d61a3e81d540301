/* front/hub_events.h - what devices send, kept for a while for those who watch: a ring of each hub,
 * one set for the process, of any thread. */
#ifndef FRONT_HUB_EVENTS_H
#define FRONT_HUB_EVENTS_H

#include "hub/hub_event.h"
#include "net/loop.h"

#define HUB_EVENTS_MAX       4096 /* kept of one hub; the oldest make room */
#define HUB_EVENTS_BYTES_MAX (2 * 1024 * 1024)

struct hub_events;

/* Somebody who waits for the next event of a hub. Embedded in its owner. */
struct hub_watch {
    struct hub_watch *next, **prev; /* prev NULL: does not wait */
    struct hub_events *events;
    struct hub_ring *ring; /* until hub_watch_end */
    struct loop *loop;
    void (*woken)(void *user); /* once, on LOOP */
    void *user;
};

/* What a reader has seen and wants. */
struct hub_events_query {
    berth_str hub;
    berth_str device_id; /* absent: all */
    bool audit;          /* audit events too, not messages alone */
    uint64_t after;      /* sequence of the last one seen; one of a process before, or beyond the
                            last there is, counts as the beginning; 0: all there is */
};

/* Sequences begin behind BEGIN. They must not begin where those of a process before, which readers
 * may still hold, went: microseconds since 1970 are beyond them, and below 2^53. */
BERTH_MUST_USE berth_err hub_events_new(uint64_t begin, struct hub_events **out);
/* After the last watch ended. */
void hub_events_free(struct hub_events *e);

/* Takes one message of a device: E->sequence is given here. False when memory is out. */
bool hub_events_add(struct hub_events *e, berth_str hub, const struct berth_hub_event *event);
/* HUB is no more: so are its events. Its watches go on waiting, until their time is over. */
void hub_events_forget(struct hub_events *e, berth_str hub);

struct hub_events_counts {
    size_t hubs, events, bytes;
};
/* What is kept now: hubs with events or watches, their events, the memory these take. */
void hub_events_count(struct hub_events *e, struct hub_events_counts *out);

/* Sequence of the last event of HUB; the beginning when there was none. */
uint64_t hub_events_last(struct hub_events *e, berth_str hub);

/* Appends what fits of the events that Q asks for to the JSON array under way in B (with commas).
 * MEMORY is emptied for each. *NEXT: what to ask for as AFTER from now on, it may be Q's own;
 * *MISSED: how many made room before they were seen. Returns how many were appended. When that is
 * none, W waits for the next event of the hub, from the same moment on; unless it is NULL, or
 * memory is out (hub_watch_stands). */
size_t hub_events_put(struct hub_events *e, const struct hub_events_query *q, struct berth_buf *b,
                      struct berth_arena *memory, struct hub_watch *w, uint64_t *next,
                      uint64_t *missed);

/* On its loop: from the beginning of the wait to hub_watch_end. */
static inline bool hub_watch_stands(const struct hub_watch *w)
{
    return w->ring != NULL;
}
/* On its loop, after woken() too; twice is safe. True when W was still waiting; false when woken()
 * was or will be called. */
bool hub_watch_end(struct hub_watch *w);

#endif
