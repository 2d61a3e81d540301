/* What is JSON and what is not: berth_json_check. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "wire/json.h"

/* From an exact-size heap copy, so that the sanitizer sees a look past the end. */
static berth_err judge(berth_str text, struct berth_json *out, size_t *position)
{
    char *copy = malloc(text.n == 0 ? 1 : text.n);
    berth_err e;

    assert_non_null(copy);
    if (text.n > 0)
        memcpy(copy, text.p, text.n);
    *position = SIZE_MAX;
    e = berth_json_check((berth_str){ copy, text.n }, out, position);
    if (e == BERTH_OK)
        out->text.p = text.p + (out->text.p - copy);
    free(copy);
    return e;
}

static const struct {
    const char *name;
    berth_str in;
    enum berth_json_type type;
    berth_str value;
} good[] = {
    { "null", BERTH_STR_INIT("null"), BERTH_JSON_NULL, BERTH_STR_INIT("null") },
    { "true", BERTH_STR_INIT("true"), BERTH_JSON_TRUE, BERTH_STR_INIT("true") },
    { "false", BERTH_STR_INIT("false"), BERTH_JSON_FALSE, BERTH_STR_INIT("false") },
    { "blanks of all kinds", BERTH_STR_INIT(" \t\r\n[ \t\r\n] \t\r\n"), BERTH_JSON_ARRAY,
      BERTH_STR_INIT("[ \t\r\n]") },
    { "zero", BERTH_STR_INIT("0"), BERTH_JSON_NUMBER, BERTH_STR_INIT("0") },
    { "minus zero", BERTH_STR_INIT("-0"), BERTH_JSON_NUMBER, BERTH_STR_INIT("-0") },
    { "fraction", BERTH_STR_INIT("-1.10"), BERTH_JSON_NUMBER, BERTH_STR_INIT("-1.10") },
    { "exponents", BERTH_STR_INIT("[1e5,1E+05,0.0e-0]"), BERTH_JSON_ARRAY,
      BERTH_STR_INIT("[1e5,1E+05,0.0e-0]") },
    { "a number of 30 digits", BERTH_STR_INIT("123456789012345678901234567890"), BERTH_JSON_NUMBER,
      BERTH_STR_INIT("123456789012345678901234567890") },
    { "empty string", BERTH_STR_INIT("\"\""), BERTH_JSON_STRING, BERTH_STR_INIT("\"\"") },
    { "every escape", BERTH_STR_INIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\""), BERTH_JSON_STRING,
      BERTH_STR_INIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"") },
    { "escaped surrogate pair", BERTH_STR_INIT("\"\\uD83d\\uDe00\""), BERTH_JSON_STRING,
      BERTH_STR_INIT("\"\\uD83d\\uDe00\"") },
    { "escaped NUL in a value", BERTH_STR_INIT("\"\\u0000\""), BERTH_JSON_STRING,
      BERTH_STR_INIT("\"\\u0000\"") },
    { "DEL", BERTH_STR_INIT("\"\x7f\""), BERTH_JSON_STRING, BERTH_STR_INIT("\"\x7f\"") },
    { "UTF-8 of 2, 3 and 4 bytes", BERTH_STR_INIT("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""),
      BERTH_JSON_STRING, BERTH_STR_INIT("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"") },
    { "empty object", BERTH_STR_INIT("{}"), BERTH_JSON_OBJECT, BERTH_STR_INIT("{}") },
    { "nested", BERTH_STR_INIT(" {\"a\":[{},{\"b\" : [ ] }],\"c\":1} "), BERTH_JSON_OBJECT,
      BERTH_STR_INIT("{\"a\":[{},{\"b\" : [ ] }],\"c\":1}") },
    { "names that differ in case", BERTH_STR_INIT("{\"a\":1,\"A\":1}"), BERTH_JSON_OBJECT,
      BERTH_STR_INIT("{\"a\":1,\"A\":1}") },
    { "one name at different depths", BERTH_STR_INIT("{\"a\":{\"a\":[{\"a\":1}]},\"b\":{\"a\":1}}"),
      BERTH_JSON_OBJECT, BERTH_STR_INIT("{\"a\":{\"a\":[{\"a\":1}]},\"b\":{\"a\":1}}") },
    { "the empty name", BERTH_STR_INIT("{\"\":1}"), BERTH_JSON_OBJECT, BERTH_STR_INIT("{\"\":1}") },
};

static void test_accepts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct berth_json got;
        size_t position;

        CHECK(good[i].name, judge(good[i].in, &got, &position) == BERTH_OK);
        CHECK(good[i].name, got.type == good[i].type);
        CHECK(good[i].name, berth_str_eq(got.text, good[i].value));
    }
}

static const struct {
    const char *name;
    berth_str in;
    size_t position;
} malformed[] = {
    { "nothing", BERTH_STR_INIT(""), 0 },
    { "only blanks", BERTH_STR_INIT("  "), 2 },
    { "two values", BERTH_STR_INIT("1 2"), 2 },
    { "a NUL behind the value", BERTH_STR_INIT("1\0"), 1 },
    { "a byte order mark", BERTH_STR_INIT("\xef\xbb\xbf{}"), 0 },
    { "a form feed for a blank", BERTH_STR_INIT("[\f]"), 1 },
    { "word cut short", BERTH_STR_INIT("tru"), 3 },
    { "word misspelt", BERTH_STR_INIT("nul1"), 3 },
    { "word in capitals", BERTH_STR_INIT("True"), 0 },
    { "word too long", BERTH_STR_INIT("nulll"), 4 },
    { "NaN", BERTH_STR_INIT("NaN"), 0 },
    { "minus alone", BERTH_STR_INIT("-"), 1 },
    { "plus sign", BERTH_STR_INIT("+1"), 0 },
    { "leading zero", BERTH_STR_INIT("01"), 1 },
    { "leading zero behind minus", BERTH_STR_INIT("-01"), 2 },
    { "no digit before the point", BERTH_STR_INIT(".5"), 0 },
    { "no digit behind the point", BERTH_STR_INIT("[1.]"), 3 },
    { "no digit in the exponent", BERTH_STR_INIT("[1e+]"), 4 },
    { "hexadecimal", BERTH_STR_INIT("0x10"), 1 },
    { "string without end", BERTH_STR_INIT("\"abc"), 4 },
    { "single quotes", BERTH_STR_INIT("'a'"), 0 },
    { "newline in a string", BERTH_STR_INIT("\"a\n\""), 2 },
    { "NUL in a string", BERTH_STR_INIT("\"a\0\""), 2 },
    { "unknown escape", BERTH_STR_INIT("\"\\x41\""), 2 },
    { "escaped NUL byte", BERTH_STR_INIT("\"\\\0\""), 2 },
    { "escape at the end", BERTH_STR_INIT("\"\\"), 2 },
    { "three hex digits", BERTH_STR_INIT("\"\\u00e\""), 1 },
    { "high surrogate alone", BERTH_STR_INIT("\"\\ud83d\""), 1 },
    { "high surrogate before text", BERTH_STR_INIT("\"\\ud83dxxxxxx\""), 1 },
    { "high surrogate before another", BERTH_STR_INIT("\"\\ud83d\\ud83d\""), 1 },
    { "low surrogate alone", BERTH_STR_INIT("\"\\ude00\""), 1 },
    { "the lowest and highest low surrogate alone", BERTH_STR_INIT("\"\\udc00\\udfff\""), 1 },
    { "continuation byte alone", BERTH_STR_INIT("\"a\x80\""), 2 },
    { "overlong slash", BERTH_STR_INIT("\"\xc0\xaf\""), 1 },
    { "UTF-8 cut by the quote", BERTH_STR_INIT("\"\xe2\x82\""), 1 },
    { "UTF-8 cut by the end", BERTH_STR_INIT("\"\xe2\x82"), 1 },
    { "UTF-8 outside a string", BERTH_STR_INIT("\xc3\xa9"), 0 },
    { "array without end", BERTH_STR_INIT("[1"), 2 },
    { "closed with the other bracket", BERTH_STR_INIT("[1}"), 2 },
    { "object closed with the other bracket", BERTH_STR_INIT("{\"a\":1]"), 6 },
    { "closed too often", BERTH_STR_INIT("[]]"), 2 },
    { "trailing comma in an array", BERTH_STR_INIT("[1,]"), 3 },
    { "trailing comma in an object", BERTH_STR_INIT("{\"a\":1,}"), 7 },
    { "leading comma", BERTH_STR_INIT("[,1]"), 1 },
    { "two commas", BERTH_STR_INIT("[1,,1]"), 3 },
    { "missing comma", BERTH_STR_INIT("[1 1]"), 3 },
    { "missing colon", BERTH_STR_INIT("{\"a\" 1}"), 5 },
    { "comma for colon", BERTH_STR_INIT("{\"a\",1}"), 4 },
    { "missing value", BERTH_STR_INIT("{\"a\":}"), 5 },
    { "name without quotes", BERTH_STR_INIT("{a:1}"), 1 },
    { "name that is a number", BERTH_STR_INIT("{1:1}"), 1 },
    { "a comment", BERTH_STR_INIT("[1/**/]"), 2 },
    { "escaped NUL in a name", BERTH_STR_INIT("{\"a\\u0000\":1}"), 3 },
    { "a name twice", BERTH_STR_INIT("{\"a\":1,\"b\":2,\"a\":3}"), 13 },
    { "the empty name twice", BERTH_STR_INIT("{\"\":1,\"\":2}"), 6 },
    { "a name twice, once escaped", BERTH_STR_INIT("{\"a\":1,\"\\u0061\":2}"), 7 },
    { "a name twice, escaped otherwise", BERTH_STR_INIT("{\"\\u002f\":1,\"\\/\":2}"), 12 },
    { "a name twice, as UTF-8 and as surrogates",
      BERTH_STR_INIT("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}"), 10 },
    { "a name twice around an object", BERTH_STR_INIT("{\"a\":{\"b\":1},\"a\":2}"), 13 },
    { "a name twice deep inside", BERTH_STR_INIT("[{\"a\":[{\"b\":1,\"b\":2}]}]"), 14 },
};

static void test_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
        struct berth_json got = { BERTH_JSON_NULL, malformed[i].in };
        size_t position;

        CHECK(malformed[i].name, judge(malformed[i].in, &got, &position) == BERTH_E_SYNTAX);
        CHECK(malformed[i].name, position == malformed[i].position);
        CHECK(malformed[i].name, got.type == BERTH_JSON_ABSENT && got.text.p == NULL);
        CHECK(malformed[i].name, berth_json_check(malformed[i].in, &got, NULL) == BERTH_E_SYNTAX);
    }
}

static void test_refuses_every_prefix(void **state)
{
    static const berth_str whole = BERTH_STR_INIT("{\"a\\u0062\\ud83d\\ude00\":[1.5e-3,true,false,"
                                                  "null,\"\xe2\x82\xac\\n\"],\"b\":{\"c\":0}}");
    struct berth_json got;
    size_t position;

    (void)state;
    assert_int_equal(judge(whole, &got, &position), BERTH_OK);
    for (size_t n = 0; n < whole.n; n++) {
        assert_int_equal(judge(berth_str_sub(whole, 0, n), &got, &position), BERTH_E_SYNTAX);
        assert_true(position <= n);
    }
}

/* ---- bounds ---- */

static char text[BERTH_JSON_TEXT_MAX + 1];

static void test_depth(void **state)
{
    struct berth_json got;
    size_t position;

    (void)state;
    for (size_t n = BERTH_JSON_DEPTH_MAX; n <= BERTH_JSON_DEPTH_MAX + 1; n++) {
        memset(text, '[', n);
        memset(text + n, ']', n);
        assert_int_equal(judge((berth_str){ text, 2 * n }, &got, &position),
                         n <= BERTH_JSON_DEPTH_MAX ? BERTH_OK : BERTH_E_RANGE);
    }
    assert_int_equal(position, BERTH_JSON_DEPTH_MAX);
}

static size_t put_names(char *out, size_t from, size_t to)
{
    size_t n = 0;

    for (size_t i = from; i < to; i++)
        n += (size_t)sprintf(out + n, "%s\"n%zu\":%zu", i == from ? "" : ",", i, i);
    return n;
}

static berth_err judge_names(size_t outer, size_t inner)
{
    struct berth_json got;
    size_t position;
    size_t n = put_names(text + 1, 0, outer) + 1;

    text[0] = '{';
    if (inner > 0) {
        n += (size_t)sprintf(text + n, ",\"inner\":{");
        n += put_names(text + n, 0, inner);
        text[n++] = '}';
    }
    text[n++] = '}';
    return judge((berth_str){ text, n }, &got, &position);
}

static void test_members(void **state)
{
    size_t around = BERTH_JSON_NAMES_MAX - BERTH_JSON_MEMBERS_MAX;

    (void)state;
    assert_int_equal(judge_names(BERTH_JSON_MEMBERS_MAX, 0), BERTH_OK);
    assert_int_equal(judge_names(BERTH_JSON_MEMBERS_MAX + 1, 0), BERTH_E_RANGE);
    assert_int_equal(judge_names(around - 1, BERTH_JSON_MEMBERS_MAX), BERTH_OK);
    assert_int_equal(judge_names(around - 1, BERTH_JSON_MEMBERS_MAX + 1), BERTH_E_RANGE);
    assert_int_equal(judge_names(around, BERTH_JSON_MEMBERS_MAX), BERTH_E_RANGE);
}

static void test_text_size(void **state)
{
    struct berth_json got;

    (void)state;
    memset(text, ' ', sizeof text);
    text[0] = '1';
    assert_int_equal(berth_json_check((berth_str){ text, BERTH_JSON_TEXT_MAX }, &got, NULL),
                     BERTH_OK);
    assert_int_equal(berth_json_check((berth_str){ text, BERTH_JSON_TEXT_MAX + 1 }, &got, NULL),
                     BERTH_E_RANGE);
}

/* Around the size from which names are sorted instead of compared one by one; the repetition
 * stands at every place. */
static void test_repeated_names_in_large_objects(void **state)
{
    static const size_t sizes[] = { 2, 3, 31, 32, 33, 34, 100, BERTH_JSON_MEMBERS_MAX };

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
        for (size_t first = 0; first + 1 < sizes[k]; first += 1 + sizes[k] / 16) {
            struct berth_json got;
            size_t position;
            size_t n = put_names(text + 1, 0, sizes[k] - 1) + 1;
            size_t want = n + 1;

            text[0] = '{';
            n += (size_t)sprintf(text + n, ",\"\\u006e%zu\":[]}", first);
            assert_int_equal(judge((berth_str){ text, n }, &got, &position), BERTH_E_SYNTAX);
            assert_int_equal(position, want);
        }
    }
}

static void test_first_of_several_repetitions(void **state)
{
    struct berth_json got;
    size_t position, want;
    size_t n = put_names(text + 1, 0, 100) + 1;

    (void)state;
    text[0] = '{';
    want = n + 1;
    n += (size_t)sprintf(text + n, ",\"n7\":1,\"n50\":1,\"n7\":1}");
    assert_int_equal(judge((berth_str){ text, n }, &got, &position), BERTH_E_SYNTAX);
    assert_int_equal(position, want);
}

/* ---- UTF-8, all of it ---- */

static size_t encode(unsigned code, char out[4])
{
    unsigned tail = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 };

    for (unsigned i = tail; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(lead[tail] | code);
    return tail + 1;
}

static void test_every_code_point(void **state)
{
    (void)state;
    for (unsigned code = 0x20; code < 0x110400; code++) {
        bool want =
            code < 0x110000 && (code < 0xd800 || code > 0xdfff) && code != '"' && code != '\\';
        char doc[6] = { '"' };
        size_t n = encode(code, doc + 1) + 1;
        struct berth_json got;

        doc[n++] = '"';
        if ((berth_json_check((berth_str){ doc, n }, &got, NULL) == BERTH_OK) != want)
            fail_msg("U+%04X", code);
    }
}

static void test_overlong_forms(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 0x10000; code++) {
        char two[] = { '"', (char)(0xc0 | (code >> 6 & 0x1f)), (char)(0x80 | (code & 0x3f)), '"' };
        char three[] = { '"', (char)(0xe0 | code >> 12), (char)(0x80 | (code >> 6 & 0x3f)),
                         (char)(0x80 | (code & 0x3f)), '"' };
        char four[] = { '"',
                        (char)0xf0,
                        (char)(0x80 | code >> 12),
                        (char)(0x80 | (code >> 6 & 0x3f)),
                        (char)(0x80 | (code & 0x3f)),
                        '"' };
        struct berth_json got;

        if (code < 0x80)
            assert_int_not_equal(berth_json_check((berth_str){ two, 4 }, &got, NULL), BERTH_OK);
        if (code < 0x800)
            assert_int_not_equal(berth_json_check((berth_str){ three, 5 }, &got, NULL), BERTH_OK);
        assert_int_not_equal(berth_json_check((berth_str){ four, 6 }, &got, NULL), BERTH_OK);
    }
}

/* A control character, a quote and so on are seen wherever they stand in a run of plain bytes. */
static void test_every_byte_at_every_place(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t at = 1; at < 18; at++) {
            char doc[19];
            struct berth_json got;
            bool want = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';

            memset(doc, '~', sizeof doc);
            doc[0] = doc[18] = '"';
            doc[at] = (char)byte;
            if (byte == '\\')
                continue; /* an escape at most places, never one at the last */
            if ((berth_json_check((berth_str){ doc, sizeof doc }, &got, NULL) == BERTH_OK) != want)
                fail_msg("byte %02x at %zu", byte, at);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_refuses_every_prefix),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_text_size),
        cmocka_unit_test(test_repeated_names_in_large_objects),
        cmocka_unit_test(test_first_of_several_repetitions),
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_overlong_forms),
        cmocka_unit_test(test_every_byte_at_every_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
