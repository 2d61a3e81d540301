/* Identities of devices in a hub: documents applied, records kept, tags compared. */
#include "hub/device.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/json.h"

#define T0  1700000000000
#define T1  (T0 + 1000)
#define HEX "0123456789abcdefABCDEF0123456789abcdef01" /* 40 digits */
#define KEY "MDEyMzQ1Njc4OWFiY2RlZg=="                 /* 16 bytes, the shortest */

static unsigned char storage[1 << 20];
static struct berth_arena arena;
static char text_storage[1 << 16];

static void fresh(struct berth_hub_device *d)
{
    berth_arena_init(&arena, storage, sizeof storage);
    berth_hub_device_init(d, BERTH_STR("hub.example"), BERTH_STR("d"), 7, T0);
}

static bool is_text(berth_str got, const char *want)
{
    return berth_str_eq(got, berth_str_of(want));
}

static berth_err apply(struct berth_hub_device *d, const char *json, struct berth_refusal *why)
{
    return berth_hub_device_apply(d, BERTH_STR("d"), berth_str_of(json), T1, &arena, why);
}

/* The text of `{"deviceId":"d",MEMBERS}`. */
static const char *document(const char *members)
{
    (void)snprintf(text_storage, sizeof text_storage, "{\"deviceId\":\"d\"%s%s}",
                   members[0] != '\0' ? "," : "", members);
    return text_storage;
}

/* ---- documents ---- */

#define AUTH(type, rest) "\"authentication\":{\"type\":" type rest "}"
#define PRINTS(p)        AUTH("\"selfSigned\"", ",\"x509Thumbprint\":" p)
#define KEYS(k)          AUTH("\"sas\"", ",\"symmetricKey\":" k)

static const struct {
    const char *name, *members;
    const char *words; /* of the refusal; NULL: taken */
} documents[] = {
    { "nothing else", "", NULL },
    { "enabled", "\"status\":\"Enabled\"", NULL },
    { "disabled", "\"status\":\"disabled\"", NULL },
    { "status null", "\"status\":null", NULL },
    { "another status", "\"status\":\"asleep\"", "status must be" },
    { "status a number", "\"status\":1", "status must be" },
    { "reason null", "\"statusReason\":null", NULL },
    { "reason a number", "\"statusReason\":1", "statusReason must be" },
    { "reason not UTF-16", "\"statusReason\":\"\\ud800\"", "" },
    { "authentication a text", "\"authentication\":\"sas\"", "authentication must be an object" },
    { "authentication null", "\"authentication\":null", NULL },
    { "type a number", AUTH("1", ""), "authentication.type must be" },
    { "unknown type", AUTH("\"password\"", ""), "authentication.type must be" },
    { "type in other case", AUTH("\"SAS\"", ""), NULL },
    { "no authentication at all", AUTH("\"none\"", ""), NULL },
    { "by a CA", AUTH("\"certificateAuthority\"", ""), NULL },
    { "keys a text", KEYS("\"k\""), "symmetricKey must be an object" },
    { "keys empty, as of Node", KEYS("{\"primaryKey\":\"\",\"secondaryKey\":\"\"}"), NULL },
    { "keys null", KEYS("{\"primaryKey\":null,\"secondaryKey\":null}"), NULL },
    { "both keys", KEYS("{\"primaryKey\":\"" KEY "\",\"secondaryKey\":\"" KEY "\"}"), NULL },
    { "key of 15 bytes", KEYS("{\"primaryKey\":\"MDEyMzQ1Njc4OWFiY2Rl\"}"), "16 to 64 bytes" },
    { "key not base64", KEYS("{\"secondaryKey\":\"?\"}"), "16 to 64 bytes" },
    { "key a number", KEYS("{\"secondaryKey\":1}"), "16 to 64 bytes" },
    { "thumbprint of SHA-1", PRINTS("{\"primaryThumbprint\":\"" HEX "\"}"), NULL },
    { "secondary alone", PRINTS("{\"secondaryThumbprint\":\"" HEX "\"}"), NULL },
    { "of SHA-256", PRINTS("{\"primaryThumbprint\":\"" HEX "012345678901234567890123\"}"), NULL },
    { "a digit too few",
      PRINTS("{\"primaryThumbprint\":\"012345678901234567890123456789012345678\"}"),
      "40 or 64 hex digits" },
    { "a digit too many", PRINTS("{\"primaryThumbprint\":\"" HEX "0\"}"), "40 or 64 hex digits" },
    { "no hex digit",
      PRINTS("{\"secondaryThumbprint\":\"x123456789012345678901234567890123456789\"}"),
      "40 or 64 hex digits" },
    { "thumbprint a number", PRINTS("{\"primaryThumbprint\":1}"), "40 or 64 hex digits" },
    { "thumbprints an array", PRINTS("[]"), "x509Thumbprint must be an object" },
    { "no thumbprint", PRINTS("{\"primaryThumbprint\":\"\",\"secondaryThumbprint\":null}"),
      "needs a thumbprint" },
    { "self-signed without thumbprints", AUTH("\"selfSigned\"", ""), "needs a thumbprint" },
    { "capabilities a text", "\"capabilities\":\"edge\"", "capabilities must be an object" },
    { "capabilities empty", "\"capabilities\":{}", NULL },
    { "edge", "\"capabilities\":{\"iotEdge\":true}", NULL },
    { "edge null", "\"capabilities\":{\"iotEdge\":null}", NULL },
    { "edge a text", "\"capabilities\":{\"iotEdge\":\"true\"}", "iotEdge must be true or false" },
    { "scope", "\"deviceScope\":\"ms-azure-iot-edge://gate-1\"", NULL },
    { "scope empty", "\"deviceScope\":\"\"", NULL },
    { "scope a number", "\"deviceScope\":1", "deviceScope must be" },
    { "no parents", "\"parentScopes\":[]", NULL },
    { "parents null", "\"parentScopes\":null", NULL },
    { "parents", "\"parentScopes\":[ \"a\", \"b\" ]", NULL },
    { "parents a text", "\"parentScopes\":\"a\"", "parentScopes must be" },
    { "a parent a number", "\"parentScopes\":[\"a\",1]", "parentScopes must be" },
};

static void test_documents(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        bool taken = documents[i].words == NULL;
        struct berth_refusal why;
        struct berth_hub_device d;
        berth_err e;

        fresh(&d);
        e = apply(&d, document(documents[i].members), &why);
        CHECK(documents[i].name, (e == BERTH_OK) == taken);
        CHECK(documents[i].name, d.identity_revision == (taken ? 2 : 1));
        if (!taken)
            CHECK(documents[i].name, documents[i].words[0] == '\0' ||
                                         memmem(why.message.p, why.message.n, documents[i].words,
                                                strlen(documents[i].words)) != NULL);
    }
}

static void test_document_of_another(void **state)
{
    char deep[BERTH_JSON_DEPTH_MAX + 2] = { 0 };
    struct berth_refusal why;
    struct berth_hub_device d;

    (void)state;
    fresh(&d);
    CHECK("another ID", apply(&d, "{\"deviceId\":\"D\"}", &why) == BERTH_E_SYNTAX);
    CHECK("another ID", why.reason == BERTH_WHY_REQUEST_INVALID);
    CHECK("no ID", apply(&d, "{}", &why) == BERTH_E_SYNTAX);
    CHECK("no object", apply(&d, "[]", &why) == BERTH_E_SYNTAX);
    CHECK("no JSON", apply(&d, "{", &why) == BERTH_E_SYNTAX);
    memset(deep, '[', sizeof deep - 1);
    CHECK("too deep", apply(&d, deep, &why) == BERTH_E_RANGE);
    CHECK("too deep", memmem(why.message.p, why.message.n, "nests too deep", 14) != NULL);
}

static void test_members_land_where_they_belong(void **state)
{
    struct berth_refusal why;
    struct berth_hub_device d;

    (void)state;
    fresh(&d);
    CHECK("all", apply(&d,
                       document("\"status\":\"disabled\",\"statusReason\":\"stolen\","
                                "\"parentScopes\":[ \"a\", \"b\" ],\"deviceScope\":\"s\"," PRINTS(
                                    "{\"primaryThumbprint\":\"" HEX "\"}")),
                       &why) == BERTH_OK);
    CHECK("status", !d.enabled && d.status_updated_ms == T1);
    CHECK("reason", is_text(d.status_reason, "stolen"));
    CHECK("parents compact", is_text(d.parent_scopes, "[\"a\",\"b\"]"));
    CHECK("scope", is_text(d.device_scope, "s") && !d.iot_edge);
    CHECK("auth", d.auth == BERTH_AUTH_SELF_SIGNED && is_text(d.primary_thumbprint, HEX));
    CHECK("absent", d.secondary_thumbprint.p == NULL);

    CHECK("defaults", apply(&d, document(""), &why) == BERTH_OK);
    CHECK("defaults", d.enabled && d.status_reason.p == NULL && d.parent_scopes.p == NULL);
    CHECK("defaults", d.auth == BERTH_AUTH_SAS && d.primary_thumbprint.p == NULL);
    CHECK("defaults", d.device_scope.p == NULL);
}

/* An edge device's scope is made once; whatever a document says of it does not count. */
static void test_scope_of_an_edge_device(void **state)
{
    static const char edge[] = "\"capabilities\":{\"iotEdge\":true},\"deviceScope\":\"mine\"";
    struct berth_refusal why;
    struct berth_hub_device d;
    const char *made;

    (void)state;
    fresh(&d);
    CHECK("edge", apply(&d, document(edge), &why) == BERTH_OK && d.iot_edge);
    CHECK("made", is_text(d.device_scope, "ms-azure-iot-edge://d-7"));
    made = d.device_scope.p;
    CHECK("again", apply(&d, document(edge), &why) == BERTH_OK && d.device_scope.p == made);
    d.device_scope = (berth_str){ 0 };
    CHECK("lost", apply(&d, document(edge), &why) == BERTH_OK);
    CHECK("made anew", is_text(d.device_scope, "ms-azure-iot-edge://d-7"));
}

/* `"NAME":HEAD` with COUNT times FILL and TAIL after it. */
static const char *long_member(const char *head, const char *fill, size_t count, const char *tail)
{
    static char members[8192];
    size_t n = 0;

    n += (size_t)snprintf(members, sizeof members, "%s", head);
    for (size_t i = 0; i < count; i++)
        n += (size_t)snprintf(members + n, sizeof members - n, "%s", fill);
    (void)snprintf(members + n, sizeof members - n, "%s", tail);
    return document(members);
}

static const struct {
    const char *name, *head, *fill, *tail;
    size_t largest; /* count that is still taken */
} bounds[] = {
    { "reason of 128 characters", "\"statusReason\":\"", "x", "\"", BERTH_STATUS_REASON_MAX },
    { "of 128 longer characters", "\"statusReason\":\"", "\xe2\x82\xac", "\"",
      BERTH_STATUS_REASON_MAX },
    { "scope", "\"deviceScope\":\"", "x", "\"", BERTH_HUB_DEVICE_SCOPE_MAX },
    { "parents", "\"parentScopes\":[\"", "x", "\"]", BERTH_PARENT_SCOPES_MAX - 4 },
};

static void test_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        struct berth_refusal why;
        struct berth_hub_device d;

        fresh(&d);
        CHECK(bounds[i].name,
              apply(&d,
                    long_member(bounds[i].head, bounds[i].fill, bounds[i].largest, bounds[i].tail),
                    &why) == BERTH_OK);
        CHECK(bounds[i].name, apply(&d,
                                    long_member(bounds[i].head, bounds[i].fill,
                                                bounds[i].largest + 1, bounds[i].tail),
                                    &why) == BERTH_E_SYNTAX);
    }
}

/* ---- memory ---- */

#define RICH                                                                                       \
    "\"status\":\"dis\\u0061bled\",\"statusReason\":\"\\u0061\",\"parentScopes\":[\"a\"],"         \
    "\"capabilities\":{\"iotEdge\":true}," AUTH(                                                   \
        "\"self\\u0053igned\"", ",\"x509Thumbprint\":{\"primaryThumbprint\":\"\\u0030" HEX         \
                                "12345678901234567890123\",\"secondaryThumbprint\":\"\\u0030"      \
                                "123456789012345678901234567890123456789\"}")

/* Every size of arena either serves or says that it was too small. */
static void check_apply_in_small_arenas(const char *name, const char *json)
{
    size_t served = 0;

    for (size_t size = 0; size < 4096; size++) {
        void *exact = malloc(size + (size == 0));
        struct berth_refusal why;
        struct berth_arena a;
        struct berth_hub_device d;
        berth_err e;

        berth_hub_device_init(&d, BERTH_STR("hub.example"), BERTH_STR("d"), 7, T0);
        berth_arena_init(&a, exact, size);
        e = berth_hub_device_apply(&d, BERTH_STR("d"), berth_str_of(json), T1, &a, &why);
        CHECK(name, e == BERTH_OK || e == BERTH_E_FULL);
        CHECK(name, e == BERTH_OK || served == 0);
        served += e == BERTH_OK;
        free(exact);
    }
    CHECK(name, served > 0);
}

static void test_small_arenas(void **state)
{
    (void)state;
    check_apply_in_small_arenas("thumbprints", document(RICH));
    check_apply_in_small_arenas(
        "keys", document(KEYS("{\"primaryKey\":\"\\u004dDEyMzQ1Njc4OWFiY2RlZg==\","
                              "\"secondaryKey\":\"\\u004dDEyMzQ1Njc4OWFiY2RlZg==\"}")));
    check_apply_in_small_arenas("scope", document("\"deviceScope\":\"\\u0061\""));
}

/* ---- records ---- */

/* A device with all members set, some of them in text that needs escapes. */
static void rich(struct berth_hub_device *d)
{
    fresh(d);
    d->enabled = false;
    d->status_reason = BERTH_STR("a \"reason\"");
    d->auth = BERTH_AUTH_SELF_SIGNED;
    d->primary_thumbprint = BERTH_STR("p\n");
    d->secondary_thumbprint = BERTH_STR("s\n");
    d->iot_edge = true;
    d->device_scope = BERTH_STR("scope\n");
    d->parent_scopes = BERTH_STR("[\"a\"]");
    d->registration = BERTH_STR("r\n");
    d->also_registered = BERTH_STR("o\n");
    d->status_updated_ms = 1;
    d->connection_updated_ms = 2;
    d->last_activity_ms = 3;
    d->keys.primary.n = d->keys.secondary.n = BERTH_HUB_DEVICE_KEY_SIZE;
    d->tags = BERTH_STR("{\"t\":1}");
    d->desired.times = BERTH_STR("d\n");
    d->desired.values = BERTH_STR("{\"d\":1}");
    d->reported.times = BERTH_STR("r\n");
    d->reported.values = BERTH_STR("{\"r\":1}");
}

static void test_round_trip(void **state)
{
    struct berth_hub_device d, got;
    struct berth_record rec;

    (void)state;
    rich(&d);
    CHECK("encode", berth_hub_device_encode(&d, &arena, &rec) == BERTH_OK);
    CHECK("decode", berth_hub_device_decode(&rec, &arena, &got) == BERTH_OK);
    CHECK("texts", berth_str_eq(got.status_reason, d.status_reason) &&
                       berth_str_eq(got.primary_thumbprint, d.primary_thumbprint) &&
                       berth_str_eq(got.secondary_thumbprint, d.secondary_thumbprint) &&
                       berth_str_eq(got.device_scope, d.device_scope) &&
                       berth_str_eq(got.parent_scopes, d.parent_scopes) &&
                       berth_str_eq(got.registration, d.registration) &&
                       berth_str_eq(got.also_registered, d.also_registered));
    CHECK("flags", !got.enabled && got.iot_edge && got.auth == d.auth);
    CHECK("times", got.status_updated_ms == 1 && got.connection_updated_ms == 2 &&
                       got.last_activity_ms == 3);
    CHECK("twin", berth_str_eq(got.tags, d.tags) &&
                      berth_str_eq(got.desired.values, d.desired.values) &&
                      berth_str_eq(got.reported.times, d.reported.times));
    CHECK("keys", got.keys.secondary.n == BERTH_HUB_DEVICE_KEY_SIZE);
}

static void test_records_in_small_arenas(void **state)
{
    size_t encoded = 0, decoded = 0;
    struct berth_hub_device d, got;
    struct berth_record rec, small;

    (void)state;
    rich(&d);
    CHECK("encode", berth_hub_device_encode(&d, &arena, &rec) == BERTH_OK);
    for (size_t size = 0; size < 2048; size++) {
        void *exact = malloc(size + (size == 0));
        struct berth_arena a;
        berth_err e;

        berth_arena_init(&a, exact, size);
        e = berth_hub_device_decode(&rec, &a, &got);
        CHECK("decode", e == BERTH_OK || (e == BERTH_E_FULL && decoded == 0));
        decoded += e == BERTH_OK;
        berth_arena_init(&a, exact, size);
        e = berth_hub_device_encode(&d, &a, &small);
        CHECK("encode", e == BERTH_OK || (e == BERTH_E_FULL && encoded == 0));
        encoded += e == BERTH_OK;
        free(exact);
    }
    CHECK("served in the end", encoded > 0 && decoded > 0);
}

/* BODY with member number AT of another type than it has, or without it; false: there is none. */
static bool spoil(berth_str body, size_t at, bool remove, struct berth_buf *b, berth_str *name)
{
    struct berth_json doc, value;
    struct berth_json_iter it = { 0 };
    struct berth_json_out j;
    char text[64];
    size_t i = 0;

    assert_int_equal(berth_json_check(body, &doc, NULL), BERTH_OK);
    berth_json_begin(&j, b);
    berth_json_open(&j, '{');
    for (berth_str member; berth_json_next(doc, &it, &member, &value); i++) {
        (void)snprintf(text, sizeof text, "%.*s", BERTH_STR_ARG(member));
        if (i == at)
            *name = member;
        if (i != at)
            berth_json_member_raw(&j, text, value.text);
        else if (!remove)
            berth_json_member_raw(&j, text,
                                  value.type == BERTH_JSON_OBJECT ? BERTH_STR("[1]")
                                                                  : BERTH_STR("{\"x\":1}"));
    }
    berth_json_close(&j, '}');
    return at < i;
}

/* Members that a record may lack: those that are not set, and what older records do not have. */
static bool may_be_absent(berth_str name)
{
    static const char *const names[] = {
        "twinVersion",   "statusReason",      "primaryThumbprint", "secondaryThumbprint",
        "deviceScope",   "parentScopes",      "registration",      "alsoRegistered",
        "statusUpdated", "connectionUpdated", "lastActivity",
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (is_text(name, names[i]))
            return true;
    return false;
}

static void test_spoilt_members(void **state)
{
    struct berth_hub_device d, got;
    struct berth_record rec, bad;
    char row[64];

    (void)state;
    rich(&d);
    CHECK("encode", berth_hub_device_encode(&d, &arena, &rec) == BERTH_OK);
    for (size_t at = 0;; at++) {
        berth_str name = { 0 };
        struct berth_buf b;

        berth_buf_init(&b, text_storage, sizeof text_storage);
        if (!spoil(rec.body, at, false, &b, &name))
            break;
        (void)snprintf(row, sizeof row, "%.*s", BERTH_STR_ARG(name));
        bad = rec;
        bad.body = berth_buf_str(&b);
        CHECK(row, berth_hub_device_decode(&bad, &arena, &got) == BERTH_E_SYNTAX);
        CHECK(row, got.device_id.p == NULL);
        berth_buf_init(&b, text_storage, sizeof text_storage);
        (void)spoil(rec.body, at, true, &b, &name);
        bad.body = berth_buf_str(&b);
        CHECK(row, berth_hub_device_decode(&bad, &arena, &got) ==
                       (may_be_absent(name) ? BERTH_OK : BERTH_E_SYNTAX));
    }
}

#define RECORD(desired)                                                                            \
    "{\"generation\":1,\"identityRevision\":1,\"twinRevision\":1,\"auth\":\"sas\","                \
    "\"iotEdge\":false,\"tags\":{},\"desired\":" desired ",\"reported\":{\"values\":{}}}"

static const struct {
    const char *name, *body, *secret;
    berth_err want;
} records[] = {
    { "little", RECORD("{\"values\":{}}"), "", BERTH_OK },
    { "no JSON", "{", "", BERTH_E_SYNTAX },
    { "empty", "", "", BERTH_E_SYNTAX },
    { "a version that is a text", RECORD("{\"version\":\"1\",\"values\":{}}"), "", BERTH_E_SYNTAX },
    { "a time that is a text", RECORD("{\"updated\":\"1\",\"values\":{}}"), "", BERTH_E_SYNTAX },
    { "times that are a number", RECORD("{\"times\":1,\"values\":{}}"), "", BERTH_E_SYNTAX },
    { "values that are an array", RECORD("{\"values\":[]}"), "", BERTH_E_SYNTAX },
    { "no values", RECORD("{}"), "", BERTH_E_SYNTAX },
    { "a secret cut short", RECORD("{\"values\":{}}"), "\x20key", BERTH_E_SYNTAX },
};

static void test_records(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        struct berth_record rec = {
            .kind = BERTH_KIND_DEVICE,
            .name = BERTH_STR("d"),
            .body = berth_str_of(records[i].body),
            .secret = berth_str_of(records[i].secret),
        };
        struct berth_hub_device d;

        fresh(&d);
        CHECK(records[i].name, berth_hub_device_decode(&rec, &arena, &d) == records[i].want);
    }
}

static void test_largest_record(void **state)
{
    static char tags[BERTH_RECORD_BODY_MAX + 1];
    struct berth_hub_device d;
    struct berth_record rec;
    size_t rest;

    (void)state;
    fresh(&d);
    CHECK("small", berth_hub_device_encode(&d, &arena, &rec) == BERTH_OK);
    rest = BERTH_RECORD_BODY_MAX - rec.body.n + 2; /* the tags that were, too */
    memset(tags, ' ', sizeof tags);
    tags[0] = '{';
    tags[rest - 1] = '}';
    d.tags = (berth_str){ tags, rest };
    CHECK("largest", berth_hub_device_encode(&d, &arena, &rec) == BERTH_OK);
    CHECK("largest", rec.body.n == BERTH_RECORD_BODY_MAX);
    d.tags.n++;
    CHECK("too large", berth_hub_device_encode(&d, &arena, &rec) == BERTH_E_RANGE);
}

/* ---- tags of versions ---- */

#define NO_DEVICE (UINT64_MAX - 2)

static const struct {
    const char *name, *header; /* NULL: absent */
    uint64_t want;
} etags[] = {
    { "absent", NULL, BERTH_ANY },
    { "star", "*", BERTH_PRESENT },
    { "quoted star", "\"*\"", BERTH_PRESENT },
    { "bare", "AAAAAAAAAAE=", 1 },
    { "quoted", " \"AAAAAAAAAAE=\"\t", 1 },
    { "weak", "W/\"AAAAAAAAAAE=\"", 1 },
    { "one quote", "\"", NO_DEVICE },
    { "opened only", "\"AAAAAAAAAAE=", NO_DEVICE },
    { "empty", "", NO_DEVICE },
    { "seven bytes", "AAAAAAAAAQ==", NO_DEVICE },
    { "nine bytes", "AAAAAAAAAAAB", NO_DEVICE },
    { "not base64", "????????????", NO_DEVICE },
    { "zero", "AAAAAAAAAAA=", NO_DEVICE },
    { "what stands for any", "//////////8=", NO_DEVICE },
    { "what stands for present", "//////////4=", NO_DEVICE },
    { "the largest revision", "//////////w=", UINT64_MAX - 3 },
};

static void test_etags(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(etags); i++)
        CHECK(etags[i].name,
              berth_hub_device_etag_parse(berth_str_of(etags[i].header)) == etags[i].want);
}

/* ---- what is shown ---- */

static bool shows(const struct berth_buf *b, const char *text)
{
    return memmem(b->p, b->n, text, strlen(text)) != NULL;
}

static void test_twin_shows_the_identity(void **state)
{
    struct berth_hub_device d;
    struct berth_buf b;

    (void)state;
    rich(&d);
    d.desired.times = d.reported.times = (berth_str){ 0 };
    berth_buf_init(&b, text_storage, sizeof text_storage);
    berth_twin_put(&b, &d);
    CHECK("disabled", shows(&b, "\"status\":\"disabled\""));
    CHECK("reason", shows(&b, "\"statusReason\":\"a \\\"reason\\\"\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_document_of_another),
        cmocka_unit_test(test_members_land_where_they_belong),
        cmocka_unit_test(test_scope_of_an_edge_device),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_small_arenas),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_records_in_small_arenas),
        cmocka_unit_test(test_spoilt_members),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_largest_record),
        cmocka_unit_test(test_etags),
        cmocka_unit_test(test_twin_shows_the_identity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
