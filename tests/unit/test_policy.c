#include <stdlib.h>
#include <string.h>

#include "auth/policy.h"
#include "check.h"
#include "wire/json.h"

static const struct {
    unsigned bit;
    const char *name;
} rights[] = {
    { BERTH_RIGHT_SERVICE_CONFIG, "ServiceConfig" },
    { BERTH_RIGHT_ENROLLMENT_READ, "EnrollmentRead" },
    { BERTH_RIGHT_ENROLLMENT_WRITE, "EnrollmentWrite" },
    { BERTH_RIGHT_REGISTRATION_READ, "RegistrationStatusRead" },
    { BERTH_RIGHT_REGISTRATION_WRITE, "RegistrationStatusWrite" },
    { BERTH_RIGHT_REGISTRY_READ, "RegistryRead" },
    { BERTH_RIGHT_REGISTRY_WRITE, "RegistryWrite" },
    { BERTH_RIGHT_SERVICE_CONNECT, "ServiceConnect" },
    { BERTH_RIGHT_DEVICE_CONNECT, "DeviceConnect" },
    { 0, "" },
    { BERTH_RIGHT_SERVICE_CONFIG | BERTH_RIGHT_ENROLLMENT_READ, "" },
    { 1u << 9, "" },
    { 1u << 31, "" },
};

static void test_right_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rights); i++)
        CHECK(rights[i].name, strcmp(berth_right_name(rights[i].bit), rights[i].name) == 0);
}

/* The texts of the rights, as operators and `az` know them. */
static const struct {
    const struct berth_policy_default *list;
    size_t index;
    const char *name, *rights;
} defaults[] = {
    { berth_service_policies, 0, "provisioningserviceowner",
      "ServiceConfig, EnrollmentRead, EnrollmentWrite, RegistrationStatusRead, "
      "RegistrationStatusWrite, DeviceConnect" },
    { berth_hub_policies, 0, "iothubowner",
      "RegistryRead, RegistryWrite, ServiceConnect, DeviceConnect" },
    { berth_hub_policies, 1, "service", "ServiceConnect" },
    { berth_hub_policies, 2, "device", "DeviceConnect" },
    { berth_hub_policies, 3, "registryRead", "RegistryRead" },
    { berth_hub_policies, 4, "registryReadWrite", "RegistryRead, RegistryWrite" },
};

static void test_defaults(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
        const struct berth_policy_default *d = &defaults[i].list[defaults[i].index];
        struct berth_policy p = { .name = berth_str_of(d->name), .rights = d->rights };
        char storage[512], want[512];
        struct berth_buf b, w;

        CHECK(defaults[i].name, strcmp(d->name, defaults[i].name) == 0);
        berth_buf_init(&b, storage, sizeof storage);
        berth_policy_put(&b, &p, (berth_str){ 0 }, false);
        berth_buf_init(&w, want, sizeof want);
        berth_buf_put(&w, BERTH_STR("{\"keyName\":\""));
        berth_buf_put(&w, p.name);
        berth_buf_put(&w, BERTH_STR("\",\"rights\":\""));
        berth_buf_put(&w, berth_str_of(defaults[i].rights));
        berth_buf_put(&w, BERTH_STR("\"}"));
        CHECK(defaults[i].name, berth_str_eq(berth_buf_str(&b), berth_buf_str(&w)));
    }
    CHECK("one for the service", berth_service_policies[1].name == NULL);
    CHECK("five for a hub", berth_hub_policies[5].name == NULL);
}

static struct berth_policy sample(void)
{
    struct berth_policy p = {
        .hub = BERTH_STR("Hub1.Example"),
        .name = BERTH_STR("a\"b"),
        .rights = BERTH_RIGHT_REGISTRY_READ | BERTH_RIGHT_SERVICE_CONNECT,
        .keys = { .primary = { .n = 32 }, .secondary = { .n = 16 } },
    };

    memset(p.keys.primary.bytes, 'k', 32);
    memset(p.keys.secondary.bytes, 'K', 16);
    return p;
}

static void test_put(void **state)
{
    struct berth_policy p = sample();
    char storage[512];
    struct berth_buf b;
    struct berth_json document;

    (void)state;
    berth_buf_init(&b, storage, sizeof storage);
    berth_policy_put(&b, &p, (berth_str){ 0 }, true);
    CHECK("with keys", berth_str_eq(berth_buf_str(&b),
                                    BERTH_STR("{\"keyName\":\"a\\\"b\",\"rights\":\"RegistryRead, "
                                              "ServiceConnect\",\"primaryKey\":"
                                              "\"a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=\","
                                              "\"secondaryKey\":\"S0tLS0tLS0tLS0tLS0tLSw==\"}")));
    CHECK("is JSON", berth_json_check(berth_buf_str(&b), &document, NULL) == BERTH_OK);

    berth_buf_reset(&b);
    berth_policy_put(&b, &p, (berth_str){ 0 }, false);
    CHECK("without keys",
          berth_str_eq(berth_buf_str(&b), BERTH_STR("{\"keyName\":\"a\\\"b\",\"rights\":"
                                                    "\"RegistryRead, ServiceConnect\"}")));
}

static bool same_key(const struct berth_key *a, const struct berth_key *b)
{
    return a->n == b->n && memcmp(a->bytes, b->bytes, a->n) == 0;
}

static void test_record(void **state)
{
    struct berth_policy p = sample(), got;
    unsigned char storage[1024], small[1024];
    struct berth_arena a;
    struct berth_record rec;
    size_t need;

    (void)state;
    berth_arena_init(&a, storage, sizeof storage);
    CHECK("encode", berth_policy_encode(&p, &a, &rec) == BERTH_OK);
    need = a.n;
    CHECK("kind", rec.kind == BERTH_KIND_POLICY);
    CHECK("scope is the hub's key", berth_str_eq(rec.scope, BERTH_STR("hub1.example")));
    CHECK("key", berth_str_eq(rec.key, p.name) && berth_str_eq(rec.name, p.name));
    CHECK("no secret in the body",
          berth_str_eq(rec.body, BERTH_STR("{\"rights\":\"RegistryRead, ServiceConnect\"}")));
    rec.version = 7;

    CHECK("decode", berth_policy_decode(&rec, &a, &got) == BERTH_OK);
    CHECK("hub", berth_str_eq(got.hub, BERTH_STR("hub1.example")));
    CHECK("name", berth_str_eq(got.name, p.name));
    CHECK("rights", got.rights == p.rights);
    CHECK("version", got.version == 7);
    CHECK("primary", same_key(&got.keys.primary, &p.keys.primary));
    CHECK("secondary", same_key(&got.keys.secondary, &p.keys.secondary));

    berth_arena_init(&a, small, need);
    CHECK("just enough room", berth_policy_encode(&p, &a, &rec) == BERTH_OK);
    berth_arena_init(&a, small, need - 1);
    CHECK("a byte short", berth_policy_encode(&p, &a, &rec) == BERTH_E_FULL);
}

static const struct {
    const char *name;
    enum berth_kind kind;
    berth_str key_name, body, secret;
    berth_err want;
    unsigned rights;
} damaged[] = {
    { "sound", BERTH_KIND_POLICY, BERTH_STR_INIT("p"),
      BERTH_STR_INIT("{\"rights\":\"EnrollmentRead\"}"), BERTH_STR_INIT("\0\0"), BERTH_OK,
      BERTH_RIGHT_ENROLLMENT_READ },
    { "blanks may differ", BERTH_KIND_POLICY, BERTH_STR_INIT("p"),
      BERTH_STR_INIT("{\"rights\":\"EnrollmentRead,EnrollmentWrite \"}"), BERTH_STR_INIT("\0\0"),
      BERTH_OK, BERTH_RIGHT_ENROLLMENT_READ | BERTH_RIGHT_ENROLLMENT_WRITE },
    { "no rights", BERTH_KIND_POLICY, BERTH_STR_INIT("p"), BERTH_STR_INIT("{\"rights\":\"\"}"),
      BERTH_STR_INIT("\0\0"), BERTH_OK, 0 },
    { "another kind", BERTH_KIND_HUB, BERTH_STR_INIT("p"),
      BERTH_STR_INIT("{\"rights\":\"EnrollmentRead\"}"), BERTH_STR_INIT("\0\0"), BERTH_E_SYNTAX,
      0 },
    { "no name", BERTH_KIND_POLICY, BERTH_STR_INIT(""),
      BERTH_STR_INIT("{\"rights\":\"EnrollmentRead\"}"), BERTH_STR_INIT("\0\0"), BERTH_E_SYNTAX,
      0 },
    { "no body", BERTH_KIND_POLICY, BERTH_STR_INIT("p"), BERTH_STR_INIT(""), BERTH_STR_INIT("\0\0"),
      BERTH_E_SYNTAX, 0 },
    { "no JSON", BERTH_KIND_POLICY, BERTH_STR_INIT("p"), BERTH_STR_INIT("{"),
      BERTH_STR_INIT("\0\0"), BERTH_E_SYNTAX, 0 },
    { "no rights member", BERTH_KIND_POLICY, BERTH_STR_INIT("p"), BERTH_STR_INIT("{}"),
      BERTH_STR_INIT("\0\0"), BERTH_E_SYNTAX, 0 },
    { "rights as a number", BERTH_KIND_POLICY, BERTH_STR_INIT("p"),
      BERTH_STR_INIT("{\"rights\":511}"), BERTH_STR_INIT("\0\0"), BERTH_E_SYNTAX, 0 },
    { "unknown right", BERTH_KIND_POLICY, BERTH_STR_INIT("p"),
      BERTH_STR_INIT("{\"rights\":\"EnrollmentRead, Everything\"}"), BERTH_STR_INIT("\0\0"),
      BERTH_E_SYNTAX, 0 },
    { "right in another case", BERTH_KIND_POLICY, BERTH_STR_INIT("p"),
      BERTH_STR_INIT("{\"rights\":\"enrollmentread\"}"), BERTH_STR_INIT("\0\0"), BERTH_E_SYNTAX,
      0 },
    { "empty right between commas", BERTH_KIND_POLICY, BERTH_STR_INIT("p"),
      BERTH_STR_INIT("{\"rights\":\"EnrollmentRead,,EnrollmentWrite\"}"), BERTH_STR_INIT("\0\0"),
      BERTH_E_SYNTAX, 0 },
    { "half a secret", BERTH_KIND_POLICY, BERTH_STR_INIT("p"),
      BERTH_STR_INIT("{\"rights\":\"EnrollmentRead\"}"), BERTH_STR_INIT("\20"), BERTH_E_SYNTAX, 0 },
    { "a key over its bound", BERTH_KIND_POLICY, BERTH_STR_INIT("p"),
      BERTH_STR_INIT("{\"rights\":\"EnrollmentRead\"}"), BERTH_STR_INIT("\101\0"), BERTH_E_SYNTAX,
      0 },
};

static void test_decode(void **state)
{
    static const struct berth_policy none;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
        struct berth_record rec = {
            .kind = damaged[i].kind,
            .key = damaged[i].key_name,
            .name = damaged[i].key_name,
            .body = damaged[i].body,
            .secret = damaged[i].secret,
        };
        unsigned char storage[64];
        struct berth_arena a;
        struct berth_policy got;

        berth_arena_init(&a, storage, sizeof storage);
        CHECK(damaged[i].name, berth_policy_decode(&rec, &a, &got) == damaged[i].want);
        CHECK(damaged[i].name, got.rights == damaged[i].rights);
        CHECK(damaged[i].name, damaged[i].want == BERTH_OK ||
                                   (got.name.p == none.name.p && got.keys.primary.n == 0));
    }
}

static void test_names(void **state)
{
    char name[BERTH_POLICY_NAME_MAX + 1];

    (void)state;
    memset(name, 'a', sizeof name);
    CHECK("longest", berth_policy_name_is_valid((berth_str){ name, sizeof name - 1 }));
    CHECK("too long", !berth_policy_name_is_valid((berth_str){ name, sizeof name }));
    CHECK("empty", !berth_policy_name_is_valid(BERTH_STR("")));
    CHECK("all characters", berth_policy_name_is_valid(BERTH_STR("aZ0-._")));
    CHECK("a blank", !berth_policy_name_is_valid(BERTH_STR("a b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),    cmocka_unit_test(test_right_names),
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_put),
        cmocka_unit_test(test_record),   cmocka_unit_test(test_decode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
