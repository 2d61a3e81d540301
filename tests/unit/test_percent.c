/* Percent coding, and the query string it stands in. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "wire/percent.h"
#include "wire/query.h"

static const struct {
    const char *name;
    berth_str plain;
    const char *coded;
} pairs[] = {
    { "nothing", BERTH_STR_INIT(""), "" },
    { "unreserved characters", BERTH_STR_INIT("azAZ09-._~"), "azAZ09-._~" },
    { "a resource", BERTH_STR_INIT("0ne/registrations/a:b"), "0ne%2Fregistrations%2Fa%3Ab" },
    { "base64", BERTH_STR_INIT("+/="), "%2B%2F%3D" },
    { "blank and percent", BERTH_STR_INIT(" %"), "%20%25" },
    { "bytes beyond ASCII", BERTH_STR_INIT("\xc3\xa9\xff"), "%C3%A9%FF" },
    { "controls", BERTH_STR_INIT("\x01\x7f"), "%01%7F" },
};

static void test_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        char storage[64], decoded[64];
        struct berth_buf b, back;
        berth_str coded = berth_str_of(pairs[i].coded);

        berth_buf_init(&b, storage, sizeof storage);
        berth_percent_put(&b, pairs[i].plain);
        CHECK(pairs[i].name, berth_str_eq(berth_buf_str(&b), coded));
        berth_buf_init(&back, decoded, pairs[i].plain.n);
        CHECK(pairs[i].name, berth_percent_decode(coded, &back) == BERTH_OK);
        CHECK(pairs[i].name, berth_str_eq(berth_buf_str(&back), pairs[i].plain));
        CHECK(pairs[i].name, berth_percent_ieq(coded, pairs[i].plain));
        if (pairs[i].plain.n == 0)
            continue;
        berth_buf_init(&back, decoded, pairs[i].plain.n - 1);
        CHECK(pairs[i].name, berth_percent_decode(coded, &back) == BERTH_E_FULL);
        CHECK(pairs[i].name,
              !berth_percent_ieq(coded, berth_str_sub(pairs[i].plain, 0, pairs[i].plain.n - 1)));
    }
}

/* Every byte but NUL comes back. */
static void test_every_byte(void **state)
{
    (void)state;
    for (unsigned c = 1; c < 256; c++) {
        char byte = (char)c, storage[3], decoded[1];
        struct berth_buf b, back;

        berth_buf_init(&b, storage, sizeof storage);
        berth_percent_put(&b, (berth_str){ &byte, 1 });
        berth_buf_init(&back, decoded, sizeof decoded);
        assert_int_equal(berth_percent_decode(berth_buf_str(&b), &back), BERTH_OK);
        assert_int_equal(decoded[0], byte);
    }
}

static const struct {
    const char *name, *in, *want; /* want NULL: broken */
} decodings[] = {
    { "lower-case hex", "%2f%e2%82%ac", "/\xe2\x82\xac" },
    { "plus is no blank", "a+b", "a+b" },
    { "decoded once", "%2541", "%41" },
    { "needless escape", "%41", "A" },
    { "no digits", "a%", NULL },
    { "one digit", "a%4", NULL },
    { "first is no digit", "%g1", NULL },
    { "second is no digit", "%1g", NULL },
    { "a sign is no digit", "%+1", NULL },
    { "double percent", "%%41", NULL },
    { "NUL", "a%00b", NULL },
};

static void test_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(decodings); i++) {
        size_t n = strlen(decodings[i].in);
        char *copy = malloc(n), out[16];
        struct berth_buf b;
        berth_err e;

        memcpy(copy, decodings[i].in, n);
        berth_buf_init(&b, out, sizeof out);
        e = berth_percent_decode((berth_str){ copy, n }, &b);
        CHECK(decodings[i].name, e == (decodings[i].want == NULL ? BERTH_E_SYNTAX : BERTH_OK));
        if (decodings[i].want != NULL)
            CHECK(decodings[i].name,
                  berth_str_eq(berth_buf_str(&b), berth_str_of(decodings[i].want)));
        free(copy);
    }
}

/* What is refused escaped is refused as it is: its writer would escape it. */
static void test_nul_as_it_is(void **state)
{
    char out[4];
    struct berth_buf b;

    (void)state;
    berth_buf_init(&b, out, sizeof out);
    assert_int_equal(berth_percent_decode(BERTH_STR("a\0b"), &b), BERTH_E_SYNTAX);
    assert_false(berth_percent_ieq(BERTH_STR("a\0b"), BERTH_STR("a\0b")));
}

static const struct {
    const char *name, *coded, *plain;
    bool want;
} equals[] = {
    { "other case", "ABC%2fd", "abc/D", true },
    { "needless escapes", "%61%42", "ab", true },
    { "other text", "abd", "abc", false },
    { "coded is longer", "abcd", "abc", false },
    { "coded is shorter", "ab", "abc", false },
    { "broken at the end", "abc%", "abc", false },
    { "broken in the middle", "a%zzc", "abc", false },
    { "NUL", "%00", "", false },
    { "both empty", "", "", true },
};

static void test_ieq(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(equals); i++)
        CHECK(equals[i].name, berth_percent_ieq(berth_str_of(equals[i].coded),
                                                berth_str_of(equals[i].plain)) == equals[i].want);
}

static const struct {
    const char *name, *query, *key, *want; /* want NULL: absent */
} queries[] = {
    { "the only one", "api-version=2021-10-01", "api-version", "2021-10-01" },
    { "the last", "a=1&b=2&c=3", "c", "3" },
    { "without regard to case", "Api-Version=1", "api-version", "1" },
    { "still coded", "a=%41", "a", "%41" },
    { "value with an equals sign", "a=b=c", "a", "b=c" },
    { "empty value", "a=&b=1", "a", "" },
    { "no equals sign", "a&b=1", "a", "" },
    { "the first of two", "a=1&a=2", "a", "1" },
    { "a longer name", "ab=1", "a", NULL },
    { "a shorter name", "a=1", "ab", NULL },
    { "a value is no name", "b=a&c=a=1", "a", NULL },
    { "empty parts", "&&a=1&", "a", "1" },
    { "nothing", "", "a", NULL },
};

static void test_query_get(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        berth_str got =
            berth_query_get(berth_str_of(queries[i].query), berth_str_of(queries[i].key));

        CHECK(queries[i].name, (got.p == NULL) == (queries[i].want == NULL));
        CHECK(queries[i].name, berth_str_eq(got, berth_str_of(queries[i].want)));
    }
    assert_null(berth_query_get((berth_str){ 0 }, BERTH_STR("a")).p);
}

static const struct {
    const char *in;
    bool want;
} versions[] = {
    { "2021-10-01", true },
    { "2016-01-01", true },
    { "2015-12-31", false },
    { "9999-12-31", true },
    { "2020-09-30-preview", true },
    { "2020-09-30-PREVIEW", false },
    { "2020-09-30-", false },
    { "2020-09-30-previews", false },
    { "2020-09-3", false },
    { "2020/09/30", false },
    { "202a-09-30", false },
    { "2020-09-300", false },
    { "", false },
    { " 2020-09-30", false },
};

static void test_api_version(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++)
        CHECK(versions[i].in,
              berth_api_version_is_valid(berth_str_of(versions[i].in)) == versions[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),       cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_decode),      cmocka_unit_test(test_nul_as_it_is),
        cmocka_unit_test(test_ieq),         cmocka_unit_test(test_query_get),
        cmocka_unit_test(test_api_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
