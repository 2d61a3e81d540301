#include "front/device_mqtt.h"

#include <stdlib.h>
#include <string.h>

#include "front/router.h"
#include "hub/hub_topic.h"

#define SMALL_PACKET (16 + BERTH_MQTT_FILTERS_MAX)

static void send_connack(struct mqtt *m, uint8_t code)
{
    char text[SMALL_PACKET];
    struct berth_buf b;

    berth_buf_init(&b, text, sizeof text);
    berth_mqtt_put_connack(&b, code);
    mqtt_link_send(&m->link, &b);
}

void mqtt_accept(struct mqtt *m, uint16_t keep_alive_s)
{
    mqtt_link_connected(&m->link, keep_alive_s);
    send_connack(m, BERTH_MQTT_ACCEPTED);
}

void mqtt_refuse(struct mqtt *m, uint8_t code, enum berth_reason why)
{
    send_connack(m, code);
    mqtt_link_refuse(&m->link, why);
}

void mqtt_owe_puback(struct mqtt *m, const struct berth_mqtt_packet *p)
{
    m->owed = p->qos > 0 ? p->packet_id : 0;
}

static void put_puback(struct mqtt *m, struct berth_buf *b)
{
    if (m->owed != 0)
        berth_mqtt_put_puback(b, m->owed);
    m->owed = 0;
}

void mqtt_puback(struct mqtt *m)
{
    char text[SMALL_PACKET];
    struct berth_buf b;

    if (m->owed == 0)
        return;
    berth_buf_init(&b, text, sizeof text);
    put_puback(m, &b);
    mqtt_link_send(&m->link, &b);
}

bool mqtt_publish(struct mqtt *m, berth_str topic, berth_str payload, uint8_t qos)
{
    size_t size = 2 * SMALL_PACKET + topic.n + payload.n;
    char *text = malloc(size);
    struct berth_buf b;

    if (text == NULL) {
        mqtt_link_end(&m->link, "out of memory");
        return false;
    }
    berth_buf_init(&b, text, size);
    put_puback(m, &b);
    if (++m->next_id == 0)
        m->next_id = 1;
    berth_mqtt_put_publish(&b, topic, payload, qos, m->next_id);
    mqtt_link_send(&m->link, &b);
    free(text);
    return true;
}

/* ---- packets ---- */

/* {hub}/{device}/..; what is neither this nor DPS's is for DPS to refuse. A device may be called
 * "registrations": a query follows it then, and no ID. */
static bool is_hub_user(berth_str user)
{
    struct berth_hub_user u;

    if (berth_hub_user_parse(user, &u) != BERTH_OK)
        return false;
    if (!berth_str_ieq(u.device_id, BERTH_STR("registrations")))
        return true;
    return u.query.n > 0 && u.module_id.p == NULL;
}

static bool keep_login(struct mqtt *m, const struct berth_mqtt_packet *p)
{
    m->login = malloc(p->user.n + p->password.n + 1);
    if (m->login == NULL)
        return false;
    if (p->user.n > 0)
        memcpy(m->login, p->user.p, p->user.n);
    if (p->password.n > 0)
        memcpy(m->login + p->user.n, p->password.p, p->password.n);
    m->user = (berth_str){ m->login, p->user.n };
    m->password = (berth_str){ m->login + p->user.n, p->password.n };
    return true;
}

static void on_connect(struct mqtt *m, const struct berth_mqtt_packet *p)
{
    if (m->adapter != NULL) {
        mqtt_link_end(&m->link, "a second CONNECT");
        return;
    }
    if (p->level != 4) {
        mqtt_refuse(m, BERTH_MQTT_BAD_PROTOCOL, BERTH_WHY_MQTT_VERSION);
        return;
    }
    if (!keep_login(m, p)) {
        mqtt_link_end(&m->link, "out of memory");
        return;
    }
    m->adapter = p->has_user && is_hub_user(m->user) ? &hub_mqtt : &dps_mqtt;
    if (!m->adapter->open(m, p))
        mqtt_link_end(&m->link, "out of memory");
}

static void on_subscribe(struct mqtt *m, const struct berth_mqtt_packet *p)
{
    uint8_t codes[BERTH_MQTT_FILTERS_MAX];
    char text[SMALL_PACKET];
    struct berth_buf b;

    for (size_t i = 0; i < p->filter_count; i++) /* QoS 2 is granted as 1 */
        codes[i] = m->adapter->subscribe(m, p->filters[i], p->filter_qos[i] > 0 ? 1 : 0);
    berth_buf_init(&b, text, sizeof text);
    berth_mqtt_put_suback(&b, p->packet_id, codes, p->filter_count);
    mqtt_link_send(&m->link, &b);
}

static void on_unsubscribe(struct mqtt *m, const struct berth_mqtt_packet *p)
{
    char text[SMALL_PACKET];
    struct berth_buf b;

    for (size_t i = 0; i < p->filter_count; i++)
        m->adapter->unsubscribe(m, p->filters[i]);
    berth_buf_init(&b, text, sizeof text);
    berth_mqtt_put_unsuback(&b, p->packet_id);
    mqtt_link_send(&m->link, &b);
}

static void on_ping(struct mqtt *m)
{
    char text[SMALL_PACKET];
    struct berth_buf b;

    berth_buf_init(&b, text, sizeof text);
    berth_mqtt_put_empty(&b, BERTH_MQTT_PINGRESP);
    mqtt_link_send(&m->link, &b);
}

static void on_packet(struct mqtt_link *l, const struct berth_mqtt_packet *p)
{
    struct mqtt *m = (struct mqtt *)l;

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
        m->adapter->publish(m, p);
        return;
    case BERTH_MQTT_PUBACK:
        return;
    case BERTH_MQTT_PINGREQ:
        on_ping(m);
        return;
    case BERTH_MQTT_DISCONNECT: /* Node never calls back while the socket stays open */
        m->farewell = true;
        mqtt_link_end(l, NULL);
        return;
    default:
        mqtt_link_end(l, "a packet that only servers send");
        return;
    }
}

static void on_closed(struct mqtt_link *l)
{
    struct mqtt *m = (struct mqtt *)l;
    const struct berth_crypto *c = l->f->crypto;

    if (m->adapter != NULL)
        m->adapter->closed(m);
    if (m->login != NULL)
        c->wipe(c->ctx, m->login, m->user.n + m->password.n);
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
    mqtt_link_init(&m->link, f, below, &ops);
    m->link.transport = transport;
    return &m->link.layer;
}
