#include "front/audit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "ops/log.h"
#include "wire/json.h"
#include "wire/json_time.h"

struct audit {
    pthread_mutex_t lock;
    uint64_t count; /* ever */
    struct audit_record ring[AUDIT_MAX];
};

static const struct {
    const char *name, *text;
} words[AUDIT_EVENTS] = {
    [AUDIT_SESSION_FROM_OTHER_PEER] = { "sessionFromOtherPeer",
                                        "a live session was taken over from another address" },
    [AUDIT_PEERS_IN_TURN] = { "peersInTurn", "two addresses use one identity in turn" },
    [AUDIT_REGISTERED_ELSEWHERE] = { "registeredElsewhere",
                                     "another address registered while the session lives" },
};

berth_err audit_new(struct audit **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return BERTH_E_MEMORY;
    pthread_mutex_init(&(*out)->lock, NULL);
    return BERTH_OK;
}

void audit_free(struct audit *a)
{
    if (a == NULL)
        return;
    pthread_mutex_destroy(&a->lock);
    free(a);
}

static void copy(char *out, size_t size, berth_str s)
{
    s = berth_str_sub(s, 0, size - 1);
    (void)snprintf(out, size, "%.*s", BERTH_STR_ARG(s));
}

void audit_add(struct audit *a, enum audit_event event, int64_t time_ms, berth_str hub,
               berth_str device_id, const char *peer, const char *other_peer)
{
    struct audit_record *r;

    pthread_mutex_lock(&a->lock);
    r = &a->ring[a->count++ % AUDIT_MAX];
    *r = (struct audit_record){ .sequence = a->count, .time_ms = time_ms, .event = event };
    copy(r->hub, sizeof r->hub, hub);
    copy(r->device_id, sizeof r->device_id, device_id);
    copy(r->peer, sizeof r->peer, berth_str_of(peer));
    copy(r->other_peer, sizeof r->other_peer, berth_str_of(other_peer));
    pthread_mutex_unlock(&a->lock);
    log_event(LOG_WARNING, "audit", LOG_TEXT("what", berth_str_of(words[event].name)),
              LOG_TEXT("cause", berth_str_of(words[event].text)), LOG_TEXT("hub", hub),
              LOG_TEXT("device_id", device_id), LOG_TEXT("peer", berth_str_of(peer)),
              LOG_TEXT("other_peer", berth_str_of(other_peer)));
}

static void put(struct berth_json_out *j, const struct audit_record *r)
{
    berth_json_open(j, '{');
    berth_json_member_i64(j, "sequence", (int64_t)r->sequence);
    berth_json_member_time(j, "time", r->time_ms);
    berth_json_member(j, "event", berth_str_of(words[r->event].name));
    berth_json_member(j, "text", berth_str_of(words[r->event].text));
    berth_json_member(j, "hub", berth_str_of(r->hub));
    berth_json_member(j, "deviceId", berth_str_of(r->device_id));
    berth_json_member(j, "peer", berth_str_of(r->peer));
    berth_json_member(j, "otherPeer", berth_str_of(r->other_peer));
    berth_json_close(j, '}');
}

uint64_t audit_put(struct audit *a, uint64_t after, struct berth_buf *b)
{
    struct berth_json_out j;
    uint64_t next, last = after;

    berth_json_begin(&j, b);
    berth_json_open(&j, '[');
    pthread_mutex_lock(&a->lock);
    next = a->count > AUDIT_MAX ? a->count - AUDIT_MAX : 0;
    for (next = next > after ? next : after; next < a->count; next++) {
        struct berth_json_out before = j;
        size_t n = b->n;
        put(&j, &a->ring[next % AUDIT_MAX]);
        if (b->over || b->n == b->max) { /* room for the bracket */
            b->n = n;
            b->over = false;
            j = before;
            break;
        }
        last = next + 1;
    }
    pthread_mutex_unlock(&a->lock);
    berth_json_close(&j, ']');
    return last;
}
