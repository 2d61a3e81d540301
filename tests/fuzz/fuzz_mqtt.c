/* Packets in a row from any bytes; what was read and can be written must read the same again. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "wire/mqtt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_again(struct berth_buf *b, const struct berth_mqtt_packet *p)
{
    if (p->type == BERTH_MQTT_CONNECT)
        berth_mqtt_put_connect(b, p->client_id, p->user, p->password, p->clean_session,
                               p->keep_alive_s);
    else if (p->type == BERTH_MQTT_PUBLISH)
        berth_mqtt_put_publish(b, p->topic, p->payload, p->qos, p->packet_id);
    else if (p->type == BERTH_MQTT_SUBSCRIBE)
        berth_mqtt_put_subscribe(b, p->packet_id, p->filters[0], p->filter_qos[0]);
    else if (p->type == BERTH_MQTT_PUBACK)
        berth_mqtt_put_puback(b, p->packet_id);
    else
        berth_mqtt_put_empty(b, p->type);
}

static void check_round_trip(const struct berth_mqtt_packet *p)
{
    static char storage[BERTH_MQTT_PACKET_MAX];
    struct berth_mqtt_packet again;
    struct berth_buf b;
    size_t used;

    if (p->type == BERTH_MQTT_CONNECT && p->level != 4)
        return;
    berth_buf_init(&b, storage, sizeof storage);
    put_again(&b, p);
    assert(!b.over);
    if (p->type != BERTH_MQTT_CONNECT && p->type != BERTH_MQTT_PUBLISH &&
        p->type != BERTH_MQTT_SUBSCRIBE && p->type != BERTH_MQTT_PUBACK)
        return;
    assert(berth_mqtt_read(berth_buf_str(&b), sizeof storage, &again, &used) == BERTH_OK);
    assert(used == b.n && again.type == p->type && again.packet_id == p->packet_id);
    assert(berth_str_eq(again.user, p->user) && berth_str_eq(again.password, p->password));
    assert(berth_str_eq(again.topic, p->topic) && berth_str_eq(again.payload, p->payload));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *block = malloc(size > 0 ? size : 1);
    berth_str rest = { block, size };
    struct berth_mqtt_packet p;
    size_t used;

    if (size > 0)
        memcpy(block, data, size);
    while (berth_mqtt_read(rest, BERTH_MQTT_PACKET_MAX, &p, &used) == BERTH_OK && used > 0) {
        assert(used <= rest.n && p.filter_count <= BERTH_MQTT_FILTERS_MAX);
        check_round_trip(&p);
        rest = berth_str_sub(rest, used, rest.n);
    }
    free(block);
    return 0;
}
