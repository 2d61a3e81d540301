#include "check.h"

#include "bench/load/latency.h"

static const struct {
    const char *name;
    int64_t from, to, step; /* what is added */
    double q;
    int64_t least, most; /* of the quantile: steps are under 1.6 % */
} cases[] = {
    { "none", 1, 0, 1, 0.5, 0, 0 },
    { "one", 70, 70, 1, 0.99, 70, 70 },
    { "below the first power each has a step", 0, 63, 1, 0.5, 32, 32 },
    { "the first of the steps above it", 64, 64, 1, 0.5, 64, 64 },
    { "half of a thousand", 1, 1000, 1, 0.5, 501, 511 },
    { "nine in ten", 1, 1000, 1, 0.9, 901, 917 },
    { "99 in a hundred", 1, 100000, 1, 0.99, 99001, 100000 },
    { "all", 1, 1000, 1, 1, 1000, 1000 },
    { "an hour", 3600000000, 3600000000, 1, 0.5, 3600000000, 3600000000 },
    { "beyond the last step", INT64_MAX, INT64_MAX, 1, 0.5, 130000000000, INT64_MAX },
    { "a clock that went back", -5, -5, 1, 0.5, 0, 0 },
};

static void test_quantiles(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct latency l = { 0 };
        int64_t got;

        for (int64_t us = cases[i].from; us <= cases[i].to; us += cases[i].step) {
            latency_add(&l, us);
            if (us == INT64_MAX)
                break;
        }
        got = latency_quantile(&l, cases[i].q);
        CHECK(cases[i].name, got >= cases[i].least && got <= cases[i].most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_quantiles) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
