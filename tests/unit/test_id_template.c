/* Registration IDs from serial numbers and MAC addresses: forms, templates, every refusal. */
#include <stdlib.h>
#include <string.h>

#include "auth/id_template.h"
#include "check.h"

#define ARTICLE "a1:b2:c3:d4:e5:f6"

static const struct {
    const char *name;
    berth_str in;
    const char *want; /* NULL: refused */
    enum berth_mac_fault fault;
    size_t position;
} macs[] = {
    { "colons", BERTH_STR_INIT("a1:b2:c3:d4:e5:f6"), ARTICLE, 0, 0 },
    { "colons, capitals", BERTH_STR_INIT("A1:B2:C3:D4:E5:F6"), ARTICLE, 0, 0 },
    { "dashes", BERTH_STR_INIT("A1-b2-C3-d4-E5-f6"), ARTICLE, 0, 0 },
    { "fours with dots", BERTH_STR_INIT("a1b2.c3d4.e5f6"), ARTICLE, 0, 0 },
    { "fours with dashes", BERTH_STR_INIT("a1b2-c3d4-e5f6"), ARTICLE, 0, 0 },
    { "sixes", BERTH_STR_INIT("a1b2c3-d4e5f6"), ARTICLE, 0, 0 },
    { "blanks between", BERTH_STR_INIT("A1 B2 C3 D4 E5 F6"), ARTICLE, 0, 0 },
    { "bare", BERTH_STR_INIT("a1b2c3d4e5f6"), ARTICLE, 0, 0 },
    { "bare, capitals", BERTH_STR_INIT("A1B2C3D4E5F6"), ARTICLE, 0, 0 },
    { "blanks around", BERTH_STR_INIT(" \ta1b2c3d4e5f6\t "), ARTICLE, 0, 0 },
    { "a label", BERTH_STR_INIT("MAC: A1B2C3D4E5F6"), ARTICLE, 0, 0 },
    { "a label without blank", BERTH_STR_INIT("mac=a1b2c3d4e5f6"), ARTICLE, 0, 0 },
    { "a longer label", BERTH_STR_INIT("MAC Address a1-b2-c3-d4-e5-f6"), ARTICLE, 0, 0 },
    { "MAC ID", BERTH_STR_INIT("MAC ID:a1b2.c3d4.e5f6"), ARTICLE, 0, 0 },
    { "zeros dropped", BERTH_STR_INIT("0:1b:2:3:4:ff"), "00:1b:02:03:04:ff", 0, 0 },
    { "one bit set", BERTH_STR_INIT("00-00-00-00-00-01"), "00:00:00:00:00:01", 0, 0 },
    { "one bit clear", BERTH_STR_INIT("ffffffffffef"), "ff:ff:ff:ff:ff:ef", 0, 0 },
    { "all zeros", BERTH_STR_INIT("00:00:00:00:00:00"), NULL, BERTH_MAC_PLACEHOLDER, 0 },
    { "all ones", BERTH_STR_INIT("FFFFFFFFFFFF"), NULL, BERTH_MAC_PLACEHOLDER, 0 },
    { "empty", BERTH_STR_INIT(""), NULL, BERTH_MAC_EMPTY, 0 },
    { "absent", { NULL, 0 }, NULL, BERTH_MAC_EMPTY, 0 },
    { "blank", BERTH_STR_INIT("  \t"), NULL, BERTH_MAC_EMPTY, 0 },
    { "a label alone", BERTH_STR_INIT("MAC:"), NULL, BERTH_MAC_EMPTY, 0 },
    { "11 digits", BERTH_STR_INIT("a1b2c3d4e5f"), NULL, BERTH_MAC_LENGTH, 11 },
    { "13 digits", BERTH_STR_INIT("a1b2c3d4e5f60"), NULL, BERTH_MAC_LENGTH, 12 },
    { "EUI-64", BERTH_STR_INIT("a1:b2:c3:d4:e5:f6:07:08"), NULL, BERTH_MAC_GROUPS, 17 },
    { "five pairs", BERTH_STR_INIT("a1:b2:c3:d4:e5"), NULL, BERTH_MAC_LENGTH, 14 },
    { "a letter O", BERTH_STR_INIT("a1:b2:c3:d4:e5:O6"), NULL, BERTH_MAC_BAD_CHARACTER, 15 },
    { "a number of a spreadsheet", BERTH_STR_INIT("1.2345E+11"), NULL, BERTH_MAC_BAD_CHARACTER, 7 },
    { "position counts the label", BERTH_STR_INIT("MAC: a1x"), NULL, BERTH_MAC_BAD_CHARACTER, 7 },
    { "NUL", BERTH_STR_INIT("a1\0"), NULL, BERTH_MAC_BAD_CHARACTER, 2 },
    { "two separators", BERTH_STR_INIT("a1:b2-c3:d4:e5:f6"), NULL, BERTH_MAC_MIXED, 5 },
    { "a separator twice", BERTH_STR_INIT("a1::b2"), NULL, BERTH_MAC_GROUPS, 3 },
    { "a separator first", BERTH_STR_INIT(":a1b2c3d4e5f6"), NULL, BERTH_MAC_GROUPS, 0 },
    { "a separator last", BERTH_STR_INIT("a1:b2:c3:d4:e5:"), NULL, BERTH_MAC_GROUPS, 15 },
    { "a separator after all", BERTH_STR_INIT("a1b2c3d4e5f6:"), NULL, BERTH_MAC_GROUPS, 13 },
    { "uneven fours", BERTH_STR_INIT("a1b.2c3d4.e5f6"), NULL, BERTH_MAC_GROUPS, 14 },
    { "three in a pair", BERTH_STR_INIT("a1b:2:c3:d4:e5:f6"), NULL, BERTH_MAC_GROUPS, 17 },
    { "threes", BERTH_STR_INIT("a1b:2c3:d4e:5f6"), NULL, BERTH_MAC_GROUPS, 15 },
};

static void test_macs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(macs); i++) {
        char text[64];
        struct berth_buf b;
        struct berth_mac mac;
        struct berth_mac_check c = berth_mac_parse(macs[i].in, &mac);

        CHECK(macs[i].name, c.fault == macs[i].fault);
        CHECK(macs[i].name, c.position == macs[i].position);
        berth_buf_init(&b, text, sizeof text);
        berth_mac_put(&b, &mac, ':', 2, false);
        CHECK(macs[i].name, berth_str_eq(berth_buf_str(&b),
                                         berth_str_of(macs[i].want != NULL ? macs[i].want
                                                                           : "00:00:00:00:00:00")));
    }
}

/* Exact-size copies: reading on is seen by the sanitizer. */
static void test_every_prefix_of_macs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(macs); i++)
        for (size_t n = 0; n <= macs[i].in.n; n++) {
            char *copy = malloc(n + (n == 0));
            struct berth_mac mac;
            struct berth_mac_check c;

            memcpy(copy, macs[i].in.p == NULL ? "" : macs[i].in.p, n);
            c = berth_mac_parse((berth_str){ copy, n }, &mac);
            CHECK(macs[i].name, c.position <= n);
            free(copy);
        }
}

static const struct {
    const char *name, *text, *serial, *want; /* WANT NULL: refused */
    enum berth_id_fault fault;
    size_t position;
} builds[] = {
    { "the article's", "sn-{serial}-mac-{mac}", "007-888-abc",
      "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6", 0, 0 },
    { "serial as it is", "{serial}", "Ab-9", "Ab-9", 0, 0 },
    { "serial in lower case", "{serial-lower}", "Ab-9Z", "ab-9z", 0, 0 },
    { "serial in capitals", "{serial-upper}", "Ab-9z", "AB-9Z", 0, 0 },
    { "mac", "{mac}", "", "a1-b2-c3-d4-e5-f6", 0, 0 },
    { "mac in capitals", "{mac-upper}", "", "A1-B2-C3-D4-E5-F6", 0, 0 },
    { "bare", "{mac-bare}", "", "a1b2c3d4e5f6", 0, 0 },
    { "bare in capitals", "{mac-bare-upper}", "", "A1B2C3D4E5F6", 0, 0 },
    { "colons", "{mac-colon}", "", "a1:b2:c3:d4:e5:f6", 0, 0 },
    { "colons in capitals", "{mac-colon-upper}", "", "A1:B2:C3:D4:E5:F6", 0, 0 },
    { "dots", "{mac-dot}", "", "a1b2.c3d4.e5f6", 0, 0 },
    { "dots in capitals", "x{mac-dot-upper}", "", "xA1B2.C3D4.E5F6", 0, 0 },
    { "fields side by side", "{serial}{serial}", "1", "11", 0, 0 },
    { "text after a field", "{serial}.x", "1", "1.x", 0, 0 },
    { "no serial", "sn-{serial}-mac-{mac}", "", NULL, BERTH_ID_EMPTY, 0 },
    { "a blank in the serial", "sn-{serial}", "00 7", NULL, BERTH_ID_BAD_CHARACTER, 5 },
    { "a slash in the serial", "{serial}", "S/N7", NULL, BERTH_ID_BAD_CHARACTER, 1 },
    { "a bad end", "{serial}", "7.", NULL, BERTH_ID_BAD_END, 1 },
    { "a bad end of the template", "{serial}_", "7", NULL, BERTH_ID_BAD_END, 1 },
};

static void test_builds(void **state)
{
    const struct berth_mac mac = { { 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6 } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(builds); i++) {
        char text[BERTH_ID_MAX];
        struct berth_id_template t;
        struct berth_id_check c;
        struct berth_buf b;

        CHECK(builds[i].name, berth_id_template_parse(berth_str_of(builds[i].text), &t).fault ==
                                  BERTH_ID_TEMPLATE_FINE);
        berth_buf_init(&b, text, sizeof text);
        c = berth_id_template_build(&t, berth_str_of(builds[i].serial), &mac, &b);
        CHECK(builds[i].name, c.fault == builds[i].fault && c.position == builds[i].position);
        if (builds[i].want != NULL)
            CHECK(builds[i].name, berth_str_eq(berth_buf_str(&b), berth_str_of(builds[i].want)));
    }
}

/* Serial numbers that make an ID of exactly as many characters as allowed, and one more. */
static void test_the_longest(void **state)
{
    static const struct {
        const char *name;
        size_t serial;
        char last;
        enum berth_id_fault want;
    } rows[] = {
        { "128", 125, 'a', BERTH_ID_FINE },
        { "129", 126, 'a', BERTH_ID_TOO_LONG },
        { "64 KiB", 65536, 'a', BERTH_ID_TOO_LONG },
        { "128 with a bad end", 125, '.', BERTH_ID_BAD_END },
    };
    static const char *const templates[] = { "sn-{serial}", "sn-{serial-lower}" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows) * 2; i++) {
        size_t n = rows[i / 2].serial;
        char text[BERTH_ID_MAX], *serial = malloc(n);
        struct berth_id_template t;
        struct berth_buf b;

        CHECK("parses", berth_id_template_parse(berth_str_of(templates[i % 2]), &t).fault == 0);
        memset(serial, 'a', n);
        serial[n - 1] = rows[i / 2].last;
        berth_buf_init(&b, text, sizeof text);
        CHECK(rows[i / 2].name,
              berth_id_template_build(&t, (berth_str){ serial, n }, NULL, &b).fault ==
                  rows[i / 2].want);
        free(serial);
    }
}

static void test_appends(void **state)
{
    char text[BERTH_ID_MAX + 4];
    struct berth_id_template t;
    struct berth_buf b;

    (void)state;
    CHECK("parses", berth_id_template_parse(BERTH_STR("{serial}"), &t).fault == 0);
    berth_buf_init(&b, text, sizeof text);
    berth_buf_put(&b, BERTH_STR("a b,"));
    CHECK("what stood there is not judged",
          berth_id_template_build(&t, BERTH_STR("7"), NULL, &b).fault == BERTH_ID_FINE);
    CHECK("what stood there stays", berth_str_eq(berth_buf_str(&b), BERTH_STR("a b,7")));
}

#define FIELDS_4 "{mac}{mac}{mac}{mac}"

static const struct {
    const char *name, *text;
    enum berth_id_template_fault fault;
    size_t position;
    bool serial, mac;
} templates[] = {
    { "both", "sn-{serial}-mac-{mac}", BERTH_ID_TEMPLATE_FINE, 0, true, true },
    { "serial", "{serial-upper}", BERTH_ID_TEMPLATE_FINE, 0, true, false },
    { "mac", "x{mac-dot}", BERTH_ID_TEMPLATE_FINE, 0, false, true },
    { "a closing brace alone", "{mac}}", BERTH_ID_TEMPLATE_BAD_CHARACTER, 5, false, false },
    { "16 parts", FIELDS_4 FIELDS_4 FIELDS_4 FIELDS_4, BERTH_ID_TEMPLATE_FINE, 0, false, true },
    { "17 parts", FIELDS_4 FIELDS_4 FIELDS_4 FIELDS_4 "x", BERTH_ID_TEMPLATE_TOO_MANY, 80, false,
      false },
    { "empty", "", BERTH_ID_TEMPLATE_EMPTY, 0, false, false },
    { "a blank", "sn {serial}", BERTH_ID_TEMPLATE_BAD_CHARACTER, 2, false, false },
    { "a bad character behind a field", "{serial}/x", BERTH_ID_TEMPLATE_BAD_CHARACTER, 8, false,
      false },
    { "unclosed", "sn-{serial", BERTH_ID_TEMPLATE_UNCLOSED, 3, false, false },
    { "unknown", "sn-{serail}", BERTH_ID_TEMPLATE_UNKNOWN_FIELD, 3, false, false },
    { "no name", "{}", BERTH_ID_TEMPLATE_UNKNOWN_FIELD, 0, false, false },
    { "capitals", "{Serial}", BERTH_ID_TEMPLATE_UNKNOWN_FIELD, 0, false, false },
    { "in braces twice", "{{serial}}", BERTH_ID_TEMPLATE_UNKNOWN_FIELD, 0, false, false },
    { "-upper of a serial twice", "{serial-upper-upper}", BERTH_ID_TEMPLATE_UNKNOWN_FIELD, 0, false,
      false },
    { "-upper alone", "{-upper}", BERTH_ID_TEMPLATE_UNKNOWN_FIELD, 0, false, false },
    { "no field", "device", BERTH_ID_TEMPLATE_NO_FIELD, 0, false, false },
};

static void test_templates(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(templates); i++) {
        size_t n = strlen(templates[i].text);
        char *copy = malloc(n + (n == 0)); /* exact */
        struct berth_id_template t;
        struct berth_id_template_check c;

        memcpy(copy, templates[i].text, n);
        c = berth_id_template_parse((berth_str){ copy, n }, &t);
        CHECK(templates[i].name, c.fault == templates[i].fault);
        CHECK(templates[i].name, c.position == templates[i].position);
        CHECK(templates[i].name, t.needs_serial == templates[i].serial);
        CHECK(templates[i].name, t.needs_mac == templates[i].mac);
        CHECK(templates[i].name, c.fault == 0 || t.count == 0);
        free(copy);
    }
}

static void test_template_length(void **state)
{
    char text[BERTH_ID_TEMPLATE_MAX + 1];
    struct berth_id_template t;
    struct berth_id_template_check c;

    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text, "{mac}", 5);
    c = berth_id_template_parse((berth_str){ text, BERTH_ID_TEMPLATE_MAX }, &t);
    CHECK("256", c.fault == BERTH_ID_TEMPLATE_FINE);
    c = berth_id_template_parse((berth_str){ text, sizeof text }, &t);
    CHECK("257", c.fault == BERTH_ID_TEMPLATE_TOO_LONG && c.position == BERTH_ID_TEMPLATE_MAX);
}

static void test_fault_texts(void **state)
{
    (void)state;
    for (int a = 0; a <= BERTH_MAC_PLACEHOLDER; a++)
        for (int b = 0; b < a; b++)
            CHECK("a MAC fault's own words",
                  strcmp(berth_mac_fault_text((enum berth_mac_fault)a),
                         berth_mac_fault_text((enum berth_mac_fault)b)) != 0);
    for (int a = 0; a <= BERTH_ID_TEMPLATE_NO_FIELD; a++)
        for (int b = 0; b < a; b++)
            CHECK("a template fault's own words",
                  strcmp(berth_id_template_fault_text((enum berth_id_template_fault)a),
                         berth_id_template_fault_text((enum berth_id_template_fault)b)) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_macs),        cmocka_unit_test(test_every_prefix_of_macs),
        cmocka_unit_test(test_builds),      cmocka_unit_test(test_the_longest),
        cmocka_unit_test(test_appends),     cmocka_unit_test(test_templates),
        cmocka_unit_test(test_fault_texts), cmocka_unit_test(test_template_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
