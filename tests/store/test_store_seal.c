#include <stdlib.h>
#include <string.h>

#include "store/sqlite/seal.h"
#include "tests/store/opened.h"
#include "tests/store/test_crypto.h"
#include "tests/unit/check.h"

enum { TEXT_MAX = BERTH_RECORD_SECRET_MAX };

static const uint8_t key[SEAL_KEY_SIZE] = "0123456789abcdef0123456789abcde";
static const uint8_t other_key[SEAL_KEY_SIZE] = "0123456789abcdef0123456789abcdf";
static const struct seal_place home = {
    .kind = 3,
    .scope = BERTH_STR_INIT("ab"),
    .key = BERTH_STR_INIT("cd"),
};

static berth_err open_copy(struct sealer *s, const struct seal_place *place, const uint8_t *blob,
                           size_t n, uint8_t *out)
{
    char *exact = malloc(n == 0 ? 1 : n);

    memcpy(exact, blob, n);
    berth_err e = sealer_open(s, place, (berth_str){ exact, n }, out);
    free(exact);
    return e;
}

static void test_round_trip(void **state)
{
    static const size_t sizes[] = { 0, 1, 15, 16, 17, 64, TEXT_MAX };
    uint8_t text[TEXT_MAX], blob[2][TEXT_MAX + SEAL_OVERHEAD], got[TEXT_MAX];
    struct sealer s;

    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * 7);
    assert_int_equal(sealer_init(&s, &test_crypto, key), BERTH_OK);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        berth_str clear = { (const char *)text, sizes[i] };
        for (int k = 0; k < 2; k++)
            assert_int_equal(sealer_seal(&s, &home, clear, blob[k]), BERTH_OK);
        CHECK("never twice the same", memcmp(blob[0], blob[1], sizes[i] + SEAL_OVERHEAD) != 0);
        CHECK("opens", open_copy(&s, &home, blob[0], sizes[i] + SEAL_OVERHEAD, got) == BERTH_OK);
        CHECK("same text", memcmp(got, text, sizes[i]) == 0);
    }
    sealer_deinit(&s);
    sealer_deinit(&s);
}

static const struct {
    const char *name;
    struct seal_place place;
} elsewhere[] = {
    { "another kind", { 4, BERTH_STR_INIT("ab"), BERTH_STR_INIT("cd") } },
    { "another scope", { 3, BERTH_STR_INIT("aB"), BERTH_STR_INIT("cd") } },
    { "another key", { 3, BERTH_STR_INIT("ab"), BERTH_STR_INIT("ce") } },
    { "scope longer, key shorter", { 3, BERTH_STR_INIT("abc"), BERTH_STR_INIT("d") } },
    { "all in the key", { 3, BERTH_STR_INIT(""), BERTH_STR_INIT("abcd") } },
    { "all in the scope", { 3, BERTH_STR_INIT("abcd"), BERTH_STR_INIT("") } },
    { "nowhere", { 0, { NULL, 0 }, { NULL, 0 } } },
};

static void test_bound_to_its_place(void **state)
{
    uint8_t blob[6 + SEAL_OVERHEAD], got[6];
    struct sealer s;

    (void)state;
    assert_int_equal(sealer_init(&s, &test_crypto, key), BERTH_OK);
    assert_int_equal(sealer_seal(&s, &home, BERTH_STR("secret"), blob), BERTH_OK);
    for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++) {
        memset(got, 0x55, sizeof got);
        CHECK(elsewhere[i].name,
              open_copy(&s, &elsewhere[i].place, blob, sizeof blob, got) == BERTH_E_MISMATCH);
        CHECK(elsewhere[i].name, memcmp(got, "secret", sizeof got) != 0);
    }
    CHECK("at home", open_copy(&s, &home, blob, sizeof blob, got) == BERTH_OK);
    sealer_deinit(&s);
}

static void test_damage(void **state)
{
    uint8_t blob[6 + SEAL_OVERHEAD], got[6];
    struct sealer s, stranger;

    (void)state;
    assert_int_equal(sealer_init(&s, &test_crypto, key), BERTH_OK);
    assert_int_equal(sealer_init(&stranger, &test_crypto, other_key), BERTH_OK);
    assert_int_equal(sealer_seal(&s, &home, BERTH_STR("secret"), blob), BERTH_OK);
    for (size_t n = 0; n < sizeof blob; n++)
        CHECK("every prefix", open_copy(&s, &home, blob, n, got) == BERTH_E_MISMATCH);
    for (size_t i = 0; i < sizeof blob; i++) {
        blob[i] ^= 1;
        CHECK("every byte", open_copy(&s, &home, blob, sizeof blob, got) == BERTH_E_MISMATCH);
        blob[i] ^= 1;
    }
    CHECK("another key file",
          open_copy(&stranger, &home, blob, sizeof blob, got) == BERTH_E_MISMATCH);
    CHECK("whole", open_copy(&s, &home, blob, sizeof blob, got) == BERTH_OK);
    sealer_deinit(&s);
    sealer_deinit(&stranger);
}

static const struct {
    const char *name, *sql;
} tamperings[] = {
    { "rows swapped",
      "CREATE TEMP TABLE was AS SELECT key, secret FROM enrollment_group;"
      "UPDATE enrollment_group SET secret = (SELECT secret FROM was WHERE was.key = 'b')"
      " WHERE key = 'a';"
      "UPDATE enrollment_group SET secret = (SELECT secret FROM was WHERE was.key = 'a')"
      " WHERE key = 'b'" },
    { "blob cut short", "UPDATE enrollment_group SET secret = substr(secret, 1, 40)"
                        " WHERE key IN ('a', 'b')" },
    { "blob of one byte", "UPDATE enrollment_group SET secret = x'01' WHERE key IN ('a', 'b')" },
    { "key renamed", "UPDATE enrollment_group SET key = key || 'x' WHERE key IN ('a', 'b');"
                     "UPDATE enrollment_group SET key = 'a' WHERE key = 'bx';"
                     "UPDATE enrollment_group SET key = 'b' WHERE key = 'ax'" },
};

/* A row somebody tampered with is a clear failure of that row, and of no other. */
static void test_tampered_rows(void **state)
{
    static const char *const keys[] = { "a", "b", "c" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tamperings); i++) {
        const char *name = tamperings[i].name;
        struct store_query all = { .kind = BERTH_KIND_GROUP, .limit = 10 };
        struct scratch dir;
        struct answer a;
        struct door d;

        scratch_make(&dir);
        struct store *s = opened_must(dir.path);
        opened_door(&d, s);
        for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
            struct berth_change c = change_put(BERTH_KIND_GROUP, "", keys[k], BERTH_ANY, "{}");
            c.rec.secret = BERTH_STR("the secret of this row");
            CHECK(name, door_commit(&d, &c, 1, 1, NULL) == STORE_OK);
        }
        opened_sql(&dir, tamperings[i].sql);
        for (size_t k = 0; k < 2; k++) {
            door_get(&d, BERTH_KIND_GROUP, "", keys[k], &a);
            CHECK(name, a.result == STORE_FAILED && a.count == 0);
            CHECK(name, strstr(a.problem, "restore the last backup") != NULL);
            CHECK(name, strstr(a.problem, "the secret of this row") == NULL);
            answer_clear(&a);
        }
        door_get(&d, BERTH_KIND_GROUP, "", "c", &a);
        CHECK(name, a.count == 1 && a.records[0].secret.n == strlen("the secret of this row"));
        answer_clear(&a);
        door_list(&d, &all, &a);
        CHECK(name, a.result == STORE_FAILED && strstr(a.problem, "enrollment_group 'a'") != NULL);
        answer_clear(&a);
        door_close(&d);
        sqlite_store_close(s);
        scratch_remove(&dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_bound_to_its_place),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_tampered_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
