/* The DPS device API over MQTT, packet by packet: order, bounds, time-outs, back-pressure. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front/mqtt_link.h"
#include "prov/dps_device.h"
#include "unit/check.h"
#include "unit/rig_dev.h"
#include "wire/mqtt.h"

#define ID        "sn-007"
#define USER      FRONT_RIG_SCOPE "/registrations/" ID "/api-version=2019-03-31&ClientVersion=x"
#define WRONG_KEY "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define REGISTER  "$dps/registrations/PUT/iotdps-register/?$rid="
#define POLL      "$dps/registrations/GET/iotdps-get-operationstatus/?$rid="

static const struct fake_options prompt = { 0 };
static const struct fake_options slow = { .seed = 5, .delay_max = 50 };

/* ---- what the device says ---- */

static void say_connect(struct dev *l, const char *user, const char *password, uint16_t keep_alive)
{
    berth_mqtt_put_connect(&l->out, BERTH_STR(ID), berth_str_of(user), berth_str_of(password), true,
                           keep_alive);
}

static void say_good_connect(struct dev *l, uint16_t keep_alive)
{
    const char *key = front_rig_key(l->front, ID);

    say_connect(l, USER, front_rig_token(l->front, ID, key), keep_alive);
}

static void say_subscribe(struct dev *l, uint8_t qos)
{
    berth_mqtt_put_subscribe(&l->out, 7, BERTH_STR(BERTH_DPS_RESPONSE_FILTER), qos);
}

static void say_publish(struct dev *l, const char *topic, const char *payload, uint8_t qos)
{
    berth_mqtt_put_publish(&l->out, berth_str_of(topic), berth_str_of(payload), qos, 9);
}

/* ---- what it hears ---- */

/* An answer to RID with STATUS, whose body has HAS. */
static void expect_answer(struct dev *l, int status, const char *rid, const char *has)
{
    struct berth_mqtt_packet p = dev_expect(l, BERTH_MQTT_PUBLISH);
    struct berth_dps_answer_topic topic;

    assert_int_equal(berth_dps_answer_topic_parse(p.topic, &topic), BERTH_OK);
    if (topic.status != status)
        fail_msg("status %d: %.*s", topic.status, BERTH_STR_ARG(p.payload));
    assert_true(berth_str_eq(topic.rid, berth_str_of(rid)));
    if (status >= 500) /* Embedded C asks again at once without */
        assert_int_equal(topic.retry_after_s, BERTH_RETRY_AFTER_S);
    if (!dev_has(p.payload, has))
        fail_msg("no %s in %.*s", has, BERTH_STR_ARG(p.payload));
}

/* CONNECT and SUBSCRIBE, answered. */
static void greet(struct dev *l)
{
    say_good_connect(l, 60);
    say_subscribe(l, 1);
    dev_send(l, 0);
    dev_expect_connack(l, BERTH_MQTT_ACCEPTED);
    assert_int_equal(dev_expect(l, BERTH_MQTT_SUBACK).code, 1);
}

/* ---- turns ---- */

static unsigned answers_to_pings(struct dev *l)
{
    struct berth_mqtt_packet p;
    unsigned n = 0;

    while (dev_hear(l, &p))
        n += p.type == BERTH_MQTT_PINGRESP;
    return n;
}

/* Thousands of packets in one flight, whole or in pieces, leave the loop to others between. */
static void test_turns(void **state)
{
    enum { PINGS = 1000 };
    static const size_t steps[] = { 0, 3 };

    (void)state;
    for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
        struct dev l, other;
        unsigned heard, turns = 0;
        dev_open(&l, &prompt);
        dev_join(&other, &l);
        greet(&l);
        greet(&other);
        for (int i = 0; i < PINGS; i++)
            berth_mqtt_put_empty(&l.out, BERTH_MQTT_PINGREQ);
        dev_send(&l, steps[s]);
        heard = answers_to_pings(&l);
        if (steps[s] == 0) /* with the two that greeted */
            assert_int_equal(heard, MQTT_TURN_MAX - 2);
        assert_in_range(heard, 1, MQTT_TURN_MAX);
        berth_mqtt_put_empty(&other.out, BERTH_MQTT_PINGREQ);
        dev_send(&other, 0); /* is served meanwhile */
        assert_int_equal(answers_to_pings(&other), 1);
        for (; heard < PINGS && turns < PINGS; turns++) {
            front_rig_turn(l.front);
            rig_turn(&l.socket);
            heard += answers_to_pings(&l);
        }
        assert_int_equal(heard, PINGS); /* and nothing is lost */
        dev_close(&other);
        dev_close(&l);
    }
}

/* ---- the budget for what waits for its rest ---- */

static void test_budget_of_packets(void **state)
{
    enum { PART = 10000 };
    static char payload[20000];

    (void)state;
    for (size_t lacking = 0; lacking < 2; lacking++) {
        struct dev l;
        struct loop *loop;
        dev_open(&l, &prompt);
        loop = l.front->front.loop;
        greet(&l);
        memset(payload, 'x', sizeof payload - 1);
        say_publish(&l, "devices/x", payload, 0);
        assert_true(loop_hold(loop, LOOP_HELD_LARGE_MAX - PART + lacking));
        l.out.n = PART;
        dev_send(&l, 0);
        rig_turn(&l.socket);
        assert_int_equal(l.socket.closed, lacking == 1);
        assert_int_equal(l.front->metrics.reasons[BERTH_WHY_OVERLOADED], lacking);
        loop_let_go(loop, LOOP_HELD_LARGE_MAX - PART + lacking);
        dev_close(&l);
    }
}

/* What is kept for small pieces is not for large packets that come in such. */
static void test_budget_of_pieces(void **state)
{
    enum { PART = 10000, PIECE = LOOP_HELD_SMALL };
    static char payload[20000];
    struct loop *loop;
    struct dev l;

    (void)state;
    dev_open(&l, &prompt);
    loop = l.front->front.loop;
    greet(&l);
    memset(payload, 'x', sizeof payload - 1);
    say_publish(&l, "devices/x", payload, 0);
    assert_true(loop_hold(loop, LOOP_HELD_LARGE_MAX - PIECE));
    l.out.n = PART;
    dev_send(&l, PIECE);
    rig_turn(&l.socket);
    assert_true(l.socket.closed);
    assert_int_equal(l.front->metrics.reasons[BERTH_WHY_OVERLOADED], 1);
    loop_let_go(loop, LOOP_HELD_LARGE_MAX - PIECE);
    dev_close(&l);
}

/* ---- the way it goes ---- */

static void test_registration(void **state)
{
    struct dev l;
    struct berth_mqtt_packet p;

    (void)state;
    dev_open(&l, &slow);
    greet(&l);
    say_publish(&l, REGISTER "42", "{\"registrationId\":\"" ID "\"}", 1);
    dev_send(&l, 0);
    dev_expect_silence(&l);
    dev_settle(&l);
    assert_int_equal(dev_expect(&l, BERTH_MQTT_PUBACK).packet_id,
                     9); /* with the answer, before it */
    p = dev_expect(&l, BERTH_MQTT_PUBLISH);
    assert_true(berth_str_eq(p.topic, BERTH_STR("$dps/registrations/res/200/?$rid=42")));
    assert_int_equal(p.qos, 1);
    assert_true(p.packet_id != 0);
    assert_false(p.retain);
    assert_true(dev_has(p.payload, "\"status\":\"assigned\""));
    assert_true(dev_has(p.payload, "\"assignedHub\":\"" FRONT_RIG_HUB "\""));
    assert_true(dev_has(p.payload, "\"substatus\":\"initialAssignment\""));
    dev_expect_silence(&l);
    berth_mqtt_put_puback(&l.out, p.packet_id);
    berth_mqtt_put_empty(&l.out, BERTH_MQTT_PINGREQ);
    dev_send(&l, 0);
    (void)dev_expect(&l, BERTH_MQTT_PINGRESP);
    berth_mqtt_put_empty(&l.out, BERTH_MQTT_DISCONNECT);
    dev_send(&l, 0);
    dev_expect_closed(&l); /* Node waits for it */
    dev_close(&l);
}

/* Everything in one read, or byte by byte: the device hears the same. */
static void test_pipelined(void **state)
{
    static const size_t steps[] = { 0, 1, 2, 7, 100 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct dev l;
        dev_open(&l, &slow);
        say_good_connect(&l, 0);
        say_subscribe(&l, 1);
        say_publish(&l, REGISTER "a", "", 1);
        say_publish(&l, REGISTER "b", " ", 0);
        berth_mqtt_put_empty(&l.out, BERTH_MQTT_PINGREQ);
        dev_send(&l, steps[i]);
        dev_settle(&l);
        dev_expect_connack(&l, BERTH_MQTT_ACCEPTED);
        (void)dev_expect(&l, BERTH_MQTT_SUBACK);
        (void)dev_expect(&l, BERTH_MQTT_PUBACK);
        expect_answer(&l, 200, "a", "\"status\":\"assigned\"");
        expect_answer(&l, 200, "b", "\"status\":\"assigned\"");
        (void)dev_expect(&l, BERTH_MQTT_PINGRESP);
        dev_expect_silence(&l);
        assert_false(l.socket.closed);
        dev_close(&l);
    }
}

static void test_qos_0(void **state)
{
    struct dev l;
    struct berth_mqtt_packet p;

    (void)state;
    dev_open(&l, &prompt);
    say_good_connect(&l, 0);
    say_subscribe(&l, 0);
    say_publish(&l, REGISTER "1", "", 0);
    dev_send(&l, 0);
    dev_settle(&l);
    dev_expect_connack(&l, BERTH_MQTT_ACCEPTED);
    assert_int_equal(dev_expect(&l, BERTH_MQTT_SUBACK).code, 0);
    p = dev_expect(&l, BERTH_MQTT_PUBLISH); /* no PUBACK, and not above what was granted */
    assert_int_equal(p.qos, 0);
    assert_true(dev_has(p.payload, "\"status\":\"assigned\""));
    dev_close(&l);
}

static void test_assigning_then_poll(void **state)
{
    struct dev l;
    struct berth_mqtt_packet p;
    const char *operation;
    char topic[256];

    (void)state;
    dev_open(&l, &slow);
    greet(&l);
    say_publish(&l, REGISTER "1", "", 1);
    dev_send(&l, 0);
    loop_skip(l.front->front.loop, REGISTRAR_DEADLINE_MS + LOOP_TICK_MS);
    (void)dev_expect(&l, BERTH_MQTT_PUBACK);
    p = dev_expect(&l, BERTH_MQTT_PUBLISH);
    assert_true(
        berth_str_eq(p.topic, BERTH_STR("$dps/registrations/res/202/?$rid=1&retry-after=3")));
    assert_true(dev_has(p.payload, "\"status\":\"assigning\""));
    operation = memmem(p.payload.p, p.payload.n, "\"operationId\":\"", 15);
    assert_non_null(operation);
    (void)snprintf(topic, sizeof topic, POLL "2&operationId=%.55s", operation + 15);
    dev_settle(&l);
    say_publish(&l, topic, " ", 1);
    dev_send(&l, 0);
    dev_settle(&l);
    (void)dev_expect(&l, BERTH_MQTT_PUBACK);
    expect_answer(&l, 200, "2", "\"status\":\"assigned\"");
    dev_expect_silence(&l);
    dev_close(&l);
}

static void test_largest_answer(void **state)
{
    static const char *const ids[] = { "2", "3", "4" };
    char topic[256], operation[56];
    size_t payload = 100, longest = 0;
    struct berth_mqtt_packet p;
    struct dev l;

    (void)state;
    dev_open(&l, &prompt);
    greet(&l);
    say_publish(&l, REGISTER "1", "", 1);
    dev_send(&l, 0);
    dev_settle(&l);
    (void)dev_expect(&l, BERTH_MQTT_PUBACK);
    p = dev_expect(&l, BERTH_MQTT_PUBLISH);
    memcpy(operation, (char *)memmem(p.payload.p, p.payload.n, "\"operationId\":\"", 15) + 15, 55);
    operation[55] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        front_rig_put_registration(l.front, ID, berth_str_of(operation), payload);
        (void)snprintf(topic, sizeof topic, POLL "%s&operationId=%s", ids[i], operation);
        say_publish(&l, topic, "", 1);
        dev_send(&l, 0);
        dev_settle(&l);
        (void)dev_expect(&l, BERTH_MQTT_PUBACK);
        if (i == 2) {
            expect_answer(&l, 500, ids[i], "\"errorCode\":500");
            break;
        }
        p = dev_expect(&l, BERTH_MQTT_PUBLISH);
        longest = p.payload.n;
        payload += i == 0 ? BERTH_DPS_ANSWER_MAX - longest : 1;
    }
    assert_int_equal(longest, BERTH_DPS_ANSWER_MAX);
    dev_close(&l);
}

/* ---- refusals, told to the device ---- */

static const struct {
    const char *name, *topic, *payload;
    bool wrong_key;
    int status;
    const char *has;
} refusals[] = {
    { "wrong key", REGISTER "1", "", true, 401, "\"errorCode\":401002" },
    { "not JSON", REGISTER "1", "{", false, 400, "\"errorCode\":400004" },
    { "not an object", REGISTER "1", "[]", false, 400, "\"errorCode\":400004" },
    { "another ID", REGISTER "1", "{\"registrationId\":\"sn-008\"}", false, 400,
      "\"errorCode\":400202" },
    { "no operation", POLL "1", " ", false, 404, "\"errorCode\":404203" },
    { "an unknown operation", POLL "1&operationId=5.0.0", " ", false, 404, "\"errorCode\":404203" },
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct dev l;
        dev_open(&l, &prompt);
        say_connect(&l, USER,
                    front_rig_token(l.front, ID,
                                    refusals[i].wrong_key ? WRONG_KEY : front_rig_key(l.front, ID)),
                    60);
        say_subscribe(&l, 1);
        say_publish(&l, refusals[i].topic, refusals[i].payload, 1);
        dev_send(&l, 0);
        dev_settle(&l);
        dev_expect_connack(&l, BERTH_MQTT_ACCEPTED); /* as Azure: the answer is where it is told */
        (void)dev_expect(&l, BERTH_MQTT_SUBACK);
        (void)dev_expect(&l, BERTH_MQTT_PUBACK);
        expect_answer(&l, refusals[i].status, "1", refusals[i].has);
        assert_false(l.socket.close_wanted);
        dev_close(&l);
    }
}

static void test_no_password(void **state)
{
    struct dev l;

    (void)state;
    dev_open(&l, &prompt);
    berth_mqtt_put_connect(&l.out, BERTH_STR(ID), BERTH_STR(USER), (berth_str){ 0 }, true, 60);
    say_subscribe(&l, 1);
    say_publish(&l, REGISTER "1", "", 1);
    dev_send(&l, 0);
    dev_settle(&l);
    dev_expect_connack(&l, BERTH_MQTT_ACCEPTED);
    (void)dev_expect(&l, BERTH_MQTT_SUBACK);
    (void)dev_expect(&l, BERTH_MQTT_PUBACK);
    expect_answer(&l, 401, "1", "\"message\":\"Unauthorized\"");
    assert_int_equal(l.front->metrics.reasons[BERTH_WHY_CREDENTIAL_MISSING], 1);
    dev_close(&l);
}

static void test_not_subscribed(void **state)
{
    struct dev l;

    (void)state;
    dev_open(&l, &prompt);
    say_good_connect(&l, 60);
    say_publish(&l, REGISTER "1", "", 1);
    berth_mqtt_put_subscribe(&l.out, 3, BERTH_STR("$dps/registrations/#"), 1);
    say_publish(&l, REGISTER "2", "", 1);
    dev_send(&l, 0);
    dev_settle(&l);
    dev_expect_connack(&l, BERTH_MQTT_ACCEPTED);
    (void)dev_expect(&l, BERTH_MQTT_PUBACK);
    assert_int_equal(dev_expect(&l, BERTH_MQTT_SUBACK).code, 0x80);
    (void)dev_expect(&l, BERTH_MQTT_PUBACK);
    dev_expect_silence(&l);
    dev_close(&l);
}

/* ---- connections that end ---- */

static void test_connect_refusals(void **state)
{
    static const struct {
        const char *name, *user;
        uint8_t code;
        enum berth_reason counted;
    } cases[] = {
        { "a hub's device", "hub-a.example/" ID "/?api-version=2021-04-12",
          BERTH_MQTT_NOT_AUTHORIZED, BERTH_WHY_TOKEN_MALFORMED },
        { "no slash", "somebody", BERTH_MQTT_BAD_LOGIN, BERTH_WHY_NONE },
        { "empty", "", BERTH_MQTT_BAD_LOGIN, BERTH_WHY_NONE },
        { "no ID", FRONT_RIG_SCOPE "/registrations/", BERTH_MQTT_BAD_LOGIN, BERTH_WHY_NONE },
        { "no scope", "/registrations/" ID, BERTH_MQTT_BAD_LOGIN, BERTH_WHY_NONE },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dev l;
        dev_open(&l, &prompt);
        say_connect(&l, cases[i].user, "x", 60);
        say_subscribe(&l, 1); /* nobody hears it any more */
        dev_send(&l, 0);
        dev_expect_connack(&l, cases[i].code);
        dev_expect_silence(&l);
        dev_expect_closed(&l);
        if (cases[i].counted != BERTH_WHY_NONE)
            CHECK(cases[i].name, l.front->metrics.reasons[cases[i].counted] == 1);
        dev_close(&l);
    }
}

static void test_words_without_regard_to_case(void **state)
{
    struct dev l;

    (void)state;
    dev_open(&l, &prompt);
    say_connect(&l, FRONT_RIG_SCOPE "/Registrations/" ID "/api-version=2019-03-31", "x", 60);
    dev_send(&l, 0);
    dev_expect_connack(&l, BERTH_MQTT_ACCEPTED);
    dev_close(&l);
}

static void test_no_user_name(void **state)
{
    struct dev l;

    (void)state;
    dev_open(&l, &prompt);
    berth_mqtt_put_connect(&l.out, BERTH_STR(ID), (berth_str){ 0 }, (berth_str){ 0 }, true, 60);
    dev_send(&l, 0);
    dev_expect_connack(&l, BERTH_MQTT_BAD_LOGIN);
    dev_expect_closed(&l);
    dev_close(&l);
}

static void test_other_protocol_level(void **state)
{
    static const char connect_5[] = "\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01x";
    struct dev l;

    (void)state;
    dev_open(&l, &prompt);
    rig_offer(&l.socket, connect_5, sizeof connect_5 - 1);
    dev_expect_connack(&l, BERTH_MQTT_BAD_PROTOCOL);
    dev_expect_closed(&l);
    dev_close(&l);
}

static void test_packets_that_end_it(void **state)
{
    static const struct {
        const char *name;
        bool greeted;
        const char *bytes;
        size_t n;
    } cases[] = {
        { "PINGREQ first", false, "\xc0\x00", 2 },
        { "HTTP", false, "GET / HTTP/1.1\r\n\r\n", 18 },
        { "PINGRESP", true, "\xd0\x00", 2 },
        { "SUBACK", true, "\x90\x03\x00\x01\x00", 5 },
        { "CONNACK", true, "\x20\x02\x00\x00", 4 },
        { "reserved type", true, "\xf0\x00", 2 },
        { "a publish elsewhere", true,
          "\x30\x05\x00\x03"
          "a/b",
          7 },
        { "QoS 2", true,
          "\x34\x05\x00\x01"
          "a\x00\x01",
          7 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dev l;
        dev_open(&l, &prompt);
        if (cases[i].greeted)
            greet(&l);
        rig_offer(&l.socket, cases[i].bytes, cases[i].n);
        dev_expect_silence(&l);
        rig_turn(&l.socket);
        CHECK(cases[i].name, l.socket.closed);
        dev_close(&l);
    }
}

static void test_second_connect(void **state)
{
    struct dev l;

    (void)state;
    dev_open(&l, &prompt);
    greet(&l);
    say_good_connect(&l, 60);
    dev_send(&l, 0);
    dev_expect_silence(&l);
    dev_expect_closed(&l);
    dev_close(&l);
}

/* ---- bounds ---- */

/* A packet of SIZE bytes in all: type and flags, four bytes of length, zeros. */
static void offer_packet_of(struct dev *l, uint8_t first, size_t size)
{
    uint8_t head[5] = { first };
    size_t rest = size - sizeof head;
    uint8_t *zeros = calloc(1, rest);

    assert_non_null(zeros);
    for (int i = 0; i < 4; i++)
        head[1 + i] = (uint8_t)((rest >> 7 * i & 127) | (i < 3 ? 128 : 0));
    rig_offer(&l->socket, head, sizeof head);
    if (!l->socket.close_wanted)
        rig_offer(&l->socket, zeros, rest / 2);
    free(zeros);
}

static void test_packet_bounds(void **state)
{
    static const struct {
        const char *name;
        bool greeted;
        uint8_t first;
        size_t max;
    } cases[] = {
        { "CONNECT", false, 0x10, 8 * 1024 },
        { "PUBLISH", true, 0x30, 128 * 1024 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t over = 0; over < 2; over++) {
            struct dev l;
            dev_open(&l, &prompt);
            if (cases[i].greeted)
                greet(&l);
            offer_packet_of(&l, cases[i].first, cases[i].max + over);
            rig_turn(&l.socket);
            /* one too large ends with its header; the other is waited for */
            CHECK(cases[i].name, l.socket.closed == (over == 1));
            dev_close(&l);
        }
    }
}

static void test_largest_publish(void **state)
{
    const size_t topic = strlen(REGISTER "1"), head = 1 + 3 + 2 + topic + 2;
    const char body[] = "{\"payload\":\"";
    struct dev l;
    char *payload = malloc(128 * 1024);

    (void)state;
    assert_non_null(payload);
    memset(payload, 'x', 128 * 1024);
    memcpy(payload, body, sizeof body - 1);
    memcpy(payload + 128 * 1024 - head - 2, "\"}", 3);
    dev_open(&l, &prompt);
    greet(&l);
    say_publish(&l, REGISTER "1", payload, 1);
    assert_int_equal(l.out.n, 128 * 1024);
    dev_send(&l, 1000);
    dev_settle(&l);
    (void)dev_expect(&l, BERTH_MQTT_PUBACK);
    expect_answer(&l, 200, "1", "\"status\":\"assigned\"");
    dev_close(&l);
    free(payload);
}

static void test_request_id_bounds(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        char topic[512] = REGISTER, rid[BERTH_DPS_RID_MAX + 2] = "";
        struct dev l;
        memset(rid, 'r', BERTH_DPS_RID_MAX + over);
        strcat(topic, rid);
        dev_open(&l, &prompt);
        greet(&l);
        say_publish(&l, topic, "", 0);
        dev_send(&l, 0);
        dev_settle(&l);
        if (over == 0)
            expect_answer(&l, 200, rid, "\"status\":\"assigned\"");
        else
            dev_expect_closed(&l);
        dev_close(&l);
    }
}

/* ---- time ---- */

static void test_keep_alive(void **state)
{
    static const struct {
        const char *name;
        uint16_t keep_alive_s;
        int64_t ms;
    } cases[] = {
        { "one second", 1, 1500 },
        { "a minute", 60, 90 * 1000 },
        { "longer than a CONNECT may take", 240, 360 * 1000 },
        { "none: ten minutes", 0, 600 * 1000 },
        { "the longest that counts", 1178, 1767 * 1000 },
        { "longer than that", 65535, 1767 * 1000 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int packets = 0; packets < 2; packets++) { /* after CONNECT alone, and after a ping */
            struct dev l;
            dev_open(&l, &prompt);
            say_good_connect(&l, cases[i].keep_alive_s);
            dev_send(&l, 0);
            if (packets > 0) {
                loop_skip(l.front->front.loop, cases[i].ms / 4 * 3);
                berth_mqtt_put_empty(&l.out, BERTH_MQTT_PINGREQ);
                dev_send(&l, 0);
            }
            loop_skip(l.front->front.loop, cases[i].ms - 500);
            rig_turn(&l.socket);
            CHECK(cases[i].name, !l.socket.closed);
            loop_skip(l.front->front.loop, 500 + LOOP_TICK_MS);
            rig_turn(&l.socket);
            CHECK(cases[i].name, l.socket.closed);
            dev_close(&l);
        }
    }
}

/* Fifteen seconds from the handshake, however the bytes are eked out. */
static void test_slow_connect(void **state)
{
    struct dev l;
    berth_str rest;
    int sent = 0;

    (void)state;
    dev_open(&l, &prompt);
    say_good_connect(&l, 60);
    rest = berth_buf_str(&l.out);
    for (; !l.socket.close_wanted && sent < 100; sent++) {
        rig_offer(&l.socket, rest.p + sent, 1);
        loop_skip(l.front->front.loop, 1000);
    }
    assert_in_range(sent, 14, 16);
    dev_expect_closed(&l);
    dev_close(&l);
}

/* ---- back-pressure ---- */

static void test_device_does_not_read(void **state)
{
    struct dev l;

    (void)state;
    dev_open(&l, &prompt);
    greet(&l);
    l.socket.capacity = 3; /* not even a PUBACK */
    say_publish(&l, REGISTER "1", "", 1);
    dev_send(&l, 0);
    dev_settle(&l);
    say_publish(&l, REGISTER "2", "", 1);
    berth_mqtt_put_empty(&l.out, BERTH_MQTT_PINGREQ);
    dev_send(&l, 0);
    dev_settle(&l);
    assert_true(l.socket.in.n > 0); /* what it says is not taken before it reads */
    while (l.socket.starved) {
        rig_drain(&l.socket, 1);
        dev_settle(&l);
    }
    rig_drain(&l.socket, RIG_ALL);
    dev_settle(&l);
    (void)dev_expect(&l, BERTH_MQTT_PUBACK);
    expect_answer(&l, 200, "1", "\"status\":\"assigned\"");
    (void)dev_expect(&l, BERTH_MQTT_PUBACK);
    expect_answer(&l, 200, "2", "\"status\":\"assigned\"");
    (void)dev_expect(&l, BERTH_MQTT_PINGRESP);
    dev_expect_silence(&l);
    assert_int_equal(l.socket.in.n, 0);
    dev_close(&l);
}

static void test_device_never_reads(void **state)
{
    struct dev l;

    (void)state;
    dev_open(&l, &prompt);
    greet(&l);
    l.socket.capacity = 0;
    berth_mqtt_put_empty(&l.out, BERTH_MQTT_PINGREQ);
    dev_send(&l, 0);
    loop_skip(l.front->front.loop, 90 * 1000 + LOOP_TICK_MS);
    dev_expect_closed(&l);
    dev_close(&l);
}

/* ---- the connection goes while a registration is under way ---- */

/* As many bytes as a device may leave unread, and one more. */
static void test_tail_bound(void **state)
{
    static char bytes[MQTT_TAIL_MAX];
    struct berth_buf packet = { .p = bytes, .max = sizeof bytes };
    struct mqtt_link *link;
    struct dev l;

    (void)state;
    dev_open(&l, &prompt);
    greet(&l);
    link = (struct mqtt_link *)(void *)l.socket.l.above;
    l.socket.capacity = 0;
    for (size_t n = 0; n < MQTT_TAIL_MAX; n += packet.n) {
        packet.n = MQTT_TAIL_MAX / 4;
        mqtt_link_send(link, &packet);
    }
    CHECK("at the bound", !link->closing);
    packet.n = 1;
    mqtt_link_send(link, &packet);
    CHECK("past it", link->closing);
    dev_close(&l);
}

static void test_closed_meanwhile(void **state)
{
    struct dev l;

    (void)state;
    dev_open(&l, &slow);
    greet(&l);
    say_publish(&l, REGISTER "1", "", 1);
    dev_send(&l, 0);
    assert_int_equal(registrar_open(l.front->front.registrar), 1);
    rig_close(&l.socket);
    front_rig_settle(l.front);
    assert_int_equal(front_rig_count(l.front, BERTH_KIND_DEVICE, FRONT_RIG_HUB), 1);
    dev_close(&l);
}

/* Half closed: the answer is owed, and the end comes behind it. */
static void test_half_closed_meanwhile(void **state)
{
    struct dev l;

    (void)state;
    dev_open(&l, &slow);
    greet(&l);
    say_publish(&l, REGISTER "1", "", 1);
    dev_send(&l, 0);
    l.seen = l.socket.out.n;
    rig_end(&l.socket);
    assert_false(l.socket.close_wanted);
    loop_skip(l.front->front.loop, REGISTRAR_DEADLINE_MS + 2 * LOOP_TICK_MS);
    assert_true(l.socket.out.n > l.seen);
    assert_true(l.socket.close_wanted);
    dev_settle(&l);
    dev_close(&l);

    dev_open(&l, &slow); /* nothing is owed */
    greet(&l);
    rig_end(&l.socket);
    assert_true(l.socket.close_wanted);
    dev_settle(&l);
    dev_close(&l);
}

static void test_closing_meanwhile(void **state)
{
    struct dev l;

    (void)state;
    dev_open(&l, &slow);
    say_good_connect(&l, 1);
    say_subscribe(&l, 1);
    say_publish(&l, REGISTER "1", "", 1);
    dev_send(&l, 0);
    l.seen = l.socket.out.n;
    loop_skip(l.front->front.loop, 900); /* the deadline of the registration is still to come */
    loop_skip(l.front->front.loop, 700); /* both have passed */
    assert_true(l.socket.close_wanted);
    dev_settle(&l);
    dev_expect_closed(&l);
    dev_close(&l);
}

static void test_daemon_is_stopping(void **state)
{
    struct dev l;

    (void)state;
    dev_open(&l, &prompt);
    greet(&l);
    l.front->front.stopping = true;
    say_publish(&l, REGISTER "1", "", 1);
    dev_send(&l, 0);
    dev_settle(&l);
    (void)dev_expect(&l, BERTH_MQTT_PUBACK);
    expect_answer(&l, 503, "1", "\"errorCode\":503001");
    dev_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget_of_packets),
        cmocka_unit_test(test_budget_of_pieces),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_registration),
        cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_qos_0),
        cmocka_unit_test(test_assigning_then_poll),
        cmocka_unit_test(test_largest_answer),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_no_password),
        cmocka_unit_test(test_not_subscribed),
        cmocka_unit_test(test_connect_refusals),
        cmocka_unit_test(test_words_without_regard_to_case),
        cmocka_unit_test(test_no_user_name),
        cmocka_unit_test(test_other_protocol_level),
        cmocka_unit_test(test_packets_that_end_it),
        cmocka_unit_test(test_second_connect),
        cmocka_unit_test(test_packet_bounds),
        cmocka_unit_test(test_largest_publish),
        cmocka_unit_test(test_request_id_bounds),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_slow_connect),
        cmocka_unit_test(test_device_does_not_read),
        cmocka_unit_test(test_device_never_reads),
        cmocka_unit_test(test_tail_bound),
        cmocka_unit_test(test_closed_meanwhile),
        cmocka_unit_test(test_closing_meanwhile),
        cmocka_unit_test(test_half_closed_meanwhile),
        cmocka_unit_test(test_daemon_is_stopping),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
