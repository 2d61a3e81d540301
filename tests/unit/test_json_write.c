/* Building JSON: commas, escapes, the maximum, and back through the reader. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "wire/json.h"

static void write_sample(struct berth_json_out *j)
{
    berth_json_open(j, '{');
    berth_json_member(j, "name", BERTH_STR("a\"b"));
    berth_json_member_i64(j, "least", INT64_MIN);
    berth_json_member_bool(j, "yes", true);
    berth_json_member_bool(j, "no", false);
    berth_json_member_raw(j, "raw", BERTH_STR("1.10"));
    berth_json_name(j, BERTH_STR("list"));
    berth_json_open(j, '[');
    berth_json_put_string(j, BERTH_STR(""));
    berth_json_put_i64(j, -1);
    berth_json_put_null(j);
    berth_json_put_bool(j, false);
    berth_json_put_raw(j, BERTH_STR("{\"x\":[]}"));
    berth_json_open(j, '{');
    berth_json_close(j, '}');
    berth_json_open(j, '[');
    berth_json_close(j, ']');
    berth_json_close(j, ']');
    berth_json_name(j, BERTH_STR("tab\t"));
    berth_json_put_null(j);
    berth_json_close(j, '}');
}

static const berth_str sample = BERTH_STR_INIT(
    "{\"name\":\"a\\\"b\",\"least\":-9223372036854775808,\"yes\":true,\"no\":false,\"raw\":1.10,"
    "\"list\":[\"\",-1,null,false,{\"x\":[]},{},[]],\"tab\\t\":null}");

static void test_sample(void **state)
{
    char storage[512];
    struct berth_buf b;
    struct berth_json_out j;
    struct berth_json v;
    berth_str got;

    (void)state;
    berth_buf_init(&b, storage, sizeof storage);
    berth_json_begin(&j, &b);
    write_sample(&j);
    assert_int_equal(berth_buf_done(&b, &got), BERTH_OK);
    assert_true(berth_str_eq(got, sample));
    assert_int_equal(berth_json_check(got, &v, NULL), BERTH_OK);
}

/* Every buffer that is too small ends as BERTH_E_FULL, never as a document without its end. */
static void test_every_maximum(void **state)
{
    (void)state;
    for (size_t max = 0; max <= sample.n; max++) {
        char *storage = malloc(max == 0 ? 1 : max);
        struct berth_buf b;
        struct berth_json_out j;
        berth_str got;

        berth_buf_init(&b, storage, max);
        berth_json_begin(&j, &b);
        write_sample(&j);
        assert_int_equal(berth_buf_done(&b, &got), max == sample.n ? BERTH_OK : BERTH_E_FULL);
        free(storage);
    }
}

static void test_single_values(void **state)
{
    char storage[64];
    struct berth_buf b;
    struct berth_json_out j;

    (void)state;
    berth_buf_init(&b, storage, sizeof storage);
    berth_json_begin(&j, &b);
    berth_json_put_string(&j, BERTH_STR("alone"));
    assert_true(berth_str_eq(berth_buf_str(&b), BERTH_STR("\"alone\"")));
    berth_json_begin(&j, &b);
    berth_json_put_i64(&j, 0);
    assert_true(berth_str_eq(berth_buf_str(&b), BERTH_STR("\"alone\"0")));
}

static const struct {
    const char *name;
    berth_str in, want;
} escapes[] = {
    { "plain", BERTH_STR_INIT("plain text /~"), BERTH_STR_INIT("plain text /~") },
    { "empty", BERTH_STR_INIT(""), BERTH_STR_INIT("") },
    { "quote and backslash", BERTH_STR_INIT("\"\\"), BERTH_STR_INIT("\\\"\\\\") },
    { "short escapes", BERTH_STR_INIT("\b\f\n\r\t"), BERTH_STR_INIT("\\b\\f\\n\\r\\t") },
    { "other controls", BERTH_STR_INIT("\0\x01\x1f"), BERTH_STR_INIT("\\u0000\\u0001\\u001f") },
    { "DEL stands for itself", BERTH_STR_INIT("\x7f"), BERTH_STR_INIT("\x7f") },
    { "UTF-8 stays", BERTH_STR_INIT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
      BERTH_STR_INIT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80") },
    { "byte that is no UTF-8",
      BERTH_STR_INIT("a\xff"
                     "b"),
      BERTH_STR_INIT("a\xef\xbf\xbd"
                     "b") },
    { "character cut short", BERTH_STR_INIT("\xe2\x82"),
      BERTH_STR_INIT("\xef\xbf\xbd\xef\xbf\xbd") },
    { "cut short before a quote", BERTH_STR_INIT("\xc3\""), BERTH_STR_INIT("\xef\xbf\xbd\\\"") },
    { "surrogate", BERTH_STR_INIT("\xed\xa0\x80"),
      BERTH_STR_INIT("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") },
    { "overlong", BERTH_STR_INIT("\xc0\xaf"), BERTH_STR_INIT("\xef\xbf\xbd\xef\xbf\xbd") },
};

static void test_escape(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(escapes); i++) {
        char storage[64];
        struct berth_buf b;
        char *copy = malloc(escapes[i].in.n == 0 ? 1 : escapes[i].in.n);

        memcpy(copy, escapes[i].in.p, escapes[i].in.n);
        berth_buf_init(&b, storage, sizeof storage);
        berth_json_escape(&b, (berth_str){ copy, escapes[i].in.n });
        CHECK(escapes[i].name, berth_str_eq(berth_buf_str(&b), escapes[i].want));
        free(copy);
    }
}

/* Any text that is UTF-8 comes back from the reader as it went into the writer. */
static void test_round_trip(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 0x800; code++) {
        char text[] = { 'x', (char)code, 'y', 0 };
        size_t n = 3;
        char storage[32], decoded[8];
        struct berth_buf b;
        struct berth_json_out j;
        struct berth_json v;
        struct berth_arena arena;
        berth_str got;

        if (code >= 0x80) {
            text[1] = (char)(0xc0 | code >> 6);
            text[2] = (char)(0x80 | (code & 0x3f));
            text[3] = 'y';
            n = 4;
        }
        berth_buf_init(&b, storage, sizeof storage);
        berth_json_begin(&j, &b);
        berth_json_put_string(&j, (berth_str){ text, n });
        assert_int_equal(berth_json_check(berth_buf_str(&b), &v, NULL), BERTH_OK);
        berth_arena_init(&arena, decoded, sizeof decoded);
        assert_int_equal(berth_json_string(v, &arena, &got), BERTH_OK);
        assert_true(berth_str_eq(got, (berth_str){ text, n }));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample),        cmocka_unit_test(test_every_maximum),
        cmocka_unit_test(test_single_values), cmocka_unit_test(test_escape),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
