/* Characters: which bytes are one, and where a text may be cut. */
#include "base/utf8.h"
#include "check.h"

static const struct {
    const char *name;
    berth_str in;
    size_t want;
} sizes[] = {
    { "nothing", { NULL, 0 }, 0 },
    { "NUL is a character", BERTH_STR_INIT("\0"), 1 },
    { "the last of one byte", BERTH_STR_INIT("\x7f"), 1 },
    { "a tail alone", BERTH_STR_INIT("\x80"), 0 },
    { "overlong in two", BERTH_STR_INIT("\xc1\xbf"), 0 },
    { "the first of two bytes", BERTH_STR_INIT("\xc2\x80"), 2 },
    { "the last of two bytes", BERTH_STR_INIT("\xdf\xbf"), 2 },
    { "overlong in three", BERTH_STR_INIT("\xe0\x9f\xbf"), 0 },
    { "the first of three bytes", BERTH_STR_INIT("\xe0\xa0\x80"), 3 },
    { "before the surrogates", BERTH_STR_INIT("\xed\x9f\xbf"), 3 },
    { "a surrogate", BERTH_STR_INIT("\xed\xa0\x80"), 0 },
    { "the last of three bytes", BERTH_STR_INIT("\xef\xbf\xbf"), 3 },
    { "overlong in four", BERTH_STR_INIT("\xf0\x8f\xbf\xbf"), 0 },
    { "the first of four bytes", BERTH_STR_INIT("\xf0\x90\x80\x80"), 4 },
    { "the last character", BERTH_STR_INIT("\xf4\x8f\xbf\xbf"), 4 },
    { "beyond the last", BERTH_STR_INIT("\xf4\x90\x80\x80"), 0 },
    { "no lead at all", BERTH_STR_INIT("\xf5\x80\x80\x80"), 0 },
    { "a tail that is none", BERTH_STR_INIT("\xe2\x82z"), 0 },
    { "cut after its lead", BERTH_STR_INIT("\xe2"), 0 },
    { "cut before its last tail", BERTH_STR_INIT("\xf0\x90\x80"), 0 },
    { "what follows does not count", BERTH_STR_INIT("\xc3\xa9z"), 2 },
};

static void test_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        CHECK(sizes[i].name, berth_utf8_size(sizes[i].in) == sizes[i].want);
}

static const struct {
    const char *name;
    berth_str in;
    size_t max, want;
} cuts[] = {
    { "shorter", BERTH_STR_INIT("ab"), 3, 2 },
    { "just fits", BERTH_STR_INIT("a\xc3\xa9"), 3, 3 },
    { "one byte too many", BERTH_STR_INIT("abcd"), 3, 3 },
    { "within two bytes", BERTH_STR_INIT("a\xc3\xa9"), 2, 1 },
    { "within four bytes", BERTH_STR_INIT("a\xf0\x90\x80\x80"), 4, 1 },
    { "between two characters", BERTH_STR_INIT("\xc3\xa9\xc3\xa9"), 2, 2 },
    { "no character fits", BERTH_STR_INIT("\xc3\xa9"), 1, 0 },
    { "nothing fits", BERTH_STR_INIT("a"), 0, 0 },
    { "tails alone", BERTH_STR_INIT("\x80\x80\x80"), 2, 0 },
    { "absent", { NULL, 0 }, 2, 0 },
};

static void test_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++)
        CHECK(cuts[i].name, berth_utf8_cut(cuts[i].in, cuts[i].max).n == cuts[i].want);
}

static const struct {
    const char *name;
    berth_str in;
    size_t before, behind; /* bytes */
    unsigned code;
} controls[] = {
    { "none", BERTH_STR_INIT("a\xc3\xa9"), 3, 0, 0 },
    { "nothing", BERTH_STR_INIT(""), 0, 0, 0 },
    { "escaped in JSON already", BERTH_STR_INIT("\033"), 1, 0, 0 },
    { "before DEL", BERTH_STR_INIT("a~b"), 3, 0, 0 },
    { "DEL", BERTH_STR_INIT("a\x7f\x7f"), 1, 1, 0x7f },
    { "the first of ISO 8859", BERTH_STR_INIT("\xc2\x80"), 0, 0, 0x80 },
    { "CSI", BERTH_STR_INIT("ab\xc2\x9b[m"), 2, 2, 0x9b },
    { "the last of ISO 8859", BERTH_STR_INIT("\xc2\x9fx"), 0, 1, 0x9f },
    { "no-break space", BERTH_STR_INIT("\xc2\xa0"), 2, 0, 0 },
    { "of Arabic", BERTH_STR_INIT("a\xd8\x9c"), 1, 0, 0x61c },
    { "before the marks", BERTH_STR_INIT("\xe2\x80\x8d"), 3, 0, 0 },
    { "left to right", BERTH_STR_INIT("\xe2\x80\x8e"), 0, 0, 0x200e },
    { "right to left", BERTH_STR_INIT("\xe2\x80\x8f"), 0, 0, 0x200f },
    { "behind the marks", BERTH_STR_INIT("\xe2\x80\x90"), 3, 0, 0 },
    { "before the line's end", BERTH_STR_INIT("\xe2\x80\xa7"), 3, 0, 0 },
    { "line's end", BERTH_STR_INIT("x\xe2\x80\xa8y"), 1, 1, 0x2028 },
    { "override", BERTH_STR_INIT("gnp\xe2\x80\xaegpj"), 3, 3, 0x202e },
    { "behind the overrides", BERTH_STR_INIT("\xe2\x80\xaf"), 3, 0, 0 },
    { "before the isolates", BERTH_STR_INIT("\xe2\x81\xa5"), 3, 0, 0 },
    { "the first isolate", BERTH_STR_INIT("\xe2\x81\xa6"), 0, 0, 0x2066 },
    { "their end", BERTH_STR_INIT("\xe2\x81\xa9"), 0, 0, 0x2069 },
    { "behind the isolates", BERTH_STR_INIT("\xe2\x81\xaa"), 3, 0, 0 },
    { "half an override", BERTH_STR_INIT("\xe2\x80"), 2, 0, 0 },
    { "of four bytes", BERTH_STR_INIT("\xf0\x90\x80\x8e"), 4, 0, 0 },
    { "within another character", BERTH_STR_INIT("\xc3\x9b\xe2\x82\x9b"), 5, 0, 0 },
    { "a lead at the end", BERTH_STR_INIT("\xc2"), 1, 0, 0 },
    { "a lead before what is no tail", BERTH_STR_INIT("\xc2z"), 2, 0, 0 },
};

static void test_cut_control(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(controls); i++) {
        berth_str rest = controls[i].in;
        unsigned code = 1;

        CHECK(controls[i].name, berth_utf8_cut_control(&rest, &code).n == controls[i].before);
        CHECK(controls[i].name, rest.n == controls[i].behind);
        CHECK(controls[i].name, code == controls[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_cut_control),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
