#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "ops/secure.h"
#include "scratch.h"

static const struct {
    const char *name;
    size_t files, loops, wanted, want;
} cases[] = {
    { "room for one", SECURE_FILES_RESERVE + SECURE_FILES_PER_LOOP + 1, 1, 0, 1 },
    { "room for none", SECURE_FILES_RESERVE + SECURE_FILES_PER_LOOP, 1, 0, 0 },
    { "less than the reserve", 16, 8, 0, 0 },
    { "a usual limit", 20000, 2, 0, 20000 - SECURE_FILES_RESERVE - 2 * SECURE_FILES_PER_LOOP },
    { "fewer wanted", 20000, 2, 100, 100 },
    { "more wanted", 1024, 1, 5000, 1024 - SECURE_FILES_RESERVE - SECURE_FILES_PER_LOOP },
};

static void test_connections(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(cases[i].name,
              secure_connections(cases[i].files, cases[i].loops, cases[i].wanted) == cases[i].want);
}

/* In a child, for it cannot be undone; _exit spares the leak checker, which could not attach. */
static int in_child(bool dumpable)
{
    struct rlimit core;
    int ended = -1;
    pid_t child = fork();

    if (child == 0) {
        bool ok = secure_process(dumpable) == BERTH_OK && getrlimit(RLIMIT_CORE, &core) == 0 &&
                  core.rlim_max == 0 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == (int)dumpable &&
                  umask(0) == 077;
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &ended, 0), child);
    return ended;
}

static void test_process(void **state)
{
    (void)state;
    assert_int_equal(in_child(false), 0);
    assert_int_equal(in_child(true), 0);
}

static void test_file_limit_is_raised(void **state)
{
    struct rlimit before, low, after;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = (struct rlimit){ 64, before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(secure_file_limit(), before.rlim_max);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &after), 0);
    assert_int_equal(after.rlim_cur, before.rlim_max);
    (void)setrlimit(RLIMIT_NOFILE, &before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connections),
        cmocka_unit_test(test_process),
        cmocka_unit_test(test_file_limit_is_raised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
