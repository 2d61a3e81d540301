/* front/device_mqtt.h - what DPS and hub have in common over MQTT: CONNECT, the login, SUBSCRIBE,
 * pings, the end. What sets them apart is an adapter, chosen by the user name in CONNECT. */
#ifndef FRONT_DEVICE_MQTT_H
#define FRONT_DEVICE_MQTT_H

#include "front/mqtt_link.h"

struct mqtt;

struct mqtt_adapter {
    /* CONNECT came; M->user and M->password are the connection's own. Ends in mqtt_accept or
     * mqtt_refuse, now or (LINK.layer.answering) later. False: no memory. */
    bool (*open)(struct mqtt *m, const struct berth_mqtt_packet *p);
    /* The granted QoS, or MQTT_NO_FILTER. */
    uint8_t (*subscribe)(struct mqtt *m, berth_str filter, uint8_t qos);
    void (*unsubscribe)(struct mqtt *m, berth_str filter);
    void (*publish)(struct mqtt *m, const struct berth_mqtt_packet *p);
    /* Once, after OPEN: the adapter gives up M->state. */
    void (*closed)(struct mqtt *m);
};

#define MQTT_NO_FILTER 0x80

struct mqtt {
    struct mqtt_link link;
    const struct mqtt_adapter *adapter; /* NULL until CONNECT */
    void *state;                        /* the adapter's */
    char *login;                        /* user name, then password; one block, wiped */
    berth_str user, password;
    uint16_t next_id;
    uint16_t owed; /* packet ID of a PUBACK still to be sent; 0: none */
    bool farewell; /* DISCONNECT came */
};

/* CONNACK 0; the keep-alive counts from now on. */
void mqtt_accept(struct mqtt *m, uint16_t keep_alive_s);
/* CONNACK with CODE, then the end; WHY is logged and kept. */
void mqtt_refuse(struct mqtt *m, uint8_t code, enum berth_reason why);
/* P's PUBACK, should it ask for one, goes out with the next publish, one record and one send for
 * both, or by mqtt_puback: always before the answer, as C# insists. */
void mqtt_owe_puback(struct mqtt *m, const struct berth_mqtt_packet *p);
void mqtt_puback(struct mqtt *m);
/* False when memory is out; the connection ends then. */
bool mqtt_publish(struct mqtt *m, berth_str topic, berth_str payload, uint8_t qos);

extern const struct mqtt_adapter dps_mqtt; /* dps_mqtt.c */
extern const struct mqtt_adapter hub_mqtt; /* hub_mqtt.c */

#endif
