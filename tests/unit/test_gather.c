/* The small files of a backup: read again until nothing changes between. */
#include <unistd.h>

#include "backup/gather.h"
#include "tests/unit/check.h"
#include "tests/unit/scratch.h"

#define TIMES 20 /* it is compared with what was read before */

/* What the kernel makes anew at each reading. */
#define CHANGING "/proc/sys/kernel/random/uuid"

static char directory[SCRATCH_PATH_MAX], certificate[SCRATCH_PATH_MAX + 64];
static char named[SCRATCH_PATH_MAX + 64]; /* in the configuration, elsewhere: it may be a link */
static int pauses, quiet_after;

/* Between two readings: from QUIET_AFTER of these on the certificate changes no more. */
__attribute__((visibility("default"))) int usleep(useconds_t us)
{
    (void)us;
    if (++pauses == quiet_after) {
        assert_int_equal(unlink(named), 0);
        scratch_write(named, "a certificate");
    }
    return 0;
}

static void make_files(struct config *c)
{
    char path[SCRATCH_PATH_MAX + 64];

    assert_non_null(scratch_make(directory));
    config_defaults(c);
    (void)snprintf(c->data_dir, sizeof c->data_dir, "%s", scratch_path(path, directory, "data"));
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(c->key_file, sizeof c->key_file, "%s", scratch_path(path, directory, "data/k"));
    scratch_write(path, "a key");
    assert_int_equal(mkdir(scratch_path(path, directory, "data/tls"), 0700), 0);
    scratch_path(certificate, directory, "data/tls/server.pem");
    scratch_path(named, directory, "named.pem");
}

/* The last comparison is between the last two readings: both have to be quiet. */
static void test_files_that_change(void **state)
{
    static const struct {
        const char *name;
        int quiet_after;
        berth_err want;
    } cases[] = {
        { "once", 1, BERTH_OK },
        { "as long as is borne", TIMES - 2, BERTH_OK },
        { "one reading longer", TIMES - 1, BERTH_E_IO },
        { "for ever", 0, BERTH_E_IO },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static struct config c;
        struct backup_problem problem = { 0 };
        struct gathered g = { 0 };

        make_files(&c);
        assert_int_equal(symlink(CHANGING, named), 0);
        (void)snprintf(c.tls_certificate, sizeof c.tls_certificate, "%s", named);
        pauses = 0;
        quiet_after = cases[i].quiet_after;
        CHECK(cases[i].name, gather(&c, NULL, &g, &problem) == cases[i].want);
        if (cases[i].want == BERTH_OK)
            CHECK(cases[i].name, g.count == 2 && pauses == cases[i].quiet_after + 1);
        else
            CHECK(cases[i].name, strstr(problem.text, "do not stop changing") != NULL);
        gather_free(&g);
        scratch_remove(directory);
    }
}

static berth_err gather_now(const struct config *c, struct backup_problem *problem)
{
    struct gathered g = { 0 };
    berth_err e = gather(c, NULL, &g, problem);

    gather_free(&g);
    return e;
}

static void test_most_files(void **state)
{
    static struct config c;
    struct backup_problem problem = { 0 };
    char path[SCRATCH_PATH_MAX + 64], name[16];

    (void)state;
    make_files(&c);
    for (int files = 1; files <= 63; files++) { /* with the key */
        CHECK("as many as there may be", files < 62 || gather_now(&c, &problem) == BERTH_OK);
        (void)snprintf(name, sizeof name, "data/tls/%d.pem", files);
        scratch_write(scratch_path(path, directory, name), "a certificate");
    }
    CHECK("one more", gather_now(&c, &problem) == BERTH_E_RANGE);
    CHECK("is told", strstr(problem.text, "more or larger than a backup holds") != NULL);
    scratch_remove(directory);
}

static void test_largest_file(void **state)
{
    static struct config c;
    struct backup_problem problem = { 0 };

    (void)state;
    make_files(&c);
    scratch_write(certificate, "a certificate");
    assert_int_equal(truncate(certificate, MANIFEST_SMALL_MAX), 0);
    CHECK("largest", gather_now(&c, &problem) == BERTH_OK);
    assert_int_equal(truncate(certificate, MANIFEST_SMALL_MAX + 1), 0);
    CHECK("too large", gather_now(&c, &problem) == BERTH_E_RANGE);
    CHECK("is told", strstr(problem.text, "more or larger than a backup holds") != NULL);
    scratch_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_files_that_change),
                                        cmocka_unit_test(test_most_files),
                                        cmocka_unit_test(test_largest_file) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
