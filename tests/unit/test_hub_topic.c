#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "hub/hub_topic.h"

static bool is(berth_str s, const char *text)
{
    return (text == NULL) == (s.p == NULL) && berth_str_eq(s, berth_str_of(text));
}

/* ---- user names ---- */

static const struct {
    const char *name, *in;
    berth_err want;
    const char *hub, *device, *module, *query;
} users[] = {
    { "Node", "hub.example/dev1/?api-version=2021-04-12&DeviceClientType=x", BERTH_OK,
      "hub.example", "dev1", NULL, "api-version=2021-04-12&DeviceClientType=x" },
    { "a raw model ID", "h/d/?api-version=v&model-id=dtmi:a:b;1", BERTH_OK, "h", "d", NULL,
      "api-version=v&model-id=dtmi:a:b;1" },
    { "slashes in the query", "h/d/?DeviceClientType=a/b/c", BERTH_OK, "h", "d", NULL,
      "DeviceClientType=a/b/c" },
    { "a module", "h/d/m/?api-version=v", BERTH_OK, "h", "d", "m", "api-version=v" },
    { "a module without query", "h/d/m", BERTH_OK, "h", "d", "m", "" },
    { "old documentation", "h/d/api-version=2016-11-14", BERTH_OK, "h", "d", NULL,
      "api-version=2016-11-14" },
    { "without query", "h/d", BERTH_OK, "h", "d", NULL, "" },
    { "without query, with the slash", "h/d/", BERTH_OK, "h", "d", NULL, "" },
    { "empty", "", BERTH_E_SYNTAX, NULL, NULL, NULL, NULL },
    { "hub alone", "h", BERTH_E_SYNTAX, NULL, NULL, NULL, NULL },
    { "no device", "h/", BERTH_E_SYNTAX, NULL, NULL, NULL, NULL },
    { "an empty device", "h//?api-version=v", BERTH_E_SYNTAX, NULL, NULL, NULL, NULL },
    { "no hub", "/d/?api-version=v", BERTH_E_SYNTAX, NULL, NULL, NULL, NULL },
    { "an empty module", "h/d//?api-version=v", BERTH_E_SYNTAX, NULL, NULL, NULL, NULL },
    { "a part too many", "h/d/m/n", BERTH_E_SYNTAX, NULL, NULL, NULL, NULL },
};

static void test_user(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        struct berth_hub_user u;

        CHECK(users[i].name, berth_hub_user_parse(berth_str_of(users[i].in), &u) == users[i].want);
        CHECK(users[i].name, is(u.hub, users[i].hub));
        CHECK(users[i].name, is(u.device_id, users[i].device));
        CHECK(users[i].name, is(u.module_id, users[i].module));
        CHECK(users[i].name, is(u.query, users[i].query));
    }
}

/* ---- topics ---- */

#define EVENTS "devices/d/messages/events/"
#define GET    "$iothub/twin/GET/"
#define REPORT "$iothub/twin/PATCH/properties/reported/"

static const struct {
    const char *name, *in;
    enum berth_hub_topic_type type;
    const char *device, *module, *bag, *rid;
} topics[] = {
    { "telemetry", EVENTS, BERTH_HUB_TELEMETRY, "d", NULL, "", NULL },
    { "without the slash", "devices/d/messages/events", BERTH_HUB_TELEMETRY, "d", NULL, "", NULL },
    { "a bag", EVENTS "a=b&%24.ct=x%2Fy", BERTH_HUB_TELEMETRY, "d", NULL, "a=b&%24.ct=x%2Fy",
      NULL },
    { "a raw slash in the bag: C", EVENTS "%24.ct=application/json&a=1", BERTH_HUB_TELEMETRY, "d",
      NULL, "%24.ct=application/json&a=1", NULL },
    { "a module's", "devices/d/modules/m/messages/events/a=b", BERTH_HUB_TELEMETRY, "d", "m", "a=b",
      NULL },
    { "twin read", GET "?$rid=1a-2", BERTH_HUB_TWIN_GET, NULL, NULL, NULL, "1a-2" },
    { "twin read without ID", GET, BERTH_HUB_TWIN_GET, NULL, NULL, NULL, NULL },
    { "twin report", REPORT "?$rid=7", BERTH_HUB_TWIN_REPORT, NULL, NULL, NULL, "7" },
    { "twin report of a version", REPORT "?$version=3&$rid=7", BERTH_HUB_TWIN_REPORT, NULL, NULL,
      NULL, "7" },
    { "method answer", "$iothub/methods/res/200/?$rid=ab", BERTH_HUB_METHOD_ANSWER, NULL, NULL,
      NULL, "ab" },
    { "another below events", "devices/d/messages/eventsX", BERTH_HUB_OTHER, "d", NULL, NULL,
      NULL },
    { "devicebound", "devices/d/messages/devicebound/", BERTH_HUB_OTHER, "d", NULL, NULL, NULL },
    { "twin of old", "$iothub/twin/PUT/", BERTH_HUB_OTHER, NULL, NULL, NULL, NULL },
    { "case counts", "Devices/d/messages/events/", BERTH_HUB_OTHER, NULL, NULL, NULL, NULL },
    { "DPS", "$dps/registrations/PUT/iotdps-register/?$rid=1", BERTH_HUB_OTHER, NULL, NULL, NULL,
      NULL },
    { "empty", "", BERTH_HUB_OTHER, NULL, NULL, NULL, NULL },
};

static void test_topic(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        struct berth_hub_topic t;

        CHECK(topics[i].name, berth_hub_topic_parse(berth_str_of(topics[i].in), &t) == BERTH_OK);
        CHECK(topics[i].name, t.type == topics[i].type);
        CHECK(topics[i].name, is(t.device_id, topics[i].device));
        CHECK(topics[i].name, is(t.module_id, topics[i].module));
        CHECK(topics[i].name, is(t.bag, topics[i].bag));
        CHECK(topics[i].name, is(t.rid, topics[i].rid));
    }
}

static void test_rid_bound(void **state)
{
    char text[sizeof GET "?$rid=" + BERTH_HUB_RID_MAX + 1];
    struct berth_hub_topic t;
    size_t head = strlen(GET "?$rid=");

    (void)state;
    memset(text, 'r', sizeof text);
    memcpy(text, GET "?$rid=", head);
    assert_int_equal(berth_hub_topic_parse((berth_str){ text, head + BERTH_HUB_RID_MAX }, &t),
                     BERTH_OK);
    assert_int_equal(t.rid.n, BERTH_HUB_RID_MAX);
    assert_int_equal(berth_hub_topic_parse((berth_str){ text, head + BERTH_HUB_RID_MAX + 1 }, &t),
                     BERTH_E_RANGE);
}

/* ---- filters ---- */

static void test_filter(void **state)
{
    static const struct {
        const char *name, *in;
        enum berth_hub_filter want;
    } cases[] = {
        { "messages", "devices/d/messages/devicebound/#", BERTH_HUB_FILTER_MESSAGES },
        { "methods", "$iothub/methods/POST/#", BERTH_HUB_FILTER_METHODS },
        { "answers", "$iothub/twin/res/#", BERTH_HUB_FILTER_ANSWERS },
        { "desired", "$iothub/twin/PATCH/properties/desired/#", BERTH_HUB_FILTER_DESIRED },
        { "another device's messages", "devices/e/messages/devicebound/#", BERTH_HUB_FILTERS },
        { "a longer ID", "devices/dd/messages/devicebound/#", BERTH_HUB_FILTERS },
        { "everything", "#", BERTH_HUB_FILTERS },
        { "a wildcard elsewhere", "devices/+/messages/devicebound/#", BERTH_HUB_FILTERS },
        { "no wildcard", "$iothub/twin/res/", BERTH_HUB_FILTERS },
        { "empty", "", BERTH_HUB_FILTERS },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(cases[i].name,
              berth_hub_filter_of(berth_str_of(cases[i].in), BERTH_STR("d")) == cases[i].want);
}

/* ---- what the hub publishes ---- */

static void test_put_topics(void **state)
{
    char storage[128];
    struct berth_buf b;

    (void)state;
    berth_buf_init(&b, storage, sizeof storage);
    berth_hub_answer_topic_put(&b, 200, BERTH_STR("a-1"), 0);
    assert_true(is(berth_buf_str(&b), "$iothub/twin/res/200/?$rid=a-1"));
    berth_buf_reset(&b);
    berth_hub_answer_topic_put(&b, 204, BERTH_STR("7"), 12);
    assert_true(is(berth_buf_str(&b), "$iothub/twin/res/204/?$rid=7&$version=12"));
    berth_buf_reset(&b);
    berth_hub_desired_topic_put(&b, 3);
    assert_true(is(berth_buf_str(&b), "$iothub/twin/PATCH/properties/desired/?$version=3"));
}

/* ---- bags ---- */

static void test_bag(void **state)
{
    static const struct {
        const char *name, *value;
    } want[] = { { "a", "1" }, { "b", "" }, { "c", NULL }, { "d", "x=y" }, { "e", "2" } };
    berth_str bag = BERTH_STR("&a=1&&b=&c&=lost&d=x=y&e=2&");
    struct berth_hub_property p;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        CHECK(want[i].name, berth_hub_bag_next(&bag, &p));
        CHECK(want[i].name, is(p.name, want[i].name));
        CHECK(want[i].name, is(p.value, want[i].value));
    }
    assert_false(berth_hub_bag_next(&bag, &p));
    assert_false(berth_hub_bag_next(&bag, &p));
}

static void test_bag_decode(void **state)
{
    static const struct {
        const char *name, *in, *want;
    } cases[] = {
        { "plain", "abc", "abc" },
        { "upper-case hex", "a%2Fb%20c", "a/b c" },
        { "lower-case hex", "a%2fb", "a/b" },
        { "a plus is a plus", "a+b", "a+b" },
        { "once only", "%2541", "%41" },
        { "two bytes of one letter", "gr%C3%B6%C3%9Fe",
          "gr\xc3\xb6\xc3\x9f"
          "e" },
        { "raw: a broken escape", "100%", "100%" },
        { "raw: one in the middle", "a%2Fb%zz", "a%2Fb%zz" },
        { "raw: no character", "%FF", "%FF" },
        { "raw: a NUL", "%00", "%00" },
        { "empty", "", "" },
    };
    char memory[64];
    struct berth_arena a;
    berth_str got;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        berth_arena_init(&a, memory, sizeof memory);
        CHECK(cases[i].name, berth_hub_bag_decode(berth_str_of(cases[i].in), &a, &got) == BERTH_OK);
        CHECK(cases[i].name, is(got, cases[i].want));
    }
    berth_arena_init(&a, memory, 2);
    assert_int_equal(berth_hub_bag_decode(BERTH_STR("%41%41%41"), &a, &got), BERTH_E_FULL);
}

static void test_system_names(void **state)
{
    (void)state;
    assert_true(is(berth_hub_system_name(BERTH_STR("$.ct")), "contentType"));
    assert_true(is(berth_hub_system_name(BERTH_STR("$.mid")), "messageId"));
    assert_true(is(berth_hub_system_name(BERTH_STR("$.new")), "new"));
    assert_true(is(berth_hub_system_name(BERTH_STR("ct")), NULL));
    assert_true(is(berth_hub_system_name(BERTH_STR("$ct")), NULL));
}

/* ---- every prefix ---- */

static void test_prefixes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(topics) + ARRAY_LEN(users); i++) {
        const char *text = i < ARRAY_LEN(topics) ? topics[i].in : users[i - ARRAY_LEN(topics)].in;

        for (size_t n = 0; n <= strlen(text); n++) {
            char *copy = malloc(n + (n == 0));
            struct berth_hub_property p;
            struct berth_hub_topic t;
            struct berth_hub_user u;
            berth_str s = { copy, n }, bag = s;

            assert_non_null(copy);
            memcpy(copy, text, n);
            assert_int_equal(berth_hub_topic_parse(s, &t), BERTH_OK);
            if (berth_hub_user_parse(s, &u) == BERTH_OK)
                assert_true(u.hub.n > 0 && u.device_id.n > 0);
            (void)berth_hub_filter_of(s, BERTH_STR("d"));
            while (berth_hub_bag_next(&bag, &p))
                assert_true(p.name.n > 0);
            free(copy);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_user),       cmocka_unit_test(test_topic),
        cmocka_unit_test(test_rid_bound),  cmocka_unit_test(test_filter),
        cmocka_unit_test(test_put_topics), cmocka_unit_test(test_bag),
        cmocka_unit_test(test_bag_decode), cmocka_unit_test(test_system_names),
        cmocka_unit_test(test_prefixes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
