#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "check.h"
#include "front/limits.h"

static struct limits *limits_of(uint32_t requests, uint32_t failures)
{
    const struct limits_rates rates = { requests, failures };
    struct limits *l;

    assert_int_equal(limits_new(&rates, &l), BERTH_OK);
    return l;
}

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage s = { .ss_family = AF_INET6 };

    if (inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&s)->sin6_addr) == 1)
        return s;
    s.ss_family = AF_INET;
    assert_int_equal(inet_pton(AF_INET, text, &((struct sockaddr_in *)&s)->sin_addr), 1);
    return s;
}

static unsigned peer(struct limits *l, const char *text, int64_t mono_ms)
{
    struct sockaddr_storage s = address_of(text);

    return limits_peer(l, (const struct sockaddr *)&s, mono_ms);
}

static void fail_times(struct limits *l, const char *text, unsigned times)
{
    struct sockaddr_storage s = address_of(text);

    while (times-- > 0)
        limits_peer_failed(l, (const struct sockaddr *)&s, 0);
}

static void test_device(void **state)
{
    struct limits *l = limits_of(120, 600);
    berth_str name = BERTH_STR("sn-007");

    (void)state;
    for (int i = 0; i < 120; i++)
        CHECK("within the burst", limits_device(l, name, 0) == 0);
    CHECK("beyond it: half a second, told as one", limits_device(l, name, 0) == 1);
    CHECK("another device goes on", limits_device(l, BERTH_STR("sn-008"), 0) == 0);
    CHECK("a millisecond early", limits_device(l, name, 499) == 1);
    CHECK("refilled", limits_device(l, name, 500) == 0);
    CHECK("and used up", limits_device(l, name, 500) == 1);
    limits_free(l);
}

static void test_slow_rate_tells_seconds(void **state)
{
    struct limits *l = limits_of(1, 600);

    (void)state;
    CHECK("first", limits_device(l, BERTH_STR("d"), 0) == 0);
    CHECK("a minute", limits_device(l, BERTH_STR("d"), 0) == 60);
    CHECK("rounded up", limits_device(l, BERTH_STR("d"), 1) == 60);
    limits_free(l);
}

static void test_no_limit(void **state)
{
    struct limits *l = limits_of(0, 0);

    (void)state;
    for (int i = 0; i < 1000; i++)
        CHECK("device", limits_device(l, BERTH_STR("d"), 0) == 0);
    fail_times(l, "192.0.2.1", 1000);
    CHECK("peer", peer(l, "192.0.2.1", 0) == 0);
    limits_free(l);
}

static const struct {
    const char *name, *failing, *asking;
    bool limited;
} peers[] = {
    { "the address itself", "192.0.2.1", "192.0.2.1", true },
    { "its neighbour", "192.0.2.1", "192.0.2.2", false },
    { "the same /64", "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true },
    { "the next /64", "2001:db8:0:1::1", "2001:db8:0:2::1", false },
    { "IPv4 through a dual-stack listener", "192.0.2.1", "::ffff:192.0.2.1", true },
    { "mapped addresses do not share a /64", "::ffff:192.0.2.1", "::ffff:192.0.2.2", false },
};

static void test_peers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
        struct limits *l = limits_of(120, 3);

        fail_times(l, peers[i].failing, 2);
        CHECK(peers[i].name, peer(l, peers[i].asking, 0) == 0);
        fail_times(l, peers[i].failing, 1);
        CHECK(peers[i].name, (peer(l, peers[i].asking, 0) == 20) == peers[i].limited);
        CHECK(peers[i].name, peer(l, peers[i].asking, 20000) == 0);
        limits_free(l);
    }
}

static void test_asking_counts_nothing(void **state)
{
    struct limits *l = limits_of(120, 2);

    (void)state;
    fail_times(l, "192.0.2.1", 1);
    for (int i = 0; i < 100; i++)
        CHECK("asked", peer(l, "192.0.2.1", 0) == 0);
    limits_free(l);
}

static void test_peer_without_address(void **state)
{
    struct limits *l = limits_of(120, 1);
    const struct sockaddr_un local = { .sun_family = AF_UNIX };

    (void)state;
    for (int i = 0; i < 10; i++)
        limits_peer_failed(l, (const struct sockaddr *)&local, 0);
    CHECK("never limited", limits_peer(l, (const struct sockaddr *)&local, 0) == 0);
    limits_free(l);
}

/* Names that come once push out the oldest, and a name in use stays. */
static void test_flood_of_names(void **state)
{
    struct limits *l = limits_of(1, 600);
    char name[32];

    (void)state;
    CHECK("first", limits_device(l, BERTH_STR("busy"), 0) == 0);
    CHECK("first", limits_device(l, BERTH_STR("idle"), 0) == 0);
    for (int i = 0; i < 20 * LIMITS_ENTRIES; i++) {
        int n = snprintf(name, sizeof name, "flood-%d", i);

        CHECK(name, limits_device(l, (berth_str){ name, (size_t)n }, 0) == 0);
        if (i % 100 == 0)
            CHECK(name, limits_device(l, BERTH_STR("busy"), 0) == 60);
    }
    CHECK("the idle one made room", limits_device(l, BERTH_STR("idle"), 0) == 0);
    limits_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_device),
        cmocka_unit_test(test_slow_rate_tells_seconds),
        cmocka_unit_test(test_no_limit),
        cmocka_unit_test(test_peers),
        cmocka_unit_test(test_asking_counts_nothing),
        cmocka_unit_test(test_peer_without_address),
        cmocka_unit_test(test_flood_of_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
