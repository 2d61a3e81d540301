/* What a checked document holds: members, elements, strings, numbers. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "wire/json.h"

static struct berth_json checked(berth_str text)
{
    struct berth_json v;

    assert_int_equal(berth_json_check(text, &v, NULL), BERTH_OK);
    return v;
}

#define DOC                                                                                        \
    " { \"a\" : 1.10 ,\"b\":[1,\"x]\",{\"a\":2}],\"\\u0063\":{\"d\":\"e\\\"}\"} , \"\":null,"      \
    "\"C\" :true,\"tab\\t\":-0 } "

static const struct {
    const char *name, *member, *want;
    enum berth_json_type type;
} members[] = {
    { "a number comes back as written", "a", "1.10", BERTH_JSON_NUMBER },
    { "brackets and quotes in strings end nothing", "b", "[1,\"x]\",{\"a\":2}]", BERTH_JSON_ARRAY },
    { "a name is compared decoded", "c", "{\"d\":\"e\\\"}\"}", BERTH_JSON_OBJECT },
    { "the empty name", "", "null", BERTH_JSON_NULL },
    { "case counts", "C", "true", BERTH_JSON_TRUE },
    { "an escaped tab", "tab\t", "-0", BERTH_JSON_NUMBER },
    { "the escape itself is no name", "\\u0063", "", BERTH_JSON_ABSENT },
    { "a prefix is no name", "ta", "", BERTH_JSON_ABSENT },
    { "a longer one neither", "tab\t ", "", BERTH_JSON_ABSENT },
    { "a nested name is not the object's", "d", "", BERTH_JSON_ABSENT },
};

static void test_get(void **state)
{
    struct berth_json doc = checked(BERTH_STR(DOC));

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        struct berth_json got = berth_json_get(doc, berth_str_of(members[i].member));

        CHECK(members[i].name, got.type == members[i].type);
        CHECK(members[i].name, berth_str_eq(got.text, berth_str_of(members[i].want)));
    }
}

static void test_get_of_something_else(void **state)
{
    static const berth_str others[] = { BERTH_STR_INIT("[\"a\",1]"), BERTH_STR_INIT("\"a\""),
                                        BERTH_STR_INIT("{}"), BERTH_STR_INIT("null") };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(berth_json_get(checked(others[i]), BERTH_STR("a")).type,
                         BERTH_JSON_ABSENT);
    assert_int_equal(berth_json_get((struct berth_json){ 0 }, BERTH_STR("a")).type,
                     BERTH_JSON_ABSENT);
}

static void test_next_in_object(void **state)
{
    static const char *const names[] = { "a", "b", "\\u0063", "", "C", "tab\\t" };
    struct berth_json doc = checked(BERTH_STR(DOC));
    struct berth_json_iter it = { 0 };
    struct berth_json value;
    berth_str name;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_true(berth_json_next(doc, &it, &name, &value));
        assert_non_null(name.p);
        CHECK(names[i], berth_str_eq(name, berth_str_of(names[i])));
    }
    for (int again = 0; again < 2; again++) {
        assert_false(berth_json_next(doc, &it, &name, &value));
        assert_null(name.p);
        assert_int_equal(value.type, BERTH_JSON_ABSENT);
    }
}

static void test_next_in_array(void **state)
{
    static const char *const elements[] = { "1", "\"a,]\"", "[]", "{\"b\":[2]}", "null", "-1e3" };
    struct berth_json doc = checked(BERTH_STR("[1,\"a,]\", [] ,{\"b\":[2]}\n,null,-1e3]"));
    struct berth_json_iter it = { 0 };
    struct berth_json value;
    berth_str name = BERTH_STR("x");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(elements); i++) {
        assert_true(berth_json_next(doc, &it, &name, &value));
        assert_null(name.p);
        CHECK(elements[i], berth_str_eq(value.text, berth_str_of(elements[i])));
    }
    assert_false(berth_json_next(doc, &it, NULL, &value));
}

static const struct {
    const char *in;
    size_t want;
} counts[] = {
    { "[]", 0 },      { "[ ]", 0 },
    { "{}", 0 },      { "{ \n}", 0 },
    { "[[]]", 1 },    { "[1,[2,3],4]", 3 },
    { "\"[1]\"", 0 }, { "{\"a\":{\"b\":1,\"c\":2},\"d\":[]}", 2 },
    { "1", 0 },
};

static void test_count(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        CHECK(counts[i].in,
              berth_json_count(checked(berth_str_of(counts[i].in))) == counts[i].want);
}

/* ---- strings ---- */

static const struct {
    const char *name;
    berth_str in, want;
    bool borrows;
} strings[] = {
    { "plain text is borrowed", BERTH_STR_INIT("\"plain\""), BERTH_STR_INIT("plain"), true },
    { "empty, not absent", BERTH_STR_INIT("\"\""), BERTH_STR_INIT(""), true },
    { "UTF-8 is borrowed", BERTH_STR_INIT("\"\xe2\x82\xac\""), BERTH_STR_INIT("\xe2\x82\xac"),
      true },
    { "every short escape", BERTH_STR_INIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
      BERTH_STR_INIT("\"\\/\b\f\n\r\t"), false },
    { "escape between text", BERTH_STR_INIT("\"ab\\ncd\""), BERTH_STR_INIT("ab\ncd"), false },
    { "one byte", BERTH_STR_INIT("\"\\u007F\""), BERTH_STR_INIT("\x7f"), false },
    { "two bytes", BERTH_STR_INIT("\"\\u0080\\u07ff\""), BERTH_STR_INIT("\xc2\x80\xdf\xbf"),
      false },
    { "three bytes", BERTH_STR_INIT("\"\\u0800\\uFFFF\""),
      BERTH_STR_INIT("\xe0\xa0\x80\xef\xbf\xbf"), false },
    { "four bytes", BERTH_STR_INIT("\"\\ud800\\udc00\\uDBFF\\uDFFF\""),
      BERTH_STR_INIT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), false },
    { "NUL", BERTH_STR_INIT("\"a\\u0000b\""), BERTH_STR_INIT("a\0b"), false },
    { "backslash before the closing quote", BERTH_STR_INIT("\"\\\\\""), BERTH_STR_INIT("\\"),
      false },
    { "escaped quote at the end", BERTH_STR_INIT("\"\\\\\\\"\""), BERTH_STR_INIT("\\\""), false },
    { "an escape of an escape", BERTH_STR_INIT("\"\\\\u0041\""), BERTH_STR_INIT("\\u0041"), false },
};

static void test_string(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        struct berth_json v = checked(strings[i].in);
        size_t n = strings[i].want.n;
        char *storage = malloc(n);
        struct berth_arena arena;
        berth_str got;

        berth_arena_init(&arena, storage, n);
        CHECK(strings[i].name, berth_json_string(v, &arena, &got) == BERTH_OK);
        CHECK(strings[i].name, got.p != NULL && berth_str_eq(got, strings[i].want));
        CHECK(strings[i].name, (arena.n == 0) == strings[i].borrows);
        CHECK(strings[i].name, berth_json_is(v, strings[i].want));
        if (!strings[i].borrows) {
            berth_arena_init(&arena, storage, n - 1);
            CHECK(strings[i].name, berth_json_string(v, &arena, &got) == BERTH_E_FULL);
            CHECK(strings[i].name, got.p == NULL && arena.n == 0);
        }
        free(storage);
    }
}

static void test_is(void **state)
{
    struct berth_json v = checked(BERTH_STR("\"a\\u0062c\""));

    (void)state;
    assert_true(berth_json_is(v, BERTH_STR("abc")));
    assert_false(berth_json_is(v, BERTH_STR("ab")));
    assert_false(berth_json_is(v, BERTH_STR("abcd")));
    assert_false(berth_json_is(v, BERTH_STR("abC")));
    assert_false(berth_json_is(v, BERTH_STR("")));
    assert_false(berth_json_is(checked(BERTH_STR("17")), BERTH_STR("17")));
    assert_false(berth_json_is(checked(BERTH_STR("null")), BERTH_STR("ul")));
    assert_false(berth_json_is((struct berth_json){ 0 }, BERTH_STR("")));
}

static const struct {
    const char *in;
    berth_err want;
    int64_t value;
} integers[] = {
    { "0", BERTH_OK, 0 },
    { "-0", BERTH_OK, 0 },
    { "9223372036854775807", BERTH_OK, INT64_MAX },
    { "-9223372036854775808", BERTH_OK, INT64_MIN },
    { "9223372036854775808", BERTH_E_RANGE, 0 },
    { "-9223372036854775809", BERTH_E_RANGE, 0 },
    { "123456789012345678901234567890", BERTH_E_RANGE, 0 },
    { "1.0", BERTH_E_SYNTAX, 0 },
    { "1e2", BERTH_E_SYNTAX, 0 },
    { "\"1\"", BERTH_E_SYNTAX, 0 },
    { "true", BERTH_E_SYNTAX, 0 },
    { "null", BERTH_E_SYNTAX, 0 },
    { "[1]", BERTH_E_SYNTAX, 0 },
};

static void test_i64(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(integers); i++) {
        int64_t got = 0;

        CHECK(integers[i].in,
              berth_json_i64(checked(berth_str_of(integers[i].in)), &got) == integers[i].want);
        CHECK(integers[i].in, got == integers[i].value);
    }
}

static void test_bool(void **state)
{
    static const char *const others[] = { "null", "0", "1", "\"true\"", "[true]", "{}" };
    bool got = false;

    (void)state;
    assert_int_equal(berth_json_bool(checked(BERTH_STR("true")), &got), BERTH_OK);
    assert_true(got);
    assert_int_equal(berth_json_bool(checked(BERTH_STR("false")), &got), BERTH_OK);
    assert_false(got);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        CHECK(others[i], berth_json_bool(checked(berth_str_of(others[i])), &got) == BERTH_E_SYNTAX);
    assert_int_equal(berth_json_bool((struct berth_json){ 0 }, &got), BERTH_E_SYNTAX);
}

static void test_string_of_something_else(void **state)
{
    static const char *const others[] = { "null", "1", "[\"a\"]", "{\"a\":\"b\"}", "true" };
    struct berth_arena none;
    berth_str got = BERTH_STR("x");

    (void)state;
    berth_arena_init(&none, NULL, 0);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct berth_json v = checked(berth_str_of(others[i]));
        CHECK(others[i], berth_json_string(v, &none, &got) == BERTH_E_SYNTAX && got.p == NULL);
    }
}

/* A value whose text was cut short, as only a caller's mistake can make it, is read without a look
 * past its end. */
static void test_cut_values_stay_inside(void **state)
{
    berth_str whole =
        BERTH_STR("{\"a\\u0062\\ud83d\\ude00\":[\"\\\\\",{\"b\":0}],\"c\":\"\\u0041\"}");

    (void)state;
    for (size_t n = 0; n < whole.n; n++) {
        char *copy = malloc(n == 0 ? 1 : n);
        struct berth_json v = { BERTH_JSON_OBJECT, { copy, n } };
        struct berth_json_iter it = { 0 };
        struct berth_json member;
        size_t seen = 0;

        memcpy(copy, whole.p, n);
        while (berth_json_next(v, &it, NULL, &member)) {
            berth_json_is(member, BERTH_STR("A"));
            assert_true(++seen <= n);
        }
        berth_json_get(v, BERTH_STR("c"));
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_get_of_something_else),
        cmocka_unit_test(test_next_in_object),
        cmocka_unit_test(test_next_in_array),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_string),
        cmocka_unit_test(test_is),
        cmocka_unit_test(test_i64),
        cmocka_unit_test(test_bool),
        cmocka_unit_test(test_string_of_something_else),
        cmocka_unit_test(test_cut_values_stay_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
