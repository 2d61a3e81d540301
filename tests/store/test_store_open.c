#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "store/sqlite/schema.h"
#include "store/sqlite/seal.h"
#include "tests/store/fixture_v1.h"
#include "tests/store/opened.h"
#include "tests/store/test_crypto.h"
#include "tests/unit/check.h"

static void check_refused(const char *name, const struct scratch *dir, berth_err want,
                          const char *says)
{
    struct sqlite_store_problem problem = { "" };
    struct store *s;

    CHECK(name, opened_try(dir->path, &s, &problem) == want);
    CHECK(name, s == NULL);
    if (strstr(problem.text, says) == NULL)
        fail_msg("%s: the problem reads: %s", name, problem.text);
}

static void check_opens(const char *name, const struct scratch *dir)
{
    struct sqlite_store_problem problem = { "" };
    struct store *s;

    if (opened_try(dir->path, &s, &problem) != BERTH_OK)
        fail_msg("%s: %s", name, problem.text);
    sqlite_store_close(s);
}

static unsigned mode_of(const struct scratch *dir, const char *name)
{
    struct stat st;

    MUST(stat(scratch_file(dir, name), &st) == 0);
    return st.st_mode & 07777;
}

/* A closed store with one group, whose secret shows whether the key still fits. */
static void make_store(struct scratch *dir)
{
    struct berth_change c = change_put(BERTH_KIND_GROUP, "", "g", BERTH_ANY, "{}");
    struct door d;

    scratch_make(dir);
    struct store *s = opened_must(dir->path);
    opened_door(&d, s);
    c.rec.secret = BERTH_STR("kept");
    MUST(door_commit(&d, &c, 1, 1, NULL) == STORE_OK);
    door_close(&d);
    sqlite_store_close(s);
}

static void check_kept(const char *name, const struct scratch *dir)
{
    struct answer a;
    struct door d;

    struct store *s = opened_must(dir->path);
    opened_door(&d, s);
    door_get(&d, BERTH_KIND_GROUP, "", "g", &a);
    CHECK(name, a.count == 1 && berth_str_eq(a.records[0].secret, BERTH_STR("kept")));
    answer_clear(&a);
    door_close(&d);
    sqlite_store_close(s);
}

static void test_first_open(void **state)
{
    uint8_t first[64], second[64];
    struct scratch dir;

    (void)state;
    mode_t before = umask(0);
    scratch_make(&dir);
    check_opens("first", &dir);
    umask(before);
    CHECK("key file", mode_of(&dir, "store.key") == 0600);
    CHECK("database", mode_of(&dir, "berth.db") == 0600);
    CHECK("a whole key", scratch_read(scratch_file(&dir, "store.key"), first, 64) == SEAL_KEY_SIZE);
    CHECK("no draft left", access(scratch_file(&dir, "store.key.new"), F_OK) != 0);
    check_opens("second", &dir);
    CHECK("same key", scratch_read(scratch_file(&dir, "store.key"), second, 64) == SEAL_KEY_SIZE &&
                          memcmp(first, second, SEAL_KEY_SIZE) == 0);
    CHECK("stamped", opened_number(&dir, "PRAGMA application_id") == SCHEMA_APPLICATION_ID);
    scratch_remove(&dir);
}

/* A crash may leave a draft of the key, or the key without a database. */
static void test_first_open_again(void **state)
{
    struct scratch dir;

    (void)state;
    scratch_make(&dir);
    scratch_write(scratch_file(&dir, "store.key.new"), "half", 4);
    scratch_write(scratch_file(&dir, "berth.db"), "", 0);
    check_opens("after a crash before the key", &dir);
    CHECK("draft gone", access(scratch_file(&dir, "store.key.new"), F_OK) != 0);
    MUST(unlink(scratch_file(&dir, "berth.db")) == 0);
    check_opens("after a crash before the database", &dir);
    scratch_remove(&dir);
}

static void test_locked(void **state)
{
    struct scratch dir;
    char says[64];

    (void)state;
    make_store(&dir);
    struct store *s = opened_must(dir.path);
    (void)snprintf(says, sizeof says, "another berth serve (pid %ld) uses", (long)getpid());
    check_refused("second", &dir, BERTH_E_MISMATCH, says);
    check_refused("third", &dir, BERTH_E_MISMATCH, says);
    sqlite_store_close(s);
    check_kept("afterwards", &dir);
    scratch_remove(&dir);
}

/* What happens at the moment before a lock is taken. */
static void (*before_flock)(void);
static const char *lock_path;
static int flocks;

__attribute__((visibility("default"))) int flock(int fd, int how)
{
    flocks++;
    if (before_flock != NULL)
        before_flock();
    return (int)syscall(SYS_flock, fd, how);
}

static void take_away_once(void)
{
    before_flock = NULL;
    MUST(unlink(lock_path) == 0);
}

static void take_away(void)
{
    MUST(unlink(lock_path) == 0);
}

/* A restore that ends takes its lock file away, or another directory's place. Whoever has opened
 * the file before must not hold a lock that nobody else can see. */
static void test_lock_taken_away(void **state)
{
    struct scratch dir;
    char path[512];

    (void)state;
    make_store(&dir);
    (void)snprintf(path, sizeof path, "%s", scratch_file(&dir, SQLITE_STORE_LOCK));
    lock_path = path;
    before_flock = take_away_once;
    struct store *s = opened_must(dir.path);
    check_refused("locked all the same", &dir, BERTH_E_MISMATCH, "another berth serve");
    sqlite_store_close(s);
    before_flock = take_away;
    flocks = 0;
    check_refused("again and again", &dir, BERTH_E_MISMATCH, "does not stay where it is");
    assert_int_equal(flocks, 8);
    before_flock = NULL;
    check_kept("afterwards", &dir);
    scratch_remove(&dir);
}

/* ---- in a directory whose user is not trusted by whoever opens: root ---- */

enum trick { LINK, LINK_TO_NOTHING, HARD_LINK, PIPE };

static const struct {
    const char *name;
    enum trick trick;
    const char *says;
} tricks[] = {
    { "a link", LINK, "is a link;" },
    { "a link to nothing", LINK_TO_NOTHING, "is a link;" },
    { "a hard link", HARD_LINK, "hard links" },
    { "a pipe", PIPE, "is no ordinary file" },
};

static void plant(enum trick trick, const char *path, const char *bait)
{
    (void)unlink(path);
    if (trick == LINK_TO_NOTHING)
        MUST(unlink(bait) == 0);
    if (trick == LINK || trick == LINK_TO_NOTHING)
        MUST(symlink(bait, path) == 0);
    if (trick == HARD_LINK)
        MUST(link(bait, path) == 0);
    if (trick == PIPE)
        MUST(mkfifo(path, 0600) == 0);
}

/* Nothing is written to what was planted as FILE, nor made where it leads. */
static void check_not_followed(const char *file, const char *remedy)
{
    struct scratch dir, other;
    char got[16];

    scratch_make(&dir);
    scratch_make(&other);
    const char *bait = strdup(scratch_file(&other, "bait"));
    const char *path = strdup(scratch_file(&dir, file));
    for (size_t i = 0; i < ARRAY_LEN(tricks); i++) {
        scratch_write(bait, "mine", 4);
        plant(tricks[i].trick, path, bait);
        check_refused(tricks[i].name, &dir, BERTH_E_IO, tricks[i].says);
        check_refused(tricks[i].name, &dir, BERTH_E_IO, remedy);
        if (tricks[i].trick == LINK_TO_NOTHING)
            CHECK(tricks[i].name, access(bait, F_OK) != 0);
        else
            CHECK(tricks[i].name, scratch_read(bait, got, sizeof got) == 4);
    }
    MUST(unlink(path) == 0);
    check_opens("its own again", &dir);
    free((void *)(uintptr_t)bait);
    free((void *)(uintptr_t)path);
    scratch_remove(&dir);
    scratch_remove(&other);
}

static void test_lock_not_followed(void **state)
{
    (void)state;
    check_not_followed(SQLITE_STORE_LOCK, "remove it");
}

static void test_database_not_followed(void **state)
{
    (void)state;
    check_not_followed(SQLITE_STORE_FILE, "put the database itself there");
}

/* A crash between the two names of a new key: the draft is a second one for ever. */
static void test_key_left_with_two_names(void **state)
{
    struct scratch dir;

    (void)state;
    make_store(&dir);
    MUST(link(scratch_file(&dir, "store.key"), scratch_file(&dir, "store.key.new")) == 0);
    check_kept("opens", &dir);
    CHECK("one name", access(scratch_file(&dir, "store.key.new"), F_OK) != 0);
    scratch_remove(&dir);
}

static const struct {
    const char *name;
    unsigned mode;
    size_t size;
    const char *says; /* NULL: opens */
} key_files[] = {
    { "as made", 0600, 32, NULL },
    { "read-only", 0400, 32, NULL },
    { "group may read", 0640, 32, "chmod 600" },
    { "world may read", 0604, 32, "chmod 600" },
    { "group may write", 0620, 32, "chmod 600" },
    { "one byte short", 0600, 31, "restore it from the backup" },
    { "one byte long", 0600, 33, "restore it from the backup" },
    { "empty", 0600, 0, "restore it from the backup" },
};

static void test_key_files(void **state)
{
    uint8_t key[64] = { 0 };
    struct scratch dir;

    (void)state;
    make_store(&dir);
    const char *path = strdup(scratch_file(&dir, "store.key"));
    MUST(scratch_read(path, key, sizeof key) == SEAL_KEY_SIZE);
    for (size_t i = 0; i < ARRAY_LEN(key_files); i++) {
        MUST(chmod(path, 0600) == 0);
        scratch_write(path, key, key_files[i].size);
        MUST(chmod(path, key_files[i].mode) == 0);
        if (key_files[i].says == NULL)
            check_kept(key_files[i].name, &dir);
        else
            check_refused(key_files[i].name, &dir, BERTH_E_MISMATCH, key_files[i].says);
        CHECK(key_files[i].name, mode_of(&dir, "store.key") == key_files[i].mode);
    }
    MUST(chmod(path, 0600) == 0);
    scratch_write(path, key, SEAL_KEY_SIZE);
    check_kept("in the end", &dir);
    free((void *)(uintptr_t)path);
    scratch_remove(&dir);
}

static void test_wrong_and_lost_key(void **state)
{
    uint8_t key[SEAL_KEY_SIZE];
    struct scratch dir;

    (void)state;
    make_store(&dir);
    MUST(scratch_read(scratch_file(&dir, "store.key"), key, sizeof key) == sizeof key);
    key[31] ^= 1;
    scratch_write(scratch_file(&dir, "store.key"), key, sizeof key);
    check_refused("wrong", &dir, BERTH_E_MISMATCH, "is not the key file that");
    MUST(unlink(scratch_file(&dir, "store.key")) == 0);
    check_refused("lost", &dir, BERTH_E_MISMATCH, "restore it from the backup");
    CHECK("never replaced", access(scratch_file(&dir, "store.key"), F_OK) != 0);
    key[31] ^= 1;
    scratch_write(scratch_file(&dir, "store.key"), key, sizeof key);
    MUST(chmod(scratch_file(&dir, "store.key"), 0600) == 0);
    check_kept("right again", &dir);
    scratch_remove(&dir);
}

/* systemd shows its credentials with group access where it grants the service's user by ACL. */
static void test_key_file_elsewhere(void **state)
{
    struct scratch dir, credentials;
    struct sqlite_store_problem problem;
    struct store *s;

    (void)state;
    scratch_make(&dir);
    scratch_make(&credentials);
    const char *path = scratch_file(&credentials, "berth-key");
    uint8_t key[SEAL_KEY_SIZE] = "a credential, exactly 32 bytes.";
    scratch_write(path, key, sizeof key);
    MUST(chmod(path, 0440) == 0);
    struct sqlite_store_options o = { .directory = dir.path,
                                      .crypto = &test_crypto,
                                      .key_file = path };
    CHECK("of nobody", sqlite_store_open(&o, &s, &problem) == BERTH_E_MISMATCH);
    MUST(setenv("CREDENTIALS_DIRECTORY", credentials.path, 1) == 0);
    CHECK("of systemd", sqlite_store_open(&o, &s, &problem) == BERTH_OK);
    sqlite_store_close(s);
    MUST(unsetenv("CREDENTIALS_DIRECTORY") == 0);
    CHECK("no key beside the database", access(scratch_file(&dir, "store.key"), F_OK) != 0);
    scratch_remove(&dir);
    scratch_remove(&credentials);
}

static void test_newer(void **state)
{
    struct scratch dir;
    char sql[64];

    (void)state;
    make_store(&dir);
    (void)snprintf(sql, sizeof sql, "PRAGMA user_version=%d", schema_version() + 1);
    opened_sql(&dir, sql);
    check_refused("newer", &dir, BERTH_E_MISMATCH, "run the newer berth");
    CHECK("untouched", opened_number(&dir, "PRAGMA user_version") == schema_version() + 1);
    (void)snprintf(sql, sizeof sql, "PRAGMA user_version=%d", schema_version());
    opened_sql(&dir, sql);
    check_kept("present", &dir);
    scratch_remove(&dir);
}

static void test_not_ours(void **state)
{
    uint8_t before[16384], after[16384];
    struct scratch dir;

    (void)state;
    scratch_make(&dir);
    opened_sql(&dir, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
    size_t n = scratch_read(scratch_file(&dir, "berth.db"), before, sizeof before);
    check_refused("a stranger's", &dir, BERTH_E_MISMATCH, "not a database of berth");
    CHECK("not a byte was changed",
          scratch_read(scratch_file(&dir, "berth.db"), after, sizeof after) == n &&
              memcmp(before, after, n) == 0);
    CHECK("no key was made", access(scratch_file(&dir, "store.key"), F_OK) != 0);
    scratch_remove(&dir);
}

enum damage { HEADER, INNER_PAGE, CUT_OFF };

static void do_damage(const char *path, enum damage what)
{
    struct stat st;
    char bytes[4096];
    int fd = open(path, O_RDWR);

    MUST(fd >= 0 && fstat(fd, &st) == 0);
    memset(bytes, 0x5a, sizeof bytes);
    if (what == CUT_OFF)
        MUST(ftruncate(fd, st.st_size / 2) == 0);
    else
        MUST(pwrite(fd, bytes, sizeof bytes, what == HEADER ? 0 : 4096 * 3) == sizeof bytes);
    close(fd);
}

static void test_damaged(void **state)
{
    static const char *const names[] = { "header", "a page inside", "cut off" };

    (void)state;
    for (int what = HEADER; what <= CUT_OFF; what++) {
        struct scratch dir;

        make_store(&dir);
        do_damage(scratch_file(&dir, "berth.db"), (enum damage)what);
        check_refused(names[what], &dir, BERTH_E_IO, "is damaged; stop berth");
        scratch_remove(&dir);
    }
}

static void test_no_directory(void **state)
{
    struct scratch dir = { "/nonexistent/berth" };
    struct sqlite_store_problem problem;
    char longer[5000];
    struct store *s;

    (void)state;
    check_refused("missing", &dir, BERTH_E_IO, "make the data directory");
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = 0;
    CHECK("path too long", opened_try(longer, &s, &problem) == BERTH_E_RANGE);
}

static void check_old_records(struct door *d)
{
    struct berth_change put = change_put(BERTH_KIND_SETTING, "", "s", BERTH_ANY, "{}");
    struct answer a;

    door_get(d, BERTH_KIND_GROUP, "", "mylegacydevices", &a);
    CHECK("group", a.count == 1 && a.records[0].version == 7 && a.records[0].created_ms == 1000);
    CHECK("its secret", berth_str_eq(a.records[0].secret, BERTH_STR(FIXTURE_V1_GROUP_SECRET)));
    answer_clear(&a);
    door_get(d, BERTH_KIND_DEVICE, "hub.example", "sn-007", &a);
    CHECK("device", a.count == 1 && a.records[0].tag == 1);
    CHECK("its secret", berth_str_eq(a.records[0].secret, BERTH_STR(FIXTURE_V1_DEVICE_SECRET)));
    answer_clear(&a);
    CHECK("versions go on",
          door_commit(d, &put, 1, 1, &a) == STORE_OK && a.version > FIXTURE_V1_LAST_VERSION);
    answer_clear(&a);
}

static void test_migration(void **state)
{
    struct store_query owned = { .kind = BERTH_KIND_REGISTRATION,
                                 .owner = BERTH_STR("mylegacydevices"),
                                 .limit = 10 };
    struct scratch dir;
    struct answer a;
    struct door d;

    (void)state;
    fixture_v1_make(&dir);
    struct store *s = opened_must(dir.path);
    opened_door(&d, s);
    check_old_records(&d);
    door_list(&d, &owned, &a);
    CHECK("registration", a.count == 1 && berth_str_eq(a.records[0].name, BERTH_STR("SN-007")));
    answer_clear(&a);
    door_close(&d);
    sqlite_store_close(s);
    CHECK("stamped", opened_number(&dir, "PRAGMA user_version") == schema_version());
    CHECK("with the present indexes",
          opened_number(&dir, "SELECT count(*) FROM sqlite_schema WHERE name IN"
                              " ('registration_key', 'device_tag')") == 2);
    scratch_remove(&dir);
}

/* A step that fails leaves the database as it was, to be tried again. */
static void test_migration_fails_whole(void **state)
{
    struct scratch dir;

    (void)state;
    fixture_v1_make(&dir);
    opened_sql(&dir, "CREATE TABLE device_tag (in_the_way)"); /* takes the second index's name */
    check_refused("in the way", &dir, BERTH_E_IO, "berth.db");
    CHECK("still version 1", opened_number(&dir, "PRAGMA user_version") == 1);
    CHECK("without half of the step", opened_number(&dir, "SELECT count(*) FROM sqlite_schema"
                                                          " WHERE name='registration_key'") == 0);
    opened_sql(&dir, "DROP TABLE device_tag");
    check_opens("out of the way", &dir);
    scratch_remove(&dir);
}

/* However old, a database ends up with the tables of a new one. */
static void test_same_schema(void **state)
{
    static const char sum[] = "SELECT sum(length(sql)) FROM sqlite_schema";
    struct scratch old, young;

    (void)state;
    fixture_v1_make(&old);
    check_opens("old", &old);
    scratch_make(&young);
    check_opens("new", &young);
    CHECK("same", opened_number(&old, sum) == opened_number(&young, sum));
    scratch_remove(&old);
    scratch_remove(&young);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_open),
        cmocka_unit_test(test_first_open_again),
        cmocka_unit_test(test_locked),
        cmocka_unit_test(test_lock_taken_away),
        cmocka_unit_test(test_lock_not_followed),
        cmocka_unit_test(test_database_not_followed),
        cmocka_unit_test(test_key_left_with_two_names),
        cmocka_unit_test(test_key_files),
        cmocka_unit_test(test_wrong_and_lost_key),
        cmocka_unit_test(test_key_file_elsewhere),
        cmocka_unit_test(test_newer),
        cmocka_unit_test(test_not_ours),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_no_directory),
        cmocka_unit_test(test_migration),
        cmocka_unit_test(test_migration_fails_whole),
        cmocka_unit_test(test_same_schema),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
