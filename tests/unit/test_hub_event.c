#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/hub_event.h"
#include "wire/json.h"

#define HEAD "{\"sequence\":7,\"time\":\"2023-11-14T22:13:20.0000000Z\",\"deviceId\":\"d\","
#define TEXT ",\"payloadEncoding\":\"utf-8\"}"

static char text[1 << 20];

static berth_err put(const char *bag, berth_str payload, berth_str *out)
{
    static max_align_t memory[1 << 13];
    struct berth_hub_event e = { .sequence = 7,
                                 .time_ms = INT64_C(1700000000000),
                                 .device_id = BERTH_STR("d"),
                                 .bag = berth_str_of(bag),
                                 .payload = payload };
    struct berth_arena a;
    struct berth_buf b;
    berth_err err;

    berth_arena_init(&a, memory, sizeof memory);
    berth_buf_init(&b, text, sizeof text);
    err = berth_hub_event_put(&b, &e, &a);
    *out = berth_buf_str(&b);
    return err;
}

static void test_documents(void **state)
{
    static const struct {
        const char *name, *bag;
        berth_str payload;
        const char *want;
    } cases[] = {
        { "nothing", "", BERTH_STR_INIT(""),
          "\"properties\":{},\"systemProperties\":{},\"payload\":\"\"" TEXT },
        { "as Node sends it", "%24.ct=application%2Fjson&%24.ce=utf-8&idx=0",
          BERTH_STR_INIT("{\"n\":0}"),
          "\"properties\":{\"idx\":\"0\"},\"systemProperties\":{\"contentType\":"
          "\"application/"
          "json\",\"contentEncoding\":\"utf-8\"},\"payload\":\"{\\\"n\\\":0}\"" TEXT },
        { "as C sends it", "idx=0&$.ct=application/json", BERTH_STR_INIT("a\r\nb\t"),
          "\"properties\":{\"idx\":\"0\"},\"systemProperties\":{\"contentType\":"
          "\"application/json\"},\"payload\":\"a\\r\\nb\\t\"" TEXT },
        { "the first of two counts", "a=1&%61=2&a&b", BERTH_STR_INIT("x"),
          "\"properties\":{\"a\":\"1\",\"b\":null},\"systemProperties\":{},\"payload\":"
          "\"x\"" TEXT },
        { "a system property and its namesake", "$.to=1&to=2", BERTH_STR_INIT("x"),
          "\"properties\":{\"to\":\"2\"},\"systemProperties\":{\"to\":\"1\"},"
          "\"payload\":\"x\"" TEXT },
        { "no UTF-8", "", BERTH_STR_INIT("\xff\x00\x01"),
          "\"properties\":{},\"systemProperties\":{},\"payload\":\"/wAB\","
          "\"payloadEncoding\":\"base64\"}" },
        { "a control character", "", BERTH_STR_INIT("\x1b[2J"),
          "\"properties\":{},\"systemProperties\":{},\"payload\":\"G1sySg==\","
          "\"payloadEncoding\":\"base64\"}" },
        { "a NUL", "", BERTH_STR_INIT("a\0b"),
          "\"properties\":{},\"systemProperties\":{},\"payload\":\"YQBi\","
          "\"payloadEncoding\":\"base64\"}" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct berth_json doc;
        berth_str got;

        CHECK(cases[i].name, put(cases[i].bag, cases[i].payload, &got) == BERTH_OK);
        CHECK(cases[i].name, berth_json_check(got, &doc, NULL) == BERTH_OK);
        if (!berth_str_skip(&got, BERTH_STR(HEAD)) ||
            !berth_str_eq(got, berth_str_of(cases[i].want)))
            fail_msg("%s: %.*s", cases[i].name, BERTH_STR_ARG(got));
    }
}

static void test_property_bound(void **state)
{
    static char bag[1 << 14];
    struct berth_json doc;
    berth_str got;
    size_t n = 0;

    (void)state;
    for (int i = 0; i <= BERTH_HUB_EVENT_PROPERTIES_MAX; i++)
        n += (size_t)snprintf(bag + n, sizeof bag - n, "p%d=%d&", i, i);
    assert_int_equal(put(bag, BERTH_STR("x"), &got), BERTH_OK);
    assert_int_equal(berth_json_check(got, &doc, NULL), BERTH_OK);
    assert_int_equal(berth_json_count(berth_json_get(doc, BERTH_STR("properties"))),
                     BERTH_HUB_EVENT_PROPERTIES_MAX);
}

/* Too little room of either kind is told; with more of it nothing but the same comes out. */
static void test_room(void **state)
{
    struct berth_hub_event e = { .device_id = BERTH_STR("d"),
                                 .bag = BERTH_STR("a=%20b&$.ct=c"),
                                 .payload = BERTH_STR("p") };
    char room[256];
    max_align_t memory[1 << 10];
    struct berth_arena a;
    struct berth_buf b;
    size_t needed;

    (void)state;
    berth_buf_init(&b, room, sizeof room);
    berth_arena_init(&a, memory, sizeof memory);
    assert_int_equal(berth_hub_event_put(&b, &e, &a), BERTH_OK);
    needed = b.n;
    for (size_t n = 0; n <= needed; n++) {
        berth_buf_init(&b, room, n);
        berth_arena_init(&a, memory, sizeof memory);
        assert_int_equal(berth_hub_event_put(&b, &e, &a), n < needed ? BERTH_E_FULL : BERTH_OK);
    }
    berth_buf_init(&b, room, sizeof room);
    berth_arena_init(&a, memory, sizeof memory);
    assert_int_equal(berth_hub_event_put(&b, &e, &a), BERTH_OK);
    needed = a.n;
    for (size_t n = 0; n <= needed; n++) {
        berth_buf_init(&b, room, sizeof room);
        berth_arena_init(&a, memory, n);
        assert_int_equal(berth_hub_event_put(&b, &e, &a), n < needed ? BERTH_E_FULL : BERTH_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_property_bound),
        cmocka_unit_test(test_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
