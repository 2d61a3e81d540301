#include "wire/mqtt.h"

#include "base/utf8.h"

#define LENGTH_BYTES_MAX 4 /* of the remaining length field */

/* QoS 2 acknowledgements, and the type that nobody may send */
enum { PUBREC = 5, PUBREL = 6, PUBCOMP = 7, RESERVED = 15 };

/* Each take_ moves past what it took from *S; false when *S has not that much or not that. */

static bool take_byte(berth_str *s, uint8_t *out)
{
    if (s->n < 1)
        return false;
    *out = (uint8_t)s->p[0];
    *s = berth_str_sub(*s, 1, s->n);
    return true;
}

static bool take_u16(berth_str *s, uint16_t *out)
{
    uint8_t high, low;

    if (!take_byte(s, &high) || !take_byte(s, &low))
        return false;
    *out = (uint16_t)(high << 8 | low);
    return true;
}

/* Bytes behind their length. */
static bool take_binary(berth_str *s, berth_str *out)
{
    uint16_t n;

    if (!take_u16(s, &n) || s->n < n)
        return false;
    *out = berth_str_sub(*s, 0, n);
    *s = berth_str_sub(*s, n, s->n);
    return true;
}

/* U+0000 is forbidden too (1.5.3). */
static bool take_text(berth_str *s, berth_str *out)
{
    berth_str rest;

    if (!take_binary(s, out))
        return false;
    for (rest = *out; rest.n > 0;) {
        size_t n = berth_utf8_size(rest);
        if (n == 0 || rest.p[0] == '\0')
            return false;
        rest = berth_str_sub(rest, n, rest.n);
    }
    return true;
}

static bool take_id(berth_str *s, uint16_t *out)
{
    return take_u16(s, out) && *out != 0;
}

/* '#' only as the whole last level, '+' only as a whole level (4.7.1). */
static bool filter_is_valid(berth_str filter)
{
    if (filter.n == 0)
        return false;
    for (size_t i = 0; i < filter.n; i++) {
        char c = filter.p[i];
        bool first = i == 0 || filter.p[i - 1] == '/';
        bool last = i + 1 == filter.n;
        if (c == '#' && !(first && last))
            return false;
        if (c == '+' && !(first && (last || filter.p[i + 1] == '/')))
            return false;
    }
    return true;
}

static bool topic_is_valid(berth_str topic)
{
    return topic.n > 0 && berth_str_find(topic, '#') == topic.n &&
           berth_str_find(topic, '+') == topic.n;
}

/* The CONNECT flags, bit by bit (3.1.2). */
static bool take_connect_flags(berth_str *s, struct berth_mqtt_packet *out)
{
    uint8_t flags, will_qos;

    if (!take_byte(s, &flags) || (flags & 0x01) != 0)
        return false;
    out->clean_session = (flags & 0x02) != 0;
    out->has_will = (flags & 0x04) != 0;
    out->has_password = (flags & 0x40) != 0;
    out->has_user = (flags & 0x80) != 0;
    will_qos = flags >> 3 & 3;
    if (will_qos == 3 || (!out->has_will && (flags & 0x38) != 0))
        return false;
    return out->has_user || !out->has_password;
}

static berth_err read_connect(berth_str body, struct berth_mqtt_packet *out)
{
    berth_str name;
    bool is_mqtt;

    if (!take_binary(&body, &name) || !take_byte(&body, &out->level))
        return BERTH_E_SYNTAX;
    is_mqtt = berth_str_eq(name, BERTH_STR("MQTT"));
    /* MQTT 3.1: Paho falls back to it when it was refused once, and wants to be refused again */
    if (!is_mqtt && !(berth_str_eq(name, BERTH_STR("MQIsdp")) && out->level == 3))
        return BERTH_E_SYNTAX;
    if (out->level != 4)
        return BERTH_OK;
    if (!take_connect_flags(&body, out) || !take_u16(&body, &out->keep_alive_s) ||
        !take_text(&body, &out->client_id))
        return BERTH_E_SYNTAX;
    if (out->has_will && !(take_text(&body, &out->will_topic) && topic_is_valid(out->will_topic) &&
                           take_binary(&body, &out->will_payload)))
        return BERTH_E_SYNTAX;
    if (out->has_user && !take_text(&body, &out->user))
        return BERTH_E_SYNTAX;
    if (out->has_password && !take_binary(&body, &out->password))
        return BERTH_E_SYNTAX;
    return body.n == 0 ? BERTH_OK : BERTH_E_SYNTAX;
}

static berth_err read_connack(berth_str body, struct berth_mqtt_packet *out)
{
    uint8_t flags;

    if (!take_byte(&body, &flags) || !take_byte(&body, &out->code) || body.n > 0)
        return BERTH_E_SYNTAX;
    if (flags > 1 || out->code > BERTH_MQTT_NOT_AUTHORIZED || (flags == 1 && out->code != 0))
        return BERTH_E_SYNTAX;
    out->session_present = flags == 1;
    return BERTH_OK;
}

static berth_err read_publish(berth_str body, uint8_t flags, struct berth_mqtt_packet *out)
{
    out->dup = (flags & 8) != 0;
    out->qos = flags >> 1 & 3;
    out->retain = (flags & 1) != 0;
    if (!take_text(&body, &out->topic) || !topic_is_valid(out->topic))
        return BERTH_E_SYNTAX;
    if (out->qos > 0 && !take_id(&body, &out->packet_id))
        return BERTH_E_SYNTAX;
    out->payload = body;
    return BERTH_OK;
}

/* SUBSCRIBE and UNSUBSCRIBE; only the former has a QoS behind each filter. */
static berth_err read_filters(berth_str body, struct berth_mqtt_packet *out)
{
    if (!take_id(&body, &out->packet_id) || body.n == 0)
        return BERTH_E_SYNTAX;
    while (body.n > 0) {
        uint8_t qos = 0;
        berth_str filter;
        if (!take_text(&body, &filter) || !filter_is_valid(filter))
            return BERTH_E_SYNTAX;
        if (out->type == BERTH_MQTT_SUBSCRIBE && (!take_byte(&body, &qos) || qos > 2))
            return BERTH_E_SYNTAX;
        if (out->filter_count == BERTH_MQTT_FILTERS_MAX)
            return BERTH_E_RANGE;
        out->filters[out->filter_count] = filter;
        out->filter_qos[out->filter_count++] = qos;
    }
    return BERTH_OK;
}

static berth_err read_suback(berth_str body, struct berth_mqtt_packet *out)
{
    uint8_t code;

    if (!take_id(&body, &out->packet_id) || body.n == 0)
        return BERTH_E_SYNTAX;
    out->code = (uint8_t)body.p[0];
    while (take_byte(&body, &code))
        if (code > 2 && code != 0x80)
            return BERTH_E_SYNTAX;
    return BERTH_OK;
}

static berth_err read_body(berth_str body, uint8_t flags, struct berth_mqtt_packet *out)
{
    switch (out->type) {
    case BERTH_MQTT_CONNECT:
        return read_connect(body, out);
    case BERTH_MQTT_CONNACK:
        return read_connack(body, out);
    case BERTH_MQTT_PUBLISH:
        return read_publish(body, flags, out);
    case BERTH_MQTT_SUBSCRIBE:
    case BERTH_MQTT_UNSUBSCRIBE:
        return read_filters(body, out);
    case BERTH_MQTT_SUBACK:
        return read_suback(body, out);
    case BERTH_MQTT_PUBACK:
    case BERTH_MQTT_UNSUBACK:
        return take_id(&body, &out->packet_id) && body.n == 0 ? BERTH_OK : BERTH_E_SYNTAX;
    case BERTH_MQTT_PINGREQ:
    case BERTH_MQTT_PINGRESP:
    case BERTH_MQTT_DISCONNECT:
        return body.n == 0 ? BERTH_OK : BERTH_E_SYNTAX;
    }
    return BERTH_E_SYNTAX;
}

/* The type and its four flag bits (2.2.2). */
static berth_err judge_first_byte(uint8_t first)
{
    uint8_t type = first >> 4, flags = first & 15;
    uint8_t qos = flags >> 1 & 3;
    bool has_two = type == PUBREL || type == BERTH_MQTT_SUBSCRIBE || type == BERTH_MQTT_UNSUBSCRIBE;

    if (type == 0 || type == RESERVED)
        return BERTH_E_SYNTAX;
    if (type == BERTH_MQTT_PUBLISH) {
        if (qos == 3 || (qos == 0 && (flags & 8) != 0))
            return BERTH_E_SYNTAX;
        return qos == 2 ? BERTH_E_UNSUPPORTED : BERTH_OK;
    }
    if (flags != (has_two ? 2 : 0))
        return BERTH_E_SYNTAX;
    return type >= PUBREC && type <= PUBCOMP ? BERTH_E_UNSUPPORTED : BERTH_OK;
}

/* Remaining length at the start of *S: BERTH_OK with *COMPLETE false when its last byte is to come.
 * More bytes than the number needs are no fault in 3.1.1. */
static berth_err take_length(berth_str *s, size_t *out, bool *complete)
{
    size_t value = 0;
    uint8_t byte;

    *complete = false;
    for (unsigned i = 0; i < LENGTH_BYTES_MAX; i++) {
        if (!take_byte(s, &byte))
            return BERTH_OK;
        value |= (size_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            *out = value;
            *complete = true;
            return BERTH_OK;
        }
    }
    return BERTH_E_SYNTAX;
}

berth_err berth_mqtt_read(berth_str bytes, size_t max_packet, struct berth_mqtt_packet *out,
                          size_t *used)
{
    berth_str rest = bytes;
    uint8_t first;
    size_t length = 0, head;
    bool complete;
    berth_err e;

    *out = (struct berth_mqtt_packet){ 0 };
    *used = 0;
    if (!take_byte(&rest, &first))
        return BERTH_OK;
    e = judge_first_byte(first);
    if (e != BERTH_OK)
        return e;
    e = take_length(&rest, &length, &complete);
    if (e != BERTH_OK || !complete)
        return e;
    head = bytes.n - rest.n;
    if (head > max_packet || length > max_packet - head)
        return BERTH_E_RANGE;
    if (rest.n < length)
        return BERTH_OK;

    out->type = (enum berth_mqtt_type)(first >> 4);
    e = read_body(berth_str_sub(rest, 0, length), first & 15, out);
    if (e == BERTH_OK)
        *used = head + length;
    return e;
}
