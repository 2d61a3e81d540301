#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "crypto/key_pair.h"

static struct berth_key key_of(size_t n, unsigned char first)
{
    struct berth_key k = { .n = (uint8_t)n };

    for (size_t i = 0; i < n; i++)
        k.bytes[i] = (uint8_t)(first + i);
    return k;
}

static bool same_key(const struct berth_key *a, const struct berth_key *b)
{
    return a->n == b->n && memcmp(a->bytes, b->bytes, a->n) == 0;
}

static bool is_zero(const struct berth_key_pair *k)
{
    static const struct berth_key_pair zero;

    return memcmp(k, &zero, sizeof zero) == 0;
}

static const struct {
    const char *name;
    size_t primary, secondary;
} pairs[] = {
    { "two usual keys", 32, 32 },
    { "shortest and longest", BERTH_KEY_MIN, BERTH_KEY_MAX },
    { "two longest", BERTH_KEY_MAX, BERTH_KEY_MAX },
    { "only a primary", 32, 0 },
    { "only a secondary", 0, 32 },
    { "no keys", 0, 0 },
};

static void test_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        unsigned char storage[BERTH_KEY_PAIR_MAX];
        size_t need = 2 + pairs[i].primary + pairs[i].secondary;
        struct berth_key_pair got,
            in = { key_of(pairs[i].primary, 1), key_of(pairs[i].secondary, 101) };
        struct berth_arena a;
        berth_str secret;

        berth_arena_init(&a, storage, need);
        CHECK(pairs[i].name, berth_key_pair_encode(&in, &a, &secret) == BERTH_OK);
        CHECK(pairs[i].name, secret.n == need);
        CHECK(pairs[i].name, berth_key_pair_decode(secret, &got) == BERTH_OK);
        CHECK(pairs[i].name, same_key(&got.primary, &in.primary));
        CHECK(pairs[i].name, same_key(&got.secondary, &in.secondary));

        berth_arena_init(&a, storage, need - 1);
        CHECK(pairs[i].name, berth_key_pair_encode(&in, &a, &secret) == BERTH_E_FULL);
        CHECK(pairs[i].name, secret.p == NULL);
    }
}

/* A length byte as claimed, then as many bytes as there really are. */
static const struct {
    const char *name;
    size_t n1, bytes1, n2, bytes2, extra;
    berth_err want;
} layouts[] = {
    { "as it should be", 32, 32, 16, 16, 0, BERTH_OK },
    { "a byte too many", 32, 32, 16, 16, 1, BERTH_E_SYNTAX },
    { "second key cut short", 32, 32, 32, 31, 0, BERTH_E_SYNTAX },
    { "first key one short", 15, 15, 16, 16, 0, BERTH_E_RANGE },
    { "second key one short", 16, 16, 15, 15, 0, BERTH_E_RANGE },
    { "longest", 64, 64, 64, 64, 0, BERTH_OK },
    { "one over the longest", 65, 65, 64, 64, 0, BERTH_E_RANGE },
    { "length 255", 255, 20, 16, 16, 0, BERTH_E_RANGE },
};

static void test_layouts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(layouts); i++) {
        unsigned char bytes[512];
        size_t n = 0;
        struct berth_key_pair got;
        berth_err e;

        memset(bytes, 7, sizeof bytes);
        bytes[n] = (unsigned char)layouts[i].n1;
        n += 1 + layouts[i].bytes1;
        bytes[n] = (unsigned char)layouts[i].n2;
        n += 1 + layouts[i].bytes2 + layouts[i].extra;
        e = berth_key_pair_decode((berth_str){ (char *)bytes, n }, &got);
        CHECK(layouts[i].name, e == layouts[i].want);
        CHECK(layouts[i].name, (e == BERTH_OK) != is_zero(&got));
    }
}

static void test_prefixes(void **state)
{
    struct berth_key_pair got, in = { key_of(32, 1), key_of(32, 101) };
    unsigned char storage[BERTH_KEY_PAIR_MAX];
    struct berth_arena a;
    berth_str secret;

    (void)state;
    berth_arena_init(&a, storage, sizeof storage);
    CHECK("encode", berth_key_pair_encode(&in, &a, &secret) == BERTH_OK);
    for (size_t n = 0; n < secret.n; n++) {
        char *copy = malloc(n + (n == 0));

        memcpy(copy, secret.p, n);
        CHECK("a prefix is damaged, nothing is no keys",
              berth_key_pair_decode((berth_str){ copy, n }, &got) ==
                  (n == 0 ? BERTH_OK : BERTH_E_SYNTAX));
        CHECK("a prefix leaves nothing", is_zero(&got));
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_prefixes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
