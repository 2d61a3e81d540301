/* A second opinion: jansson judges the same documents, made and then damaged at random from a fixed
 * seed, and where both accept one it must hold the same values.
 *
 * The two may differ for these reasons only:
 * - jansson cannot hold the number: an integer over 64 bits, a real beyond a double. Ours keeps
 *   every number as its text.
 * - A bound of wire/json.h, found as BERTH_E_RANGE: 32 levels against jansson's 2048, and the
 * number of names. NUL: jansson is told to allow \u0000 in values (JSON_ALLOW_NUL), and like ours
 * refuses it in names. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "check.h"
#include "wire/json.h"

#define DOCUMENTS 60000
#define DAMAGED   4 /* variants of each document */

static uint64_t seed;

/* 0 to N-1; xorshift64*. */
static unsigned pick(unsigned n)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (unsigned)((seed * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % n;
}

#define PICK(list) ((list)[pick(ARRAY_LEN(list))])

/* ---- making documents ---- */

static void put(struct berth_buf *b, const char *text)
{
    berth_buf_put(b, berth_str_of(text));
}

static void put_blanks(struct berth_buf *b)
{
    static const char *const blanks[] = { "", "", "", "", " ", "\n", "\t", " \r\n  " };

    put(b, PICK(blanks));
}

static void put_text(struct berth_buf *b)
{
    static const char *const pieces[] = {
        "a",
        "b",
        "longer text with blanks",
        "\\n",
        "\\\"",
        "\\\\",
        "\\/",
        "\\u0061",
        "\\u00e9",
        "\\ud83d\\ude00",
        "\\u0000",
        "\xc3\xa9",
        "\x7f",
        "\xe2\x82\xac",
        "\xf0\x9f\x98\x80",
        "\xef\xbf\xbf",
        "\\uFFFF",
        "{\\\"a\\\":",
        "]",
        ",",
        "\\u001f",
        "\\b\\f\\r\\t",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
    };

    berth_buf_put_char(b, '"');
    for (unsigned n = pick(4); n > 0; n--)
        put(b, PICK(pieces));
    berth_buf_put_char(b, '"');
}

static void put_number(struct berth_buf *b)
{
    static const char *const numbers[] = {
        "0",
        "-0",
        "1",
        "-17",
        "1.10",
        "1e5",
        "1E+2",
        "2e-3",
        "0.5e10",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "123456789012345678901234567890",
        "1e999",
        "1e-999",
        "0.0",
    };

    put(b, PICK(numbers));
}

/* Names from a small set, so that repetitions happen, or numbered, so that objects grow large. */
static void put_name(struct berth_buf *b, unsigned number)
{
    static const char *const names[] = { "\"a\"", "\"\\u0061\"",  "\"b\"",
                                         "\"\"",  "\"\xc3\xa9\"", "\"\\u00e9\"" };

    if (pick(8) == 0) {
        put(b, PICK(names));
        return;
    }
    put(b, "\"name");
    berth_buf_put_u64(b, number);
    berth_buf_put_char(b, '"');
}

static void put_value(struct berth_buf *b, unsigned depth)
{
    static const char *const words[] = { "null", "true", "false" };
    unsigned kind = pick(depth == 0 ? 3 : 6);
    unsigned n = pick(12) == 0 ? pick(80) : pick(5);

    put_blanks(b);
    if (kind == 0) {
        put(b, PICK(words));
    } else if (kind == 1) {
        put_number(b);
    } else if (kind == 2) {
        put_text(b);
    } else {
        berth_buf_put_char(b, kind == 3 ? '[' : '{');
        for (unsigned i = 0; i < n; i++) {
            if (i > 0)
                berth_buf_put_char(b, ',');
            put_blanks(b);
            if (kind != 3) {
                put_name(b, i);
                put_blanks(b);
                berth_buf_put_char(b, ':');
            }
            put_value(b, n > 5 ? 0 : depth - 1);
        }
        put_blanks(b);
        berth_buf_put_char(b, kind == 3 ? ']' : '}');
    }
    put_blanks(b);
}

/* ---- damaging them ---- */

static void damage(struct berth_buf *b)
{
    static const char bytes[] = "{}[]\",:\\ut0f19-+.eE \n\t/'a\x01\x1f\x7f\x80\xbf\xc0\xc3\xe2\xed"
                                "\xa0\xf0\xf4\x90\xff";
    size_t at = b->n == 0 ? 0 : pick((unsigned)b->n);
    size_t rest = b->n - at;
    char byte = bytes[pick(sizeof bytes)]; /* the NUL counts */

    switch (pick(4)) {
    case 0:
        if (rest > 0)
            b->p[at] = byte;
        break;
    case 1:
        if (rest > 0) {
            memmove(b->p + at, b->p + at + 1, rest - 1);
            b->n--;
        }
        break;
    case 2:
        if (b->n < b->max) {
            memmove(b->p + at + 1, b->p + at, rest);
            b->p[at] = byte;
            b->n++;
        }
        break;
    default:
        b->n = pick(4) == 0 ? at : b->n;
        break;
    }
}

/* ---- comparing ---- */

static char decoded[1 << 16];

static berth_str text_of(struct berth_json v)
{
    struct berth_arena a;
    berth_str s;

    berth_arena_init(&a, decoded, sizeof decoded);
    assert_int_equal(berth_json_string(v, &a, &s), BERTH_OK);
    return s;
}

static bool is_same(struct berth_json ours, json_t *theirs);

static bool is_same_array(struct berth_json ours, json_t *theirs)
{
    struct berth_json_iter it = { 0 };
    struct berth_json element;
    size_t n = 0;

    while (berth_json_next(ours, &it, NULL, &element))
        if (!is_same(element, json_array_get(theirs, n++)))
            return false;
    return n == json_array_size(theirs);
}

static bool is_same_object(struct berth_json ours, json_t *theirs)
{
    const char *name;
    json_t *member;

    json_object_foreach(theirs, name, member) if (!is_same(berth_json_get(ours, berth_str_of(name)),
                                                           member)) return false;
    return berth_json_count(ours) == json_object_size(theirs);
}

static bool is_same(struct berth_json ours, json_t *theirs)
{
    int64_t number;

    switch (ours.type) {
    case BERTH_JSON_NULL:
        return json_is_null(theirs);
    case BERTH_JSON_FALSE:
        return json_is_false(theirs);
    case BERTH_JSON_TRUE:
        return json_is_true(theirs);
    case BERTH_JSON_NUMBER:
        if (json_is_integer(theirs))
            return berth_json_i64(ours, &number) == BERTH_OK &&
                   number == json_integer_value(theirs);
        return json_is_real(theirs) && berth_json_i64(ours, &number) != BERTH_OK;
    case BERTH_JSON_STRING:
        return json_is_string(theirs) &&
               berth_str_eq(text_of(ours),
                            (berth_str){ json_string_value(theirs), json_string_length(theirs) });
    case BERTH_JSON_ARRAY:
        return json_is_array(theirs) && is_same_array(ours, theirs);
    case BERTH_JSON_OBJECT:
        return json_is_object(theirs) && is_same_object(ours, theirs);
    default:
        return false;
    }
}

static struct {
    unsigned accepted, refused, too_big_for_jansson, over_our_bounds;
} tally;

static void compare(berth_str doc)
{
    struct berth_json ours;
    json_error_t error;
    berth_err e = berth_json_check(doc, &ours, NULL);
    json_t *theirs;

    if (berth_str_find(doc, 0) < doc.n) {
        assert_int_not_equal(e, BERTH_OK);
        return;
    }
    theirs =
        json_loadb(doc.p, doc.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (theirs == NULL && json_error_code(&error) == json_error_numeric_overflow)
        tally.too_big_for_jansson++;
    else if (e == BERTH_E_RANGE)
        tally.over_our_bounds++;
    else if ((e == BERTH_OK) != (theirs != NULL))
        fail_msg("seed %llu: ours %s, jansson %s: %.*s", (unsigned long long)seed,
                 berth_err_text(e), theirs == NULL ? error.text : "accepts", BERTH_STR_ARG(doc));
    else if (theirs == NULL)
        tally.refused++;
    else if (is_same(ours, theirs))
        tally.accepted++;
    else
        fail_msg("seed %llu: other values: %.*s", (unsigned long long)seed, BERTH_STR_ARG(doc));
    json_decref(theirs);
}

static void test_same_verdict(void **state)
{
    static char storage[1 << 16];

    (void)state;
    seed = 20;
    for (unsigned i = 0; i < DOCUMENTS; i++) {
        struct berth_buf b;

        berth_buf_init(&b, storage, sizeof storage);
        put_value(&b, 4);
        if (b.over)
            continue;
        compare(berth_buf_str(&b));
        for (unsigned k = 0; k < DAMAGED; k++) {
            damage(&b);
            compare(berth_buf_str(&b));
        }
    }
    /* Both verdicts were put to the test, and often. */
    assert_true(tally.accepted > DOCUMENTS / 2);
    assert_true(tally.refused > DOCUMENTS);
    assert_true(tally.too_big_for_jansson < DOCUMENTS);
}

/* Depth, where the two are known to differ. */
static void test_depth(void **state)
{
    char text[2 * (BERTH_JSON_DEPTH_MAX + 1)];

    (void)state;
    memset(&tally, 0, sizeof tally);
    for (size_t n = 1; n <= BERTH_JSON_DEPTH_MAX + 1; n++) {
        memset(text, '[', n);
        memset(text + n, ']', n);
        compare((berth_str){ text, 2 * n });
    }
    assert_int_equal(tally.accepted, BERTH_JSON_DEPTH_MAX);
    assert_int_equal(tally.over_our_bounds, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_verdict),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
