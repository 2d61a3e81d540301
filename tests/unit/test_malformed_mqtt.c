/* MQTT by generation: every type with every flag nibble, cut at every byte, before CONNECT and
 * after, against a device's connection as it stands in the daemon. What must come of each is worked
 * out here from the rules of MQTT 3.1.1 and docs/wire.md, without the codec. */
#include <stdlib.h>
#include <string.h>

#include "net/loop_impl.h"
#include "prov/dps_device.h"
#include "unit/check.h"
#include "unit/rig_dev.h"

#define ID       "sn-007"
#define USER     FRONT_RIG_SCOPE "/registrations/" ID "/api-version=2019-03-31"
#define TOPIC    "$dps/registrations/PUT/iotdps-register/?$rid=1"
#define TOPIC_N  (sizeof TOPIC - 1)
#define BODY_MAX 1024
#define TYPES    16
#define FLAGS    16
#define SILENCE  0 /* no packet type: nothing is heard */

static const struct fake_options prompt = { 0 };

/* What one packet comes to. */
enum outcome { WAITS, STAYS, ENDS };

struct sample {
    uint8_t body[BODY_MAX];
    size_t n;
    size_t least;    /* bytes of the body that do as well as all: a payload is free */
    unsigned flags;  /* a bit for each nibble that is allowed */
    uint8_t answer;  /* the type heard */
    bool first_only; /* as the first packet; every other type, only later */
    bool ends;
};

static struct sample samples[TYPES];

static struct dev base, one;
static char greeting[BODY_MAX]; /* a CONNECT that is accepted */
static size_t greeting_n;

/* ---- what is allowed ---- */

static void put(struct sample *s, const void *p, size_t n)
{
    assert_true(s->n + n <= sizeof s->body);
    memcpy(s->body + s->n, p, n);
    s->n += n;
    s->least = s->n;
}

static void make_connect(struct sample *s)
{
    struct berth_buf b;

    berth_buf_init(&b, greeting, sizeof greeting);
    berth_mqtt_put_connect(
        &b, BERTH_STR(ID), BERTH_STR(USER),
        berth_str_of(front_rig_token(base.front, ID, front_rig_key(base.front, ID))), true, 60);
    assert_true(!b.over && b.n > 3 + 127); /* two bytes of length */
    greeting_n = b.n;
    put(s, greeting + 3, b.n - 3);
    s->flags = 1u << 0;
    s->answer = BERTH_MQTT_CONNACK;
    s->first_only = true;
}

static void make_publish(struct sample *s)
{
    put(s, "\0", 1);
    put(s, &(uint8_t){ TOPIC_N }, 1);
    put(s, TOPIC, TOPIC_N);
    put(s, "\0\x09", 2); /* the packet's ID; with QoS 0 two bytes of payload */
    put(s, "{}", 2);
    s->least = s->n - 2;
    /* QoS 0 without DUP, QoS 1; each with RETAIN and without */
    s->flags = 1u << 0 | 1u << 1 | 1u << 2 | 1u << 3 | 1u << 10 | 1u << 11;
    s->answer = BERTH_MQTT_PUBACK;
}

static void make_filters(struct sample *s, bool with_qos)
{
    const size_t n = sizeof BERTH_DPS_RESPONSE_FILTER - 1;

    put(s, "\0\x07\0", 3);
    put(s, &(uint8_t){ (uint8_t)n }, 1);
    put(s, BERTH_DPS_RESPONSE_FILTER, n);
    if (with_qos)
        put(s, "\x01", 1);
    s->flags = 1u << 2;
    s->answer = with_qos ? BERTH_MQTT_SUBACK : BERTH_MQTT_UNSUBACK;
}

/* Types that a server sends, QoS 2 and the two reserved ones are never allowed: a body stands for
 * them all the same. */
static void make_samples(void)
{
    for (size_t type = 0; type < TYPES; type++)
        put(&samples[type], "\0\x01", 2);
    samples[BERTH_MQTT_CONNECT] = samples[BERTH_MQTT_PUBLISH] = (struct sample){ 0 };
    samples[BERTH_MQTT_SUBSCRIBE] = samples[BERTH_MQTT_UNSUBSCRIBE] = (struct sample){ 0 };
    make_connect(&samples[BERTH_MQTT_CONNECT]);
    make_publish(&samples[BERTH_MQTT_PUBLISH]);
    make_filters(&samples[BERTH_MQTT_SUBSCRIBE], true);
    make_filters(&samples[BERTH_MQTT_UNSUBSCRIBE], false);
    samples[BERTH_MQTT_PUBACK].flags = 1u << 0;
    samples[BERTH_MQTT_PINGREQ] =
        (struct sample){ .flags = 1u << 0, .answer = BERTH_MQTT_PINGRESP };
    samples[BERTH_MQTT_DISCONNECT] = (struct sample){ .flags = 1u << 0, .ends = true };
}

/* A body of N bytes; one more than the sample has is a zero. */
static bool is_whole(size_t type, unsigned flags, size_t n)
{
    const struct sample *s = &samples[type];
    bool id = type == BERTH_MQTT_PUBLISH && (flags & 6) != 0;

    if (type != BERTH_MQTT_PUBLISH)
        return n == s->n;
    return n >= (id ? s->least : s->least - 2);
}

static enum outcome expected(size_t type, unsigned flags, size_t n, bool greeted)
{
    const struct sample *s = &samples[type];

    if ((s->flags >> flags & 1) == 0 || s->first_only == greeted || !is_whole(type, flags, n))
        return ENDS;
    return s->ends ? ENDS : STAYS;
}

/* ---- what comes of it ---- */

static void open_one(bool greeted)
{
    struct berth_mqtt_packet p;

    dev_join(&one, &base);
    if (!greeted)
        return;
    berth_buf_put(&one.out, (berth_str){ greeting, greeting_n });
    berth_mqtt_put_subscribe(&one.out, 7, BERTH_STR(BERTH_DPS_RESPONSE_FILTER), 1);
    dev_send(&one, 0);
    assert_true(dev_hear(&one, &p) && p.type == BERTH_MQTT_CONNACK);
    assert_true(dev_hear(&one, &p) && p.type == BERTH_MQTT_SUBACK);
}

/* The first byte, a length of SAID, and the first N bytes of the body from a block of that size. */
static void say(uint8_t first, const struct sample *s, size_t said, size_t n)
{
    uint8_t *bytes = malloc(5 + n);
    size_t head = 0;

    assert_non_null(bytes);
    bytes[head++] = first;
    do {
        bytes[head++] = (uint8_t)((said & 127) | (said > 127 ? 128 : 0));
        said >>= 7;
    } while (said > 0);
    memcpy(bytes + head, s->body, n);
    rig_offer(&one.socket, bytes, head + n);
    free(bytes);
    for (int i = 0; i < 2; i++)
        front_rig_turn(one.front);
}

static uint8_t first_heard(void)
{
    struct berth_mqtt_packet p;

    return dev_hear(&one, &p) ? (uint8_t)p.type : SILENCE;
}

static void judge(size_t type, unsigned flags, size_t n, bool greeted)
{
    const struct sample *s = &samples[type];
    enum outcome want = expected(type, flags, n, greeted);
    uint8_t answer = want == STAYS ? s->answer : SILENCE, heard;

    if (type == BERTH_MQTT_PUBLISH && (flags & 6) == 0)
        answer = SILENCE; /* QoS 0; the registration's own answer follows later */
    open_one(greeted);
    say((uint8_t)(type << 4 | flags), s, n, n);
    heard = first_heard();
    if (one.socket.close_wanted != (want == ENDS) ||
        (heard != answer && !(answer == SILENCE && want == STAYS && heard == BERTH_MQTT_PUBLISH)))
        fail_msg("type %zu, flags %u, %zu of %zu bytes, %s: closed %d, heard %u", type, flags, n,
                 s->n, greeted ? "greeted" : "first", one.socket.close_wanted, (unsigned)heard);
    dev_settle(&one);
    dev_close(&one);
}

static void test_every_packet(void **state)
{
    (void)state;
    for (size_t type = 0; type < TYPES; type++)
        for (unsigned flags = 0; flags < FLAGS; flags++)
            for (int greeted = 0; greeted < 2; greeted++)
                for (size_t n = 0; n <= samples[type].n + 1; n++)
                    judge(type, flags, n, greeted);
    assert_int_equal(base.front->front.loop->held, 0);
}

/* What has not come whole is waited for, when its first byte is good; and held for no longer than
 * the connection stands. */
static void test_every_beginning(void **state)
{
    (void)state;
    for (size_t type = 1; type < TYPES; type++) {
        const struct sample *s = &samples[type];

        for (unsigned flags = 0; flags < FLAGS; flags++) {
            if ((s->flags >> flags & 1) == 0)
                continue;
            for (size_t n = 0; n < s->n; n++) {
                open_one(!s->first_only);
                say((uint8_t)(type << 4 | flags), s, s->n, n);
                if (one.socket.close_wanted || first_heard() != SILENCE)
                    fail_msg("type %zu, %zu of %zu bytes are not waited for", type, n, s->n);
                assert_true(one.front->front.loop->held > 0);
                dev_close(&one);
                assert_int_equal(base.front->front.loop->held, 0);
            }
        }
    }
}

static int open_base(void **state)
{
    (void)state;
    dev_open(&base, &prompt);
    make_samples();
    return 0;
}

static int close_base(void **state)
{
    (void)state;
    dev_close(&base);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_packet),
        cmocka_unit_test(test_every_beginning),
    };

    return cmocka_run_group_tests(tests, open_base, close_base);
}
