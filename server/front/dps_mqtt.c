/* The DPS device API over MQTT. The device says who it is in CONNECT; whether that is true is told
 * in the answer to its register publish, as Azure does. Rules: docs/wire.md. */
#include <stdlib.h>
#include <string.h>

#include "front/dev.h"
#include "front/device_mqtt.h"
#include "front/registrar.h"
#include "front/registration_log.h"
#include "net/listener.h"
#include "ops/log.h"
#include "prov/dps_device.h"

#define SCRATCH_SIZE 4096

struct dps {
    struct mqtt *m;
    struct registration *registration; /* the one under way; input waits for it */
    int granted_qos;                   /* of the response filter; -1: not subscribed */
    struct berth_dps_user user;        /* of the login */
    char rid[BERTH_DPS_RID_MAX];
    size_t rid_n;
};

/* ---- answers ---- */

static void publish(struct dps *d, int status, int retry_after_s, berth_str body)
{
    char topic_text[512];
    struct berth_buf topic;

    if (d->granted_qos < 0) { /* nobody asked to hear it */
        mqtt_puback(d->m);
        log_event(LOG_NOTICE, "mqtt answer not sent",
                  LOG_TEXT("why",
                           BERTH_STR("the device did not subscribe to " BERTH_DPS_RESPONSE_FILTER)),
                  LOG_TEXT("peer", berth_str_of(layer_peer(&d->m->link.layer)->text)),
                  LOG_TEXT("registration_id", d->user.registration_id));
        return;
    }
    berth_buf_init(&topic, topic_text, sizeof topic_text);
    berth_dps_answer_topic_put(&topic, status, (berth_str){ d->rid, d->rid_n }, retry_after_s);
    (void)mqtt_publish(d->m, berth_buf_str(&topic), body, (uint8_t)d->granted_qos);
}

static void publish_error(struct dps *d, const struct berth_answer *answer, const char *tracking_id)
{
    const struct front *f = d->m->link.f;
    char text[1024];
    struct berth_buf body;

    berth_buf_init(&body, text, sizeof text);
    berth_dps_error_put(&body, answer->reason, answer->message, berth_str_of(tracking_id),
                        loop_now_ms(f->loop));
    publish(d, berth_reason_row(answer->reason)->status, berth_answer_wait_s(answer),
            berth_buf_str(&body));
}

static void answered(void *user, const struct berth_answer *answer, const char *tracking_id)
{
    struct dps *d = user;
    char text[BERTH_DPS_ANSWER_MAX];
    struct berth_buf body;

    d->registration = NULL;
    berth_buf_init(&body, text, sizeof text);
    if (!berth_answer_is_error(answer))
        berth_dps_answer_put(&body, answer);
    if (body.over)
        publish_error(d, &(struct berth_answer){ .reason = BERTH_WHY_INTERNAL }, tracking_id);
    else if (berth_answer_is_error(answer))
        publish_error(d, answer, tracking_id);
    else
        publish(d, answer->state.status == BERTH_ASSIGNING ? 202 : 200, answer->retry_after_s,
                berth_buf_str(&body));
    mqtt_link_go_on(&d->m->link);
}

static void refuse_at_once(struct dps *d, enum berth_reason why)
{
    char tracking[FRONT_TRACKING_SIZE];

    front_tracking_id(d->m->link.f, tracking);
    (void)registration_log(d->m->link.f, &(struct registration_line){
                                             .tracking = tracking,
                                             .registration_id = d->user.registration_id,
                                             .peer = layer_peer(&d->m->link.layer),
                                             .transport = d->m->link.transport,
                                             .answer = &(struct berth_answer){ .reason = why },
                                         });
    publish_error(
        d, &(struct berth_answer){ .reason = why, .message = dev_message(d->m->link.f->dev, why) },
        tracking);
}

/* ---- packets ---- */

static bool on_open(struct mqtt *m, const struct berth_mqtt_packet *p)
{
    struct dps *d = calloc(1, sizeof *d);

    m->state = d;
    if (d == NULL)
        return false;
    d->m = m;
    d->granted_qos = -1;
    if (!p->has_user || berth_dps_user_parse(m->user, &d->user) != BERTH_OK) {
        mqtt_refuse(m, BERTH_MQTT_BAD_LOGIN, BERTH_WHY_MQTT_LOGIN_MALFORMED);
        return true;
    }
    m->link.id = d->user.registration_id;
    mqtt_accept(m, p->keep_alive_s);
    return true;
}

static uint8_t on_subscribe(struct mqtt *m, berth_str filter, uint8_t qos)
{
    struct dps *d = m->state;

    if (!berth_str_eq(filter, BERTH_STR(BERTH_DPS_RESPONSE_FILTER)))
        return MQTT_NO_FILTER;
    d->granted_qos = qos;
    return qos;
}

static void on_unsubscribe(struct mqtt *m, berth_str filter)
{
    struct dps *d = m->state;

    if (berth_str_eq(filter, BERTH_STR(BERTH_DPS_RESPONSE_FILTER)))
        d->granted_qos = -1;
}

static void register_device(struct dps *d, const struct berth_dps_topic *topic,
                            const struct berth_dps_register *body)
{
    struct berth_registration_request req = {
        .id_scope = d->user.id_scope,
        .registration_id = d->user.registration_id,
        .payload = body->payload,
        .is_poll = topic->is_poll,
        .operation_id = topic->operation_id,
    };

    req.credential.type = d->m->password.n > 0 ? BERTH_CREDENTIAL_SAS : BERTH_CREDENTIAL_NONE;
    req.credential.u.sas = d->m->password;
    d->registration = registrar_start(d->m->link.f->registrar, &req, layer_peer(&d->m->link.layer),
                                      d->m->link.transport, answered, d);
    d->m->link.layer.answering = d->registration != NULL;
    if (d->registration == NULL)
        refuse_at_once(d, BERTH_WHY_OVERLOADED);
}

static void on_publish(struct mqtt *m, const struct berth_mqtt_packet *p)
{
    unsigned char scratch[SCRATCH_SIZE];
    struct berth_dps_register body = { 0 };
    struct berth_dps_topic topic;
    struct berth_arena a;
    struct dps *d = m->state;

    if (berth_dps_topic_parse(p->topic, &topic) != BERTH_OK) {
        mqtt_link_refuse(&m->link, BERTH_WHY_MQTT_TOPIC_UNKNOWN);
        return;
    }
    mqtt_owe_puback(m, p);
    d->rid_n = topic.rid.n;
    if (topic.rid.n > 0)
        memcpy(d->rid, topic.rid.p, topic.rid.n);
    berth_arena_init(&a, scratch, sizeof scratch);
    if (!topic.is_poll && berth_dps_register_parse(p->payload, &a, &body) != BERTH_OK) {
        refuse_at_once(d, BERTH_WHY_PAYLOAD_MALFORMED);
        return;
    }
    if (body.registration_id.p != NULL &&
        !berth_str_ieq(body.registration_id, d->user.registration_id)) {
        refuse_at_once(d, BERTH_WHY_BODY_ID_DIFFERS);
        return;
    }
    register_device(d, &topic, &body);
}

static void on_closed(struct mqtt *m)
{
    struct dps *d = m->state;

    if (d != NULL && d->registration != NULL)
        registrar_forget(d->registration);
    free(d);
}

const struct mqtt_adapter dps_mqtt = { .open = on_open,
                                       .subscribe = on_subscribe,
                                       .unsubscribe = on_unsubscribe,
                                       .publish = on_publish,
                                       .closed = on_closed };
