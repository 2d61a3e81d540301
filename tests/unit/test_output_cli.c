/* What the command line prints: tables, JSON, and text that is harmless on a terminal. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "berth/registration_id.h"
#include "check.h"
#include "cli/output.h"
#include "cli/table.h"

struct capture {
    FILE *file;
    char *text;
    size_t n;
};

static FILE *capture(struct capture *c)
{
    *c = (struct capture){ 0 };
    c->file = open_memstream(&c->text, &c->n);
    assert_non_null(c->file);
    return c->file;
}

static void check_captured(const char *name, struct capture *c, const char *want)
{
    (void)fclose(c->file);
    if (strcmp(c->text, want) != 0)
        fail_msg("%s: got\n%s\nwanted\n%s", name, c->text, want);
    free(c->text);
}

static struct berth_json checked(const char *text)
{
    struct berth_json v;

    if (berth_json_check(berth_str_of(text), &v, NULL) != BERTH_OK)
        fail_msg("not JSON: %s", text);
    return v;
}

static const struct {
    const char *name, *in, *want;
} documents[] = {
    { "a number as it was written", "1.10", "1.10\n" },
    { "an empty object", "{ }", "{}\n" },
    { "an empty array", "[\n]", "[]\n" },
    { "members", "{\"a\":1,\"b\":[true,null]}",
      "{\n  \"a\": 1,\n  \"b\": [\n    true,\n    null\n  ]\n}\n" },
    { "escapes stay", "{\"a\\n\":\"\\u00e9\"}", "{\n  \"a\\n\": \"\\u00e9\"\n}\n" },
    { "no name commands the terminal", "{\"\xc2\x9b[m\x7f\":1}",
      "{\n  \"\\u009b[m\\u007f\": 1\n}\n" },
    { "no text either", "[\"a\x7f\xc2\x80\xc2\x9f\xc3\x9b\"]",
      "[\n  \"a\\u007f\\u0080\\u009f\xc3\x9b\"\n]\n" },
};

static void test_json(void **state)
{
    struct capture c;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        output_json(capture(&c), checked(documents[i].in), (struct berth_json){ 0 });
        check_captured(documents[i].name, &c, documents[i].want);
    }
}

static void test_line(void **state)
{
    struct capture c;

    (void)state;
    output_line(capture(&c), checked("{\"\xc2\x9b\":[1.10,\"\x7f\\n\"]}"));
    check_captured("one a line", &c, "{\"\\u009b\":[1.10,\"\\u007f\\n\"]}\n");
}

static void test_json_hidden(void **state)
{
    struct berth_json v = checked("{\"type\":\"sas\",\"key\":{\"a\":1},\"b\":{\"a\":1}}");
    struct capture c;

    (void)state;
    output_json(capture(&c), v, berth_json_get(v, BERTH_STR("key")));
    check_captured("the value itself, not its like", &c,
                   "{\n  \"type\": \"sas\",\n  \"b\": {\n    \"a\": 1\n  }\n}\n");
    v = checked("{\"key\":1}");
    output_json(capture(&c), v, berth_json_get(v, BERTH_STR("key")));
    check_captured("nothing left", &c, "{}\n");
}

static void test_array(void **state)
{
    struct output_array a;
    struct capture c;

    (void)state;
    output_array_open(&a, capture(&c));
    output_array_close(&a);
    check_captured("nothing", &c, "[]\n");
    output_array_open(&a, capture(&c));
    output_array_put(&a, checked("1"), (struct berth_json){ 0 });
    output_array_put(&a, checked("{\"a\":2}"), (struct berth_json){ 0 });
    output_array_close(&a);
    check_captured("two", &c, "[\n  1,\n  {\n    \"a\": 2\n  }\n]\n");
}

static void test_table(void **state)
{
    static const char *const heads[] = { "ID", "STATUS" };
    struct capture c;
    struct table t;

    (void)state;
    table_init(&t, capture(&c), heads, 2);
    table_put(&t, BERTH_STR("pump-1"));
    table_put(&t, BERTH_STR("on"));
    table_put(&t, BERTH_STR(""));
    table_put(&t, BERTH_STR("enabled"));
    CHECK("whole", table_deinit(&t));
    check_captured("columns stand under their heads", &c,
                   "ID      STATUS\npump-1  on\n-       enabled\n");

    table_init(&t, capture(&c), heads, 2);
    CHECK("nothing", table_deinit(&t));
    check_captured("no rows, no heads", &c, "");

    table_init(&t, capture(&c), heads, 2);
    table_put(&t, BERTH_STR("abc"));
    table_put(&t, BERTH_STR("1"));
    table_flush(&t);
    table_put(&t, BERTH_STR("a"));
    table_put(&t, BERTH_STR("2"));
    CHECK("pages", table_deinit(&t));
    check_captured("one head for two pages", &c, "ID   STATUS\nabc  1\na    2\n");
}

static void test_table_values(void **state)
{
    struct berth_json v =
        checked("{\"s\":\"a\\u0041\",\"n\":null,\"i\":1.50,\"t\":\"2026-01-02T03:04:05.1230000Z\","
                "\"z\":\"0001-01-01T00:00:00Z\",\"l\":[\"a\",\"b\"],\"e\":[]}");
    struct capture c;
    struct table t;

    (void)state;
    table_init(&t, capture(&c), NULL, 2);
    table_pair(&t, "s", berth_json_get(v, BERTH_STR("s")));
    table_pair(&t, "n", berth_json_get(v, BERTH_STR("n")));
    table_pair(&t, "absent", berth_json_get(v, BERTH_STR("none")));
    table_pair(&t, "i", berth_json_get(v, BERTH_STR("i")));
    table_pair_list(&t, "l", berth_json_get(v, BERTH_STR("l")), BERTH_STR("all"));
    table_pair_list(&t, "e", berth_json_get(v, BERTH_STR("e")), BERTH_STR("all"));
    table_put(&t, BERTH_STR("t"));
    table_put_time(&t, berth_json_get(v, BERTH_STR("t")));
    table_put(&t, BERTH_STR("z"));
    table_put_time(&t, berth_json_get(v, BERTH_STR("z")));
    CHECK("whole", table_deinit(&t));
    check_captured("values", &c,
                   "s       aA\nn       -\nabsent  -\ni       1.50\nl       a b\ne       all\n"
                   "t       2026-01-02 03:04:05Z\nz       never\n");
}

static void test_table_tames(void **state)
{
    struct capture c;
    struct table t;

    (void)state;
    table_init(&t, capture(&c), NULL, 2);
    table_put(&t, BERTH_STR("a\033[2Jb\nc"));
    table_put(&t, (berth_str){ "x\0y", 3 });
    CHECK("whole", table_deinit(&t));
    check_captured("no cell commands the terminal or breaks the row", &c, "a?[2Jb?c  x?y\n");
}

static const struct {
    const char *name, *in, *want;
} tames[] = {
    { "plain", "abc \xc3\xa9", "abc \xc3\xa9" },
    { "line feeds stay", "a\nb", "a\nb" },
    { "escape", "\033[31m", "?[31m" },
    { "carriage return", "a\rb", "a?b" },
    { "delete", "a\x7f", "a?" },
    { "control sequence introducer of 8 bits",
      "\xc2\x9b"
      "31m",
      "??31m" },
    { "right to left", "a\xe2\x80\xaez", "a???z" },
    { "no-break space stays", "\xc2\xa0", "\xc2\xa0" },
    { "cut in the middle", "\xc2", "\xc2" },
};

static void test_tame(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tames); i++) {
        char text[64];

        (void)snprintf(text, sizeof text, "%s", tames[i].in);
        text_tame(text);
        CHECK(tames[i].name, strcmp(text, tames[i].want) == 0);
    }
}

static void test_width(void **state)
{
    (void)state;
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    CHECK("ASCII", text_width(BERTH_STR("abc")) == 3);
    CHECK("an umlaut takes one column", text_width(BERTH_STR("\xc3\xa4")) == 1);
    CHECK("a wide character takes two", text_width(BERTH_STR("\xe4\xb8\xad")) == 2);
    CHECK("broken bytes take one each", text_width(BERTH_STR("\xff\xc3")) == 2);
    (void)setlocale(LC_CTYPE, "C");
}

static void test_text_bound(void **state)
{
    char *big = calloc(1, 10000);
    struct text t;

    (void)state;
    assert_non_null(big);
    text_init(&t, 10000);
    text_put(&t, (berth_str){ big, 4000 });
    text_put(&t, (berth_str){ big, 6000 });
    CHECK("at the bound", !t.over && text_str(&t).n == 10000);
    text_put(&t, (berth_str){ big, 1 });
    CHECK("over it", t.over && text_str(&t).n == 10000);
    text_reset(&t);
    CHECK("anew", !t.over && text_str(&t).n == 0);
    text_deinit(&t);
    text_deinit(&t);
    free(big);
}

static void test_object_with_more(void **state)
{
    const struct output_member more[] = { { "whose", "a\"b" }, { "other", "" } };
    char longest[BERTH_ID_MAX + 1] = { 0 }, want[8 * BERTH_ID_MAX];
    struct berth_json v = checked("{\"a\":{\"b\":1,\"key\":2}}");
    struct berth_json hidden = berth_json_get(berth_json_get(v, BERTH_STR("a")), BERTH_STR("key"));
    struct capture c;
    int n;

    (void)state;
    output_object(capture(&c), v, hidden, more, 2);
    check_captured("behind", &c,
                   "{\n  \"a\": {\n    \"b\": 1\n  },\n  \"whose\": \"a\\\"b\",\n"
                   "  \"other\": null\n}\n");
    output_object(capture(&c), checked("{}"), (struct berth_json){ 0 }, more, 1);
    check_captured("alone", &c, "{\n  \"whose\": \"a\\\"b\"\n}\n");
    output_object(capture(&c), checked("{}"), (struct berth_json){ 0 },
                  &(struct output_member){ "n", "\xc2\x9b" }, 1);
    check_captured("no command", &c, "{\n  \"n\": \"\\u009b\"\n}\n");
    output_object(capture(&c), checked("{}"), (struct berth_json){ 0 }, NULL, 0);
    check_captured("none", &c, "{}\n");

    memset(longest, 1, sizeof longest - 1);
    output_object(capture(&c), checked("{}"), (struct berth_json){ 0 },
                  &(struct output_member){ "n", longest }, 1);
    n = snprintf(want, sizeof want, "{\n  \"n\": \"");
    for (int i = 0; i < BERTH_ID_MAX; i++)
        n += snprintf(want + n, sizeof want - (size_t)n, "\\u0001");
    (void)snprintf(want + n, sizeof want - (size_t)n, "\"\n}\n");
    check_captured("the longest", &c, want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_json_hidden),
        cmocka_unit_test(test_array),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_table_values),
        cmocka_unit_test(test_table_tames),
        cmocka_unit_test(test_tame),
        cmocka_unit_test(test_width),
        cmocka_unit_test(test_text_bound),
        cmocka_unit_test(test_object_with_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
