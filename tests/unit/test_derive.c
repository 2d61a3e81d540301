#include <string.h>

#include "berth/derive.h"
#include "berth/openssl.h"
#include "check.h"
#include "crypto/b64.h"
#include "failing_crypto.h"

#define GROUP_KEY                                                                                  \
    "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw=="
#define ID         "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6"
#define DEVICE_KEY "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc="

static struct berth_crypto crypto;

static int setup(void **state)
{
    (void)state;
    return berth_openssl_init(&crypto) == BERTH_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    berth_openssl_deinit(&crypto);
    return 0;
}

/* What a person with each known mistake ends up with instead of DEVICE_KEY. */
static const struct {
    const char *name, *key;
} mistakes[] = {
    { "group key's base64 text as the key", "/eqtUSc3oy1gyllte8P+6Y0WjjLFOc3tWeUuSgRh8x8=" },
    { "that text without padding", "ksmlgC0BY04V6xWPTw+Pg2nBEOmw1IPYyv22CuBsb2I=" },
    { "ID in upper case", "9GWVnYuoOLXlHc346XjhLRb9pKgIOrKSwxDRSOgnvXo=" },
    { "ID followed by LF", "9xk+A3Y29nEzASjuakJUhcmNyb4ZjibgUKRXPMBArUU=" },
    { "ID followed by CR LF", "lF0g/7HBHVAV1uddsfPLtThAptJCb1no5vfkga7Pr9s=" },
    { "ID in quotes", "n+MaS7u5LSY8FbxD4mspRTm+r1tJDHcmamJFHBtOKZE=" },
    { "ID as UTF-16", "DBzRsEgMO0MerNnWeyhKIe40H5Mn2TSmjmq6YQEZxUw=" },
    { "HMAC arguments swapped", "EjXTFwePveB925INHSxzEPo4lZ+zXWNjQsplGzoDzE8=" },
    { "SHA-256 instead of HMAC", "E9BFoVzIqITEswjJHhSB8yPZO1lovB0tRlAEAH7MsXo=" },
    { "derived twice", "53UZuPzGVF/eB/YrsU3NEAUj6Q48VQKM/fhyp9R3Oz4=" },
};

static void test_golden(void **state)
{
    char got[BERTH_DERIVED_TEXT_SIZE];

    (void)state;
    CHECK("the article's vector",
          berth_derive_key_text(&crypto, BERTH_STR(GROUP_KEY), BERTH_STR(ID), got) == BERTH_OK);
    CHECK("the article's vector", strcmp(got, DEVICE_KEY) == 0);
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++)
        CHECK(mistakes[i].name, strcmp(got, mistakes[i].key) != 0);
}

/* Little-endian; the last byte is the literal's own NUL. */
/* clang-format off */
static const char utf16_id[] =
    "s\0n\0-\0" "0\0" "0\0" "7\0-\0" "8\0" "8\0" "8\0-\0a\0b\0c\0-\0m\0a\0c\0-\0a\0"
    "1\0-\0b\0" "2\0-\0c\0" "3\0-\0d\0" "4\0-\0e\0" "5\0-\0f\0" "6";
/* clang-format on */

static const struct {
    const char *name;
    berth_str group_key, id;
    berth_err want;
    const char *key;
} texts[] = {
    { "the bytes of the ID as given: upper case", BERTH_STR_INIT(GROUP_KEY),
      BERTH_STR_INIT("SN-007-888-ABC-MAC-A1-B2-C3-D4-E5-F6"), BERTH_OK,
      "9GWVnYuoOLXlHc346XjhLRb9pKgIOrKSwxDRSOgnvXo=" },
    { "with LF", BERTH_STR_INIT(GROUP_KEY), BERTH_STR_INIT(ID "\n"), BERTH_OK,
      "9xk+A3Y29nEzASjuakJUhcmNyb4ZjibgUKRXPMBArUU=" },
    { "with CR LF", BERTH_STR_INIT(GROUP_KEY), BERTH_STR_INIT(ID "\r\n"), BERTH_OK,
      "lF0g/7HBHVAV1uddsfPLtThAptJCb1no5vfkga7Pr9s=" },
    { "with quotes", BERTH_STR_INIT(GROUP_KEY), BERTH_STR_INIT("\"" ID "\""), BERTH_OK,
      "n+MaS7u5LSY8FbxD4mspRTm+r1tJDHcmamJFHBtOKZE=" },
    { "with NUL bytes",
      BERTH_STR_INIT(GROUP_KEY),
      { utf16_id, sizeof utf16_id },
      BERTH_OK,
      "DBzRsEgMO0MerNnWeyhKIe40H5Mn2TSmjmq6YQEZxUw=" },
    { "device key as group key", BERTH_STR_INIT(DEVICE_KEY), BERTH_STR_INIT(ID), BERTH_OK,
      "53UZuPzGVF/eB/YrsU3NEAUj6Q48VQKM/fhyp9R3Oz4=" },
    { "no group key", BERTH_STR_INIT(""), BERTH_STR_INIT(ID), BERTH_E_RANGE, "" },
    { "group key of 15 bytes", BERTH_STR_INIT("AAAAAAAAAAAAAAAAAAAA"), BERTH_STR_INIT(ID),
      BERTH_E_RANGE, "" },
    { "group key of 16 bytes", BERTH_STR_INIT("AAAAAAAAAAAAAAAAAAAAAA=="), BERTH_STR_INIT("a"),
      BERTH_OK, "lhWpXUozYRjENbnNVMXoZEq5VrVzqikmJ0oSgLZnRxM=" },
    { "group key of 65 bytes",
      BERTH_STR_INIT("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
      BERTH_STR_INIT(ID), BERTH_E_RANGE, "" },
    { "group key without padding", BERTH_STR_INIT("AAAAAAAAAAAAAAAAAAAAAA"), BERTH_STR_INIT(ID),
      BERTH_E_SYNTAX, "" },
    { "group key with LF", BERTH_STR_INIT(GROUP_KEY "\n"), BERTH_STR_INIT(ID), BERTH_E_SYNTAX, "" },
};

static void test_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        char got[BERTH_DERIVED_TEXT_SIZE] = "left over";

        CHECK(texts[i].name, berth_derive_key_text(&crypto, texts[i].group_key, texts[i].id, got) ==
                                 texts[i].want);
        CHECK(texts[i].name, strcmp(got, texts[i].key) == 0);
    }
}

static const struct {
    const char *name;
    uint8_t n;
    berth_err want;
} sizes[] = {
    { "no key", 0, BERTH_E_RANGE },
    { "one under the minimum", BERTH_KEY_MIN - 1, BERTH_E_RANGE },
    { "minimum", BERTH_KEY_MIN, BERTH_OK },
    { "maximum", BERTH_KEY_MAX, BERTH_OK },
    { "one over the maximum", BERTH_KEY_MAX + 1, BERTH_E_RANGE },
};

static void test_sizes(void **state)
{
    static const struct berth_key none;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct berth_key group = { .bytes = { 1, 2, 3 }, .n = sizes[i].n };
        struct berth_key got = { .bytes = { 9 }, .n = 9 };
        berth_err e = berth_derive_key(&crypto, &group, BERTH_STR(ID), &got);

        CHECK(sizes[i].name, e == sizes[i].want);
        CHECK(sizes[i].name, got.n == (e == BERTH_OK ? BERTH_SHA256_SIZE : 0));
        CHECK(sizes[i].name, (e == BERTH_OK) != (memcmp(&got, &none, sizeof none) == 0));
    }
}

static void test_prepared(void **state)
{
    struct berth_hmac_key prepared;
    struct berth_key group, got;

    (void)state;
    CHECK("key", berth_key_decode(BERTH_STR(GROUP_KEY), &group) == BERTH_OK);
    CHECK("prepare", crypto.hmac_prepare(crypto.ctx, group.bytes, group.n, &prepared) == BERTH_OK);
    for (int round = 0; round < 3; round++) {
        char storage[BERTH_KEY_TEXT_MAX];
        struct berth_buf text;

        CHECK("other ID in between",
              berth_derive_key_prepared(&crypto, &prepared, BERTH_STR("x"), &got) == BERTH_OK);
        CHECK("again",
              berth_derive_key_prepared(&crypto, &prepared, BERTH_STR(ID), &got) == BERTH_OK);
        berth_buf_init(&text, storage, sizeof storage);
        berth_key_put(&text, &got);
        CHECK("the same each time", berth_str_eq(berth_buf_str(&text), BERTH_STR(DEVICE_KEY)));
    }
    crypto.hmac_release(crypto.ctx, &prepared);
}

static void test_crypto_failures(void **state)
{
    static const struct berth_key none;

    (void)state;
    for (size_t at = 0; at <= 2; at++) {
        char text[BERTH_DERIVED_TEXT_SIZE] = "left over";
        struct berth_key group = { .n = 32 }, got;
        struct failing_crypto f;
        berth_err want = at == 0 ? BERTH_OK : BERTH_E_CRYPTO;

        failing_crypto_init(&f, &crypto, at);
        CHECK("derive", berth_derive_key(&f.seam, &group, BERTH_STR(ID), &got) == want);
        CHECK("no key is left", at == 0 || memcmp(&got, &none, sizeof none) == 0);
        CHECK("released", f.prepared == 0);

        failing_crypto_init(&f, &crypto, at);
        CHECK("derive text",
              berth_derive_key_text(&f.seam, BERTH_STR(GROUP_KEY), BERTH_STR(ID), text) == want);
        CHECK("no text is left", strcmp(text, at == 0 ? DEVICE_KEY : "") == 0);
        CHECK("released", f.prepared == 0);
        CHECK("both keys are wiped", f.wiped >= 2 * sizeof(struct berth_key));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),          cmocka_unit_test(test_text),
        cmocka_unit_test(test_sizes),           cmocka_unit_test(test_prepared),
        cmocka_unit_test(test_crypto_failures),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
