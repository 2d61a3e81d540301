/* Allocation: which hub gets the device, and which devices move when the hubs change. */
#include "prov/allocate.h"

#include <stdio.h>
#include <string.h>

#include "berth/openssl.h"
#include "prov/reprovision.h"
#include "unit/check.h"
#include "unit/failing_crypto.h"

#define IDS 4000

static struct berth_crypto crypto;

static int set_up(void **state)
{
    (void)state;
    return berth_openssl_init(&crypto) == BERTH_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    berth_openssl_deinit(&crypto);
    return 0;
}

#define HUB(name, weight)                                                                          \
    {                                                                                              \
        BERTH_STR_INIT(name ".example"), weight, true, 1                                           \
    }

static struct berth_catalog catalog_of(const struct berth_hub *hubs, size_t count)
{
    return (struct berth_catalog){ .hubs = hubs, .hub_count = count };
}

static const struct berth_hub *choose(const struct berth_enrollment *e,
                                      const struct berth_catalog *c, unsigned id)
{
    const struct berth_hub *hub;
    enum berth_reason why;
    char key[32];

    (void)snprintf(key, sizeof key, "sn-%05u", id);
    assert_int_equal(berth_allocate(&crypto, e, c, berth_str_of(key), &hub, &why), BERTH_OK);
    assert_int_equal(why, BERTH_WHY_NONE);
    assert_non_null(hub);
    return hub;
}

/* The IDs are fixed, and so is the outcome: the tolerance is what another hash would need. Five
 * standard deviations of a binomial distribution of 4000 are 158 at most. */
static void test_weights(void **state)
{
    static const struct berth_hub hubs[] = { HUB("a", 1), HUB("b", 1), HUB("c", 2), HUB("d", 4),
                                             HUB("e", 1000) };
    static const struct {
        const char *name;
        size_t hubs;
        unsigned share[5]; /* of IDS */
    } cases[] = {
        { "one", 1, { 4000 } },
        { "two alike", 2, { 2000, 2000 } },
        { "one, one, two", 3, { 1000, 1000, 2000 } },
        { "one, one, two, four", 4, { 500, 500, 1000, 2000 } },
        { "one of a thousand", 5, { 4, 4, 8, 16, 3968 } },
    };
    struct berth_enrollment e = { .allocation = BERTH_ALLOCATE_HASHED };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct berth_catalog c = catalog_of(hubs, cases[i].hubs);
        unsigned got[5] = { 0 };
        for (unsigned id = 0; id < IDS; id++)
            got[choose(&e, &c, id) - hubs]++;
        for (size_t h = 0; h < cases[i].hubs; h++) {
            unsigned want = cases[i].share[h];
            unsigned slack = want < 50 ? 20 : 158;
            if (got[h] + slack < want || got[h] > want + slack)
                fail_msg("%s: hub %zu got %u, not about %u", cases[i].name, h, got[h], want);
        }
    }
}

/* The outcome is a promise to devices that register again: another hash would move them all. */
static void test_choice_is_kept_for_ever(void **state)
{
    static const struct berth_hub hubs[] = { HUB("a", 1), HUB("b", 1), HUB("c", 1) };
    struct berth_enrollment e = { .allocation = BERTH_ALLOCATE_HASHED };
    struct berth_catalog c = catalog_of(hubs, 3);
    char got[33] = "";

    (void)state;
    for (unsigned id = 0; id < 32; id++)
        got[id] = choose(&e, &c, id)->host_name.p[0];
    assert_string_equal(got, "abaaacccbaabacbabaaccbcbcbcaaabb");
}

static void test_order_of_hubs_does_not_matter(void **state)
{
    static const struct berth_hub one[] = { HUB("a", 1), HUB("b", 2), HUB("c", 3) };
    static const struct berth_hub two[] = { HUB("c", 3), HUB("a", 1), HUB("b", 2) };
    struct berth_enrollment e = { .allocation = BERTH_ALLOCATE_HASHED };
    struct berth_catalog c = catalog_of(one, 3), d = catalog_of(two, 3);

    (void)state;
    for (unsigned id = 0; id < IDS; id++)
        assert_true(berth_str_eq(choose(&e, &c, id)->host_name, choose(&e, &d, id)->host_name));
}

/* BEFORE and AFTER: devices may move to GAINING or away from LOSING, and some do; none moves
 * between the others. */
static void check_moves(const char *name, const struct berth_catalog *before,
                        const struct berth_catalog *after, const char *gaining, const char *losing)
{
    struct berth_enrollment e = { .allocation = BERTH_ALLOCATE_HASHED };
    unsigned moved = 0;

    for (unsigned id = 0; id < IDS; id++) {
        berth_str was = choose(&e, before, id)->host_name, is = choose(&e, after, id)->host_name;
        if (berth_str_eq(was, is))
            continue;
        moved++;
        CHECK(name, gaining == NULL || berth_str_eq(is, berth_str_of(gaining)));
        CHECK(name, losing == NULL || berth_str_eq(was, berth_str_of(losing)));
    }
    CHECK(name, moved > IDS / 10 && moved < IDS / 2);
}

static void test_few_devices_move(void **state)
{
    static const struct berth_hub hubs[] = { HUB("a", 1), HUB("b", 1), HUB("c", 1), HUB("d", 1) };
    static const struct berth_hub heavier[] = { HUB("a", 1), HUB("b", 1), HUB("c", 3),
                                                HUB("d", 1) };
    struct berth_hub closed[] = { HUB("a", 1), HUB("b", 1), HUB("c", 1), HUB("d", 1) };
    struct berth_catalog three = catalog_of(hubs, 3), four = catalog_of(hubs, 4);
    struct berth_catalog with_heavier = catalog_of(heavier, 4), with_closed = catalog_of(closed, 4);

    (void)state;
    closed[1].takes_devices = false;
    check_moves("a hub more", &three, &four, "d.example", NULL);
    check_moves("a hub less", &four, &three, NULL, "d.example");
    check_moves("more weight", &four, &with_heavier, "c.example", NULL);
    check_moves("a hub takes no more", &four, &with_closed, NULL, "b.example");
}

static void test_candidates(void **state)
{
    struct berth_hub hubs[] = { HUB("a", 1), HUB("b", 1), HUB("c", 1), HUB("d", 1) };
    struct berth_enrollment e = { .hubs = { BERTH_STR("C.Example"), BERTH_STR("a.example"),
                                            BERTH_STR("d.example") },
                                  .hub_count = 3 };
    struct berth_catalog c = catalog_of(hubs, 4);
    unsigned got[4] = { 0 };

    (void)state;
    hubs[3].takes_devices = false;
    for (unsigned id = 0; id < 200; id++)
        got[choose(&e, &c, id) - hubs]++;
    assert_true(got[0] > 0 && got[2] > 0);
    assert_int_equal(got[1] + got[3], 0);
}

/* ---- one device, all policies ---- */

#define HOST(name) BERTH_STR_INIT(name ".example")

static const struct {
    const char *name;
    enum berth_allocation allocation;
    berth_str hubs[2], legacy;
    size_t hub_count;
    const char *want; /* NULL: any hub that takes devices */
    enum berth_reason why;
} policies[] = {
    { "default", BERTH_ALLOCATE_DEFAULT, { { 0 } }, { 0 }, 0, NULL, BERTH_WHY_NONE },
    { "hashed", BERTH_ALLOCATE_HASHED, { { 0 } }, { 0 }, 0, NULL, BERTH_WHY_NONE },
    { "lowest latency", BERTH_ALLOCATE_GEO_LATENCY, { { 0 } }, { 0 }, 0, NULL, BERTH_WHY_NONE },
    { "default and an old host name",
      BERTH_ALLOCATE_DEFAULT,
      { { 0 } },
      HOST("b"),
      0,
      "b.example",
      BERTH_WHY_NONE },
    { "default, an old host name and a list",
      BERTH_ALLOCATE_DEFAULT,
      { HOST("a") },
      HOST("b"),
      1,
      "a.example",
      BERTH_WHY_NONE },
    { "hashed goes by the list, not the old host name",
      BERTH_ALLOCATE_HASHED,
      { HOST("a") },
      HOST("b"),
      1,
      "a.example",
      BERTH_WHY_NONE },
    { "static", BERTH_ALLOCATE_STATIC, { HOST("b") }, { 0 }, 1, "b.example", BERTH_WHY_NONE },
    { "static in capitals",
      BERTH_ALLOCATE_STATIC,
      { HOST("B") },
      { 0 },
      1,
      "b.example",
      BERTH_WHY_NONE },
    { "static by an old host name",
      BERTH_ALLOCATE_STATIC,
      { { 0 } },
      HOST("a"),
      0,
      "a.example",
      BERTH_WHY_NONE },
    { "static without a hub",
      BERTH_ALLOCATE_STATIC,
      { { 0 } },
      { 0 },
      0,
      NULL,
      BERTH_WHY_STATIC_WITHOUT_HUB },
    { "static with two",
      BERTH_ALLOCATE_STATIC,
      { HOST("a"), HOST("b") },
      { 0 },
      2,
      NULL,
      BERTH_WHY_STATIC_WITHOUT_HUB },
    { "static with two and an old host name",
      BERTH_ALLOCATE_STATIC,
      { HOST("a"), HOST("b") },
      HOST("a"),
      2,
      NULL,
      BERTH_WHY_STATIC_WITHOUT_HUB },
    { "static to a hub unknown",
      BERTH_ALLOCATE_STATIC,
      { HOST("z") },
      { 0 },
      1,
      NULL,
      BERTH_WHY_HUB_NOT_LINKED },
    { "static to a hub that takes none",
      BERTH_ALLOCATE_STATIC,
      { HOST("c") },
      { 0 },
      1,
      NULL,
      BERTH_WHY_NO_HUB },
    { "hashed over one unknown",
      BERTH_ALLOCATE_HASHED,
      { HOST("a"), HOST("z") },
      { 0 },
      2,
      NULL,
      BERTH_WHY_HUB_NOT_LINKED },
    { "hashed over one that takes none",
      BERTH_ALLOCATE_HASHED,
      { HOST("c") },
      { 0 },
      1,
      NULL,
      BERTH_WHY_NO_HUB },
    { "one hub twice",
      BERTH_ALLOCATE_HASHED,
      { HOST("b"), HOST("b") },
      { 0 },
      2,
      "b.example",
      BERTH_WHY_NONE },
    { "custom", BERTH_ALLOCATE_CUSTOM, { HOST("a") }, { 0 }, 1, NULL, BERTH_WHY_CUSTOM_ALLOCATION },
};

static void test_policies(void **state)
{
    struct berth_hub hubs[] = { HUB("a", 1), HUB("b", 1), HUB("c", 1) };
    struct berth_catalog c = catalog_of(hubs, 3);

    (void)state;
    hubs[2].takes_devices = false;
    for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
        struct berth_enrollment e = { .allocation = policies[i].allocation,
                                      .hub_count = policies[i].hub_count,
                                      .legacy_hub = policies[i].legacy };
        const struct berth_hub *hub = hubs;
        enum berth_reason why;
        memcpy(e.hubs, policies[i].hubs, sizeof policies[i].hubs);
        CHECK(policies[i].name,
              berth_allocate(&crypto, &e, &c, BERTH_STR("sn-1"), &hub, &why) == BERTH_OK);
        CHECK(policies[i].name, why == policies[i].why);
        CHECK(policies[i].name, (hub == NULL) == (why != BERTH_WHY_NONE));
        if (hub != NULL && policies[i].want != NULL)
            CHECK(policies[i].name, berth_str_eq(hub->host_name, berth_str_of(policies[i].want)));
        CHECK(policies[i].name, hub == NULL || hub->takes_devices);
    }
}

static void test_unlinked_hub_has_a_name(void **state)
{
    static const struct {
        const char *name;
        berth_str hubs[2], legacy;
        size_t hub_count;
        const char *want;
    } cases[] = {
        { "all are there", { HOST("a"), HOST("B") }, { 0 }, 2, "" },
        { "one of two", { HOST("a"), HOST("z") }, { 0 }, 2, "z.example" },
        { "the first of two", { HOST("y"), HOST("z") }, { 0 }, 2, "y.example" },
        { "none is named", { { 0 } }, { 0 }, 0, "" },
        { "an old host name", { { 0 } }, HOST("z"), 0, "z.example" },
        { "an old host name that is there", { { 0 } }, HOST("a"), 0, "" },
    };
    static const struct berth_hub hubs[] = { HUB("a", 1), HUB("b", 1) };
    struct berth_catalog c = catalog_of(hubs, 2);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct berth_enrollment e = { .hub_count = cases[i].hub_count,
                                      .legacy_hub = cases[i].legacy };
        memcpy(e.hubs, cases[i].hubs, sizeof cases[i].hubs);
        CHECK(cases[i].name,
              berth_str_eq(berth_allocate_unlinked(&e, &c), berth_str_of(cases[i].want)));
    }
}

static void test_no_hub_at_all(void **state)
{
    struct berth_enrollment e = { .allocation = BERTH_ALLOCATE_HASHED };
    struct berth_catalog c = catalog_of(NULL, 0);
    const struct berth_hub *hub;
    enum berth_reason why;

    (void)state;
    assert_int_equal(berth_allocate(&crypto, &e, &c, BERTH_STR("sn-1"), &hub, &why), BERTH_OK);
    assert_null(hub);
    assert_int_equal(why, BERTH_WHY_NO_HUB);
}

static void test_failing_crypto(void **state)
{
    static const struct berth_hub hubs[] = { HUB("a", 1), HUB("b", 1), HUB("c", 1) };
    struct berth_enrollment e = { .allocation = BERTH_ALLOCATE_HASHED };
    struct berth_catalog c = catalog_of(hubs, 3);

    (void)state;
    for (size_t n = 1; n <= 3; n++) {
        struct failing_crypto f;
        const struct berth_hub *hub;
        enum berth_reason why;
        failing_crypto_init(&f, &crypto, n);
        assert_int_equal(berth_allocate(&f.seam, &e, &c, BERTH_STR("sn-1"), &hub, &why),
                         BERTH_E_CRYPTO);
        assert_null(hub);
    }
}

/* ---- whether the choice counts ---- */

static void test_hub_kept_or_left(void **state)
{
    static const struct berth_hub hubs[] = { HUB("a", 1), HUB("b", 1) };
    static const struct {
        const char *name, *present;
        bool update, chosen;
        const char *want;
    } cases[] = {
        { "first registration", NULL, true, true, "b.example" },
        { "first registration, never move", NULL, false, true, "b.example" },
        { "moves", "a.example", true, true, "b.example" },
        { "stays", "a.example", false, true, "a.example" },
        { "stays though no hub could be chosen", "a.example", false, false, "a.example" },
        { "cannot stay in a hub that is gone", "z.example", false, true, "b.example" },
        { "nowhere to go", "a.example", true, false, "" },
    };
    struct berth_catalog c = catalog_of(hubs, 2);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct berth_enrollment e = { .reprovision_update_hub = cases[i].update };
        struct berth_registration previous = { .assigned_hub = berth_str_of(cases[i].present) };
        berth_str got = berth_reprovision_hub(&e, cases[i].present == NULL ? NULL : &previous,
                                              cases[i].chosen ? &hubs[1] : NULL, &c);
        CHECK(cases[i].name, berth_str_eq(got, berth_str_of(cases[i].want)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_choice_is_kept_for_ever),
        cmocka_unit_test(test_order_of_hubs_does_not_matter),
        cmocka_unit_test(test_few_devices_move),
        cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_policies),
        cmocka_unit_test(test_unlinked_hub_has_a_name),
        cmocka_unit_test(test_no_hub_at_all),
        cmocka_unit_test(test_failing_crypto),
        cmocka_unit_test(test_hub_kept_or_left),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
