/* /berth/v1: service, hubs, keys. Settings and registrations stand in test_service_dps.c. */
#include <stdlib.h>
#include <string.h>

#include "berth/version.h"
#include "check.h"
#include "front/host_name.h"
#include "service_rig.h"

#define WHY(name) BERTH_WHY_##name

static void test_service(void **state)
{
    static const struct rig_line lines[] = {
        { "service", "GET /berth/v1/service?", NULL, NULL, 200, WHY(NONE),
          "{\"version\":\"" BERTH_VERSION "\",\"idScope\":\"" RIG_SCOPE
          "\",\"hostNames\":[\"" RIG_HOST "\",\"" RIG_ALIAS "\"],\"hub\":\"" RIG_HOST
          "\",\"httpsPort\":443,\"mqttsPort\":8883}",
          NULL },
        { "words in capitals", "GET /Berth/V1/SERVICE/?", NULL, NULL, 200, WHY(NONE), RIG_SCOPE,
          NULL },
        { "no such version", "GET /berth/v2/service?", NULL, NULL, 404, WHY(ROUTE_UNKNOWN), NULL,
          NULL },
    };
    struct rig *r = rig_new();

    (void)state;
    rig_play(r, lines, ARRAY_LEN(lines));
    rig_free(r);
}

static void test_hubs(void **state)
{
    static const struct rig_line lines[] = {
        { "a device", "PUT /devices/d", NULL, "{\"deviceId\":\"d\"}", 200, WHY(NONE), NULL, NULL },
        { "list", "GET /berth/v1/hubs", NULL, NULL, 200, WHY(NONE),
          "[{\"hostName\":\"" RIG_HOST
          "\",\"allocationWeight\":1,\"allocation\":true,\"deviceCount\":1,\"etag\":\"\\\"~{"
          "\"hostName\":\"" RIG_HUB "\",\"allocationWeight\":1,\"allocation\":true,\"deviceCount\":"
          "0,",
          NULL },
        { "one", "GET /berth/v1/hubs/" RIG_HOST, NULL, NULL, 200, WHY(NONE),
          "{\"hostName\":\"" RIG_HOST "\"~\"deviceCount\":1", "[" },
        { "none", "GET /berth/v1/hubs/x.example", NULL, NULL, 404, WHY(HUB_NOT_FOUND), "404210",
          NULL },
        { "create", "PUT /berth/v1/hubs/New.Example", NULL,
          "{\"allocationWeight\":1000,\"allocation\":false,\"hostName\":\"ignored\"}", 200,
          WHY(NONE),
          "{\"hostName\":\"new.example\",\"allocationWeight\":1000,\"allocation\":false,"
          "\"deviceCount\":0,",
          NULL },
        { "create again", "PUT /berth/v1/hubs/new.example", NULL, "{}", 409, WHY(HUB_EXISTS),
          "409210", NULL },
        { "wrong etag", "PUT /berth/v1/hubs/new.example", "If-Match: \"00000000deadbeef\"\r\n",
          "{}", 412, WHY(ETAG_STALE), NULL, NULL },
        { "own etag again", "GET /berth/v1/hubs/new.example", NULL, NULL, 200, WHY(NONE),
          "1000~false", NULL },
        { "own etag", "PUT /berth/v1/hubs/NEW.example", "If-Match: @\r\n", "{}", 200, WHY(NONE),
          "\"allocationWeight\":1,\"allocation\":true", NULL },
        { "star", "PUT /berth/v1/hubs/new.example", "If-Match: *\r\n", "{\"allocationWeight\":7}",
          200, WHY(NONE), "\"allocationWeight\":7", NULL },
        { "star on nothing", "PUT /berth/v1/hubs/x.example", "If-Match: *\r\n", "{}", 404,
          WHY(HUB_NOT_FOUND), NULL, NULL },
        { "weight 0", "PUT /berth/v1/hubs/x.example", NULL, "{\"allocationWeight\":0}", 400,
          WHY(REQUEST_INVALID), "allocationWeight", NULL },
        { "weight 1001", "PUT /berth/v1/hubs/x.example", NULL, "{\"allocationWeight\":1001}", 400,
          WHY(REQUEST_INVALID), "allocationWeight", NULL },
        { "weight of text", "PUT /berth/v1/hubs/x.example", NULL, "{\"allocationWeight\":\"1\"}",
          400, WHY(REQUEST_INVALID), NULL, NULL },
        { "allocation of text", "PUT /berth/v1/hubs/x.example", NULL, "{\"allocation\":\"no\"}",
          400, WHY(REQUEST_INVALID), "allocation", NULL },
        { "no object", "PUT /berth/v1/hubs/x.example", NULL, "[]", 400, WHY(REQUEST_INVALID), NULL,
          NULL },
        { "no body", "PUT /berth/v1/hubs/x.example", NULL, NULL, 400, WHY(REQUEST_INVALID), NULL,
          NULL },
        { "no host name", "PUT /berth/v1/hubs/nodot", NULL, "{}", 400, WHY(REQUEST_INVALID), "dot",
          NULL },
        { "none of these was made", "GET /berth/v1/hubs", NULL, NULL, 200, WHY(NONE), "new.example",
          "x.example~nodot" },
    };
    struct rig *r = rig_new();

    (void)state;
    rig_play(r, lines, ARRAY_LEN(lines));
    rig_free(r);
}

/* A hub's own policies come with it, and with fresh keys. */
static void test_hub_keys(void **state)
{
    static const char *const names[] = { "iothubowner", "service", "device", "registryRead",
                                         "registryReadWrite" };
    struct rig *r = rig_new();
    struct rig_request keys = { .line = "POST /berth/v1/hubs/New.example/listkeys" };
    const struct rig_answer *a;
    char first[45];

    (void)state;
    CHECK("no keys of nothing", rig_ask(r, &keys)->why == WHY(HUB_NOT_FOUND));
    rig_ask(r, &(struct rig_request){ .line = "PUT /berth/v1/hubs/new.example", .body = "{}" });
    a = rig_ask(r, &keys);
    CHECK("keys", a->status == 200);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char want[64];
        snprintf(want, sizeof want, "\"keyName\":\"%s\",\"rights\":\"", names[i]);
        CHECK(names[i], strstr(a->body, want) != NULL);
    }
    const char *p = strstr(a->body, "\"primaryKey\":\"");
    assert_non_null(p);
    snprintf(first, sizeof first, "%.44s", p + strlen("\"primaryKey\":\""));
    CHECK("each policy has its own", strstr(p + 60, first) == NULL);
    a = rig_ask(r, &(struct rig_request){ .line = "POST /berth/v1/listkeys" });
    CHECK("the service's", a->status == 200 && strstr(a->body, RIG_OWNER) != NULL &&
                               strstr(a->body, "iothubowner") == NULL);
    rig_free(r);
}

static void test_hub_count_bound(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    for (int i = 2; i < 51; i++) {
        char line[64];
        snprintf(line, sizeof line, "PUT /berth/v1/hubs/h%d.example", i);
        CHECK(line, rig_ask(r, &(struct rig_request){ .line = line, .body = "{}" })->status ==
                        (i < 50 ? 200 : 400));
    }
    CHECK("the list has them all",
          rig_ask(r, &(struct rig_request){ .line = "GET /berth/v1/hubs" })->status == 200);
    CHECK("one that is there is a conflict still",
          rig_ask(r, &(struct rig_request){ .line = "PUT /berth/v1/hubs/h2.example", .body = "{}" })
                  ->why == WHY(HUB_EXISTS));
    rig_free(r);
}

static void test_host_names(void **state)
{
    static const struct {
        const char *name;
        bool valid;
    } cases[] = {
        { "hub.example", true },
        { "a.b", true },
        { "h-1.example", true },
        { "10.0.0.1", true },
        { "fe80::1", true },
        { "own", true },
        { "", false },
        { "hub", false },
        { ".", false },
        { "hub.", false },
        { ".example", false },
        { "hub..example", false },
        { "-hub.example", false },
        { "hub-.example", false },
        { "hub_1.example", false },
        { "hub.example:443", false },
        { "hub.ex ample", false },
        { "hub/example.x", false },
    };
    static struct config config = { .hosts = { "own" }, .host_count = 1 };
    char name[300];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(cases[i].name, host_name_is_valid(cases[i].name, &config) == cases[i].valid);

    memset(name, 'a', sizeof name);
    memcpy(name + 63, ".b", 3);
    CHECK("a label of 63", host_name_is_valid(name, &config));
    memset(name, 'a', 64);
    memcpy(name + 64, ".b", 3);
    CHECK("a label of 64", !host_name_is_valid(name, &config));
    for (size_t i = 0; i < sizeof name; i++)
        name[i] = i % 2 == 0 ? 'a' : '.';
    name[253] = '\0';
    CHECK("253 bytes", host_name_is_valid(name, &config));
    for (size_t i = 252; i < 255; i++)
        name[i] = i % 2 == 0 ? 'a' : '.';
    name[255] = '\0';
    CHECK("255 bytes", !host_name_is_valid(name, &config));
    name[253] = 'b';
    name[254] = '\0';
    CHECK("254 bytes", !host_name_is_valid(name, &config));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_service),    cmocka_unit_test(test_hubs),
        cmocka_unit_test(test_hub_keys),   cmocka_unit_test(test_hub_count_bound),
        cmocka_unit_test(test_host_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
