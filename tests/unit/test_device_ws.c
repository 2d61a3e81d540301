/* A device's WebSocket from its first byte of HTTP: which requests become one, which are refused
 * and why, and a registration of MQTT packets over frames in every cut. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front/router.h"
#include "prov/dps_device.h"
#include "unit/check.h"
#include "unit/layer_rig.h"
#include "unit/rig_front.h"
#include "unit/websocket_vectors.h"
#include "wire/mqtt.h"
#include "wire/websocket.h"

#define ID       "sn-007"
#define USER     FRONT_RIG_SCOPE "/registrations/" ID "/api-version=2019-03-31"
#define REGISTER "$dps/registrations/PUT/iotdps-register/?$rid=1"
#define KEY      "dGhlIHNhbXBsZSBub25jZQ=="

/* The fields of a good handshake, one line each. */
#define HOST     "Host: h\r\n"
#define UPGRADE  "Upgrade: websocket\r\n"
#define CONNECT  "Connection: Upgrade\r\n"
#define WITH_KEY "Sec-WebSocket-Key: " KEY "\r\n"
#define VERSION  "Sec-WebSocket-Version: 13\r\n"
#define MQTT     "Sec-WebSocket-Protocol: mqtt\r\n"
#define PATH     "/$iothub/websocket"
#define GET_WS   "GET " PATH " HTTP/1.1\r\n"

static const struct limits_rates no_limits = { 0, 0 };

struct link {
    struct front_rig front;
    struct rig socket;
    struct http_options http;
};

static void open_link(struct link *l, const struct fake_options *o)
{
    front_rig_open(&l->front, o, no_limits);
    l->http = (struct http_options){ .handler = router_http, .user = &l->front.front };
    rig_init(&l->socket, l->front.front.loop);
    l->socket.l.above = http_layer_new(&l->socket.l, &l->http);
    assert_non_null(l->socket.l.above);
}

static void close_link(struct link *l)
{
    rig_close(&l->socket);
    rig_deinit(&l->socket);
    front_rig_close(&l->front);
}

static void settle(struct link *l)
{
    for (int i = 0; i < 3; i++) {
        front_rig_settle(&l->front);
        rig_turn(&l->socket);
    }
}

static void ask(struct link *l, const char *request)
{
    rig_offer(&l->socket, request, strlen(request));
    rig_turn(&l->socket);
}

static bool answered(const struct link *l, const char *text)
{
    return memmem(l->socket.out.p, l->socket.out.n, text, strlen(text)) != NULL;
}

static unsigned refusals(const struct link *l, enum berth_reason why)
{
    return (unsigned)l->front.metrics.reasons[why];
}

/* ---- the handshake ---- */

static void test_recorded(void **state)
{
    static const struct fake_options prompt = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ws_recorded); i++) {
        struct link l;
        char want[128];

        open_link(&l, &prompt);
        ask(&l, ws_recorded[i].request);
        CHECK(ws_recorded[i].name, answered(&l, "HTTP/1.1 101 Switching Protocols\r\n"));
        CHECK(ws_recorded[i].name, answered(&l, "\r\nUpgrade: websocket\r\n"));
        CHECK(ws_recorded[i].name, answered(&l, "\r\nConnection: Upgrade\r\n"));
        snprintf(want, sizeof want, "\r\nSec-WebSocket-Accept: %s\r\n", ws_recorded[i].accept);
        CHECK(ws_recorded[i].name, answered(&l, want));
        snprintf(want, sizeof want, "\r\nSec-WebSocket-Protocol: %s\r\n", ws_recorded[i].protocol);
        CHECK(ws_recorded[i].name, answered(&l, want));
        CHECK(ws_recorded[i].name, !answered(&l, "Sec-WebSocket-Extensions"));
        CHECK(ws_recorded[i].name, l.front.metrics.websockets_opened == 1);
        close_link(&l);
    }
}

static const struct {
    const char *name, *request;
    int status;
    enum berth_reason why;
} handshakes[] = {
    { "plain", GET_WS HOST UPGRADE CONNECT WITH_KEY VERSION MQTT "\r\n", 101, BERTH_WHY_NONE },
    { "at the root, as C# asks",
      "GET / HTTP/1.1\r\n" HOST UPGRADE CONNECT WITH_KEY VERSION MQTT "\r\n", 101, BERTH_WHY_NONE },
    { "a path with its dollar escaped",
      "GET /%24iothub/websocket HTTP/1.1\r\n" HOST UPGRADE CONNECT WITH_KEY VERSION MQTT "\r\n",
      101, BERTH_WHY_NONE },
    { "a path in other letters, with a query",
      "GET /$IotHub/WebSocket?iothub-no-client-cert=true HTTP/1.1\r\n" HOST UPGRADE CONNECT WITH_KEY
          VERSION MQTT "\r\n",
      101, BERTH_WHY_NONE },
    { "field names in other letters",
      GET_WS HOST "UPGRADE: WebSocket\r\nconnection: keep-alive, UPGRADE\r\n"
                  "sec-websocket-key: " KEY "\r\nSEC-WEBSOCKET-VERSION: 13\r\n"
                  "Sec-Websocket-Protocol: mqtt\r\n\r\n",
      101, BERTH_WHY_NONE },
    { "Connection in two lines",
      GET_WS HOST UPGRADE "Connection: keep-alive\r\n" CONNECT WITH_KEY VERSION MQTT "\r\n", 101,
      BERTH_WHY_NONE },
    { "protocols in two lines",
      GET_WS HOST UPGRADE CONNECT WITH_KEY VERSION
      "Sec-WebSocket-Protocol: AMQPWSB10\r\nSec-WebSocket-Protocol: mqttv3.1, MQTT\r\n\r\n",
      101, BERTH_WHY_NONE },
    { "a foreign origin",
      GET_WS HOST UPGRADE CONNECT WITH_KEY VERSION MQTT "Origin: https://elsewhere\r\n\r\n", 101,
      BERTH_WHY_NONE },
    { "an extension is offered",
      GET_WS HOST UPGRADE CONNECT WITH_KEY VERSION MQTT
      "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
      101, BERTH_WHY_NONE },
    { "no wish to switch", GET_WS HOST "\r\n", 426, BERTH_WHY_WEBSOCKET_EXPECTED },
    { "no Connection", GET_WS HOST UPGRADE WITH_KEY VERSION MQTT "\r\n", 426,
      BERTH_WHY_WEBSOCKET_EXPECTED },
    { "no Upgrade", GET_WS HOST CONNECT WITH_KEY VERSION MQTT "\r\n", 426,
      BERTH_WHY_WEBSOCKET_EXPECTED },
    { "another upgrade", GET_WS HOST "Upgrade: h2c\r\n" CONNECT WITH_KEY VERSION MQTT "\r\n", 426,
      BERTH_WHY_WEBSOCKET_EXPECTED },
    { "no version", GET_WS HOST UPGRADE CONNECT WITH_KEY MQTT "\r\n", 426,
      BERTH_WHY_WEBSOCKET_VERSION },
    { "version 8", GET_WS HOST UPGRADE CONNECT WITH_KEY "Sec-WebSocket-Version: 8\r\n" MQTT "\r\n",
      426, BERTH_WHY_WEBSOCKET_VERSION },
    { "no key", GET_WS HOST UPGRADE CONNECT VERSION MQTT "\r\n", 400,
      BERTH_WHY_WEBSOCKET_HANDSHAKE },
    { "two keys", GET_WS HOST UPGRADE CONNECT WITH_KEY WITH_KEY VERSION MQTT "\r\n", 400,
      BERTH_WHY_WEBSOCKET_HANDSHAKE },
    { "a short key",
      GET_WS HOST UPGRADE CONNECT "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n" VERSION MQTT "\r\n",
      400, BERTH_WHY_WEBSOCKET_HANDSHAKE },
    { "HTTP/1.0", "GET " PATH " HTTP/1.0\r\n" HOST UPGRADE CONNECT WITH_KEY VERSION MQTT "\r\n",
      400, BERTH_WHY_WEBSOCKET_HANDSHAKE },
    { "POST",
      "POST " PATH " HTTP/1.1\r\nContent-Length: 0\r\n" HOST UPGRADE CONNECT WITH_KEY VERSION MQTT
      "\r\n",
      405, BERTH_WHY_METHOD_NOT_ALLOWED },
    { "no protocol", GET_WS HOST UPGRADE CONNECT WITH_KEY VERSION "\r\n", 400,
      BERTH_WHY_WEBSOCKET_PROTOCOL },
    { "other protocols",
      GET_WS HOST UPGRADE CONNECT WITH_KEY VERSION "Sec-WebSocket-Protocol: mqttv3.1, chat\r\n\r\n",
      400, BERTH_WHY_WEBSOCKET_PROTOCOL },
    { "AMQP",
      GET_WS HOST UPGRADE CONNECT WITH_KEY VERSION "Sec-WebSocket-Protocol: AMQPWSB10\r\n\r\n", 501,
      BERTH_WHY_AMQP_UNSERVED },
    { "the root without a wish to switch", "GET / HTTP/1.1\r\n" HOST "\r\n", 404,
      BERTH_WHY_ROUTE_UNKNOWN },
    { "another path",
      "GET /$iothub/websocket/x HTTP/1.1\r\n" HOST UPGRADE CONNECT WITH_KEY VERSION MQTT "\r\n",
      404, BERTH_WHY_ROUTE_UNKNOWN },
    { "half the path",
      "GET /$iothub HTTP/1.1\r\n" HOST UPGRADE CONNECT WITH_KEY VERSION MQTT "\r\n", 404,
      BERTH_WHY_ROUTE_UNKNOWN },
};

static void test_handshakes(void **state)
{
    static const struct fake_options prompt = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(handshakes); i++) {
        enum berth_reason why = handshakes[i].why;
        struct link l;
        char want[32];

        open_link(&l, &prompt);
        ask(&l, handshakes[i].request);
        snprintf(want, sizeof want, "HTTP/1.1 %d ", handshakes[i].status);
        CHECK(handshakes[i].name, answered(&l, want));
        CHECK(handshakes[i].name, why == BERTH_WHY_NONE || refusals(&l, why) == 1);
        CHECK(handshakes[i].name,
              l.front.metrics.websockets_opened == (why == BERTH_WHY_NONE ? 1 : 0));
        CHECK(handshakes[i].name,
              handshakes[i].status != 426 || (answered(&l, "\r\nUpgrade: websocket\r\n") &&
                                              answered(&l, "\r\nSec-WebSocket-Version: 13\r\n")));
        CHECK(handshakes[i].name,
              handshakes[i].status != 405 || answered(&l, "\r\nAllow: GET\r\n"));
        close_link(&l);
    }
}

static void test_stopping(void **state)
{
    static const struct fake_options prompt = { 0 };
    struct link l;

    (void)state;
    open_link(&l, &prompt);
    l.front.front.stopping = true;
    ask(&l, handshakes[0].request);
    assert_true(answered(&l, "HTTP/1.1 503 "));
    assert_int_equal(refusals(&l, BERTH_WHY_STOPPING), 1);
    close_link(&l);
}

/* ---- what goes over it ---- */

/* Everything a device says, as MQTT. */
static size_t say_all(struct link *l, char *text, size_t size)
{
    const char *token = front_rig_token(&l->front, ID, front_rig_key(&l->front, ID));
    struct berth_buf b;

    berth_buf_init(&b, text, size);
    berth_mqtt_put_connect(&b, BERTH_STR(ID), BERTH_STR(USER), berth_str_of(token), true, 60);
    berth_mqtt_put_subscribe(&b, 7, BERTH_STR(BERTH_DPS_RESPONSE_FILTER), 1);
    berth_mqtt_put_publish(&b, BERTH_STR(REGISTER), BERTH_STR("{\"registrationId\":\"" ID "\"}"), 1,
                           9);
    assert_false(b.over);
    return b.n;
}

/* Frames of at most SIZE bytes each; FRAGMENTED: all of them one message, pings between. */
static void put_frames(struct berth_buf *out, const char *text, size_t n, size_t size,
                       bool fragmented)
{
    for (size_t at = 0; at < n; at += size) {
        struct berth_ws_head h = { .opcode = BERTH_WS_BINARY, .fin = true, .masked = true };
        uint8_t masked[4096];

        h.payload_n = n - at < size ? n - at : size;
        if (fragmented) {
            h.opcode = at == 0 ? BERTH_WS_BINARY : BERTH_WS_CONTINUATION;
            h.fin = at + size >= n;
        }
        memcpy(h.mask, "\x12\x34\x56\x78", sizeof h.mask);
        h.mask[0] = (uint8_t)at;
        berth_ws_head_put(out, &h);
        berth_ws_mask(masked, (const uint8_t *)text + at, h.payload_n, h.mask, 0);
        berth_buf_put(out, (berth_str){ (const char *)masked, h.payload_n });
        if (fragmented)
            berth_buf_put(out, BERTH_STR("\x89\x80\x01\x02\x03\x04"));
    }
    assert_false(out->over);
}

/* The payloads of the frames that came behind the 101, and how many pongs and closes. */
struct heard {
    struct rig_bytes mqtt;
    unsigned pongs, closes;
};

static struct heard hear(struct link *l)
{
    const char *end = memmem(l->socket.out.p, l->socket.out.n, "\r\n\r\n", 4);
    const struct berth_ws_rules rules = { 65536, false, false };
    struct heard heard = { 0 };

    assert_non_null(end);
    berth_str rest = { end + 4,
                       l->socket.out.n - (size_t)(end + 4 - (const char *)l->socket.out.p) };
    while (rest.n > 0) {
        struct berth_ws_head h;
        size_t used;

        assert_int_equal(berth_ws_head_read(rest, &rules, &h, &used), BERTH_OK);
        assert_true(used > 0 && h.fin && used + h.payload_n <= rest.n);
        if (h.opcode == BERTH_WS_BINARY)
            rig_bytes_add(&heard.mqtt, rest.p + used, h.payload_n);
        heard.pongs += h.opcode == BERTH_WS_PONG;
        heard.closes += h.opcode == BERTH_WS_CLOSE;
        rest = berth_str_sub(rest, used + h.payload_n, rest.n);
    }
    return heard;
}

static void expect_registration(const char *name, const struct heard *heard)
{
    static const enum berth_mqtt_type want[] = { BERTH_MQTT_CONNACK, BERTH_MQTT_SUBACK,
                                                 BERTH_MQTT_PUBACK, BERTH_MQTT_PUBLISH };
    berth_str rest = { (const char *)heard->mqtt.p, heard->mqtt.n };

    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        struct berth_mqtt_packet p;
        size_t used = 0;

        CHECK(name, rest.n > 0 && berth_mqtt_read(rest, 65536, &p, &used) == BERTH_OK);
        CHECK(name, used > 0 && p.type == want[i]);
        if (p.type == BERTH_MQTT_PUBLISH)
            CHECK(name, memmem(p.payload.p, p.payload.n, "\"status\":\"assigned\"", 19) != NULL);
        rest = berth_str_sub(rest, used, rest.n);
    }
    CHECK(name, rest.n == 0);
}

static const struct {
    const char *name;
    size_t frame;
    bool fragmented;
    size_t step; /* bytes that come at once */
} cuts[] = {
    { "a frame for all packets", 4096, false, 65536 },
    { "byte by byte", 4096, false, 1 },
    { "a frame for each byte", 1, false, 65536 },
    { "a frame for each byte, byte by byte", 1, false, 1 },
    { "small frames", 13, false, 50 },
    { "one message in fragments, pings between", 20, true, 65536 },
    { "the same byte by byte", 20, true, 1 },
};

static void test_registration(void **state)
{
    static const struct fake_options slow = { .seed = 5, .delay_max = 50 };
    static char text[4096], frames[65536];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        struct link l;
        struct berth_buf b;

        open_link(&l, &slow);
        berth_buf_init(&b, frames, sizeof frames);
        berth_buf_put(&b, berth_str_of(handshakes[0].request)); /* does not wait for 101 */
        put_frames(&b, text, say_all(&l, text, sizeof text), cuts[i].frame, cuts[i].fragmented);
        for (size_t at = 0; at < b.n; at += cuts[i].step)
            rig_offer(&l.socket, frames + at, b.n - at < cuts[i].step ? b.n - at : cuts[i].step);
        settle(&l);
        struct heard heard = hear(&l);
        expect_registration(cuts[i].name, &heard);
        CHECK(cuts[i].name, (heard.pongs > 0) == cuts[i].fragmented && heard.closes == 0);
        CHECK(cuts[i].name, l.front.metrics.registrations_assigned == 1);
        rig_bytes_free(&heard.mqtt);
        close_link(&l);
    }
}

/* DISCONNECT closes the WebSocket, then the connection; so does a device that just leaves. */
static void test_ends(void **state)
{
    static const struct fake_options slow = { .seed = 5, .delay_max = 50 };
    static char text[4096], frames[8192];

    (void)state;
    for (int leaves = 0; leaves < 2; leaves++) {
        struct link l;
        struct berth_buf b;

        open_link(&l, &slow);
        ask(&l, handshakes[0].request);
        berth_buf_init(&b, frames, sizeof frames);
        put_frames(&b, text, say_all(&l, text, sizeof text), 4096, false);
        if (leaves) {
            rig_offer(&l.socket, frames, b.n);
            rig_close(&l.socket); /* with its registration under way */
            settle(&l);
        } else {
            put_frames(&b, "\xe0\x00", 2, 2, false);
            rig_offer(&l.socket, frames, b.n);
            settle(&l);
            struct heard heard = hear(&l);
            assert_int_equal(heard.closes, 1);
            rig_bytes_free(&heard.mqtt);
            assert_false(l.socket.closed);
            rig_offer(&l.socket, "\x88\x80\x01\x02\x03\x04", 6);
            rig_turn(&l.socket);
            assert_true(l.socket.closed);
        }
        close_link(&l);
    }
}

static void test_frames_refused(void **state)
{
    static const struct fake_options prompt = { 0 };
    struct link l;

    (void)state;
    open_link(&l, &prompt);
    ask(&l, handshakes[0].request);
    rig_offer(&l.socket, "\x82\x01x", 3);
    rig_turn(&l.socket);
    assert_true(l.socket.closed);
    assert_int_equal(refusals(&l, BERTH_WHY_WEBSOCKET_FRAME), 1);
    close_link(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded), cmocka_unit_test(test_handshakes),
        cmocka_unit_test(test_stopping), cmocka_unit_test(test_registration),
        cmocka_unit_test(test_ends),     cmocka_unit_test(test_frames_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
