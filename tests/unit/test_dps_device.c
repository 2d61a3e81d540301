#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "prov/dps_device.h"

#define OP "4.0000000000000000.11111111-2222-3333-4444-555555555555"

static bool is(berth_str s, const char *text)
{
    return (text == NULL) == (s.p == NULL) && berth_str_eq(s, berth_str_of(text));
}

static struct berth_arena arena(void)
{
    static max_align_t memory[4096];
    struct berth_arena a;

    berth_arena_init(&a, memory, sizeof memory);
    return a;
}

/* ---- MQTT user names ---- */

static const struct {
    const char *name, *in;
    berth_err want;
    const char *scope, *id, *version, *client;
} users[] = {
    { "C", "0ne00000001/registrations/dev1/api-version=2021-06-01&ClientVersion=1.15.0", BERTH_OK,
      "0ne00000001", "dev1", "2021-06-01", "1.15.0" },
    { "Embedded C", "0ne00000001/registrations/dev1/api-version=2019-03-31", BERTH_OK,
      "0ne00000001", "dev1", "2019-03-31", NULL },
    { "Node",
      "0ne00000001/registrations/dev1/"
      "api-version=2019-03-31&ClientVersion=azure-iot-provisioning-device%2F1.9.1",
      BERTH_OK, "0ne00000001", "dev1", "2019-03-31", "azure-iot-provisioning-device%2F1.9.1" },
    { "C#, lower-case hex", "0neX/registrations/Dev-1/api-version=2019-03-31&ClientVersion=a%2fb",
      BERTH_OK, "0neX", "Dev-1", "2019-03-31", "a%2fb" },
    { "version unknown", "s/registrations/d/api-version=2099-12-31-preview", BERTH_OK, "s", "d",
      "2099-12-31-preview", NULL },
    { "version missing", "s/registrations/d/", BERTH_OK, "s", "d", NULL, NULL },
    { "nothing behind the ID", "s/registrations/d", BERTH_OK, "s", "d", NULL, NULL },
    { "unknown keys", "s/registrations/d/x=1&api-version=v&y", BERTH_OK, "s", "d", "v", NULL },
    { "word in another case", "s/Registrations/d/api-version=v", BERTH_OK, "s", "d", "v", NULL },
    { "ID with the other characters", "s/registrations/a:b_c.d-/api-version=v", BERTH_OK, "s",
      "a:b_c.d-", "v", NULL },
    { "empty", "", BERTH_E_SYNTAX, NULL, NULL, NULL, NULL },
    { "no scope", "/registrations/d/api-version=v", BERTH_E_SYNTAX, NULL, NULL, NULL, NULL },
    { "no ID", "s/registrations//api-version=v", BERTH_E_SYNTAX, NULL, NULL, NULL, NULL },
    { "scope alone", "s", BERTH_E_SYNTAX, NULL, NULL, NULL, NULL },
    { "a hub's user name", "hub.example/dev1/?api-version=2021-04-12", BERTH_E_SYNTAX, NULL, NULL,
      NULL, NULL },
    { "slash too many", "s/registrations/d/e/api-version=v", BERTH_E_SYNTAX, NULL, NULL, NULL,
      NULL },
};

static void test_user(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        struct berth_dps_user got;
        const char *name = users[i].name;

        CHECK(name, berth_dps_user_parse(berth_str_of(users[i].in), &got) == users[i].want);
        CHECK(name, is(got.id_scope, users[i].scope) && is(got.registration_id, users[i].id));
        CHECK(name, is(got.api_version, users[i].version));
        CHECK(name, is(got.client_version, users[i].client));
    }
}

static void test_user_put(void **state)
{
    char storage[128];
    struct berth_buf b;

    (void)state;
    berth_buf_init(&b, storage, sizeof storage);
    berth_dps_user_put(&b, BERTH_STR("0neX"), BERTH_STR("dev1"), BERTH_STR("lib/1 2"));
    CHECK("with version",
          is(berth_buf_str(&b),
             "0neX/registrations/dev1/api-version=2021-06-01&ClientVersion=lib%2F1%202"));
    berth_buf_reset(&b);
    berth_dps_user_put(&b, BERTH_STR("s"), BERTH_STR("d"), (berth_str){ 0 });
    CHECK("without version", is(berth_buf_str(&b), "s/registrations/d/api-version=2021-06-01"));
}

/* ---- topics ---- */

#define PUT "$dps/registrations/PUT/iotdps-register/"
#define GET "$dps/registrations/GET/iotdps-get-operationstatus/"

static const struct {
    const char *name, *in;
    berth_err want;
    bool is_poll;
    const char *rid, *operation;
} topics[] = {
    { "register", PUT "?$rid=1", BERTH_OK, false, "1", NULL },
    { "register with UUID", PUT "?$rid=1c70bff1-98f4-4724-a75f-f85b4eab79ef", BERTH_OK, false,
      "1c70bff1-98f4-4724-a75f-f85b4eab79ef", NULL },
    { "poll", GET "?$rid=2&operationId=" OP, BERTH_OK, true, "2", OP },
    { "poll, other order", GET "?operationId=x&$rid=2", BERTH_OK, true, "2", "x" },
    { "rid kept byte for byte", PUT "?$rid=%41+b/=", BERTH_OK, false, "%41+b/=", NULL },
    { "rid missing", PUT "?x=1", BERTH_OK, false, NULL, NULL },
    { "rid empty", PUT "?$rid=", BERTH_OK, false, "", NULL },
    { "no query", PUT, BERTH_OK, false, NULL, NULL },
    { "poll without operation", GET "?$rid=2", BERTH_OK, true, "2", NULL },
    { "query without '?'", PUT "$rid=1", BERTH_E_SYNTAX, false, NULL, NULL },
    { "other verb", "$dps/registrations/POST/iotdps-register/?$rid=1", BERTH_E_SYNTAX, false, NULL,
      NULL },
    { "answer topic", "$dps/registrations/res/200/?$rid=1", BERTH_E_SYNTAX, false, NULL, NULL },
    { "hub topic", "devices/dev1/messages/events/", BERTH_E_SYNTAX, false, NULL, NULL },
    { "empty", "", BERTH_E_SYNTAX, false, NULL, NULL },
};

static void test_topic(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        struct berth_dps_topic got;
        const char *name = topics[i].name;

        CHECK(name, berth_dps_topic_parse(berth_str_of(topics[i].in), &got) == topics[i].want);
        CHECK(name, got.is_poll == topics[i].is_poll);
        CHECK(name, is(got.rid, topics[i].rid) && is(got.operation_id, topics[i].operation));
    }
}

static void test_rid_bound(void **state)
{
    char storage[512];
    struct berth_dps_topic got;
    struct berth_buf b;

    (void)state;
    for (size_t n = BERTH_DPS_RID_MAX; n <= BERTH_DPS_RID_MAX + 1; n++) {
        berth_buf_init(&b, storage, sizeof storage);
        berth_buf_put(&b, BERTH_STR(PUT "?$rid="));
        for (size_t i = 0; i < n; i++)
            berth_buf_put_char(&b, 'r');
        CHECK("rid", berth_dps_topic_parse(berth_buf_str(&b), &got) ==
                         (n == BERTH_DPS_RID_MAX ? BERTH_OK : BERTH_E_RANGE));
    }
}

static void test_topic_put(void **state)
{
    char storage[256];
    struct berth_buf b;

    (void)state;
    berth_buf_init(&b, storage, sizeof storage);
    berth_dps_topic_register_put(&b, BERTH_STR("7"));
    CHECK("register", is(berth_buf_str(&b), PUT "?$rid=7"));
    berth_buf_reset(&b);
    berth_dps_topic_poll_put(&b, BERTH_STR("8"), BERTH_STR(OP));
    CHECK("poll", is(berth_buf_str(&b), GET "?$rid=8&operationId=" OP));
}

static const struct {
    const char *name, *in;
    berth_err want;
    int status;
    const char *rid;
    int retry_after_s;
} answer_topics[] = {
    { "assigning", "$dps/registrations/res/202/?$rid=1&retry-after=3", BERTH_OK, 202, "1", 3 },
    { "assigned", "$dps/registrations/res/200/?$rid=ab-c", BERTH_OK, 200, "ab-c", 0 },
    { "other order", "$dps/registrations/res/429/?retry-after=5&$rid=1", BERTH_OK, 429, "1", 5 },
    { "retry-after is a date", "$dps/registrations/res/202/?$rid=1&retry-after=Mon", BERTH_OK, 202,
      "1", 0 },
    { "retry-after has a fraction", "$dps/registrations/res/202/?$rid=1&retry-after=1.5", BERTH_OK,
      202, "1", 0 },
    { "retry-after too big for an int", "$dps/registrations/res/202/?$rid=1&retry-after=2147483648",
      BERTH_OK, 202, "1", 0 },
    { "rid missing", "$dps/registrations/res/200/?", BERTH_OK, 200, NULL, 0 },
    { "lowest status", "$dps/registrations/res/100/?$rid=1", BERTH_OK, 100, "1", 0 },
    { "status too low", "$dps/registrations/res/99/?$rid=1", BERTH_E_RANGE, 0, NULL, 0 },
    { "highest status", "$dps/registrations/res/599/?$rid=1", BERTH_OK, 599, "1", 0 },
    { "status too high", "$dps/registrations/res/600/?$rid=1", BERTH_E_RANGE, 0, NULL, 0 },
    { "status is no number", "$dps/registrations/res/2x0/?$rid=1", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "no status", "$dps/registrations/res//?$rid=1", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "no query", "$dps/registrations/res/200/", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "other topic", "$dps/registrations/PUT/200/?$rid=1", BERTH_E_SYNTAX, 0, NULL, 0 },
};

static void test_answer_topic(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answer_topics); i++) {
        struct berth_dps_answer_topic got;
        berth_err e = berth_dps_answer_topic_parse(berth_str_of(answer_topics[i].in), &got);

        CHECK(answer_topics[i].name, e == answer_topics[i].want);
        CHECK(answer_topics[i].name, got.status == answer_topics[i].status);
        CHECK(answer_topics[i].name, is(got.rid, answer_topics[i].rid));
        CHECK(answer_topics[i].name, got.retry_after_s == answer_topics[i].retry_after_s);
    }
}

/* $rid first, then only key=value: what the strictest client can take apart. */
static void test_answer_topic_put(void **state)
{
    char storage[128];
    struct berth_buf b;

    (void)state;
    berth_buf_init(&b, storage, sizeof storage);
    berth_dps_answer_topic_put(&b, 202, BERTH_STR("x"), 3);
    CHECK("with wait", is(berth_buf_str(&b), "$dps/registrations/res/202/?$rid=x&retry-after=3"));
    berth_buf_reset(&b);
    berth_dps_answer_topic_put(&b, 200, BERTH_STR("x"), 0);
    CHECK("without wait", is(berth_buf_str(&b), "$dps/registrations/res/200/?$rid=x"));
}

/* ---- HTTP paths ---- */

enum { REGISTER = 1, POLL, LOOKUP };

static const struct {
    const char *name, *in;
    berth_err want;
    int verb;
    const char *scope, *id, *operation;
} paths[] = {
    { "register", "/0ne00000001/registrations/dev1/register", BERTH_OK, REGISTER, "0ne00000001",
      "dev1", NULL },
    { "poll", "/0ne00000001/registrations/dev1/operations/" OP, BERTH_OK, POLL, "0ne00000001",
      "dev1", OP },
    { "lookup", "/0ne/registrations/dev1", BERTH_OK, LOOKUP, "0ne", "dev1", NULL },
    { "words in another case", "/S/Registrations/D/REGISTER", BERTH_OK, REGISTER, "S", "D", NULL },
    { "escapes", "/s/registrations/sn%3a1%2Da/register", BERTH_OK, REGISTER, "s", "sn:1-a", NULL },
    { "escaped word", "/s/r%65gistrations/d/oper%61tions/%6F", BERTH_OK, POLL, "s", "d", "o" },
    { "escaped slash stays inside", "/s/registrations/a%2Fb/register", BERTH_OK, REGISTER, "s",
      "a/b", NULL },
    { "'+' is no blank", "/s/registrations/a+b/register", BERTH_OK, REGISTER, "s", "a+b", NULL },
    { "broken escape in scope", "/s%/registrations/d/register", BERTH_E_SYNTAX, 0, NULL, NULL,
      NULL },
    { "broken escape in ID", "/s/registrations/d%4/register", BERTH_E_SYNTAX, 0, NULL, NULL, NULL },
    { "broken escape in operation", "/s/registrations/d/operations/%zz", BERTH_E_SYNTAX, 0, NULL,
      NULL, NULL },
    { "NUL in ID", "/s/registrations/d%00/register", BERTH_E_SYNTAX, 0, NULL, NULL, NULL },
    { "root", "/", BERTH_E_NOT_FOUND, 0, NULL, NULL, NULL },
    { "empty", "", BERTH_E_NOT_FOUND, 0, NULL, NULL, NULL },
    { "no scope", "//registrations/d/register", BERTH_E_NOT_FOUND, 0, NULL, NULL, NULL },
    { "no ID", "/s/registrations//register", BERTH_E_NOT_FOUND, 0, NULL, NULL, NULL },
    { "ends at the word", "/s/registrations/", BERTH_E_NOT_FOUND, 0, NULL, NULL, NULL },
    { "other verb", "/s/registrations/d/delete", BERTH_E_NOT_FOUND, 0, NULL, NULL, NULL },
    { "slash behind", "/s/registrations/d/register/", BERTH_E_NOT_FOUND, 0, NULL, NULL, NULL },
    { "no operation", "/s/registrations/d/operations/", BERTH_E_NOT_FOUND, 0, NULL, NULL, NULL },
    { "operations alone", "/s/registrations/d/operations", BERTH_E_NOT_FOUND, 0, NULL, NULL, NULL },
    { "segment too many", "/s/registrations/d/operations/o/x", BERTH_E_NOT_FOUND, 0, NULL, NULL,
      NULL },
    { "the service API", "/enrollmentGroups/mylegacydevices", BERTH_E_NOT_FOUND, 0, NULL, NULL,
      NULL },
};

static void test_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct berth_arena a = arena();
        struct berth_dps_path got;
        const char *name = paths[i].name;

        CHECK(name, berth_dps_path_parse(berth_str_of(paths[i].in), &a, &got) == paths[i].want);
        CHECK(name, got.is_register == (paths[i].verb == REGISTER));
        CHECK(name, got.is_poll == (paths[i].verb == POLL));
        CHECK(name, got.is_lookup == (paths[i].verb == LOOKUP));
        CHECK(name, is(got.id_scope, paths[i].scope) && is(got.registration_id, paths[i].id));
        CHECK(name, is(got.operation_id, paths[i].operation));
    }
}

static void test_path_needs_room(void **state)
{
    char memory[12];
    struct berth_arena a;
    struct berth_dps_path got;

    (void)state;
    berth_arena_init(&a, memory, 5);
    CHECK("fits",
          berth_dps_path_parse(BERTH_STR("/s/registrations/dev1/register"), &a, &got) == BERTH_OK);
    berth_arena_init(&a, memory, 4);
    CHECK("one byte short", berth_dps_path_parse(BERTH_STR("/s/registrations/dev1/register"), &a,
                                                 &got) == BERTH_E_FULL);
}

/* ---- request bodies ---- */

static const struct {
    const char *name, *in;
    berth_err want;
    const char *id, *payload;
} bodies[] = {
    { "C, Node", "{\"registrationId\":\"dev1\"}", BERTH_OK, "dev1", NULL },
    { "Python", "{\"payload\": null, \"registrationId\": \"dev1\"}", BERTH_OK, "dev1", NULL },
    { "Embedded C: nothing", "", BERTH_OK, NULL, NULL },
    { "one blank", " ", BERTH_OK, NULL, NULL },
    { "C# over MQTT", "{\"payload\":{\"a\":1.10}}", BERTH_OK, NULL, "{\"a\":1.10}" },
    { "Node over HTTP, status query", "{}", BERTH_OK, NULL, NULL },
    { "payload is no object", "{\"payload\":[1,\"x\"]}", BERTH_OK, NULL, "[1,\"x\"]" },
    { "payload is false", "{\"payload\":false}", BERTH_OK, NULL, "false" },
    { "escapes in the ID", "{\"registrationId\":\"d\\u0065v1\"}", BERTH_OK, "dev1", NULL },
    { "ID is null", "{\"registrationId\":null}", BERTH_OK, NULL, NULL },
    { "TPM and CSR are passed over",
      "{\"registrationId\":\"d\",\"tpm\":{\"endorsementKey\":\"AA==\"},\"csr\":\"AA==\"}", BERTH_OK,
      "d", NULL },
    { "ID is a number", "{\"registrationId\":1}", BERTH_E_SYNTAX, NULL, NULL },
    { "no object", "[]", BERTH_E_SYNTAX, NULL, NULL },
    { "string", "\"dev1\"", BERTH_E_SYNTAX, NULL, NULL },
    { "no JSON", "registrationId=dev1", BERTH_E_SYNTAX, NULL, NULL },
    { "cut short", "{\"registrationId\":\"dev1\"", BERTH_E_SYNTAX, NULL, NULL },
    { "two values", "{}{}", BERTH_E_SYNTAX, NULL, NULL },
};

static void test_register(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct berth_arena a = arena();
        struct berth_dps_register got;
        const char *name = bodies[i].name;

        CHECK(name,
              berth_dps_register_parse(berth_str_of(bodies[i].in), &a, &got) == bodies[i].want);
        CHECK(name, is(got.registration_id, bodies[i].id) && is(got.payload, bodies[i].payload));
    }
}

static void test_register_prefixes(void **state)
{
    static const char body[] = "{\"payload\":{\"a\":[1,null]},\"registrationId\":\"d\\u0065v1\"}";

    (void)state;
    for (size_t n = 1; n < sizeof body - 1; n++) {
        struct berth_arena a = arena();
        struct berth_dps_register got;
        char *block = malloc(n);

        memcpy(block, body, n);
        CHECK("prefix",
              berth_dps_register_parse((berth_str){ block, n }, &a, &got) == BERTH_E_SYNTAX);
        free(block);
    }
}

static void test_register_put(void **state)
{
    char storage[128];
    struct berth_buf b;

    (void)state;
    berth_buf_init(&b, storage, sizeof storage);
    berth_dps_register_put(&b, BERTH_STR("dev1"), (berth_str){ 0 });
    CHECK("alone", is(berth_buf_str(&b), "{\"registrationId\":\"dev1\"}"));
    berth_buf_reset(&b);
    berth_dps_register_put(&b, BERTH_STR("dev1"), BERTH_STR("{\"a\":1.10}"));
    CHECK("with payload",
          is(berth_buf_str(&b), "{\"registrationId\":\"dev1\",\"payload\":{\"a\":1.10}}"));
}

/* ---- answers ---- */

#define T    "2024-01-02T03:04:05.0060000Z"
#define T_MS 1704164645006

static const struct berth_registration assigned = {
    .id = BERTH_STR_INIT("dev1"),
    .group = BERTH_STR_INIT("mylegacydevices"),
    .status = BERTH_ASSIGNED,
    .substatus = BERTH_SUB_INITIAL_ASSIGNMENT,
    .assigned_hub = BERTH_STR_INIT("hub.example"),
    .device_id = BERTH_STR_INIT("dev1"),
    .payload = BERTH_STR_INIT("{\"x\":1.10}"),
    .version = 1,
    .created_ms = T_MS,
    .updated_ms = T_MS,
};

static const char assigned_text[] =
    "{\"operationId\":\"5.0a\",\"status\":\"assigned\",\"registrationState\":{"
    "\"registrationId\":\"dev1\",\"createdDateTimeUtc\":\"" T "\","
    "\"assignedHub\":\"hub.example\",\"deviceId\":\"dev1\",\"status\":\"assigned\","
    "\"substatus\":\"initialAssignment\",\"lastUpdatedDateTimeUtc\":\"" T "\","
    "\"etag\":\"IjAwMDAwMDAwMDAwMDAwMDEi\",\"payload\":{\"x\":1.10},"
    "\"symmetricKey\":{\"enrollmentGroupId\":\"mylegacydevices\"}}}";

static berth_str put(struct berth_buf *b, const struct berth_answer *answer)
{
    static char storage[2048];

    berth_buf_init(b, storage, sizeof storage);
    berth_dps_answer_put(b, answer);
    return berth_buf_str(b);
}

static void test_answer_put(void **state)
{
    struct berth_answer answer = { .operation_id = BERTH_STR("5.0a") };
    struct berth_buf b;

    (void)state;
    answer.state = assigned;
    answer.has_state = true;
    CHECK("assigned", is(put(&b, &answer), assigned_text));

    answer.state =
        (struct berth_registration){ .id = BERTH_STR("dev1"), .status = BERTH_ASSIGNING };
    CHECK("assigning",
          is(put(&b, &answer),
             "{\"operationId\":\"5.0a\",\"status\":\"assigning\",\"registrationState\":{"
             "\"registrationId\":\"dev1\",\"status\":\"assigning\"}}"));
    answer.has_state = false;
    CHECK("assigning without a state",
          is(put(&b, &answer),
             "{\"operationId\":\"5.0a\",\"status\":\"assigning\",\"registrationState\":{"
             "\"registrationId\":\"dev1\",\"status\":\"assigning\"}}"));
}

/* A refusal told as a result names no hub, whatever the record says. */
static void test_answer_put_refusal(void **state)
{
    struct berth_answer answer = { .operation_id = BERTH_STR("5.0a"),
                                   .reason = BERTH_WHY_ENROLLMENT_DISABLED };
    struct berth_buf b;

    (void)state;
    answer.state.id = BERTH_STR("dev1");
    CHECK("disabled", is(put(&b, &answer),
                         "{\"operationId\":\"5.0a\",\"status\":\"disabled\",\"registrationState\":{"
                         "\"registrationId\":\"dev1\",\"status\":\"disabled\",\"errorCode\":401003,"
                         "\"errorMessage\":\"The enrollment is disabled.\"}}"));

    answer.state = assigned;
    answer.state.payload = answer.state.group = (berth_str){ 0 };
    answer.has_state = true;
    answer.reason = BERTH_WHY_NO_HUB;
    CHECK("failed, with a record",
          is(put(&b, &answer),
             "{\"operationId\":\"5.0a\",\"status\":\"failed\",\"registrationState\":{"
             "\"registrationId\":\"dev1\",\"createdDateTimeUtc\":\"" T "\",\"status\":\"failed\","
             "\"errorCode\":400208,"
             "\"errorMessage\":\"No IoT hub is available for this enrollment.\","
             "\"lastUpdatedDateTimeUtc\":\"" T "\",\"etag\":\"IjAwMDAwMDAwMDAwMDAwMDEi\"}}"));
}

/* Every reason with a word is one of the two that clients know. */
static void test_words(void **state)
{
    (void)state;
    for (int r = BERTH_WHY_NONE + 1; r < BERTH_REASON_COUNT; r++) {
        const struct berth_reason_row *row = berth_reason_row((enum berth_reason)r);
        berth_str word = berth_str_of(row->word);

        CHECK(row->name, word.n == 0 || is(word, "disabled") || is(word, "failed"));
    }
}

static void test_error_put(void **state)
{
    char storage[512];
    struct berth_buf b;

    (void)state;
    berth_buf_init(&b, storage, sizeof storage);
    berth_dps_error_put(&b, BERTH_WHY_TOKEN_EXPIRED, (berth_str){ 0 }, BERTH_STR("t-1"), T_MS);
    CHECK("the reason's message",
          is(berth_buf_str(&b), "{\"errorCode\":401002,\"trackingId\":\"t-1\","
                                "\"message\":\"Unauthorized\",\"timestampUtc\":\"" T "\"}"));
    berth_buf_reset(&b);
    berth_dps_error_put(&b, BERTH_WHY_REQUEST_INVALID, BERTH_STR("say \"hi\""), (berth_str){ 0 },
                        T_MS);
    CHECK("a message of its own",
          is(berth_buf_str(&b),
             "{\"errorCode\":400004,\"message\":\"say \\\"hi\\\"\",\"timestampUtc\":\"" T "\"}"));
}

/* ---- what a client reads ---- */

static const struct {
    const char *name, *in;
    berth_err want;
    bool has_status;
    enum berth_registration_status status;
    const char *operation, *hub, *device, *message, *tracking, *payload;
    int64_t code;
} answers[] = {
    { "assigned", assigned_text, BERTH_OK, true, BERTH_ASSIGNED, "5.0a", "hub.example", "dev1",
      NULL, NULL, "{\"x\":1.10}", 0 },
    { "assigning, short", "{\"operationId\":\"" OP "\",\"status\":\"assigning\"}", BERTH_OK, true,
      BERTH_ASSIGNING, OP, NULL, NULL, NULL, NULL, NULL, 0 },
    { "status in another case", "{\"status\":\"Assigning\"}", BERTH_OK, true, BERTH_ASSIGNING, NULL,
      NULL, NULL, NULL, NULL, NULL, 0 },
    { "failed",
      "{\"operationId\":\"o\",\"status\":\"failed\",\"registrationState\":{\"errorCode\":400208,"
      "\"errorMessage\":\"No hub\"}}",
      BERTH_OK, true, BERTH_FAILED, "o", NULL, NULL, "No hub", NULL, NULL, 400208 },
    { "nulls for absent",
      "{\"operationId\":null,\"status\":\"disabled\",\"registrationState\":{\"assignedHub\":null,"
      "\"errorCode\":null,\"payload\":null}}",
      BERTH_OK, true, BERTH_DISABLED, NULL, NULL, NULL, NULL, NULL, NULL, 0 },
    { "state is null", "{\"status\":\"assigning\",\"registrationState\":null}", BERTH_OK, true,
      BERTH_ASSIGNING, NULL, NULL, NULL, NULL, NULL, NULL, 0 },
    { "error",
      "{\"errorCode\":401002,\"trackingId\":\"t\",\"message\":\"Unauthorized\","
      "\"timestampUtc\":\"" T "\"}",
      BERTH_OK, false, BERTH_UNASSIGNED, NULL, NULL, NULL, "Unauthorized", "t", NULL, 401002 },
    { "error with escapes", "{\"errorCode\":1,\"message\":\"a\\u000ab\"}", BERTH_OK, false,
      BERTH_UNASSIGNED, NULL, NULL, NULL, "a\nb", NULL, NULL, 1 },
    { "empty object", "{}", BERTH_OK, false, BERTH_UNASSIGNED, NULL, NULL, NULL, NULL, NULL, NULL,
      0 },
    { "unknown status", "{\"status\":\"pending\"}", BERTH_E_SYNTAX, false, BERTH_UNASSIGNED, NULL,
      NULL, NULL, NULL, NULL, NULL, 0 },
    { "status is a number", "{\"status\":1}", BERTH_E_SYNTAX, false, BERTH_UNASSIGNED, NULL, NULL,
      NULL, NULL, NULL, NULL, 0 },
    { "hub is a number", "{\"status\":\"assigned\",\"registrationState\":{\"assignedHub\":1}}",
      BERTH_E_SYNTAX, false, BERTH_UNASSIGNED, NULL, NULL, NULL, NULL, NULL, NULL, 0 },
    { "code has a fraction", "{\"errorCode\":1.5}", BERTH_E_SYNTAX, false, BERTH_UNASSIGNED, NULL,
      NULL, NULL, NULL, NULL, NULL, 0 },
    { "empty", "", BERTH_E_SYNTAX, false, BERTH_UNASSIGNED, NULL, NULL, NULL, NULL, NULL, NULL, 0 },
    { "array", "[]", BERTH_E_SYNTAX, false, BERTH_UNASSIGNED, NULL, NULL, NULL, NULL, NULL, NULL,
      0 },
};

static void test_answer_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct berth_arena a = arena();
        struct berth_dps_result got;
        const char *name = answers[i].name;

        CHECK(name,
              berth_dps_answer_parse(berth_str_of(answers[i].in), &a, &got) == answers[i].want);
        CHECK(name, got.has_status == answers[i].has_status && got.status == answers[i].status);
        CHECK(name, is(got.operation_id, answers[i].operation));
        CHECK(name, is(got.assigned_hub, answers[i].hub) && is(got.device_id, answers[i].device));
        CHECK(name, is(got.error_message, answers[i].message));
        CHECK(name, is(got.tracking_id, answers[i].tracking));
        CHECK(name, is(got.payload, answers[i].payload) && got.error_code == answers[i].code);
    }
}

static void test_answer_prefixes(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof assigned_text - 1; n++) {
        struct berth_arena a = arena();
        struct berth_dps_result got;
        char *block = malloc(n > 0 ? n : 1);

        memcpy(block, assigned_text, n);
        CHECK("prefix",
              berth_dps_answer_parse((berth_str){ block, n }, &a, &got) == BERTH_E_SYNTAX);
        free(block);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_user),
        cmocka_unit_test(test_user_put),
        cmocka_unit_test(test_topic),
        cmocka_unit_test(test_rid_bound),
        cmocka_unit_test(test_topic_put),
        cmocka_unit_test(test_answer_topic),
        cmocka_unit_test(test_answer_topic_put),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_path_needs_room),
        cmocka_unit_test(test_register),
        cmocka_unit_test(test_register_prefixes),
        cmocka_unit_test(test_register_put),
        cmocka_unit_test(test_answer_put),
        cmocka_unit_test(test_answer_put_refusal),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_error_put),
        cmocka_unit_test(test_answer_parse),
        cmocka_unit_test(test_answer_prefixes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
