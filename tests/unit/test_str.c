/* Taking text apart. */
#include <string.h>

#include "berth/str.h"
#include "check.h"

static const struct {
    const char *name;
    berth_str a, b;
    bool eq, ieq, starts, ends;
    int order;
} pairs[] = {
    { "same", BERTH_STR_INIT("abc"), BERTH_STR_INIT("abc"), true, true, true, true, 0 },
    { "other case", BERTH_STR_INIT("aBc"), BERTH_STR_INIT("AbC"), false, true, false, false, 1 },
    { "prefix", BERTH_STR_INIT("abc"), BERTH_STR_INIT("ab"), false, false, true, false, 1 },
    { "suffix", BERTH_STR_INIT("abc"), BERTH_STR_INIT("bc"), false, false, false, true, -1 },
    { "longer", BERTH_STR_INIT("ab"), BERTH_STR_INIT("abc"), false, false, false, false, -1 },
    { "empty against text", BERTH_STR_INIT(""), BERTH_STR_INIT("a"), false, false, false, false,
      -1 },
    { "text against empty", BERTH_STR_INIT("a"), BERTH_STR_INIT(""), false, false, true, true, 1 },
    { "empty and absent", BERTH_STR_INIT(""), { NULL, 0 }, true, true, true, true, 0 },
    { "both absent", { NULL, 0 }, { NULL, 0 }, true, true, true, true, 0 },
    { "a NUL is a byte", BERTH_STR_INIT("a\0b"), BERTH_STR_INIT("a\0c"), false, false, false, false,
      -1 },
    { "bytes are unsigned", BERTH_STR_INIT("\xff"), BERTH_STR_INIT("a"), false, false, false, false,
      1 },
    { "only letters have a case", BERTH_STR_INIT("@[`{"), BERTH_STR_INIT("`{@["), false, false,
      false, false, -1 },
    { "no case beyond ASCII", BERTH_STR_INIT("\xc3\xa9"), BERTH_STR_INIT("\xc3\x89"), false, false,
      false, false, 1 },
};

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

static void test_compare(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        CHECK(pairs[i].name, berth_str_eq(pairs[i].a, pairs[i].b) == pairs[i].eq);
        CHECK(pairs[i].name, berth_str_ieq(pairs[i].a, pairs[i].b) == pairs[i].ieq);
        CHECK(pairs[i].name, berth_str_starts(pairs[i].a, pairs[i].b) == pairs[i].starts);
        CHECK(pairs[i].name, berth_str_ends(pairs[i].a, pairs[i].b) == pairs[i].ends);
        CHECK(pairs[i].name, sign(berth_str_cmp(pairs[i].a, pairs[i].b)) == pairs[i].order);
        CHECK(pairs[i].name, sign(berth_str_cmp(pairs[i].b, pairs[i].a)) == -pairs[i].order);
    }
}

static void test_of(void **state)
{
    (void)state;
    assert_null(berth_str_of(NULL).p);
    assert_int_equal(berth_str_of("").n, 0);
    assert_non_null(berth_str_of("").p);
    assert_int_equal(berth_str_of("abc").n, 3);
}

static const struct {
    const char *name, *in, *head, *rest;
} cuts[] = {
    { "in the middle", "a=b", "a", "b" },
    { "at the first of several", "a=b=c", "a", "b=c" },
    { "at the start", "=b", "", "b" },
    { "at the end", "a=", "a", "" },
    { "no separator", "ab", "ab", "" },
    { "only the separator", "=", "", "" },
    { "empty", "", "", "" },
};

static void test_cut(void **state)
{
    berth_str absent = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        berth_str rest = berth_str_of(cuts[i].in);
        berth_str head = berth_str_cut(&rest, '=');

        CHECK(cuts[i].name, berth_str_eq(head, berth_str_of(cuts[i].head)));
        CHECK(cuts[i].name, berth_str_eq(rest, berth_str_of(cuts[i].rest)));
        CHECK(cuts[i].name, head.p != NULL && rest.p != NULL);
    }
    assert_null(berth_str_cut(&absent, '=').p);
    assert_null(absent.p);
}

static void test_skip(void **state)
{
    berth_str s = BERTH_STR("key=value");

    (void)state;
    assert_false(berth_str_skip(&s, BERTH_STR("Key=")));
    assert_int_equal(s.n, 9);
    assert_true(berth_str_skip(&s, BERTH_STR("key=")));
    assert_true(berth_str_eq(s, BERTH_STR("value")));
    assert_true(berth_str_skip(&s, BERTH_STR("")));
    assert_false(berth_str_skip(&s, BERTH_STR("values")));
    assert_true(berth_str_skip(&s, BERTH_STR("value")));
    assert_int_equal(s.n, 0);
}

static const struct {
    const char *name;
    size_t from, n;
    const char *want;
} subs[] = {
    { "all", 0, 5, "abcde" },
    { "inside", 1, 3, "bcd" },
    { "empty", 2, 0, "" },
    { "length clamped", 3, 9, "de" },
    { "start clamped", 9, 1, "" },
    { "at the end", 5, 1, "" },
    { "sum overflows", 2, SIZE_MAX, "cde" },
    { "both overflow", SIZE_MAX, SIZE_MAX, "" },
};

static void test_sub(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(subs); i++)
        CHECK(subs[i].name, berth_str_eq(berth_str_sub(BERTH_STR("abcde"), subs[i].from, subs[i].n),
                                         berth_str_of(subs[i].want)));
    assert_null(berth_str_sub((berth_str){ 0 }, 1, 1).p);
}

static void test_find(void **state)
{
    (void)state;
    assert_int_equal(berth_str_find(BERTH_STR("abab"), 'b'), 1);
    assert_int_equal(berth_str_find(BERTH_STR("abab"), 'c'), 4);
    assert_int_equal(berth_str_find(BERTH_STR("a\0b"), 'b'), 2);
    assert_int_equal(berth_str_find(BERTH_STR("a\xff"), '\xff'), 1);
    assert_int_equal(berth_str_find((berth_str){ 0 }, 'a'), 0);
}

static void test_trim(void **state)
{
    static const char *const rows[][2] = {
        { " \ta b\t ", "a b" }, { "a", "a" }, { " \t ", "" }, { "", "" }, { "\na\r", "\na\r" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK(rows[i][0],
              berth_str_eq(berth_str_trim(berth_str_of(rows[i][0])), berth_str_of(rows[i][1])));
    assert_int_equal(berth_str_trim((berth_str){ 0 }).n, 0);
}

static const struct {
    const char *in;
    berth_err i64, u64;
    int64_t signed_value;
    uint64_t unsigned_value;
} numbers[] = {
    { "0", BERTH_OK, BERTH_OK, 0, 0 },
    { "007", BERTH_OK, BERTH_OK, 7, 7 },
    { "-0", BERTH_OK, BERTH_E_SYNTAX, 0, 99 },
    { "-17", BERTH_OK, BERTH_E_SYNTAX, -17, 99 },
    { "9223372036854775807", BERTH_OK, BERTH_OK, INT64_MAX, INT64_MAX },
    { "9223372036854775808", BERTH_E_RANGE, BERTH_OK, 99, UINT64_C(9223372036854775808) },
    { "-9223372036854775808", BERTH_OK, BERTH_E_SYNTAX, INT64_MIN, 99 },
    { "-9223372036854775809", BERTH_E_RANGE, BERTH_E_SYNTAX, 99, 99 },
    { "18446744073709551615", BERTH_E_RANGE, BERTH_OK, 99, UINT64_MAX },
    { "18446744073709551616", BERTH_E_RANGE, BERTH_E_RANGE, 99, 99 },
    { "99999999999999999999999", BERTH_E_RANGE, BERTH_E_RANGE, 99, 99 },
    { "99999999999999999999999x", BERTH_E_SYNTAX, BERTH_E_SYNTAX, 99, 99 },
    { "", BERTH_E_SYNTAX, BERTH_E_SYNTAX, 99, 99 },
    { "-", BERTH_E_SYNTAX, BERTH_E_SYNTAX, 99, 99 },
    { "--1", BERTH_E_SYNTAX, BERTH_E_SYNTAX, 99, 99 },
    { "+1", BERTH_E_SYNTAX, BERTH_E_SYNTAX, 99, 99 },
    { " 1", BERTH_E_SYNTAX, BERTH_E_SYNTAX, 99, 99 },
    { "1 ", BERTH_E_SYNTAX, BERTH_E_SYNTAX, 99, 99 },
    { "1.0", BERTH_E_SYNTAX, BERTH_E_SYNTAX, 99, 99 },
    { "0x1", BERTH_E_SYNTAX, BERTH_E_SYNTAX, 99, 99 },
};

static void test_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        int64_t s = 99;
        uint64_t u = 99;

        CHECK(numbers[i].in, berth_str_to_i64(berth_str_of(numbers[i].in), &s) == numbers[i].i64);
        CHECK(numbers[i].in, s == numbers[i].signed_value);
        CHECK(numbers[i].in, berth_str_to_u64(berth_str_of(numbers[i].in), &u) == numbers[i].u64);
        CHECK(numbers[i].in, u == numbers[i].unsigned_value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare), cmocka_unit_test(test_of),      cmocka_unit_test(test_cut),
        cmocka_unit_test(test_skip),    cmocka_unit_test(test_sub),     cmocka_unit_test(test_find),
        cmocka_unit_test(test_trim),    cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
