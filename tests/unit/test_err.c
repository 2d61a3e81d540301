/* Errors, reasons and mistakes as words: each has its own, and a number that is none has some. */
#include "berth/err.h"

#include "check.h"

#include <string.h>

#include "auth/mistake.h"
#include "base/reason.h"

static void test_texts(void **state)
{
    (void)state;
    for (berth_err a = BERTH_OK; a <= BERTH_E_UNSUPPORTED; a++) {
        CHECK("not empty", berth_err_text(a)[0] != '\0');
        for (berth_err b = BERTH_OK; b < a; b++)
            CHECK(berth_err_text(a), strcmp(berth_err_text(a), berth_err_text(b)) != 0);
    }
    assert_string_equal(berth_err_text((berth_err)(BERTH_E_UNSUPPORTED + 1)), "unknown error");
}

static const struct {
    berth_err e;
    enum berth_reason want;
} reasons[] = {
    { BERTH_OK, BERTH_WHY_NONE },
    { BERTH_E_SYNTAX, BERTH_WHY_RECORD_DAMAGED },
    { BERTH_E_RANGE, BERTH_WHY_RECORD_DAMAGED },
    { BERTH_E_CRYPTO, BERTH_WHY_CRYPTO_FAILED },
    { BERTH_E_FULL, BERTH_WHY_INTERNAL },
    { BERTH_E_UNSUPPORTED, BERTH_WHY_INTERNAL },
};

static void test_reasons_of_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        CHECK(berth_err_text(reasons[i].e), berth_reason_of_err(reasons[i].e) == reasons[i].want);
}

static void test_rows(void **state)
{
    (void)state;
    for (enum berth_reason r = BERTH_WHY_NONE + 1; r < BERTH_REASON_COUNT; r++)
        CHECK(berth_reason_row(r)->name, berth_reason_row(r)->text[0] != '\0');
    for (enum berth_mistake m = BERTH_MISTAKE_NONE + 1; m < BERTH_MISTAKE_COUNT; m++)
        CHECK(berth_mistake_row(m)->name, berth_mistake_row(m)->text[0] != '\0');
    assert_ptr_equal(berth_reason_row(BERTH_REASON_COUNT), berth_reason_row(BERTH_WHY_NONE));
    assert_ptr_equal(berth_reason_row((enum berth_reason) - 1), berth_reason_row(BERTH_WHY_NONE));
    assert_ptr_equal(berth_mistake_row(BERTH_MISTAKE_COUNT), berth_mistake_row(BERTH_MISTAKE_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_reasons_of_errors),
        cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
