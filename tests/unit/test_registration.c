/* A registration as the APIs show it and as the registry keeps it. */
#include "prov/registration.h"

#include <stdlib.h>
#include <string.h>

#include "unit/check.h"
#include "wire/json.h"

#define CREATED_MS INT64_C(1700000000000)
#define UPDATED_MS INT64_C(1700000001500)
#define CREATED    ",\"createdDateTimeUtc\":\"2023-11-14T22:13:20.0000000Z\""
/* base64 of "00000000000004d2" with its quotes */
#define UPDATED                                                                                    \
    ",\"lastUpdatedDateTimeUtc\":\"2023-11-14T22:13:21.5000000Z\","                                \
    "\"etag\":\"IjAwMDAwMDAwMDAwMDA0ZDIi\""

static bool is(berth_str s, const char *text)
{
    return berth_str_eq(s, berth_str_of(text));
}

static const struct {
    const char *name;
    struct berth_registration r;
    const char *want;
} documents[] = {
    { "assigned by an individual enrollment",
      { .id = BERTH_STR_INIT("Dev-1"),
        .group = BERTH_STR_INIT(""),
        .status = BERTH_ASSIGNED,
        .substatus = BERTH_SUB_INITIAL_ASSIGNMENT,
        .assigned_hub = BERTH_STR_INIT("hub.example"),
        .device_id = BERTH_STR_INIT("Pump#7") },
      "{\"registrationId\":\"Dev-1\"" CREATED ",\"assignedHub\":\"hub.example\",\"deviceId\":"
      "\"Pump#7\",\"status\":\"assigned\",\"substatus\":\"initialAssignment\"" UPDATED "}" },
    { "assigned by a group, with a payload",
      { .id = BERTH_STR_INIT("dev-1"),
        .group = BERTH_STR_INIT("Line.7"),
        .status = BERTH_ASSIGNED,
        .substatus = BERTH_SUB_DEVICE_DATA_MIGRATED,
        .assigned_hub = BERTH_STR_INIT("h"),
        .device_id = BERTH_STR_INIT("dev-1"),
        .payload = BERTH_STR_INIT("{\"n\": 1.10}") },
      "{\"registrationId\":\"dev-1\"" CREATED ",\"assignedHub\":\"h\",\"deviceId\":\"dev-1\","
      "\"status\":\"assigned\",\"substatus\":\"deviceDataMigrated\"" UPDATED
      ",\"payload\":{\"n\": 1.10},\"symmetricKey\":{\"enrollmentGroupId\":\"Line.7\"}}" },
    { "failed shows no hub, though it had one",
      { .id = BERTH_STR_INIT("d"),
        .status = BERTH_FAILED,
        .substatus = BERTH_SUB_INITIAL_ASSIGNMENT,
        .assigned_hub = BERTH_STR_INIT("h"),
        .device_id = BERTH_STR_INIT("d"),
        .error_code = 400208,
        .error_message = BERTH_STR_INIT("No \"hub\".") },
      "{\"registrationId\":\"d\"" CREATED ",\"status\":\"failed\",\"errorCode\":400208,"
      "\"errorMessage\":\"No \\\"hub\\\".\"" UPDATED "}" },
    { "disabled",
      { .id = BERTH_STR_INIT("d"),
        .status = BERTH_DISABLED,
        .error_code = 401003,
        .error_message = BERTH_STR_INIT("Off.") },
      "{\"registrationId\":\"d\"" CREATED ",\"status\":\"disabled\",\"errorCode\":401003,"
      "\"errorMessage\":\"Off.\"" UPDATED "}" },
    { "assigning",
      { .id = BERTH_STR_INIT("d"), .status = BERTH_ASSIGNING },
      "{\"registrationId\":\"d\"" CREATED ",\"status\":\"assigning\"" UPDATED "}" },
    { "unassigned",
      { .id = BERTH_STR_INIT("d"), .status = BERTH_UNASSIGNED },
      "{\"registrationId\":\"d\"" CREATED ",\"status\":\"unassigned\"" UPDATED "}" },
};

static void test_documents(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        struct berth_registration r = documents[i].r;
        struct berth_json doc;
        char text[1024];
        struct berth_buf b;
        r.version = 1234;
        r.created_ms = CREATED_MS;
        r.updated_ms = UPDATED_MS;
        berth_buf_init(&b, text, sizeof text);
        berth_registration_put(&b, &r);
        if (!is(berth_buf_str(&b), documents[i].want))
            fail_msg("%s: %.*s", documents[i].name, BERTH_STR_ARG(berth_buf_str(&b)));
        CHECK(documents[i].name, berth_json_check(berth_buf_str(&b), &doc, NULL) == BERTH_OK);
    }
}

static void test_words(void **state)
{
    static const char *const substatuses[] = { "", "initialAssignment", "deviceDataMigrated",
                                               "deviceDataReset",
                                               "reprovisionedToInitialAssignment" };
    static const char *const statuses[] = { "unassigned", "assigning", "assigned", "failed",
                                            "disabled" };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(statuses); i++)
        assert_string_equal(berth_registration_status_text((enum berth_registration_status)i),
                            statuses[i]);
    for (unsigned i = 0; i < ARRAY_LEN(substatuses); i++)
        assert_string_equal(berth_substatus_text((enum berth_substatus)i), substatuses[i]);
    assert_string_equal(berth_registration_status_text((enum berth_registration_status)5), "");
    assert_string_equal(berth_substatus_text((enum berth_substatus)5), "");
}

/* ---- at rest ---- */

static struct berth_registration every_field(void)
{
    return (struct berth_registration){
        .id = BERTH_STR("Dev-1"),
        .group = BERTH_STR("Line.7"),
        .status = BERTH_FAILED,
        .substatus = BERTH_SUB_REPROVISIONED_TO_INITIAL,
        .assigned_hub = BERTH_STR("hub.example"),
        .device_id = BERTH_STR("Pump#7"),
        .error_code = 400208,
        .error_message = BERTH_STR("No \"hub\"."),
        .operation_id = BERTH_STR("5.0000018bcfe56800.00010203-0405-0607-0809-0a0b0c0d0e0f"),
        .payload = BERTH_STR("[1.10, 12345678901234567890]"),
    };
}

static void check_round_trip(const struct berth_registration *r)
{
    unsigned char one[1024], two[1024];
    struct berth_registration back;
    struct berth_arena a, b;
    struct berth_record rec;

    berth_arena_init(&a, one, sizeof one);
    berth_arena_init(&b, two, sizeof two);
    assert_int_equal(berth_registration_encode(r, &a, &rec), BERTH_OK);
    assert_int_equal(rec.kind, BERTH_KIND_REGISTRATION);
    assert_int_equal(rec.tag, r->status);
    assert_int_equal(rec.secret.n, 0);
    assert_true(berth_str_eq(rec.name, r->id));
    rec.version = 1234;
    rec.created_ms = CREATED_MS;
    rec.updated_ms = UPDATED_MS;
    assert_int_equal(berth_registration_decode(&rec, &b, &back), BERTH_OK);
    assert_true(berth_str_eq(back.id, r->id));
    assert_true(berth_str_eq(back.group, r->group));
    assert_int_equal(back.status, r->status);
    assert_int_equal(back.substatus, r->substatus);
    assert_true(berth_str_eq(back.assigned_hub, r->assigned_hub));
    assert_true(berth_str_eq(back.device_id, r->device_id));
    assert_int_equal(back.error_code, r->error_code);
    assert_true(berth_str_eq(back.error_message, r->error_message));
    assert_true(berth_str_eq(back.operation_id, r->operation_id));
    assert_true(berth_str_eq(back.payload, r->payload));
    assert_int_equal(back.version, 1234);
    assert_int_equal(back.created_ms, CREATED_MS);
    assert_int_equal(back.updated_ms, UPDATED_MS);
}

static void test_round_trip(void **state)
{
    struct berth_registration r = every_field();

    (void)state;
    for (unsigned s = BERTH_UNASSIGNED; s <= BERTH_DISABLED; s++) {
        r.status = (enum berth_registration_status)s;
        check_round_trip(&r);
    }
    for (unsigned s = BERTH_SUB_NONE; s <= BERTH_SUB_REPROVISIONED_TO_INITIAL; s++) {
        r.substatus = (enum berth_substatus)s;
        check_round_trip(&r);
    }
    check_round_trip(&(struct berth_registration){ .id = BERTH_STR("d") });
}

static void test_lookup_forms(void **state)
{
    struct berth_registration r = every_field();
    unsigned char memory[1024];
    struct berth_arena a;
    struct berth_record rec;

    (void)state;
    berth_arena_init(&a, memory, sizeof memory);
    assert_int_equal(berth_registration_encode(&r, &a, &rec), BERTH_OK);
    assert_true(is(rec.key, "dev-1"));
    assert_true(is(rec.owner, "line.7"));
    assert_true(is(rec.scope, ""));
}

static void test_small_arenas(void **state)
{
    struct berth_registration r = every_field(), back;
    unsigned char memory[1024], more[64];
    struct berth_arena a;
    struct berth_record rec;
    size_t size = 0;
    berth_err e;

    (void)state;
    do {
        berth_arena_init(&a, memory, size++);
        e = berth_registration_encode(&r, &a, &rec);
        CHECK("full or fine", e == BERTH_OK || e == BERTH_E_FULL);
    } while (e != BERTH_OK);
    assert_true(size > 128);
    size = 0;
    do {
        berth_arena_init(&a, more, size++);
        e = berth_registration_decode(&rec, &a, &back);
        CHECK("full or fine", e == BERTH_OK || e == BERTH_E_FULL);
    } while (e != BERTH_OK);
    assert_true(size > 1); /* the message's quotes are unescaped somewhere */
}

static void test_damaged_records(void **state)
{
    static const struct {
        const char *name, *body;
    } cases[] = {
        { "empty", "" },
        { "no status", "{}" },
        { "an array", "[\"assigned\"]" },
        { "an unknown status", "{\"status\":\"lost\"}" },
        { "an unknown substatus", "{\"status\":\"assigned\",\"substatus\":\"lost\"}" },
        { "a code in words", "{\"status\":\"failed\",\"errorCode\":\"400208\"}" },
        { "a code over its bound", "{\"status\":\"failed\",\"errorCode\":2147483648}" },
        { "a negative code", "{\"status\":\"failed\",\"errorCode\":-1}" },
        { "a hub that is a number", "{\"status\":\"assigned\",\"assignedHub\":1}" },
        { "a device ID that is null", "{\"status\":\"assigned\",\"deviceId\":null}" },
        { "cut short", "{\"status\":\"assigned\"" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t n = strlen(cases[i].body);
        char *copy = malloc(n == 0 ? 1 : n);
        struct berth_record rec = { .kind = BERTH_KIND_REGISTRATION, .name = BERTH_STR("d") };
        struct berth_registration r;
        unsigned char memory[64];
        struct berth_arena a;
        assert_non_null(copy);
        memcpy(copy, cases[i].body, n);
        rec.body = (berth_str){ copy, n };
        berth_arena_init(&a, memory, sizeof memory);
        CHECK(cases[i].name, berth_registration_decode(&rec, &a, &r) == BERTH_E_SYNTAX);
        CHECK(cases[i].name, r.id.p == NULL);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),    cmocka_unit_test(test_words),
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_lookup_forms),
        cmocka_unit_test(test_small_arenas), cmocka_unit_test(test_damaged_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
