#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/sqlite/patience.h"
#include "tests/store/opened.h"
#include "tests/unit/check.h"

/* What SQLite and berth would sleep on this thread; nobody does. */
static _Thread_local int64_t slept_us;
/* Another connection's transaction, and when it ends: after so much sleep of all threads. */
static sqlite3 *other;
static _Atomic int64_t all_slept_us, ends_us;

static void pass(int64_t us)
{
    int64_t before = all_slept_us;

    slept_us += us;
    all_slept_us += us;
    if (before < ends_us && before + us >= ends_us)
        MUST(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
}

__attribute__((visibility("default"))) int usleep(useconds_t us)
{
    pass(us);
    return 0;
}

__attribute__((visibility("default"))) int nanosleep(const struct timespec *t,
                                                     struct timespec *left)
{
    (void)left;
    pass(t->tv_sec * 1000000 + t->tv_nsec / 1000);
    return 0;
}

/* Of SQLite's shared memory: https://www.sqlite.org/walformat.html */
#define LOCKS_AT    120
#define LOCK_COUNT  8
#define HEADER_SIZE 96

/* Another program, which holds LOCKS of the shared memory until its input ends. */
struct holder {
    pid_t pid;
    int end;
};

static struct flock span(short type, off_t from, off_t n)
{
    return (struct flock){ .l_type = type, .l_whence = SEEK_SET, .l_start = from, .l_len = n };
}

static void hold(const char *path, bool spoil, off_t n, int tell, int wait)
{
    static const char zeros[HEADER_SIZE];
    struct flock all = span(F_WRLCK, LOCKS_AT, n);
    int fd = open(path, O_RDWR);
    char c = 'h';

    if (fd < 0 || fcntl(fd, F_SETLK, &all) != 0 ||
        (spoil && pwrite(fd, zeros, sizeof zeros, 0) != (ssize_t)sizeof zeros))
        _exit(1);
    if (write(tell, &c, 1) != 1)
        _exit(2);
    (void)!read(wait, &c, 1);
    _exit(0);
}

static struct holder start_holder(const struct scratch *dir, bool spoil, off_t n)
{
    const char *path = scratch_file(dir, "berth.db-shm");
    int told[2], wait[2];
    char c;

    MUST(pipe(told) == 0 && pipe(wait) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(wait[1]);
        hold(path, spoil, n, told[1], wait[0]);
    }
    (void)close(told[1]);
    (void)close(wait[0]);
    MUST(pid > 0 && read(told[0], &c, 1) == 1);
    (void)close(told[0]);
    return (struct holder){ pid, wait[1] };
}

static void end_holder(const struct holder *h)
{
    int status;

    (void)close(h->end);
    MUST(waitpid(h->pid, &status, 0) == h->pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static const struct {
    const char *name;
    bool spoil; /* the header of the shared memory: a recovery that was stopped half-way */
    off_t locks;
} held[] = {
    { "all locks", false, LOCK_COUNT },
    { "a recovery", true, LOCK_COUNT },
    { "write, checkpoint and recovery", true, 3 },
};

static enum store_result get(struct door *d)
{
    enum store_result result;
    struct answer a;

    slept_us = 0;
    door_get(d, BERTH_KIND_GROUP, "", "g", &a);
    result = a.result;
    answer_clear(&a);
    return result;
}

static void test_reader_is_held_up(void **state)
{
    struct berth_change c = change_put(BERTH_KIND_GROUP, "", "g", BERTH_ANY, "{}");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        struct scratch dir;
        struct door d;

        scratch_make(&dir);
        struct store *s = opened_must(dir.path);
        opened_door(&d, s);
        MUST(door_commit(&d, &c, 1, 1, NULL) == STORE_OK);
        CHECK(held[i].name, get(&d) == STORE_OK && slept_us == 0);

        struct holder h = start_holder(&dir, held[i].spoil, held[i].locks);
        CHECK(held[i].name, get(&d) == STORE_FAILED);
        CHECK("some patience, and no more", slept_us == PATIENCE_MS * 1000);
        CHECK("the next does not wait", get(&d) == STORE_FAILED && slept_us == 0);
        end_holder(&h);

        CHECK("free again", get(&d) == STORE_OK && slept_us == 0);
        h = start_holder(&dir, held[i].spoil, held[i].locks);
        CHECK("patient anew", get(&d) == STORE_FAILED && slept_us > 0);
        end_holder(&h);
        door_close(&d);
        sqlite_store_close(s);
        scratch_remove(&dir);
    }
}

/* Another program writes: its last moment within the bound is soon enough, then the commit fails.
 */
static void test_writer_is_held_up(void **state)
{
    const int64_t bound_us = 10000 * 1000;
    struct berth_change c = change_put(BERTH_KIND_GROUP, "", "g", BERTH_ANY, "{}");
    struct scratch dir;
    struct door d;

    (void)state;
    scratch_make(&dir);
    struct store *s = opened_must(dir.path);
    opened_door(&d, s);
    MUST(sqlite3_open(scratch_file(&dir, "berth.db"), &other) == SQLITE_OK);
    for (int late = 0; late <= 1; late++) {
        MUST(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK);
        all_slept_us = 0;
        ends_us = bound_us + late;
        CHECK("commit", door_commit(&d, &c, 1, 1, NULL) == (late ? STORE_FAILED : STORE_OK));
        CHECK("patience", all_slept_us == bound_us);
    }
    ends_us = 0;
    MUST(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
    CHECK("free again", door_commit(&d, &c, 1, 1, NULL) == STORE_OK);
    MUST(sqlite3_close(other) == SQLITE_OK);
    door_close(&d);
    sqlite_store_close(s);
    scratch_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_reader_is_held_up),
                                        cmocka_unit_test(test_writer_is_held_up) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
