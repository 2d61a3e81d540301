/* Base64, strict, and the keys written in it. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "crypto/b64.h"

static const struct {
    const char *name, *text;
    berth_str bytes;
} vectors[] = {
    /* RFC 4648 section 10 */
    { "0 bytes", "", BERTH_STR_INIT("") },
    { "1 byte", "Zg==", BERTH_STR_INIT("f") },
    { "2 bytes", "Zm8=", BERTH_STR_INIT("fo") },
    { "3 bytes", "Zm9v", BERTH_STR_INIT("foo") },
    { "4 bytes", "Zm9vYg==", BERTH_STR_INIT("foob") },
    { "5 bytes", "Zm9vYmE=", BERTH_STR_INIT("fooba") },
    { "6 bytes", "Zm9vYmFy", BERTH_STR_INIT("foobar") },
    { "all bits set", "////", BERTH_STR_INIT("\xff\xff\xff") },
    { "plus", "++++", BERTH_STR_INIT("\xfb\xef\xbe") },
    { "zeros", "AAA=", BERTH_STR_INIT("\0\0") },
};

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        char text[16];
        uint8_t bytes[8];
        struct berth_buf b;
        size_t n = 99;

        berth_buf_init(&b, text, sizeof text);
        berth_b64_put(&b, (const uint8_t *)vectors[i].bytes.p, vectors[i].bytes.n);
        CHECK(vectors[i].name, berth_str_eq(berth_buf_str(&b), berth_str_of(vectors[i].text)));
        CHECK(vectors[i].name, b.n == BERTH_B64_SIZE(vectors[i].bytes.n));
        CHECK(vectors[i].name,
              berth_b64_decode(berth_buf_str(&b), bytes, sizeof bytes, &n) == BERTH_OK);
        CHECK(vectors[i].name, n == vectors[i].bytes.n);
        CHECK(vectors[i].name, memcmp(bytes, vectors[i].bytes.p, n) == 0);
    }
}

static const struct {
    const char *name;
    berth_str in;
} malformed[] = {
    { "one character", BERTH_STR_INIT("Z") },
    { "missing padding", BERTH_STR_INIT("Zg") },
    { "half the padding", BERTH_STR_INIT("Zg=") },
    { "too much padding", BERTH_STR_INIT("Zg===") },
    { "three of padding", BERTH_STR_INIT("Z===") },
    { "only padding", BERTH_STR_INIT("====") },
    { "padding in the middle", BERTH_STR_INIT("Zg==Zg==") },
    { "padding before a digit", BERTH_STR_INIT("Zg=a") },
    { "stray bits under two", BERTH_STR_INIT("Zh==") },
    { "stray bits under one", BERTH_STR_INIT("Zm9=") },
    { "blank", BERTH_STR_INIT("Zm9 ") },
    { "newline at the end", BERTH_STR_INIT("Zm9v\n") },
    { "four blanks", BERTH_STR_INIT("    ") },
    { "URL alphabet", BERTH_STR_INIT("-_-_") },
    { "NUL", BERTH_STR_INIT("Zm9\0") },
    { "byte beyond ASCII", BERTH_STR_INIT("Zm9\xff") },
};

static void test_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
        char *copy = malloc(malformed[i].in.n);
        uint8_t bytes[16];
        size_t n = 99;

        memcpy(copy, malformed[i].in.p, malformed[i].in.n);
        CHECK(malformed[i].name, berth_b64_decode((berth_str){ copy, malformed[i].in.n }, bytes,
                                                  sizeof bytes, &n) == BERTH_E_SYNTAX);
        CHECK(malformed[i].name, n == 0);
        free(copy);
    }
}

/* Every byte as the last character of a quad: exactly the 64 of the alphabet decode. */
static void test_alphabet(void **state)
{
    unsigned good = 0;

    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        char quad[4] = { 'A', 'A', 'A', (char)c };
        uint8_t bytes[3];
        size_t n;

        if (c != '=' && berth_b64_decode((berth_str){ quad, 4 }, bytes, 3, &n) == BERTH_OK) {
            struct berth_buf b;
            char text[4];

            berth_buf_init(&b, text, sizeof text);
            berth_b64_put(&b, bytes, n);
            assert_memory_equal(text, quad, 4);
            good++;
        }
    }
    assert_int_equal(good, 64);
}

static void test_decode_to_the_maximum(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 9; size++) {
        static const uint8_t source[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
        char text[12];
        struct berth_buf b;

        berth_buf_init(&b, text, sizeof text);
        berth_b64_put(&b, source, size);
        for (size_t max = 0; max <= size; max++) {
            uint8_t *bytes = malloc(max == 0 ? 1 : max);
            size_t n;
            berth_err e = berth_b64_decode(berth_buf_str(&b), bytes, max, &n);

            assert_int_equal(e, max == size ? BERTH_OK : BERTH_E_RANGE);
            assert_int_equal(n, max == size ? size : 0);
            free(bytes);
        }
    }
}

static void test_put_to_the_maximum(void **state)
{
    char text[7];
    struct berth_buf b;

    (void)state;
    berth_buf_init(&b, text, sizeof text);
    berth_b64_put(&b, (const uint8_t *)"foob", 4);
    assert_true(b.over);
}

static void test_key_bounds(void **state)
{
    static const uint8_t source[BERTH_KEY_MAX + 1] = { 0x80, 1, 2 };
    static const struct berth_key none;

    (void)state;
    for (size_t size = 0; size <= sizeof source; size++) {
        bool want = size >= BERTH_KEY_MIN && size <= BERTH_KEY_MAX;
        char text[BERTH_B64_SIZE(sizeof source)], again[BERTH_KEY_TEXT_MAX];
        struct berth_buf b, back;
        struct berth_key key;

        memset(&key, 0xaa, sizeof key);
        berth_buf_init(&b, text, sizeof text);
        berth_b64_put(&b, source, size);
        assert_int_equal(berth_key_decode(berth_buf_str(&b), &key),
                         want ? BERTH_OK : BERTH_E_RANGE);
        if (!want) {
            assert_memory_equal(&key, &none, sizeof key);
            continue;
        }
        assert_int_equal(key.n, size);
        assert_memory_equal(key.bytes, source, size);
        berth_buf_init(&back, again, sizeof again);
        berth_key_put(&back, &key);
        assert_true(berth_str_eq(berth_buf_str(&back), berth_buf_str(&b)));
    }
}

static void test_malformed_key_leaves_nothing(void **state)
{
    static const struct berth_key none;
    struct berth_key key;

    (void)state;
    memset(&key, 0xaa, sizeof key);
    assert_int_equal(berth_key_decode(BERTH_STR("c2VjcmV0IHNlY3JldCBzZWNyZXQ*"), &key),
                     BERTH_E_SYNTAX);
    assert_memory_equal(&key, &none, sizeof key);
    assert_int_equal(berth_key_decode((berth_str){ 0 }, &key), BERTH_E_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_alphabet),
        cmocka_unit_test(test_decode_to_the_maximum),
        cmocka_unit_test(test_put_to_the_maximum),
        cmocka_unit_test(test_key_bounds),
        cmocka_unit_test(test_malformed_key_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
