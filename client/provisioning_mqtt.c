#include "client/provisioning_wire.h"
#include "prov/dps_device.h"
#include "wire/mqtt.h"

/* Longer than any wait between two packets of ours, so that no ping is ever due: a server may drop
 * us after one and a half times this. */
#define KEEP_ALIVE_S 240

#define TOPIC_MAX 512
#define STALE_MAX                                                                                  \
    (2 * BERTH_PROV_RETRIES_MAX) /* answers to earlier requests that are passed over */
#define USER_MAX 384

static berth_str rid_text(const struct berth_prov *p, struct berth_buf *b, char storage[20])
{
    berth_buf_init(b, storage, 20);
    berth_buf_put_u64(b, p->rid);
    return berth_buf_str(b);
}

void berth__mqtt_connect(struct berth_prov *p)
{
    char storage[USER_MAX];
    struct berth_buf user;

    berth_buf_init(&user, storage, sizeof storage);
    berth_dps_user_put(&user, p->o.id_scope, p->o.registration_id, BERTH_STR(BERTH__USER_AGENT));
    if (user.over)
        p->tx.over = true;
    berth_mqtt_put_connect(&p->tx, p->o.registration_id, berth_buf_str(&user),
                           berth_buf_str(&p->token), true, KEEP_ALIVE_S);
}

void berth__mqtt_request(struct berth_prov *p)
{
    char storage[TOPIC_MAX], digits[20];
    struct berth_buf topic, number;
    bool is_poll = p->phase == BERTH__POLLING;
    berth_str rid;

    p->rid++;
    p->packet_id++;
    rid = rid_text(p, &number, digits);
    berth_buf_init(&topic, storage, sizeof storage);
    if (is_poll)
        berth_dps_topic_poll_put(&topic, rid, berth_str_of(p->result.operation_id));
    else
        berth_dps_topic_register_put(&topic, rid);
    if (topic.over)
        p->tx.over = true;
    berth_mqtt_put_publish(&p->tx, berth_buf_str(&topic),
                           is_poll ? BERTH_STR("") : berth_buf_str(&p->body), 1, p->packet_id);
}

static void take_connack(struct berth_prov *p, const struct berth_mqtt_packet *packet)
{
    static const char *const words[] = {
        [BERTH_MQTT_BAD_PROTOCOL] = "the service does not speak MQTT 3.1.1",
        [BERTH_MQTT_BAD_CLIENT_ID] = "the service refused the registration ID as MQTT client ID",
        [BERTH_MQTT_UNAVAILABLE] = "the service is not available now; try again later",
        [BERTH_MQTT_BAD_LOGIN] = "the service refused the user name: check ID scope and "
                                 "registration ID",
        [BERTH_MQTT_NOT_AUTHORIZED] = "the service refused the device: check ID scope, "
                                      "registration ID, key and clock",
    };

    if (packet->code != BERTH_MQTT_ACCEPTED) {
        berth__prov_fail(p, packet->code == BERTH_MQTT_UNAVAILABLE ? BERTH_E_IO : BERTH_E_MISMATCH,
                         berth_str_of(words[packet->code]));
        return;
    }
    p->phase = BERTH__SUBSCRIBING;
    berth_mqtt_put_subscribe(&p->tx, ++p->packet_id, BERTH_STR(BERTH_DPS_RESPONSE_FILTER), 1);
    berth__prov_send(p);
}

static void take_suback(struct berth_prov *p, const struct berth_mqtt_packet *packet)
{
    if (packet->code > 1) {
        berth__prov_fail(p, BERTH_E_MISMATCH,
                         BERTH_STR("the service refused the subscription to its answers"));
        return;
    }
    p->phase = BERTH__REGISTERING;
    berth__mqtt_request(p);
    berth__prov_send(p);
}

/* True when it is the answer waited for. One to an earlier request may still come after a retry. */
static bool take_publish(struct berth_prov *p, const struct berth_mqtt_packet *packet,
                         struct berth__answer *out)
{
    struct berth_dps_answer_topic topic;
    struct berth_buf number;
    char digits[20];

    if (berth_dps_answer_topic_parse(packet->topic, &topic) != BERTH_OK) {
        berth__prov_fail(p, BERTH_E_SYNTAX,
                         BERTH_STR("the service sent a message that is no answer"));
        return false;
    }
    if (packet->qos == 1)
        berth_mqtt_put_puback(&p->tx, packet->packet_id);
    if (!berth_str_eq(topic.rid, rid_text(p, &number, digits))) {
        if (p->stale++ < STALE_MAX)
            berth__prov_send(p);
        else
            berth__prov_fail(p, BERTH_E_SYNTAX,
                             BERTH_STR("the service answers what was not asked"));
        return false;
    }
    out->status = topic.status;
    out->retry_after_s = topic.retry_after_s;
    out->body = packet->payload;
    return true;
}

/* What the phase waits for; an acknowledgement of a publish may come before its answer, after it,
 * or while the next one is awaited. */
void berth__mqtt_consume(struct berth_prov *p, size_t *used, struct berth__answer *out,
                         bool *has_answer)
{
    struct berth_mqtt_packet packet;
    bool asked = p->phase == BERTH__REGISTERING || p->phase == BERTH__POLLING;
    berth_err e =
        berth_mqtt_read((berth_str){ p->rx_storage, p->rx_n }, BERTH_PROV_RX_MAX, &packet, used);

    *has_answer = false;
    if (e == BERTH_E_RANGE)
        berth__prov_fail(p, e, BERTH_STR("the service's answer is too long"));
    else if (e != BERTH_OK)
        berth__prov_fail(p, e, BERTH_STR("what came is not MQTT: is this the MQTT port, 8883?"));
    else if (*used == 0)
        return;
    else if (p->phase == BERTH__CONNECTING && packet.type == BERTH_MQTT_CONNACK)
        take_connack(p, &packet);
    else if (p->phase == BERTH__SUBSCRIBING && packet.type == BERTH_MQTT_SUBACK &&
             packet.packet_id == p->packet_id)
        take_suback(p, &packet);
    else if (asked && packet.type == BERTH_MQTT_PUBLISH)
        *has_answer = take_publish(p, &packet, out);
    else if (!asked || packet.type != BERTH_MQTT_PUBACK || packet.packet_id > p->packet_id)
        berth__prov_fail(p, BERTH_E_SYNTAX,
                         BERTH_STR("the service broke the order of MQTT packets"));
}
