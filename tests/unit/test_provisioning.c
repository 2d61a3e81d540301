#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "berth/openssl.h"
#include "berth/provisioning.h"
#include "berth/sas.h"
#include "prov/dps_device.h"
#include "provisioning_rows.h"
#include "wire/mqtt.h"

#define NOW_S 1700000000

static struct berth_crypto crypto;

static const struct berth_prov_options options = {
    .host = BERTH_STR_INIT("dps.example"),
    .id_scope = BERTH_STR_INIT("0ne00000001"),
    .registration_id = BERTH_STR_INIT("dev1"),
    .key = { .bytes = "0123456789abcdef0123456789abcdef", .n = 32 },
};

static void put_http(struct berth_buf *b, const struct reply *r)
{
    char head[256];
    int n = snprintf(head, sizeof head, "HTTP/1.1 %d Words\r\nX-Other: a\r\n%s%s%s", r->number,
                     r->retry_after != NULL ? "Retry-After: " : "",
                     r->retry_after != NULL ? r->retry_after : "",
                     r->retry_after != NULL ? "\r\n" : "");

    berth_buf_put(b, (berth_str){ head, (size_t)n });
    if (r->type == CHUNKED)
        n = snprintf(head, sizeof head,
                     "Transfer-Encoding: chunked\r\n\r\n3\r\n%.3s\r\n%zx;x=y\r\n", r->body,
                     strlen(r->body) - 3);
    else
        n = snprintf(head, sizeof head, "Content-Length: %zu\r\n\r\n", strlen(r->body));
    berth_buf_put(b, (berth_str){ head, (size_t)n });
    berth_buf_put(b, berth_str_of(r->type == CHUNKED ? r->body + 3 : r->body));
    if (r->type == CHUNKED)
        berth_buf_put(b, BERTH_STR("\r\n0\r\nTrailer: x\r\n\r\n"));
}

static void put_answer(struct berth_buf *b, const struct reply *r)
{
    char topic[128];

    snprintf(topic, sizeof topic, "$dps/registrations/res/%d/?$rid=%d%s%s", r->number, r->rid,
             r->retry_after != NULL ? "&retry-after=" : "",
             r->retry_after != NULL ? r->retry_after : "");
    berth_mqtt_put_publish(b, berth_str_of(topic), berth_str_of(r->body), r->type == ANSWER ? 1 : 0,
                           77);
}

static void put_reply(struct berth_buf *b, const struct reply *r)
{
    uint8_t code = (uint8_t)r->number;

    switch (r->type) {
    case HTTP:
    case CHUNKED:
        put_http(b, r);
        break;
    case CONNACK:
        berth_mqtt_put_connack(b, code);
        break;
    case SUBACK:
        berth_mqtt_put_suback(b, 1, &code, 1);
        break;
    case PUBACK:
        berth_mqtt_put_puback(b, (uint16_t)r->number);
        break;
    case ANSWER:
    case ANSWER_QOS_0:
        put_answer(b, r);
        break;
    case RAW:
        berth_buf_put(b, berth_str_of(r->body));
        break;
    case END:
    case SILENCE:
        break;
    }
}

/* ---- a service that plays its replies ---- */

struct play {
    struct berth_prov prov;
    const struct reply *next;
    char pending_storage[65536];
    struct berth_buf pending;
    size_t pending_at;
    char sent_storage[65536];
    struct berth_buf sent;
    int waits;
    uint32_t first_wait_ms;
};

static void play_send(struct play *y, size_t step)
{
    struct berth_prov *p = &y->prov;
    size_t left = p->tx.n - p->tx_sent, n = left < step ? left : step;

    berth_buf_put(&y->sent, (berth_str){ p->tx.p + p->tx_sent, n });
    berth_prov_sent(p, n);
}

/* ALL: every reply there is comes in one read. */
static void play_receive(struct play *y, size_t step, bool all)
{
    size_t n;

    if (y->pending_at == y->pending.n) {
        berth_buf_reset(&y->pending);
        y->pending_at = 0;
        do {
            put_reply(&y->pending, y->next);
            y->next += y->next->type > SILENCE;
        } while (all && y->next->type > SILENCE);
    }
    n = y->pending.n - y->pending_at;
    if (n == 0) {
        berth_prov_lost(&y->prov, y->next->type == END ? BERTH_E_CLOSED : BERTH_E_TIMEOUT);
        return;
    }
    n = n < step ? n : step;
    berth_prov_received(&y->prov, y->pending.p + y->pending_at, n);
    y->pending_at += n;
}

static void play(struct play *y, const struct berth_prov_options *o, const struct reply *replies,
                 size_t step, bool all)
{
    struct berth_prov *p = &y->prov;

    memset(y, 0, sizeof *y);
    y->next = replies;
    berth_buf_init(&y->pending, y->pending_storage, sizeof y->pending_storage);
    berth_buf_init(&y->sent, y->sent_storage, sizeof y->sent_storage);
    if (berth_prov_start(p, &crypto, o, NOW_S) != BERTH_OK)
        return;
    while (p->need != BERTH_PROV_DONE && p->need != BERTH_PROV_FAILED) {
        if (p->need == BERTH_PROV_SEND) {
            play_send(y, step);
        } else if (p->need == BERTH_PROV_RECEIVE) {
            play_receive(y, step, all);
        } else {
            if (y->waits++ == 0)
                y->first_wait_ms = p->wait_ms;
            berth_prov_waited(p, NOW_S + 10);
        }
    }
}

/* ---- whole registrations ---- */

static bool is_mqtt_row(size_t i)
{
    static size_t first;

    while (first == 0 || registrations[first].replies[0].type != CONNACK)
        first++;
    return i >= first;
}

static void check_result(const char *name, const struct play *y, const struct outcome *want)
{
    const struct berth_prov_result *result = &y->prov.result;
    bool is_assigned = want->err == BERTH_OK;

    CHECK(name, result->err == want->err);
    CHECK(name, y->prov.need == (is_assigned ? BERTH_PROV_DONE : BERTH_PROV_FAILED));
    CHECK(name, strcmp(result->status, want->status) == 0);
    CHECK(name, result->error_code == want->error_code);
    CHECK(name, strstr(result->message, want->message) != NULL);
    CHECK(name, (result->message[0] == '\0') == is_assigned);
    CHECK(name, y->prov.polls == want->polls && y->waits == want->waits);
    CHECK(name, y->first_wait_ms == want->first_wait_ms);
    CHECK(name, y->prov.assigning == (want->polls > 0 || strstr(want->status, "assigning")));
    CHECK(name, strcmp(result->assigned_hub, is_assigned ? "hub.example" : "") == 0);
    CHECK(name, strcmp(result->device_id, is_assigned ? "dev-1" : "") == 0);
    CHECK(name, !is_assigned || strcmp(result->operation_id, "5.0a") == 0);
    if (strcmp(want->message, "Unauthorized") == 0)
        CHECK(name, strcmp(result->tracking_id, "t-1") == 0);
}

static void check_row(size_t i, size_t step, bool all)
{
    static struct play y;
    struct berth_prov_options o = options;

    o.transport = is_mqtt_row(i) ? BERTH_TRANSPORT_MQTT : BERTH_TRANSPORT_HTTPS;
    play(&y, &o, registrations[i].replies, step, all);
    check_result(registrations[i].name, &y, &registrations[i].want);
    berth_prov_end(&y.prov);
}

static void test_one_read_a_reply(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(registrations); i++)
        check_row(i, SIZE_MAX, false);
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(registrations); i++)
        check_row(i, 1, false);
}

/* Over MQTT a service may be ahead of the device: all in one read. */
static void test_all_at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(registrations); i++)
        if (is_mqtt_row(i))
            check_row(i, SIZE_MAX, true);
}

/* ---- what the device says ---- */

static void check_token(berth_str text, int64_t expiry)
{
    struct berth_hmac_key key;
    struct berth_sas token;
    bool ok = false;

    CHECK("token", berth_sas_parse(text, &token) == BERTH_OK && token.expiry == expiry);
    CHECK("token", berth_sas_is_for(&token, BERTH_STR("0ne00000001/registrations/dev1")));
    CHECK("token", berth_str_eq(token.policy, BERTH_STR("registration")));
    CHECK("token", crypto.hmac_prepare(crypto.ctx, options.key.bytes, 32, &key) == BERTH_OK);
    CHECK("token", berth_sas_verify(&crypto, &token, &key, &ok) == BERTH_OK && ok);
    crypto.hmac_release(crypto.ctx, &key);
}

static void check_line(berth_str *text, const char *want)
{
    berth_str line = berth_str_cut(text, '\n');

    CHECK(want, berth_str_ends(line, BERTH_STR("\r")));
    line.n--;
    CHECK(want, berth_str_eq(line, berth_str_of(want)));
}

static void check_head(berth_str *text, const char *request, int64_t expiry)
{
    berth_str line;

    check_line(text, request);
    check_line(text, "Host: dps.example");
    check_line(text, "User-Agent: libberth/0.1.0");
    check_line(text, "Accept: application/json");
    line = berth_str_cut(text, '\n');
    CHECK("token", berth_str_skip(&line, BERTH_STR("Authorization: ")));
    line.n--;
    check_token(line, expiry);
}

static void test_http_requests(void **state)
{
    static const struct reply replies[] = { { HTTP, 202, ASSIGNING, "1", 0 },
                                            { HTTP, 200, ASSIGNED, NULL, 0 },
                                            { END, 0, NULL, NULL, 0 } };
    static struct play y;
    struct berth_prov_options o = options;
    berth_str sent;

    (void)state;
    o.payload = BERTH_STR("{\"a\":1.10}");
    play(&y, &o, replies, SIZE_MAX, false);
    sent = berth_buf_str(&y.sent);
    check_head(&sent,
               "PUT /0ne00000001/registrations/dev1/register?api-version=2021-06-01 HTTP/1.1",
               NOW_S + BERTH_PROV_TOKEN_LIFE_S);
    check_line(&sent, "Content-Type: application/json; charset=utf-8");
    check_line(&sent, "Content-Length: 46");
    check_line(&sent, "");
    CHECK("body", berth_str_skip(
                      &sent, BERTH_STR("{\"registrationId\":\"dev1\",\"payload\":{\"a\":1.10}}")));
    check_head(
        &sent,
        "GET /0ne00000001/registrations/dev1/operations/5.0a?api-version=2021-06-01 HTTP/1.1",
        NOW_S + 10 + BERTH_PROV_TOKEN_LIFE_S);
    check_line(&sent, "");
    CHECK("nothing more", sent.n == 0);
    berth_prov_end(&y.prov);
}

static struct berth_mqtt_packet next_packet(berth_str *sent)
{
    struct berth_mqtt_packet p;
    size_t used;

    CHECK("packet", berth_mqtt_read(*sent, BERTH_MQTT_PACKET_MAX, &p, &used) == BERTH_OK);
    CHECK("packet", used > 0);
    *sent = berth_str_sub(*sent, used, sent->n);
    return p;
}

static void check_publish(berth_str *sent, const char *topic, const char *payload, uint16_t id)
{
    struct berth_mqtt_packet p = next_packet(sent);

    CHECK(topic, p.type == BERTH_MQTT_PUBLISH && p.qos == 1 && p.packet_id == id && !p.retain);
    CHECK(topic, berth_str_eq(p.topic, berth_str_of(topic)));
    CHECK(topic, berth_str_eq(p.payload, berth_str_of(payload)));
}

static void test_mqtt_packets(void **state)
{
    static const struct reply replies[] = {
        { CONNACK, 0, NULL, NULL, 0 }, { SUBACK, 1, NULL, NULL, 0 },
        { PUBACK, 2, NULL, NULL, 0 },  { ANSWER, 202, ASSIGNING, "1", 1 },
        { PUBACK, 3, NULL, NULL, 0 },  { ANSWER, 200, ASSIGNED, NULL, 2 },
        { END, 0, NULL, NULL, 0 }
    };
    static struct play y;
    struct berth_prov_options o = options;
    struct berth_mqtt_packet p;
    berth_str sent;

    (void)state;
    o.transport = BERTH_TRANSPORT_MQTT;
    play(&y, &o, replies, SIZE_MAX, false);
    sent = berth_buf_str(&y.sent);

    p = next_packet(&sent);
    CHECK("CONNECT", p.type == BERTH_MQTT_CONNECT && p.clean_session && p.level == 4);
    CHECK("CONNECT", berth_str_eq(p.client_id, BERTH_STR("dev1")));
    CHECK("CONNECT", berth_str_eq(p.user, BERTH_STR("0ne00000001/registrations/dev1/"
                                                    "api-version=2021-06-01&"
                                                    "ClientVersion=libberth%2F0.1.0")));
    check_token(p.password, NOW_S + BERTH_PROV_TOKEN_LIFE_S);
    p = next_packet(&sent);
    CHECK("SUBSCRIBE", p.type == BERTH_MQTT_SUBSCRIBE && p.filter_qos[0] == 1 && p.packet_id == 1);
    CHECK("SUBSCRIBE", berth_str_eq(p.filters[0], BERTH_STR("$dps/registrations/res/#")));
    check_publish(&sent, "$dps/registrations/PUT/iotdps-register/?$rid=1",
                  "{\"registrationId\":\"dev1\"}", 2);
    p = next_packet(&sent);
    CHECK("PUBACK", p.type == BERTH_MQTT_PUBACK && p.packet_id == 77);
    check_publish(
        &sent, "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId=5.0a", "", 3);
    p = next_packet(&sent);
    CHECK("PUBACK", p.type == BERTH_MQTT_PUBACK && p.packet_id == 77);
    p = next_packet(&sent);
    CHECK("DISCONNECT", p.type == BERTH_MQTT_DISCONNECT && sent.n == 0);
    berth_prov_end(&y.prov);
}

static void test_ipv6_host(void **state)
{
    static struct play y;
    static const struct reply replies[] = { { END, 0, NULL, NULL, 0 } };
    struct berth_prov_options o = options;

    (void)state;
    o.host = BERTH_STR("::1");
    play(&y, &o, replies, SIZE_MAX, false);
    y.sent_storage[y.sent.n] = '\0';
    CHECK("brackets", strstr(y.sent_storage, "\r\nHost: [::1]\r\n") != NULL);
    berth_prov_end(&y.prov);
}

/* The result is here: a service that closes before it has read DISCONNECT changes nothing. */
static void test_goodbye_lost(void **state)
{
    static const struct reply replies[] = { { CONNACK, 0, NULL, NULL, 0 },
                                            { SUBACK, 1, NULL, NULL, 0 },
                                            { ANSWER, 200, ASSIGNED, NULL, 1 },
                                            { END, 0, NULL, NULL, 0 } };
    static struct play y;
    struct berth_prov_options o = options;

    (void)state;
    o.transport = BERTH_TRANSPORT_MQTT;
    memset(&y, 0, sizeof y);
    y.next = replies;
    berth_buf_init(&y.pending, y.pending_storage, sizeof y.pending_storage);
    berth_buf_init(&y.sent, y.sent_storage, sizeof y.sent_storage);
    CHECK("start", berth_prov_start(&y.prov, &crypto, &o, NOW_S) == BERTH_OK);
    while (y.prov.result.assigned_hub[0] == '\0')
        y.prov.need == BERTH_PROV_SEND ? play_send(&y, SIZE_MAX)
                                       : play_receive(&y, SIZE_MAX, false);
    CHECK("goodbye is due", y.prov.need == BERTH_PROV_SEND);
    berth_prov_lost(&y.prov, BERTH_E_CLOSED);
    CHECK("done", y.prov.need == BERTH_PROV_DONE && y.prov.result.err == BERTH_OK);
    berth_prov_lost(&y.prov, BERTH_E_CLOSED);
    CHECK("still done", y.prov.need == BERTH_PROV_DONE);
    berth_prov_end(&y.prov);
}

/* ---- bounds ---- */

static void test_poll_bound(void **state)
{
    static struct reply replies[BERTH_PROV_POLLS_MAX + 3];
    static struct play y;

    (void)state;
    for (size_t extra = 0; extra <= 1; extra++) {
        size_t n = BERTH_PROV_POLLS_MAX + extra; /* answers "assigning" */

        for (size_t i = 0; i < n; i++)
            replies[i] = (struct reply){ HTTP, 202, ASSIGNING, "1", 0 };
        replies[n] = (struct reply){ HTTP, 200, ASSIGNED, NULL, 0 };
        play(&y, &options, replies, SIZE_MAX, false);
        CHECK("polls", y.prov.result.err == (extra == 0 ? BERTH_OK : BERTH_E_TIMEOUT));
        CHECK("polls", y.prov.polls == BERTH_PROV_POLLS_MAX);
        berth_prov_end(&y.prov);
    }
}

/* An answer of exactly BERTH_PROV_RX_MAX bytes, and one byte more. */
static void test_answer_bound(void **state)
{
    static char text[BERTH_PROV_RX_MAX + 8];
    static struct play y;

    (void)state;
    for (size_t extra = 0; extra <= 1; extra++) {
        struct reply replies[] = { { RAW, 0, text, NULL, 0 }, { END, 0, NULL, NULL, 0 } };
        int n = snprintf(text, sizeof text,
                         "HTTP/1.1 202 OK\r\nContent-Length: %zu\r\nX: ", strlen(ASSIGNED));
        size_t fill = BERTH_PROV_RX_MAX + extra - (size_t)n - 4 - strlen(ASSIGNED);

        memset(text + n, 'x', fill);
        snprintf(text + n + fill, sizeof text - (size_t)n - fill, "\r\n\r\n%s", ASSIGNED);
        for (size_t step = 1000; step <= 100000; step *= 100) {
            play(&y, &options, replies, step, false);
            CHECK("size", y.prov.result.err == (extra == 0 ? BERTH_OK : BERTH_E_RANGE));
            berth_prov_end(&y.prov);
        }
    }
}

static char long_text[4096];

static const struct {
    const char *name;
    size_t host, scope, id, payload;
    uint8_t key;
    berth_err want;
} bounds[] = {
    { "all at their largest", BERTH_PROV_HOST_MAX, BERTH_PROV_SCOPE_MAX, 128,
      BERTH_PROV_PAYLOAD_MAX, BERTH_KEY_MAX, BERTH_OK },
    { "all at their smallest", 1, 1, 1, 3, BERTH_KEY_MIN, BERTH_OK },
    { "host too long", BERTH_PROV_HOST_MAX + 1, 1, 1, 3, 32, BERTH_E_RANGE },
    { "host empty", 0, 1, 1, 3, 32, BERTH_E_SYNTAX },
    { "scope too long", 1, BERTH_PROV_SCOPE_MAX + 1, 1, 3, 32, BERTH_E_RANGE },
    { "scope empty", 1, 0, 1, 3, 32, BERTH_E_SYNTAX },
    { "ID too long", 1, 1, 129, 3, 32, BERTH_E_RANGE },
    { "ID empty", 1, 1, 0, 3, 32, BERTH_E_SYNTAX },
    { "payload too long", 1, 1, 1, BERTH_PROV_PAYLOAD_MAX + 1, 32, BERTH_E_RANGE },
    { "key too short", 1, 1, 1, 3, BERTH_KEY_MIN - 1, BERTH_E_RANGE },
    { "key too long", 1, 1, 1, 3, BERTH_KEY_MAX + 1, BERTH_E_RANGE },
};

static void test_option_bounds(void **state)
{
    static struct berth_prov p;

    (void)state;
    memset(long_text, 'a', sizeof long_text);
    for (size_t i = 0; i < ARRAY_LEN(bounds) * 2; i++) {
        const char *name = bounds[i / 2].name;
        char payload[4096];
        struct berth_prov_options o = {
            .transport = i % 2 == 0 ? BERTH_TRANSPORT_HTTPS : BERTH_TRANSPORT_MQTT,
            .host = { long_text, bounds[i / 2].host },
            .id_scope = { long_text, bounds[i / 2].scope },
            .registration_id = { long_text, bounds[i / 2].id },
            .payload = { payload, bounds[i / 2].payload },
            .key = { .n = bounds[i / 2].key },
        };

        memset(payload, 'x', sizeof payload);
        payload[0] = payload[o.payload.n - 1] = '"';
        CHECK(name, berth_prov_start(&p, &crypto, &o, NOW_S) == bounds[i / 2].want);
        CHECK(name,
              p.need == (bounds[i / 2].want == BERTH_OK ? BERTH_PROV_SEND : BERTH_PROV_FAILED));
        CHECK(name, p.result.err == bounds[i / 2].want);
        berth_prov_end(&p);
    }
}

static const struct {
    const char *name, *host, *scope, *id, *payload;
} malformed[] = {
    { "host with a blank", "a b", "s", "d", NULL },
    { "host with a line end", "a\r\nX: y", "s", "d", NULL },
    { "host with a path", "a/b", "s", "d", NULL },
    { "scope with a slash", "h", "s/t", "d", NULL },
    { "scope with a line end", "h", "s\n", "d", NULL },
    { "ID with a slash", "h", "s", "d/e", NULL },
    { "ID that ends in '.'", "h", "s", "d.", NULL },
    { "payload is no JSON", "h", "s", "d", "{" },
};

static void test_malformed_options(void **state)
{
    static struct berth_prov p;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
        struct berth_prov_options o = options;

        o.host = berth_str_of(malformed[i].host);
        o.id_scope = berth_str_of(malformed[i].scope);
        o.registration_id = berth_str_of(malformed[i].id);
        o.payload = berth_str_of(malformed[i].payload);
        CHECK(malformed[i].name, berth_prov_start(&p, &crypto, &o, NOW_S) == BERTH_E_SYNTAX);
        CHECK(malformed[i].name, p.need == BERTH_PROV_FAILED && p.result.message[0] != '\0');
        berth_prov_end(&p);
    }
}

/* ---- secrets ---- */

static bool holds(const void *memory, size_t n, const char *secret)
{
    const char *p = memory;
    size_t m = strlen(secret);

    for (size_t i = 0; i + m <= n; i++)
        if (memcmp(p + i, secret, m) == 0)
            return true;
    return false;
}

static void test_secrets_are_wiped(void **state)
{
    static const struct reply replies[] = { { HTTP, 202, ASSIGNED, NULL, 0 },
                                            { END, 0, NULL, NULL, 0 } };
    static struct play y;

    (void)state;
    play(&y, &options, replies, SIZE_MAX, false);
    CHECK("sent bytes are wiped at once",
          !holds(y.prov.tx_storage, sizeof y.prov.tx_storage, "SharedAccess"));
    CHECK("before", holds(&y.prov, sizeof y.prov, "SharedAccessSignature"));
    CHECK("before", holds(&y.prov, sizeof y.prov, "0123456789abcdef"));
    berth_prov_end(&y.prov);
    CHECK("token", !holds(&y.prov, sizeof y.prov, "SharedAccess"));
    CHECK("key", !holds(&y.prov, sizeof y.prov, "0123456789abcdef"));
    CHECK("result stays", strcmp(y.prov.result.assigned_hub, "hub.example") == 0);
    berth_prov_end(&y.prov);
}

static int set_up(void **state)
{
    (void)state;
    return berth_openssl_init(&crypto) == BERTH_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    berth_openssl_deinit(&crypto);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_read_a_reply),  cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_all_at_once),       cmocka_unit_test(test_http_requests),
        cmocka_unit_test(test_mqtt_packets),      cmocka_unit_test(test_ipv6_host),
        cmocka_unit_test(test_goodbye_lost),      cmocka_unit_test(test_poll_bound),
        cmocka_unit_test(test_answer_bound),      cmocka_unit_test(test_option_bounds),
        cmocka_unit_test(test_malformed_options), cmocka_unit_test(test_secrets_are_wiped),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
