#include <stdlib.h>
#include <string.h>

#include "berth/registration_id.h"
#include "check.h"

struct row {
    const char *name;
    berth_str in;
    enum berth_id_fault want;
    size_t position;
};

static const struct row registration_ids[] = {
    { "the article's", BERTH_STR_INIT("sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6"), BERTH_ID_FINE, 0 },
    { "every kind of character", BERTH_STR_INIT("aZ09-._:-"), BERTH_ID_FINE, 0 },
    { "MAC address", BERTH_STR_INIT("A1:B2:C3:D4:E5:F6"), BERTH_ID_FINE, 0 },
    { "starts with punctuation", BERTH_STR_INIT(":._-a"), BERTH_ID_FINE, 0 },
    { "one letter", BERTH_STR_INIT("a"), BERTH_ID_FINE, 0 },
    { "one dash", BERTH_STR_INIT("-"), BERTH_ID_FINE, 0 },
    { "empty", BERTH_STR_INIT(""), BERTH_ID_EMPTY, 0 },
    { "absent", { NULL, 0 }, BERTH_ID_EMPTY, 0 },
    { "blank", BERTH_STR_INIT("dev 1"), BERTH_ID_BAD_CHARACTER, 3 },
    { "LF of echo", BERTH_STR_INIT("dev1\n"), BERTH_ID_BAD_CHARACTER, 4 },
    { "quotes", BERTH_STR_INIT("\"dev1\""), BERTH_ID_BAD_CHARACTER, 0 },
    { "slash", BERTH_STR_INIT("a/b"), BERTH_ID_BAD_CHARACTER, 1 },
    { "percent", BERTH_STR_INIT("a%2db"), BERTH_ID_BAD_CHARACTER, 1 },
    { "NUL inside", BERTH_STR_INIT("ab\0c"), BERTH_ID_BAD_CHARACTER, 2 },
    { "a letter with umlaut", BERTH_STR_INIT("ger\xc3\xa4t"), BERTH_ID_BAD_CHARACTER, 3 },
    { "the first of two is told", BERTH_STR_INIT("a b c"), BERTH_ID_BAD_CHARACTER, 1 },
    { "bad character before bad end", BERTH_STR_INIT("a b."), BERTH_ID_BAD_CHARACTER, 1 },
    { "ends in dot", BERTH_STR_INIT("dev."), BERTH_ID_BAD_END, 3 },
    { "ends in underscore", BERTH_STR_INIT("dev_"), BERTH_ID_BAD_END, 3 },
    { "ends in colon", BERTH_STR_INIT("dev:"), BERTH_ID_BAD_END, 3 },
    { "one dot", BERTH_STR_INIT("."), BERTH_ID_BAD_END, 0 },
};

static const struct row device_ids[] = {
    { "every kind of character", BERTH_STR_INIT("aZ09-:.+%_#*?!(),=@;$'"), BERTH_ID_FINE, 0 },
    { "ends in dot", BERTH_STR_INIT("dev."), BERTH_ID_FINE, 0 },
    { "empty", BERTH_STR_INIT(""), BERTH_ID_EMPTY, 0 },
    { "slash", BERTH_STR_INIT("a/b"), BERTH_ID_BAD_CHARACTER, 1 },
    { "blank", BERTH_STR_INIT("dev "), BERTH_ID_BAD_CHARACTER, 3 },
    { "ampersand", BERTH_STR_INIT("&"), BERTH_ID_BAD_CHARACTER, 0 },
    { "NUL", BERTH_STR_INIT("\0"), BERTH_ID_BAD_CHARACTER, 0 },
    { "double quote", BERTH_STR_INIT("ab\""), BERTH_ID_BAD_CHARACTER, 2 },
    { "DEL", BERTH_STR_INIT("a\x7f"), BERTH_ID_BAD_CHARACTER, 1 },
};

static void check_rows(const struct row *rows, size_t count,
                       struct berth_id_check (*check)(berth_str id))
{
    for (size_t i = 0; i < count; i++) {
        struct berth_id_check got = check(rows[i].in);

        CHECK(rows[i].name, got.fault == rows[i].want);
        CHECK(rows[i].name, got.position == rows[i].position);
    }
}

static void test_registration_ids(void **state)
{
    (void)state;
    check_rows(registration_ids, ARRAY_LEN(registration_ids), berth_registration_id_check);
}

static void test_device_ids(void **state)
{
    (void)state;
    check_rows(device_ids, ARRAY_LEN(device_ids), berth_device_id_check);
}

/* As many letters as N says, with LAST at the end and BAD (unless NUL) at position AT. */
static const struct {
    const char *name;
    size_t n;
    char last, bad;
    size_t at;
    enum berth_id_fault registration, device;
    size_t position;
} lengths[] = {
    { "1", 1, 'x', 0, 0, BERTH_ID_FINE, BERTH_ID_FINE, 0 },
    { "127", 127, 'x', 0, 0, BERTH_ID_FINE, BERTH_ID_FINE, 0 },
    { "128", 128, 'x', 0, 0, BERTH_ID_FINE, BERTH_ID_FINE, 0 },
    { "129", 129, 'x', 0, 0, BERTH_ID_TOO_LONG, BERTH_ID_TOO_LONG, 128 },
    { "100000", 100000, 'x', 0, 0, BERTH_ID_TOO_LONG, BERTH_ID_TOO_LONG, 128 },
    { "bad as 128th", 128, 'x', ' ', 127, BERTH_ID_BAD_CHARACTER, BERTH_ID_BAD_CHARACTER, 127 },
    { "too long, bad as 128th", 129, 'x', ' ', 127, BERTH_ID_BAD_CHARACTER, BERTH_ID_BAD_CHARACTER,
      127 },
    { "too long comes before a bad 129th", 130, 'x', ' ', 128, BERTH_ID_TOO_LONG, BERTH_ID_TOO_LONG,
      128 },
    { "too long comes before its bad end", 129, '.', 0, 0, BERTH_ID_TOO_LONG, BERTH_ID_TOO_LONG,
      128 },
};

static void test_lengths(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        char *text = malloc(lengths[i].n); /* exact: reading on is seen by the sanitizer */
        berth_str id = { text, lengths[i].n };
        struct berth_id_check got;

        memset(text, 'a', id.n);
        text[id.n - 1] = lengths[i].last;
        if (lengths[i].bad != 0)
            text[lengths[i].at] = lengths[i].bad;
        got = berth_registration_id_check(id);
        CHECK(lengths[i].name, got.fault == lengths[i].registration);
        CHECK(lengths[i].name, got.position == lengths[i].position);
        got = berth_device_id_check(id);
        CHECK(lengths[i].name, got.fault == lengths[i].device);
        CHECK(lengths[i].name, got.position == lengths[i].position);
        free(text);
    }
}

static void test_bad_end_at_the_bound(void **state)
{
    char text[BERTH_ID_MAX];
    struct berth_id_check got;

    (void)state;
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '.';
    got = berth_registration_id_check((berth_str){ text, sizeof text });
    CHECK("128 with a bad end", got.fault == BERTH_ID_BAD_END && got.position == 127);
}

/* Every byte value against the rule written down a second time. */
static void test_every_byte(void **state)
{
    const char *alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[] = { 'a', (char)c, 'a' };
        berth_str id = { text, sizeof text };
        bool letter = c != 0 && strchr(alnum, c) != NULL;
        bool registration = letter || (c != 0 && strchr("-._:", c) != NULL);
        bool device = letter || (c != 0 && strchr("-:.+%_#*?!(),=@;$'", c) != NULL);

        CHECK("registration ID",
              (berth_registration_id_check(id).fault == BERTH_ID_FINE) == registration);
        CHECK("device ID", (berth_device_id_check(id).fault == BERTH_ID_FINE) == device);
        id.n = 2;
        CHECK("last of a registration ID",
              (berth_registration_id_check(id).fault == BERTH_ID_FINE) == (letter || c == '-'));
    }
}

static void test_fault_texts(void **state)
{
    (void)state;
    for (int a = BERTH_ID_FINE; a <= BERTH_ID_BAD_END; a++) {
        CHECK("has words", strlen(berth_id_fault_text((enum berth_id_fault)a)) > 0);
        for (int b = BERTH_ID_FINE; b < a; b++)
            CHECK("its own words", strcmp(berth_id_fault_text((enum berth_id_fault)a),
                                          berth_id_fault_text((enum berth_id_fault)b)) != 0);
    }
    CHECK("never NULL", berth_id_fault_text((enum berth_id_fault)99) != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registration_ids), cmocka_unit_test(test_device_ids),
        cmocka_unit_test(test_lengths),          cmocka_unit_test(test_bad_end_at_the_bound),
        cmocka_unit_test(test_every_byte),       cmocka_unit_test(test_fault_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
