/* cli/list: what a filter lets through; cli/ca_fetch: fingerprints; cli/profiles: names. */
#include <string.h>

#include "check.h"
#include "cli/ca_fetch.h"
#include "cli/list.h"
#include "cli/profiles.h"

static void test_fits(void **state)
{
    static const char item[] =
        "{\"id\":\"Pump-1\",\"n\":7,\"on\":true,\"hubs\":[\"a.example\",\"b.example\"],"
        "\"rights\":\"RegistryRead, ServiceConnect\",\"time\":\"2026-01-02T03:04:05.1230000Z\","
        "\"none\":null}";
    static const struct {
        const char *name, *member, *value;
        enum list_match match;
        bool fits;
    } cases[] = {
        { "the same", "id", "pump-1", LIST_IS, true },
        { "a part is not the same", "id", "pump", LIST_IS, false },
        { "more is not", "id", "pump-12", LIST_IS, false },
        { "it begins so", "id", "PUMP", LIST_STARTS, true },
        { "it is whole", "id", "pump-1", LIST_STARTS, true },
        { "it is shorter", "id", "pump-12", LIST_STARTS, false },
        { "it ends so", "id", "1", LIST_STARTS, false },
        { "a number", "n", "7", LIST_IS, true },
        { "another number", "n", "70", LIST_IS, false },
        { "truth", "on", "true", LIST_IS, true },
        { "no truth", "on", "false", LIST_IS, false },
        { "the last of an array", "hubs", "B.example", LIST_HAS, true },
        { "none of an array", "hubs", "example", LIST_HAS, false },
        { "the last of a text", "rights", "serviceconnect", LIST_HAS, true },
        { "a part of one of a text", "rights", "Registry", LIST_HAS, false },
        { "later", "time", "2026-01-02T03:04:05.1220000Z", LIST_SINCE, true },
        { "at once", "time", "2026-01-02T03:04:05.1230000Z", LIST_SINCE, true },
        { "earlier", "time", "2026-01-02T03:04:05.1240000Z", LIST_SINCE, false },
        { "nothing there", "absent", "a", LIST_IS, false },
        { "nothing there, of many", "absent", "a", LIST_HAS, false },
        { "the service's matter", "absent", "a", LIST_ASKS, true },
    };
    struct berth_json doc;

    (void)state;
    assert_int_equal(berth_json_check(berth_str_of(item), &doc, NULL), BERTH_OK);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct list_filter f = { .match = cases[i].match, .member = cases[i].member };

        CHECK(cases[i].name, list_fits(&f, cases[i].value, doc) == cases[i].fits);
    }
}

static void test_fingerprints(void **state)
{
    static const struct {
        const char *given;
        bool same;
    } cases[] = {
        { "E7:1D:0A", true }, { "e7:1d:0a", true }, { "E71D0A", true },       { "e71d0a", true },
        { "E7:1D", false },   { "", false },        { "E7:1D:0A:", true },    { "E7:1D:0B", false },
        { "E71D0A0", false }, { ":", false },       { "E7:1D:0A:00", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(cases[i].given, ca_fetch_is("E7:1D:0A", cases[i].given) == cases[i].same);
}

static void test_names(void **state)
{
    char name[PROFILES_NAME_MAX + 2];

    (void)state;
    CHECK("a name", profiles_name_is_valid("plant-2_b"));
    CHECK("a file", !profiles_name_is_valid("profile.ini"));
    CHECK("a path", !profiles_name_is_valid("./profile"));
    CHECK("nothing", !profiles_name_is_valid(""));
    memset(name, 'a', sizeof name);
    name[PROFILES_NAME_MAX + 1] = '\0';
    CHECK("over the bound", !profiles_name_is_valid(name));
    name[PROFILES_NAME_MAX] = '\0';
    CHECK("at the bound", profiles_name_is_valid(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fits),
        cmocka_unit_test(test_fingerprints),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
