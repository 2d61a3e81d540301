#include "front/audit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "ops/log.h"
#include "wire/json.h"
#include "wire/json_time.h"

/* bytes of a record as JSON: names and texts, each byte of them escaped at worst */
#define SHOWN_MAX (1024 + 6 * (4 * (AUDIT_TEXT_MAX + 1) + 2 * PEER_TEXT_SIZE))

struct audit_record {
    uint64_t sequence;
    int64_t time_ms;
    enum audit_event event;
    char hub[AUDIT_TEXT_MAX + 1];
    char device_id[AUDIT_TEXT_MAX + 1];
    char registration[AUDIT_TEXT_MAX + 1];
    char other_registration[AUDIT_TEXT_MAX + 1];
    char peer[PEER_TEXT_SIZE];
    char other_peer[PEER_TEXT_SIZE];
};

struct audit {
    struct hub_events *events;
    pthread_mutex_t lock;
    uint64_t begin; /* before the first sequence */
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
    [AUDIT_DEVICE_SHARED] = { "deviceShared", "two registrations stand for one device of the hub: "
                                              "only the latest has its keys" },
};

berth_err audit_new(struct hub_events *events, uint64_t begin, struct audit **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return BERTH_E_MEMORY;
    (*out)->events = events;
    (*out)->begin = begin;
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
    (void)snprintf(out, size, "%.*s", BERTH_STR_ARG(s));
}

static void fill(struct audit_record *r, uint64_t sequence, const struct audit_note *n)
{
    *r = (struct audit_record){ .sequence = sequence, .time_ms = n->time_ms, .event = n->event };
    copy(r->hub, sizeof r->hub, n->hub);
    copy(r->device_id, sizeof r->device_id, n->device_id);
    copy(r->registration, sizeof r->registration, n->registration);
    copy(r->other_registration, sizeof r->other_registration, n->other_registration);
    copy(r->peer, sizeof r->peer, berth_str_of(n->peer));
    copy(r->other_peer, sizeof r->other_peer, berth_str_of(n->other_peer));
}

static void put_if(struct berth_json_out *j, const char *name, const char *text)
{
    if (text[0] != '\0')
        berth_json_member(j, name, berth_str_of(text));
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
    put_if(j, "registrationId", r->registration);
    put_if(j, "otherRegistrationId", r->other_registration);
    put_if(j, "peer", r->peer);
    put_if(j, "otherPeer", r->other_peer);
    berth_json_close(j, '}');
}

static void show(struct audit *a, const struct audit_record *r)
{
    char text[SHOWN_MAX];
    struct berth_json_out j;
    struct berth_buf b;

    if (a->events == NULL)
        return;
    berth_buf_init(&b, text, sizeof text);
    berth_json_begin(&j, &b);
    put(&j, r);
    (void)hub_events_add(a->events, berth_str_of(r->hub),
                         &(struct berth_hub_event){ .time_ms = r->time_ms,
                                                    .device_id = berth_str_of(r->device_id),
                                                    .audit = berth_buf_str(&b) });
}

static void write_line(const struct audit_record *r)
{
    struct log_field fields[8];
    size_t n = 0;

    fields[n++] = LOG_TEXT("what", berth_str_of(words[r->event].name));
    fields[n++] = LOG_TEXT("cause", berth_str_of(words[r->event].text));
    fields[n++] = LOG_TEXT("hub", berth_str_of(r->hub));
    fields[n++] = LOG_TEXT("device_id", berth_str_of(r->device_id));
    if (r->registration[0] != '\0') {
        fields[n++] = LOG_TEXT("registration_id", berth_str_of(r->registration));
        fields[n++] = LOG_TEXT("other_registration_id", berth_str_of(r->other_registration));
    }
    fields[n++] = LOG_TEXT("peer", berth_str_of(r->peer));
    if (r->other_peer[0] != '\0')
        fields[n++] = LOG_TEXT("other_peer", berth_str_of(r->other_peer));
    log_write(LOG_WARNING, "audit", fields, n);
}

void audit_add(struct audit *a, const struct audit_note *note)
{
    struct audit_record r;

    pthread_mutex_lock(&a->lock);
    fill(&r, a->begin + ++a->count, note);
    a->ring[(a->count - 1) % AUDIT_MAX] = r;
    pthread_mutex_unlock(&a->lock);
    show(a, &r);
    write_line(&r);
}

uint64_t audit_put(struct audit *a, uint64_t after, struct berth_buf *b)
{
    struct berth_json_out j;
    uint64_t seen, next;

    berth_json_begin(&j, b);
    berth_json_open(&j, '[');
    pthread_mutex_lock(&a->lock);
    seen = after >= a->begin && after - a->begin <= a->count ? after - a->begin : 0;
    next = a->count > AUDIT_MAX ? a->count - AUDIT_MAX : 0;
    for (next = next > seen ? next : seen; next < a->count; next++) {
        struct berth_json_out before = j;
        size_t n = b->n;
        put(&j, &a->ring[next % AUDIT_MAX]);
        if (b->over || b->n == b->max) { /* room for the bracket */
            b->n = n;
            b->over = false;
            j = before;
            break;
        }
        seen = next + 1;
    }
    pthread_mutex_unlock(&a->lock);
    berth_json_close(&j, ']');
    return a->begin + seen;
}
