#include <assert.h>

#include "wire/mqtt.h"

#define LENGTH_MAX 268435455u /* what four bytes of remaining length can say */

static void put_u16(struct berth_buf *b, size_t v)
{
    berth_buf_put_char(b, (char)(v >> 8 & 0xff));
    berth_buf_put_char(b, (char)(v & 0xff));
}

static void put_text(struct berth_buf *b, berth_str s)
{
    if (s.n > UINT16_MAX)
        b->over = true;
    put_u16(b, s.n);
    berth_buf_put(b, s);
}

/* Fixed header of a packet with LENGTH bytes to follow. When the whole has no room nothing of it is
 * written, so a full queue of packets never ends in half a packet. */
static void put_head(struct berth_buf *b, uint8_t first, size_t length)
{
    size_t head = length < 128 ? 2 : length < 16384 ? 3 : length < 2097152 ? 4 : 5;

    if (length > LENGTH_MAX || head + length > b->max - b->n)
        b->over = true;
    berth_buf_put_char(b, (char)first);
    do {
        uint8_t more = length > 127 ? 0x80 : 0;
        berth_buf_put_char(b, (char)((length & 127) | more));
        length >>= 7;
    } while (length > 0);
}

static bool texts_are_short(berth_str a, berth_str b, berth_str c)
{
    return a.n <= UINT16_MAX && b.n <= UINT16_MAX && c.n <= UINT16_MAX;
}

void berth_mqtt_put_connect(struct berth_buf *b, berth_str client_id, berth_str user,
                            berth_str password, bool clean_session, uint16_t keep_alive_s)
{
    bool has_user = user.p != NULL, has_password = password.p != NULL;
    size_t length = 10 + 2 + client_id.n;
    unsigned flags = clean_session ? 0x02 : 0;

    assert(has_user || !has_password);
    if (!texts_are_short(client_id, user, password))
        b->over = true;
    if (has_user) {
        flags |= 0x80;
        length += 2 + user.n;
    }
    if (has_password) {
        flags |= 0x40;
        length += 2 + password.n;
    }
    put_head(b, BERTH_MQTT_CONNECT << 4, length);
    put_text(b, BERTH_STR("MQTT"));
    berth_buf_put_char(b, 4);
    berth_buf_put_char(b, (char)flags);
    put_u16(b, keep_alive_s);
    put_text(b, client_id);
    if (has_user)
        put_text(b, user);
    if (has_password)
        put_text(b, password);
}

void berth_mqtt_put_connack(struct berth_buf *b, uint8_t code)
{
    put_head(b, BERTH_MQTT_CONNACK << 4, 2);
    berth_buf_put_char(b, 0); /* session present is never set: one client takes it for an error */
    berth_buf_put_char(b, (char)code);
}

void berth_mqtt_put_publish(struct berth_buf *b, berth_str topic, berth_str payload, uint8_t qos,
                            uint16_t packet_id)
{
    size_t length = 2 + topic.n + (qos > 0 ? 2 : 0);

    assert(qos <= 1 && (qos == 0 || packet_id != 0));
    if (topic.n > UINT16_MAX || payload.n > LENGTH_MAX)
        b->over = true;
    put_head(b, (uint8_t)(BERTH_MQTT_PUBLISH << 4 | qos << 1), length + payload.n);
    put_text(b, topic);
    if (qos > 0)
        put_u16(b, packet_id);
    berth_buf_put(b, payload);
}

static void put_id_only(struct berth_buf *b, uint8_t first, uint16_t packet_id)
{
    put_head(b, first, 2);
    put_u16(b, packet_id);
}

void berth_mqtt_put_puback(struct berth_buf *b, uint16_t packet_id)
{
    put_id_only(b, BERTH_MQTT_PUBACK << 4, packet_id);
}

void berth_mqtt_put_subscribe(struct berth_buf *b, uint16_t packet_id, berth_str filter,
                              uint8_t qos)
{
    assert(packet_id != 0 && filter.n > 0);
    if (filter.n > UINT16_MAX)
        b->over = true;
    put_head(b, BERTH_MQTT_SUBSCRIBE << 4 | 2, 2 + 2 + filter.n + 1);
    put_u16(b, packet_id);
    put_text(b, filter);
    berth_buf_put_char(b, (char)qos);
}

void berth_mqtt_put_suback(struct berth_buf *b, uint16_t packet_id, const uint8_t *codes,
                           size_t count)
{
    put_head(b, BERTH_MQTT_SUBACK << 4, 2 + count);
    put_u16(b, packet_id);
    for (size_t i = 0; i < count; i++)
        berth_buf_put_char(b, (char)codes[i]);
}

void berth_mqtt_put_unsuback(struct berth_buf *b, uint16_t packet_id)
{
    put_id_only(b, BERTH_MQTT_UNSUBACK << 4, packet_id);
}

void berth_mqtt_put_empty(struct berth_buf *b, enum berth_mqtt_type type)
{
    put_head(b, (uint8_t)(type << 4), 0);
}
