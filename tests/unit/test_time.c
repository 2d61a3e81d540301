/* Points in time as their text, judged by the C library's own calendar. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "check.h"

#define FIRST_MS (-62135596800000) /* 0001-01-01T00:00:00.000 */
#define LAST_MS  253402300799999   /* 9999-12-31T23:59:59.999 */

static const struct {
    const char *want;
    int64_t ms;
} cases[] = {
    { "1970-01-01T00:00:00.0000000Z", 0 },
    { "1970-01-01T00:00:00.0010000Z", 1 },
    { "1969-12-31T23:59:59.9990000Z", -1 },
    { "2024-01-02T03:04:05.1230000Z", 1704164645123 },
    { "2024-02-29T23:59:59.9990000Z", 1709251199999 },
    { "2024-03-01T00:00:00.0000000Z", 1709251200000 },
    { "2000-02-29T00:00:00.0000000Z", 951782400000 },
    { "2100-02-28T23:59:59.0000000Z", 4107542399000 },
    { "2100-03-01T00:00:00.0000000Z", 4107542400000 },
    { "2038-01-19T03:14:08.0000000Z", 2147483648000 },
    { "0001-01-01T00:00:00.0000000Z", FIRST_MS },
    { "9999-12-31T23:59:59.9990000Z", LAST_MS },
    { "0001-01-01T00:00:00Z", BERTH_TIME_NEVER },
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char storage[32];
        struct berth_buf b;

        berth_buf_init(&b, storage, sizeof storage);
        berth_time_put(&b, cases[i].ms);
        CHECK(cases[i].want, berth_str_eq(berth_buf_str(&b), berth_str_of(cases[i].want)));
        berth_buf_init(&b, storage, strlen(cases[i].want) - 1);
        berth_time_put(&b, cases[i].ms);
        CHECK(cases[i].want, b.over);
    }
}

static void check_against_libc(int64_t ms)
{
    char storage[32], want[64];
    struct berth_buf b;
    struct tm tm;
    int64_t rest = (ms % 1000 + 1000) % 1000;
    time_t seconds = (ms - rest) / 1000;

    assert_non_null(gmtime_r(&seconds, &tm));
    snprintf(want, sizeof want, "%04d-%02d-%02dT%02d:%02d:%02d.%03d0000Z", tm.tm_year + 1900,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)rest);
    berth_buf_init(&b, storage, sizeof storage);
    berth_time_put(&b, ms);
    CHECK(want, berth_str_eq(berth_buf_str(&b), berth_str_of(want)));
}

/* A step of 17 days and some odd milliseconds meets every month, hour and fraction digit. */
static void test_all_years(void **state)
{
    (void)state;
    for (int64_t ms = FIRST_MS; ms <= LAST_MS; ms += INT64_C(1493717171))
        check_against_libc(ms);
}

/* Both sides of each midnight of four years, a century's end among them. */
static void test_every_day(void **state)
{
    static const int64_t starts[] = { 0, 946684800000, 4070908800000, -2208988800000 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(starts); i++)
        for (int64_t day = 0; day < 4 * 366; day++) {
            check_against_libc(starts[i] + day * 86400000 - 1);
            check_against_libc(starts[i] + day * 86400000);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_all_years),
        cmocka_unit_test(test_every_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
