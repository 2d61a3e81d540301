/* tests/store/conformance_parts.h - the suite's tests by subject. Each takes the struct conformance
 * as its state. */
#ifndef TESTS_STORE_CONFORMANCE_PARTS_H
#define TESTS_STORE_CONFORMANCE_PARTS_H

#include "tests/store/door.h"
#include "tests/unit/check.h"

#define BIT(kind) (1u << (kind))

struct bench_of_one { /* a fresh store with one door */
    const struct conformance *of;
    void *store;
    struct door door;
};
void one_open(struct bench_of_one *b, void **state, unsigned watch_kinds);
void one_close(struct bench_of_one *b);

/* conformance_records.c */
void test_record_comes_back(void **state);
void test_times_and_replacing(void **state);
void test_kinds_and_scopes_apart(void **state);
void test_bounds(void **state);
void test_count(void **state);

/* conformance_lists.c */
void test_list_order_and_paging(void **state);
void test_list_by_owner(void **state);
void test_list_all_scopes(void **state);
void test_list_of_large_records(void **state);

/* conformance_commits.c */
void test_expectations(void **state);
void test_limit(void **state);
void test_all_or_none(void **state);
void test_changes_in_order(void **state);
void test_versions_never_reused(void **state);

/* conformance_events.c */
void test_only_deliver_tells(void **state);
void test_watcher_is_told(void **state);
void test_watcher_is_not_told(void **state);
void test_watchers_before_completions(void **state);
void test_detach_ends_calls(void **state);

/* conformance_threads.c */
void test_no_lost_update(void **state);
void test_told_means_seen(void **state);
void test_replies_and_changes_add_up(void **state);

#endif
