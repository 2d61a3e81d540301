#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "front/refusals.h"

#define NOW      1000000
#define ROOM     4096 /* of device refusals */
#define ADDERS   4
#define ADD_EACH 2000

static struct refusals *r;

static int setup(void **state)
{
    (void)state;
    return refusals_new(&r) == BERTH_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    refusals_free(r);
    return 0;
}

/* A device's refusal with tracking ID and registration ID "t<N>" and "d<N>". */
static struct refusal_handle add_device(int n, int64_t now_ms)
{
    char tracking[REFUSAL_TRACKING_SIZE], id[16];

    snprintf(tracking, sizeof tracking, "t%d", n);
    snprintf(id, sizeof id, "d%d", n);
    return refusals_add(r,
                        &(struct refusal_note){ .kind = REFUSAL_DEVICE,
                                                .reason = BERTH_WHY_SIGNATURE_UNKNOWN,
                                                .tracking = tracking,
                                                .peer = "192.0.2.1:4711",
                                                .registration_id = berth_str_of(id),
                                                .transport = "mqtts",
                                                .pending = true },
                        now_ms);
}

static size_t find(const struct refusal_query *q, struct refusal *out, size_t max)
{
    return refusals_find(r, q, NOW, out, max);
}

static size_t find_about(const char *about)
{
    struct refusal out[10];

    return find(&(struct refusal_query){ .about = berth_str_of(about) }, out, 10);
}

static void test_newest_first(void **state)
{
    struct refusal out[REFUSALS_LIST_MAX];
    struct refusal_query all = { 0 };

    (void)state;
    CHECK("empty", find(&all, out, 10) == 0);
    for (int i = 0; i < 5; i++)
        add_device(i, NOW + i);
    CHECK("five", find(&all, out, 10) == 5);
    CHECK("newest", strcmp(out[0].tracking, "t4") == 0 && out[0].last_ms == NOW + 4);
    CHECK("oldest", strcmp(out[4].tracking, "t0") == 0);
    CHECK("all there is", strcmp(out[0].registration_id, "d4") == 0 && out[0].count == 1 &&
                              strcmp(out[0].peer, "192.0.2.1:4711") == 0 &&
                              strcmp(out[0].transport, "mqtts") == 0 &&
                              out[0].reason == BERTH_WHY_SIGNATURE_UNKNOWN &&
                              out[0].examined == REFUSAL_PENDING);
    CHECK("two of them", find(&all, out, 2) == 2 && strcmp(out[1].tracking, "t3") == 0);
    CHECK("none of them", find(&all, out, 0) == 0);
    CHECK("counted", refusals_recorded(r) == 5);
}

static void test_bound_of_count(void **state)
{
    struct refusal out[REFUSALS_LIST_MAX];
    struct refusal_query all = { 0 };

    (void)state;
    refusals_add(r,
                 &(struct refusal_note){ .kind = REFUSAL_SERVICE,
                                         .reason = BERTH_WHY_ROUTE_UNKNOWN,
                                         .tracking = "service" },
                 NOW);
    for (int i = 0; i < ROOM; i++)
        add_device(i, NOW);
    CHECK("as many as there is room for", find_about("d0") == 1);
    add_device(ROOM, NOW);
    CHECK("the oldest makes room", find_about("d0") == 0 && find_about("d1") == 1);
    for (int i = 0; i < 3 * ROOM; i++)
        add_device(i, NOW);
    CHECK("a flood of one kind pushes out no other", find_about("service") == 1);
    CHECK("a list has a bound", find(&all, out, REFUSALS_LIST_MAX) == REFUSALS_LIST_MAX);
}

static void test_bound_of_age(void **state)
{
    struct refusal_query all = { 0 };
    struct refusal out[4];

    (void)state;
    add_device(1, NOW);
    add_device(2, NOW + 10);
    CHECK("at its age", refusals_find(r, &all, NOW + REFUSALS_AGE_MS, out, 4) == 2);
    CHECK("past it", refusals_find(r, &all, NOW + REFUSALS_AGE_MS + 1, out, 4) == 1);
    CHECK("forgotten for good", refusals_find(r, &all, NOW, out, 4) == 1);
    CHECK("all", refusals_find(r, &all, NOW + 2 * REFUSALS_AGE_MS, out, 4) == 0);
    add_device(3, NOW + 2 * REFUSALS_AGE_MS);
    CHECK("afterwards", refusals_find(r, &all, NOW + 2 * REFUSALS_AGE_MS, out, 4) == 1);
}

static void test_queries(void **state)
{
    static const struct {
        const char *name, *tracking, *registration, *peer, *about;
        size_t want;
    } cases[] = {
        { "tracking ID", "T1", NULL, NULL, NULL, 1 },
        { "registration ID in another case", NULL, "D1", NULL, NULL, 1 },
        { "registration ID is no tracking ID", "d1", NULL, NULL, NULL, 0 },
        { "address", NULL, NULL, "192.0.2.1", NULL, 2 },
        { "address and port", NULL, NULL, "192.0.2.1:4711", NULL, 2 },
        { "address with another port", NULL, NULL, "192.0.2.1:1", NULL, 2 },
        { "another address", NULL, NULL, "192.0.2.11", NULL, 0 },
        { "the beginning of an address", NULL, NULL, "192.0.2", NULL, 0 },
        { "IPv6", NULL, NULL, "2001:db8::1", NULL, 1 },
        { "IPv6 in brackets", NULL, NULL, "[2001:DB8::1]", NULL, 1 },
        { "IPv6 with port", NULL, NULL, "[2001:db8::1]:5", NULL, 1 },
        { "both", NULL, "d1", "192.0.2.1", NULL, 1 },
        { "both, of different refusals", "t2", "d1", NULL, NULL, 0 },
        { "about an address", NULL, NULL, NULL, "2001:db8::1", 1 },
        { "about an ID that looks like an address", NULL, NULL, NULL, "aa:bb:cc:dd:ee:ff", 1 },
        { "about nothing", NULL, NULL, NULL, "", 0 },
        { "all", NULL, NULL, NULL, NULL, 4 },
    };

    (void)state;
    add_device(1, NOW);
    add_device(2, NOW);
    refusals_add(r,
                 &(struct refusal_note){ .kind = REFUSAL_CONNECTION,
                                         .reason = BERTH_WHY_TLS_CA_UNKNOWN,
                                         .peer = "[2001:db8::1]:443" },
                 NOW);
    refusals_add(r,
                 &(struct refusal_note){ .kind = REFUSAL_DEVICE,
                                         .reason = BERTH_WHY_TOKEN_EXPIRED,
                                         .registration_id = BERTH_STR("aa:bb:cc:dd:ee:ff") },
                 NOW);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct refusal out[10];
        struct refusal_query q = { .tracking = berth_str_of(cases[i].tracking),
                                   .registration = berth_str_of(cases[i].registration),
                                   .peer = berth_str_of(cases[i].peer),
                                   .about = berth_str_of(cases[i].about) };

        CHECK(cases[i].name, find(&q, out, 10) == cases[i].want);
    }
}

static void connect_from(const char *peer, enum berth_reason why, int64_t now_ms)
{
    refusals_add(r,
                 &(struct refusal_note){ .kind = REFUSAL_CONNECTION,
                                         .reason = why,
                                         .peer = peer,
                                         .transport = "https",
                                         .detail = BERTH_STR("tlsv1 alert unknown ca") },
                 now_ms);
}

static void test_repetitions(void **state)
{
    struct refusal_query all = { 0 };
    struct refusal out[10];

    (void)state;
    for (int i = 0; i < 100; i++)
        connect_from("192.0.2.1:1", BERTH_WHY_TLS_CA_UNKNOWN, NOW + i);
    connect_from("192.0.2.2:1", BERTH_WHY_TLS_CA_UNKNOWN, NOW + 200);
    connect_from("192.0.2.1:9", BERTH_WHY_TLS_CA_UNKNOWN, NOW + 300);
    connect_from("192.0.2.1:1", BERTH_WHY_PLAIN_HTTP, NOW + 250);
    CHECK("one entry each", find(&all, out, 10) == 3);
    CHECK("a repetition makes it new", out[0].reason == BERTH_WHY_PLAIN_HTTP &&
                                           out[1].count == 101 && out[1].first_ms == NOW &&
                                           out[1].last_ms == NOW + 300);
    connect_from("192.0.2.1:1", BERTH_WHY_TLS_CA_UNKNOWN, NOW + REFUSALS_AGAIN_MS);
    CHECK("still the same", find(&all, out, 10) == 3);
    connect_from("192.0.2.1:1", BERTH_WHY_TLS_CA_UNKNOWN, NOW + REFUSALS_AGAIN_MS + 1);
    CHECK("an entry of its own", find(&all, out, 10) == 4 && out[0].count == 1);
    add_device(1, NOW);
    add_device(1, NOW);
    CHECK("registrations are never one", find_about("d1") == 2);
    for (int i = 0; i < 2; i++)
        refusals_add(r,
                     &(struct refusal_note){ .kind = REFUSAL_CONNECTION,
                                             .reason = BERTH_WHY_WEBSOCKET_EXPECTED,
                                             .tracking = i == 0 ? "w0" : "w1",
                                             .peer = "192.0.2.1:1" },
                     NOW);
    CHECK("nor is what has a tracking ID", find_about("w0") == 1 && find_about("w1") == 1);
    CHECK("all are counted", refusals_recorded(r) == 109);
}

static void test_throttled(void **state)
{
    struct refusal out[10];
    struct refusal_query all = { 0 };
    struct refusal_note n = { .kind = REFUSAL_DEVICE,
                              .reason = BERTH_WHY_THROTTLED_PEER,
                              .tracking = "first",
                              .peer = "192.0.2.1:1" };

    (void)state;
    refusals_add(r, &n, NOW);
    n.tracking = "second";
    refusals_add(r, &n, NOW + 1);
    CHECK("one entry", find(&all, out, 10) == 1 && out[0].count == 2);
    CHECK("found by the latest tracking ID", find_about("second") == 1);
}

static void test_findings(void **state)
{
    struct berth_finding f = { .mistakes = { BERTH_MISTAKE_ID_QUOTED },
                               .count = 1,
                               .proven = true };
    struct refusal_handle first = add_device(1, NOW), second = add_device(2, NOW);
    struct refusal_query all = { 0 };
    struct refusal out[4];

    (void)state;
    refusals_examined(r, second, REFUSAL_EXAMINED, &f, BERTH_STR("group-1"));
    refusals_examined(r, first, REFUSAL_SKIPPED, NULL, (berth_str){ 0 });
    CHECK("both", find(&all, out, 4) == 2);
    CHECK("found", out[0].examined == REFUSAL_EXAMINED && out[0].finding.count == 1 &&
                       out[0].finding.proven && strcmp(out[0].enrollment, "group-1") == 0);
    CHECK("skipped", out[1].examined == REFUSAL_SKIPPED && out[1].finding.count == 0);
    for (int i = 0; i < ROOM; i++)
        add_device(i + 10, NOW);
    refusals_examined(r, second, REFUSAL_EXAMINED, &f, BERTH_STR("late"));
    CHECK("too late", find(&all, out, 4) == 4 && out[0].examined == REFUSAL_PENDING);
    refusals_examined(r, (struct refusal_handle){ 0 }, REFUSAL_EXAMINED, &f, BERTH_STR("none"));
}

static void test_warnings(void **state)
{
    struct refusal_note n = { .kind = REFUSAL_WARNING,
                              .warning = BERTH_MISTAKE_SE_LONG,
                              .off_s = 7,
                              .registration_id = BERTH_STR("d1"),
                              .peer = "192.0.2.1:1" };
    struct refusal_query all = { 0 };
    struct refusal out[4];

    (void)state;
    refusals_add(r, &n, NOW);
    n.off_s = 8;
    refusals_add(r, &n, NOW);
    n.warning = BERTH_MISTAKE_GROUP_CHANGED;
    refusals_add(r, &n, NOW);
    CHECK("two", find(&all, out, 4) == 2);
    CHECK("the latest", out[1].finding.off_s == 8 && out[1].count == 2 &&
                            out[1].finding.mistakes[0] == BERTH_MISTAKE_SE_LONG);
}

static void test_texts(void **state)
{
    char longest[2 * REFUSAL_TEXT_SIZE];
    struct refusal_query all = { 0 };
    struct refusal out[2];

    (void)state;
    memset(longest, 'x', sizeof longest);
    longest[1] = '\n';
    longest[2] = '\x9b';
    refusals_add(r,
                 &(struct refusal_note){ .kind = REFUSAL_DEVICE,
                                         .registration_id = { longest, sizeof longest },
                                         .detail = { longest, sizeof longest } },
                 NOW);
    CHECK("kept", find(&all, out, 2) == 1);
    CHECK("cut", strlen(out[0].registration_id) == BERTH_ID_MAX &&
                     strlen(out[0].detail) == REFUSAL_TEXT_SIZE - 1);
    CHECK("no commands for a terminal", strncmp(out[0].detail, "x??x", 4) == 0);
    CHECK("nowhere to keep it",
          refusals_add(NULL, &(struct refusal_note){ .kind = REFUSAL_DEVICE }, NOW).number == 0);
    CHECK("nowhere to look", refusals_find(NULL, &all, NOW, out, 2) == 0);
}

static void *add_many(void *arg)
{
    for (int i = 0; i < ADD_EACH; i++)
        add_device(*(int *)arg * ADD_EACH + i, NOW);
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t threads[ADDERS];
    int numbers[ADDERS];
    struct refusal out[20];
    struct refusal_query all = { 0 };

    (void)state;
    for (int i = 0; i < ADDERS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, &numbers[i]), 0);
    }
    for (int i = 0; i < 50; i++)
        CHECK("meanwhile", find(&all, out, 20) <= 20);
    for (int i = 0; i < ADDERS; i++)
        pthread_join(threads[i], NULL);
    CHECK("all", refusals_recorded(r) == ADDERS * ADD_EACH);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_newest_first), TEST(test_bound_of_count), TEST(test_bound_of_age),
        TEST(test_queries),      TEST(test_repetitions),    TEST(test_throttled),
        TEST(test_findings),     TEST(test_warnings),       TEST(test_texts),
        TEST(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
