/* What only shows with processes and file systems: kill -9 between answer and commit, a directory
 * that cannot be written, a disk that is full. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/store/opened.h"
#include "tests/store/small_disk.h"
#include "tests/store/test_crypto.h"
#include "tests/unit/check.h"

#define KIND BERTH_KIND_REGISTRATION

static void name_key(char key[16], int i)
{
    (void)snprintf(key, 16, "k%d", i);
}

/* Commits one record after the other and says so of each, until killed. */
static void commit_for_ever(const char *dir, bool answer_before_commit, int out)
{
    struct sqlite_store_options o = {
        .directory = dir,
        .crypto = &test_crypto,
        .answer_before_commit = answer_before_commit,
    };
    struct store *s;
    struct door d;

    MUST(sqlite_store_open(&o, &s, NULL) == BERTH_OK);
    opened_door(&d, s);
    for (int i = 0;; i++) {
        char key[16];
        name_key(key, i);
        struct berth_change c = change_put(KIND, "", key, BERTH_ABSENT, "{}");
        MUST(door_commit(&d, &c, 1, 1, NULL) == STORE_OK);
        MUST(write(out, &i, sizeof i) == sizeof i);
    }
}

/* Kills the writing process once it was told of ENOUGH; returns how many it was told of. */
static int run_and_kill(const struct scratch *dir, bool answer_before_commit, int enough)
{
    int ends[2], told = -1, i, status;

    MUST(pipe(ends) == 0);
    pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) {
        close(ends[0]);
        commit_for_ever(dir->path, answer_before_commit, ends[1]);
    }
    close(ends[1]);
    while (told + 1 < enough && read(ends[0], &i, sizeof i) == sizeof i)
        told = i;
    MUST(kill(child, SIGKILL) == 0);
    while (read(ends[0], &i, sizeof i) == sizeof i)
        told = i;
    close(ends[0]);
    MUST(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    return told + 1;
}

static int count_lost(const struct scratch *dir, int told)
{
    struct store *s = opened_must(dir->path);
    struct door d;
    int lost = 0;

    opened_door(&d, s);
    for (int i = 0; i < told; i++) {
        char key[16];
        name_key(key, i);
        lost += door_version(&d, KIND, "", key) == 0;
    }
    door_close(&d);
    sqlite_store_close(s);
    return lost;
}

static int rounds_with_losses(bool answer_before_commit, int rounds, int enough)
{
    int losing = 0;

    for (int round = 0; round < rounds; round++) {
        struct scratch dir;
        scratch_make(&dir);
        int told = run_and_kill(&dir, answer_before_commit, enough + round);
        MUST(told >= enough);
        losing += count_lost(&dir, told) > 0;
        scratch_remove(&dir);
    }
    return losing;
}

static void test_kill_loses_nothing(void **state)
{
    (void)state;
    CHECK("what was told is there", rounds_with_losses(false, 10, 20) == 0);
}

/* The test above would see it if answers came before the commit. */
static void test_kill_would_be_seen(void **state)
{
    (void)state;
    CHECK("at least once", rounds_with_losses(true, 10, 3) > 0);
}

static int read_only(const struct scratch *dir)
{
    struct sqlite_store_problem problem;
    struct store *s;

    MUST(chmod(dir->path, 0555) == 0);
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return SMALL_DISK_SKIPPED;
    MUST(opened_try(dir->path, &s, &problem) == BERTH_E_IO);
    MUST(strstr(problem.text, "let the user that berth runs as own it") != NULL);
    return 0;
}

static void test_read_only_directory(void **state)
{
    (void)state;
    small_disk_child(read_only);
}

static int full_while_running(const struct scratch *dir)
{
    static char body[100000];
    struct berth_change c = change_put(KIND, "", "k", BERTH_ABSENT, "{}");
    struct berth_change big = change_put(KIND, "", "big", BERTH_ABSENT, "");
    struct answer a;
    struct door d;

    if (!small_disk_mount(dir, "size=4m"))
        return SMALL_DISK_SKIPPED;
    struct store *s = opened_must(dir->path);
    opened_door(&d, s);
    MUST(door_commit(&d, &c, 1, 1, NULL) == STORE_OK);
    small_disk_fill(dir);
    memset(body, 'x', sizeof body);
    big.rec.body = (berth_str){ body, sizeof body };
    for (int i = 0; i < 3; i++) {
        MUST(door_commit(&d, &big, 1, 1, &a) == STORE_FAILED);
        MUST(strstr(a.problem, "free space on the file system") != NULL);
        answer_clear(&a);
    }
    MUST(door_version(&d, KIND, "", "k") != 0);
    MUST(door_version(&d, KIND, "", "big") == 0);
    MUST(unlink(scratch_file(dir, "filler")) == 0);
    MUST(door_commit(&d, &big, 1, 1, NULL) == STORE_OK);
    door_close(&d);
    sqlite_store_close(s);
    s = opened_must(dir->path);
    opened_door(&d, s);
    MUST(door_count(&d, KIND, "", -1) == 2);
    door_close(&d);
    sqlite_store_close(s);
    return 0;
}

static int full_at_open(const struct scratch *dir)
{
    struct sqlite_store_problem problem;
    struct store *s;

    if (!small_disk_mount(dir, "size=64k"))
        return SMALL_DISK_SKIPPED;
    small_disk_fill(dir);
    MUST(opened_try(dir->path, &s, &problem) == BERTH_E_IO);
    MUST(strstr(problem.text, "the disk is full") != NULL);
    return 0;
}

/* Space for some of it: whatever was begun is finished by the next open. */
static int full_during_first_open(const struct scratch *dir)
{
    struct sqlite_store_problem problem;
    struct store *s;

    if (!small_disk_mount(dir, "size=80k"))
        return SMALL_DISK_SKIPPED;
    MUST(opened_try(dir->path, &s, &problem) == BERTH_E_IO);
    MUST(strstr(problem.text, "the disk is full") != NULL);
    MUST(mount(NULL, dir->path, "none", MS_REMOUNT, "size=4m") == 0);
    sqlite_store_close(opened_must(dir->path));
    return 0;
}

static void test_disk_full(void **state)
{
    (void)state;
    small_disk_child(full_while_running);
    small_disk_child(full_at_open);
    small_disk_child(full_during_first_open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill_loses_nothing),
        cmocka_unit_test(test_kill_would_be_seen),
        cmocka_unit_test(test_read_only_directory),
        cmocka_unit_test(test_disk_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
