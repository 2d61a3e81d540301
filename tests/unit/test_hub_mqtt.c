/* A hub's device API over MQTT, packet by packet: who gets in, what is answered, what ends it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front/call.h"
#include "front/hub_session.h"
#include "front/presence.h"
#include "unit/check.h"
#include "unit/rig_dev.h"
#include "wire/json.h"

#define ID           "dev-1"
#define USER         FRONT_RIG_HUB "/" ID "/?api-version=2021-04-12&DeviceClientType=x"
#define SR           FRONT_RIG_HUB "/devices/" ID
#define EVENTS       "devices/" ID "/messages/events/"
#define GET          "$iothub/twin/GET/?$rid="
#define REPORT       "$iothub/twin/PATCH/properties/reported/?$rid="
#define ANSWERS      "$iothub/twin/res/#"
#define DESIRED      "$iothub/twin/PATCH/properties/desired/#"
#define WHY(l, name) ((l)->front->metrics.reasons[BERTH_WHY_##name])

static const struct fake_options prompt = { 0 };
static const struct fake_options slow = { .seed = 5, .delay_max = 50, .reorder = true };

static void open_dev(struct dev *l, const struct fake_options *o)
{
    dev_open(l, &prompt);
    front_rig_put_device(l->front, ID, 'k', true, "{\"interval\":30}");
    fake_store_set(l->front->store, o);
}

/* ---- what the device says ---- */

static void say_connect(struct dev *l, const char *token)
{
    berth_mqtt_put_connect(&l->out, BERTH_STR(ID), BERTH_STR(USER), berth_str_of(token), false, 60);
}

static void say_good_connect(struct dev *l)
{
    say_connect(l, front_rig_device_token(l->front, SR, 'k', 3600));
}

static void say_subscribe(struct dev *l, const char *filter, uint8_t qos)
{
    berth_mqtt_put_subscribe(&l->out, 7, berth_str_of(filter), qos);
}

static void say_publish(struct dev *l, const char *topic, const char *payload, uint8_t qos)
{
    berth_mqtt_put_publish(&l->out, berth_str_of(topic), berth_str_of(payload), qos, 9);
}

static void say_ping(struct dev *l)
{
    berth_mqtt_put_empty(&l->out, BERTH_MQTT_PINGREQ);
}

/* CONNECT, answered. */
static void greet(struct dev *l)
{
    say_good_connect(l);
    dev_send(l, 0);
    dev_settle(l);
    dev_expect_connack(l, BERTH_MQTT_ACCEPTED);
}

static void subscribe(struct dev *l, const char *filter, uint8_t qos)
{
    say_subscribe(l, filter, qos);
    dev_send(l, 0);
    assert_int_equal(dev_expect(l, BERTH_MQTT_SUBACK).code, qos);
}

static void expect_publish(struct dev *l, const char *topic, const char *payload, uint8_t qos)
{
    struct berth_mqtt_packet p = dev_expect(l, BERTH_MQTT_PUBLISH);

    if (!berth_str_eq(p.topic, berth_str_of(topic)))
        fail_msg("%.*s instead of %s", BERTH_STR_ARG(p.topic), topic);
    if (!berth_str_eq(p.payload, berth_str_of(payload)))
        fail_msg("%.*s instead of %s", BERTH_STR_ARG(p.payload), payload);
    assert_int_equal(p.qos, qos);
    assert_true(qos == 0 || p.packet_id != 0);
    assert_false(p.retain);
}

static void expect_ping_works(struct dev *l)
{
    say_ping(l);
    dev_send(l, 0);
    dev_settle(l);
    (void)dev_expect(l, BERTH_MQTT_PINGRESP);
    assert_false(l->socket.closed);
}

/* The hub's events as JSON. */
static const char *events_of(struct dev *l)
{
    static char text[512 * 1024];
    static max_align_t names[1 << 12];
    struct hub_events_query q = { .hub = BERTH_STR(FRONT_RIG_HUB) };
    struct berth_arena a;
    struct berth_buf b;
    uint64_t next, missed;

    berth_buf_init(&b, text, sizeof text - 1);
    berth_arena_init(&a, names, sizeof names);
    (void)hub_events_put(l->front->common.events, &q, &b, &a, NULL, &next, &missed);
    text[b.n] = '\0';
    return text;
}

static bool is_connected(struct dev *l)
{
    struct session_view v;

    return sessions_find(l->front->common.sessions, BERTH_STR(FRONT_RIG_HUB), BERTH_STR(ID), &v);
}

/* ---- the way it goes ---- */

static void test_session(void **state)
{
    struct dev l;

    (void)state;
    open_dev(&l, &slow);
    assert_false(is_connected(&l));
    say_good_connect(&l);
    dev_send(&l, 0);
    dev_expect_silence(&l); /* until the device was looked up */
    assert_false(is_connected(&l));
    dev_settle(&l);
    dev_expect_connack(&l, BERTH_MQTT_ACCEPTED);
    assert_true(is_connected(&l));
    assert_int_equal(l.front->metrics.hub_sessions_open, 1);
    say_publish(&l, EVENTS "%24.ct=text%2Fplain&idx=0", "hello", 1);
    dev_send(&l, 0);
    assert_int_equal(dev_expect(&l, BERTH_MQTT_PUBACK).packet_id, 9);
    assert_non_null(strstr(events_of(&l), "\"deviceId\":\"" ID "\",\"properties\":{\"idx\":\"0\"},"
                                          "\"systemProperties\":{\"contentType\":\"text/plain\"},"
                                          "\"payload\":\"hello\""));
    subscribe(&l, ANSWERS, 1);
    say_publish(&l, GET "42", " ", 1);
    dev_send(&l, 0);
    dev_settle(&l);
    assert_int_equal(dev_expect(&l, BERTH_MQTT_PUBACK).packet_id, 9); /* before the answer */
    expect_publish(&l, "$iothub/twin/res/200/?$rid=42",
                   "{\"desired\":{\"interval\":30,\"$version\":1},\"reported\":{\"$version\":1}}",
                   1);
    say_publish(&l, REPORT "43", "{\"fan\":1.10}", 0);
    dev_send(&l, 0);
    dev_settle(&l);
    expect_publish(&l, "$iothub/twin/res/204/?$rid=43&$version=2", "", 1);
    assert_true(
        berth_str_eq(front_rig_device(l.front, ID)->reported.values, BERTH_STR("{\"fan\":1.10}")));
    expect_ping_works(&l);
    berth_mqtt_put_empty(&l.out, BERTH_MQTT_DISCONNECT);
    dev_send(&l, 0);
    dev_expect_closed(&l);
    assert_false(is_connected(&l));
    assert_int_equal(l.front->metrics.hub_sessions_open, 0);
    dev_close(&l);
}

/* Everything in one read, or byte by byte: the device hears the same. */
static void test_pipelined(void **state)
{
    static const size_t steps[] = { 0, 1, 7, 100 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct dev l;
        open_dev(&l, &slow);
        say_good_connect(&l);
        say_subscribe(&l, ANSWERS, 0);
        say_publish(&l, GET "1", "", 0);
        say_publish(&l, EVENTS, "x", 1);
        say_publish(&l, REPORT "2", "{\"a\":1}", 1);
        say_publish(&l, REPORT "3", "{\"a\":1}", 1); /* nothing new: no commit, the same version */
        say_ping(&l);
        dev_send(&l, steps[i]);
        for (int n = 0; n < 5; n++)
            dev_settle(&l);
        dev_expect_connack(&l, BERTH_MQTT_ACCEPTED);
        assert_int_equal(dev_expect(&l, BERTH_MQTT_SUBACK).code, 0);
        expect_publish(
            &l, "$iothub/twin/res/200/?$rid=1",
            "{\"desired\":{\"interval\":30,\"$version\":1},\"reported\":{\"$version\":1}}", 0);
        (void)dev_expect(&l, BERTH_MQTT_PUBACK);
        (void)dev_expect(&l, BERTH_MQTT_PUBACK);
        expect_publish(&l, "$iothub/twin/res/204/?$rid=2&$version=2", "", 0);
        (void)dev_expect(&l, BERTH_MQTT_PUBACK);
        expect_publish(&l, "$iothub/twin/res/204/?$rid=3&$version=2", "", 0);
        (void)dev_expect(&l, BERTH_MQTT_PINGRESP);
        dev_expect_silence(&l);
        dev_close(&l);
    }
}

/* ---- who gets in ---- */

static void test_connect_refusals(void **state)
{
    static const struct {
        const char *name, *client_id, *user, *resource;
        char key;
        int64_t seconds;
        uint8_t code;
        enum berth_reason why;
    } cases[] = {
        { "primary key", ID, USER, SR, 'k', 60, BERTH_MQTT_ACCEPTED, BERTH_WHY_NONE },
        { "secondary key", ID, USER, SR, 'l', 60, BERTH_MQTT_ACCEPTED, BERTH_WHY_NONE },
        { "hub in another case", ID, "HUB-A.example/" ID "/?api-version=v", SR, 'k', 60,
          BERTH_MQTT_ACCEPTED, BERTH_WHY_NONE },
        { "another key", ID, USER, SR, 'x', 60, BERTH_MQTT_NOT_AUTHORIZED,
          BERTH_WHY_DEVICE_SIGNATURE_WRONG },
        { "expired", ID, USER, SR, 'k', -400, BERTH_MQTT_NOT_AUTHORIZED, BERTH_WHY_TOKEN_EXPIRED },
        { "for another", ID, USER, FRONT_RIG_HUB "/devices/dev-2", 'k', 60,
          BERTH_MQTT_NOT_AUTHORIZED, BERTH_WHY_DEVICE_TOKEN_FOR_OTHER },
        { "no such device", "dev-9", FRONT_RIG_HUB "/dev-9/?api-version=v",
          FRONT_RIG_HUB "/devices/dev-9", 'k', 60, BERTH_MQTT_NOT_AUTHORIZED,
          BERTH_WHY_DEVICE_NOT_FOUND },
        { "ID in another case", "Dev-1", FRONT_RIG_HUB "/Dev-1/?api-version=v",
          FRONT_RIG_HUB "/devices/Dev-1", 'k', 60, BERTH_MQTT_NOT_AUTHORIZED,
          BERTH_WHY_DEVICE_NOT_FOUND },
        { "disabled", "off", FRONT_RIG_HUB "/off/?api-version=v", FRONT_RIG_HUB "/devices/off", 'k',
          60, BERTH_MQTT_NOT_AUTHORIZED, BERTH_WHY_DEVICE_DISABLED },
        { "no such hub", ID, "hub-z.example/" ID "/?api-version=v", "hub-z.example/devices/" ID,
          'k', 60, BERTH_MQTT_NOT_AUTHORIZED, BERTH_WHY_HUB_NOT_FOUND },
        { "a module", ID "/m", FRONT_RIG_HUB "/" ID "/m/?api-version=v", SR, 'k', 60,
          BERTH_MQTT_NOT_AUTHORIZED, BERTH_WHY_MODULE_UNSERVED },
        { "another client ID", "dev-2", USER, SR, 'k', 60, BERTH_MQTT_BAD_CLIENT_ID,
          BERTH_WHY_CLIENT_ID_DIFFERS },
        { "no token", ID, USER, NULL, 'k', 60, BERTH_MQTT_NOT_AUTHORIZED,
          BERTH_WHY_CREDENTIAL_MISSING },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dev l;
        const char *token = NULL;
        open_dev(&l, &prompt);
        front_rig_put_device(l.front, "off", 'k', false, "{}");
        if (cases[i].resource != NULL)
            token =
                front_rig_device_token(l.front, cases[i].resource, cases[i].key, cases[i].seconds);
        berth_mqtt_put_connect(&l.out, berth_str_of(cases[i].client_id),
                               berth_str_of(cases[i].user), berth_str_of(token), false, 60);
        say_subscribe(&l, ANSWERS, 1);
        dev_send(&l, 0);
        dev_settle(&l);
        dev_expect_connack(&l, cases[i].code);
        CHECK(cases[i].name, l.socket.closed == (cases[i].code != 0));
        CHECK(cases[i].name, (l.front->metrics.hub_sessions_refused == 1) == (cases[i].code != 0));
        if (cases[i].why != BERTH_WHY_NONE) {
            CHECK(cases[i].name, l.front->metrics.reasons[cases[i].why] == 1);
            dev_expect_silence(&l);
            CHECK(cases[i].name, l.front->metrics.hub_sessions_open == 0);
        }
        dev_close(&l);
    }
}

static void test_token_malformed(void **state)
{
    struct dev l;

    (void)state;
    open_dev(&l, &prompt);
    say_connect(&l, "secret");
    dev_send(&l, 0);
    dev_expect_connack(&l, BERTH_MQTT_NOT_AUTHORIZED);
    dev_expect_closed(&l);
    assert_int_equal(WHY(&l, TOKEN_MALFORMED), 1);
    dev_close(&l);
}

static void test_store_fails_at_login(void **state)
{
    struct dev l;

    (void)state;
    open_dev(&l, &(struct fake_options){ .fail_percent = 100 });
    say_good_connect(&l);
    dev_send(&l, 0);
    dev_settle(&l);
    dev_expect_connack(&l, BERTH_MQTT_UNAVAILABLE); /* it tries again */
    dev_expect_closed(&l);
    dev_close(&l);
}

static void test_rate_of_connections(void **state)
{
    struct dev first;
    struct dev *l = malloc(3 * sizeof *l);

    (void)state;
    assert_non_null(l);
    dev_open_limited(&first, &prompt, (struct limits_rates){ 2, 0 });
    front_rig_put_device(first.front, ID, 'k', true, "{}");
    for (int i = 0; i < 3; i++) {
        dev_join(&l[i], &first);
        say_good_connect(&l[i]);
        dev_send(&l[i], 0);
        dev_settle(&l[i]);
        dev_expect_connack(&l[i], i < 2 ? BERTH_MQTT_ACCEPTED : BERTH_MQTT_UNAVAILABLE);
    }
    assert_int_equal(WHY(&first, THROTTLED_DEVICE), 1);
    for (int i = 0; i < 3; i++)
        dev_close(&l[i]);
    dev_close(&first);
    free(l);
}

/* ---- what ends a session ---- */

static void test_takeover(void **state)
{
    struct dev first, second;

    (void)state;
    open_dev(&first, &prompt);
    greet(&first);
    dev_join(&second, &first);
    greet(&second);
    dev_settle(&first);
    dev_expect_closed(&first);
    assert_int_equal(WHY(&first, SESSION_TAKEN_OVER), 1);
    assert_true(is_connected(&second));
    expect_ping_works(&second);
    assert_int_equal(first.front->metrics.hub_sessions_open, 1);
    dev_close(&second);
    dev_close(&first);
}

static void test_device_changes(void **state)
{
    static const struct {
        const char *name;
        char key; /* 0: deleted */
        bool enabled, goes_on;
        enum berth_reason why;
    } cases[] = {
        { "another twin", 'k', true, true, BERTH_WHY_NONE },
        { "the other key stays", 'j', true, true, BERTH_WHY_NONE },
        { "disabled", 'k', false, false, BERTH_WHY_DEVICE_DISABLED },
        { "other keys", 'x', true, false, BERTH_WHY_DEVICE_SIGNATURE_WRONG },
        { "deleted", 0, true, false, BERTH_WHY_DEVICE_NOT_FOUND },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dev l;
        open_dev(&l, &prompt);
        greet(&l);
        if (cases[i].key == 0)
            front_rig_delete_device(l.front, ID);
        else
            front_rig_put_device(l.front, ID, cases[i].key, cases[i].enabled, "{\"interval\":1}");
        dev_settle(&l);
        CHECK(cases[i].name, l.socket.closed != cases[i].goes_on);
        CHECK(cases[i].name, is_connected(&l) == cases[i].goes_on);
        if (!cases[i].goes_on)
            CHECK(cases[i].name, l.front->metrics.reasons[cases[i].why] == 1);
        dev_close(&l);
    }
}

static void test_token_expires(void **state)
{
    struct dev l;

    (void)state;
    open_dev(&l, &prompt);
    say_connect(&l, front_rig_device_token(l.front, SR, 'k', 30));
    dev_send(&l, 0);
    dev_settle(&l);
    dev_expect_connack(&l, BERTH_MQTT_ACCEPTED);
    for (int i = 0; i < 6; i++) { /* it counts longer than it says, for clocks that are off */
        loop_skip(l.front->front.loop, 54 * 1000);
        expect_ping_works(&l);
    }
    loop_skip(l.front->front.loop, 10 * 1000);
    dev_expect_closed(&l);
    assert_int_equal(WHY(&l, TOKEN_EXPIRED), 1);
    dev_close(&l);
}

static void test_tokens_without_end(void **state)
{
    static const int64_t seconds[] = { INT64_C(1700000000000), INT64_MAX / 2, 86400 * 365 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
        struct dev l;
        open_dev(&l, &prompt);
        say_connect(&l, front_rig_device_token(l.front, SR, 'k', seconds[i]));
        dev_send(&l, 0);
        dev_settle(&l);
        dev_expect_connack(&l, BERTH_MQTT_ACCEPTED);
        loop_skip(l.front->front.loop, 60 * 1000);
        expect_ping_works(&l);
        dev_close(&l);
    }
}

/* A gateway without a clock of its own starts in 1970 and hears the time later. */
static void test_clock_is_set(void **state)
{
    static const struct {
        const char *name;
        int64_t login_ms, later_ms; /* the wall clock */
        bool ends;
    } cases[] = {
        { "from 1970 to before the end", INT64_C(1000), INT64_C(1700000000000), false },
        { "from 1970 past it", INT64_C(1000), INT64_C(1700090000000), true },
        { "back", INT64_C(1700000000000), INT64_C(1000), false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dev l;

        open_dev(&l, &prompt);
        loop_hold_wall(l.front->front.loop, cases[i].login_ms);
        say_connect(&l, front_rig_device_token(l.front, SR, 'k', INT64_C(1700080000)));
        dev_send(&l, 0);
        dev_settle(&l);
        dev_expect_connack(&l, BERTH_MQTT_ACCEPTED);
        loop_hold_wall(l.front->front.loop, cases[i].later_ms);
        for (int minutes = 0; minutes < 6; minutes++) {
            if (!l.socket.close_wanted)
                expect_ping_works(&l);
            loop_skip(l.front->front.loop, 60 * 1000);
            dev_settle(&l);
        }
        CHECK(cases[i].name, l.socket.close_wanted == cases[i].ends);
        dev_close(&l);
    }
}

/* A timer waits for the end of a token that ends within ten years. */
static void test_bound_of_timers(void **state)
{
    const int64_t bound_s = INT64_C(10) * 365 * 86400;

    (void)state;
    for (int64_t s = bound_s - 1; s <= bound_s; s++) {
        const struct hub_session *session;
        struct dev l;

        open_dev(&l, &prompt);
        loop_hold_wall(l.front->front.loop, 1700000000000);
        say_connect(&l, front_rig_device_token(l.front, SR, 'k', s));
        dev_send(&l, 0);
        dev_settle(&l);
        dev_expect_connack(&l, BERTH_MQTT_ACCEPTED);
        session = ((struct mqtt *)(void *)l.socket.l.above)->state;
        CHECK("timer", (session->expiry.prev != NULL) == (s < bound_s));
        dev_close(&l);
    }
}

static void test_daemon_stops(void **state)
{
    struct dev l, late;

    (void)state;
    open_dev(&l, &prompt);
    greet(&l);
    front_stop(&l.front->front);
    dev_expect_closed(&l);
    assert_int_equal(WHY(&l, STOPPING), 1);
    dev_join(&late, &l);
    say_good_connect(&late);
    dev_send(&late, 0);
    dev_expect_connack(&late, BERTH_MQTT_UNAVAILABLE);
    dev_expect_closed(&late);
    dev_close(&late);
    while (front_busy(&l.front->front)) /* the end is written yet */
        front_rig_turn(l.front);
    assert_true(front_rig_device(l.front, ID)->connection_updated_ms > 0);
    dev_close(&l);
}

/* ---- topics ---- */

static void test_other_topics(void **state)
{
    static const struct {
        const char *name, *topic;
        bool ends;
        enum berth_reason why;
    } cases[] = {
        { "a method's answer", "$iothub/methods/res/200/?$rid=1", false,
          BERTH_WHY_FEATURE_UNSERVED },
        { "a module's message", "devices/" ID "/modules/m/messages/events/", false,
          BERTH_WHY_FEATURE_UNSERVED },
        { "nothing that there is", "a/b", false, BERTH_WHY_TOPIC_UNKNOWN },
        { "its own, unknown", "devices/" ID "/files", false, BERTH_WHY_TOPIC_UNKNOWN },
        { "another device", "devices/dev-2/messages/events/", true, BERTH_WHY_TOPIC_OF_OTHER },
        { "another device's module", "devices/dev-2/modules/m/messages/events/", true,
          BERTH_WHY_TOPIC_OF_OTHER },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dev l;
        open_dev(&l, &prompt);
        greet(&l);
        for (int n = 0; n < 2; n++)
            say_publish(&l, cases[i].topic, "x", 1);
        dev_send(&l, 0);
        CHECK(cases[i].name, l.front->metrics.reasons[cases[i].why] == 1); /* told once */
        if (cases[i].ends) {
            dev_expect_closed(&l);
        } else {
            (void)dev_expect(&l, BERTH_MQTT_PUBACK);
            (void)dev_expect(&l, BERTH_MQTT_PUBACK);
            expect_ping_works(&l);
        }
        CHECK(cases[i].name, events_of(&l)[0] == '\0');
        dev_close(&l);
    }
}

static void test_subscriptions(void **state)
{
    static const struct {
        const char *filter;
        uint8_t qos, granted;
    } rows[] = {
        { "devices/" ID "/messages/devicebound/#", 1, 1 },
        { "$iothub/methods/POST/#", 0, 0 },
        { ANSWERS, 2, 1 },
        { DESIRED, 1, 1 },
        { "devices/dev-2/messages/devicebound/#", 1, 0x80 },
        { "#", 0, 0x80 },
    };
    struct dev l;

    (void)state;
    open_dev(&l, &prompt);
    greet(&l);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        say_subscribe(&l, rows[i].filter, rows[i].qos);
        dev_send(&l, 0);
        if (dev_expect(&l, BERTH_MQTT_SUBACK).code != rows[i].granted)
            fail_msg("%s", rows[i].filter);
    }
    assert_int_equal(WHY(&l, FEATURE_UNSERVED), 2);
    assert_int_equal(WHY(&l, TOPIC_UNKNOWN), 1);
    expect_ping_works(&l);
    dev_close(&l);
}

/* ---- telemetry ---- */

/* QoS, a topic and SIZE bytes in all. */
static void say_message_of(struct dev *l, size_t size)
{
    size_t head = 1 + 3 + 2 + strlen(EVENTS) + 2;
    char *payload = malloc(size - head + 1);

    assert_non_null(payload);
    memset(payload, 'x', size - head);
    payload[size - head] = '\0';
    say_publish(l, EVENTS, payload, 1);
    free(payload);
}

static void test_largest_message(void **state)
{
    for (size_t over = 0; over < 2; over++) {
        struct dev l;
        (void)state;
        open_dev(&l, &prompt);
        greet(&l);
        say_message_of(&l, BERTH_MQTT_PACKET_MAX + over);
        assert_int_equal(l.out.n, BERTH_MQTT_PACKET_MAX + over);
        dev_send(&l, 60000);
        if (over == 0) {
            (void)dev_expect(&l, BERTH_MQTT_PUBACK);
            assert_int_equal(l.front->metrics.telemetry_messages, 1);
            assert_int_equal(l.front->metrics.telemetry_bytes,
                             BERTH_MQTT_PACKET_MAX - 8 - strlen(EVENTS));
            expect_ping_works(&l);
        } else {
            dev_expect_closed(&l);
        }
        dev_close(&l);
    }
}

static void test_retained(void **state)
{
    static const char packet[] = "\x31\x22\x00\x1d" EVENTS "a=b"; /* QoS 0, retain */
    char bytes[64];
    struct dev l;
    size_t topic = strlen(EVENTS "a=b");

    (void)state;
    open_dev(&l, &prompt);
    greet(&l);
    memcpy(bytes, packet, sizeof packet);
    bytes[1] = (char)(2 + topic + 1);
    bytes[3] = (char)topic;
    bytes[4 + topic] = 'x';
    rig_offer(&l.socket, bytes, 4 + topic + 1);
    expect_ping_works(&l);
    assert_non_null(strstr(events_of(&l), "\"properties\":{\"a\":\"b\",\"mqtt-retain\":\"true\"}"));
    dev_close(&l);
}

/* CONNECT with a last will, written out. */
static void say_connect_with_will(struct dev *l, const char *topic, const char *payload)
{
    const char *token = front_rig_device_token(l->front, SR, 'k', 3600);
    const char *parts[] = { ID, topic, payload, USER, token };
    size_t n = 10;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        n += 2 + strlen(parts[i]);
    berth_buf_put_char(&l->out, 0x10);
    berth_buf_put_char(&l->out, (char)((n & 127) | 128));
    berth_buf_put_char(&l->out, (char)(n >> 7));
    berth_buf_put(&l->out, BERTH_STR("\x00\x04MQTT\x04\xcc\x00\x3c"));
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        berth_buf_put_char(&l->out, (char)(strlen(parts[i]) >> 8));
        berth_buf_put_char(&l->out, (char)strlen(parts[i]));
        berth_buf_put(&l->out, berth_str_of(parts[i]));
    }
}

static void test_will(void **state)
{
    static const struct {
        const char *name, *topic;
        bool farewell, sent;
    } cases[] = {
        { "the connection breaks", EVENTS "a=b", false, true },
        { "it says goodbye", EVENTS "a=b", true, false },
        { "another device's topic", "devices/dev-2/messages/events/", false, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dev l;
        open_dev(&l, &prompt);
        say_connect_with_will(&l, cases[i].topic, "bye");
        dev_send(&l, 0);
        dev_settle(&l);
        dev_expect_connack(&l, BERTH_MQTT_ACCEPTED);
        CHECK(cases[i].name, events_of(&l)[0] == '\0');
        if (cases[i].farewell) {
            berth_mqtt_put_empty(&l.out, BERTH_MQTT_DISCONNECT);
            dev_send(&l, 0);
        }
        rig_close(&l.socket);
        CHECK(cases[i].name,
              (strstr(events_of(&l), "\"iothub-MessageType\":\"Will\"") != NULL &&
               strstr(events_of(&l), "\"payload\":\"bye\"") != NULL) == cases[i].sent);
        dev_close(&l);
    }
}

/* ---- twins ---- */

static void test_twin_refusals(void **state)
{
    static const struct {
        const char *name, *payload;
        int status;
        const char *has;
    } cases[] = {
        { "not JSON", "{", 400, "\"errorCode\":400004" },
        { "empty", "", 400, "\"errorCode\":400004" },
        { "not an object", "[]", 400, "\"errorCode\":400004" },
        { "a forbidden name", "{\"a.b\":1}", 400, "\"errorCode\":400004" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct berth_mqtt_packet p;
        struct dev l;
        char topic[64];
        open_dev(&l, &prompt);
        greet(&l);
        subscribe(&l, ANSWERS, 0);
        say_publish(&l, REPORT "1", cases[i].payload, 0);
        dev_send(&l, 0);
        dev_settle(&l);
        p = dev_expect(&l, BERTH_MQTT_PUBLISH);
        (void)snprintf(topic, sizeof topic, "$iothub/twin/res/%d/?$rid=1", cases[i].status);
        CHECK(cases[i].name, berth_str_eq(p.topic, berth_str_of(topic)));
        CHECK(cases[i].name, dev_has(p.payload, cases[i].has));
        CHECK(cases[i].name, dev_has(p.payload, "\"message\":\"")); /* Node looks at nothing else */
        expect_ping_works(&l);
        dev_close(&l);
    }
}

/* A document that is refused with the longest message: nested names of nothing but quotes. */
static void put_longest(struct berth_buf *b)
{
    for (int i = 0; i <= BERTH_TWIN_DEPTH_MAX; i++) {
        berth_buf_put(b, BERTH_STR("{\""));
        for (int j = 0; j <= BERTH_TWIN_STEP_MAX / 2; j++)
            berth_buf_put(b, BERTH_STR("\\\""));
        berth_buf_put(b, BERTH_STR("\":"));
    }
    berth_buf_put(b, BERTH_STR("4503599627370496"));
    for (int i = 0; i <= BERTH_TWIN_DEPTH_MAX; i++)
        berth_buf_put_char(b, '}');
}

static void test_longest_refusal(void **state)
{
    struct berth_mqtt_packet p;
    char json[2048] = "";
    struct berth_buf b;
    struct dev l;

    (void)state;
    berth_buf_init(&b, json, sizeof json - 1);
    put_longest(&b);
    open_dev(&l, &prompt);
    greet(&l);
    subscribe(&l, ANSWERS, 0);
    say_publish(&l, REPORT "1", json, 0);
    dev_send(&l, 0);
    dev_settle(&l);
    p = dev_expect(&l, BERTH_MQTT_PUBLISH);
    assert_true(p.payload.n > 2 * BERTH_TWIN_STEP_MAX * BERTH_TWIN_DEPTH_MAX);
    assert_true(dev_has(p.payload, "\"message\":\"properties.reported.\\\\\\\""));
    assert_true(dev_has(p.payload, " and 4503599627370495\""));
    dev_close(&l);
}

static void test_report_too_large(void **state)
{
    for (size_t over = 0; over < 2; over++) {
        char *payload = calloc(1, BERTH_TWIN_SECTION_MAX + 64);
        struct berth_mqtt_packet p;
        struct dev l;
        size_t n = 1;
        (void)state;
        assert_non_null(payload);
        open_dev(&l, &prompt);
        greet(&l);
        subscribe(&l, ANSWERS, 0);
        payload[0] = '{';
        for (char name = 'a'; n < BERTH_TWIN_SECTION_MAX + over; name++) {
            size_t rest = BERTH_TWIN_SECTION_MAX + over - n, string = rest - 7 + (rest > 4000);
            if (rest > 4000)
                string = rest - 4000 > 100 || rest < 4010 ? 3900 : 3800;
            n += (size_t)sprintf(payload + n, "\"%c\":\"", name);
            memset(payload + n, 'x', string);
            n += string;
            n += (size_t)sprintf(payload + n, rest > 4000 ? "\"," : "\"}");
        }
        assert_int_equal(n, BERTH_TWIN_SECTION_MAX + over);
        say_publish(&l, REPORT "1", payload, 0);
        dev_send(&l, 0);
        dev_settle(&l);
        p = dev_expect(&l, BERTH_MQTT_PUBLISH);
        if (!berth_str_starts(p.topic, over ? BERTH_STR("$iothub/twin/res/413/?$rid=1")
                                            : BERTH_STR("$iothub/twin/res/204/?$rid=1")))
            fail_msg("%.*s %.*s", BERTH_STR_ARG(p.topic), BERTH_STR_ARG(p.payload));
        say_publish(&l, GET "2", "", 0); /* a twin as large as it may be is read */
        dev_send(&l, 0);
        dev_settle(&l);
        p = dev_expect(&l, BERTH_MQTT_PUBLISH);
        assert_true(p.payload.n > (over ? 0 : BERTH_TWIN_SECTION_MAX));
        dev_close(&l);
        free(payload);
    }
}

static void test_twin_contended(void **state)
{
    for (int stale = CALL_TRIES_MAX - 1; stale <= CALL_TRIES_MAX; stale++) {
        struct berth_mqtt_packet p;
        struct dev l;
        (void)state;
        open_dev(&l, &prompt);
        greet(&l);
        subscribe(&l, ANSWERS, 0);
        l.front->stale = stale;
        say_publish(&l, REPORT "1", "{\"a\":1}", 0);
        dev_send(&l, 0);
        dev_settle(&l);
        p = dev_expect(&l, BERTH_MQTT_PUBLISH);
        assert_true(berth_str_starts(p.topic, stale < CALL_TRIES_MAX
                                                  ? BERTH_STR("$iothub/twin/res/204/?$rid=1")
                                                  : BERTH_STR("$iothub/twin/res/503/?$rid=1")));
        dev_close(&l);
    }
}

static void test_store_fails(void **state)
{
    struct dev l;

    (void)state;
    open_dev(&l, &prompt);
    greet(&l);
    subscribe(&l, ANSWERS, 0);
    fake_store_set(l.front->store, &(struct fake_options){ .fail_percent = 100 });
    say_publish(&l, GET "1", "", 0);
    say_publish(&l, REPORT "2", "{\"a\":1}", 0);
    dev_send(&l, 0);
    dev_settle(&l);
    dev_settle(&l);
    for (int i = 0; i < 2; i++)
        assert_true(berth_str_starts(dev_expect(&l, BERTH_MQTT_PUBLISH).topic,
                                     BERTH_STR("$iothub/twin/res/503/?$rid=")));
    expect_ping_works(&l);
    dev_close(&l);
}

static void test_unheard(void **state)
{
    struct dev l;

    (void)state;
    open_dev(&l, &prompt);
    greet(&l);
    for (int i = 0; i < 2; i++) {
        say_publish(&l, REPORT "1", "{\"a\":1}", 1);
        dev_send(&l, 0);
        dev_settle(&l);
        (void)dev_expect(&l, BERTH_MQTT_PUBACK);
        dev_expect_silence(&l);
    }
    assert_int_equal(WHY(&l, ANSWER_UNHEARD), 1);
    assert_int_equal(front_rig_device(l.front, ID)->reported.version, 2); /* stored all the same */
    expect_ping_works(&l);
    dev_close(&l);
}

static void test_rid_bound(void **state)
{
    for (size_t over = 0; over < 2; over++) {
        char topic[512] = GET, rid[BERTH_HUB_RID_MAX + 2] = "";
        struct dev l;
        (void)state;
        memset(rid, 'r', BERTH_HUB_RID_MAX + over);
        strcat(topic, rid);
        open_dev(&l, &prompt);
        greet(&l);
        subscribe(&l, ANSWERS, 0);
        say_publish(&l, topic, "", 0);
        dev_send(&l, 0);
        dev_settle(&l);
        if (over == 0)
            assert_true(dev_has(dev_expect(&l, BERTH_MQTT_PUBLISH).topic, rid));
        else
            dev_expect_closed(&l);
        dev_close(&l);
    }
}

static void test_desired(void **state)
{
    static const struct {
        const char *name, *desired;
        int64_t version;
        const char *patch; /* NULL: nothing is told */
    } rows[] = {
        { "a name more", "{\"interval\":30,\"a\":1}", 2, "{\"a\":1,\"$version\":2}" },
        { "nothing of it", "{\"interval\":30,\"a\":1}", 2, NULL },
        { "a name less", "{\"interval\":30}", 3, "{\"a\":null,\"$version\":3}" },
        { "two at once, seen as one", "{\"interval\":5}", 5, "{\"interval\":5,\"$version\":5}" },
        { "begun anew", "{\"b\":2}", 1, "{\"interval\":null,\"b\":2,\"$version\":1}" },
        { "and on from there", "{\"b\":3}", 2, "{\"b\":3,\"$version\":2}" },
        { "begun anew, with the same", "{\"b\":3}", 1, NULL },
        { "and on from there", "{\"b\":4}", 2, "{\"b\":4,\"$version\":2}" },
        { "begun anew at the version that it had", "{\"b\":5}", 2, "{\"b\":5,\"$version\":2}" },
    };
    struct dev l;
    char topic[80];

    (void)state;
    open_dev(&l, &prompt);
    greet(&l);
    subscribe(&l, DESIRED, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        front_rig_put_desired(l.front, ID, 'k', rows[i].desired, rows[i].version);
        dev_settle(&l);
        if (rows[i].patch == NULL) {
            dev_expect_silence(&l);
            continue;
        }
        (void)snprintf(topic, sizeof topic, "$iothub/twin/PATCH/properties/desired/?$version=%d",
                       (int)rows[i].version);
        expect_publish(&l, topic, rows[i].patch, 1);
        dev_expect_silence(&l);
    }
    dev_close(&l);
}

static void test_desired_as_subscribed(void **state)
{
    struct dev l;

    (void)state;
    open_dev(&l, &prompt);
    greet(&l);
    front_rig_put_desired(l.front, ID, 'k', "{\"a\":1}", 2);
    dev_settle(&l);
    dev_expect_silence(&l); /* it did not subscribe */
    subscribe(&l, DESIRED, 0);
    front_rig_put_desired(l.front, ID, 'k', "{\"a\":2}", 3);
    dev_settle(&l);
    expect_publish(&l, "$iothub/twin/PATCH/properties/desired/?$version=3",
                   "{\"a\":2,\"$version\":3}", 0);
    berth_mqtt_put_publish(&l.out, BERTH_STR(REPORT "1"), BERTH_STR("{\"x\":1}"), 0, 0);
    dev_send(&l, 0);
    dev_settle(&l);
    dev_expect_silence(&l); /* what it reported is no change of what is desired */
    berth_buf_put(&l.out, BERTH_STR("\xa2\x2b\x00\x05\x00\x27" DESIRED)); /* UNSUBSCRIBE */
    dev_send(&l, 0);
    (void)dev_expect(&l, BERTH_MQTT_UNSUBACK);
    front_rig_put_desired(l.front, ID, 'k', "{\"a\":3}", 4);
    dev_settle(&l);
    dev_expect_silence(&l);
    dev_close(&l);
}

/* The largest section there is goes, and another comes. */
static void test_largest_patch(void **state)
{
    char *before = malloc(BERTH_TWIN_SECTION_MAX + 1), *after = malloc(BERTH_TWIN_SECTION_MAX + 1);
    struct berth_mqtt_packet p;
    struct dev l;

    (void)state;
    assert_true(before != NULL && after != NULL);
    for (int which = 0; which < 2; which++) {
        char *text = which == 0 ? before : after;
        size_t n = (size_t)sprintf(text, "{");
        for (int i = 0; i < 900; i++)
            n += (size_t)sprintf(text + n, "\"%c%027d\":%d,", 'a' + which, i, i);
        assert_in_range(n, 30000, BERTH_TWIN_SECTION_MAX);
        text[n - 1] = '}';
    }
    open_dev(&l, &prompt);
    greet(&l);
    subscribe(&l, DESIRED, 1);
    front_rig_put_desired(l.front, ID, 'k', before, 2);
    dev_settle(&l);
    assert_true(dev_expect(&l, BERTH_MQTT_PUBLISH).payload.n > 30000);
    front_rig_put_desired(l.front, ID, 'k', after, 3);
    dev_settle(&l);
    p = dev_expect(&l, BERTH_MQTT_PUBLISH);
    assert_true(p.payload.n > 60000); /* every old name a null, every new one a value */
    assert_true(dev_has(p.payload, "\"$version\":3}"));
    expect_ping_works(&l);
    dev_close(&l);
    free(before);
    free(after);
}

/* ---- the connection goes meanwhile ---- */

static void test_closed_meanwhile(void **state)
{
    (void)state;
    for (int what = 0; what < 3; what++) {
        struct dev l;
        open_dev(&l, &prompt);
        if (what > 0)
            greet(&l);
        fake_store_set(l.front->store, &slow);
        if (what == 0)
            say_good_connect(&l);
        else
            say_publish(&l, what == 1 ? GET "1" : REPORT "1", "{\"a\":1}", 0);
        dev_send(&l, 0);
        rig_close(&l.socket);
        if (what < 2) /* else the store's port goes first */
            front_rig_settle(l.front);
        assert_false(is_connected(&l));
        dev_close(&l);
    }
}

static void test_device_does_not_read(void **state)
{
    struct dev l;

    (void)state;
    open_dev(&l, &prompt);
    greet(&l);
    subscribe(&l, ANSWERS, 0);
    l.socket.capacity = 3;
    say_publish(&l, GET "1", "", 0);
    say_publish(&l, GET "2", "", 0);
    dev_send(&l, 0);
    dev_settle(&l);
    while (l.socket.starved) {
        rig_drain(&l.socket, 5);
        dev_settle(&l);
    }
    rig_drain(&l.socket, RIG_ALL);
    dev_settle(&l);
    for (int i = 0; i < 2; i++)
        (void)dev_expect(&l, BERTH_MQTT_PUBLISH);
    dev_close(&l);
}

/* ---- what the registry keeps ---- */

static void wait_for_times(struct dev *l)
{
    loop_skip(l->front->front.loop, PRESENCE_DELAY_MS + LOOP_TICK_MS);
    for (int i = 0; i < 100000 && !presence_is_idle(l->front->front.presence); i++)
        front_rig_turn(l->front);
    assert_true(presence_is_idle(l->front->front.presence));
}

static void test_times(void **state)
{
    const struct berth_hub_device *d;
    int64_t connected, ended;
    struct dev l;

    (void)state;
    open_dev(&l, &slow);
    greet(&l);
    connected = loop_now_ms(l.front->front.loop);
    assert_int_equal(front_rig_device(l.front, ID)->connection_updated_ms, BERTH_TIME_NEVER);
    l.front->stale = 2; /* somebody else writes meanwhile */
    wait_for_times(&l);
    d = front_rig_device(l.front, ID);
    assert_in_range(d->connection_updated_ms, connected - 1000, connected);
    assert_in_range(d->last_activity_ms, connected - 1000, connected);
    ended = loop_now_ms(l.front->front.loop);
    rig_close(&l.socket);
    wait_for_times(&l);
    d = front_rig_device(l.front, ID);
    assert_in_range(d->connection_updated_ms, ended, ended + 1000);
    dev_close(&l);
}

/* Somebody else is faster seven times: the eighth try writes. Once more, and there is none. */
static void test_times_contended(void **state)
{
    (void)state;
    for (int stale = 7; stale <= 8; stale++) {
        struct dev l;
        unsigned before;

        open_dev(&l, &prompt);
        greet(&l);
        before = l.front->commits;
        l.front->stale = stale;
        wait_for_times(&l);
        assert_int_equal(l.front->commits - before, 8);
        CHECK("written", (front_rig_device(l.front, ID)->connection_updated_ms !=
                          BERTH_TIME_NEVER) == (stale == 7));
        l.front->stale = 0;
        dev_close(&l);
    }
}

/* As many notes as may wait are all looked at; one more is lost. */
static void test_most_times(void **state)
{
    struct dev l;

    (void)state;
    open_dev(&l, &prompt);
    for (unsigned more = 0; more <= 1; more++) {
        unsigned before = l.front->reads;

        for (unsigned i = 0; i < PRESENCE_MAX + more; i++)
            presence_note(l.front->front.presence, BERTH_STR("no.hub"), BERTH_STR("no-device"), 1,
                          1);
        wait_for_times(&l);
        assert_int_equal(l.front->reads - before, PRESENCE_MAX);
    }
    dev_close(&l);
}

static void test_times_of_a_device_that_went(void **state)
{
    struct dev l;

    (void)state;
    open_dev(&l, &prompt);
    greet(&l);
    front_rig_delete_device(l.front, ID);
    dev_settle(&l);
    dev_expect_closed(&l);
    wait_for_times(&l);
    assert_int_equal(front_rig_count(l.front, BERTH_KIND_DEVICE, FRONT_RIG_HUB), 0);
    dev_close(&l);
}

/* Messages cost no writes: only now and then the last activity is kept. */
static void test_beat(void **state)
{
    struct dev l;
    unsigned before;

    (void)state;
    open_dev(&l, &prompt);
    greet(&l);
    wait_for_times(&l);
    before = l.front->commits;
    for (int i = 0; i < 4; i++) {
        say_publish(&l, EVENTS, "x", 0);
        dev_send(&l, 0);
        loop_skip(l.front->front.loop, 58 * 1000);
        front_rig_settle(l.front);
    }
    assert_int_equal(l.front->commits, before);
    for (int i = 0; i < 2; i++) {
        say_ping(&l);
        dev_send(&l, 0);
        loop_skip(l.front->front.loop, 58 * 1000);
    }
    wait_for_times(&l);
    assert_int_equal(l.front->commits, before + 1);
    dev_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_connect_refusals),
        cmocka_unit_test(test_token_malformed),
        cmocka_unit_test(test_store_fails_at_login),
        cmocka_unit_test(test_rate_of_connections),
        cmocka_unit_test(test_takeover),
        cmocka_unit_test(test_device_changes),
        cmocka_unit_test(test_token_expires),
        cmocka_unit_test(test_tokens_without_end),
        cmocka_unit_test(test_clock_is_set),
        cmocka_unit_test(test_bound_of_timers),
        cmocka_unit_test(test_daemon_stops),
        cmocka_unit_test(test_other_topics),
        cmocka_unit_test(test_subscriptions),
        cmocka_unit_test(test_largest_message),
        cmocka_unit_test(test_retained),
        cmocka_unit_test(test_will),
        cmocka_unit_test(test_twin_refusals),
        cmocka_unit_test(test_longest_refusal),
        cmocka_unit_test(test_report_too_large),
        cmocka_unit_test(test_twin_contended),
        cmocka_unit_test(test_store_fails),
        cmocka_unit_test(test_unheard),
        cmocka_unit_test(test_rid_bound),
        cmocka_unit_test(test_desired),
        cmocka_unit_test(test_desired_as_subscribed),
        cmocka_unit_test(test_largest_patch),
        cmocka_unit_test(test_closed_meanwhile),
        cmocka_unit_test(test_device_does_not_read),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_times_contended),
        cmocka_unit_test(test_most_times),
        cmocka_unit_test(test_times_of_a_device_that_went),
        cmocka_unit_test(test_beat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
