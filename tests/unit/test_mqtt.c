#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "mqtt_vectors.h"
#include "wire/mqtt.h"

#define ROOM (BERTH_MQTT_PACKET_MAX + 64)

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t n = strlen(hex) / 2;

    for (size_t i = 0; i < n; i++) {
        char digits[3] = { hex[2 * i], hex[2 * i + 1], 0 };
        out[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return n;
}

/* Reads from a heap block of exactly N bytes, so that a read past its end is seen. The views of
 * *OUT are only good until *BLOCK is freed. */
static berth_err read_exact(const void *bytes, size_t n, struct berth_mqtt_packet *out,
                            size_t *used, char **block)
{
    *block = malloc(n > 0 ? n : 1);
    memcpy(*block, bytes, n);
    return berth_mqtt_read((berth_str){ *block, n }, BERTH_MQTT_PACKET_MAX, out, used);
}

static bool is(berth_str s, const char *text)
{
    return berth_str_eq(s, berth_str_of(text));
}

/* ---- what official SDKs send ---- */

static void check_content(const struct mqtt_vector *v, const struct berth_mqtt_packet *p)
{
    switch (v->type) {
    case BERTH_MQTT_CONNECT:
        CHECK(v->name, p->level == 4 && is(p->user, v->first));
        CHECK(v->name, is(p->client_id, strstr(v->name, "x509") ? "dev-x509" : "dev1"));
        CHECK(v->name, p->has_user && p->has_password == v->has_password && !p->has_will);
        CHECK(v->name, !v->has_password || is(p->password, v->second));
        CHECK(v->name, p->keep_alive_s == v->keep_alive_s && p->clean_session == v->clean);
        break;
    case BERTH_MQTT_PUBLISH:
        CHECK(v->name, is(p->topic, v->first) && is(p->payload, v->second));
        CHECK(v->name, p->qos == v->qos && !p->retain && !p->dup);
        break;
    case BERTH_MQTT_SUBSCRIBE:
    case BERTH_MQTT_UNSUBSCRIBE:
        CHECK(v->name, p->filter_count == 1 && is(p->filters[0], v->first));
        CHECK(v->name, p->filter_qos[0] == v->qos);
        break;
    default:
        break;
    }
}

static void put_again(struct berth_buf *b, const struct berth_mqtt_packet *p)
{
    switch (p->type) {
    case BERTH_MQTT_CONNECT:
        berth_mqtt_put_connect(b, p->client_id, p->user, p->password, p->clean_session,
                               p->keep_alive_s);
        break;
    case BERTH_MQTT_PUBLISH:
        berth_mqtt_put_publish(b, p->topic, p->payload, p->qos, p->packet_id);
        break;
    case BERTH_MQTT_SUBSCRIBE:
        berth_mqtt_put_subscribe(b, p->packet_id, p->filters[0], p->filter_qos[0]);
        break;
    default:
        berth_mqtt_put_empty(b, p->type);
        break;
    }
}

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mqtt_vectors); i++) {
        const struct mqtt_vector *v = &mqtt_vectors[i];
        uint8_t bytes[2048], again[2048];
        size_t n = unhex(v->hex, bytes), used;
        struct berth_mqtt_packet p;
        struct berth_buf b;
        char *block;

        CHECK(v->name, read_exact(bytes, n, &p, &used, &block) == BERTH_OK);
        CHECK(v->name, used == n && p.type == v->type && p.packet_id == v->packet_id);
        check_content(v, &p);
        berth_buf_init(&b, again, sizeof again);
        if (v->type != BERTH_MQTT_UNSUBSCRIBE) {
            put_again(&b, &p);
            CHECK(v->name, !b.over && b.n == n && memcmp(again, bytes, n) == 0);
        }
        free(block);
    }
}

/* Every prefix wants more, and a packet is taken from the front of what follows it. */
static void test_prefixes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mqtt_vectors); i++) {
        const struct mqtt_vector *v = &mqtt_vectors[i];
        uint8_t bytes[2048];
        size_t n = unhex(v->hex, bytes), used;
        struct berth_mqtt_packet p;
        char *block;

        for (size_t cut = 0; cut < n; cut++) {
            CHECK(v->name, read_exact(bytes, cut, &p, &used, &block) == BERTH_OK && used == 0);
            free(block);
        }
        memcpy(bytes + n, "\xe0\x00\xff", 3);
        CHECK(v->name, read_exact(bytes, n + 3, &p, &used, &block) == BERTH_OK && used == n);
        free(block);
    }
}

/* ---- forms ---- */

#define CONNECT_HEAD "00044d51545404"

static const struct {
    const char *name, *hex;
    berth_err want;
} forms[] = {
    /* first byte */
    { "type 0", "0000", BERTH_E_SYNTAX },
    { "type 15", "f000", BERTH_E_SYNTAX },
    { "type 0 at once, without a length", "00", BERTH_E_SYNTAX },
    { "CONNECT with flags", "110c" CONNECT_HEAD "02003c0000", BERTH_E_SYNTAX },
    { "PINGREQ", "c000", BERTH_OK },
    { "PINGREQ with flags", "c100", BERTH_E_SYNTAX },
    { "PINGREQ with a body", "c00100", BERTH_E_SYNTAX },
    { "PINGRESP", "d000", BERTH_OK },
    { "DISCONNECT", "e000", BERTH_OK },
    { "DISCONNECT with flags", "e200", BERTH_E_SYNTAX },
    { "PUBREC", "50020001", BERTH_E_UNSUPPORTED },
    { "PUBREL", "62020001", BERTH_E_UNSUPPORTED },
    { "PUBREL with wrong flags", "60020001", BERTH_E_SYNTAX },
    { "PUBCOMP", "70020001", BERTH_E_UNSUPPORTED },
    /* remaining length */
    { "length of two bytes for a small number", "c08000", BERTH_OK },
    { "length of four bytes for a small number", "c080808000", BERTH_OK },
    { "length of five bytes", "c08080808000", BERTH_E_SYNTAX },
    { "length with all bits, judged before a fifth byte", "c0ffffffff", BERTH_E_SYNTAX },
    { "longest length", "30ffffff7f", BERTH_E_RANGE },
    /* CONNECT */
    { "CONNECT without client ID", "100c" CONNECT_HEAD "02003c0000", BERTH_OK },
    { "CONNECT cut short inside", "100b" CONNECT_HEAD "02003c00", BERTH_E_SYNTAX },
    { "CONNECT with bytes behind", "100d" CONNECT_HEAD "02003c000000", BERTH_E_SYNTAX },
    { "CONNECT with reserved flag", "100c" CONNECT_HEAD "03003c0000", BERTH_E_SYNTAX },
    { "CONNECT with password but no user", "100f" CONNECT_HEAD "42003c0000000161", BERTH_E_SYNTAX },
    { "CONNECT with user", "100f" CONNECT_HEAD "82003c0000000161", BERTH_OK },
    { "CONNECT with empty user and password", "1010" CONNECT_HEAD "c2003c000000000000", BERTH_OK },
    { "CONNECT flag without its user", "100c" CONNECT_HEAD "82003c0000", BERTH_E_SYNTAX },
    { "CONNECT with user not UTF-8", "100f" CONNECT_HEAD "82003c00000001ff", BERTH_E_SYNTAX },
    { "CONNECT with NUL in client ID", "100d" CONNECT_HEAD "02003c000100", BERTH_E_SYNTAX },
    { "CONNECT with NUL in password", "1011" CONNECT_HEAD "c2003c00000000000100", BERTH_OK },
    { "CONNECT with will", "1012" CONNECT_HEAD "06003c0000000174000170", BERTH_OK },
    { "CONNECT with will QoS 2 and retain", "1012" CONNECT_HEAD "36003c0000000174000170",
      BERTH_OK },
    { "CONNECT with will QoS 3", "1012" CONNECT_HEAD "1e003c0000000174000170", BERTH_E_SYNTAX },
    { "CONNECT with will QoS but no will", "100c" CONNECT_HEAD "0a003c0000", BERTH_E_SYNTAX },
    { "CONNECT with will retain but no will", "100c" CONNECT_HEAD "22003c0000", BERTH_E_SYNTAX },
    { "CONNECT with empty will topic", "1011" CONNECT_HEAD "06003c00000000000170", BERTH_E_SYNTAX },
    { "CONNECT with wildcard in will topic", "1012" CONNECT_HEAD "06003c0000000123000170",
      BERTH_E_SYNTAX },
    { "CONNECT cut before the flags", "1007" CONNECT_HEAD, BERTH_E_SYNTAX },
    { "CONNECT cut in the keep-alive", "1009" CONNECT_HEAD "0200", BERTH_E_SYNTAX },
    { "CONNECT cut before the will's topic", "100c" CONNECT_HEAD "06003c0000", BERTH_E_SYNTAX },
    { "CONNECT cut before the will's payload", "100f" CONNECT_HEAD "06003c0000000174",
      BERTH_E_SYNTAX },
    { "CONNECT cut before the password", "100f" CONNECT_HEAD "c2003c0000000161", BERTH_E_SYNTAX },
    { "CONNECT of another protocol", "100c00044d515455040200000000", BERTH_E_SYNTAX },
    { "CONNECT MQIsdp with level 4", "100c00064d514973647004020000", BERTH_E_SYNTAX },
    { "CONNECT with nothing", "1000", BERTH_E_SYNTAX },
    { "CONNECT without level", "100600044d515454", BERTH_E_SYNTAX },
    /* CONNACK */
    { "CONNACK", "20020000", BERTH_OK },
    { "CONNACK with session", "20020100", BERTH_OK },
    { "CONNACK refused", "20020005", BERTH_OK },
    { "CONNACK refused with session", "20020105", BERTH_E_SYNTAX },
    { "CONNACK with reserved code", "20020006", BERTH_E_SYNTAX },
    { "CONNACK with reserved flag", "20020200", BERTH_E_SYNTAX },
    { "CONNACK empty", "2000", BERTH_E_SYNTAX },
    { "CONNACK short", "200100", BERTH_E_SYNTAX },
    { "CONNACK long", "2003000000", BERTH_E_SYNTAX },
    /* PUBLISH */
    { "PUBLISH QoS 0 without payload", "3003000161", BERTH_OK },
    { "PUBLISH QoS 0 with DUP", "3803000161", BERTH_E_SYNTAX },
    { "PUBLISH QoS 1 with DUP and retain", "3b050001610001", BERTH_OK },
    { "PUBLISH QoS 1 with ID 0", "32050001610000", BERTH_E_SYNTAX },
    { "PUBLISH QoS 1 without ID", "3203000161", BERTH_E_SYNTAX },
    { "PUBLISH QoS 2", "34050001610001", BERTH_E_UNSUPPORTED },
    { "PUBLISH QoS 3", "36050001610001", BERTH_E_SYNTAX },
    { "PUBLISH QoS 3 at once", "36", BERTH_E_SYNTAX },
    { "PUBLISH without topic", "30020000", BERTH_E_SYNTAX },
    { "PUBLISH with '+'", "300300012b", BERTH_E_SYNTAX },
    { "PUBLISH with '#'", "3003000123", BERTH_E_SYNTAX },
    { "PUBLISH with topic over its end", "3003000261", BERTH_E_SYNTAX },
    { "PUBLISH with half a length", "300100", BERTH_E_SYNTAX },
    /* PUBACK, UNSUBACK */
    { "PUBACK", "40020001", BERTH_OK },
    { "PUBACK with ID 0", "40020000", BERTH_E_SYNTAX },
    { "PUBACK short", "400101", BERTH_E_SYNTAX },
    { "PUBACK long", "4003000100", BERTH_E_SYNTAX },
    { "UNSUBACK", "b0020001", BERTH_OK },
    { "UNSUBACK with ID 0", "b0020000", BERTH_E_SYNTAX },
    /* SUBSCRIBE */
    { "SUBSCRIBE",
      "82060001000161"
      "01",
      BERTH_OK },
    { "SUBSCRIBE QoS 2", "8206000100016102", BERTH_OK },
    { "SUBSCRIBE QoS 3", "8206000100016103", BERTH_E_SYNTAX },
    { "SUBSCRIBE with reserved QoS bits", "8206000100016181", BERTH_E_SYNTAX },
    { "SUBSCRIBE with wrong flags", "8006000100016101", BERTH_E_SYNTAX },
    { "SUBSCRIBE with ID 0", "8206000000016101", BERTH_E_SYNTAX },
    { "SUBSCRIBE without filter", "82020001", BERTH_E_SYNTAX },
    { "SUBSCRIBE with empty filter", "82050001000001", BERTH_E_SYNTAX },
    { "SUBSCRIBE without QoS", "82050001000161", BERTH_E_SYNTAX },
    { "SUBSCRIBE with filter not UTF-8",
      "82060001000180"
      "01",
      BERTH_E_SYNTAX },
    { "SUBSCRIBE '#'", "8206000100012301", BERTH_OK },
    { "SUBSCRIBE '+/a'",
      "820800010003"
      "2b2f61"
      "01",
      BERTH_OK },
    { "SUBSCRIBE 'a/+/#'",
      "820a00010005"
      "612f2b2f23"
      "01",
      BERTH_OK },
    { "SUBSCRIBE 'a#'",
      "820700010002"
      "6123"
      "01",
      BERTH_E_SYNTAX },
    { "SUBSCRIBE '#/a'",
      "820800010003"
      "232f61"
      "01",
      BERTH_E_SYNTAX },
    { "SUBSCRIBE 'a+'",
      "820700010002"
      "612b"
      "01",
      BERTH_E_SYNTAX },
    { "SUBSCRIBE '+a'",
      "820700010002"
      "2b61"
      "01",
      BERTH_E_SYNTAX },
    /* UNSUBSCRIBE, SUBACK */
    { "SUBSCRIBE '+', and no more", "8206000100012b00", BERTH_OK },
    { "SUBACK with half an ID", "900100", BERTH_E_SYNTAX },
    { "UNSUBSCRIBE two", "a2080001000161000162", BERTH_OK },
    { "UNSUBSCRIBE without filter", "a2020001", BERTH_E_SYNTAX },
    { "UNSUBSCRIBE with ID 0", "a2050000000161", BERTH_E_SYNTAX },
    { "SUBACK", "9003000101", BERTH_OK },
    { "SUBACK refused", "9003000180", BERTH_OK },
    { "SUBACK with unknown code", "9003000103", BERTH_E_SYNTAX },
    { "SUBACK without code", "90020001", BERTH_E_SYNTAX },
    /* UTF-8 in a topic */
    { "topic U+00E9", "30040002c3a9", BERTH_OK },
    { "topic U+20AC", "30050003e282ac", BERTH_OK },
    { "topic U+10FFFF", "30060004f48fbfbf", BERTH_OK },
    { "topic over U+10FFFF", "30060004f4908080", BERTH_E_SYNTAX },
    { "topic with surrogate", "30050003eda080", BERTH_E_SYNTAX },
    { "topic with long form of '/'", "30040002c0af", BERTH_E_SYNTAX },
    { "topic with long form of three", "30050003e0809f", BERTH_E_SYNTAX },
    { "topic with long form of four", "30060004f08fbfbf", BERTH_E_SYNTAX },
    { "topic with lone continuation", "3003000180", BERTH_E_SYNTAX },
    { "topic that ends inside a character", "30040002e282", BERTH_E_SYNTAX },
    { "topic with bad last byte", "30050003e28261", BERTH_E_SYNTAX },
    { "topic with NUL", "3003000100", BERTH_E_SYNTAX },
};

static void test_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        uint8_t bytes[256];
        size_t n = unhex(forms[i].hex, bytes), used;
        struct berth_mqtt_packet p;
        char *block;
        berth_err e = read_exact(bytes, n, &p, &used, &block);

        CHECK(forms[i].name, e == forms[i].want);
        CHECK(forms[i].name, used == (e == BERTH_OK ? n : 0));
        free(block);
    }
}

/* Level 3 of Paho's second try, and level 5: the flags behind it may mean anything. */
static void test_other_levels(void **state)
{
    static const struct {
        const char *name, *hex;
        uint8_t level;
    } rows[] = {
        { "MQTT 3.1", "100c00064d514973647003ff0000", 3 },
        { "MQTT 5", "100a00044d51545405ff0000", 5 },
        { "bridge bit", "100a00044d51545484ff0000", 0x84 },
        { "level 0", "100a00044d51545400ff0000", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t bytes[32];
        size_t n = unhex(rows[i].hex, bytes), used;
        struct berth_mqtt_packet p;
        char *block;

        CHECK(rows[i].name, read_exact(bytes, n, &p, &used, &block) == BERTH_OK && used == n);
        CHECK(rows[i].name, p.type == BERTH_MQTT_CONNECT && p.level == rows[i].level);
        free(block);
    }
}

/* ---- bounds ---- */

static void test_packet_max(void **state)
{
    char *storage = malloc(ROOM), *payload = calloc(1, ROOM);
    struct berth_mqtt_packet p;
    struct berth_buf b;
    size_t used, head = 4 + 2 + 1; /* fixed header, topic "t" */

    (void)state;
    for (size_t extra = 0; extra <= 1; extra++) {
        size_t n = BERTH_MQTT_PACKET_MAX - head + extra;
        berth_err want = extra == 0 ? BERTH_OK : BERTH_E_RANGE;

        berth_buf_init(&b, storage, ROOM);
        berth_mqtt_put_publish(&b, BERTH_STR("t"), (berth_str){ payload, n }, 0, 0);
        CHECK("fits", !b.over && b.n == BERTH_MQTT_PACKET_MAX + extra);
        CHECK("whole",
              berth_mqtt_read(berth_buf_str(&b), BERTH_MQTT_PACKET_MAX, &p, &used) == want);
        CHECK("whole", extra == 1 || (used == b.n && p.payload.n == n));
        CHECK("judged from the header alone",
              berth_mqtt_read((berth_str){ b.p, 4 }, BERTH_MQTT_PACKET_MAX, &p, &used) == want);
        CHECK("judged from the header alone", used == 0);
    }
    CHECK("maximum below the header",
          berth_mqtt_read(BERTH_STR("\xc0\x00"), 1, &p, &used) == BERTH_E_RANGE);
    CHECK("maximum is the header",
          berth_mqtt_read(BERTH_STR("\xc0\x00"), 2, &p, &used) == BERTH_OK && used == 2);
    free(storage);
    free(payload);
}

static void test_filter_count(void **state)
{
    (void)state;
    for (size_t count = BERTH_MQTT_FILTERS_MAX; count <= BERTH_MQTT_FILTERS_MAX + 1; count++) {
        uint8_t bytes[128] = { 0x82, (uint8_t)(2 + 4 * count), 0, 9 };
        struct berth_mqtt_packet p;
        size_t used;
        char *block;
        bool fits = count <= BERTH_MQTT_FILTERS_MAX;

        for (size_t i = 0; i < count; i++)
            memcpy(bytes + 4 + 4 * i, "\x00\x01\x61\x02", 4);
        CHECK("filters", read_exact(bytes, 4 + 4 * count, &p, &used, &block) ==
                             (fits ? BERTH_OK : BERTH_E_RANGE));
        CHECK("filters", !fits || (p.filter_count == count && p.filter_qos[count - 1] == 2));
        free(block);
    }
}

/* Remaining lengths on both sides of each step of its encoding. */
static void test_length_steps(void **state)
{
    static const struct {
        const char *name;
        size_t length, head;
    } rows[] = {
        { "smallest", 4, 2 },         { "one byte", 127, 2 },
        { "two bytes", 128, 3 },      { "two bytes, full", 16383, 3 },
        { "three bytes", 16384, 4 },  { "three bytes, full", 2097151, 4 },
        { "four bytes", 2097152, 5 },
    };
    size_t room = 2097152 + 16;
    char *storage = malloc(room), *payload = calloc(1, room);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct berth_mqtt_packet p;
        struct berth_buf b;
        size_t used;

        berth_buf_init(&b, storage, rows[i].head + rows[i].length);
        berth_mqtt_put_publish(&b, BERTH_STR("t"), (berth_str){ payload, rows[i].length - 3 }, 0,
                               0);
        CHECK(rows[i].name, !b.over && b.n == rows[i].head + rows[i].length);
        CHECK(rows[i].name, berth_mqtt_read(berth_buf_str(&b), room, &p, &used) == BERTH_OK);
        CHECK(rows[i].name, used == b.n && p.payload.n == rows[i].length - 3);

        berth_buf_init(&b, storage, rows[i].head + rows[i].length - 1);
        berth_mqtt_put_publish(&b, BERTH_STR("t"), (berth_str){ payload, rows[i].length - 3 }, 0,
                               0);
        CHECK(rows[i].name, b.over && b.n == 0);
    }
    for (size_t bytes = 4; bytes <= 5; bytes++) { /* of the length: it cannot have five */
        berth_str head = berth_str_sub(BERTH_STR("\x30\x80\x80\x80\x80\x01"), 0, bytes);
        struct berth_mqtt_packet p;
        size_t used;

        CHECK("one more byte",
              berth_mqtt_read(head, room, &p, &used) == (bytes == 4 ? BERTH_OK : BERTH_E_SYNTAX));
    }
    free(storage);
    free(payload);
}

/* ---- writing ---- */

static void test_text_bound(void **state)
{
    size_t room = 70000;
    char *storage = malloc(3 * room), *text = malloc(room);
    struct berth_mqtt_packet p;
    struct berth_buf b;
    size_t used;

    (void)state;
    memset(text, 'a', room);
    for (size_t n = 65535; n <= 65536; n++) {
        bool fits = n == 65535;
        berth_str long_one = { text, n };

        berth_buf_init(&b, storage, 3 * room);
        berth_mqtt_put_publish(&b, long_one, BERTH_STR("x"), 1, 7);
        CHECK("topic", b.over == !fits);
        CHECK("topic",
              !fits || (berth_mqtt_read(berth_buf_str(&b), 3 * room, &p, &used) == BERTH_OK &&
                        p.topic.n == n && is(p.payload, "x")));
        berth_buf_init(&b, storage, 3 * room);
        berth_mqtt_put_connect(&b, BERTH_STR("c"), long_one, long_one, true, 0);
        CHECK("user and password", b.over == !fits);
        berth_buf_init(&b, storage, 3 * room);
        berth_mqtt_put_connect(&b, BERTH_STR("c"), BERTH_STR("u"), long_one, true, 0);
        CHECK("password", b.over == !fits);
        berth_buf_init(&b, storage, 3 * room);
        berth_mqtt_put_connect(&b, long_one, (berth_str){ 0 }, (berth_str){ 0 }, true, 0);
        CHECK("client ID", b.over == !fits);
        berth_buf_init(&b, storage, 3 * room);
        berth_mqtt_put_subscribe(&b, 1, long_one, 1);
        CHECK("filter", b.over == !fits);
    }
    free(storage);
    free(text);
}

/* Such a payload is not looked at. */
static void test_longest_payload(void **state)
{
    char storage[64];
    struct berth_buf b;

    (void)state;
    for (size_t n = 268435455 - 3; n <= 268435456; n++) {
        berth_buf_init(&b, storage, sizeof storage);
        berth_mqtt_put_publish(&b, BERTH_STR("t"), (berth_str){ "x", n }, 0, 0);
        CHECK("no room", b.over && b.n == 0);
    }
}

static void test_small_packets(void **state)
{
    static const uint8_t codes[] = { 1, 0x80, 0 };
    uint8_t storage[64], want[64];
    struct berth_buf b;
    size_t n = unhex("20020005"
                     "4002abcd"
                     "9005000701800"
                     "0"
                     "b002ffff"
                     "d000"
                     "e000",
                     want);

    (void)state;
    berth_buf_init(&b, storage, sizeof storage);
    berth_mqtt_put_connack(&b, BERTH_MQTT_NOT_AUTHORIZED);
    berth_mqtt_put_puback(&b, 0xabcd);
    berth_mqtt_put_suback(&b, 7, codes, sizeof codes);
    berth_mqtt_put_unsuback(&b, 0xffff);
    berth_mqtt_put_empty(&b, BERTH_MQTT_PINGRESP);
    berth_mqtt_put_empty(&b, BERTH_MQTT_DISCONNECT);
    CHECK("bytes", !b.over && b.n == n && memcmp(storage, want, n) == 0);
}

/* A packet without room leaves the queue as it was. */
static void test_whole_or_not(void **state)
{
    uint8_t storage[8];
    struct berth_buf b;

    (void)state;
    berth_buf_init(&b, storage, sizeof storage);
    berth_mqtt_put_puback(&b, 1);
    berth_mqtt_put_publish(&b, BERTH_STR("ab"), BERTH_STR("c"), 0, 0);
    CHECK("nothing of it", b.over && b.n == 4);
    berth_buf_init(&b, storage, 4 + 4);
    berth_mqtt_put_puback(&b, 1);
    berth_mqtt_put_puback(&b, 2);
    CHECK("exactly full", !b.over && b.n == 8);
}

/* X.509 devices send a user name and no password; tests without either. */
static void test_connect_forms(void **state)
{
    static const struct {
        const char *name, *user, *password;
    } rows[] = { { "both", "u", "p" },
                 { "user alone", "u", NULL },
                 { "none", NULL, NULL },
                 { "both empty", "", "" } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct berth_mqtt_packet p;
        struct berth_buf b;
        char storage[64];
        size_t used;

        berth_buf_init(&b, storage, sizeof storage);
        berth_mqtt_put_connect(&b, BERTH_STR("id"), berth_str_of(rows[i].user),
                               berth_str_of(rows[i].password), i % 2 == 0, 0xfffe);
        CHECK(rows[i].name, berth_mqtt_read(berth_buf_str(&b), 64, &p, &used) == BERTH_OK);
        CHECK(rows[i].name, used == b.n && is(p.client_id, "id") && p.keep_alive_s == 0xfffe);
        CHECK(rows[i].name, p.clean_session == (i % 2 == 0));
        CHECK(rows[i].name, p.has_user == (rows[i].user != NULL));
        CHECK(rows[i].name, p.has_password == (rows[i].password != NULL));
        CHECK(rows[i].name, rows[i].user == NULL || is(p.user, rows[i].user));
        CHECK(rows[i].name, rows[i].password == NULL || is(p.password, rows[i].password));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),         cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_forms),           cmocka_unit_test(test_other_levels),
        cmocka_unit_test(test_packet_max),      cmocka_unit_test(test_filter_count),
        cmocka_unit_test(test_length_steps),    cmocka_unit_test(test_text_bound),
        cmocka_unit_test(test_longest_payload), cmocka_unit_test(test_small_packets),
        cmocka_unit_test(test_whole_or_not),    cmocka_unit_test(test_connect_forms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
