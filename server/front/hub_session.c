#include "front/hub_session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "front/common.h"
#include "front/presence.h"
#include "front/refusals.h"
#include "hub/hub_login.h"
#include "ops/log.h"

#define BEAT_MS        (5 * 60 * 1000)
#define WATCH_MEMORY   (256 * 1024)
#define DESIRED_MEMORY (3 * BERTH_TWIN_SECTION_MAX) /* new values, and a null for each old name */
#define EXPIRY_MAX_MS  (INT64_C(10) * 365 * 86400 * 1000) /* beyond it no timer waits */

/* ---- life ---- */

struct hub_session *hub_session_new(struct mqtt *m)
{
    struct front *f = m->link.f;
    struct hub_session *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->m = m;
    s->f = f;
    for (size_t i = 0; i < BERTH_HUB_FILTERS; i++)
        s->granted[i] = -1;
    s->next = f->hub_sessions;
    if (s->next != NULL)
        s->next->prev = &s->next;
    s->prev = &f->hub_sessions;
    f->hub_sessions = s;
    return s;
}

static void session_free(struct hub_session *s)
{
    const struct berth_crypto *c = s->f->crypto;

    *s->prev = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    free(s->desired);
    free(s->will);
    free(s->patch);
    c->wipe(c->ctx, s, sizeof *s); /* its token may outlive it */
    free(s);
}

bool hub_session_replied(struct hub_session *s)
{
    s->waiting = false;
    if (s->m != NULL)
        return true;
    session_free(s);
    return false;
}

static const char *peer_of(const struct hub_session *s)
{
    return layer_peer(&s->m->link.layer)->text;
}

static void log_line(const struct hub_session *s, enum log_level level, const char *outcome,
                     enum berth_reason why, berth_str what)
{
    const struct berth_reason_row *row = berth_reason_row(why);
    char tracking[FRONT_TRACKING_SIZE];
    struct log_field fields[10];
    size_t n = 0;

    fields[n++] = LOG_TEXT("outcome", berth_str_of(outcome));
    if (why != BERTH_WHY_NONE) {
        front_tracking_id(s->f, tracking);
        fields[n++] = LOG_TEXT("tracking_id", berth_str_of(tracking));
    }
    fields[n++] = LOG_TEXT("hub", s->hub);
    fields[n++] = LOG_TEXT("device_id", s->device_id);
    fields[n++] = LOG_TEXT("peer", berth_str_of(peer_of(s)));
    fields[n++] = LOG_TEXT("transport", berth_str_of(s->m->link.transport));
    if (why != BERTH_WHY_NONE) {
        fields[n++] = LOG_TEXT("reason", berth_str_of(row->name));
        fields[n++] = LOG_TEXT("cause", berth_str_of(row->text));
        fields[n++] = LOG_TEXT("remedy", berth_str_of(row->remedy));
    }
    if (what.n > 0)
        fields[n++] = LOG_TEXT("what", what);
    assert(n <= sizeof fields / sizeof *fields);
    log_write(level, "hub session", fields, n);
    /* A renewed token or a restart refuses nobody; they would crowd out those who were. */
    if (why != BERTH_WHY_NONE && level < LOG_INFO)
        (void)refusals_add(s->f->refusals,
                           &(struct refusal_note){ .kind = REFUSAL_DEVICE,
                                                   .reason = why,
                                                   .tracking = tracking,
                                                   .peer = peer_of(s),
                                                   .registration_id = s->device_id,
                                                   .detail = what,
                                                   .transport = s->m->link.transport },
                           loop_now_ms(s->f->loop));
}

void hub_session_tell(struct hub_session *s, unsigned bit, enum berth_reason why, berth_str what)
{
    if ((s->told & 1u << bit) != 0)
        return;
    s->told |= 1u << bit;
    metrics_add(s->f->metrics, reasons[why], 1);
    log_line(s, LOG_NOTICE, "goes on", why, what);
}

/* ---- beginning ---- */

static struct hub_session *of_beat(struct deadline *d)
{
    return (struct hub_session *)(void *)((char *)d - offsetof(struct hub_session, beat));
}

static void on_expiry(struct deadline *d)
{
    struct hub_session *s =
        (struct hub_session *)(void *)((char *)d - offsetof(struct hub_session, expiry));

    hub_session_end(s, BERTH_WHY_TOKEN_EXPIRED);
}

/* A token in the far future needs no timer; one in milliseconds by mistake is such a token. */
static void watch_expiry(struct hub_session *s, int64_t now_ms)
{
    int64_t left_s = s->token.expiry - now_ms / 1000;

    if (left_s < EXPIRY_MAX_MS / 1000)
        deadline_set(s->f->loop, &s->expiry, (left_s + BERTH_SAS_SKEW_S) * 1000, on_expiry);
    else
        deadline_clear(&s->expiry);
}

static void on_beat(struct deadline *d)
{
    struct hub_session *s = of_beat(d);
    struct session_view v;

    watch_expiry(s, loop_now_ms(s->f->loop)); /* the clock may have been set since */
    if (sessions_find(s->f->common->sessions, s->hub, s->device_id, &v))
        presence_note(s->f->presence, s->hub, s->device_id, BERTH_TIME_NEVER, v.active_ms);
    deadline_set(s->f->loop, d, BEAT_MS, on_beat);
}

static void on_message(void *owner, const struct session_message *message)
{
    struct hub_session *s = owner;

    switch (message->type) {
    case SESSION_END:
        hub_session_end(s, message->why);
        return;
    case SESSION_DESIRED:
        hub_session_desired(s, message->version, message->body);
        return;
    }
}

/* Tokens are renewed by connecting again, so that a second session is nothing by itself. */
static void audit_join(struct hub_session *s, const struct session_prior *prior, int64_t now_ms)
{
    struct audit_note n = { .event = prior->in_turn ? AUDIT_PEERS_IN_TURN
                                                    : AUDIT_SESSION_FROM_OTHER_PEER,
                            .time_ms = now_ms,
                            .hub = s->hub,
                            .device_id = s->device_id,
                            .peer = peer_of(s),
                            .other_peer = prior->peer };

    if (prior->other_peer && (prior->in_turn || prior->live))
        audit_add(s->f->common->audit, &n);
}

/* False when memory is out; all is as before then. */
static bool keep_desired(struct hub_session *s, const struct berth_twin_section *desired)
{
    char *copy = malloc(desired->values.n);

    if (copy == NULL)
        return false;
    memcpy(copy, desired->values.p, desired->values.n);
    free(s->desired);
    s->desired = copy;
    s->desired_n = desired->values.n;
    return true;
}

bool hub_session_begin(struct hub_session *s, const struct berth_twin_section *desired)
{
    struct front *f = s->f;
    int64_t now_ms = loop_now_ms(f->loop);
    struct session_claim claim = {
        .hub = s->hub,
        .device_id = s->device_id,
        .peer = layer_peer(&s->m->link.layer),
        .now_ms = now_ms,
        .mono_ms = loop_mono_ms(f->loop),
        .loop = f->loop,
        .receive = on_message,
        .owner = s,
    };
    struct session_prior prior;

    if (!keep_desired(s, desired) ||
        sessions_join(f->common->sessions, &claim, &s->place, &prior) != BERTH_OK)
        return false;
    s->began_ms = claim.mono_ms;
    metrics_add(f->metrics, hub_sessions_accepted, 1);
    metrics_add(f->metrics, hub_sessions_open, 1);
    presence_note(f->presence, s->hub, s->device_id, now_ms, now_ms);
    deadline_set(f->loop, &s->beat, BEAT_MS, on_beat);
    watch_expiry(s, now_ms);
    log_line(s, LOG_INFO, "connected", BERTH_WHY_NONE, BERTH_STR(""));
    audit_join(s, &prior, now_ms);
    return true;
}

/* ---- ending ---- */

static void leave(struct hub_session *s)
{
    struct front *f = s->f;
    int64_t now_ms = loop_now_ms(f->loop);

    deadline_clear(&s->beat);
    deadline_clear(&s->expiry);
    if (s->place == NULL)
        return;
    if (sessions_leave(s->place)) /* else the newer session tells */
        presence_note(f->presence, s->hub, s->device_id, now_ms, now_ms);
    s->place = NULL;
    /* Devices go after their hub, and may have sent something in between. */
    if (berth_catalog_hub(catalog_view(f->catalog), s->hub) == NULL)
        hub_events_forget(f->common->events, s->hub);
    metrics_add(f->metrics, hub_sessions_open, -1);
}

void hub_session_end(struct hub_session *s, enum berth_reason why)
{
    bool was_open = s->place != NULL;

    if (s->m->link.closing)
        return;
    s->ended = true;
    metrics_add(s->f->metrics, reasons[why], 1);
    if (!was_open)
        metrics_add(s->f->metrics, hub_sessions_refused, 1);
    log_line(s,
             why == BERTH_WHY_SESSION_TAKEN_OVER || why == BERTH_WHY_STOPPING ? LOG_INFO
                                                                              : LOG_WARNING,
             was_open ? "ended" : "refused", why, BERTH_STR(""));
    leave(s);
    mqtt_link_end(&s->m->link, NULL);
}

bool hub_session_telemetry(struct hub_session *s, berth_str bag, berth_str payload)
{
    struct berth_hub_event e = { .time_ms = loop_now_ms(s->f->loop),
                                 .device_id = s->device_id,
                                 .bag = bag,
                                 .payload = payload };

    metrics_add(s->f->metrics, telemetry_messages, 1);
    metrics_add(s->f->metrics, telemetry_bytes, payload.n);
    return hub_events_add(s->f->common->events, s->hub, &e);
}

/* The connection broke: the device's last will becomes its last message. */
static void send_will(struct hub_session *s)
{
    if (s->will == NULL || s->place == NULL || s->ended || s->m->farewell)
        return;
    (void)hub_session_telemetry(s, (berth_str){ s->will, s->will_bag },
                                (berth_str){ s->will + s->will_bag, s->will_n });
}

void hub_session_closed(struct hub_session *s)
{
    send_will(s);
    if (s->place != NULL)
        log_line(s, LOG_INFO, "disconnected", BERTH_WHY_NONE, BERTH_STR(""));
    leave(s);
    s->m = NULL;
    if (!s->waiting)
        session_free(s);
}

void hub_sessions_stop(struct front *f)
{
    for (struct hub_session *s = f->hub_sessions; s != NULL; s = s->next)
        if (s->m != NULL)
            hub_session_end(s, BERTH_WHY_STOPPING);
}

void hub_sessions_drop(struct front *f)
{
    for (struct hub_session *s = f->hub_sessions, *next; s != NULL; s = next) {
        next = s->next;
        session_free(s);
    }
}

/* ---- changes of the device ---- */

/* Leaves the last values as they were when the patch could not be sent: the next one makes up for
 * it. */
static void tell_desired(struct hub_session *s, const struct berth_hub_device *d)
{
    berth_str before = { s->desired, s->desired_n };
    struct session_message m = { .type = SESSION_DESIRED, .version = d->desired.version };
    struct berth_buf b;
    char *text;

    /* The version says nothing: a twin that begins anew has had that one before. */
    if (berth_str_eq(before, d->desired.values))
        return;
    text = malloc(DESIRED_MEMORY);
    if (text == NULL)
        return;
    berth_buf_init(&b, text, DESIRED_MEMORY);
    berth_twin_patch_put(&b, before, &d->desired);
    m.body = berth_buf_str(&b);
    if (!b.over && sessions_send(s->f->common->sessions, s->hub, s->device_id, &m))
        (void)keep_desired(s, &d->desired);
    free(text);
}

/* Whether the device may stay, under its new record; tells it of new desired properties. */
static enum berth_reason take_change(struct hub_session *s, const struct berth_record *rec)
{
    const struct berth_crypto *c = s->f->crypto;
    enum berth_reason why = BERTH_WHY_NONE;
    void *memory = malloc(WATCH_MEMORY);
    struct berth_hub_device d = { 0 };
    struct berth_arena a;

    if (memory == NULL)
        return BERTH_WHY_INTERNAL;
    berth_arena_init(&a, memory, WATCH_MEMORY);
    if (berth_hub_device_decode(rec, &a, &d) != BERTH_OK ||
        berth_hub_judge(c, &d, &s->token, s->host, loop_now_ms(s->f->loop) / 1000, &why) !=
            BERTH_OK)
        why = BERTH_WHY_INTERNAL;
    if (why == BERTH_WHY_NONE)
        tell_desired(s, &d);
    c->wipe(c->ctx, &d.keys, sizeof d.keys);
    free(memory);
    return why;
}

/* Every loop is shown every change, in the order of the commits; only the loop that holds the
 * device's session goes on. What follows comes by the mailbox: the watcher may run in the middle of
 * this session's own request. */
void hub_sessions_watch(struct front *f, const struct berth_record *rec, bool deleted)
{
    struct sessions *table = f->common->sessions;
    struct hub_session *s = sessions_owner(table, rec->scope, rec->key, f->loop);
    struct session_message end = { .type = SESSION_END, .why = BERTH_WHY_DEVICE_NOT_FOUND };

    if (s == NULL)
        return;
    if (!deleted)
        end.why = take_change(s, rec);
    if (end.why != BERTH_WHY_NONE)
        (void)sessions_send(table, rec->scope, rec->key, &end);
}
