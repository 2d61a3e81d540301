/* front/mqtt_link.h - a device's MQTT connection, whatever is said over it: bytes to packets and
 * back, back-pressure, and how long a device may be quiet. The topmost layer of its connection. */
#ifndef FRONT_MQTT_LINK_H
#define FRONT_MQTT_LINK_H

#include "front/front.h"
#include "net/bytes.h"
#include "net/layer.h"
#include "wire/mqtt.h"

#define MQTT_LOGIN_MAX (8 * 1024) /* bytes of a CONNECT packet */
#define MQTT_BYTES_MAX                                                                             \
    (128 * 1024)                   /* bytes of any packet after it, unless its owner takes more    \
                                    */
#define MQTT_TAIL_MAX (256 * 1024) /* unsent bytes; beyond it the device does not read */

#define MQTT_TURN_MAX 16 /* packets of one connection before others have their turn */

struct mqtt_link;

struct mqtt_link_ops {
    /* One whole packet; the first is a CONNECT. Its views are valid for the call. */
    void (*packet)(struct mqtt_link *l, const struct berth_mqtt_packet *p);
    /* Once, the last call: the owner releases itself, with mqtt_link_deinit. */
    void (*closed)(struct mqtt_link *l);
};

/* The first member of its owner, which sets ID, ID_NAME, TRANSPORT and BYTES_MAX and reads the
 * others. While LAYER.ANSWERING, which it sets, no packet is taken until mqtt_link_go_on. */
struct mqtt_link {
    struct layer layer;
    const struct mqtt_link_ops *ops;
    struct front *f;
    berth_str id;          /* for the log; empty until known */
    const char *id_name;   /* "registration_id" unless it is another */
    const char *transport; /* for what is kept of refusals; static */
    size_t bytes_max;      /* of a packet after CONNECT */
    bool connected, closing;
    bool ended;           /* the device says no more; it may wait for an answer */
    unsigned taken;       /* packets, since others had their turn */
    struct deadline turn; /* set: no packet is taken until then */
    uint16_t keep_alive_s;
    struct deadline quiet;
    struct deadline rest;   /* set while a packet is unfinished */
    size_t rest_from;       /* bytes of it when that was set */
    struct deadline unread; /* set while there is a tail */
    struct bytes held;      /* an unfinished packet */
    struct bytes tail;      /* packets that the layer below did not take yet */
};

void mqtt_link_init(struct mqtt_link *l, struct front *f, struct layer *below,
                    const struct mqtt_link_ops *ops);
void mqtt_link_deinit(struct mqtt_link *l);

/* CONNECT is accepted: from now on its keep-alive counts, 0 for none. */
void mqtt_link_connected(struct mqtt_link *l, uint16_t keep_alive_s);
/* PACKET is whole. */
void mqtt_link_send(struct mqtt_link *l, const struct berth_buf *packet);
/* No longer answering: takes what had to wait. */
void mqtt_link_go_on(struct mqtt_link *l);
/* Sends what was taken, then closes. WHY goes to the log unless it is NULL. */
void mqtt_link_end(struct mqtt_link *l, const char *why);
/* The same for a refusal, which is counted and kept too. */
void mqtt_link_refuse(struct mqtt_link *l, enum berth_reason why);

#endif
