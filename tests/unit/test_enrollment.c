/* Enrollments and groups: their documents taken apart, written, kept. */
#include "prov/enrollment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/check.h"
#include "wire/json.h"

#define KEY16 "MDEyMzQ1Njc4OWFiY2RlZg=="
#define KEY64                                                                                      \
    "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg=="
#define KEY15 "MDEyMzQ1Njc4OWFiY2Rl"
#define KEY65                                                                                      \
    "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZmc="

#define SYMMETRIC   "\"attestation\":{\"type\":\"symmetricKey\"}"
#define ONE_ID      "\"registrationId\":\"Dev-1\""
#define GROUP_ID    "\"enrollmentGroupId\":\"Line.7\""
#define ONE(more)   "{" ONE_ID "," SYMMETRIC more "}"
#define GROUP(more) "{" GROUP_ID "," SYMMETRIC more "}"
#define KEYS(members)                                                                              \
    "{" ONE_ID ",\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":{" members "}}}"
#define CUSTOM(members)                                                                            \
    ONE(",\"allocationPolicy\":\"custom\",\"customAllocationDefinition\":{" members "}")

#define CREATED_MS INT64_C(1700000000000)
#define UPDATED_MS INT64_C(1700000001500)
#define TAIL                                                                                       \
    ",\"etag\":\"\\\"00000000000004d2\\\"\","                                                      \
    "\"createdDateTimeUtc\":\"2023-11-14T22:13:20.0000000Z\","                                     \
    "\"lastUpdatedDateTimeUtc\":\"2023-11-14T22:13:21.5000000Z\"}"
#define ENABLED       "\"provisioningStatus\":\"enabled\""
#define BOTH          "\"reprovisionPolicy\":{\"updateHubAssignment\":true,\"migrateDeviceData\":true}"
#define NO_EDGE       "\"capabilities\":{\"iotEdge\":false}"
#define WRITTEN(more) "{" ONE_ID "," SYMMETRIC "," NO_EDGE "," ENABLED "," BOTH more TAIL
#define TWIN                                                                                       \
    "\"initialTwin\":{\"tags\":{\"n\":1.10},\"properties\":{\"desired\":{\"i\":12345678901234}}}"

#define MEMORY_SIZE (512 * 1024)
static unsigned char memory[MEMORY_SIZE];

/* Of exact size, so that the sanitizer sees a byte too many. */
static berth_str copy_of(const char *text, size_t n)
{
    char *p = malloc(n == 0 ? 1 : n);

    assert_non_null(p);
    memcpy(p, text, n);
    return (berth_str){ p, n };
}

static void drop(berth_str s)
{
    free((void *)(uintptr_t)s.p);
}

static bool is(berth_str s, const char *text)
{
    return berth_str_eq(s, berth_str_of(text));
}

struct parsed {
    berth_str json;
    struct berth_arena arena;
    struct berth_enrollment e;
    struct berth_refusal why;
    berth_err err;
};

static void parse_n(struct parsed *p, bool is_group, const char *id, const char *json, size_t n)
{
    memset(p, 0, sizeof *p);
    p->json = copy_of(json, n);
    berth_arena_init(&p->arena, memory, sizeof memory);
    p->err = berth_enrollment_parse(is_group, berth_str_of(id), p->json, &p->arena, &p->e, &p->why);
    p->e.version = 1234;
    p->e.created_ms = CREATED_MS;
    p->e.updated_ms = UPDATED_MS;
}

static void parse(struct parsed *p, bool is_group, const char *json)
{
    parse_n(p, is_group, is_group ? "line.7" : "dev-1", json, strlen(json));
}

static void end(struct parsed *p)
{
    drop(p->json);
}

/* ---- documents in, documents out ---- */

static const struct {
    const char *name;
    bool is_group;
    const char *in, *out;
} accepted[] = {
    { "defaults", false, ONE(""), WRITTEN("") },
    { "defaults of a group", true, GROUP(""),
      "{" GROUP_ID "," SYMMETRIC "," NO_EDGE "," ENABLED "," BOTH TAIL },
    { "null leaves out", false,
      ONE(",\"deviceId\":null,\"optionalDeviceInformation\":null,\"capabilities\":null,"
          "\"iotHubHostName\":null,\"initialTwin\":null,\"provisioningStatus\":null,"
          "\"reprovisionPolicy\":null,\"allocationPolicy\":null,\"iotHubs\":null,"
          "\"customAllocationDefinition\":null"),
      WRITTEN("") },
    { "null inside objects", false,
      ONE(",\"capabilities\":{\"iotEdge\":null},\"reprovisionPolicy\":{\"updateHubAssignment\":"
          "null,\"migrateDeviceData\":null}"),
      WRITTEN("") },
    { "read-only and unknown members are ignored", false,
      ONE(",\"etag\":7,\"createdDateTimeUtc\":\"x\",\"lastUpdatedDateTimeUtc\":[],"
          "\"registrationState\":{\"status\":\"assigned\"},\"later\":{}"),
      WRITTEN("") },
    { "device ID", false, ONE(",\"deviceId\":\"Pump#7\""),
      "{" ONE_ID ",\"deviceId\":\"Pump#7\"," SYMMETRIC "," NO_EDGE "," ENABLED "," BOTH TAIL },
    { "a group has no device ID", true,
      GROUP(",\"deviceId\":\"x y\",\"optionalDeviceInformation\":{\"a\":1}"),
      "{" GROUP_ID "," SYMMETRIC "," NO_EDGE "," ENABLED "," BOTH TAIL },
    { "device information stays as it was written", false,
      ONE(",\"optionalDeviceInformation\":{\"a\": 1.10}"),
      "{" ONE_ID ",\"optionalDeviceInformation\":{\"a\": 1.10}," SYMMETRIC "," NO_EDGE "," ENABLED
      "," BOTH TAIL },
    { "initial twin stays as it was written", false, ONE("," TWIN),
      "{" ONE_ID "," SYMMETRIC "," NO_EDGE "," TWIN "," ENABLED "," BOTH TAIL },
    { "edge", false, ONE(",\"capabilities\":{\"iotEdge\":true}"),
      "{" ONE_ID "," SYMMETRIC ",\"capabilities\":{\"iotEdge\":true}," ENABLED "," BOTH TAIL },
    { "host name of old clients", false, ONE(",\"iotHubHostName\":\"h.example\""),
      "{" ONE_ID "," SYMMETRIC "," NO_EDGE ",\"iotHubHostName\":\"h.example\"," ENABLED
      "," BOTH TAIL },
    { "disabled", false, ONE(",\"provisioningStatus\":\"disabled\""),
      "{" ONE_ID "," SYMMETRIC "," NO_EDGE ",\"provisioningStatus\":\"disabled\"," BOTH TAIL },
    { "never reprovision", false,
      ONE(",\"reprovisionPolicy\":{\"updateHubAssignment\":false,\"migrateDeviceData\":false}"),
      "{" ONE_ID "," SYMMETRIC "," NO_EDGE "," ENABLED
      ",\"reprovisionPolicy\":{\"updateHubAssignment\":false,\"migrateDeviceData\":false}" TAIL },
    { "half a reprovision policy", false,
      ONE(",\"reprovisionPolicy\":{\"migrateDeviceData\":false}"),
      "{" ONE_ID "," SYMMETRIC "," NO_EDGE "," ENABLED
      ",\"reprovisionPolicy\":{\"updateHubAssignment\":true,\"migrateDeviceData\":false}" TAIL },
    { "hashed", false, ONE(",\"allocationPolicy\":\"hashed\",\"iotHubs\":[\"b\",\"A.example\"]"),
      WRITTEN(",\"allocationPolicy\":\"hashed\",\"iotHubs\":[\"b\",\"A.example\"]") },
    { "the management API's spelling", false, ONE(",\"allocationPolicy\":\"GeoLatency\""),
      WRITTEN(",\"allocationPolicy\":\"geoLatency\"") },
    { "static without hubs", false, ONE(",\"allocationPolicy\":\"static\",\"iotHubs\":[]"),
      WRITTEN(",\"allocationPolicy\":\"static\"") },
    { "custom", false, CUSTOM("\"webhookUrl\":\"https://h/?a=b\",\"apiVersion\":\"2019-03-31\""),
      WRITTEN(",\"allocationPolicy\":\"custom\",\"customAllocationDefinition\":{\"webhookUrl\":"
              "\"https://h/?a=b\",\"apiVersion\":\"2019-03-31\"}") },
    { "escapes are decoded, and written where they must be", false,
      ONE(",\"iotHubs\":[\"\\u0068\\u002e\\u0065\\\"\"]"), WRITTEN(",\"iotHubs\":[\"h.e\\\"\"]") },
    { "keys are not in it", false,
      KEYS("\"primaryKey\":\"" KEY16 "\",\"secondaryKey\":\"" KEY64 "\""), WRITTEN("") },
};

static berth_str write_out(const struct berth_enrollment *e, bool with_keys, const char *state)
{
    static char text[64 * 1024];
    struct berth_buf b;

    berth_buf_init(&b, text, sizeof text);
    berth_enrollment_put(&b, e, with_keys, berth_str_of(state));
    assert_false(b.over);
    return berth_buf_str(&b);
}

static void test_documents(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct parsed p, again;
        berth_str out;
        char *answer;
        parse(&p, accepted[i].is_group, accepted[i].in);
        if (p.err != BERTH_OK)
            fail_msg("%s: %.*s", accepted[i].name, BERTH_STR_ARG(p.why.message));
        CHECK(accepted[i].name, p.why.reason == BERTH_WHY_NONE);
        CHECK(accepted[i].name, p.e.attestation == BERTH_ATTEST_SYMMETRIC_KEY);
        out = write_out(&p.e, false, NULL);
        if (!is(out, accepted[i].out))
            fail_msg("%s: %.*s", accepted[i].name, BERTH_STR_ARG(out));
        end(&p);
        /* what a GET answered may be put back, and says the same */
        answer = strndup(out.p, out.n);
        parse(&again, accepted[i].is_group, answer);
        CHECK(accepted[i].name, again.err == BERTH_OK);
        CHECK(accepted[i].name, is(write_out(&again.e, false, NULL), answer));
        end(&again);
        free(answer);
    }
}

static void test_keys(void **state)
{
    static const struct {
        const char *name, *in;
        uint8_t primary, secondary;
    } cases[] = {
        { "none", ONE(""), 0, 0 },
        { "an empty object", KEYS(""), 0, 0 },
        { "null for the object",
          "{" ONE_ID ",\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":null}}", 0, 0 },
        { "null and empty", KEYS("\"primaryKey\":null,\"secondaryKey\":\"\""), 0, 0 },
        { "16 bytes, and one alone", KEYS("\"primaryKey\":\"" KEY16 "\""), 16, 0 },
        { "64 bytes, and the other alone", KEYS("\"secondaryKey\":\"" KEY64 "\""), 0, 64 },
        { "escaped", KEYS("\"primaryKey\":\"\\u004dDEyMzQ1Njc4OWFiY2RlZg==\""), 16, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct parsed p;
        parse(&p, false, cases[i].in);
        CHECK(cases[i].name, p.err == BERTH_OK);
        CHECK(cases[i].name, p.e.keys.primary.n == cases[i].primary);
        CHECK(cases[i].name, p.e.keys.secondary.n == cases[i].secondary);
        CHECK(cases[i].name,
              memcmp(p.e.keys.primary.bytes, "0123456789abcdef", p.e.keys.primary.n) == 0);
        end(&p);
    }
}

static void test_answers_with_keys_and_state(void **state)
{
    struct parsed p;
    berth_str out;
    char text[1024];
    struct berth_buf b;

    (void)state;
    parse(&p, false, KEYS("\"primaryKey\":\"" KEY16 "\",\"secondaryKey\":\"" KEY64 "\""));
    assert_int_equal(p.err, BERTH_OK);
    out = write_out(&p.e, true, NULL);
    assert_true(is(out, "{" ONE_ID ",\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":{"
                        "\"primaryKey\":\"" KEY16 "\",\"secondaryKey\":\"" KEY64 "\"}}," NO_EDGE
                        "," ENABLED "," BOTH TAIL));
    out = write_out(&p.e, false, "{\"status\":\"assigned\"}");
    assert_true(is(out, WRITTEN(",\"registrationState\":{\"status\":\"assigned\"}")));
    berth_buf_init(&b, text, sizeof text);
    berth_attestation_put(&b, &p.e);
    assert_true(is(berth_buf_str(&b), "{\"type\":\"symmetricKey\",\"symmetricKey\":{\"primaryKey\":"
                                      "\"" KEY16 "\",\"secondaryKey\":\"" KEY64 "\"}}"));
    end(&p);
}

/* ---- refusals ---- */

#define INVALID BERTH_WHY_REQUEST_INVALID
#define BAD_ID  BERTH_WHY_REGISTRATION_ID_INVALID

static const struct {
    const char *name;
    bool is_group;
    const char *id, *in;
    enum berth_reason reason;
    const char *message;
} refused[] = {
    { "nothing", false, "dev-1", "", INVALID, "the body is not valid JSON" },
    { "not JSON", false, "dev-1", "{", INVALID, "the body is not valid JSON" },
    { "a name twice", false, "dev-1", "{" ONE_ID "," ONE_ID "}", INVALID,
      "the body is not valid JSON" },
    { "an array", false, "dev-1", "[]", INVALID, "the body must be a JSON object" },
    { "null", false, "dev-1", "null", INVALID, "the body must be a JSON object" },
    { "no ID", false, "dev-1", "{" SYMMETRIC "}", BAD_ID, "registrationId is missing" },
    { "an ID that is a number", false, "dev-1", "{\"registrationId\":1," SYMMETRIC "}", BAD_ID,
      "registrationId is missing" },
    { "no group ID", true, "g", "{" ONE_ID "," SYMMETRIC "}", BERTH_WHY_GROUP_ID_INVALID,
      "enrollmentGroupId is missing" },
    { "another ID", false, "dev-2", ONE(""), BAD_ID,
      "the ID in the body differs from the one addressed" },
    { "another group ID", true, "line.8", GROUP(""), BERTH_WHY_GROUP_ID_INVALID,
      "the ID in the body differs from the one addressed" },
    { "an address that is no ID", false, "dev 1", ONE(""), BAD_ID,
      "registrationId has a character that is not allowed" },
    { "an address that is no group's ID", true, "line 7", GROUP(""), BERTH_WHY_GROUP_ID_INVALID,
      "enrollmentGroupId has a character that is not allowed" },
    { "a device ID with a blank", false, "dev-1", ONE(",\"deviceId\":\"a b\""),
      BERTH_WHY_DEVICE_ID_INVALID, "deviceId breaks the rules of device IDs" },
    { "an empty device ID", false, "dev-1", ONE(",\"deviceId\":\"\""), BERTH_WHY_DEVICE_ID_INVALID,
      "deviceId breaks the rules of device IDs" },
    { "a device ID that is a number", false, "dev-1", ONE(",\"deviceId\":7"),
      BERTH_WHY_DEVICE_ID_INVALID, "deviceId breaks the rules of device IDs" },
    { "no attestation", false, "dev-1", "{" ONE_ID "}", INVALID, "attestation is missing" },
    { "attestation null", false, "dev-1", "{" ONE_ID ",\"attestation\":null}", INVALID,
      "attestation is missing" },
    { "attestation a word", false, "dev-1", "{" ONE_ID ",\"attestation\":\"symmetricKey\"}",
      INVALID, "attestation is missing" },
    { "no type", false, "dev-1", "{" ONE_ID ",\"attestation\":{}}", INVALID,
      "attestation.type must be symmetricKey: this version of berth serves no other attestation" },
    { "X.509", false, "dev-1", "{" ONE_ID ",\"attestation\":{\"type\":\"x509\",\"x509\":{}}}",
      INVALID,
      "attestation.type must be symmetricKey: this version of berth serves no other attestation" },
    { "keys that are no object", false, "dev-1",
      "{" ONE_ID ",\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":[]}}", INVALID,
      "attestation.symmetricKey must be an object" },
    { "key of 15 bytes", false, "dev-1", KEYS("\"primaryKey\":\"" KEY15 "\""), INVALID,
      "primaryKey must be base64 of 16 to 64 bytes" },
    { "key of 65 bytes", false, "dev-1", KEYS("\"secondaryKey\":\"" KEY65 "\""), INVALID,
      "secondaryKey must be base64 of 16 to 64 bytes" },
    { "key that is not base64", false, "dev-1", KEYS("\"primaryKey\":\"not base64\""), INVALID,
      "primaryKey must be base64 of 16 to 64 bytes" },
    { "key that is a number", false, "dev-1", KEYS("\"secondaryKey\":0"), INVALID,
      "secondaryKey must be base64 of 16 to 64 bytes" },
    { "status in capitals", false, "dev-1", ONE(",\"provisioningStatus\":\"Enabled\""), INVALID,
      "provisioningStatus must be enabled or disabled" },
    { "reprovision policy that is a word", false, "dev-1", ONE(",\"reprovisionPolicy\":\"never\""),
      INVALID,
      "reprovisionPolicy must be an object of two booleans, updateHubAssignment and "
      "migrateDeviceData" },
    { "reprovision policy of words", false, "dev-1",
      ONE(",\"reprovisionPolicy\":{\"updateHubAssignment\":\"true\"}"), INVALID,
      "reprovisionPolicy must be an object of two booleans, updateHubAssignment and "
      "migrateDeviceData" },
    { "reprovision policy of numbers", false, "dev-1",
      ONE(",\"reprovisionPolicy\":{\"migrateDeviceData\":0}"), INVALID,
      "reprovisionPolicy must be an object of two booleans, updateHubAssignment and "
      "migrateDeviceData" },
    { "unknown allocation", false, "dev-1", ONE(",\"allocationPolicy\":\"roundRobin\""), INVALID,
      "allocationPolicy must be hashed, geoLatency, static or custom" },
    { "allocation that is a number", false, "dev-1", ONE(",\"allocationPolicy\":1"), INVALID,
      "allocationPolicy must be hashed, geoLatency, static or custom" },
    { "custom without definition", false, "dev-1", ONE(",\"allocationPolicy\":\"custom\""), INVALID,
      "A CustomAllocationDefinition is required when the allocation policy is set to 'Custom'." },
    { "custom without URL", false, "dev-1", CUSTOM("\"apiVersion\":\"2019-03-31\""), INVALID,
      "customAllocationDefinition.webhookUrl is missing or too long" },
    { "custom without version", false, "dev-1", CUSTOM("\"webhookUrl\":\"https://h\""), INVALID,
      "customAllocationDefinition.apiVersion is missing or too long" },
    { "custom that is a word", false, "dev-1", ONE(",\"customAllocationDefinition\":\"x\""),
      INVALID, "customAllocationDefinition.webhookUrl is missing or too long" },
    { "hubs that are no array", false, "dev-1", ONE(",\"iotHubs\":\"h\""), INVALID,
      "iotHubs must be an array of host names" },
    { "an empty hub", false, "dev-1", ONE(",\"iotHubs\":[\"h\",\"\"]"), INVALID,
      "iotHubs must be an array of host names" },
    { "a hub that is null", false, "dev-1", ONE(",\"iotHubs\":[null]"), INVALID,
      "iotHubs must be an array of host names" },
    { "an empty old host name", false, "dev-1", ONE(",\"iotHubHostName\":\"\""), INVALID,
      "iotHubHostName must be a host name" },
    { "a twin that is no object", false, "dev-1", ONE(",\"initialTwin\":[]"), INVALID,
      "initialTwin must be an object" },
    { "information that is no object", false, "dev-1", ONE(",\"optionalDeviceInformation\":1"),
      INVALID, "optionalDeviceInformation must be an object" },
    { "capabilities that are no object", false, "dev-1", ONE(",\"capabilities\":true"), INVALID,
      "capabilities must be an object" },
    { "edge that is a word", false, "dev-1", ONE(",\"capabilities\":{\"iotEdge\":\"true\"}"),
      INVALID, "capabilities.iotEdge must be true or false" },
    { "a twin that no device could hold", false, "dev-1",
      ONE(",\"initialTwin\":{\"tags\":{\"a\":4503599627370496}}"), INVALID, NULL },
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct parsed p;
        parse_n(&p, refused[i].is_group, refused[i].id, refused[i].in, strlen(refused[i].in));
        CHECK(refused[i].name, p.err == BERTH_E_SYNTAX || p.err == BERTH_E_RANGE);
        CHECK(refused[i].name, p.why.reason == refused[i].reason);
        if (refused[i].message != NULL && !is(p.why.message, refused[i].message))
            fail_msg("%s: %.*s", refused[i].name, BERTH_STR_ARG(p.why.message));
        CHECK(refused[i].name, p.why.message.n > 0);
        end(&p);
    }
}

/* ---- bounds, on both sides ---- */

/* HEAD, then N times C, then TAIL. */
static char *padded(const char *head, char c, size_t n, const char *tail)
{
    size_t h = strlen(head), t = strlen(tail);
    char *text = malloc(h + n + t + 1);

    assert_non_null(text);
    memcpy(text, head, h);
    memset(text + h, c, n);
    memcpy(text + h + n, tail, t + 1);
    return text;
}

static void test_text_bounds(void **state)
{
    static const struct {
        const char *name, *head, *tail;
        size_t max;
    } cases[] = {
        { "device ID", "{" ONE_ID "," SYMMETRIC ",\"deviceId\":\"", "\"}", BERTH_ID_MAX },
        { "hub", "{" ONE_ID "," SYMMETRIC ",\"iotHubs\":[\"", "\"]}", BERTH_HOST_NAME_MAX },
        { "old host name", "{" ONE_ID "," SYMMETRIC ",\"iotHubHostName\":\"", "\"}",
          BERTH_HOST_NAME_MAX },
        { "webhook's URL",
          "{" ONE_ID "," SYMMETRIC ",\"customAllocationDefinition\":{\"apiVersion\":\"1\","
          "\"webhookUrl\":\"",
          "\"}}", 2048 },
        { "webhook's version",
          "{" ONE_ID "," SYMMETRIC ",\"customAllocationDefinition\":{\"webhookUrl\":\"h\","
          "\"apiVersion\":\"",
          "\"}}", 64 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t over = 0; over < 2; over++) {
            char *json = padded(cases[i].head, 'a', cases[i].max + over, cases[i].tail);
            struct parsed p;
            parse(&p, false, json);
            CHECK(cases[i].name, (p.err == BERTH_OK) == (over == 0));
            end(&p);
            free(json);
        }
    }
}

static void test_id_bounds(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        char *id = padded("", 'a', BERTH_ID_MAX + over, "");
        char *json =
            padded("{" SYMMETRIC ",\"registrationId\":\"", 'a', BERTH_ID_MAX + over, "\"}");
        struct parsed p;
        parse_n(&p, false, id, json, strlen(json));
        CHECK("128 characters", (p.err == BERTH_OK) == (over == 0));
        CHECK("129 characters", over == 0 || p.why.reason == BAD_ID);
        end(&p);
        free(json);
        free(id);
    }
}

static void test_hub_count_bound(void **state)
{
    (void)state;
    for (size_t count = BERTH_ENROLLMENT_HUBS_MAX; count <= BERTH_ENROLLMENT_HUBS_MAX + 1;
         count++) {
        char json[2048];
        struct berth_buf b;
        struct parsed p;
        berth_buf_init(&b, json, sizeof json);
        berth_buf_put(&b, BERTH_STR("{" ONE_ID "," SYMMETRIC ",\"iotHubs\":["));
        for (size_t i = 0; i < count; i++)
            berth_buf_put(&b, i == 0 ? BERTH_STR("\"h\"") : BERTH_STR(",\"h\""));
        berth_buf_put(&b, BERTH_STR("]}"));
        parse_n(&p, false, "dev-1", b.p, b.n);
        if (count == BERTH_ENROLLMENT_HUBS_MAX) {
            assert_int_equal(p.err, BERTH_OK);
            assert_int_equal(p.e.hub_count, BERTH_ENROLLMENT_HUBS_MAX);
        } else {
            assert_int_equal(p.err, BERTH_E_SYNTAX);
            assert_true(is(p.why.message, "iotHubs has more than 50 host names"));
        }
        end(&p);
    }
}

static void test_body_bound(void **state)
{
    size_t more = BERTH_ENROLLMENT_BODY_MAX - strlen(ONE(""));

    (void)state;
    for (size_t over = 0; over < 2; over++) {
        char *json = padded(ONE(""), ' ', more + over, "");
        struct parsed p;
        parse(&p, false, json);
        CHECK("104 KiB", (p.err == BERTH_OK) == (over == 0));
        CHECK("a byte more", over == 0 || p.why.reason == BERTH_WHY_BODY_TOO_LARGE);
        end(&p);
        free(json);
    }
}

#define INFORMATION ",\"optionalDeviceInformation\":{\"a\":\""

/* Bytes that an enrollment with N of information keeps. */
static size_t kept_with(size_t n, struct parsed *p)
{
    char *json = padded("{" ONE_ID "," SYMMETRIC INFORMATION, 'x', n, "\"}}");
    struct berth_record rec;

    parse(p, false, json);
    free(json);
    if (p->err != BERTH_OK)
        return 0;
    assert_int_equal(berth_enrollment_encode(&p->e, &p->arena, &rec), BERTH_OK);
    return rec.body.n;
}

/* What is kept is bound apart from what a document adds. */
static void test_bound_of_what_is_kept(void **state)
{
    struct parsed p;
    size_t fits;

    (void)state;
    fits = BERTH_ENROLLMENT_MAX - kept_with(1, &p) + 1;
    end(&p);
    assert_int_equal(kept_with(fits, &p), BERTH_ENROLLMENT_MAX);
    end(&p);
    assert_int_equal(kept_with(fits + 1, &p), 0);
    assert_int_equal(p.why.reason, BERTH_WHY_BODY_TOO_LARGE);
    end(&p);
}

/* A document with HEAD, COUNT names in objects one in another, and TAIL. */
static void put_names(struct berth_buf *b, const char *head, size_t depth, size_t count)
{
    char name[24];

    berth_buf_put(b, berth_str_of(head));
    for (size_t level = 0; level < depth; level++) {
        for (size_t i = 0; i < count; i++) {
            (void)snprintf(name, sizeof name, "\"%zu\":", i);
            berth_buf_put(b, berth_str_of(name));
            if (i + 1 < count)
                berth_buf_put(b, BERTH_STR("0,"));
        }
        berth_buf_put_char(b, '{');
    }
    for (size_t level = 0; level <= depth; level++)
        berth_buf_put_char(b, '}');
}

/* Whether an enrollment with that is taken; if so it is read again, as its record and in a list. */
static bool is_taken(const char *member, size_t depth, size_t count)
{
    static char json[65536], list[65536];
    struct berth_enrollment again;
    struct berth_record rec;
    struct berth_json doc;
    struct berth_buf b;
    struct parsed p;
    bool taken;

    berth_buf_init(&b, json, sizeof json);
    berth_buf_put(&b, BERTH_STR("{\""));
    berth_buf_put(&b, berth_str_of(member));
    put_names(&b, "\":{", depth, count);
    berth_buf_put(&b, BERTH_STR("," ONE_ID "," SYMMETRIC "}"));
    assert_false(b.over);
    parse_n(&p, false, "dev-1", b.p, b.n);
    taken = p.err == BERTH_OK;
    if (taken) {
        assert_int_equal(berth_enrollment_encode(&p.e, &p.arena, &rec), BERTH_OK);
        assert_int_equal(berth_enrollment_decode(&rec, &p.arena, &again), BERTH_OK);
        berth_buf_init(&b, list, sizeof list);
        berth_buf_put_char(&b, '[');
        berth_enrollment_put(&b, &p.e, true, (berth_str){ 0 });
        berth_buf_put_char(&b, ']');
        assert_int_equal(berth_json_check(berth_buf_str(&b), &doc, NULL), BERTH_OK);
    } else {
        assert_true(is(p.why.message, "the JSON nests too deep or has too many names"));
    }
    end(&p);
    return taken;
}

static void test_what_is_taken_can_be_read(void **state)
{
    static const char *const members[] = { "initialTwin", "optionalDeviceInformation", "later" };

    (void)state;
    for (size_t m = 0; m < ARRAY_LEN(members); m++) {
        bool is_kept = m < 2; /* an unknown member is read and left out */

        for (size_t depth = 25; depth <= BERTH_JSON_DEPTH_MAX; depth++)
            CHECK(members[m], is_taken(members[m], depth, 1) ==
                                  (depth < BERTH_JSON_DEPTH_MAX - 1 - (is_kept ? 1 : 0)));
        for (size_t count = 750; count <= 770; count++)
            (void)is_taken(members[m], 2, count);
        CHECK("few enough", is_taken(members[m], 2, 750));
        CHECK("too many", !is_taken(members[m], 2, 770));
    }
}

/* ---- damage ---- */

#define FULL                                                                                       \
    "{\"registrationId\":\"\\u0044ev-1\",\"deviceId\":\"\\u0050ump#7\","                           \
    "\"optionalDeviceInformation\":{\"a\":1.10},\"attestation\":{\"type\":\"symmetricKey\","       \
    "\"symmetricKey\":{\"primaryKey\":\"\\u004dDEyMzQ1Njc4OWFiY2RlZg==\",\"secondaryKey\":\""      \
    "\\u004dDEyMzQ1Njc4OWFiY2RlZg==\"}},\"capabilities\":{\"iotEdge\":true},"                      \
    "\"iotHubHostName\":\"\\u0068.example\"," TWIN ",\"provisioningStatus\":\"disabled\","         \
    "\"reprovisionPolicy\":{\"updateHubAssignment\":false,\"migrateDeviceData\":false},"           \
    "\"allocationPolicy\":\"\\u0063ustom\",\"iotHubs\":[\"\\u0061.example\",\"\\u0062.example\"]," \
    "\"customAllocationDefinition\":{\"webhookUrl\":\"https:\\/\\/"                                \
    "h\",\"apiVersion\":\"\\u0031\"}}"

static void test_every_prefix(void **state)
{
    struct parsed p;

    (void)state;
    for (size_t n = 0; n < strlen(FULL); n++) {
        parse_n(&p, false, "dev-1", FULL, n);
        CHECK("a prefix", p.err == BERTH_E_SYNTAX && p.why.reason == INVALID);
        end(&p);
    }
    parse(&p, false, FULL);
    assert_int_equal(p.err, BERTH_OK);
    end(&p);
}

/* The peer has done nothing wrong when our arena is too small: no reason is given. */
static void test_small_arenas(void **state)
{
    berth_str json = BERTH_STR(FULL);
    size_t size = 0;
    berth_err e;

    (void)state;
    do {
        unsigned char *p = malloc(size == 0 ? 1 : size);
        struct berth_enrollment parsed;
        struct berth_refusal why;
        struct berth_arena a;
        assert_non_null(p);
        berth_arena_init(&a, p, size++);
        e = berth_enrollment_parse(false, BERTH_STR("dev-1"), json, &a, &parsed, &why);
        CHECK("full or fine", e == BERTH_OK || e == BERTH_E_FULL);
        CHECK("no reason", why.reason == BERTH_WHY_NONE);
        free(p);
    } while (e != BERTH_OK);
    assert_true(size > 64); /* it did need memory */
}

/* ---- at rest ---- */

static struct berth_key key_of(char c, uint8_t n)
{
    struct berth_key k = { .n = n };

    memset(k.bytes, c, n);
    return k;
}

static struct berth_enrollment every_field(void)
{
    struct berth_enrollment e = {
        .id = BERTH_STR("Dev-1"),
        .device_id = BERTH_STR("Pump#7"),
        .attestation = BERTH_ATTEST_SYMMETRIC_KEY,
        .keys = { key_of('p', 16), key_of('s', 64) },
        .allocation = BERTH_ALLOCATE_CUSTOM,
        .legacy_hub = BERTH_STR("old.example"),
        .webhook_url = BERTH_STR("https://h/\"x\""),
        .webhook_version = BERTH_STR("2019-03-31"),
        .initial_twin = BERTH_STR("{\"tags\":{\"n\":1.10}}"),
        .device_information = BERTH_STR("{\"a\": 1}"),
        .iot_edge = true,
        .assigning_first = true,
    };

    for (; e.hub_count < BERTH_ENROLLMENT_HUBS_MAX; e.hub_count++)
        e.hubs[e.hub_count] = e.hub_count % 2 == 0 ? BERTH_STR("a.example") : BERTH_STR("b");
    return e;
}

static void check_same(const struct berth_enrollment *a, const struct berth_enrollment *b)
{
    assert_int_equal(a->is_group, b->is_group);
    assert_true(berth_str_eq(a->id, b->id));
    assert_true(berth_str_eq(a->device_id, b->device_id));
    assert_int_equal(a->enabled, b->enabled);
    assert_int_equal(a->attestation, b->attestation);
    assert_memory_equal(&a->keys, &b->keys, sizeof a->keys);
    assert_int_equal(a->reprovision_update_hub, b->reprovision_update_hub);
    assert_int_equal(a->reprovision_migrate_data, b->reprovision_migrate_data);
    assert_int_equal(a->allocation, b->allocation);
    assert_int_equal(a->hub_count, b->hub_count);
    for (size_t i = 0; i < a->hub_count; i++)
        assert_true(berth_str_eq(a->hubs[i], b->hubs[i]));
    assert_true(berth_str_eq(a->legacy_hub, b->legacy_hub));
    assert_true(berth_str_eq(a->webhook_url, b->webhook_url));
    assert_true(berth_str_eq(a->webhook_version, b->webhook_version));
    assert_true(berth_str_eq(a->initial_twin, b->initial_twin));
    assert_true(berth_str_eq(a->device_information, b->device_information));
    assert_int_equal(a->iot_edge, b->iot_edge);
    assert_int_equal(a->assigning_first, b->assigning_first);
}

static void check_round_trip(const struct berth_enrollment *e)
{
    static unsigned char more[MEMORY_SIZE];
    struct berth_enrollment back;
    struct berth_arena a, b;
    struct berth_record rec;

    berth_arena_init(&a, memory, sizeof memory);
    berth_arena_init(&b, more, sizeof more);
    assert_int_equal(berth_enrollment_encode(e, &a, &rec), BERTH_OK);
    assert_int_equal(rec.kind, e->is_group ? BERTH_KIND_GROUP : BERTH_KIND_ENROLLMENT);
    assert_true(berth_str_ieq(rec.key, e->id));
    assert_true(berth_str_eq(rec.name, e->id));
    assert_int_equal(rec.tag, e->enabled);
    assert_null(memmem(rec.body.p, rec.body.n, "primaryKey", 10)); /* secrets lie apart */
    rec.version = 1234;
    rec.created_ms = CREATED_MS;
    rec.updated_ms = UPDATED_MS;
    assert_int_equal(berth_enrollment_decode(&rec, &b, &back), BERTH_OK);
    check_same(e, &back);
    assert_int_equal(back.version, 1234);
    assert_int_equal(back.created_ms, CREATED_MS);
    assert_int_equal(back.updated_ms, UPDATED_MS);
}

static void test_round_trip(void **state)
{
    struct berth_enrollment e = every_field();

    (void)state;
    check_round_trip(&e);
    e.enabled = e.reprovision_update_hub = e.reprovision_migrate_data = true;
    e.iot_edge = e.assigning_first = false;
    check_round_trip(&e);
    for (int policy = BERTH_ALLOCATE_DEFAULT; policy <= BERTH_ALLOCATE_CUSTOM; policy++) {
        e.allocation = (enum berth_allocation)policy;
        check_round_trip(&e);
    }
    check_round_trip(&(struct berth_enrollment){
        .is_group = true, .id = BERTH_STR("G"), .attestation = BERTH_ATTEST_SYMMETRIC_KEY });
}

static void test_bad_id_in_small_arenas(void **state)
{
    struct berth_refusal why = { 0 };
    struct berth_enrollment e;
    struct berth_arena a;
    size_t size = 0;
    berth_err got;

    (void)state;
    do {
        berth_arena_init(&a, memory, size++);
        got = berth_enrollment_parse(false, BERTH_STR("dev 1"), BERTH_STR(ONE("")), &a, &e, &why);
        assert_true(got == BERTH_E_SYNTAX || why.reason == BERTH_WHY_NONE);
    } while (got != BERTH_E_SYNTAX && size < sizeof memory);
    assert_int_equal(got, BERTH_E_SYNTAX);
    assert_true(size > 1);
    assert_int_equal(why.reason, BAD_ID);
}

static void test_record_in_small_arenas(void **state)
{
    struct berth_enrollment e = every_field(), back;
    struct berth_arena a;
    struct berth_record rec;
    berth_err err;
    size_t size = 0;

    (void)state;
    do {
        berth_arena_init(&a, memory, size++);
        err = berth_enrollment_encode(&e, &a, &rec);
        CHECK("full or fine", err == BERTH_OK || err == BERTH_E_FULL);
    } while (err != BERTH_OK);
    assert_true(size > 512);
    size = 0;
    do {
        static unsigned char more[1024];
        berth_arena_init(&a, more, size++);
        err = berth_enrollment_decode(&rec, &a, &back);
        CHECK("full or fine", err == BERTH_OK || err == BERTH_E_FULL);
    } while (err != BERTH_OK);
    assert_true(size > 1); /* the URL's quotes are unescaped somewhere */
}

static void test_damaged_records(void **state)
{
    static const struct {
        const char *name, *body, *secret;
    } cases[] = {
        { "not JSON", "{", "" },
        { "another ID", "{\"registrationId\":\"dev-2\"," SYMMETRIC "}", "" },
        { "no attestation", "{" ONE_ID "}", "" },
        { "a secret that is no key pair", ONE(""), "\x10zz" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct berth_record rec = { .kind = BERTH_KIND_ENROLLMENT,
                                    .key = BERTH_STR("dev-1"),
                                    .name = BERTH_STR("Dev-1"),
                                    .body = berth_str_of(cases[i].body),
                                    .secret = berth_str_of(cases[i].secret) };
        struct berth_enrollment e;
        struct berth_arena a;
        berth_arena_init(&a, memory, sizeof memory);
        CHECK(cases[i].name, berth_enrollment_decode(&rec, &a, &e) == BERTH_E_SYNTAX);
    }
}

/* ---- etags ---- */

static void test_etags(void **state)
{
    const uint64_t none = BERTH_PRESENT - 1;
    const struct {
        const char *name, *text;
        uint64_t want;
    } cases[] = {
        { "absent", NULL, BERTH_ANY },
        { "bare", "00000000000004d2", 1234 },
        { "quoted", "\"00000000000004d2\"", 1234 },
        { "quoted twice", "\"\"00000000000004d2\"\"", 1234 },
        { "weak", "W/\"00000000000004d2\"", 1234 },
        { "with blanks", " \"00000000000004d2\" ", 1234 },
        { "a star", "*", BERTH_PRESENT },
        { "a quoted star", "\"*\"", BERTH_PRESENT },
        { "empty", "", none },
        { "one quote", "\"", none },
        { "quoted on one side", "\"00000000000004d2", none },
        { "two quotes", "\"\"", none },
        { "another service's", "13003fea-0000-0300-0000-62d1d5e50000", none },
        { "upper case", "00000000000004D2", none },
        { "one digit short", "0000000000004d2", none },
        { "one digit long", "000000000000004d2", none },
        { "zero is no version", "0000000000000000", none },
        { "the mark of any", "ffffffffffffffff", none },
        { "the mark of presence", "fffffffffffffffe", none },
        { "the mark of none", "fffffffffffffffd", none },
        { "the largest version", "fffffffffffffffc", none - 1 },
    };
    char text[32];
    struct berth_buf b;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(cases[i].name, berth_etag_parse(berth_str_of(cases[i].text)) == cases[i].want);
    berth_buf_init(&b, text, sizeof text);
    berth_etag_put(&b, UINT64_C(0x0123456789abcdef));
    assert_true(is(berth_buf_str(&b), "\"0123456789abcdef\""));
    assert_int_equal(berth_etag_parse(berth_buf_str(&b)), UINT64_C(0x0123456789abcdef));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_answers_with_keys_and_state),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_text_bounds),
        cmocka_unit_test(test_id_bounds),
        cmocka_unit_test(test_hub_count_bound),
        cmocka_unit_test(test_body_bound),
        cmocka_unit_test(test_bound_of_what_is_kept),
        cmocka_unit_test(test_what_is_taken_can_be_read),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_small_arenas),
        cmocka_unit_test(test_bad_id_in_small_arenas),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_record_in_small_arenas),
        cmocka_unit_test(test_damaged_records),
        cmocka_unit_test(test_etags),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
