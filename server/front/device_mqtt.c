/* The DPS device API over MQTT. The device says who it is in CONNECT; whether that is true is told
 * in the answer to its register publish, as Azure does. Rules: docs/wire.md. */
#include <stdlib.h>
#include <string.h>

#include "front/mqtt_link.h"
#include "front/registrar.h"
#include "front/registration_log.h"
#include "front/router.h"
#include "net/listener.h"
#include "ops/log.h"
#include "prov/dps_device.h"

#define RESPONSE_MAX (16 * 1024) /* bytes of one packet sent */
#define SCRATCH_SIZE 4096

struct mqtt {
    struct mqtt_link link;
    struct registration *registration; /* the one under way; input waits for it */
    int granted_qos;                   /* of the response filter; -1: not subscribed */
    uint16_t next_id;
    uint16_t to_acknowledge; /* the publish whose PUBACK goes out with its answer; 0: none */
    char *login;             /* user name, then password; one block */
    struct berth_dps_user user;
    berth_str password;
    char rid[BERTH_DPS_RID_MAX];
    size_t rid_n;
};

/* ---- answers ---- */

static void put_puback(struct mqtt *m, struct berth_buf *b)
{
    if (m->to_acknowledge != 0)
        berth_mqtt_put_puback(b, m->to_acknowledge);
    m->to_acknowledge = 0;
}

static void publish(struct mqtt *m, int status, int retry_after_s, berth_str body)
{
    char topic_text[512], packet_text[RESPONSE_MAX];
    struct berth_buf topic, packet;

    /* One record and one send for both; PUBACK is first: C# insists. */
    berth_buf_init(&packet, packet_text, sizeof packet_text);
    put_puback(m, &packet);
    if (m->granted_qos < 0) { /* nobody asked to hear it */
        mqtt_link_send(&m->link, &packet);
        log_event(LOG_NOTICE, "mqtt answer not sent",
                  LOG_TEXT("why",
                           BERTH_STR("the device did not subscribe to " BERTH_DPS_RESPONSE_FILTER)),
                  LOG_TEXT("peer", berth_str_of(layer_peer(&m->link.layer)->text)),
                  LOG_TEXT("registration_id", m->user.registration_id));
        return;
    }
    berth_buf_init(&topic, topic_text, sizeof topic_text);
    berth_dps_answer_topic_put(&topic, status, (berth_str){ m->rid, m->rid_n }, retry_after_s);
    if (++m->next_id == 0)
        m->next_id = 1;
    berth_mqtt_put_publish(&packet, berth_buf_str(&topic), body, (uint8_t)m->granted_qos,
                           m->next_id);
    mqtt_link_send(&m->link, &packet);
}

static void publish_error(struct mqtt *m, enum berth_reason why, int retry_after_s,
                          const char *tracking_id)
{
    char text[1024];
    struct berth_buf body;

    berth_buf_init(&body, text, sizeof text);
    berth_dps_error_put(&body, why, (berth_str){ 0 }, berth_str_of(tracking_id),
                        loop_now_ms(m->link.f->loop));
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
    mqtt_link_go_on(&m->link);
}

static void refuse_at_once(struct mqtt *m, enum berth_reason why)
{
    char tracking[FRONT_TRACKING_SIZE];

    front_tracking_id(m->link.f, tracking);
    (void)registration_log(m->link.f, &(struct registration_line){
                                          .tracking = tracking,
                                          .registration_id = m->user.registration_id,
                                          .peer = layer_peer(&m->link.layer),
                                          .transport = m->link.transport,
                                          .answer = &(struct berth_answer){ .reason = why },
                                      });
    publish_error(m, why, 0, tracking);
}

/* ---- packets ---- */

static void connack(struct mqtt *m, uint8_t code)
{
    char text[16];
    struct berth_buf b;

    berth_buf_init(&b, text, sizeof text);
    berth_mqtt_put_connack(&b, code);
    mqtt_link_send(&m->link, &b);
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
    if (berth_dps_user_parse((berth_str){ m->login, p->user.n }, &m->user) != BERTH_OK)
        return false;
    m->link.registration_id = m->user.registration_id;
    return true;
}

static void on_connect(struct mqtt *m, const struct berth_mqtt_packet *p)
{
    if (m->link.connected) {
        mqtt_link_end(&m->link, "a second CONNECT");
        return;
    }
    if (p->level != 4) {
        connack(m, BERTH_MQTT_BAD_PROTOCOL);
        mqtt_link_refuse(&m->link, BERTH_WHY_MQTT_VERSION);
        return;
    }
    if (p->has_user && is_hub_user(p->user)) {
        connack(m, BERTH_MQTT_NOT_AUTHORIZED);
        mqtt_link_refuse(&m->link, BERTH_WHY_HUB_SESSION_UNSERVED);
        return;
    }
    if (!p->has_user || !keep_login(m, p)) {
        connack(m, BERTH_MQTT_BAD_LOGIN);
        mqtt_link_refuse(&m->link, BERTH_WHY_MQTT_LOGIN_MALFORMED);
        return;
    }
    mqtt_link_connected(&m->link, p->keep_alive_s);
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
    mqtt_link_send(&m->link, &b);
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
    mqtt_link_send(&m->link, &b);
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
    m->registration = registrar_start(m->link.f->registrar, &req, layer_peer(&m->link.layer),
                                      m->link.transport, answered, m);
    m->link.busy = m->registration != NULL;
    if (m->registration == NULL)
        refuse_at_once(m, BERTH_WHY_OVERLOADED);
}

static void on_publish(struct mqtt *m, const struct berth_mqtt_packet *p)
{
    unsigned char scratch[SCRATCH_SIZE];
    struct berth_dps_register body = { 0 };
    struct berth_dps_topic topic;
    struct berth_arena a;

    if (berth_dps_topic_parse(p->topic, &topic) != BERTH_OK) {
        mqtt_link_refuse(&m->link, BERTH_WHY_MQTT_TOPIC_UNKNOWN);
        return;
    }
    m->to_acknowledge = p->qos > 0 ? p->packet_id : 0;
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

static void on_packet(struct mqtt_link *l, const struct berth_mqtt_packet *p)
{
    struct mqtt *m = (struct mqtt *)l;
    char text[16];
    struct berth_buf b;

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
        mqtt_link_send(&m->link, &b);
        return;
    case BERTH_MQTT_DISCONNECT: /* Node never calls back while the socket stays open */
        mqtt_link_end(&m->link, NULL);
        return;
    default:
        mqtt_link_end(&m->link, "a packet that only servers send");
        return;
    }
}

static void on_closed(struct mqtt_link *l)
{
    struct mqtt *m = (struct mqtt *)l;
    const struct berth_crypto *c = m->link.f->crypto;

    if (m->registration != NULL)
        registrar_forget(m->registration);
    if (m->login != NULL)
        c->wipe(c->ctx, m->login, (size_t)(m->password.p - m->login) + m->password.n);
    free(m->login);
    mqtt_link_deinit(l);
    free(m);
}

static const struct mqtt_link_ops ops = { .packet = on_packet, .closed = on_closed };

struct layer *device_mqtt_new(struct front *f, struct layer *below, const char *transport)
{
    struct mqtt *m = calloc(1, sizeof *m);

    if (m == NULL)
        return NULL;
    m->granted_qos = -1;
    mqtt_link_init(&m->link, f, below, &ops);
    m->link.transport = transport;
    return &m->link.layer;
}
