/* Text with a maximum, and memory that lives until the request ends. */
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "berth/buf.h"
#include "check.h"

static void test_put_to_the_maximum(void **state)
{
    char storage[4];
    struct berth_buf b;
    berth_str got;

    (void)state;
    berth_buf_init(&b, storage, sizeof storage);
    berth_buf_put(&b, BERTH_STR("abc"));
    berth_buf_put_char(&b, 'd');
    berth_buf_put(&b, BERTH_STR(""));
    berth_buf_put(&b, (berth_str){ 0 });
    assert_int_equal(berth_buf_done(&b, &got), BERTH_OK);
    assert_true(berth_str_eq(got, BERTH_STR("abcd")));
    berth_buf_put_char(&b, 'e');
    assert_true(b.over);
    assert_int_equal(berth_buf_done(&b, &got), BERTH_E_FULL);
    assert_null(got.p);
}

/* What does not fit leaves nothing behind, and nothing shorter slips in after it. */
static void test_overflow_sticks(void **state)
{
    char storage[4];
    struct berth_buf b;
    berth_str got;

    (void)state;
    berth_buf_init(&b, storage, sizeof storage);
    berth_buf_put(&b, BERTH_STR("ab"));
    berth_buf_put(&b, BERTH_STR("cde"));
    berth_buf_put_char(&b, 'f');
    assert_true(berth_str_eq(berth_buf_str(&b), BERTH_STR("ab")));
    assert_int_equal(berth_buf_done(&b, &got), BERTH_E_FULL);
    berth_buf_reset(&b);
    berth_buf_put(&b, BERTH_STR("wxyz"));
    assert_int_equal(berth_buf_done(&b, &got), BERTH_OK);
    assert_true(berth_str_eq(got, BERTH_STR("wxyz")));
}

static const struct {
    const char *want;
    int64_t value;
} integers[] = {
    { "0", 0 },
    { "9", 9 },
    { "10", 10 },
    { "-1", -1 },
    { "-10", -10 },
    { "9223372036854775807", INT64_MAX },
    { "-9223372036854775808", INT64_MIN },
};

static void test_put_i64(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(integers); i++) {
        char storage[20];
        struct berth_buf b;

        berth_buf_init(&b, storage, sizeof storage);
        berth_buf_put_i64(&b, integers[i].value);
        CHECK(integers[i].want, berth_str_eq(berth_buf_str(&b), berth_str_of(integers[i].want)));
        berth_buf_init(&b, storage, strlen(integers[i].want) - 1);
        berth_buf_put_i64(&b, integers[i].value);
        CHECK(integers[i].want, b.over);
    }
}

static void test_put_u64_and_hex(void **state)
{
    char storage[64];
    struct berth_buf b;

    (void)state;
    berth_buf_init(&b, storage, sizeof storage);
    berth_buf_put_u64(&b, UINT64_MAX);
    berth_buf_put_char(&b, ' ');
    berth_buf_put_hex(&b, UINT64_C(0x0123456789abcdef), 16);
    berth_buf_put_char(&b, ' ');
    berth_buf_put_hex(&b, 0xabc, 1);
    berth_buf_put_hex(&b, 0xabc, 4);
    assert_true(
        berth_str_eq(berth_buf_str(&b), BERTH_STR("18446744073709551615 0123456789abcdef c0abc")));
}

static void test_alloc(void **state)
{
    unsigned char *storage = malloc(128);
    struct berth_arena a;
    unsigned char *p;
    berth_str text;

    (void)state;
    memset(storage, 0xff, 128);
    berth_arena_init(&a, storage, 128);
    assert_int_equal(berth_arena_dup(&a, BERTH_STR("x"), &text), BERTH_OK);
    p = berth_arena_alloc(&a, 24);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
    for (size_t i = 0; i < 24; i++)
        assert_int_equal(p[i], 0);
    assert_null(berth_arena_alloc(&a, 128));
    assert_null(berth_arena_alloc(&a, SIZE_MAX));
    assert_null(berth_arena_alloc(&a, SIZE_MAX - 8));
    p = berth_arena_alloc(&a, 128 - a.n - 8);
    assert_non_null(p);
    memset(p, 1, 128 - 40 - 8);
    assert_true(berth_str_eq(text, BERTH_STR("x")));
    berth_arena_reset(&a);
    p = berth_arena_alloc(&a, 128);
    assert_non_null(p);
    for (size_t i = 0; i < 128; i++)
        assert_int_equal(p[i], 0);
    assert_null(berth_arena_alloc(&a, 1));
    free(storage);
}

static void test_alloc_from_crooked_storage(void **state)
{
    unsigned char *storage = malloc(65);

    (void)state;
    for (size_t n = 0; n <= 64; n++) {
        struct berth_arena a;
        unsigned char *p;

        berth_arena_init(&a, storage + 1, n);
        p = berth_arena_alloc(&a, 16);
        assert_int_equal(p != NULL, n >= 16 + alignof(max_align_t) - 1);
        if (p != NULL)
            assert_true(p >= storage + 1 && p + 16 <= storage + 1 + n);
    }
    free(storage);
}

static void test_dup(void **state)
{
    char storage[4];
    struct berth_arena a;
    berth_str one, two, got;

    (void)state;
    berth_arena_init(&a, storage, sizeof storage);
    assert_int_equal(berth_arena_dup(&a, BERTH_STR("Ab"), &one), BERTH_OK);
    assert_int_equal(berth_arena_dup(&a, BERTH_STR("cde"), &got), BERTH_E_FULL);
    assert_null(got.p);
    assert_int_equal(berth_arena_lower(&a, BERTH_STR("C\xc3"), &two), BERTH_OK);
    assert_int_equal(berth_arena_lower(&a, BERTH_STR("D"), &got), BERTH_E_FULL);
    assert_null(got.p);
    assert_int_equal(berth_arena_dup(&a, BERTH_STR(""), &got), BERTH_OK);
    assert_non_null(got.p);
    assert_int_equal(got.n, 0);
    assert_int_equal(berth_arena_dup(&a, (berth_str){ 0 }, &got), BERTH_OK);
    assert_null(got.p);
    assert_true(berth_str_eq(one, BERTH_STR("Ab")));
    assert_true(berth_str_eq(two, BERTH_STR("c\xc3")));
}

static void test_lend(void **state)
{
    char storage[8];
    struct berth_arena a;
    struct berth_buf b;
    berth_str first, text;

    (void)state;
    berth_arena_init(&a, storage, sizeof storage);
    assert_int_equal(berth_arena_dup(&a, BERTH_STR("ab"), &first), BERTH_OK);
    berth_arena_lend(&a, &b);
    assert_int_equal(b.max, 6);
    berth_buf_put(&b, BERTH_STR("1234567"));
    assert_int_equal(berth_arena_keep(&a, &b, &text), BERTH_E_FULL);
    assert_null(text.p);
    assert_int_equal(a.n, 2);
    berth_arena_lend(&a, &b);
    berth_buf_put(&b, BERTH_STR("12345"));
    assert_int_equal(berth_arena_keep(&a, &b, &text), BERTH_OK);
    assert_int_equal(a.n, 7);
    berth_arena_lend(&a, &b);
    assert_int_equal(b.max, 1);
    assert_true(berth_str_eq(text, BERTH_STR("12345")));
    assert_true(berth_str_eq(first, BERTH_STR("ab")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_to_the_maximum),
        cmocka_unit_test(test_overflow_sticks),
        cmocka_unit_test(test_put_i64),
        cmocka_unit_test(test_put_u64_and_hex),
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_alloc_from_crooked_storage),
        cmocka_unit_test(test_dup),
        cmocka_unit_test(test_lend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
