/* The DPS device API over MQTT: the topmost layer of a connection on the MQTT port. The device says
 * who it is in CONNECT; whether that is true is told in the answer to its register publish, as
 * Azure does. Rules: docs/wire.md. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "front/registrar.h"
#include "front/registration_log.h"
#include "front/router.h"
#include "net/bytes.h"
#include "net/listener.h"
#include "net/tls.h"
#include "ops/log.h"
#include "prov/dps_device.h"
#include "wire/mqtt.h"

#define TRANSPORT    "mqtts"
#define LOGIN_MAX    (8 * 1024)       /* bytes of a CONNECT packet */
#define PUBLISH_MAX  (128 * 1024)     /* bytes of any packet after it */
#define RESPONSE_MAX (16 * 1024)      /* bytes of one packet sent */
#define TAIL_MAX     (64 * 1024)      /* unsent bytes; beyond it the device does not read */
#define CONNECT_MS   15000            /* from the handshake to CONNECT */
#define IDLE_MS      (10 * 60 * 1000) /* without a packet, when the device set no keep-alive */
#define QUIET_MAX_MS (1767 * 1000)    /* the same when it set one, however long: as IoT Hub does */
#define SCRATCH_SIZE 4096

struct mqtt {
    struct layer layer;
    struct front *f;
    struct deadline idle;
    struct registration *registration; /* the one under way; input waits for it */
    bool connected, closing;
    int granted_qos; /* of the response filter; -1: not subscribed */
    uint16_t keep_alive_s, next_id;
    char *login; /* user name, then password; one block */
    struct berth_dps_user user;
    berth_str password;
    char rid[BERTH_DPS_RID_MAX];
    size_t rid_n;
    struct bytes held; /* an unfinished packet */
    struct bytes tail; /* answers the layer below did not take yet */
};

static void log_close(struct mqtt *m, const char *why)
{
    log_event(LOG_NOTICE, "mqtt connection closed", LOG_TEXT("why", berth_str_of(why)),
              LOG_TEXT("peer", berth_str_of(layer_peer(&m->layer)->text)),
              LOG_TEXT("registration_id", m->user.registration_id));
}

static void end_connection(struct mqtt *m, const char *why)
{
    if (m->closing)
        return;
    m->closing = true;
    if (why != NULL)
        log_close(m, why);
    layer_close(m->layer.below);
}

/* ---- sending ---- */

static void send_bytes(struct mqtt *m, berth_str bytes)
{
    size_t sent = m->tail.n > 0 ? 0 : layer_write(m->layer.below, bytes.p, bytes.n);
    size_t rest = bytes.n - sent;

    if (m->tail.n + rest > TAIL_MAX)
        end_connection(m, "the device does not read its answers");
    else if (!bytes_append(&m->tail, bytes.p + sent, rest))
        end_connection(m, "out of memory");
}

static void send_packet(struct mqtt *m, const struct berth_buf *b)
{
    assert(!b->over);
    send_bytes(m, berth_buf_str(b));
}

static void go_on(struct mqtt *m);

static void on_writable(struct layer *l)
{
    struct mqtt *m = (struct mqtt *)l;

    bytes_drop(&m->tail, layer_write(l->below, m->tail.p, m->tail.n));
    if (m->tail.n == 0)
        go_on(m);
}

/* ---- answers ---- */

static void publish(struct mqtt *m, int status, int retry_after_s, berth_str body)
{
    char topic_text[512], packet_text[RESPONSE_MAX];
    struct berth_buf topic, packet;

    if (m->granted_qos < 0) { /* nobody asked to hear it */
        log_event(LOG_NOTICE, "mqtt answer not sent",
                  LOG_TEXT("why",
                           BERTH_STR("the device did not subscribe to " BERTH_DPS_RESPONSE_FILTER)),
                  LOG_TEXT("peer", berth_str_of(layer_peer(&m->layer)->text)),
                  LOG_TEXT("registration_id", m->user.registration_id));
        return;
    }
    berth_buf_init(&topic, topic_text, sizeof topic_text);
    berth_dps_answer_topic_put(&topic, status, (berth_str){ m->rid, m->rid_n }, retry_after_s);
    berth_buf_init(&packet, packet_text, sizeof packet_text);
    if (++m->next_id == 0)
        m->next_id = 1;
    berth_mqtt_put_publish(&packet, berth_buf_str(&topic), body, (uint8_t)m->granted_qos,
                           m->next_id);
    send_packet(m, &packet);
}

static void publish_error(struct mqtt *m, enum berth_reason why, int retry_after_s,
                          const char *tracking_id)
{
    char text[1024];
    struct berth_buf body;

    berth_buf_init(&body, text, sizeof text);
    berth_dps_error_put(&body, why, (berth_str){ 0 }, berth_str_of(tracking_id),
                        loop_now_ms(m->f->loop));
    publish(m, berth_reason_row(why)->status, retry_after_s, berth_buf_str(&body));
}

static void answered(void *user, const struct berth_answer *answer, const char *tracking_id)
{
    struct mqtt *m = user;
    char text[RESPONSE_MAX / 2];
    struct berth_buf body;

    m->registration = NULL;
    if (berth_answer_is_error(answer)) {
        publish_error(m, answer->reason, answer->retry_after_s, tracking_id);
    } else {
        berth_buf_init(&body, text, sizeof text);
        berth_dps_answer_put(&body, answer);
        publish(m, answer->state.status == BERTH_ASSIGNING ? 202 : 200, answer->retry_after_s,
                berth_buf_str(&body));
    }
    go_on(m);
}

static void refuse_at_once(struct mqtt *m, enum berth_reason why)
{
    char tracking[FRONT_TRACKING_SIZE];

    front_tracking_id(m->f, tracking);
    registration_log(m->f, &(struct registration_line){
                               .tracking = tracking,
                               .registration_id = m->user.registration_id,
                               .peer = layer_peer(&m->layer),
                               .transport = TRANSPORT,
                               .answer = &(struct berth_answer){ .reason = why },
                           });
    publish_error(m, why, 0, tracking);
}

/* ---- time ---- */

static void too_quiet(struct deadline *d)
{
    struct mqtt *m = (struct mqtt *)(void *)((char *)d - offsetof(struct mqtt, idle));

    end_connection(m, m->connected ? "no packet within the keep-alive time" : "no CONNECT in time");
}

/* From the connection's start to CONNECT, then from each whole packet to the next: bytes that make
 * none, however many, prolong nothing. */
static void restart_idle(struct mqtt *m)
{
    int64_t ms = !m->connected          ? CONNECT_MS
                 : m->keep_alive_s == 0 ? IDLE_MS
                                        : (int64_t)m->keep_alive_s * 1500;

    deadline_set(m->f->loop, &m->idle, ms < QUIET_MAX_MS ? ms : QUIET_MAX_MS, too_quiet);
}

/* ---- packets ---- */

static void connack(struct mqtt *m, uint8_t code)
{
    char text[16];
    struct berth_buf b;

    berth_buf_init(&b, text, sizeof text);
    berth_mqtt_put_connack(&b, code);
    send_packet(m, &b);
}

/* {hub}/{device}/?api-version=..: a device on its way to its hub. */
static bool is_hub_user(berth_str user)
{
    (void)berth_str_cut(&user, '/');
    return user.n > 0 && !berth_str_ieq(berth_str_cut(&user, '/'), BERTH_STR("registrations"));
}

static bool keep_login(struct mqtt *m, const struct berth_mqtt_packet *p)
{
    m->login = malloc(p->user.n + p->password.n + 1);
    if (m->login == NULL)
        return false;
    memcpy(m->login, p->user.p, p->user.n);
    if (p->password.n > 0)
        memcpy(m->login + p->user.n, p->password.p, p->password.n);
    m->password = (berth_str){ m->login + p->user.n, p->password.n };
    return berth_dps_user_parse((berth_str){ m->login, p->user.n }, &m->user) == BERTH_OK;
}

static void on_connect(struct mqtt *m, const struct berth_mqtt_packet *p)
{
    if (m->connected) {
        end_connection(m, "a second CONNECT");
        return;
    }
    if (p->level != 4) {
        connack(m, BERTH_MQTT_BAD_PROTOCOL);
        end_connection(m, "not MQTT 3.1.1");
        return;
    }
    if (p->has_user && is_hub_user(p->user)) {
        metrics_add(m->f->metrics, reasons[BERTH_WHY_HUB_SESSION_UNSERVED], 1);
        connack(m, BERTH_MQTT_NOT_AUTHORIZED);
        end_connection(m, berth_reason_row(BERTH_WHY_HUB_SESSION_UNSERVED)->text);
        return;
    }
    if (!p->has_user || !keep_login(m, p)) {
        connack(m, BERTH_MQTT_BAD_LOGIN);
        end_connection(m, "the user name is not {ID scope}/registrations/{registration ID}/..");
        return;
    }
    m->connected = true;
    m->keep_alive_s = p->keep_alive_s;
    restart_idle(m);
    connack(m, BERTH_MQTT_ACCEPTED);
}

static void on_subscribe(struct mqtt *m, const struct berth_mqtt_packet *p)
{
    uint8_t codes[BERTH_MQTT_FILTERS_MAX];
    char text[16 + BERTH_MQTT_FILTERS_MAX];
    struct berth_buf b;

    for (size_t i = 0; i < p->filter_count; i++) {
        codes[i] = 0x80;
        if (!berth_str_eq(p->filters[i], BERTH_STR(BERTH_DPS_RESPONSE_FILTER)))
            continue;
        codes[i] = p->filter_qos[i] > 0 ? 1 : 0;
        m->granted_qos = codes[i];
    }
    berth_buf_init(&b, text, sizeof text);
    berth_mqtt_put_suback(&b, p->packet_id, codes, p->filter_count);
    send_packet(m, &b);
}

static void on_unsubscribe(struct mqtt *m, const struct berth_mqtt_packet *p)
{
    char text[16];
    struct berth_buf b;

    for (size_t i = 0; i < p->filter_count; i++)
        if (berth_str_eq(p->filters[i], BERTH_STR(BERTH_DPS_RESPONSE_FILTER)))
            m->granted_qos = -1;
    berth_buf_init(&b, text, sizeof text);
    berth_mqtt_put_unsuback(&b, p->packet_id);
    send_packet(m, &b);
}

static void register_device(struct mqtt *m, const struct berth_dps_topic *topic,
                            const struct berth_dps_register *body)
{
    struct berth_registration_request req = {
        .id_scope = m->user.id_scope,
        .registration_id = m->user.registration_id,
        .payload = body->payload,
        .is_poll = topic->is_poll,
        .operation_id = topic->operation_id,
    };

    req.credential.type = m->password.n > 0 ? BERTH_CREDENTIAL_SAS : BERTH_CREDENTIAL_NONE;
    req.credential.u.sas = m->password;
    m->registration =
        registrar_start(m->f->registrar, &req, layer_peer(&m->layer), TRANSPORT, answered, m);
    if (m->registration == NULL)
        refuse_at_once(m, BERTH_WHY_OVERLOADED);
}

static void puback(struct mqtt *m, const struct berth_mqtt_packet *p)
{
    char text[16];
    struct berth_buf b;

    if (p->qos == 0)
        return;
    berth_buf_init(&b, text, sizeof text);
    berth_mqtt_put_puback(&b, p->packet_id);
    send_packet(m, &b);
}

static void on_publish(struct mqtt *m, const struct berth_mqtt_packet *p)
{
    unsigned char scratch[SCRATCH_SIZE];
    struct berth_dps_register body = { 0 };
    struct berth_dps_topic topic;
    struct berth_arena a;

    if (berth_dps_topic_parse(p->topic, &topic) != BERTH_OK) {
        end_connection(m, "a publish to a topic that DPS does not have");
        return;
    }
    puback(m, p); /* before the answer: C# insists */
    m->rid_n = topic.rid.n;
    if (topic.rid.n > 0)
        memcpy(m->rid, topic.rid.p, topic.rid.n);
    berth_arena_init(&a, scratch, sizeof scratch);
    if (!topic.is_poll && berth_dps_register_parse(p->payload, &a, &body) != BERTH_OK) {
        refuse_at_once(m, BERTH_WHY_PAYLOAD_MALFORMED);
        return;
    }
    if (body.registration_id.p != NULL &&
        !berth_str_ieq(body.registration_id, m->user.registration_id)) {
        refuse_at_once(m, BERTH_WHY_BODY_ID_DIFFERS);
        return;
    }
    register_device(m, &topic, &body);
}

static void on_packet(struct mqtt *m, const struct berth_mqtt_packet *p)
{
    char text[16];
    struct berth_buf b;

    metrics_add(m->f->metrics, mqtt_packets, 1);
    if (!m->connected && p->type != BERTH_MQTT_CONNECT) {
        end_connection(m, "the first packet was not CONNECT");
        return;
    }
    if (m->connected)
        restart_idle(m);
    switch (p->type) {
    case BERTH_MQTT_CONNECT:
        on_connect(m, p);
        return;
    case BERTH_MQTT_SUBSCRIBE:
        on_subscribe(m, p);
        return;
    case BERTH_MQTT_UNSUBSCRIBE:
        on_unsubscribe(m, p);
        return;
    case BERTH_MQTT_PUBLISH:
        on_publish(m, p);
        return;
    case BERTH_MQTT_PUBACK:
        return;
    case BERTH_MQTT_PINGREQ:
        berth_buf_init(&b, text, sizeof text);
        berth_mqtt_put_empty(&b, BERTH_MQTT_PINGRESP);
        send_packet(m, &b);
        return;
    case BERTH_MQTT_DISCONNECT: /* Node never calls back while the socket stays open */
        end_connection(m, NULL);
        return;
    default:
        end_connection(m, "a packet that only servers send");
        return;
    }
}

/* ---- receiving ---- */

/* Takes whole packets until none is left, or one has to be waited for. Returns the bytes used. */
static size_t take_packets(struct mqtt *m, berth_str bytes)
{
    size_t total = 0;

    while (bytes.n > 0 && m->registration == NULL && m->tail.n == 0 && !m->closing) {
        struct berth_mqtt_packet p;
        size_t used;
        if (berth_mqtt_read(bytes, m->connected ? PUBLISH_MAX : LOGIN_MAX, &p, &used) != BERTH_OK) {
            end_connection(m, "bytes that are not MQTT, or a packet over its bound");
            break;
        }
        if (used == 0)
            break;
        on_packet(m, &p);
        bytes = berth_str_sub(bytes, used, bytes.n);
        total += used;
    }
    return total;
}

static bool is_waiting(const struct mqtt *m)
{
    return m->registration != NULL || m->tail.n > 0;
}

static void take_held(struct mqtt *m)
{
    bytes_drop(&m->held, take_packets(m, (berth_str){ (const char *)m->held.p, m->held.n }));
}

/* What input had to wait for is done: packets held here come first, then what the layer below kept.
 */
static void go_on(struct mqtt *m)
{
    if (m->held.n > 0)
        take_held(m);
    if (!is_waiting(m) && !m->closing)
        layer_resume(m->layer.below);
}

static size_t on_input(struct layer *l, const uint8_t *p, size_t n)
{
    struct mqtt *m = (struct mqtt *)l;
    size_t used = 0;

    if (m->closing)
        return n;
    if (m->held.n > 0) {
        take_held(m);
        if (is_waiting(m))
            return 0; /* offered again after layer_resume */
    }
    if (m->held.n == 0)
        used = take_packets(m, (berth_str){ (const char *)p, n });
    if (is_waiting(m))
        return used;
    if (m->closing || used == n)
        return n;
    if (!bytes_append(&m->held, p + used, n - used))
        end_connection(m, "out of memory");
    else if (used == 0)
        take_held(m);
    return n;
}

static void on_closed(struct layer *l)
{
    struct mqtt *m = (struct mqtt *)l;
    const struct berth_crypto *c = m->f->crypto;

    if (m->registration != NULL)
        registrar_forget(m->registration);
    deadline_clear(&m->idle);
    if (m->login != NULL)
        c->wipe(c->ctx, m->login, (size_t)(m->password.p - m->login) + m->password.n);
    free(m->login);
    bytes_free(&m->held);
    bytes_free(&m->tail);
    free(m);
}

static const struct layer_ops ops = { .input = on_input,
                                      .writable = on_writable,
                                      .closed = on_closed };

struct layer *device_mqtt_new(struct front *f, struct layer *tls)
{
    struct mqtt *m = calloc(1, sizeof *m);

    if (m == NULL)
        return NULL;
    m->layer = (struct layer){ .ops = &ops, .below = tls, .loop = tls->loop };
    m->f = f;
    m->granted_qos = -1;
    restart_idle(m);
    return &m->layer;
}
