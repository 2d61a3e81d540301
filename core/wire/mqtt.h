/* wire/mqtt.h - MQTT 3.1.1 (OASIS standard of 2014): packets taken apart and built. No I/O, no
 * session state. */
#ifndef BERTH_WIRE_MQTT_H
#define BERTH_WIRE_MQTT_H

#include "berth/buf.h"

#define BERTH_MQTT_PACKET_MAX  (256 * 1024) /* bytes: IoT Hub's bound for a message */
#define BERTH_MQTT_FILTERS_MAX 16           /* in one SUBSCRIBE */

enum berth_mqtt_type {
    BERTH_MQTT_CONNECT = 1,
    BERTH_MQTT_CONNACK = 2,
    BERTH_MQTT_PUBLISH = 3,
    BERTH_MQTT_PUBACK = 4,
    BERTH_MQTT_SUBSCRIBE = 8,
    BERTH_MQTT_SUBACK = 9,
    BERTH_MQTT_UNSUBSCRIBE = 10,
    BERTH_MQTT_UNSUBACK = 11,
    BERTH_MQTT_PINGREQ = 12,
    BERTH_MQTT_PINGRESP = 13,
    BERTH_MQTT_DISCONNECT = 14,
};

/* CONNACK return codes */
enum {
    BERTH_MQTT_ACCEPTED = 0,
    BERTH_MQTT_BAD_PROTOCOL = 1,
    BERTH_MQTT_BAD_CLIENT_ID = 2,
    BERTH_MQTT_UNAVAILABLE = 3,
    BERTH_MQTT_BAD_LOGIN = 4,
    BERTH_MQTT_NOT_AUTHORIZED = 5
};

/* A packet taken apart; views borrow from the bytes given. Members beside type belong to the types
 * named. */
struct berth_mqtt_packet {
    enum berth_mqtt_type type;
    uint16_t packet_id; /* PUBLISH with qos > 0, PUBACK, (UN)SUBSCRIBE, (UN)SUBACK */
    /* CONNECT */
    uint8_t level; /* 4; others are parsed as far as the level, to be refused with BAD_PROTOCOL */
    bool clean_session;
    bool has_will, has_user, has_password;
    uint16_t keep_alive_s;
    berth_str client_id, user, password, will_topic, will_payload;
    /* CONNACK, SUBACK */
    bool session_present;
    uint8_t code; /* CONNACK: return code. SUBACK: that of the first filter */
    /* PUBLISH */
    berth_str topic, payload;
    uint8_t qos;
    bool retain, dup;
    /* SUBSCRIBE, UNSUBSCRIBE */
    berth_str filters[BERTH_MQTT_FILTERS_MAX];
    uint8_t filter_qos[BERTH_MQTT_FILTERS_MAX];
    size_t filter_count;
};

/* Takes the first packet of BYTES apart. BERTH_OK with *USED its length; or BERTH_OK with *USED 0
 * when more bytes are needed; BERTH_E_SYNTAX when no continuation can make it valid; BERTH_E_RANGE
 * over MAX_PACKET (judged from the header, before the body has come). Types that only the other
 * side sends are taken too; the caller judges. QoS 2 flows are BERTH_E_UNSUPPORTED. */
BERTH_MUST_USE berth_err berth_mqtt_read(berth_str bytes, size_t max_packet,
                                         struct berth_mqtt_packet *out, size_t *used);

/* Each appends one packet. */
void berth_mqtt_put_connect(struct berth_buf *b, berth_str client_id, berth_str user,
                            berth_str password, bool clean_session, uint16_t keep_alive_s);
void berth_mqtt_put_connack(struct berth_buf *b, uint8_t code);
/* QOS 0 or 1; PACKET_ID only counts with 1. */
void berth_mqtt_put_publish(struct berth_buf *b, berth_str topic, berth_str payload, uint8_t qos,
                            uint16_t packet_id);
void berth_mqtt_put_puback(struct berth_buf *b, uint16_t packet_id);
void berth_mqtt_put_subscribe(struct berth_buf *b, uint16_t packet_id, berth_str filter,
                              uint8_t qos);
void berth_mqtt_put_suback(struct berth_buf *b, uint16_t packet_id, const uint8_t *codes,
                           size_t count);
void berth_mqtt_put_unsuback(struct berth_buf *b, uint16_t packet_id);
/* PINGREQ, PINGRESP, DISCONNECT. */
void berth_mqtt_put_empty(struct berth_buf *b, enum berth_mqtt_type type);

#endif
