/* Reads that look at many more rows than they give back are done a part at a time. */
#include <stdio.h>
#include <string.h>

#include "store/sqlite/reader.h"
#include "tests/store/opened.h"
#include "tests/unit/check.h"

#define DELIVERS_MAX 100

static struct scratch dir;
static struct store *store;
static struct door door;

/* ROWS registrations and as many devices, the last one's owner "last", all others' "common"; every
 * third device has tag 0. */
static void seed(int rows)
{
    static const char form[] =
        "DELETE FROM %s;"
        "INSERT INTO %s (scope, key, name, owner, tag, version, created_ms, updated_ms, body)"
        " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
        " SELECT '', printf('k%%06d', i), 'n', CASE i WHEN %d THEN 'last' ELSE 'common' END,"
        " i %% 3 > 0, 1, 1, 1, '{}' FROM n WHERE %d > 0;";
    static const char *const tables[] = { "registration", "device" };
    char sql[1024];

    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        (void)snprintf(sql, sizeof sql, form, tables[i], tables[i], rows, rows, rows);
        opened_sql(&dir, sql);
    }
}

struct result {
    bool told;
    enum store_result result;
    size_t count;
    bool more;
    uint64_t total;
    char first[16];
};

static void take(void *user, const struct store_reply *reply)
{
    struct result *r = user;

    *r = (struct result){ .told = true,
                          .result = reply->result,
                          .count = reply->count,
                          .more = reply->more,
                          .total = reply->total };
    if (reply->count > 0)
        (void)snprintf(r->first, sizeof r->first, "%.*s", BERTH_STR_ARG(reply->records[0].key));
}

/* How often the loop got to its sockets meanwhile. */
static int delivers(struct result *r)
{
    int n = 0;

    for (; n < DELIVERS_MAX && !r->told; n++)
        (void)store_deliver(door.port);
    assert_true(r->told);
    assert_int_equal(r->result, STORE_OK);
    return n;
}

static int list(const char *owner, const char *after, size_t limit, struct result *r)
{
    struct store_query q = { .kind = BERTH_KIND_REGISTRATION,
                             .owner = berth_str_of(owner),
                             .after = berth_str_of(after),
                             .limit = limit };

    *r = (struct result){ 0 };
    store_list(door.port, &q, take, r);
    return delivers(r);
}

static int count(enum berth_kind kind, int32_t tag, struct result *r)
{
    *r = (struct result){ 0 };
    store_count(door.port, kind, BERTH_STR(""), tag, take, r);
    return delivers(r);
}

static void open_with(int rows)
{
    scratch_make(&dir);
    store = opened_must(dir.path);
    seed(rows);
    opened_door(&door, store);
}

static void close_all(void)
{
    door_close(&door);
    sqlite_store_close(store);
    scratch_remove(&dir);
}

static void test_counts(void **state)
{
    static const int rows[] = {
        0, 1, READER_PART - 1, READER_PART, READER_PART + 1, 3 * READER_PART
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct result r;

        open_with(rows[i]);
        assert_int_equal(count(BERTH_KIND_DEVICE, -1, &r), rows[i] / READER_PART + 1);
        assert_int_equal(r.total, rows[i]);
        assert_int_equal(count(BERTH_KIND_DEVICE, 0, &r), rows[i] / 3 / READER_PART + 1);
        assert_int_equal(r.total, rows[i] / 3);
        (void)count(BERTH_KIND_DEVICE, 1, &r);
        assert_int_equal(r.total, rows[i] - rows[i] / 3);
        (void)count(BERTH_KIND_DEVICE, 7, &r);
        assert_int_equal(r.total, 0);
        close_all();
    }
}

static void test_list_of_a_rare_owner(void **state)
{
    struct result r;
    (void)state;

    open_with(3 * READER_PART + 5);
    assert_int_equal(list("last", "", 10, &r), 4);
    assert_int_equal(r.count, 1);
    assert_false(r.more);
    assert_string_equal(r.first, "k003005");
    assert_int_equal(list("last", "k003004", 10, &r), 1);
    assert_int_equal(r.count, 1);
    assert_int_equal(list("nobody", "", 10, &r), 4);
    assert_int_equal(r.count, 0);
    assert_false(r.more);
    close_all();
}

/* What a part gave is told at once, and where it ends nothing is lost. */
static void test_list_over_parts(void **state)
{
    struct result r;
    char after[16] = "";
    size_t seen = 0;
    (void)state;

    open_with(2 * READER_PART + 1);
    do {
        assert_int_equal(list("common", after, 700, &r), 1);
        assert_in_range(r.count, 1, 700);
        seen += r.count;
        (void)snprintf(after, sizeof after, "k%06d", (int)seen);
    } while (r.more);
    assert_int_equal(seen, 2 * READER_PART);
    close_all();
}

/* Others do not wait for it. */
static void test_others_come_between(void **state)
{
    struct result wide = { 0 }, narrow = { 0 };
    (void)state;

    open_with(3 * READER_PART);
    store_count(door.port, BERTH_KIND_DEVICE, BERTH_STR(""), -1, take, &wide);
    store_get(door.port, BERTH_KIND_DEVICE, BERTH_STR(""), BERTH_STR("k000001"), take, &narrow);
    (void)store_deliver(door.port);
    (void)store_deliver(door.port);
    assert_true(narrow.told);
    assert_false(wide.told);
    (void)delivers(&wide);
    assert_int_equal(wide.total, 3 * READER_PART);
    close_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_list_of_a_rare_owner),
        cmocka_unit_test(test_list_over_parts),
        cmocka_unit_test(test_others_come_between),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
