#include "tests/store/conformance.h"

#include "tests/store/conformance_parts.h"

void one_open(struct bench_of_one *b, void **state, unsigned watch_kinds)
{
    b->of = *state;
    b->store = b->of->open(b->of->user);
    door_open(&b->door, b->of, b->store, watch_kinds);
}

void one_close(struct bench_of_one *b)
{
    door_close(&b->door);
    b->of->close(b->store);
}

int conformance_run(const struct conformance *subject)
{
    struct conformance copy = *subject;
#define TEST(f) cmocka_unit_test_prestate(f, &copy)
    const struct CMUnitTest tests[] = {
        TEST(test_record_comes_back),
        TEST(test_times_and_replacing),
        TEST(test_kinds_and_scopes_apart),
        TEST(test_bounds),
        TEST(test_count),
        TEST(test_list_order_and_paging),
        TEST(test_list_by_owner),
        TEST(test_list_all_scopes),
        TEST(test_list_of_large_records),
        TEST(test_expectations),
        TEST(test_limit),
        TEST(test_all_or_none),
        TEST(test_changes_in_order),
        TEST(test_versions_never_reused),
        TEST(test_only_deliver_tells),
        TEST(test_watcher_is_told),
        TEST(test_watcher_is_not_told),
        TEST(test_watchers_before_completions),
        TEST(test_detach_ends_calls),
        TEST(test_no_lost_update),
        TEST(test_told_means_seen),
        TEST(test_replies_and_changes_add_up),
    };
#undef TEST
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
