/* The hub's service API: devices, twins, statistics. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "hub/device.h"
#include "service_rig.h"

#define KEY_A "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define KEY_B "YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODk="
#define SAS(keys)                                                                                  \
    "{\"deviceId\":\"Press-1\",\"authentication\":{\"type\":\"sas\",\"symmetricKey\":" keys "}}"

#define WHY(name) BERTH_WHY_##name

static void test_query(void **state)
{
    static const struct rig_line lines[] = {
        { "no device", "POST /devices/query", NULL, "{\"query\":\"SELECT * FROM devices\"}", 200,
          WHY(NONE), "[]", NULL },
        { "make one", "PUT /devices/Press-1", NULL, "{\"deviceId\":\"Press-1\"}", 200, WHY(NONE),
          NULL, NULL },
        { "give it a tag", "PATCH /twins/Press-1", NULL, "{\"tags\":{\"line\":7}}", 200, WHY(NONE),
          NULL, NULL },
        { "all twins", "POST /devices/query", NULL, "{\"query\":\" select  * from devices\"}", 200,
          WHY(NONE), "[{\"deviceId\":\"Press-1\"~\"tags\":{\"line\":7}", "primaryKey" },
        { "in any spacing", "POST /devices/query", NULL,
          "{\"query\":\"SELECT\\t*\\r\\nFROM\\tdevices\\n\"}", 200, WHY(NONE),
          "[{\"deviceId\":\"Press-1\"", NULL },
        { "a condition", "POST /devices/query", NULL,
          "{\"query\":\"SELECT * FROM devices WHERE status = 'enabled'\"}", 400,
          WHY(REQUEST_INVALID), "ErrorCode:ArgumentInvalid;This version serves", NULL },
        { "no query", "POST /devices/query", NULL, "{}", 400, WHY(REQUEST_INVALID), NULL, NULL },
        { "no body", "POST /devices/query", NULL, NULL, 400, WHY(REQUEST_INVALID), NULL, NULL },
    };
    struct rig *r = rig_new();

    (void)state;
    rig_play(r, lines, ARRAY_LEN(lines));
    rig_free(r);
}

static void test_devices(void **state)
{
    static const struct rig_line lines[] = {
        { "get before", "GET /devices/Press-1", NULL, NULL, 404, WHY(DEVICE_NOT_FOUND),
          "{\"Message\":\"ErrorCode:DeviceNotFound;~\"ExceptionMessage\":\"Tracking ID:~-G:0-"
          "TimeStamp:",
          NULL },
        { "star on nothing", "PUT /devices/Press-1", "If-Match: \"*\"\r\n",
          "{\"deviceId\":\"Press-1\"}", 404, WHY(DEVICE_NOT_FOUND), NULL, NULL },
        { "other ID in the body", "PUT /devices/Press-1", NULL, "{\"deviceId\":\"press-1\"}", 400,
          WHY(REQUEST_INVALID), "ErrorCode:ArgumentInvalid;", NULL },
        { "create", "PUT /devices/Press-1", NULL,
          SAS("{\"primaryKey\":\"" KEY_A "\",\"secondaryKey\":\"" KEY_B "\"}"), 200, WHY(NONE),
          "\"deviceId\":\"Press-1\"~\"primaryKey\":\"" KEY_A "\"~\"secondaryKey\":\"" KEY_B
          "\"~\"type\":\"sas\"}~\"capabilities\":{\"iotEdge\":false}",
          NULL },
        { "create again", "PUT /devices/Press-1", NULL, "{\"deviceId\":\"Press-1\"}", 409,
          WHY(DEVICE_EXISTS), "ErrorCode:DeviceAlreadyExists;", NULL },
        { "case counts", "GET /devices/press-1", NULL, NULL, 404, WHY(DEVICE_NOT_FOUND), NULL,
          NULL },
        { "get shows keys", "GET /devices/Press-1", NULL, NULL, 200, WHY(NONE), KEY_A "~" KEY_B,
          NULL },
        { "list with a slash", "GET /devices/", NULL, NULL, 200, WHY(NONE),
          "[{\"deviceId\":\"Press-1\"", NULL },
        { "update keeps keys", "PUT /devices/Press-1", "If-Match: \"*\"\r\n",
          "{\"deviceId\":\"Press-1\",\"status\":\"disabled\"}", 200, WHY(NONE),
          KEY_A "~" KEY_B "~\"status\":\"disabled\"", NULL },
        { "empty keys are none", "PUT /devices/Press-1", "If-Match: *\r\n",
          SAS("{\"primaryKey\":\"\",\"secondaryKey\":\"\"}"), 200, WHY(NONE),
          KEY_A "~\"status\":\"enabled\"", NULL },
        { "wrong etag", "PUT /devices/Press-1", "If-Match: \"AAAAAAAAAAk=\"\r\n",
          "{\"deviceId\":\"Press-1\"}", 412, WHY(ETAG_STALE), "ErrorCode:PreconditionFailed;",
          NULL },
        { "no etag at all", "DELETE /devices/Press-1", "If-Match: \"x\"\r\n", NULL, 412,
          WHY(ETAG_STALE), NULL, NULL },
        { "own etag", "GET /devices/Press-1", NULL, NULL, 200, WHY(NONE), NULL, NULL },
        { "a twin may change between", "PATCH /twins/Press-1", NULL, "{\"tags\":{\"a\":1}}", 200,
          WHY(NONE), NULL, NULL },
        { "etag of the identity again", "GET /devices/Press-1", NULL, NULL, 200, WHY(NONE), NULL,
          NULL },
        { "update with it", "PUT /devices/Press-1", "If-Match: \"@\"\r\n",
          SAS("{\"primaryKey\":\"" KEY_B "\",\"secondaryKey\":\"" KEY_B "\"}"), 200, WHY(NONE),
          KEY_B, KEY_A },
        { "the twin stayed", "GET /twins/Press-1", NULL, NULL, 200, WHY(NONE), "\"tags\":{\"a\":1}",
          NULL },
        { "etag once more", "GET /devices/Press-1", NULL, NULL, 200, WHY(NONE), NULL, NULL },
        { "delete with it", "DELETE /devices/Press-1", "If-Match: \"@\"\r\n", NULL, 204, WHY(NONE),
          NULL, NULL },
        { "delete again", "DELETE /devices/Press-1", NULL, NULL, 404, WHY(DEVICE_NOT_FOUND), NULL,
          NULL },
        { "delete again with etag", "DELETE /devices/Press-1", "If-Match: \"@\"\r\n", NULL, 404,
          WHY(DEVICE_NOT_FOUND), NULL, NULL },
        { "the twin went with it", "GET /twins/Press-1", NULL, NULL, 404, WHY(DEVICE_NOT_FOUND),
          NULL, NULL },
        { "an empty list", "GET /devices?api-version=2021-04-12", NULL, NULL, 200, WHY(NONE), "[]",
          NULL },
        { "strange characters", "PUT /devices/a%23b%25c%2Bd%20", NULL, "{\"deviceId\":\"a\"}", 400,
          WHY(DEVICE_ID_INVALID), NULL, NULL },
        { "and allowed ones", "PUT /devices/a%23b%25c%2Bd'", NULL, "{\"deviceId\":\"a#b%c+d'\"}",
          200, WHY(NONE), "\"deviceId\":\"a#b%c+d'\"", NULL },
    };
    struct rig *r = rig_new();

    (void)state;
    rig_play(r, lines, ARRAY_LEN(lines));
    rig_free(r);
}

static void test_made_keys(void **state)
{
    static const char *const bodies[] = {
        "{\"deviceId\":\"d\"}",
        "{\"deviceId\":\"d\",\"authentication\":{\"type\":\"sas\"}}",
        "{\"deviceId\":\"d\",\"authentication\":{\"type\":\"sas\",\"symmetricKey\":{"
        "\"primaryKey\":\"\",\"secondaryKey\":\"\"}}}",
        "{\"deviceId\":\"d\",\"authentication\":{\"type\":\"sas\",\"symmetricKey\":{"
        "\"primaryKey\":null,\"secondaryKey\":null}}}",
    };
    struct rig *r = rig_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        const struct rig_answer *a =
            rig_ask(r, &(struct rig_request){ .line = "PUT /devices/d", .body = bodies[i] });
        const char *p = strstr(a->body, "\"primaryKey\":\"");
        CHECK(bodies[i], a->status == 200 && p != NULL);
        p += strlen("\"primaryKey\":\"");
        CHECK("32 bytes are 44 characters", strchr(p, '"') - p == 44);
        rig_ask(r, &(struct rig_request){ .line = "DELETE /devices/d" });
    }
    rig_free(r);
}

/* A device that comes again under the same ID is another one. */
static void test_generations(void **state)
{
    struct rig *r = rig_new();
    char before[64] = "", now[64];

    (void)state;
    for (int i = 0; i < 3; i++) {
        const struct rig_answer *a = rig_ask(
            r, &(struct rig_request){ .line = "PUT /devices/d", .body = "{\"deviceId\":\"d\"}" });
        const char *p = strstr(a->body, "\"generationId\":\"");
        assert_non_null(p);
        snprintf(now, sizeof now, "%.30s", p);
        CHECK("another", strcmp(now, before) != 0);
        memcpy(before, now, sizeof before);
        rig_ask(r, &(struct rig_request){ .line = "DELETE /devices/d" });
    }
    rig_free(r);
}

static void test_no_keys_without_sas(void **state)
{
    static const struct rig_line lines[] = {
        { "thumbprints", "PUT /devices/d", NULL,
          "{\"deviceId\":\"d\",\"authentication\":{\"type\":\"certificateAuthority\"}}", 200,
          WHY(NONE), "\"primaryKey\":null", NULL },
        { "then keys", "PUT /devices/d", "If-Match: *\r\n", "{\"deviceId\":\"d\"}", 200, WHY(NONE),
          "\"primaryKey\":\"", NULL },
    };
    struct rig *r = rig_new();

    (void)state;
    rig_play(r, lines, ARRAY_LEN(lines));
    rig_free(r);
}

static void test_twins(void **state)
{
    static const struct rig_line lines[] = {
        { "of nothing", "PATCH /twins/d", NULL, "{\"tags\":{}}", 404, WHY(DEVICE_NOT_FOUND),
          "ErrorCode:DeviceNotFound;", NULL },
        { "a device", "PUT /devices/d", NULL, "{\"deviceId\":\"d\"}", 200, WHY(NONE), NULL, NULL },
        { "its twin", "GET /twins/d", NULL, NULL, 200, WHY(NONE),
          "\"deviceId\":\"d\"~\"tags\":{}~\"desired\":{~\"$version\":1~\"reported\":{",
          "symmetricKey" },
        { "merge", "PATCH /twins/d", "If-Match: \"*\"\r\n",
          "{\"tags\":{\"line\":\"2\",\"x\":1},\"properties\":{\"desired\":{\"rate\":1.10}}}", 200,
          WHY(NONE), "\"line\":\"2\"~\"rate\":1.10~\"$version\":2", NULL },
        { "merge with the twin's etag", "PATCH /twins/d", "If-Match: \"@\"\r\n",
          "{\"tags\":{\"x\":null}}", 200, WHY(NONE), "\"line\":\"2\"", "\"x\":1" },
        { "wrong etag", "PATCH /twins/d", "If-Match: \"AAAAAAAAAGE=\"\r\n", "{\"tags\":{}}", 412,
          WHY(ETAG_STALE), "ErrorCode:PreconditionFailed;", NULL },
        { "replace", "PUT /twins/d", "If-Match: *\r\n", "{\"tags\":{\"y\":2}}", 200, WHY(NONE),
          "\"y\":2~\"rate\":1.10", "\"line\"" },
        { "bad JSON", "PATCH /twins/d", NULL, "{\"tags\":", 400, WHY(REQUEST_INVALID), NULL, NULL },
    };
    struct rig *r = rig_new();

    (void)state;
    rig_play(r, lines, ARRAY_LEN(lines));
    rig_free(r);
}

static void test_twin_bound(void **state)
{
    struct rig *r = rig_new();
    char body[16000];
    char *at = body;

    (void)state;
    rig_ask(r, &(struct rig_request){ .line = "PUT /devices/d", .body = "{\"deviceId\":\"d\"}" });
    at += sprintf(at, "{\"tags\":{");
    for (int i = 0; i < 3; i++)
        at += sprintf(at, "%s\"k%d\":\"%03000d\"", i > 0 ? "," : "", i, 0);
    sprintf(at, "}}");
    const struct rig_answer *a =
        rig_ask(r, &(struct rig_request){ .line = "PATCH /twins/d", .body = body });
    CHECK("over 8 KiB of tags", a->status == 413 && a->why == WHY(TWIN_TOO_LARGE));
    rig_free(r);
}

/* A twin of the most properties there may be has the largest answer. */
static void test_largest_twin(void **state)
{
    struct rig *r = rig_new();
    char *body = malloc(64 * 1024), *at = body;
    const struct rig_answer *a;

    (void)state;
    assert_non_null(body);
    rig_ask(r, &(struct rig_request){ .line = "PUT /devices/d", .body = "{\"deviceId\":\"d\"}" });
    at += sprintf(at, "{\"properties\":{\"desired\":{");
    for (int i = 0; i < 900; i++)
        at += sprintf(at, "%s\"%03d\":{\"a\":0,\"b\":0,\"c\":0}", i > 0 ? "," : "", i);
    sprintf(at, "}}}");
    a = rig_ask(r, &(struct rig_request){ .line = "PUT /twins/d", .body = body });
    if (a->status != 200)
        fail_msg("put: %d %.300s", a->status, a->body);
    a = rig_ask(r, &(struct rig_request){ .line = "GET /twins/d" });
    CHECK("get", a->status == 200 && strstr(a->body, "\"899\":{") != NULL);
    free(body);
    rig_free(r);
}

static void test_etag_headers(void **state)
{
    struct rig *r = rig_new();
    const char *etag;

    (void)state;
    rig_ask(r, &(struct rig_request){ .line = "PUT /devices/d", .body = "{\"deviceId\":\"d\"}" });
    etag = rig_header(r, "etag");
    CHECK("quoted", etag[0] == '"' && etag[strlen(etag) - 1] == '"' && strlen(etag) == 14);
    rig_ask(r, &(struct rig_request){ .line = "GET /twins/d" });
    CHECK("of twins too", rig_header(r, "etag")[0] == '"');
    rig_free(r);
}

static void test_statistics(void **state)
{
    static const struct rig_line lines[] = {
        { "none", "GET /statistics/devices", NULL, NULL, 200, WHY(NONE),
          "{\"totalDeviceCount\":0,\"enabledDeviceCount\":0,\"disabledDeviceCount\":0}", NULL },
        { "one", "PUT /devices/a", NULL, "{\"deviceId\":\"a\"}", 200, WHY(NONE), NULL, NULL },
        { "two", "PUT /devices/b", NULL, "{\"deviceId\":\"b\"}", 200, WHY(NONE), NULL, NULL },
        { "three", "PUT /devices/c", NULL, "{\"deviceId\":\"c\",\"status\":\"disabled\"}", 200,
          WHY(NONE), NULL, NULL },
        { "counted", "GET /statistics/devices", NULL, NULL, 200, WHY(NONE),
          "{\"totalDeviceCount\":3,\"enabledDeviceCount\":2,\"disabledDeviceCount\":1}", NULL },
        { "connected", "GET /statistics/service", NULL, NULL, 200, WHY(NONE),
          "{\"connectedDeviceCount\":0}", NULL },
    };
    struct rig *r = rig_new();

    (void)state;
    rig_play(r, lines, ARRAY_LEN(lines));
    rig_free(r);
}

/* Each hub has its own devices and its own policies. */
static void test_hubs_by_host(void **state)
{
    struct rig *r = rig_new();
    struct rig_request put = { .line = "PUT /devices/d", .body = "{\"deviceId\":\"d\"}" };
    struct rig_request get = { .line = "GET /devices/d" };

    (void)state;
    CHECK("created in the first", rig_ask(r, &put)->status == 200);
    get.host = RIG_HUB;
    CHECK("not in the second", rig_ask(r, &get)->why == WHY(DEVICE_NOT_FOUND));
    get.host = RIG_ALIAS;
    CHECK("another name is the first hub's", rig_ask(r, &get)->status == 200);
    get.host = "LINE2.test.EXAMPLE";
    CHECK("a host in capitals", rig_ask(r, &get)->why == WHY(DEVICE_NOT_FOUND));
    get.host = "nobody.test.example";
    const struct rig_answer *a = rig_ask(r, &get);
    CHECK("no such hub", a->status == 404 && a->why == WHY(HUB_NOT_FOUND));
    CHECK("its error", strcmp(rig_header(r, "iothub-errorcode"), "IotHubNotFound") == 0);
    get.host = RIG_HUB;
    get.policy = RIG_OWNER;
    CHECK("the service's policy is none of the hub's",
          rig_ask(r, &get)->why == WHY(POLICY_UNKNOWN));
    rig_free(r);
}

static void test_list_pages(void **state)
{
    static const struct {
        const char *line;
        int first;
    } cases[] = {
        { "GET /devices?top=2&api-version=2021-04-12", 2 },
        { "GET /devices/?api-version=2021-04-12&top=3", 3 },
        { "GET /devices?top=0&api-version=2021-04-12", 5 },
        { "GET /devices?top=-1&api-version=2021-04-12", 5 },
        { "GET /devices?top=1001&api-version=2021-04-12", 5 },
        { "GET /devices?top=x&api-version=2021-04-12", 5 },
    };
    struct rig *r = rig_new();

    (void)state;
    for (int i = 0; i < 5; i++) {
        char line[32], body[32];
        snprintf(line, sizeof line, "PUT /devices/d%d", i);
        snprintf(body, sizeof body, "{\"deviceId\":\"d%d\"}", i);
        rig_ask(r, &(struct rig_request){ .line = line, .body = body });
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct rig_answer *a = rig_ask(r, &(struct rig_request){ .line = cases[i].line });
        int n = 0;
        CHECK(cases[i].line, a->status == 200);
        for (const char *p = a->body; (p = strstr(p, "\"deviceId\"")) != NULL; p++)
            n++;
        CHECK(cases[i].line, n == cases[i].first);
        CHECK(cases[i].line, (rig_header(r, "x-ms-continuation")[0] == '\0') == (n == 5));
    }
    rig_free(r);
}

static void test_races(void **state)
{
    static const struct {
        const char *name, *line, *headers, *body;
        int stale, status;
        enum berth_reason why;
    } cases[] = {
        { "identity, star", "PUT /devices/d", "If-Match: *\r\n", "{\"deviceId\":\"d\"}", 7, 200,
          WHY(NONE) },
        { "identity, star, too often", "PUT /devices/d", "If-Match: *\r\n", "{\"deviceId\":\"d\"}",
          8, 503, WHY(CONTENDED) },
        /* the etag is still the identity's: what changed was the twin */
        { "identity, etag", "PUT /devices/d", "If-Match: \"@\"\r\n", "{\"deviceId\":\"d\"}", 1, 200,
          WHY(NONE) },
        { "twin", "PATCH /twins/d", NULL, "{\"tags\":{}}", 7, 200, WHY(NONE) },
        { "twin, too often", "PATCH /twins/d", NULL, "{\"tags\":{}}", 8, 503, WHY(CONTENDED) },
        { "delete with etag", "DELETE /devices/d", "If-Match: \"@\"\r\n", NULL, 7, 204, WHY(NONE) },
        { "delete with etag, too often", "DELETE /devices/d", "If-Match: \"@\"\r\n", NULL, 8, 503,
          WHY(CONTENDED) },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig *r = rig_new();
        const struct rig_answer *a;
        rig_ask(r,
                &(struct rig_request){ .line = "PUT /devices/d", .body = "{\"deviceId\":\"d\"}" });
        rig_make_stale(r, cases[i].stale);
        a = rig_ask(r, &(struct rig_request){ .line = cases[i].line,
                                              .headers = cases[i].headers,
                                              .body = cases[i].body });
        CHECK(cases[i].name, a->status == cases[i].status);
        CHECK(cases[i].name, a->why == cases[i].why);
        rig_free(r);
    }
}

static void delete_hub(struct rig *r)
{
    rig_delete_at_once(r, BERTH_KIND_HUB, "", RIG_HOST);
}

/* Between a decision and its commit: no device is left in a hub that is none. */
static void test_hub_goes(void **state)
{
    static const struct {
        const char *line, *headers, *body;
        int status;
    } cases[] = {
        { "PUT /devices/e", NULL, "{\"deviceId\":\"e\"}", 409 },
        { "PUT /devices/d", "If-Match: *\r\n", "{\"deviceId\":\"d\"}", 503 },
        { "PATCH /twins/d", NULL, "{\"tags\":{\"a\":1}}", 503 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig *r = rig_new();
        const struct rig_answer *a;

        rig_ask(r,
                &(struct rig_request){ .line = "PUT /devices/d", .body = "{\"deviceId\":\"d\"}" });
        rig_before_commit(r, delete_hub);
        a = rig_ask(r, &(struct rig_request){ .line = cases[i].line,
                                              .headers = cases[i].headers,
                                              .body = cases[i].body });
        if (a->status != cases[i].status)
            fail_msg("%s: %d %s", cases[i].line, a->status, a->body);
        CHECK(cases[i].line, !rig_has(r, BERTH_KIND_DEVICE, RIG_HOST, "e"));
        rig_free(r);
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
    struct rig *r = rig_new();
    char json[2048] = "";
    const struct rig_answer *a;
    struct berth_buf b;

    (void)state;
    CHECK("device", rig_ask(r, &(struct rig_request){ .line = "PUT /devices/d",
                                                      .policy = "iothubowner",
                                                      .body = "{\"deviceId\":\"d\"}" })
                            ->status == 200);
    berth_buf_init(&b, json, sizeof json - 1);
    berth_buf_put(&b, BERTH_STR("{\"properties\":{\"desired\":"));
    put_longest(&b);
    berth_buf_put(&b, BERTH_STR("}}"));
    a = rig_ask(r, &(struct rig_request){
                       .line = "PATCH /twins/d", .policy = "iothubowner", .body = json });
    CHECK("refused", a->status == 400);
    CHECK("its beginning", strstr(a->body, ";properties.desired.\\\\\\\"") != NULL);
    CHECK("its end", strstr(a->body, " and 4503599627370495\"") != NULL);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_made_keys),
        cmocka_unit_test(test_generations),
        cmocka_unit_test(test_no_keys_without_sas),
        cmocka_unit_test(test_twins),
        cmocka_unit_test(test_twin_bound),
        cmocka_unit_test(test_largest_twin),
        cmocka_unit_test(test_longest_refusal),
        cmocka_unit_test(test_etag_headers),
        cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_hubs_by_host),
        cmocka_unit_test(test_list_pages),
        cmocka_unit_test(test_races),
        cmocka_unit_test(test_hub_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
