/* rig_dev.h - a device at the other end of an MQTT connection: what it has said and not yet sent,
 * what it heard. The connection stands on a front of its own, or on that of another device. */
#ifndef TESTS_UNIT_RIG_DEV_H
#define TESTS_UNIT_RIG_DEV_H

#include "unit/layer_rig.h"
#include "unit/rig_front.h"
#include "wire/mqtt.h"

struct dev {
    struct front_rig own, *front;
    struct rig socket;
    uint8_t bytes[300 * 1024];
    struct berth_buf out; /* said, and not yet sent: append packets here */
    size_t seen;          /* bytes of the answers already taken apart */
};

/* A connection, and a front without limits over a store as O says. */
void dev_open(struct dev *l, const struct fake_options *o);
void dev_open_limited(struct dev *l, const struct fake_options *o, struct limits_rates rates);
/* Another connection on FIRST's front; closed before it. */
void dev_join(struct dev *l, struct dev *first);
void dev_close(struct dev *l);

/* Sends all that was said, STEP bytes at a time; 0: at once. */
void dev_send(struct dev *l, size_t step);
/* Until neither store nor socket has anything to do. */
void dev_settle(struct dev *l);

/* The next packet heard; false when there is none. */
bool dev_hear(struct dev *l, struct berth_mqtt_packet *p);
struct berth_mqtt_packet dev_expect(struct dev *l, enum berth_mqtt_type type);
void dev_expect_silence(struct dev *l);
void dev_expect_connack(struct dev *l, uint8_t code);
void dev_expect_closed(struct dev *l);
bool dev_has(berth_str s, const char *text);

#endif
