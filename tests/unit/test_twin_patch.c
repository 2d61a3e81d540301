#include "check.h"

#include <string.h>

#include "hub/device.h"
#include "wire/json.h"

static const struct {
    const char *name, *before, *after, *want;
} cases[] = {
    { "nothing differs", "{\"a\":1}", "{\"a\":1}", "{\"$version\":4}" },
    { "a new name", "{}", "{\"a\":1}", "{\"a\":1,\"$version\":4}" },
    { "another value", "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":3}", "{\"b\":3,\"$version\":4}" },
    { "a name that went", "{\"a\":1,\"b\":2}", "{\"b\":2}", "{\"a\":null,\"$version\":4}" },
    { "all went", "{\"a\":1,\"b\":{}}", "{}", "{\"a\":null,\"b\":null,\"$version\":4}" },
    { "within an object", "{\"o\":{\"a\":1,\"b\":2,\"c\":3}}", "{\"o\":{\"b\":2,\"c\":4,\"d\":5}}",
      "{\"o\":{\"a\":null,\"c\":4,\"d\":5},\"$version\":4}" },
    { "an object instead of a value", "{\"o\":1}", "{\"o\":{\"a\":1}}",
      "{\"o\":{\"a\":1},\"$version\":4}" },
    { "a value instead of an object", "{\"o\":{\"a\":1}}", "{\"o\":true}",
      "{\"o\":true,\"$version\":4}" },
    { "arrays as a whole", "{\"l\":[1,2]}", "{\"l\":[1,3]}", "{\"l\":[1,3],\"$version\":4}" },
    { "numbers as written", "{\"n\":1.10}", "{\"n\":1.1}", "{\"n\":1.1,\"$version\":4}" },
    { "another order", "{\"a\":1,\"b\":2,\"c\":3}", "{\"c\":3,\"a\":1,\"b\":9}",
      "{\"b\":9,\"$version\":4}" },
    { "escapes in names", "{\"a\\\"b\":1}", "{\"a\\\"b\":2}", "{\"a\\\"b\":2,\"$version\":4}" },
    { "a name that begins another", "{\"ab\":1,\"a\":1}", "{\"a\":1}",
      "{\"ab\":null,\"$version\":4}" },
};

static void test_patches(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct berth_twin_section after = { .values = berth_str_of(cases[i].after), .version = 4 };
        char storage[256];
        struct berth_json doc;
        struct berth_buf b;

        berth_buf_init(&b, storage, sizeof storage);
        berth_twin_patch_put(&b, berth_str_of(cases[i].before), &after);
        CHECK(cases[i].name, berth_json_check(berth_buf_str(&b), &doc, NULL) == BERTH_OK);
        if (!berth_str_eq(berth_buf_str(&b), berth_str_of(cases[i].want)))
            fail_msg("%s: %.*s", cases[i].name, BERTH_STR_ARG(berth_buf_str(&b)));
    }
}

/* What a device makes of the patches is what the hub has: applied as the hub itself would. */
static void test_round_trip(void **state)
{
    static unsigned char memory[1 << 20];
    struct berth_arena a;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct berth_twin_section after = { .values = berth_str_of(cases[i].after), .version = 4 };
        char storage[256];
        struct berth_refusal why;
        struct berth_hub_device d;
        struct berth_buf b;

        berth_arena_init(&a, memory, sizeof memory);
        berth_hub_device_init(&d, BERTH_STR("h"), BERTH_STR("d"), 1, 0);
        d.reported.values = berth_str_of(cases[i].before);
        berth_buf_init(&b, storage, sizeof storage);
        berth_twin_patch_put(&b, d.reported.values, &after);
        CHECK(cases[i].name, berth_twin_report(&d, berth_buf_str(&b), 1, &a, &why) == BERTH_OK);
        berth_buf_reset(&b);
        berth_twin_patch_put(&b, d.reported.values, &after);
        if (!berth_str_eq(berth_buf_str(&b), BERTH_STR("{\"$version\":4}")))
            fail_msg("%s: %.*s", cases[i].name, BERTH_STR_ARG(d.reported.values));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patches),
        cmocka_unit_test(test_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
