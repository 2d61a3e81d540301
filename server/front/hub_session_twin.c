/* A device's requests about its own twin, one at a time. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "front/call.h"
#include "front/hub_session.h"
#include "hub/device.h"
#include "ops/log.h"
#include "prov/dps_device.h"

#define MEMORY_SIZE (1024 * 1024) /* a record taken apart, changed, and put together again */
#define TOPIC_MAX   (64 + BERTH_HUB_RID_MAX)
/* A path of which each byte is escaped, the words beside it, and what stands around the message. */
#define ERROR_MAX (2 * BERTH_TWIN_PATH_MAX + 512)

static void answer(struct hub_session *s, int status, int64_t version, berth_str body)
{
    char storage[TOPIC_MAX];
    struct berth_buf topic;
    int qos = s->granted[BERTH_HUB_FILTER_ANSWERS];

    free(s->patch);
    s->patch = NULL;
    berth_buf_init(&topic, storage, sizeof storage);
    berth_hub_answer_topic_put(&topic, status, (berth_str){ s->rid, s->rid_n }, version);
    if (qos >= 0) {
        (void)mqtt_publish(s->m, berth_buf_str(&topic), body, (uint8_t)qos);
    } else {
        mqtt_puback(s->m);
        hub_session_tell(s, HUB_TOLD_UNHEARD, BERTH_WHY_ANSWER_UNHEARD, berth_buf_str(&topic));
    }
    mqtt_link_go_on(&s->m->link);
}

static void refuse(struct hub_session *s, enum berth_reason why, berth_str message)
{
    const struct berth_reason_row *row = berth_reason_row(why);
    char tracking[FRONT_TRACKING_SIZE], text[ERROR_MAX];
    struct berth_buf body;

    front_tracking_id(s->f, tracking);
    metrics_add(s->f->metrics, reasons[why], 1);
    log_event(LOG_NOTICE, "twin request refused", LOG_TEXT("tracking_id", berth_str_of(tracking)),
              LOG_TEXT("hub", s->hub), LOG_TEXT("device_id", s->device_id),
              LOG_TEXT("reason", berth_str_of(row->name)),
              LOG_TEXT("cause", message.n > 0 ? message : berth_str_of(row->text)),
              LOG_TEXT("remedy", berth_str_of(row->remedy)));
    berth_buf_init(&body, text, sizeof text);
    berth_dps_error_put(&body, why, message, berth_str_of(tracking), loop_now_ms(s->f->loop));
    assert(!body.over);
    answer(s, row->status, 0, berth_buf_str(&body));
}

static void read_device(struct hub_session *s);

static void on_reported(void *user, const struct store_reply *reply)
{
    struct hub_session *s = user;

    if (!hub_session_replied(s))
        return;
    if (reply->result == STORE_OK) {
        answer(s, 204, s->version, BERTH_STR(""));
    } else if (reply->result == STORE_FAILED) {
        refuse(s, BERTH_WHY_STORE_FAILED, (berth_str){ 0 });
    } else if (++s->tries < CALL_TRIES_MAX) {
        metrics_add(s->f->metrics, decisions_repeated, 1);
        read_device(s);
    } else {
        refuse(s, BERTH_WHY_CONTENDED, (berth_str){ 0 });
    }
}

static void report(struct hub_session *s, struct berth_hub_device *d, struct berth_arena *a)
{
    struct berth_change change = { .type = BERTH_PUT, .expect = d->version };
    int64_t now_ms = loop_now_ms(s->f->loop), before = d->reported.version;
    struct berth_refusal why;
    berth_err e = berth_twin_report(d, (berth_str){ s->patch, s->patch_n }, now_ms, a, &why);

    if (e != BERTH_OK) {
        refuse(s, e == BERTH_E_FULL ? BERTH_WHY_INTERNAL : why.reason, why.message);
        return;
    }
    s->version = d->reported.version;
    if (s->version == before) { /* nothing differs */
        answer(s, 204, s->version, BERTH_STR(""));
        return;
    }
    d->last_activity_ms = now_ms;
    if (berth_hub_device_encode(d, a, &change.rec) != BERTH_OK) {
        refuse(s, BERTH_WHY_INTERNAL, (berth_str){ 0 });
        return;
    }
    s->waiting = true;
    store_commit(s->f->store, &change, 1, now_ms, on_reported, s);
}

static void show(struct hub_session *s, const struct berth_hub_device *d, struct berth_arena *a)
{
    struct berth_buf body;

    berth_arena_lend(a, &body);
    berth_twin_device_put(&body, d);
    if (body.over)
        refuse(s, BERTH_WHY_INTERNAL, (berth_str){ 0 });
    else
        answer(s, 200, 0, berth_buf_str(&body));
}

static void take_record(struct hub_session *s, const struct berth_record *rec,
                        struct berth_arena *a)
{
    /* in the arena, which is wiped: it holds keys */
    struct berth_hub_device *d = berth_arena_alloc(a, sizeof *d);

    if (d == NULL || berth_hub_device_decode(rec, a, d) != BERTH_OK)
        refuse(s, BERTH_WHY_INTERNAL, (berth_str){ 0 });
    else if (s->reports)
        report(s, d, a);
    else
        show(s, d, a);
}

static void on_read(void *user, const struct store_reply *reply)
{
    struct hub_session *s = user;
    const struct berth_crypto *c;
    struct berth_arena a;
    void *memory;

    if (!hub_session_replied(s))
        return;
    c = s->f->crypto;
    memory = reply->count == 0 ? NULL : malloc(MEMORY_SIZE);
    if (reply->result != STORE_OK) {
        refuse(s, BERTH_WHY_STORE_FAILED, (berth_str){ 0 });
    } else if (reply->count == 0) {
        refuse(s, BERTH_WHY_DEVICE_NOT_FOUND, (berth_str){ 0 });
    } else if (memory == NULL) {
        refuse(s, BERTH_WHY_INTERNAL, (berth_str){ 0 });
    } else {
        berth_arena_init(&a, memory, MEMORY_SIZE);
        take_record(s, &reply->records[0], &a);
        c->wipe(c->ctx, memory, a.n);
    }
    free(memory);
}

static void read_device(struct hub_session *s)
{
    s->waiting = true;
    store_get(s->f->store, BERTH_KIND_DEVICE, s->hub, s->device_id, on_read, s);
}

/* The payload of a GET, empty or one blank, is not looked at. */
void hub_session_twin(struct hub_session *s, const struct berth_hub_topic *topic, berth_str payload)
{
    metrics_add(s->f->metrics, twin_requests, 1);
    s->m->link.layer.answering = true;
    s->reports = topic->type == BERTH_HUB_TWIN_REPORT;
    s->tries = 0;
    s->rid_n = topic->rid.n;
    if (s->rid_n > 0)
        memcpy(s->rid, topic->rid.p, s->rid_n);
    if (s->reports) {
        s->patch = malloc(payload.n + 1);
        s->patch_n = payload.n;
        if (s->patch == NULL) {
            /* no answer from here: that would take packets in the middle of one */
            mqtt_link_end(&s->m->link, "out of memory");
            return;
        }
        memcpy(s->patch, payload.n > 0 ? payload.p : "", payload.n);
    }
    read_device(s);
}

void hub_session_desired(struct hub_session *s, int64_t version, berth_str patch)
{
    int qos = s->granted[BERTH_HUB_FILTER_DESIRED];
    char storage[TOPIC_MAX];
    struct berth_buf topic;

    if (qos < 0)
        return;
    berth_buf_init(&topic, storage, sizeof storage);
    berth_hub_desired_topic_put(&topic, version);
    (void)mqtt_publish(s->m, berth_buf_str(&topic), patch, (uint8_t)qos);
}
