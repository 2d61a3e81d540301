#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "crypto/b64.h"
#include "crypto/key_pair.h"
#include "hub/device.h"

#define T0 1704067200000 /* 2024-01-01T00:00:00Z */
#define T1 (T0 + 1000)

static unsigned char storage[1 << 20];
static struct berth_arena arena;
static char text_storage[1 << 20];

static void fresh(struct berth_device *d)
{
    berth_arena_init(&arena, storage, sizeof storage);
    berth_device_init(d, BERTH_STR("hub.test"), BERTH_STR("dev"), 7, T0);
}

static bool is_text(berth_str got, const char *want)
{
    return want == NULL ? got.p == NULL : berth_str_eq(got, berth_str_of(want));
}

static berth_str document(const struct berth_device *d)
{
    struct berth_buf b;
    berth_str out;

    berth_buf_init(&b, text_storage, sizeof text_storage);
    berth_device_put(&b, d);
    CHECK("the document fits", berth_buf_done(&b, &out) == BERTH_OK);
    return out;
}

static berth_err apply(struct berth_device *d, const char *json, struct berth_refusal *why)
{
    return berth_device_apply(d, BERTH_STR("dev"), berth_str_of(json), T1, &arena, why);
}

#define KEY_1  "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
#define KEY_2  "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
#define SHA1   "0123456789abcdef0123456789ABCDEF01234567"
#define SHA256 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define NO_KEYS   "\"symmetricKey\":{\"primaryKey\":null,\"secondaryKey\":null}"
#define NO_PRINTS "\"x509Thumbprint\":{\"primaryThumbprint\":null,\"secondaryThumbprint\":null}"
#define NEVER     "0001-01-01T00:00:00Z"
#define DEVICE(etag, status, reason, status_time)                                                  \
    "{\"deviceId\":\"dev\",\"generationId\":\"7\",\"etag\":\"" etag                                \
    "\",\"connectionState\":\"Disconnected\",\"status\":\"" status "\",\"statusReason\":" reason   \
    ",\"connectionStateUpdatedTime\":\"" NEVER "\",\"statusUpdatedTime\":\"" status_time           \
    "\",\"lastActivityTime\":\"" NEVER "\",\"cloudToDeviceMessageCount\":0,\"authentication\":{"
#define AFTER DEVICE("AAAAAAAAAAI=", "enabled", "null", NEVER)
#define LEAF  "\"capabilities\":{\"iotEdge\":false}"
#define EDGE  "\"capabilities\":{\"iotEdge\":true},\"deviceScope\":\"ms-azure-iot-edge://dev-7\""

static void test_new(void **state)
{
    struct berth_device d;

    (void)state;
    fresh(&d);
    CHECK("a new device",
          is_text(document(&d), DEVICE("AAAAAAAAAAE=", "enabled", "null", NEVER) NO_KEYS
                  "," NO_PRINTS ",\"type\":\"sas\"}," LEAF "}"));
}

/* What Node sends for a bare device, C's legacy members, C#'s whole documents, and so on. */
static const struct {
    const char *name, *in, *out;
} documents[] = {
    { "bare", "{\"deviceId\":\"dev\"}",
      AFTER NO_KEYS "," NO_PRINTS ",\"type\":\"sas\"}," LEAF "}" },
    { "nulls",
      "{\"deviceId\":\"dev\",\"status\":null,\"statusReason\":null,\"authentication\":null,"
      "\"capabilities\":null,\"deviceScope\":null,\"parentScopes\":null}",
      AFTER NO_KEYS "," NO_PRINTS ",\"type\":\"sas\"}," LEAF "}" },
    { "Node's empty keys",
      "{\"deviceId\":\"dev\",\"authentication\":{\"type\":\"sas\",\"symmetricKey\":"
      "{\"primaryKey\":\"\",\"secondaryKey\":\"\"}}}",
      AFTER NO_KEYS "," NO_PRINTS ",\"type\":\"sas\"}," LEAF "}" },
    { "two keys",
      "{\"deviceId\":\"dev\",\"authentication\":{\"symmetricKey\":"
      "{\"primaryKey\":\"" KEY_1 "\",\"secondaryKey\":\"" KEY_2 "\"},\"type\":\"SAS\"}}",
      AFTER "\"symmetricKey\":{\"primaryKey\":\"" KEY_1 "\",\"secondaryKey\":\"" KEY_2
            "\"}," NO_PRINTS ",\"type\":\"sas\"}," LEAF "}" },
    { "one key",
      "{\"deviceId\":\"dev\",\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"" KEY_1 "\"}}}",
      AFTER "\"symmetricKey\":{\"primaryKey\":\"" KEY_1 "\",\"secondaryKey\":null}," NO_PRINTS
            ",\"type\":\"sas\"}," LEAF "}" },
    { "C: legacy members",
      "{\"deviceId\":\"dev\",\"status\":\"enabled\",\"isManaged\":false,\"serviceProperties\":"
      "{\"etag\":null,\"properties\":{}},\"cloudToDeviceMessageCount\":\"0\",\"authentication\":"
      "{\"type\":\"sas\",\"symmetricKey\":{\"primaryKey\":\"\",\"secondaryKey\":\"\"}}}",
      AFTER NO_KEYS "," NO_PRINTS ",\"type\":\"sas\"}," LEAF "}" },
    { "C#: a whole document",
      "{\"deviceId\":\"dev\",\"generationId\":\"9\",\"etag\":\"x\",\"connectionState\":1,"
      "\"status\":\"Disabled\",\"statusReason\":\"lost \\u00e9\",\"connectionStateUpdatedTime\":"
      "\"0001-01-01T00:00:00\",\"statusUpdatedTime\":\"0001-01-01T00:00:00\",\"lastActivityTime\":"
      "\"0001-01-01T00:00:00\",\"cloudToDeviceMessageCount\":5,\"authentication\":{"
      "\"symmetricKey\":"
      "{\"primaryKey\":null,\"secondaryKey\":null},\"x509Thumbprint\":{\"primaryThumbprint\":null,"
      "\"secondaryThumbprint\":null},\"type\":\"certificateAuthority\"},\"capabilities\":"
      "{\"iotEdge\":false},\"deviceScope\":\"ms-azure-iot-edge://p-1\",\"parentScopes\":"
      "[ \"ms-azure-iot-edge://p-1\" ]}",
      DEVICE("AAAAAAAAAAI=", "disabled", "\"lost \xc3\xa9\"", "2024-01-01T00:00:01.0000000Z")
          NO_KEYS "," NO_PRINTS ",\"type\":\"certificateAuthority\"}," LEAF
                  ",\"deviceScope\":\"ms-azure-iot-edge://p-1\","
                  "\"parentScopes\":[\"ms-azure-iot-edge://p-1\"]}" },
    { "self-signed",
      "{\"deviceId\":\"dev\",\"authentication\":{\"type\":\"selfSigned\",\"x509Thumbprint\":"
      "{\"primaryThumbprint\":\"" SHA1 "\",\"secondaryThumbprint\":\"" SHA256
      "\"},\"symmetricKey\":{\"primaryKey\":\"" KEY_1 "\",\"secondaryKey\":\"" KEY_2 "\"}}}",
      AFTER NO_KEYS ",\"x509Thumbprint\":{\"primaryThumbprint\":\"" SHA1
                    "\",\"secondaryThumbprint\":\"" SHA256 "\"},\"type\":\"selfSigned\"}," LEAF
                    "}" },
    { "self-signed, second only",
      "{\"deviceId\":\"dev\",\"authentication\":{\"type\":\"selfsigned\",\"x509Thumbprint\":"
      "{\"primaryThumbprint\":\"\",\"secondaryThumbprint\":\"" SHA1 "\"}}}",
      AFTER NO_KEYS ",\"x509Thumbprint\":{\"primaryThumbprint\":null,\"secondaryThumbprint\":"
                    "\"" SHA1 "\"},\"type\":\"selfSigned\"}," LEAF "}" },
    { "none", "{\"deviceId\":\"dev\",\"authentication\":{\"type\":\"none\"}}",
      AFTER NO_KEYS "," NO_PRINTS ",\"type\":\"none\"}," LEAF "}" },
    { "edge: a scope is made",
      "{\"deviceId\":\"dev\",\"capabilities\":{\"iotEdge\":true},\"deviceScope\":\"other\","
      "\"parentScopes\":[]}",
      AFTER NO_KEYS "," NO_PRINTS ",\"type\":\"sas\"}," EDGE "}" },
};

static void test_apply(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        struct berth_device d;
        struct berth_refusal why;

        fresh(&d);
        CHECK(documents[i].name, apply(&d, documents[i].in, &why) == BERTH_OK);
        CHECK(documents[i].name, why.reason == BERTH_WHY_NONE);
        CHECK(documents[i].name, is_text(document(&d), documents[i].out));
        CHECK(documents[i].name, d.twin_revision == 1 && d.twin_version == 1);
    }
}

/* The document that a client read, put back, changes nothing but the etag. */
static void test_put_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        struct berth_device d;
        struct berth_refusal why;
        char *fetched;

        fresh(&d);
        CHECK(documents[i].name, apply(&d, documents[i].in, &why) == BERTH_OK);
        fetched = strdup(documents[i].out);
        CHECK(documents[i].name, apply(&d, fetched, &why) == BERTH_OK);
        CHECK(documents[i].name, d.identity_revision == 3);
        d.identity_revision = 2;
        CHECK(documents[i].name, is_text(document(&d), documents[i].out));
        free(fetched);
    }
}

static void test_defaults_come_back(void **state)
{
    struct berth_device d;
    struct berth_refusal why;

    (void)state;
    fresh(&d);
    CHECK("all set", apply(&d, documents[6].in, &why) == BERTH_OK && !d.enabled);
    CHECK("left out", apply(&d, "{\"deviceId\":\"dev\"}", &why) == BERTH_OK);
    CHECK("defaults", d.enabled && d.status_reason.p == NULL && d.auth == BERTH_AUTH_SAS &&
                          d.device_scope.p == NULL && d.parent_scopes.p == NULL);
    fresh(&d);
    CHECK("keys", apply(&d, documents[3].in, &why) == BERTH_OK && d.keys.primary.n == 32);
    CHECK("other type", apply(&d, documents[9].in, &why) == BERTH_OK);
    CHECK("no keys are left",
          d.keys.primary.n == 0 && d.keys.secondary.n == 0 && d.keys.primary.bytes[0] == 0);
}

static void test_edge_scope(void **state)
{
    static const char edge[] = "{\"deviceId\":\"dev\",\"capabilities\":{\"iotEdge\":true}}";
    static const char leaf[] = "{\"deviceId\":\"dev\",\"deviceScope\":\"parent\"}";
    struct berth_device d;
    struct berth_refusal why;

    (void)state;
    fresh(&d);
    CHECK("leaf", apply(&d, leaf, &why) == BERTH_OK && is_text(d.device_scope, "parent"));
    CHECK("edge", apply(&d, edge, &why) == BERTH_OK);
    CHECK("its own", is_text(d.device_scope, "ms-azure-iot-edge://dev-7"));
    d.generation = 8; /* as when it moves to another hub */
    CHECK("edge again", apply(&d, edge, &why) == BERTH_OK);
    CHECK("made once", is_text(d.device_scope, "ms-azure-iot-edge://dev-7"));
    CHECK("leaf again", apply(&d, leaf, &why) == BERTH_OK && is_text(d.device_scope, "parent"));
}

static void test_status_time(void **state)
{
    struct berth_device d;
    struct berth_refusal why;

    (void)state;
    fresh(&d);
    CHECK("same", apply(&d, "{\"deviceId\":\"dev\",\"status\":\"ENABLED\"}", &why) == BERTH_OK);
    CHECK("same: no time", d.status_updated_ms == BERTH_TIME_NEVER);
    CHECK("other", apply(&d, "{\"deviceId\":\"dev\",\"status\":\"disabled\"}", &why) == BERTH_OK);
    CHECK("other: now", d.status_updated_ms == T1);
}

/* ---- bounds: BODY is a member, FILL repeated COUNT times inside it ---- */

#define REASON "\"statusReason\":\""
#define KEY    "\"authentication\":{\"symmetricKey\":{\"secondaryKey\":\""
#define PRINT                                                                                      \
    "\"authentication\":{\"type\":\"selfSigned\",\"x509Thumbprint\":{\"primaryThumbprint\":\""
#define SCOPE "\"deviceScope\":\""
#define WRONG BERTH_WHY_REQUEST_INVALID

static const struct {
    const char *name, *head, *fill;
    size_t count;
    const char *tail;
    enum berth_reason want;
    const char *message;
} bounds[] = {
    { "longest reason", REASON, "r", 128, "\"", BERTH_WHY_NONE, "" },
    { "longest reason of two-byte characters", REASON, "\xc3\xa9", 128, "\"", BERTH_WHY_NONE, "" },
    { "reason too long", REASON, "r", 129, "\"", WRONG,
      "statusReason must be a string of at most 128 characters" },
    { "reason is a number", "\"statusReason\":1", "", 0, "", WRONG, NULL },
    { "status is another word", "\"status\":\"on\"", "", 0, "", WRONG,
      "status must be \"enabled\" or \"disabled\"" },
    { "status is true", "\"status\":true", "", 0, "", WRONG, NULL },
    { "status is empty", "\"status\":\"\"", "", 0, "", WRONG, NULL },
    { "shortest key", KEY, "AAAA", 5, "AA==\"}}", BERTH_WHY_NONE, "" },
    { "key of 15 bytes", KEY, "AAAA", 5, "\"}}", WRONG,
      "symmetricKey: a key must be base64 of 16 to 64 bytes" },
    { "longest key", KEY, "AAAA", 21, "AA==\"}}", BERTH_WHY_NONE, "" },
    { "key of 65 bytes", KEY, "AAAA", 21, "AAA=\"}}", WRONG, NULL },
    { "key is not base64", KEY, "****", 8, "\"}}", WRONG, NULL },
    { "key is a number", "\"authentication\":{\"symmetricKey\":{\"primaryKey\":1}}", "", 0, "",
      WRONG, NULL },
    { "keys are a string", "\"authentication\":{\"symmetricKey\":\"\"}", "", 0, "", WRONG, NULL },
    { "authentication is a string", "\"authentication\":\"sas\"", "", 0, "", WRONG, NULL },
    { "type is another word", "\"authentication\":{\"type\":\"tpm\"}", "", 0, "", WRONG,
      "authentication.type must be sas, selfSigned, certificateAuthority or none" },
    { "SHA-1", PRINT, "a", 40, "\"}}", BERTH_WHY_NONE, "" },
    { "SHA-256", PRINT, "A", 64, "\"}}", BERTH_WHY_NONE, "" },
    { "39 digits", PRINT, "a", 39, "\"}}", WRONG,
      "x509Thumbprint: a thumbprint must be 40 or 64 hex digits" },
    { "41 digits", PRINT, "a", 41, "\"}}", WRONG, NULL },
    { "63 digits", PRINT, "a", 63, "\"}}", WRONG, NULL },
    { "65 digits", PRINT, "a", 65, "\"}}", WRONG, NULL },
    { "40 characters, one no digit", PRINT, "a", 39, "g\"}}", WRONG, NULL },
    { "self-signed without thumbprints", "\"authentication\":{\"type\":\"selfSigned\"}", "", 0, "",
      WRONG, "authentication of type selfSigned needs a thumbprint" },
    { "capabilities are an array", "\"capabilities\":[]", "", 0, "", WRONG, NULL },
    { "iotEdge is a word", "\"capabilities\":{\"iotEdge\":\"true\"}", "", 0, "", WRONG,
      "capabilities.iotEdge must be true or false" },
    { "longest scope", SCOPE, "s", 256, "\"", BERTH_WHY_NONE, "" },
    { "scope too long", SCOPE, "s", 257, "\"", WRONG,
      "deviceScope must be a string of at most 256 bytes" },
    { "longest parents", "\"parentScopes\":[ \"", "p", 1020, "\" ]", BERTH_WHY_NONE, "" },
    { "parents too long", "\"parentScopes\":[\"", "p", 1021, "\"]", WRONG,
      "parentScopes must be an array of strings, of at most 1024 bytes in all" },
    { "a parent is a number", "\"parentScopes\":[1]", "", 0, "", WRONG, NULL },
    { "parents are a string", "\"parentScopes\":\"p\"", "", 0, "", WRONG, NULL },
};

static char *filled(const char *head, const char *fill, size_t count, const char *tail)
{
    static const char start[] = "{\"deviceId\":\"dev\",";
    size_t n = sizeof start + strlen(head) + strlen(fill) * count + strlen(tail) + 2;
    char *out = malloc(n);

    strcpy(out, start);
    strcat(out, head);
    for (size_t i = 0; i < count; i++)
        strcat(out, fill);
    strcat(out, tail);
    return strcat(out, "}");
}

static void test_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        char *json = filled(bounds[i].head, bounds[i].fill, bounds[i].count, bounds[i].tail);
        struct berth_device d;
        struct berth_refusal why;
        berth_err e;

        fresh(&d);
        e = apply(&d, json, &why);
        CHECK(bounds[i].name, (e == BERTH_OK) == (bounds[i].want == BERTH_WHY_NONE));
        CHECK(bounds[i].name, why.reason == bounds[i].want);
        if (bounds[i].message != NULL)
            CHECK(bounds[i].name, is_text(why.message, bounds[i].message));
        CHECK(bounds[i].name, d.identity_revision == (e == BERTH_OK ? 2 : 1));
        free(json);
    }
}

static const struct {
    const char *name, *json, *message;
} refused[] = {
    { "another ID", "{\"deviceId\":\"Dev\"}", "deviceId must be the ID of the device addressed" },
    { "no ID", "{}", "deviceId must be the ID of the device addressed" },
    { "ID is a number", "{\"deviceId\":1}", "deviceId must be the ID of the device addressed" },
    { "an array", "[]", "the body must be a JSON object" },
    { "not JSON", "{\"deviceId\":\"dev\"", "the body is not valid JSON at byte 17" },
    { "given twice", "{\"deviceId\":\"dev\",\"deviceId\":\"dev\"}", NULL },
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct berth_device d;
        struct berth_refusal why;

        fresh(&d);
        CHECK(refused[i].name, apply(&d, refused[i].json, &why) == BERTH_E_SYNTAX);
        CHECK(refused[i].name, why.reason == BERTH_WHY_REQUEST_INVALID);
        if (refused[i].message != NULL)
            CHECK(refused[i].name, is_text(why.message, refused[i].message));
    }
}

static void test_apply_prefixes(void **state)
{
    const char *good = documents[6].in;
    size_t n = strlen(good);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        char *copy = malloc(i + (i == 0));
        struct berth_device d;
        struct berth_refusal why;

        memcpy(copy, good, i);
        fresh(&d);
        CHECK("prefix", berth_device_apply(&d, BERTH_STR("dev"), (berth_str){ copy, i }, T1, &arena,
                                           &why) == BERTH_E_SYNTAX);
        CHECK("prefix", why.message.n > 0);
        free(copy);
    }
}

static void test_apply_small_arenas(void **state)
{
    bool served = false;

    (void)state;
    for (size_t size = 0; size < 128; size++) {
        void *exact = malloc(size + (size == 0));
        struct berth_device d;
        struct berth_refusal why;
        struct berth_arena a;
        berth_err e;

        fresh(&d);
        berth_arena_init(&a, exact, size);
        e = berth_device_apply(&d, BERTH_STR("dev"), berth_str_of(documents[6].in), T1, &a, &why);
        CHECK("too small or served", e == (served ? BERTH_OK : BERTH_E_FULL) || e == BERTH_OK);
        CHECK("no reason", why.reason == BERTH_WHY_NONE);
        served = e == BERTH_OK;
        free(exact);
    }
    CHECK("some size is enough", served);
}

/* ---- etag ---- */

static const struct {
    const char *name, *header;
    uint64_t want;
} etags[] = {
    { "absent", NULL, BERTH_ANY },
    { "star", "*", BERTH_PRESENT },
    { "quoted star", "\"*\"", BERTH_PRESENT },
    { "bare", "AAAAAAAAAAE=", 1 },
    { "quoted", "\"AAAAAAAAAAE=\"", 1 },
    { "weak", "W/\"AAAAAAAAAQA=\"", 256 },
    { "blanks", "  \"AAAAAAAAAAE=\" ", 1 },
    { "greatest", "//////////0=", UINT64_MAX - 2 },
    { "would be present", "//////////4=", UINT64_MAX - 2 },
    { "would be any", "//////////8=", UINT64_MAX - 2 },
    { "would be absent", "AAAAAAAAAAA=", UINT64_MAX - 2 },
    { "seven bytes", "AAAAAAAAAA==", UINT64_MAX - 2 },
    { "nine bytes", "AAAAAAAAAAAA", UINT64_MAX - 2 },
    { "not base64", "\"hello\"", UINT64_MAX - 2 },
    { "empty", "", UINT64_MAX - 2 },
    { "one quote", "\"", UINT64_MAX - 2 },
    { "two of them", "\"AAAAAAAAAAE=\",\"AAAAAAAAAAI=\"", UINT64_MAX - 2 },
};

static void test_etags(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(etags); i++)
        CHECK(etags[i].name,
              berth_device_etag_parse(berth_str_of(etags[i].header)) == etags[i].want);
    for (uint64_t r = 1; r < UINT64_MAX / 3; r *= 3) {
        char text[12];
        struct berth_buf b;

        berth_buf_init(&b, text, sizeof text);
        berth_device_etag_put(&b, r);
        CHECK("round trip", !b.over && berth_device_etag_parse(berth_buf_str(&b)) == r);
    }
}

/* ---- record ---- */

static void check_round_trip(const char *name, const struct berth_device *d)
{
    struct berth_record rec;
    struct berth_device got;
    struct berth_buf before, after;
    static char one[1 << 18], two[1 << 18];

    CHECK(name, berth_device_encode(d, &arena, &rec) == BERTH_OK);
    CHECK(name, rec.kind == BERTH_KIND_DEVICE && rec.tag == d->enabled && rec.version == 0);
    CHECK(name,
          is_text(rec.scope, "hub.test") && is_text(rec.key, "dev") && is_text(rec.name, "dev"));
    CHECK(name, memmem(rec.body.p, rec.body.n, KEY_1, 44) == NULL);
    rec.version = 42;
    CHECK(name, berth_device_decode(&rec, &arena, &got) == BERTH_OK);
    CHECK(name, got.version == 42 && got.generation == d->generation);
    CHECK(name, got.reported.version == d->reported.version);
    berth_buf_init(&before, one, sizeof one);
    berth_device_put(&before, d);
    berth_twin_put(&before, d);
    berth_buf_init(&after, two, sizeof two);
    berth_device_put(&after, &got);
    berth_twin_put(&after, &got);
    CHECK(name, !before.over && berth_str_eq(berth_buf_str(&before), berth_buf_str(&after)));
}

static void test_record_round_trips(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        struct berth_device d;
        struct berth_refusal why;

        fresh(&d);
        check_round_trip("a new device", &d);
        CHECK(documents[i].name, apply(&d, documents[i].in, &why) == BERTH_OK);
        check_round_trip(documents[i].name, &d);
        CHECK("tags", berth_twin_update(&d,
                                        BERTH_STR("{\"tags\":{\"a\":1.10},\"properties\":"
                                                  "{\"desired\":{\"o\":{\"p\":1,\"q\":2}}}}"),
                                        false, T0, &arena, &why) == BERTH_OK);
        CHECK("desired", berth_twin_update(&d,
                                           BERTH_STR("{\"properties\":{\"desired\":{\"o\":"
                                                     "{\"q\":3}}}}"),
                                           false, T1, &arena, &why) == BERTH_OK);
        CHECK("reported",
              berth_twin_report(&d, BERTH_STR("{\"r\":[null]}"), T1, &arena, &why) == BERTH_OK);
        d.generation = UINT64_MAX;
        d.connection_updated_ms = T0;
        d.last_activity_ms = -1;
        check_round_trip(documents[i].name, &d);
    }
}

/* Both sections full of properties with a time each: what the store takes must hold it. */
static void test_record_bound(void **state)
{
    struct berth_device d;
    struct berth_record rec;
    char *values = malloc(BERTH_TWIN_SECTION_MAX), *times = malloc(42 * 1024);
    char *tags = malloc(BERTH_TWIN_TAGS_MAX);
    char reason[128], scope[256], parents[1024];

    (void)state;
    fresh(&d);
    memset(values, 'x', BERTH_TWIN_SECTION_MAX);
    memset(times, 'x', 42 * 1024);
    memset(tags, 'x', BERTH_TWIN_TAGS_MAX);
    memset(reason, 1, sizeof reason); /* each becomes six characters */
    memset(scope, 1, sizeof scope);
    memset(parents, 'x', sizeof parents);
    d.desired.values = d.reported.values = (berth_str){ values, BERTH_TWIN_SECTION_MAX };
    d.desired.times = d.reported.times = (berth_str){ times, 42 * 1024 };
    d.tags = (berth_str){ tags, BERTH_TWIN_TAGS_MAX };
    d.status_reason = (berth_str){ reason, sizeof reason };
    d.device_scope = (berth_str){ scope, sizeof scope };
    d.parent_scopes = (berth_str){ parents, sizeof parents };
    d.primary_thumbprint = d.secondary_thumbprint = BERTH_STR(SHA256);
    CHECK("everything at its bound fits a record",
          berth_device_encode(&d, &arena, &rec) == BERTH_OK);
    d.tags = (berth_str){ values, BERTH_TWIN_SECTION_MAX };
    CHECK("what is over the record's bound is not encoded",
          berth_device_encode(&d, &arena, &rec) == BERTH_E_RANGE);
    free(values);
    free(times);
    free(tags);
}

static void full_record(struct berth_device *d, struct berth_record *rec)
{
    struct berth_refusal why;

    fresh(d);
    CHECK("apply", apply(d, documents[3].in, &why) == BERTH_OK);
    CHECK("report", berth_twin_report(d, BERTH_STR("{\"r\":1}"), T1, &arena, &why) == BERTH_OK);
    CHECK("encode", berth_device_encode(d, &arena, rec) == BERTH_OK);
}

static void test_record_prefixes(void **state)
{
    struct berth_device d, got;
    struct berth_record rec;
    berth_str whole;

    (void)state;
    full_record(&d, &rec);
    whole = rec.body;
    for (size_t n = 0; n < whole.n; n++) {
        char *copy = malloc(n + (n == 0));

        memcpy(copy, whole.p, n);
        rec.body = (berth_str){ copy, n };
        CHECK("prefix", berth_device_decode(&rec, &arena, &got) == BERTH_E_SYNTAX);
        CHECK("prefix", got.device_id.p == NULL);
        free(copy);
    }
}

static void test_record_damage(void **state)
{
    static const char *const bodies[] = {
        "{}",
        "[]",
        "{\"generation\":-1,\"identityRevision\":1,\"auth\":\"sas\",\"iotEdge\":false,"
        "\"twinRevision\":1,\"tags\":{},\"desired\":{\"values\":{}},\"reported\":{\"values\":{}}}",
        "{\"generation\":1,\"identityRevision\":1,\"auth\":\"tpm\",\"iotEdge\":false,"
        "\"twinRevision\":1,\"tags\":{},\"desired\":{\"values\":{}},\"reported\":{\"values\":{}}}",
        "{\"generation\":1,\"identityRevision\":1,\"auth\":\"sas\",\"iotEdge\":false,"
        "\"twinRevision\":1,\"tags\":[],\"desired\":{\"values\":{}},\"reported\":{\"values\":{}}}",
        "{\"generation\":1,\"identityRevision\":1,\"auth\":\"sas\",\"iotEdge\":false,"
        "\"twinRevision\":1,\"tags\":{},\"desired\":{},\"reported\":{\"values\":{}}}",
    };
    struct berth_device d, got;
    struct berth_record rec;

    (void)state;
    full_record(&d, &rec);
    rec.secret.n--;
    CHECK("keys cut short", berth_device_decode(&rec, &arena, &got) == BERTH_E_SYNTAX);
    CHECK("no key is left", got.keys.primary.n == 0 && got.keys.primary.bytes[0] == 0);
    rec.secret.n = 0;
    CHECK("no keys", berth_device_decode(&rec, &arena, &got) == BERTH_OK);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        rec.body = berth_str_of(bodies[i]);
        CHECK(bodies[i], berth_device_decode(&rec, &arena, &got) == BERTH_E_SYNTAX);
    }
    rec.body = BERTH_STR("{\"generation\":1,\"identityRevision\":1,\"auth\":\"sas\",\"iotEdge\":"
                         "false,\"twinRevision\":1,\"tags\":{},\"desired\":{\"values\":{}},"
                         "\"reported\":{\"values\":{}},\"of a later version\":1}");
    CHECK("the least there may be", berth_device_decode(&rec, &arena, &got) == BERTH_OK);
}

static void test_record_small_arenas(void **state)
{
    struct berth_device d, got;
    struct berth_record rec, again;
    size_t need;

    (void)state;
    fresh(&d);
    d.status_reason = BERTH_STR("\"quoted\"");
    CHECK("encode", berth_device_encode(&d, &arena, &rec) == BERTH_OK);
    need = rec.body.n + rec.secret.n;
    for (size_t size = 0; size <= need; size++) {
        void *exact = malloc(size + (size == 0));
        struct berth_arena a;

        berth_arena_init(&a, exact, size);
        CHECK("encode",
              berth_device_encode(&d, &a, &again) == (size < need ? BERTH_E_FULL : BERTH_OK));
        berth_arena_init(&a, exact, size);
        CHECK("decode", berth_device_decode(&rec, &a, &got) ==
                            (size < d.status_reason.n ? BERTH_E_FULL : BERTH_OK));
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new),
        cmocka_unit_test(test_apply),
        cmocka_unit_test(test_put_back),
        cmocka_unit_test(test_defaults_come_back),
        cmocka_unit_test(test_edge_scope),
        cmocka_unit_test(test_status_time),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_apply_prefixes),
        cmocka_unit_test(test_apply_small_arenas),
        cmocka_unit_test(test_etags),
        cmocka_unit_test(test_record_round_trips),
        cmocka_unit_test(test_record_bound),
        cmocka_unit_test(test_record_prefixes),
        cmocka_unit_test(test_record_damage),
        cmocka_unit_test(test_record_small_arenas),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
