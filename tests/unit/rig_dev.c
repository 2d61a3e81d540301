#include "unit/rig_dev.h"

#include <string.h>

#include "front/router.h"
#include "unit/check.h"

static void connect_layers(struct dev *l)
{
    rig_init(&l->socket, l->front->front.loop);
    l->socket.l.above = device_mqtt_new(&l->front->front, &l->socket.l, "mqtts");
    assert_non_null(l->socket.l.above);
    berth_buf_init(&l->out, l->bytes, sizeof l->bytes);
    l->seen = 0;
}

void dev_open_limited(struct dev *l, const struct fake_options *o, struct limits_rates rates)
{
    l->front = &l->own;
    front_rig_open(l->front, o, rates);
    connect_layers(l);
}

void dev_open(struct dev *l, const struct fake_options *o)
{
    dev_open_limited(l, o, (struct limits_rates){ 0, 0 });
}

void dev_join(struct dev *l, struct dev *first)
{
    l->front = first->front;
    connect_layers(l);
}

void dev_close(struct dev *l)
{
    rig_close(&l->socket);
    rig_deinit(&l->socket);
    if (l->front == &l->own)
        front_rig_close(l->front);
}

/* Sends all that was said, STEP bytes at a time; 0: at once. */
void dev_send(struct dev *l, size_t step)
{
    berth_str rest = berth_buf_str(&l->out);

    assert_false(l->out.over);
    while (rest.n > 0) {
        size_t n = step == 0 || step > rest.n ? rest.n : step;
        rig_offer(&l->socket, rest.p, n);
        rest = berth_str_sub(rest, n, rest.n);
    }
    berth_buf_reset(&l->out);
}

/* A store that is prompt has replies due though nothing is under way. */
void dev_settle(struct dev *l)
{
    for (int i = 0; i < 8; i++) {
        front_rig_turn(l->front);
        front_rig_settle(l->front);
        rig_turn(&l->socket);
    }
}

bool dev_hear(struct dev *l, struct berth_mqtt_packet *p)
{
    berth_str rest = { (const char *)l->socket.out.p + l->seen, l->socket.out.n - l->seen };
    size_t used = 0;

    if (rest.n == 0)
        return false;
    assert_int_equal(berth_mqtt_read(rest, BERTH_MQTT_PACKET_MAX, p, &used), BERTH_OK);
    assert_true(used > 0);
    l->seen += used;
    return true;
}

struct berth_mqtt_packet dev_expect(struct dev *l, enum berth_mqtt_type type)
{
    struct berth_mqtt_packet p;

    assert_true(dev_hear(l, &p));
    assert_int_equal(p.type, type);
    return p;
}

void dev_expect_silence(struct dev *l)
{
    struct berth_mqtt_packet p;

    if (dev_hear(l, &p))
        fail_msg("packet of type %d", p.type);
}

void dev_expect_connack(struct dev *l, uint8_t code)
{
    struct berth_mqtt_packet p = dev_expect(l, BERTH_MQTT_CONNACK);

    assert_int_equal(p.code, code);
    assert_false(p.session_present);
}

bool dev_has(berth_str s, const char *text)
{
    return memmem(s.p, s.n, text, strlen(text)) != NULL;
}

void dev_expect_closed(struct dev *l)
{
    rig_turn(&l->socket);
    assert_true(l->socket.closed);
}
