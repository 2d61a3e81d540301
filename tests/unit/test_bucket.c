#include "check.h"

#include "base/bucket.h"
#include "base/siphash.h"

static const struct {
    const char *name;
    struct berth_bucket_rule rule;
    unsigned takes;    /* at time 1000, all of which succeed */
    int64_t then_ms;   /* when the next is asked for */
    int64_t want_wait; /* its answer */
} cases[] = {
    { "the last of the burst", { 3, 60 }, 2, 1000, 0 },
    { "one beyond the burst", { 3, 60 }, 3, 1000, 1000 },
    { "a token is back to the millisecond", { 3, 60 }, 3, 2000, 0 },
    { "a millisecond early", { 3, 60 }, 3, 1999, 1 },
    { "the wait is rounded up", { 1, 7 }, 1, 1000, 8572 },
    { "and that is when there is one", { 1, 7 }, 1, 9572, 0 },
    { "not a millisecond before", { 1, 7 }, 1, 9571, 1 },
    { "time going back refills nothing", { 1, 60 }, 1, -5000, 1000 },
    { "a slow rule", { 1, 1 }, 1, 1000, 60000 },
    { "never refilled", { 1, 0 }, 1, INT64_MAX, BERTH_BUCKET_NEVER },
    { "no capacity", { 0, 60 }, 0, 1000, BERTH_BUCKET_NEVER },
    { "the largest rule, after all time", { UINT32_MAX, UINT32_MAX }, 1, INT64_MAX, 0 },
};

static void test_bucket(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct berth_bucket b;

        berth_bucket_init(&b, &cases[i].rule, 1000);
        for (unsigned k = 0; k < cases[i].takes; k++)
            CHECK(cases[i].name, berth_bucket_take(&b, &cases[i].rule, 1000) == 0);
        CHECK(cases[i].name,
              berth_bucket_wait(&b, &cases[i].rule, cases[i].then_ms) == cases[i].want_wait);
        CHECK(cases[i].name,
              berth_bucket_take(&b, &cases[i].rule, cases[i].then_ms) == cases[i].want_wait);
    }
}

static void test_never_more_than_full(void **state)
{
    const struct berth_bucket_rule rule = { 5, 60 };
    struct berth_bucket b;
    unsigned taken = 0;

    (void)state;
    berth_bucket_init(&b, &rule, 0);
    CHECK("emptied a bit", berth_bucket_take(&b, &rule, 0) == 0);
    while (taken < 100 && berth_bucket_take(&b, &rule, 1000000) == 0)
        taken++;
    assert_int_equal(taken, 5);
}

/* Refused takes must not push the next token away. */
static void test_asking_costs_nothing(void **state)
{
    const struct berth_bucket_rule rule = { 1, 60 };
    struct berth_bucket b;

    (void)state;
    berth_bucket_init(&b, &rule, 0);
    CHECK("first", berth_bucket_take(&b, &rule, 0) == 0);
    for (int64_t ms = 1; ms < 1000; ms++)
        CHECK("refused", berth_bucket_take(&b, &rule, ms) == 1000 - ms);
    CHECK("after a second", berth_bucket_take(&b, &rule, 1000) == 0);
}

/* From the reference implementation's vectors: key 00..0f, input 00,01,.. */
static void test_siphash(void **state)
{
    static const struct {
        size_t n;
        uint64_t want;
    } vectors[] = {
        { 0, 0x726fdb47dd0e0e31u },
        { 1, 0x74f839c593dc67fdu },
        { 8, 0x93f5f5799a932462u },
        { 15, 0xa129ca6149be45e5u },
    };
    uint8_t key[BERTH_SIPHASH_KEY_SIZE];
    char input[16];

    (void)state;
    for (size_t i = 0; i < sizeof key; i++)
        input[i] = (char)(key[i] = (uint8_t)i);
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
        assert_true(berth_siphash(key, (berth_str){ input, vectors[i].n }) == vectors[i].want);
    key[15] ^= 1;
    assert_true(berth_siphash(key, (berth_str){ input, 15 }) != vectors[3].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket),
        cmocka_unit_test(test_never_more_than_full),
        cmocka_unit_test(test_asking_costs_nothing),
        cmocka_unit_test(test_siphash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
