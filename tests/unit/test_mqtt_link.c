/* How long a device may take for what it has begun: the rest of a packet, the reading of answers.
 * The keep-alive that it asked for has nothing to say in that. */
#include <string.h>

#include "front/mqtt_link.h"
#include "prov/dps_device.h"
#include "unit/check.h"
#include "unit/rig_dev.h"
#include "wire/mqtt.h"

#define ID       "sn-007"
#define USER     FRONT_RIG_SCOPE "/registrations/" ID "/api-version=2019-03-31&ClientVersion=x"
#define TOPIC    "$dps/registrations/PUT/iotdps-register/?$rid=1"
#define LONGEST  1178 /* seconds of keep-alive; one and a half times that is all that counts */
#define SECOND   1000
#define PACKET_N (100 * 1024)

static const struct fake_options prompt = { 0 };
static char payload[PACKET_N];

static void pass(struct dev *l, int64_t ms)
{
    loop_skip(l->front->front.loop, ms);
    dev_settle(l);
}

static void greet(struct dev *l)
{
    const char *token;

    dev_open(l, &prompt);
    token = front_rig_token(l->front, ID, front_rig_key(l->front, ID));
    berth_mqtt_put_connect(&l->out, BERTH_STR(ID), BERTH_STR(USER), berth_str_of(token), true,
                           LONGEST);
    dev_send(l, 0);
    dev_expect_connack(l, BERTH_MQTT_ACCEPTED);
}

/* A PUBLISH that is to be sent in pieces. */
static berth_str large_packet(struct dev *l)
{
    memset(payload, ' ', sizeof payload);
    berth_mqtt_put_publish(&l->out, BERTH_STR(TOPIC), (berth_str){ payload, sizeof payload }, 1, 9);
    return berth_buf_str(&l->out);
}

static const struct {
    const char *name;
    size_t first, piece; /* bytes at once, and every EVERY_MS from then on */
    int64_t every_ms;
    int64_t ends_ms; /* when the link is ended; 0: the packet comes whole */
} rests[] = {
    { "nothing more", 10, 0, SECOND, 30 * SECOND },
    { "a byte now and then", 10, 1, SECOND, 30 * SECOND },
    { "too little each time", 10, 32 * 1024 - 1, 29 * SECOND, 58 * SECOND },
    { "a slow radio", 10, 32 * 1024, 29 * SECOND, 0 },
    { "a faster one", 10, 2 * 1024, SECOND, 0 },
};

static void run_rest(size_t i)
{
    struct dev l;
    int64_t ms = 0, begun;

    greet(&l);
    begun = loop_mono_ms(l.front->front.loop);
    berth_str left = large_packet(&l);
    rig_offer(&l.socket, left.p, rests[i].first);
    left = berth_str_sub(left, rests[i].first, left.n);
    while (left.n > 0 && !l.socket.close_wanted && ms < LONGEST * SECOND) {
        size_t n = left.n < rests[i].piece ? left.n : rests[i].piece;

        pass(&l, rests[i].every_ms);
        ms += rests[i].every_ms;
        rig_offer(&l.socket, left.p, n);
        left = berth_str_sub(left, n, left.n);
    }
    CHECK(rests[i].name, l.socket.close_wanted == (rests[i].ends_ms > 0));
    CHECK(rests[i].name, (left.n == 0) == (rests[i].ends_ms == 0));
    if (rests[i].ends_ms > 0) { /* what the test itself takes passes, too */
        CHECK(rests[i].name, loop_mono_ms(l.front->front.loop) - begun >= rests[i].ends_ms);
        CHECK(rests[i].name, ms <= rests[i].ends_ms + LOOP_TICK_MS + rests[i].every_ms);
    }
    dev_close(&l);
}

static void test_rest_of_a_packet(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rests); i++)
        run_rest(i);
}

/* Whole packets have no rest: what is left is the keep-alive. */
static void test_no_rest(void **state)
{
    struct dev l;

    (void)state;
    greet(&l);
    berth_mqtt_put_empty(&l.out, BERTH_MQTT_PINGREQ);
    dev_send(&l, 1); /* in pieces */
    pass(&l, 1000 * SECOND);
    assert_false(l.socket.close_wanted);
    dev_close(&l);
}

static void test_answers_unread(void **state)
{
    struct dev l;

    (void)state;
    for (int reads = 0; reads < 2; reads++) {
        greet(&l);
        l.socket.capacity = 0;
        for (int i = 0; i < 20; i++)
            berth_mqtt_put_empty(&l.out, BERTH_MQTT_PINGREQ);
        dev_send(&l, 0);
        pass(&l, 29 * SECOND);
        assert_false(l.socket.close_wanted);
        if (reads)
            rig_drain(&l.socket, 1);
        pass(&l, SECOND + LOOP_TICK_MS);
        assert_int_equal(l.socket.close_wanted, !reads);
        dev_close(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rest_of_a_packet),
        cmocka_unit_test(test_no_rest),
        cmocka_unit_test(test_answers_unread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
