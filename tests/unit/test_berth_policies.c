/* /berth/v1: shared access policies; hubs that go, with their policies and devices. */
#include <stdlib.h>
#include <string.h>

#include "auth/policy.h"
#include "check.h"
#include "service_rig.h"

#define WHY(name) BERTH_WHY_##name
#define KEY       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void test_policies(void **state)
{
    static const struct rig_line lines[] = {
        { "list", "GET /berth/v1/policies?", NULL, NULL, 200, WHY(NONE),
          "[{\"keyName\":\"" RIG_OWNER "\",\"rights\":\"ServiceConfig, ~\"etag\":\"\\\"",
          "Key\":" },
        { "one", "GET /berth/v1/policies/" RIG_OWNER, NULL, NULL, 200, WHY(NONE),
          "{\"keyName\":\"" RIG_OWNER "\"", "primaryKey~[" },
        { "none", "GET /berth/v1/policies/none", NULL, NULL, 404, WHY(POLICY_NOT_FOUND), "404211",
          NULL },
        { "case counts", "GET /berth/v1/policies/PROVISIONINGSERVICEOWNER", NULL, NULL, 404,
          WHY(POLICY_NOT_FOUND), NULL, NULL },
        { "create", "PUT /berth/v1/policies/line-1", NULL,
          "{\"rights\":\"EnrollmentRead,EnrollmentWrite\",\"keyName\":\"ignored\"}", 200, WHY(NONE),
          "{\"keyName\":\"line-1\",\"rights\":\"EnrollmentRead, EnrollmentWrite\",\"etag\":",
          "primaryKey~ignored" },
        { "create again", "PUT /berth/v1/policies/line-1", NULL, "{\"rights\":\"EnrollmentRead\"}",
          409, WHY(POLICY_EXISTS), "409212", NULL },
        { "with its etag", "GET /berth/v1/policies/line-1", NULL, NULL, 200, WHY(NONE), NULL,
          NULL },
        { "another etag", "PUT /berth/v1/policies/line-1", "If-Match: \"00000000deadbeef\"\r\n",
          "{\"rights\":\"EnrollmentRead\"}", 412, WHY(ETAG_STALE), NULL, NULL },
        { "update", "PUT /berth/v1/policies/line-1", "If-Match: @\r\n",
          "{\"rights\":\"EnrollmentRead\",\"primaryKey\":\"" KEY "\"}", 200, WHY(NONE),
          "\"rights\":\"EnrollmentRead\"", "EnrollmentWrite~" KEY },
        { "its keys", "POST /berth/v1/policies/line-1/listkeys", NULL, NULL, 200, WHY(NONE),
          "\"primaryKey\":\"" KEY "\"~\"secondaryKey\":\"~\"etag\"", NULL },
        { "no keys of nothing", "POST /berth/v1/policies/none/listkeys", NULL, NULL, 404,
          WHY(POLICY_NOT_FOUND), NULL, NULL },
        { "update nothing", "PUT /berth/v1/policies/none", "If-Match: *\r\n",
          "{\"rights\":\"EnrollmentRead\"}", 404, WHY(POLICY_NOT_FOUND), NULL, NULL },
        { "no rights", "PUT /berth/v1/policies/x", NULL, "{}", 400, WHY(REQUEST_INVALID), "rights",
          NULL },
        { "empty rights", "PUT /berth/v1/policies/x", NULL, "{\"rights\":\"\"}", 400,
          WHY(REQUEST_INVALID), "rights", NULL },
        { "a right of hubs", "PUT /berth/v1/policies/x", NULL, "{\"rights\":\"RegistryRead\"}", 400,
          WHY(REQUEST_INVALID), "ServiceConfig", NULL },
        { "an unknown right", "PUT /berth/v1/policies/x", NULL, "{\"rights\":\"Everything\"}", 400,
          WHY(REQUEST_INVALID), NULL, NULL },
        { "a short key", "PUT /berth/v1/policies/x", NULL,
          "{\"rights\":\"EnrollmentRead\",\"secondaryKey\":\"AAAA\"}", 400, WHY(REQUEST_INVALID),
          "base64", NULL },
        { "no object", "PUT /berth/v1/policies/x", NULL, "[]", 400, WHY(REQUEST_INVALID), NULL,
          NULL },
        { "a name with a blank", "PUT /berth/v1/policies/a%20b", NULL,
          "{\"rights\":\"EnrollmentRead\"}", 400, WHY(REQUEST_INVALID), "name", NULL },
        { "a stale delete", "DELETE /berth/v1/policies/line-1",
          "If-Match: \"00000000deadbeef\"\r\n", NULL, 412, WHY(ETAG_STALE), NULL, NULL },
        { "delete", "DELETE /berth/v1/policies/line-1", NULL, NULL, 204, WHY(NONE), NULL, NULL },
        { "it is gone", "DELETE /berth/v1/policies/line-1", NULL, NULL, 404, WHY(POLICY_NOT_FOUND),
          NULL, NULL },
    };
    struct rig *r = rig_new();

    (void)state;
    rig_play(r, lines, ARRAY_LEN(lines));
    rig_free(r);
}

static void test_hub_policies(void **state)
{
    static const struct rig_line lines[] = {
        { "list", "GET /berth/v1/hubs/" RIG_HUB "/policies", NULL, NULL, 200, WHY(NONE),
          "iothubowner~registryReadWrite", RIG_OWNER "~Key\":" },
        { "no hub", "GET /berth/v1/hubs/none.example/policies", NULL, NULL, 404, WHY(HUB_NOT_FOUND),
          NULL, NULL },
        { "create", "PUT /berth/v1/hubs/LINE2.test.example/policies/reader", NULL,
          "{\"rights\":\"RegistryRead, ServiceConnect\"}", 200, WHY(NONE),
          "\"rights\":\"RegistryRead, ServiceConnect\"", NULL },
        { "not in the other hub", "GET /berth/v1/hubs/" RIG_HOST "/policies/reader", NULL, NULL,
          404, WHY(POLICY_NOT_FOUND), NULL, NULL },
        { "nor in the service", "GET /berth/v1/policies/reader", NULL, NULL, 404,
          WHY(POLICY_NOT_FOUND), NULL, NULL },
        { "a right of the service", "PUT /berth/v1/hubs/" RIG_HUB "/policies/x", NULL,
          "{\"rights\":\"ServiceConfig\"}", 400, WHY(REQUEST_INVALID), "RegistryRead", NULL },
        { "in no hub", "PUT /berth/v1/hubs/none.example/policies/x", NULL,
          "{\"rights\":\"RegistryRead\"}", 404, WHY(HUB_NOT_FOUND), NULL, NULL },
        { "its owner may go", "DELETE /berth/v1/hubs/" RIG_HUB "/policies/iothubowner", NULL, NULL,
          204, WHY(NONE), NULL, NULL },
        { "a policy of the other hub stays", "GET /berth/v1/hubs/" RIG_HOST "/policies/iothubowner",
          NULL, NULL, 200, WHY(NONE), NULL, NULL },
    };
    struct rig *r = rig_new();

    (void)state;
    rig_play(r, lines, ARRAY_LEN(lines));
    rig_free(r);
}

/* The 44 characters behind "NAME":" */
static void key_of(const struct rig_answer *a, const char *name, char out[45])
{
    const char *p = strstr(a->body, name);

    assert_non_null(p);
    snprintf(out, 45, "%.44s", p + strlen(name) + 3);
}

static void test_regenerate(void **state)
{
    static const char *const names[] = { "primaryKey", "secondaryKey" };
    static const char *const bodies[] = { "{\"keyType\":\"primary\"}",
                                          "{\"keyType\":\"secondary\"}" };
    struct rig_request keys = { .line =
                                    "POST /berth/v1/hubs/" RIG_HUB "/policies/service/listkeys" };
    struct rig_request make = { .line = "POST /berth/v1/hubs/" RIG_HUB
                                        "/policies/service/regeneratekey" };
    struct rig *r = rig_new();

    (void)state;
    for (int i = 0; i < 2; i++) {
        char before[2][45], after[45];

        for (int k = 0; k < 2; k++)
            key_of(rig_ask(r, &keys), names[k], before[k]);
        make.body = bodies[i];
        rig_make_stale(r, i);
        CHECK(names[i], rig_ask(r, &make)->status == 200);
        key_of(rig_ask(r, &keys), names[i], after);
        CHECK("made anew", strcmp(after, before[i]) != 0);
        key_of(rig_ask(r, &keys), names[1 - i], after);
        CHECK("the other stays", strcmp(after, before[1 - i]) == 0);
        CHECK("the rights stay", strstr(rig_ask(r, &keys)->body, "ServiceConnect") != NULL);
    }
    make.body = "{\"keyType\":\"both\"}";
    CHECK("both", rig_ask(r, &make)->why == WHY(REQUEST_INVALID));
    make.body = NULL;
    CHECK("neither", rig_ask(r, &make)->why == WHY(REQUEST_INVALID));
    make.body = bodies[0];
    make.headers = "If-Match: \"00000000deadbeef\"\r\n";
    CHECK("stale", rig_ask(r, &make)->why == WHY(ETAG_STALE));
    make.headers = NULL;
    make.line = "POST /berth/v1/policies/none/regeneratekey";
    CHECK("none", rig_ask(r, &make)->why == WHY(POLICY_NOT_FOUND));
    rig_free(r);
}

/* A key that was made anew opens; one that was replaced does not. */
static void test_keys_work_at_once(void **state)
{
    struct berth_key old = rig_key();
    struct rig_request ask = { .line = "GET /berth/v1/service" };
    struct rig *r = rig_new();

    (void)state;
    rig_put_policy(r, "", "other", BERTH_RIGHT_SERVICE_CONFIG);
    ask.token = rig_token(RIG_HOST, "other", &old, 4000000000);
    CHECK("the old one", rig_ask(r, &ask)->status == 200);
    for (int i = 0; i < 2; i++)
        CHECK(
            "regenerated",
            rig_ask(r, &(struct rig_request){ .line = "POST /berth/v1/policies/other/regeneratekey",
                                              .body = i == 0 ? "{\"keyType\":\"primary\"}"
                                                             : "{\"keyType\":\"secondary\"}" })
                    ->status == 200);
    ask.token = rig_token(RIG_HOST, "other", &old, 4000000000);
    CHECK("opens no more", rig_ask(r, &ask)->why == WHY(SERVICE_SIGNATURE_WRONG));
    rig_free(r);
}

/* ---- the last owner ---- */

#define LOSE "{\"rights\":\"EnrollmentRead\"}"

static void test_last_owner(void **state)
{
    static const struct rig_line lines[] = {
        { "delete the last", "DELETE /berth/v1/policies/" RIG_OWNER, NULL, NULL, 409,
          WHY(POLICY_LAST_OWNER), "409213", NULL },
        { "the last loses its right", "PUT /berth/v1/policies/" RIG_OWNER, "If-Match: *\r\n", LOSE,
          409, WHY(POLICY_LAST_OWNER), NULL, NULL },
        { "a right less is fine", "PUT /berth/v1/policies/" RIG_OWNER, "If-Match: *\r\n",
          "{\"rights\":\"ServiceConfig\"}", 200, WHY(NONE), NULL, "Enrollment" },
        { "one without it is no help", "PUT /berth/v1/policies/b", NULL, LOSE, 200, WHY(NONE), NULL,
          NULL },
        { "delete the last still", "DELETE /berth/v1/policies/" RIG_OWNER, NULL, NULL, 409,
          WHY(POLICY_LAST_OWNER), NULL, NULL },
        { "it has it now", "PUT /berth/v1/policies/b", "If-Match: *\r\n",
          "{\"rights\":\"ServiceConfig\"}", 200, WHY(NONE), NULL, NULL },
        { "so the other may go", "DELETE /berth/v1/policies/b", NULL, NULL, 204, WHY(NONE), NULL,
          NULL },
    };
    struct rig *r = rig_new();

    (void)state;
    rig_play(r, lines, ARRAY_LEN(lines));
    rig_free(r);
}

static void take_right(struct rig *r)
{
    rig_put_policy(r, "", "b", BERTH_RIGHT_ENROLLMENT_READ);
}

/* Each of two counts on the other: only one may go. */
static void test_last_owners_at_once(void **state)
{
    static const char *const lines[] = { "DELETE /berth/v1/policies/" RIG_OWNER,
                                         "PUT /berth/v1/policies/" RIG_OWNER };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct rig *r = rig_new();

        rig_put_policy(r, "", "b", BERTH_RIGHT_SERVICE_CONFIG);
        rig_before_commit(r, take_right);
        CHECK(lines[i], rig_ask(r, &(struct rig_request){ .line = lines[i],
                                                          .headers = "If-Match: *\r\n",
                                                          .body = i == 0 ? NULL : LOSE })
                                ->why == WHY(POLICY_LAST_OWNER));
        CHECK("it is there", rig_has(r, BERTH_KIND_POLICY, "", RIG_OWNER));
        rig_free(r);
    }
}

static void test_bounds(void **state)
{
    char line[128], name[BERTH_POLICY_NAME_MAX + 2];
    struct rig *r = rig_new();

    (void)state;
    for (int i = 5; i < BERTH_POLICIES_MAX + 1; i++) {
        snprintf(line, sizeof line, "PUT /berth/v1/hubs/" RIG_HUB "/policies/p%d", i);
        CHECK(line, rig_ask(r, &(struct rig_request){ .line = line,
                                                      .body = "{\"rights\":\"DeviceConnect\"}" })
                            ->status == (i < BERTH_POLICIES_MAX ? 200 : 400));
    }
    memset(name, 'a', sizeof name);
    for (size_t n = BERTH_POLICY_NAME_MAX; n < BERTH_POLICY_NAME_MAX + 2; n++) {
        snprintf(line, sizeof line, "PUT /berth/v1/policies/%.*s", (int)n, name);
        CHECK(line, rig_ask(r, &(struct rig_request){ .line = line, .body = LOSE })->status ==
                        (n == BERTH_POLICY_NAME_MAX ? 200 : 400));
    }
    rig_free(r);
}

static void take_place(struct rig *r)
{
    rig_put_policy(r, RIG_HUB, "quicker", BERTH_RIGHT_DEVICE_CONNECT);
}

/* Between the look and the write another one is made. */
static void test_bound_at_once(void **state)
{
    struct rig_request last = { .line = "PUT /berth/v1/hubs/" RIG_HUB "/policies/last",
                                .body = "{\"rights\":\"DeviceConnect\"}" };
    char name[8];
    struct rig *r = rig_new();

    (void)state;
    for (int i = 5; i < BERTH_POLICIES_MAX - 1; i++) {
        snprintf(name, sizeof name, "p%d", i);
        rig_put_policy(r, RIG_HUB, name, BERTH_RIGHT_DEVICE_CONNECT);
    }
    rig_before_commit(r, take_place);
    CHECK("no room is left", rig_ask(r, &last)->status == 400);
    CHECK("the quicker one", rig_has(r, BERTH_KIND_POLICY, RIG_HUB, "quicker"));
    CHECK("the slower one", !rig_has(r, BERTH_KIND_POLICY, RIG_HUB, "last"));
    rig_free(r);
}

/* ---- hubs that go ---- */

static void test_hub_delete(void **state)
{
    static const struct rig_line lines[] = {
        { "a device", "PUT /devices/d", NULL, "{\"deviceId\":\"d\"}", 200, WHY(NONE), NULL, NULL },
        { "none", "DELETE /berth/v1/hubs/x.example", NULL, NULL, 404, WHY(HUB_NOT_FOUND), NULL,
          NULL },
        { "with a device", "DELETE /berth/v1/hubs/" RIG_HOST, NULL, NULL, 409, WHY(HUB_HAS_DEVICES),
          "409214", NULL },
        { "neither true nor false", "DELETE /berth/v1/hubs/" RIG_HOST "?force=maybe", NULL, NULL,
          400, WHY(REQUEST_INVALID), "force", NULL },
        { "not forced", "DELETE /berth/v1/hubs/" RIG_HOST "?force=false", NULL, NULL, 409,
          WHY(HUB_HAS_DEVICES), NULL, NULL },
        { "a stale etag", "DELETE /berth/v1/hubs/" RIG_HUB, "If-Match: \"00000000deadbeef\"\r\n",
          NULL, 412, WHY(ETAG_STALE), NULL, NULL },
        { "with its etag", "GET /berth/v1/hubs/" RIG_HUB, NULL, NULL, 200, WHY(NONE), NULL, NULL },
        { "an empty one", "DELETE /berth/v1/hubs/LINE2.test.example", "If-Match: @\r\n", NULL, 204,
          WHY(NONE), NULL, NULL },
        { "is gone", "GET /berth/v1/hubs/" RIG_HUB, NULL, NULL, 404, WHY(HUB_NOT_FOUND), NULL,
          NULL },
        { "forced", "DELETE /berth/v1/hubs/" RIG_HOST "?force=true", NULL, NULL, 204, WHY(NONE),
          NULL, NULL },
        { "the last is gone", "GET /berth/v1/service?", NULL, NULL, 200, WHY(NONE), "\"hub\":null",
          NULL },
        { "made again", "PUT /berth/v1/hubs/" RIG_HOST, NULL, "{}", 200, WHY(NONE),
          "\"deviceCount\":0", NULL },
    };
    struct rig *r = rig_new();

    (void)state;
    rig_play(r, lines, ARRAY_LEN(lines));
    CHECK("the device is gone", !rig_has(r, BERTH_KIND_DEVICE, RIG_HOST, "d"));
    CHECK("policies of the gone hub too", !rig_has(r, BERTH_KIND_POLICY, RIG_HUB, "service"));
    rig_free(r);
}

static void put_device(struct rig *r, const char *hub, const char *id)
{
    rig_put(r, &(struct berth_record){ .kind = BERTH_KIND_DEVICE,
                                       .scope = berth_str_of(hub),
                                       .key = berth_str_of(id),
                                       .name = berth_str_of(id),
                                       .body = BERTH_STR("{}") });
}

/* More than a commit and more than a page; and those of another hub stay. */
static void test_many_devices_go(void **state)
{
    struct rig *r = rig_new();
    char id[16];

    (void)state;
    for (int i = 0; i < 500; i++) {
        snprintf(id, sizeof id, "d%d", i);
        put_device(r, RIG_HUB, id);
    }
    put_device(r, RIG_HOST, "d1");
    CHECK("deleted", rig_ask(r, &(struct rig_request){ .line = "DELETE /berth/v1/hubs/" RIG_HUB
                                                               "?force=true" })
                             ->status == 204);
    for (int i = 0; i < 500; i++) {
        snprintf(id, sizeof id, "d%d", i);
        CHECK(id, !rig_has(r, BERTH_KIND_DEVICE, RIG_HUB, id));
    }
    CHECK("the other hub's stays", rig_has(r, BERTH_KIND_DEVICE, RIG_HOST, "d1"));
    rig_free(r);
}

/* A device whose registration was decided before its hub went, or a daemon that was killed on the
 * way: a hub of the same name does not find what an earlier one left. */
static void test_new_hub_is_empty(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    put_device(r, "new.example", "left");
    rig_put_policy(r, "new.example", "left", BERTH_RIGHT_REGISTRY_WRITE);
    CHECK("made", strstr(rig_ask(r, &(struct rig_request){ .line = "PUT /berth/v1/hubs/new.example",
                                                           .body = "{}" })
                             ->body,
                         "\"deviceCount\":0") != NULL);
    CHECK("no device", !rig_has(r, BERTH_KIND_DEVICE, "new.example", "left"));
    CHECK("no policy", !rig_has(r, BERTH_KIND_POLICY, "new.example", "left"));
    CHECK("its own", rig_has(r, BERTH_KIND_POLICY, "new.example", "service"));
    rig_free(r);
}

static void make_hub(struct rig *r)
{
    rig_put(r, &(struct berth_record){ .kind = BERTH_KIND_HUB,
                                       .key = BERTH_STR("new.example"),
                                       .name = BERTH_STR("new.example"),
                                       .body = BERTH_STR("{}") });
    put_device(r, "new.example", "d");
}

/* Somebody else makes the hub while this one is about to clear its name: what it has stays. */
static void test_hub_made_meanwhile(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    rig_put_policy(r, "new.example", "left", BERTH_RIGHT_REGISTRY_READ);
    rig_before_commit(r, make_hub);
    CHECK(
        "made by another",
        rig_ask(r, &(struct rig_request){ .line = "PUT /berth/v1/hubs/new.example", .body = "{}" })
                ->why == WHY(HUB_EXISTS));
    CHECK("its device stays", rig_has(r, BERTH_KIND_DEVICE, "new.example", "d"));
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policies),         cmocka_unit_test(test_hub_policies),
        cmocka_unit_test(test_regenerate),       cmocka_unit_test(test_keys_work_at_once),
        cmocka_unit_test(test_last_owner),       cmocka_unit_test(test_last_owners_at_once),
        cmocka_unit_test(test_bounds),           cmocka_unit_test(test_bound_at_once),
        cmocka_unit_test(test_hub_delete),       cmocka_unit_test(test_many_devices_go),
        cmocka_unit_test(test_new_hub_is_empty), cmocka_unit_test(test_hub_made_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
