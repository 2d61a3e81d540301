/* The hub's device API over MQTT. Unlike at DPS the credential is judged at CONNECT. What is not
 * served yet is taken and told to the operator: it never costs the device its connection. Rules:
 * docs/wire.md. */
#include <stdlib.h>
#include <string.h>

#include "front/hub_session.h"
#include "hub/hub_login.h"

#define LOGIN_MEMORY (256 * 1024)
#define RETAINED     "mqtt-retain=true"
#define WILL         "iothub-MessageType=Will"

static void refuse(struct hub_session *s, uint8_t code, enum berth_reason why)
{
    char text[8];
    struct berth_buf b;

    if (berth_reason_row(why)->status == 401)
        limits_peer_failed(s->f->limits,
                           (const struct sockaddr *)&layer_peer(&s->m->link.layer)->addr,
                           loop_mono_ms(s->f->loop));
    berth_buf_init(&b, text, sizeof text);
    berth_mqtt_put_connack(&b, code);
    mqtt_link_send(&s->m->link, &b);
    hub_session_end(s, why);
}

/* What SDKs do with each code: 3 has them try again, the others have not. */
static uint8_t code_of(enum berth_reason why)
{
    int status = berth_reason_row(why)->status;

    if (why == BERTH_WHY_CLIENT_ID_DIFFERS)
        return BERTH_MQTT_BAD_CLIENT_ID;
    return status == 429 || status == 500 || status == 503 ? BERTH_MQTT_UNAVAILABLE
                                                           : BERTH_MQTT_NOT_AUTHORIZED;
}

/* ---- login ---- */

/* Authenticated connections alone count against a device. */
static enum berth_reason judge_rate(struct hub_session *s)
{
    char storage[BERTH_HOST_NAME_MAX + 1 + BERTH_ID_MAX];
    struct front *f = s->f;
    struct berth_buf name;

    berth_buf_init(&name, storage, sizeof storage);
    berth_buf_put(&name, s->hub);
    berth_buf_put_char(&name, '/');
    berth_buf_put(&name, s->device_id);
    if (limits_device(f->limits, berth_buf_str(&name), loop_mono_ms(f->loop)) == 0)
        return BERTH_WHY_NONE;
    metrics_add(f->metrics, throttled, 1);
    return BERTH_WHY_THROTTLED_DEVICE;
}

/* Lets the device in, or says why not. */
static enum berth_reason judge_device(struct hub_session *s, const struct berth_record *rec)
{
    const struct berth_crypto *c = s->f->crypto;
    enum berth_reason why = BERTH_WHY_INTERNAL;
    void *memory = malloc(LOGIN_MEMORY);
    struct berth_hub_device d = { 0 };
    struct berth_arena a;

    if (memory == NULL)
        return why;
    berth_arena_init(&a, memory, LOGIN_MEMORY);
    if (berth_hub_device_decode(rec, &a, &d) != BERTH_OK ||
        berth_hub_judge(c, &d, &s->token, s->host, loop_now_ms(s->f->loop) / 1000, &why) !=
            BERTH_OK)
        why = BERTH_WHY_INTERNAL;
    if (why == BERTH_WHY_NONE)
        why = judge_rate(s);
    if (why == BERTH_WHY_NONE && !hub_session_begin(s, &d.desired))
        why = BERTH_WHY_INTERNAL;
    c->wipe(c->ctx, &d.keys, sizeof d.keys);
    free(memory);
    return why;
}

static void on_device(void *user, const struct store_reply *reply)
{
    struct hub_session *s = user;
    enum berth_reason why = BERTH_WHY_NONE;

    if (!hub_session_replied(s))
        return;
    if (reply->result != STORE_OK)
        why = BERTH_WHY_STORE_FAILED;
    else if (reply->count == 0)
        why = BERTH_WHY_DEVICE_NOT_FOUND;
    else
        why = judge_device(s, &reply->records[0]);
    if (why != BERTH_WHY_NONE) {
        refuse(s, code_of(why), why);
        return;
    }
    mqtt_accept(s->m, s->keep_alive_s);
    mqtt_link_go_on(&s->m->link);
}

static void copy(char *room, size_t size, berth_str from, berth_str *to)
{
    from = berth_str_sub(from, 0, size);
    memcpy(room, from.p, from.n);
    *to = (berth_str){ room, from.n };
}

static enum berth_reason judge_peer(const struct hub_session *s)
{
    struct front *f = s->f;
    const struct peer *peer = layer_peer(&s->m->link.layer);

    if (f->stopping)
        return BERTH_WHY_STOPPING;
    if (limits_peer(f->limits, (const struct sockaddr *)&peer->addr, loop_mono_ms(f->loop)) == 0)
        return BERTH_WHY_NONE;
    metrics_add(f->metrics, throttled, 1);
    return BERTH_WHY_THROTTLED_PEER;
}

/* What can be said before the device is looked up. */
static enum berth_reason judge_login(struct hub_session *s, const struct berth_hub_user *user,
                                     const struct berth_mqtt_packet *p)
{
    const struct berth_hub *hub;
    enum berth_reason why = judge_peer(s);

    if (why != BERTH_WHY_NONE)
        return why;
    if (user->module_id.p != NULL)
        return BERTH_WHY_MODULE_UNSERVED;
    if (user->device_id.n > BERTH_ID_MAX)
        return BERTH_WHY_DEVICE_ID_INVALID;
    if (!berth_str_eq(p->client_id, user->device_id))
        return BERTH_WHY_CLIENT_ID_DIFFERS;
    store_deliver_changes(s->f->store);
    hub = catalog_hub_of_host(s->f->catalog, s->f->config, user->hub);
    if (hub == NULL)
        return BERTH_WHY_HUB_NOT_FOUND;
    copy(s->hub_text, sizeof s->hub_text, hub->host_name, &s->hub);
    if (s->m->password.n == 0)
        return BERTH_WHY_CREDENTIAL_MISSING;
    return berth_sas_parse(s->m->password, &s->token) == BERTH_OK ? BERTH_WHY_NONE
                                                                  : BERTH_WHY_TOKEN_MALFORMED;
}

/* The will's bag and payload; one for another topic is passed over. */
static bool keep_will(struct hub_session *s, const struct berth_mqtt_packet *p)
{
    struct berth_hub_topic topic;
    struct berth_buf b;
    size_t size;

    if (!p->has_will)
        return true;
    if (berth_hub_topic_parse(p->will_topic, &topic) != BERTH_OK ||
        topic.type != BERTH_HUB_TELEMETRY || topic.module_id.p != NULL ||
        !berth_str_eq(topic.device_id, s->device_id)) {
        hub_session_tell(s, HUB_TOLD_TOPIC, BERTH_WHY_TOPIC_UNKNOWN, p->will_topic);
        return true;
    }
    size = topic.bag.n + 1 + sizeof WILL + p->will_payload.n;
    s->will = malloc(size);
    if (s->will == NULL)
        return false;
    berth_buf_init(&b, s->will, size);
    berth_buf_put(&b, topic.bag);
    berth_buf_put(&b, BERTH_STR("&" WILL));
    s->will_bag = b.n;
    berth_buf_put(&b, p->will_payload);
    s->will_n = p->will_payload.n;
    return true;
}

static bool on_open(struct mqtt *m, const struct berth_mqtt_packet *p)
{
    struct hub_session *s = hub_session_new(m);
    struct berth_hub_user user;
    enum berth_reason why;

    m->state = s;
    if (s == NULL || berth_hub_user_parse(m->user, &user) != BERTH_OK)
        return false;
    m->link.bytes_max = BERTH_MQTT_PACKET_MAX;
    m->link.id_name = "device_id";
    s->host = user.hub;
    s->keep_alive_s = p->keep_alive_s;
    copy(s->device_text, sizeof s->device_text, user.device_id, &s->device_id);
    copy(s->hub_text, sizeof s->hub_text, user.hub, &s->hub); /* for the log */
    m->link.id = s->device_id;
    why = judge_login(s, &user, p);
    if (why != BERTH_WHY_NONE) {
        refuse(s, code_of(why), why);
        return true;
    }
    if (!keep_will(s, p))
        return false;
    m->link.layer.answering = true;
    s->waiting = true;
    store_get(s->f->store, BERTH_KIND_DEVICE, s->hub, s->device_id, on_device, s);
    return true;
}

/* ---- subscriptions ---- */

static uint8_t on_subscribe(struct mqtt *m, berth_str filter, uint8_t qos)
{
    struct hub_session *s = m->state;
    enum berth_hub_filter f = berth_hub_filter_of(filter, s->device_id);

    if (f == BERTH_HUB_FILTERS) {
        hub_session_tell(s, HUB_TOLD_TOPIC, BERTH_WHY_TOPIC_UNKNOWN, filter);
        return MQTT_NO_FILTER;
    }
    if (f == BERTH_HUB_FILTER_MESSAGES || f == BERTH_HUB_FILTER_METHODS)
        hub_session_tell(s, f, BERTH_WHY_FEATURE_UNSERVED, filter);
    s->granted[f] = qos;
    return qos;
}

static void on_unsubscribe(struct mqtt *m, berth_str filter)
{
    struct hub_session *s = m->state;
    enum berth_hub_filter f = berth_hub_filter_of(filter, s->device_id);

    if (f != BERTH_HUB_FILTERS)
        s->granted[f] = -1;
}

/* ---- publishes ---- */

/* A retained message is one like others, with a property that says so. */
static bool keep_message(struct hub_session *s, const struct berth_hub_topic *topic,
                         const struct berth_mqtt_packet *p)
{
    size_t size = topic->bag.n + sizeof "&" RETAINED;
    struct berth_buf b;
    char *bag;
    bool kept;

    if (!p->retain)
        return hub_session_telemetry(s, topic->bag, p->payload);
    bag = malloc(size);
    if (bag == NULL)
        return false;
    berth_buf_init(&b, bag, size);
    berth_buf_put(&b, topic->bag);
    berth_buf_put(&b, BERTH_STR("&" RETAINED));
    kept = hub_session_telemetry(s, berth_buf_str(&b), p->payload);
    free(bag);
    return kept;
}

static void on_telemetry(struct hub_session *s, const struct berth_hub_topic *topic,
                         const struct berth_mqtt_packet *p)
{
    if (topic->module_id.p != NULL)
        hub_session_tell(s, HUB_TOLD_MODULE, BERTH_WHY_FEATURE_UNSERVED, p->topic);
    else if (!keep_message(s, topic, p)) {
        mqtt_link_end(&s->m->link, "out of memory"); /* not acknowledged: it will come again */
        return;
    }
    mqtt_puback(s->m);
}

static void on_publish(struct mqtt *m, const struct berth_mqtt_packet *p)
{
    struct hub_session *s = m->state;
    struct berth_hub_topic topic;

    session_touch(s->place, loop_now_ms(s->f->loop));
    if (berth_hub_topic_parse(p->topic, &topic) != BERTH_OK) {
        mqtt_link_end(&m->link, "a request ID over its bound");
        return;
    }
    if (topic.device_id.p != NULL && !berth_str_eq(topic.device_id, s->device_id)) {
        hub_session_end(s, BERTH_WHY_TOPIC_OF_OTHER);
        return;
    }
    mqtt_owe_puback(m, p);
    if (topic.type == BERTH_HUB_TELEMETRY) {
        on_telemetry(s, &topic, p);
        return;
    }
    if (topic.type == BERTH_HUB_TWIN_GET || topic.type == BERTH_HUB_TWIN_REPORT) {
        hub_session_twin(s, &topic, p->payload);
        return;
    }
    mqtt_puback(m);
    if (topic.type == BERTH_HUB_OTHER)
        hub_session_tell(s, HUB_TOLD_TOPIC, BERTH_WHY_TOPIC_UNKNOWN, p->topic);
    else
        hub_session_tell(s, HUB_TOLD_METHOD_ANSWER, BERTH_WHY_FEATURE_UNSERVED, p->topic);
}

static void on_closed(struct mqtt *m)
{
    if (m->state != NULL)
        hub_session_closed(m->state);
}

const struct mqtt_adapter hub_mqtt = { .open = on_open,
                                       .subscribe = on_subscribe,
                                       .unsubscribe = on_unsubscribe,
                                       .publish = on_publish,
                                       .closed = on_closed };
