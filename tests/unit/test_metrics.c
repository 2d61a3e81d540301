#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "ops/metrics.h"

static char text[METRICS_TEXT_MAX + 1];

static const char *put(struct metrics *const *blocks, size_t count)
{
    struct berth_buf b;

    berth_buf_init(&b, text, METRICS_TEXT_MAX);
    metrics_put(&b, blocks, count);
    assert_false(b.over);
    text[b.n] = '\0';
    return text;
}

static bool has_line(const char *all, const char *line)
{
    char framed[256];

    (void)snprintf(framed, sizeof framed, "\n%s\n", line);
    return strstr(all, framed) != NULL;
}

static void test_sums_over_blocks(void **state)
{
    static struct metrics a, b;
    struct metrics *const blocks[] = { &a, &b };
    const char *all;

    (void)state;
    metrics_add(&a, http_requests, 2);
    metrics_add(&b, http_requests, 40);
    metrics_add(&a, reasons[BERTH_WHY_TOKEN_EXPIRED], 1);
    metrics_add(&b, reasons[BERTH_WHY_TOKEN_EXPIRED], 6);
    all = put(blocks, 2);
    CHECK("counter", has_line(all, "berth_http_requests_total 42"));
    CHECK("untouched", has_line(all, "berth_mqtt_packets_total 0"));
    CHECK("type", has_line(all, "# TYPE berth_http_requests_total counter"));
    CHECK("gauge", has_line(all, "# TYPE berth_connections_open gauge"));
    CHECK("help", has_line(all, "# HELP berth_connections_open TCP connections open now"));
    CHECK("reason", has_line(all, "berth_refusals_total{reason=\"TOKEN_EXPIRED\"} 7"));
    CHECK("no refusal is no reason", strstr(all, "reason=\"\"") == NULL);
    CHECK("first block alone", has_line(put(blocks, 1), "berth_http_requests_total 2"));
}

static void test_gauge(void **state)
{
    static struct metrics a, b;
    struct metrics *const blocks[] = { &a, &b };

    (void)state;
    metrics_add(&a, connections_open, 3);
    metrics_add(&a, connections_open, -1);
    CHECK("up and down", has_line(put(blocks, 2), "berth_connections_open 2"));
    metrics_add(&b, connections_open, -2);
    CHECK("over two blocks", has_line(put(blocks, 2), "berth_connections_open 0"));
    metrics_add(&b, connections_open, -1);
    CHECK("read between the two", has_line(put(blocks, 2), "berth_connections_open 0"));
}

/* METRICS_TEXT_MAX holds whatever the counters say. */
static void test_room_for_the_largest(void **state)
{
    static struct metrics a;
    struct metrics *const blocks[] = { &a };

    (void)state;
#define X(field, name, type, help) metrics_add(&a, field, INT64_MAX);
    METRICS(X)
#undef X
    for (size_t i = 0; i < BERTH_REASON_COUNT; i++)
        metrics_add(&a, reasons[i], -1);
    CHECK("largest", has_line(put(blocks, 1), "berth_throttled_total 9223372036854775807"));
    CHECK("largest", strstr(text, "\"} 18446744073709551615\n") != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_over_blocks),
        cmocka_unit_test(test_gauge),
        cmocka_unit_test(test_room_for_the_largest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
