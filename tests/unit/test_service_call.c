/* What every service request goes through: routes, tokens, versions, media types,
 * limits, clients and stores that go away. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/policy.h"
#include "check.h"
#include "front/call.h"
#include "front/route.h"
#include "front/router.h"
#include "service_rig.h"

#define WHY(name) BERTH_WHY_##name

/* ---- routes ---- */

static const struct route_table *const tables[] = { &dps_service_routes, &hub_service_routes,
                                                    &berth_api_routes };

static void test_routes(void **state)
{
    static const struct {
        const char *name, *line;
        int status;
        enum berth_reason why;
        const char *allow;
    } cases[] = {
        { "root", "GET /", 404, WHY(ROUTE_UNKNOWN), "" },
        { "elsewhere", "GET /portal/x", 404, WHY(ROUTE_UNKNOWN), "" },
        { "a longer path", "GET /enrollments/a/b", 404, WHY(ROUTE_UNKNOWN), "" },
        { "an empty segment", "GET /enrollments//a", 404, WHY(ROUTE_UNKNOWN), "" },
        { "eight segments", "GET /enrollments/2/3/4/5/6/7/8", 404, WHY(ROUTE_UNKNOWN), "" },
        { "nine segments", "GET /enrollments/2/3/4/5/6/7/8/9", 404, WHY(ROUTE_UNKNOWN), "" },
        { "a broken escape", "GET /enrollments/a%2", 400, WHY(REQUEST_INVALID), "" },
        { "a NUL", "GET /enrollments/a%00", 400, WHY(REQUEST_INVALID), "" },
        { "capitals", "GET /ENROLLMENTS/a", 404, WHY(ENROLLMENT_NOT_FOUND), "" },
        { "an escaped word", "GET /enroll%6Dents/a", 404, WHY(ENROLLMENT_NOT_FOUND), "" },
        { "a trailing slash", "GET /enrollments/a/", 404, WHY(ENROLLMENT_NOT_FOUND), "" },
        { "HEAD", "HEAD /enrollments/a", 405, WHY(METHOD_NOT_ALLOWED), "GET, PUT, DELETE" },
        { "POST to an ID", "POST /enrollments/a", 405, WHY(METHOD_NOT_ALLOWED),
          "GET, PUT, DELETE" },
        { "GET of keys", "GET /enrollments/a/attestationmechanism", 405, WHY(METHOD_NOT_ALLOWED),
          "POST" },
        { "DELETE of a list", "DELETE /devices", 405, WHY(METHOD_NOT_ALLOWED), "GET" },
        { "another method", "OPTIONS /devices", 405, WHY(METHOD_NOT_ALLOWED), "GET" },
    };
    struct rig *r = rig_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct rig_answer *a = rig_ask(r, &(struct rig_request){ .line = cases[i].line });
        if (a->status != cases[i].status || a->why != cases[i].why)
            fail_msg("%s: %d %s", cases[i].name, a->status, a->body);
        CHECK(cases[i].name, strcmp(rig_header(r, "allow"), cases[i].allow) == 0);
    }
    rig_free(r);
}

/* ---- tokens ---- */

static void test_tokens(void **state)
{
    struct rig *r = rig_new();
    struct berth_key key = rig_key(), other = rig_key();
    int64_t now = loop_now_ms(rig_front(r)->loop) / 1000;
    static const struct {
        const char *name, *resource, *policy;
        bool other_key;
        int64_t life;
        enum berth_reason why;
    } cases[] = {
        { "good", RIG_HOST, RIG_OWNER, false, 60, WHY(ENROLLMENT_NOT_FOUND) },
        { "capitals", "DPS.test.EXAMPLE", RIG_OWNER, false, 60, WHY(ENROLLMENT_NOT_FOUND) },
        { "for the path", RIG_HOST "/enrollments", RIG_OWNER, false, 60,
          WHY(ENROLLMENT_NOT_FOUND) },
        { "for another path", RIG_HOST "/registrations", RIG_OWNER, false, 60,
          WHY(SERVICE_TOKEN_FOR_OTHER) },
        { "for another host", RIG_HUB, RIG_OWNER, false, 60, WHY(SERVICE_TOKEN_FOR_OTHER) },
        { "another key", RIG_HOST, RIG_OWNER, true, 60, WHY(SERVICE_SIGNATURE_WRONG) },
        { "unknown policy", RIG_HOST, "nobody", false, 60, WHY(POLICY_UNKNOWN) },
        { "a hub's policy", RIG_HOST, "iothubowner", false, 60, WHY(POLICY_UNKNOWN) },
        { "within the skew", RIG_HOST, RIG_OWNER, false, -200, WHY(ENROLLMENT_NOT_FOUND) },
        { "expired", RIG_HOST, RIG_OWNER, false, -400, WHY(SERVICE_TOKEN_EXPIRED) },
    };

    (void)state;
    other.bytes[0] ^= 1;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *token = rig_token(cases[i].resource, cases[i].policy,
                                      cases[i].other_key ? &other : &key, now + cases[i].life);
        const struct rig_answer *a =
            rig_ask(r, &(struct rig_request){ .line = "GET /enrollments/x", .token = token });
        if (a->why != cases[i].why)
            fail_msg("%s: %s", cases[i].name, berth_reason_row(a->why)->name);
        if (a->status == 401)
            CHECK(cases[i].name, strstr(a->body, "\"errorCode\":401002") != NULL &&
                                     strstr(a->body, "\"message\":\"Unauthorized\"") != NULL);
    }
    CHECK("malformed", rig_ask(r, &(struct rig_request){ .line = "GET /enrollments/x",
                                                         .token = "SharedAccessSignature x" })
                               ->why == WHY(SERVICE_TOKEN_MALFORMED));
    rig_free(r);
}

static struct http_options socket_http;

static struct layer *on_accept(void *user, struct layer *tcp, const struct peer *peer)
{
    (void)user;
    (void)peer;
    return http_layer_new(tcp, &socket_http);
}

static struct listener *listen_on_loopback(struct rig *r)
{
    struct listener_options o = { .accept = on_accept };
    struct sockaddr_in *in = (void *)&o.addr;
    struct listener *l;

    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socket_http = (struct http_options){ .handler = router_http, .user = rig_front(r) };
    CHECK("listening", listener_start(rig_front(r)->loop, &o, &l) == BERTH_OK);
    return l;
}

/* The answer to Q over a socket, for what depends on the peer's address. */
static const char *ask_by_socket(struct rig *r, const struct listener *l,
                                 const struct rig_request *q)
{
    static char text[4096];
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(listener_port(l)) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t n = rig_write(r, q, text, sizeof text);
    ssize_t got = 0;

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK("connected", connect(fd, (struct sockaddr *)&in, sizeof in) == 0);
    CHECK("sent", send(fd, text, n, 0) == (ssize_t)n);
    for (int i = 0; i < 2000 && got <= 0; i++) {
        uv_run(loop_uv(rig_front(r)->loop), UV_RUN_NOWAIT);
        (void)poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 10);
        got = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    }
    CHECK("answered", got > 0);
    text[got] = '\0';
    close(fd);
    return text;
}

/* The rig lets an address fail 20 times a minute. */
static void test_throttle(void **state)
{
    struct rig *r = rig_new();
    struct listener *l = listen_on_loopback(r);
    struct rig_request bad = { .line = "GET /enrollments/x", .token = "SharedAccessSignature x" };
    struct rig_request good = { .line = "GET /enrollments/x" };
    struct rig_request poor = { .line = "GET /enrollments/x", .policy = "poor" };
    const char *text;

    (void)state;
    rig_put_policy(r, "", "poor", BERTH_RIGHT_DEVICE_CONNECT);
    for (int i = 0; i < 30; i++)
        CHECK("a right missing does not count",
              strncmp(ask_by_socket(r, l, &poor), "HTTP/1.1 401 ", 13) == 0);
    for (int i = 0; i < 20; i++)
        CHECK("heard", strncmp(ask_by_socket(r, l, &bad), "HTTP/1.1 401 ", 13) == 0);
    text = ask_by_socket(r, l, &bad);
    CHECK("too often", strncmp(text, "HTTP/1.1 429 ", 13) == 0);
    CHECK("when to try again", strstr(text, "\r\nretry-after: ") != NULL);
    CHECK("its code", strstr(text, "\r\nx-ms-error-code: 429001\r\n") != NULL);
    CHECK("the address, not the token",
          strncmp(ask_by_socket(r, l, &good), "HTTP/1.1 429 ", 13) == 0);
    listener_close(l);
    rig_free(r);
}

/* ---- documents ---- */

static void test_versions(void **state)
{
    static const struct {
        const char *line;
        enum berth_reason why;
    } cases[] = {
        { "GET /enrollments/x?api-version=2018-04-01", WHY(ENROLLMENT_NOT_FOUND) },
        { "GET /enrollments/x?api-version=2021-11-01-preview", WHY(ENROLLMENT_NOT_FOUND) },
        { "GET /enrollments/x?a=b&API-version=2021-10-01", WHY(ENROLLMENT_NOT_FOUND) },
        { "GET /enrollments/x?", WHY(API_VERSION_MISSING) },
        { "GET /enrollments/x?api-version=", WHY(API_VERSION_MISSING) },
        { "GET /enrollments/x?api-version=latest", WHY(API_VERSION_MISSING) },
        { "GET /devices/x?top=1&api-version=2024-03-31", WHY(DEVICE_NOT_FOUND) },
        { "GET /devices/x?top=1", WHY(API_VERSION_MISSING) },
        { "GET /berth/v1/hubs/x.y?", WHY(HUB_NOT_FOUND) },
    };
    struct rig *r = rig_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(cases[i].line,
              rig_ask(r, &(struct rig_request){ .line = cases[i].line })->why == cases[i].why);
    rig_free(r);
}

static void test_media_types(void **state)
{
    static const struct {
        const char *name, *line, *headers, *body;
        int status;
    } cases[] = {
        { "json", "POST /enrollments/query", "Content-Type: application/json\r\n", "{}", 200 },
        { "with charset", "POST /enrollments/query",
          "Content-Type: Application/JSON; charset=utf-8\r\n", "{}", 200 },
        { "with a blank", "POST /enrollments/query", "Content-Type: application/json ;x=y\r\n",
          "{}", 200 },
        { "text", "POST /enrollments/query", "Content-Type: text/plain\r\n", "{}", 415 },
        { "json's neighbour", "POST /enrollments/query", "Content-Type: application/jsonp\r\n",
          "{}", 415 },
        { "none", "POST /enrollments/query", "x-content-type: none\r\n", "{}", 415 },
        { "none for nothing", "POST /enrollments/query", NULL, NULL, 200 },
        { "any for nothing", "POST /enrollments/query", "Content-Type: text/plain\r\n", NULL, 200 },
        { "hub", "PUT /devices/d", "Content-Type: text/plain\r\n", "{}", 415 },
    };
    struct rig *r = rig_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(cases[i].name, rig_ask(r, &(struct rig_request){ .line = cases[i].line,
                                                               .headers = cases[i].headers,
                                                               .body = cases[i].body })
                                     ->status == cases[i].status);
    rig_free(r);
}

static void test_common_headers(void **state)
{
    struct rig *r = rig_new();
    const struct rig_answer *a;
    char id[64];

    (void)state;
    a = rig_ask(r, &(struct rig_request){ .line = "GET /enrollments/x" });
    snprintf(id, sizeof id, "%s", rig_header(r, "x-ms-request-id"));
    CHECK("a UUID", strlen(id) == 36 && id[14] == '4' && id[8] == '-' && id[23] == '-' &&
                        strchr("89ab", id[19]) != NULL);
    CHECK("the same in the body", strstr(a->body, id) != NULL);
    CHECK("code", strcmp(rig_header(r, "x-ms-error-code"), "404201") == 0);
    CHECK("type", strcmp(rig_header(r, "content-type"), "application/json; charset=utf-8") == 0);
    CHECK("not cached", strcmp(rig_header(r, "cache-control"), "no-store") == 0);

    a = rig_ask(r, &(struct rig_request){ .line = "GET /devices/x" });
    CHECK("another ID", strcmp(rig_header(r, "x-ms-request-id"), id) != 0);
    CHECK("in the hub's body", strstr(a->body, rig_header(r, "x-ms-request-id")) != NULL);
    CHECK("the hub's code", strcmp(rig_header(r, "iothub-errorcode"), "DeviceNotFound") == 0);
    CHECK("no DPS code", rig_header(r, "x-ms-error-code")[0] == '\0');
    rig_ask(r, &(struct rig_request){ .line = "POST /enrollments/query" });
    CHECK("answers have one too", strlen(rig_header(r, "x-ms-request-id")) == 36);
    rig_free(r);
}

/* ---- what goes away ---- */

static const char *body_for(const struct route *row)
{
    if (row->method == HTTP_PATCH && strstr(row->path, "settings") != NULL)
        return "{\"assigningFirst\":true}";
    if (strncmp(row->path, "enrollments", 11) == 0)
        return "{\"registrationId\":\"x1.y\",\"attestation\":{\"type\":\"symmetricKey\"}}";
    if (strncmp(row->path, "enrollmentGroups", 16) == 0)
        return "{\"enrollmentGroupId\":\"x1.y\",\"attestation\":{\"type\":\"symmetricKey\"}}";
    if (strncmp(row->path, "devices", 7) == 0)
        return "{\"deviceId\":\"x1.y\",\"query\":\"SELECT * FROM devices\"}";
    if (strstr(row->path, "policies") != NULL)
        return "{\"rights\":\"DeviceConnect\",\"keyType\":\"primary\"}";
    return "{}";
}

/* Those that need no store answer all the same; nobody else may, nor stay silent. */
static void test_broken_store(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    rig_break_store(r);
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct route *row = &tables[t]->rows[i];
            bool in_memory =
                strstr(row->path, "listkeys") != NULL || strstr(row->path, "v1/service") != NULL ||
                strstr(row->path, "v1/ca") != NULL || strstr(row->path, "v1/refusals") != NULL ||
                strstr(row->path, "events") != NULL || strstr(row->path, "v1/audit") != NULL ||
                strstr(row->path, "statistics/service") != NULL ||
                (strstr(row->path, "v1/policies") != NULL && row->method != HTTP_PUT) ||
                strstr(row->path, "+/policies") != NULL ||
                (row->method == HTTP_DELETE && strstr(row->path, "v1/hubs") != NULL);
            const char *id =
                row->method == HTTP_GET && strstr(row->path, "hubs") != NULL ? RIG_HUB : "x1.y";
            char line[256];
            rig_line(row, id, line, sizeof line);
            const struct rig_answer *a =
                rig_ask(r, &(struct rig_request){ .line = line, .body = body_for(row) });
            if ((a->why == WHY(STORE_FAILED)) == in_memory || (a->status == 503) == in_memory)
                fail_msg("%s: %d %s", line, a->status, a->body);
            CHECK(line, in_memory || strstr(a->body, "disk full") == NULL);
        }
    }
    rig_free(r);
}

/* The client goes away after STEPS events of the store; the call goes on to its end. */
static void abandon(const struct route *row, int steps)
{
    struct rig *r = rig_new();
    char line[256];

    rig_ask(
        r, &(struct rig_request){ .line = "PUT /devices/x1.y", .body = "{\"deviceId\":\"x1.y\"}" });
    rig_line(row, "x1.y", line, sizeof line);
    rig_send(r, &(struct rig_request){ .line = line,
                                       .headers = row->method == HTTP_PUT ? "If-Match: *\r\n" : "",
                                       .body = body_for(row) });
    for (int i = 0; i < steps && rig_answer(r)->status == 0; i++)
        rig_step(r);
    rig_hang_up(r);
    rig_settle(r);
    rig_free(r);
}

static void test_abandoned(void **state)
{
    (void)state;
    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (size_t i = 0; i < tables[t]->count; i++)
            for (int steps = 0; steps < 2; steps++)
                abandon(&tables[t]->rows[i], steps);
}

static void test_abandoned_put_is_kept(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    rig_send(r, &(struct rig_request){ .line = "PUT /devices/d", .body = "{\"deviceId\":\"d\"}" });
    rig_hang_up(r);
    rig_settle(r);
    CHECK("written", rig_has(r, BERTH_KIND_DEVICE, RIG_HOST, "d"));
    rig_free(r);
}

/* The daemon stops while the store is silent; the leak checker sees what is forgotten. */
static void test_dropped(void **state)
{
    (void)state;
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct route *row = &tables[t]->rows[i];
            struct rig *r = rig_new();
            char line[256];

            rig_line(row, "x1.y", line, sizeof line);
            rig_send(r, &(struct rig_request){ .line = line, .body = body_for(row) });
            CHECK(line, (rig_answer(r)->status == 0) == (rig_front(r)->calls != NULL));
            rig_free(r);
        }
    }
}

static void test_under_way_until_answered(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    rig_send(r, &(struct rig_request){ .line = "GET /devices/d" });
    CHECK("waits", rig_front(r)->calls != NULL);
    while (rig_answer(r)->status == 0)
        rig_step(r);
    CHECK("answered", rig_front(r)->calls == NULL);
    rig_free(r);
}

#define SECRET "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

static const struct berth_crypto *real_crypto;
static size_t wiped_secrets;

/* Counts the copies of SECRET in what is wiped. */
static void counting_wipe(void *ctx, void *p, size_t n)
{
    const char *at = p, *end = at + n;

    while ((at = memmem(at, (size_t)(end - at), SECRET, strlen(SECRET))) != NULL) {
        wiped_secrets++;
        at += strlen(SECRET);
    }
    real_crypto->wipe(ctx, p, n);
}

/* Of a request and its answer, wherever the call has put them. */
static void test_secrets_are_wiped(void **state)
{
    struct rig *r = rig_new();
    struct berth_crypto seam = *rig_front(r)->crypto;
    static const struct {
        const char *line, *headers, *body;
        size_t copies; /* at least: in the request's body, and in the answer's */
    } cases[] = {
        { "PUT /enrollmentGroups/g", NULL,
          "{\"enrollmentGroupId\":\"g\",\"attestation\":{\"type\":\"symmetricKey\","
          "\"symmetricKey\":{\"primaryKey\":\"" SECRET "\"}}}",
          2 },
        { "PUT /enrollmentGroups/g", "If-Match: *\r\n",
          "{\"enrollmentGroupId\":\"g\",\"attestation\":{\"type\":\"symmetricKey\"}}", 1 },
        { "POST /enrollmentGroups/g/attestationmechanism", NULL, NULL, 1 },
        { "PUT /devices/d", NULL,
          "{\"deviceId\":\"d\",\"authentication\":{\"type\":\"sas\",\"symmetricKey\":{"
          "\"primaryKey\":\"" SECRET "\",\"secondaryKey\":\"" SECRET "\"}}}",
          4 },
        { "GET /devices/d", NULL, NULL, 2 },
        { "GET /devices", NULL, NULL, 2 },
        /* refused after it was read */
        { "PUT /devices/d", NULL,
          "{\"deviceId\":\"d\",\"authentication\":{\"type\":\"sas\",\"symmetricKey\":{"
          "\"primaryKey\":\"" SECRET "\"}}}",
          1 },
    };

    (void)state;
    real_crypto = rig_front(r)->crypto;
    seam.wipe = counting_wipe;
    rig_front(r)->crypto = &seam;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        wiped_secrets = 0;
        rig_ask(r, &(struct rig_request){
                       .line = cases[i].line, .headers = cases[i].headers, .body = cases[i].body });
        if (wiped_secrets < cases[i].copies)
            fail_msg("%s: %zu copies wiped", cases[i].line, wiped_secrets);
    }
    rig_front(r)->crypto = real_crypto;
    rig_free(r);
}

/* A page that is full is cut, often after the keys of a device that it has no room for. */
static void test_cut_page_is_wiped(void **state)
{
    struct rig *r = rig_new();
    struct berth_crypto seam = *rig_front(r)->crypto;
    char line[160], body[640], reason[129] = "";
    size_t kept = 0;

    (void)state;
    memset(reason, 'r', 128);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(line, sizeof line, "PUT /devices/%096d", i);
        (void)snprintf(body, sizeof body,
                       "{\"deviceId\":\"%096d\",\"statusReason\":\"%s\",\"authentication\":"
                       "{\"type\":\"sas\",\"symmetricKey\":{\"primaryKey\":\"" SECRET
                       "\",\"secondaryKey\":\"" SECRET "\"}}}",
                       i, reason);
        CHECK(line, rig_ask(r, &(struct rig_request){ .line = line, .body = body })->status == 200);
    }
    real_crypto = rig_front(r)->crypto;
    seam.wipe = counting_wipe;
    rig_front(r)->crypto = &seam;
    for (int i = 0; i < 8; i++) { /* the cut is moved through a device, 100 bytes at a time */
        const struct rig_answer *a;
        size_t shown = 0;

        (void)snprintf(line, sizeof line, "PUT /devices/%096d", i);
        (void)snprintf(body, sizeof body, "{\"deviceId\":\"%096d\",\"statusReason\":\"%.28s\"}", i,
                       reason);
        CHECK(line, rig_ask(r, &(struct rig_request){ .line = line,
                                                      .headers = "If-Match: *\r\n",
                                                      .body = body })
                            ->status == 200);
        wiped_secrets = 0;
        a = rig_ask(
            r, &(struct rig_request){ .line = "GET /devices?top=1000&api-version=2021-04-12" });
        for (const char *p = a->body; (p = strstr(p, SECRET)) != NULL; p++)
            shown++;
        CHECK("it is cut", a->status == 200 && shown > 0 && shown < 2000);
        CHECK("what is shown is wiped", wiped_secrets >= shown);
        kept += wiped_secrets - shown;
    }
    CHECK("so are keys that were cut", kept > 0);
    rig_front(r)->crypto = real_crypto;
    rig_free(r);
}

static void test_stopping(void **state)
{
    struct rig *r = rig_new();
    const struct rig_answer *a;

    (void)state;
    rig_front(r)->stopping = true;
    a = rig_ask(r, &(struct rig_request){ .line = "GET /enrollments/x" });
    CHECK("refused", a->status == 503 && a->why == WHY(STOPPING));
    a = rig_ask(r, &(struct rig_request){ .line = "GET /devices/x" });
    CHECK("in the hub's words", strstr(a->body, "ErrorCode:ServiceUnavailable;") != NULL);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_throttle),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_media_types),
        cmocka_unit_test(test_common_headers),
        cmocka_unit_test(test_broken_store),
        cmocka_unit_test(test_abandoned),
        cmocka_unit_test(test_abandoned_put_is_kept),
        cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_under_way_until_answered),
        cmocka_unit_test(test_secrets_are_wiped),
        cmocka_unit_test(test_cut_page_is_wiped),
        cmocka_unit_test(test_stopping),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
