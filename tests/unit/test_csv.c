/* Rows of CSV as they come, and UTF-16 made UTF-8. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf16.h"
#include "check.h"
#include "wire/csv.h"

/* Rows are told as [line:field|field]; a refused one as [line!e], the end with failure as !e. */
static const struct {
    const char *name;
    berth_str in;
    char separator;
    const char *want;
} files[] = {
    { "nothing", BERTH_STR_INIT(""), 0, "" },
    { "one field", BERTH_STR_INIT("a"), 0, "[1:a]" },
    { "LF", BERTH_STR_INIT("a,b\nc,d\n"), 0, "[1:a|b][2:c|d]" },
    { "CRLF", BERTH_STR_INIT("a,b\r\nc,d\r\n"), 0, "[1:a|b][2:c|d]" },
    { "CR", BERTH_STR_INIT("a,b\rc,d\r"), 0, "[1:a|b][2:c|d]" },
    { "no end of the last line", BERTH_STR_INIT("a,b\nc,d"), 0, "[1:a|b][2:c|d]" },
    { "empty lines count", BERTH_STR_INIT("a\n\r\n\nb"), 0, "[1:a][2:][3:][4:b]" },
    { "empty fields", BERTH_STR_INIT(",,\n"), 0, "[1:||]" },
    { "a separator last", BERTH_STR_INIT("a,"), 0, "[1:a|]" },
    { "semicolons", BERTH_STR_INIT("a;b,c\nd;e"), 0, "[1:a|b,c][2:d|e]" },
    { "most of them wins", BERTH_STR_INIT("a;b;c,d\n"), 0, "[1:a|b|c,d]" },
    { "tabs", BERTH_STR_INIT("a\tb\n1\t2,5"), 0, "[1:a|b][2:1|2,5]" },
    { "pipes", BERTH_STR_INIT("a|b\n"), 0, "[1:a|b]" },
    { "quoted ones do not count", BERTH_STR_INIT("\"a;b;c\",d\n"), 0, "[1:a;b;c|d]" },
    { "only the first line decides", BERTH_STR_INIT("a,b\n1;2;3;4,5"), 0, "[1:a|b][2:1;2;3;4|5]" },
    { "given", BERTH_STR_INIT("a:b,c\n"), ':', "[1:a|b,c]" },
    { "Excel says it", BERTH_STR_INIT("sep=:\r\na:b,c,d\r\n"), 0, "[2:a|b,c,d]" },
    { "given against Excel", BERTH_STR_INIT("sep=;\na,b;c\n"), ',', "[2:a|b;c]" },
    { "sep= alone is a field", BERTH_STR_INIT("sep=\na\n"), 0, "[1:sep=][2:a]" },
    { "sep= with a word is a field", BERTH_STR_INIT("sep=ab\n"), 0, "[1:sep=ab]" },
    { "a quote separates nothing", BERTH_STR_INIT("sep=\"\n"), 0, "[1:sep=\"]" },
    { "only sep=", BERTH_STR_INIT("sep=;"), 0, "" },
    { "quotes", BERTH_STR_INIT("\"a\",\"b\"\n"), 0, "[1:a|b]" },
    { "empty quotes", BERTH_STR_INIT("\"\",\"\"\n"), 0, "[1:|]" },
    { "a separator in quotes", BERTH_STR_INIT("\"a,b\",c"), 0, "[1:a,b|c]" },
    { "quotes in quotes", BERTH_STR_INIT("\"a \"\"b\"\"\",\"\"\"\""), 0, "[1:a \"b\"|\"]" },
    { "a line end in quotes", BERTH_STR_INIT("\"a\nb\",c\nd"), 0, "[1:a\nb|c][3:d]" },
    { "CRLF in quotes", BERTH_STR_INIT("\"a\r\nb\",c\r\nd"), 0, "[1:a\r\nb|c][3:d]" },
    { "a quote within a plain field", BERTH_STR_INIT("5\" pipe,a\nb"), 0, "[1:5\" pipe|a][2:b]" },
    { "blanks stay", BERTH_STR_INIT(" a , b \n"), 0, "[1: a | b ]" },
    { "other bytes pass", BERTH_STR_INIT("\xe4,\xc3\xa4,\x01\n"), 0, "[1:\xe4|\xc3\xa4|\x01]" },
    { "CR alone in quotes", BERTH_STR_INIT("\"a\rb\",c\n\"d\r\"\ne"), 0, "[1:a\rb|c][3:d\r][5:e]" },
    { "text behind a quote", BERTH_STR_INIT("\"a\"b,c\nd"), 0, "[1!1][2:d]" },
    { "a blank behind a quote", BERTH_STR_INIT("\"a\" ,c\nd"), 0, "[1!1][2:d]" },
    { "text behind a quote of many lines", BERTH_STR_INIT("\"a\n\n\"b\nd"), 0, "[1!1][4:d]" },
    { "text behind a quote at the end", BERTH_STR_INIT("\"a\"b"), 0, "[1!1]" },
    { "never closed", BERTH_STR_INIT("a\n\"b\nc"), 0, "[1:a]!3" },
    { "a lone quote", BERTH_STR_INIT("\""), 0, "!3" },
};

struct told {
    char text[512];
    size_t n;
};

static void tell(struct told *t, const char *p, size_t n)
{
    if (n > sizeof t->text - t->n - 1)
        n = sizeof t->text - t->n - 1;
    memcpy(t->text + t->n, p, n);
    t->n += n;
    t->text[t->n] = '\0';
}

static void tell_row(struct told *t, berth_err e, const struct berth_csv_row *row)
{
    char text[64];

    if (e == BERTH_E_FULL)
        (void)snprintf(text, sizeof text, "!%d", (int)e);
    else if (e != BERTH_OK)
        (void)snprintf(text, sizeof text, "[%u!%d]", (unsigned)row->line, (int)e);
    else
        (void)snprintf(text, sizeof text, "[%u", (unsigned)row->line);
    tell(t, text, strlen(text));
    for (size_t i = 0; e == BERTH_OK && i < row->count; i++) {
        tell(t, i == 0 ? ":" : "|", 1);
        tell(t, row->fields[i].p, row->fields[i].n);
    }
    tell(t, e == BERTH_OK ? "]" : "", e == BERTH_OK ? 1 : 0);
}

/* Reads IN, of which STEP bytes more are there each time; each time in a block of that size. */
static void read_file(berth_str in, char separator, size_t step, struct told *t)
{
    struct berth_csv_row *row = malloc(sizeof *row);
    struct berth_csv c;
    size_t done = berth_csv_begin(&c, in, separator), there = step < in.n ? step : in.n;
    char *copy;

    *t = (struct told){ 0 };
    if (there < done)
        there = done;
    for (;;) {
        size_t n = there - done, used;
        berth_err e;

        copy = malloc(n + (n == 0));
        memcpy(copy, in.n == 0 ? "" : in.p + done, n);
        e = berth_csv_next(&c, copy, n, there == in.n, &used, row);
        assert_true(used <= n);
        if (e != BERTH_E_NOT_FOUND)
            tell_row(t, e, row);
        free(copy);
        done += used;
        if (e == BERTH_E_FULL || (e == BERTH_E_NOT_FOUND && there == in.n))
            break;
        if (e == BERTH_E_NOT_FOUND)
            there = step < in.n - there ? there + step : in.n;
    }
    free(row);
}

static void test_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        for (size_t step = 1; step <= files[i].in.n + 1; step++) {
            struct told t;

            read_file(files[i].in, files[i].separator, step, &t);
            if (strcmp(t.text, files[i].want) != 0)
                fail_msg("%s, %zu bytes at a time: %s", files[i].name, step, t.text);
        }
}

/* Every prefix is a file too: its rows, or its last one refused; no byte beyond is read. */
static void test_every_prefix(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        for (size_t n = 0; n <= files[i].in.n; n++) {
            struct told whole, bytes;

            read_file(berth_str_sub(files[i].in, 0, n), ',', n + 1, &whole);
            read_file(berth_str_sub(files[i].in, 0, n), ',', 1, &bytes);
            CHECK(files[i].name, strcmp(whole.text, bytes.text) == 0);
        }
}

static berth_err read_long(size_t n, bool quoted, bool ended)
{
    struct berth_csv c = { .separator = ',', .line = 1 };
    struct berth_csv_row *row = malloc(sizeof *row);
    char *p = malloc(n + 1);
    size_t used;
    berth_err e;

    memset(p, 'a', n);
    if (quoted)
        p[0] = p[n - 1] = '"';
    p[n] = '\n';
    e = berth_csv_next(&c, p, n + ended, false, &used, row);
    CHECK("one field", e != BERTH_OK || (row->count == 1 && used == n + 1));
    free(p);
    free(row);
    return e;
}

static void test_longest_row(void **state)
{
    (void)state;
    CHECK("64 KiB", read_long(BERTH_CSV_ROW_MAX, false, true) == BERTH_OK);
    CHECK("one more", read_long(BERTH_CSV_ROW_MAX + 1, false, true) == BERTH_E_FULL);
    CHECK("64 KiB in quotes", read_long(BERTH_CSV_ROW_MAX, true, true) == BERTH_OK);
    CHECK("one more in quotes", read_long(BERTH_CSV_ROW_MAX + 1, true, true) == BERTH_E_FULL);
    CHECK("64 KiB so far", read_long(BERTH_CSV_ROW_MAX, false, false) == BERTH_E_NOT_FOUND);
    CHECK("more than that", read_long(BERTH_CSV_ROW_MAX + 1, false, false) == BERTH_E_FULL);
}

static void test_most_fields(void **state)
{
    char p[BERTH_CSV_FIELDS_MAX + 3];
    struct berth_csv c = { .separator = ',', .line = 1 };
    struct berth_csv_row *row = malloc(sizeof *row);
    size_t used;

    (void)state;
    memset(p, ',', sizeof p);
    p[BERTH_CSV_FIELDS_MAX - 1] = '\n';
    CHECK("1024", berth_csv_next(&c, p, BERTH_CSV_FIELDS_MAX, false, &used, row) == BERTH_OK);
    CHECK("1024", row->count == BERTH_CSV_FIELDS_MAX);
    p[BERTH_CSV_FIELDS_MAX - 1] = ',';
    p[BERTH_CSV_FIELDS_MAX] = '\n';
    p[BERTH_CSV_FIELDS_MAX + 1] = 'a';
    p[BERTH_CSV_FIELDS_MAX + 2] = '\n';
    CHECK("1025", berth_csv_next(&c, p, sizeof p, false, &used, row) == BERTH_E_RANGE);
    CHECK("its line", row->line == 2 && used == BERTH_CSV_FIELDS_MAX + 1);
    CHECK("the next", berth_csv_next(&c, p + used, 2, false, &used, row) == BERTH_OK);
    CHECK("the next", row->line == 3 && row->count == 1);
    free(row);
}

static const struct {
    const char *name;
    berth_str in;
    enum berth_encoding want;
    size_t mark;
} encodings[] = {
    { "nothing", { NULL, 0 }, BERTH_ENCODING_UTF8, 0 },
    { "one byte", BERTH_STR_INIT("a"), BERTH_ENCODING_UTF8, 0 },
    { "ASCII", BERTH_STR_INIT("abc"), BERTH_ENCODING_UTF8, 0 },
    { "UTF-8 with a mark", BERTH_STR_INIT("\xef\xbb\xbf"), BERTH_ENCODING_UTF8, 3 },
    { "half a mark", BERTH_STR_INIT("\xef\xbb"), BERTH_ENCODING_UTF8, 0 },
    { "low byte first", BERTH_STR_INIT("\xff\xfe"), BERTH_ENCODING_UTF16_LE, 2 },
    { "high byte first", BERTH_STR_INIT("\xfe\xff"), BERTH_ENCODING_UTF16_BE, 2 },
    { "low byte first, no mark", BERTH_STR_INIT("a\0b"), BERTH_ENCODING_UTF16_LE, 0 },
    { "high byte first, no mark", BERTH_STR_INIT("\0a\0"), BERTH_ENCODING_UTF16_BE, 0 },
    { "NULs alone", BERTH_STR_INIT("\0\0\0"), BERTH_ENCODING_UTF8, 0 },
};

static void test_encodings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(encodings); i++) {
        size_t mark;

        CHECK(encodings[i].name, berth_encoding_of(encodings[i].in, &mark) == encodings[i].want);
        CHECK(encodings[i].name, mark == encodings[i].mark);
    }
}

static const struct {
    const char *name;
    berth_str in; /* high byte first */
    const char *want;
    bool whole;
} texts[] = {
    { "ASCII", BERTH_STR_INIT("\0a\0,"), "a,", true },
    { "two bytes", BERTH_STR_INIT("\0\xe4\x07\xff"), "\xc3\xa4\xdf\xbf", true },
    { "three bytes", BERTH_STR_INIT("\x20\xac\xff\xff"), "\xe2\x82\xac\xef\xbf\xbf", true },
    { "a pair", BERTH_STR_INIT("\xd8\x3d\xde\x00"), "\xf0\x9f\x98\x80", true },
    { "the last character", BERTH_STR_INIT("\xdb\xff\xdf\xff"), "\xf4\x8f\xbf\xbf", true },
    { "a low one alone", BERTH_STR_INIT("\xdc\x00\0a"),
      "\xef\xbf\xbd"
      "a",
      true },
    { "a high one alone", BERTH_STR_INIT("\xd8\x00\0a"),
      "\xef\xbf\xbd"
      "a",
      true },
    { "two high ones", BERTH_STR_INIT("\xd8\x00\xd8\x3d\xde\x00"), "\xef\xbf\xbd\xf0\x9f\x98\x80",
      true },
    { "half a unit", BERTH_STR_INIT("\0a\0"), "a", false },
    { "half a pair", BERTH_STR_INIT("\0a\xd8\x3d"), "a", false },
};

/* STEP bytes at a time, in both orders. */
static void check_text(size_t i, size_t step, bool big)
{
    struct berth_utf16 u = { .big = big };
    char bytes[16], out[64];
    struct berth_buf b;
    size_t n = texts[i].in.n;

    memcpy(bytes, texts[i].in.p, n);
    for (size_t j = 0; !big && j + 1 < n; j += 2) {
        bytes[j] = texts[i].in.p[j + 1];
        bytes[j + 1] = texts[i].in.p[j];
    }
    berth_buf_init(&b, out, sizeof out);
    for (size_t at = 0; at < n; at += step) {
        berth_str in = berth_str_sub((berth_str){ bytes, n }, at, step);

        berth_utf16_take(&u, &in, &b);
        CHECK(texts[i].name, in.n == 0);
    }
    CHECK(texts[i].name, berth_str_eq(berth_buf_str(&b), berth_str_of(texts[i].want)));
    CHECK(texts[i].name, berth_utf16_is_whole(&u) == texts[i].whole);
}

static void test_utf16(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        for (size_t step = 1; step <= texts[i].in.n; step++) {
            check_text(i, step, true);
            check_text(i, step, false);
        }
}

static void test_utf16_waits_for_room(void **state)
{
    struct berth_utf16 u = { .big = true };
    char out[BERTH_UTF16_ROOM + 1];
    berth_str in = BERTH_STR("\0a\0b\0c");
    struct berth_buf b;

    (void)state;
    berth_buf_init(&b, out, sizeof out);
    berth_utf16_take(&u, &in, &b);
    CHECK("two characters, then 5 bytes are left", b.n == 2 && in.n == 2 && !b.over);
    berth_buf_reset(&b);
    berth_utf16_take(&u, &in, &b);
    CHECK("the third", b.n == 1 && in.n == 0 && out[0] == 'c');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_longest_row),
        cmocka_unit_test(test_most_fields),
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_utf16),
        cmocka_unit_test(test_utf16_waits_for_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
