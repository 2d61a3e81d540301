/* The DPS device API over HTTPS: bytes of HTTP in, answers out, over the real http layer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front/router.h"
#include "net/http.h"
#include "prov/dps_device.h"
#include "unit/check.h"
#include "unit/layer_rig.h"
#include "unit/rig_front.h"
#include "wire/json.h"

#define ID        "sn-007"
#define BASE      "/" FRONT_RIG_SCOPE "/registrations/" ID
#define REGISTER  BASE "/register?api-version=2021-06-01"
#define POLL      BASE "/operations/%s?api-version=2021-06-01"
#define BODY      "{\"registrationId\":\"" ID "\"}"
#define JSON      "Content-Type: application/json; charset=utf-8\r\n"
#define WRONG_KEY "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

static const struct limits_rates no_limits = { 0, 0 };
static const struct fake_options prompt = { 0 };
static const struct fake_options slow = { .seed = 5, .delay_max = 50 };

struct link {
    struct front_rig front;
    struct rig socket;
    struct http_options http;
};

struct heard {
    int status;
    char head[2048], body[BERTH_DPS_ANSWER_MAX + 1];
};

static void open_link(struct link *l, const struct fake_options *o, struct limits_rates rates)
{
    front_rig_open(&l->front, o, rates);
    rig_init(&l->socket, l->front.front.loop);
    l->http = (struct http_options){ .handler = router_http, .user = &l->front.front };
    l->socket.l.above = http_layer_new(&l->socket.l, &l->http);
    assert_non_null(l->socket.l.above);
    l->socket.l.above->below = &l->socket.l;
}

static void close_link(struct link *l)
{
    rig_close(&l->socket);
    rig_deinit(&l->socket);
    front_rig_close(&l->front);
}

/* KEY: NULL: the right one; "": no token. */
static void send_request(struct link *l, const char *line, const char *headers, const char *key,
                         const char *body)
{
    static char text[64 * 1024];
    char authorization[1200] = "";
    int n;

    if (key == NULL || key[0] != '\0')
        (void)snprintf(
            authorization, sizeof authorization, "Authorization: %s\r\n",
            front_rig_token(&l->front, ID, key != NULL ? key : front_rig_key(&l->front, ID)));
    n = snprintf(text, sizeof text,
                 "%s HTTP/1.1\r\nHost: dps.example\r\n%s%sContent-Length: %zu\r\n\r\n%s", line,
                 authorization, headers, strlen(body), body);
    assert_true(n > 0 && (size_t)n < sizeof text);
    rig_forget(&l->socket);
    rig_offer(&l->socket, text, (size_t)n);
}

static struct heard hear(struct link *l)
{
    struct heard h = { 0 };
    struct berth_json doc;
    const char *out, *blank;

    for (int i = 0; l->socket.out.n == 0; i++) {
        CHECK("an answer comes", i < 10000);
        front_rig_turn(&l->front);
    }
    rig_bytes_add(&l->socket.out, "", 1);
    out = (const char *)l->socket.out.p;
    blank = strstr(out, "\r\n\r\n");
    assert_non_null(blank);
    assert_int_equal(sscanf(out, "HTTP/1.1 %d ", &h.status), 1);
    (void)snprintf(h.head, sizeof h.head, "%.*s\r\n", (int)(blank - out), out);
    (void)snprintf(h.body, sizeof h.body, "%s", blank + 4);
    assert_non_null(strstr(h.head, "\r\nContent-Type: application/json; charset=utf-8\r\n"));
    assert_non_null(strstr(h.head, "\r\nx-ms-request-id: "));
    assert_int_equal(berth_json_check(berth_str_of(h.body), &doc, NULL), BERTH_OK);
    return h;
}

static struct heard ask(struct link *l, const char *line, const char *headers, const char *key,
                        const char *body)
{
    send_request(l, line, headers, key, body);
    return hear(l);
}

/* ---- the way it goes ---- */

static void operation_of(const struct heard *h, char line[256])
{
    const char *at = strstr(h->body, "\"operationId\":\"");

    assert_non_null(at);
    char id[56] = "";
    memcpy(id, at + 15, 55);
    (void)snprintf(line, 256, "GET " POLL, id);
}

static void test_registration(void **state)
{
    struct link l;
    struct heard h;
    char poll[256];

    (void)state;
    open_link(&l, &slow, no_limits);
    h = ask(&l, "PUT " REGISTER, JSON, NULL, BODY);
    assert_int_equal(h.status, 202); /* never 200: C# and aziot */
    assert_non_null(strstr(h.body, "\"status\":\"assigned\",\"registrationState\":{"));
    assert_non_null(strstr(h.body, "\"assignedHub\":\"" FRONT_RIG_HUB "\""));
    assert_null(strstr(h.head, "Retry-After"));
    operation_of(&h, poll);
    h = ask(&l, poll, "", NULL, "");
    assert_int_equal(h.status, 200);
    assert_non_null(strstr(h.body, "\"status\":\"assigned\""));
    h = ask(&l, poll, JSON, NULL, "{}"); /* as Node */
    assert_int_equal(h.status, 200);
    h = ask(&l, poll, "", WRONG_KEY, "");
    assert_int_equal(h.status, 401);
    close_link(&l);
}

/* No version yet gives a registration a payload; one that will may make it too large. */
static void test_largest_answer(void **state)
{
    struct link l;
    struct heard h;
    char poll[256];
    berth_str operation;
    size_t fits;

    (void)state;
    open_link(&l, &prompt, no_limits);
    h = ask(&l, "PUT " REGISTER, JSON, NULL, BODY);
    operation_of(&h, poll);
    operation = (berth_str){ strstr(poll, "/operations/") + 12, 55 };
    front_rig_put_registration(&l.front, ID, operation, 100);
    h = ask(&l, poll, "", NULL, "");
    assert_int_equal(h.status, 200);
    fits = BERTH_DPS_ANSWER_MAX - strlen(h.body) + 100;
    front_rig_put_registration(&l.front, ID, operation, fits);
    h = ask(&l, poll, "", NULL, "");
    assert_int_equal(h.status, 200);
    assert_int_equal(strlen(h.body), BERTH_DPS_ANSWER_MAX);
    front_rig_put_registration(&l.front, ID, operation, fits + 1);
    h = ask(&l, poll, "", NULL, "");
    assert_int_equal(h.status, 500);
    assert_non_null(strstr(h.body, "\"errorCode\":500"));
    close_link(&l);
}

static void test_forms_of_a_request(void **state)
{
    static const struct {
        const char *name, *line, *headers, *body;
    } cases[] = {
        { "no body", "PUT " REGISTER, "", "" },
        { "a blank", "PUT " REGISTER, JSON, " " },
        { "no version", "PUT " BASE "/register", JSON, BODY },
        { "type in capitals", "PUT " REGISTER, "content-type: Application/JSON\r\n", BODY },
        { "payload", "PUT " REGISTER, JSON, "{\"payload\":{\"n\":1.10},\"registrationId\":null}" },
        { "words in capitals", "PUT /0NE00000001/Registrations/" ID "/Register", JSON, BODY },
        { "percent-encoded", "PUT /0ne00000001/%72egistrations/sn%2D007/register", JSON, BODY },
        { "the ID in other case", "PUT " REGISTER, JSON, "{\"registrationId\":\"SN-007\"}" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct link l;
        open_link(&l, &prompt, no_limits);
        struct heard h = ask(&l, cases[i].line, cases[i].headers, NULL, cases[i].body);
        if (h.status != 202)
            fail_msg("%s: %d %s", cases[i].name, h.status, h.body);
        close_link(&l);
    }
}

static void test_assigning(void **state)
{
    struct link l;
    struct heard h;
    char poll[256];

    (void)state;
    open_link(&l, &slow, no_limits);
    send_request(&l, "PUT " REGISTER, JSON, NULL, BODY);
    loop_skip(l.front.front.loop, REGISTRAR_DEADLINE_MS + LOOP_TICK_MS);
    h = hear(&l);
    assert_int_equal(h.status, 202);
    assert_non_null(strstr(h.head, "\r\nRetry-After: 3\r\n"));
    assert_non_null(strstr(h.body, "\"status\":\"assigning\""));
    operation_of(&h, poll);
    send_request(&l, poll, "", NULL, "");
    loop_skip(l.front.front.loop, REGISTRAR_DEADLINE_MS + LOOP_TICK_MS);
    h = hear(&l);
    assert_int_equal(h.status, 202); /* still */
    front_rig_settle(&l.front);
    h = ask(&l, poll, "", NULL, "");
    assert_int_equal(h.status, 200);
    assert_non_null(strstr(h.body, "\"status\":\"assigned\""));
    close_link(&l);
}

static void test_disabled(void **state)
{
    struct link l;
    struct heard h;

    (void)state;
    open_link(&l, &prompt, no_limits);
    front_rig_put_group(&l.front, ",\"provisioningStatus\":\"disabled\"");
    h = ask(&l, "PUT " REGISTER, JSON, NULL, BODY);
    assert_int_equal(h.status, 202); /* a result, not an error */
    assert_non_null(strstr(h.body, "\"status\":\"disabled\""));
    assert_non_null(strstr(h.body, "\"errorCode\":401003"));
    assert_null(strstr(h.head, "x-ms-error-code"));
    close_link(&l);
}

/* ---- refusals ---- */

static const struct {
    const char *name, *line, *headers, *key, *body;
    int status;
    const char *code;
} refusals[] = {
    { "wrong key", "PUT " REGISTER, JSON, WRONG_KEY, BODY, 401, "401002" },
    { "no token", "PUT " REGISTER, JSON, "", BODY, 401, "401002" },
    { "not a token", "PUT " REGISTER, JSON "Authorization: Basic eDp5\r\n", "", BODY, 401,
      "401002" },
    { "another scope", "PUT /0ne00000002/registrations/" ID "/register", JSON, NULL, BODY, 401,
      "401002" },
    { "another device's token", "PUT /0ne00000001/registrations/sn-008/register", JSON, NULL, "",
      401, "401002" },
    { "a bad ID", "PUT /0ne00000001/registrations/a%20b/register", JSON, NULL, "", 400, "400202" },
    { "not JSON", "PUT " REGISTER, JSON, NULL, "{", 400, "400004" },
    { "an array", "PUT " REGISTER, JSON, NULL, "[]", 400, "400004" },
    { "another ID", "PUT " REGISTER, JSON, NULL, "{\"registrationId\":\"x\"}", 400, "400202" },
    { "a form", "PUT " REGISTER, "Content-Type: text/plain\r\n", NULL, BODY, 415, "415001" },
    { "no type", "PUT " REGISTER, "", NULL, BODY, 415, "415001" },
    { "GET of register", "GET " REGISTER, "", NULL, "", 405, "405001" },
    { "POST of register", "POST " REGISTER, JSON, NULL, BODY, 405, "405001" },
    { "PUT of an operation", "PUT " BASE "/operations/5.0.0", JSON, NULL, BODY, 405, "405001" },
    { "the lookup", "POST " BASE, JSON, NULL, BODY, 404, "404001" },
    { "a path below", "PUT " BASE "/register/x", JSON, NULL, BODY, 404, "404001" },
    { "a broken escape", "PUT /0ne00000001/registrations/%zz/register", JSON, NULL, BODY, 404,
      "404001" },
    { "no operation", "GET " BASE "/operations/", "", NULL, "", 404, "404001" },
    { "an unknown operation", "GET " BASE "/operations/5.0.0", "", NULL, "", 404, "404203" },
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct link l;
        char header[64], member[64];
        open_link(&l, &prompt, no_limits);
        struct heard h =
            ask(&l, refusals[i].line, refusals[i].headers, refusals[i].key, refusals[i].body);
        if (h.status != refusals[i].status)
            fail_msg("%s: %d %s", refusals[i].name, h.status, h.body);
        (void)snprintf(header, sizeof header, "\r\nx-ms-error-code: %s\r\n", refusals[i].code);
        (void)snprintf(member, sizeof member, "{\"errorCode\":%s,\"trackingId\":\"",
                       refusals[i].code);
        CHECK(refusals[i].name, strstr(h.head, header) != NULL);
        CHECK(refusals[i].name,
              (strstr(h.head, "\r\nAllow: PUT\r\n") != NULL) ==
                  (h.status == 405 && strstr(refusals[i].line, "/register") != NULL));
        CHECK(refusals[i].name,
              (strstr(h.head, "\r\nAllow: GET\r\n") != NULL) ==
                  (h.status == 405 && strstr(refusals[i].line, "/operations/") != NULL));
        CHECK(refusals[i].name, strstr(h.body, member) == h.body);
        CHECK(refusals[i].name, strstr(h.body, "\"timestampUtc\":\"") != NULL);
        CHECK(refusals[i].name, l.front.metrics.registrations_refused == 1);
        close_link(&l);
    }
}

static void test_throttled(void **state)
{
    struct link l;
    struct heard h;

    (void)state;
    open_link(&l, &prompt, (struct limits_rates){ .device_requests_per_min = 1 });
    (void)ask(&l, "PUT " REGISTER, JSON, NULL, BODY);
    h = ask(&l, "PUT " REGISTER, JSON, NULL, BODY);
    assert_int_equal(h.status, 429);
    assert_non_null(strstr(h.head, "\r\nRetry-After: 60\r\n"));
    assert_non_null(strstr(h.body, "\"errorCode\":429001"));
    close_link(&l);
}

static void test_daemon_is_stopping(void **state)
{
    struct link l;
    struct heard h;

    (void)state;
    open_link(&l, &prompt, no_limits);
    l.front.front.stopping = true;
    h = ask(&l, "PUT " REGISTER, JSON, NULL, BODY);
    assert_int_equal(h.status, 503);
    assert_non_null(strstr(h.head, "\r\nRetry-After: 3\r\n"));
    close_link(&l);
}

/* While a slow store keeps the answer back, nothing that a stranger sent may break it. */
static void test_strange_operation_and_slow_store(void **state)
{
    char line[4096] = "GET " BASE "/operations/";
    struct link l;
    struct heard h;

    (void)state;
    for (size_t n = strlen(line); n + 4 < 4000; n += 3)
        memcpy(line + n, "%01", 4);
    open_link(&l, &slow, no_limits);
    send_request(&l, line, "", "", "");
    loop_skip(l.front.front.loop, REGISTRAR_DEADLINE_MS + LOOP_TICK_MS);
    h = hear(&l);
    assert_int_equal(h.status, 202);
    assert_non_null(strstr(h.body, "\"status\":\"assigning\""));
    close_link(&l);
}

/* ---- clients that leave ---- */

static void test_gone_meanwhile(void **state)
{
    struct link l;

    (void)state;
    open_link(&l, &slow, no_limits);
    send_request(&l, "PUT " REGISTER, JSON, NULL, BODY);
    assert_int_equal(registrar_open(l.front.front.registrar), 1);
    rig_close(&l.socket);
    front_rig_settle(&l.front);
    assert_int_equal(front_rig_count(&l.front, BERTH_KIND_DEVICE, FRONT_RIG_HUB), 1);
    close_link(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registration),
        cmocka_unit_test(test_largest_answer),
        cmocka_unit_test(test_forms_of_a_request),
        cmocka_unit_test(test_assigning),
        cmocka_unit_test(test_disabled),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_throttled),
        cmocka_unit_test(test_daemon_is_stopping),
        cmocka_unit_test(test_strange_operation_and_slow_store),
        cmocka_unit_test(test_gone_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
