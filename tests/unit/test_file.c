#include <errno.h>

#include "check.h"
#include "ops/file.h"
#include "scratch.h"

static char directory[SCRATCH_PATH_MAX];

static int make_directory(void **state)
{
    (void)state;
    return scratch_make(directory) != NULL ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    scratch_remove(directory);
    return 0;
}

static void test_path(void **state)
{
    char out[FILE_PATH_MAX], name[FILE_PATH_MAX];

    (void)state;
    assert_int_equal(file_path(out, "/a", "b"), BERTH_OK);
    assert_string_equal(out, "/a/b");
    memset(name, 'n', sizeof name);
    name[FILE_PATH_MAX - 4] = '\0';
    assert_int_equal(file_path(out, "/a", name), BERTH_OK);
    name[FILE_PATH_MAX - 4] = 'n';
    name[FILE_PATH_MAX - 3] = '\0';
    assert_int_equal(file_path(out, "/a", name), BERTH_E_RANGE);
}

static void test_read_bounds(void **state)
{
    char path[SCRATCH_PATH_MAX + 64], room[8];
    struct berth_buf b;

    (void)state;
    scratch_write(scratch_path(path, directory, "f"), "12345678");
    berth_buf_init(&b, room, 8);
    assert_int_equal(file_read(path, &b), BERTH_OK);
    assert_memory_equal(room, "12345678", 8);
    berth_buf_init(&b, room, 7);
    assert_int_equal(file_read(path, &b), BERTH_E_FULL);
    assert_int_equal(file_read(scratch_path(path, directory, "none"), &b), BERTH_E_NOT_FOUND);
    assert_int_equal(file_read(directory, &b), BERTH_E_IO);
    assert_int_equal(errno, EISDIR);
}

static void test_replace(void **state)
{
    char path[SCRATCH_PATH_MAX + 64], draft[SCRATCH_PATH_MAX + 64], got[64];
    struct stat is;

    (void)state;
    scratch_write(scratch_path(path, directory, "f"), "old and longer");
    scratch_write(scratch_path(draft, directory, "f.new"), "left by a crash, and longer still");
    assert_int_equal(chmod(draft, 0666), 0);
    assert_int_equal(file_replace(path, BERTH_STR("new"), 0600), BERTH_OK);
    assert_string_equal(scratch_read(got, sizeof got, path), "new");
    assert_int_equal(stat(path, &is), 0);
    assert_int_equal(is.st_mode & 0777, 0600);
    assert_int_equal(access(draft, F_OK), -1);
}

static void test_replace_that_fails(void **state)
{
    char path[SCRATCH_PATH_MAX + 64], draft[SCRATCH_PATH_MAX + 64];

    (void)state;
    assert_int_equal(mkdir(scratch_path(path, directory, "d"), 0700), 0);
    assert_int_equal(file_replace(path, BERTH_STR("new"), 0600), BERTH_E_IO);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(access(scratch_path(draft, directory, "d.new"), F_OK), -1);
}

/* What was planted in place of the draft is not written through, whatever it is, nor in the way. */
static void test_draft_is_its_own(void **state)
{
    char path[SCRATCH_PATH_MAX + 64], draft[SCRATCH_PATH_MAX + 64], other[SCRATCH_PATH_MAX + 64];
    char got[64];

    (void)state;
    scratch_path(path, directory, "f");
    scratch_path(draft, directory, "f.new");
    scratch_write(scratch_path(other, directory, "other"), "mine");
    for (int hard = 0; hard < 2; hard++) {
        assert_int_equal(hard ? link(other, draft) : symlink(other, draft), 0);
        assert_int_equal(file_replace(path, BERTH_STR("new"), 0600), BERTH_OK);
        assert_string_equal(scratch_read(got, sizeof got, other), "mine");
        assert_string_equal(scratch_read(got, sizeof got, path), "new");
    }
    assert_int_equal(mkdir(draft, 0700), 0);
    assert_int_equal(file_replace(path, BERTH_STR("newer"), 0600), BERTH_E_IO);
    assert_string_equal(scratch_read(got, sizeof got, path), "new");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_path, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_read_bounds, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_replace, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_replace_that_fails, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_draft_is_its_own, make_directory, remove_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
