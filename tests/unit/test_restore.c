/* berth backup and restore on directories: killed at every step, refused for every reason, nothing
 * is ever lost or half there. */
#include <dirent.h>
#include <errno.h>
#include <openssl/evp.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "backup/backup.h"
#include "backup/gather.h"
#include "backup/restore.h"
#include "berth/openssl.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/unit/check.h"
#include "tests/unit/scratch.h"

#define PASSPHRASE BERTH_STR("correct horse battery")
#define CHEAP      ((struct sealed_cost){ SEALED_LOG_N_MIN, 1, 1 })
#define FILES      5 /* in the backup */
#define PATH_SIZE  (SCRATCH_PATH_MAX + 64)

static struct berth_crypto crypto;

/* A scratch directory with data to back up in "source" and the backup in ARCHIVE. */
struct rig {
    char dir[SCRATCH_PATH_MAX];
    struct config config;
    uint8_t *archive;
    size_t n, room, at;
};

static const char *in_rig(const struct rig *r, const char *name)
{
    static char paths[6][PATH_SIZE];
    static unsigned next;

    return scratch_path(paths[next++ % 6], r->dir, name);
}

/* ---- making ---- */

static berth_err put(void *user, const uint8_t *p, size_t n)
{
    struct rig *r = user;

    if (r->n + n > r->room) {
        r->room = 2 * (r->n + n);
        r->archive = realloc(r->archive, r->room);
    }
    memcpy(r->archive + r->n, p, n);
    r->n += n;
    return BERTH_OK;
}

static berth_err get(void *user, uint8_t *p, size_t size, size_t *n)
{
    struct rig *r = user;

    *n = r->n - r->at < size ? r->n - r->at : size;
    memcpy(p, r->archive + r->at, *n);
    r->at += *n;
    return BERTH_OK;
}

static void make_data(const char *path)
{
    struct sqlite_store_options o = { .directory = path, .crypto = &crypto };
    struct sqlite_store_problem problem = { "" };
    char name[PATH_SIZE];
    struct store *s;

    CHECK(path, mkdir(path, 0700) == 0);
    if (sqlite_store_open(&o, &s, &problem) != BERTH_OK)
        fail_msg("%s", problem.text);
    sqlite_store_close(s);
    (void)snprintf(name, sizeof name, "%s/tls", path);
    CHECK(name, mkdir(name, 0700) == 0);
    (void)snprintf(name, sizeof name, "%s/tls/ca.pem", path);
    scratch_write(name, "a CA");
    CHECK(name, chmod(name, 0644) == 0);
    (void)snprintf(name, sizeof name, "%s/tls/ca.key", path);
    scratch_write(name, "its key");
    CHECK(name, chmod(name, 0600) == 0);
    (void)snprintf(name, sizeof name, "%s/profile.ini", path);
    scratch_write(name, "a profile");
    CHECK(name, chmod(name, 0600) == 0);
}

static void take(struct rig *r, const char *config_file)
{
    struct backup_request request = { .config = &r->config,
                                      .config_file = config_file,
                                      .crypto = &crypto };
    struct backup_target target = {
        .name = "b", .passphrase = PASSPHRASE, .cost = CHEAP, .out = { put, r }, .crypto = &crypto
    };
    struct backup_problem problem = { 0 };
    struct backup *b;

    r->n = 0;
    if (backup_take(&request, &b, &problem) != BERTH_OK)
        fail_msg("%s", problem.text);
    CHECK("written", backup_write(b, &target, &problem) == BERTH_OK);
    backup_free(b);
}

static void make_rig(struct rig *r)
{
    memset(r, 0, sizeof *r);
    CHECK("directory", scratch_make(r->dir) != NULL);
    make_data(in_rig(r, "source"));
    config_defaults(&r->config);
    (void)snprintf(r->config.data_dir, sizeof r->config.data_dir, "%s", in_rig(r, "source"));
    (void)snprintf(r->config.key_file, sizeof r->config.key_file, "%s",
                   in_rig(r, "source/store.key"));
    take(r, NULL);
}

static void remove_rig(struct rig *r)
{
    free(r->archive);
    scratch_remove(r->dir);
}

/* ---- what a directory holds: a checksum of names and content ---- */

static void add_file(EVP_MD_CTX *sum, const char *path, const char *name)
{
    char line[PATH_SIZE], bytes[4096];
    FILE *f = fopen(path, "re");
    struct stat st;
    size_t n;

    CHECK(path, f != NULL && fstat(fileno(f), &st) == 0);
    n = (size_t)snprintf(line, sizeof line, "%s %o %lld\n", name, st.st_mode & 0777u,
                         (long long)st.st_size);
    (void)EVP_DigestUpdate(sum, line, n);
    while ((n = fread(bytes, 1, sizeof bytes, f)) > 0)
        (void)EVP_DigestUpdate(sum, bytes, n);
    (void)fclose(f);
}

static void add_link(EVP_MD_CTX *sum, const char *path, const char *name)
{
    char target[PATH_SIZE];
    ssize_t n = readlink(path, target, sizeof target);

    CHECK(path, n > 0);
    (void)EVP_DigestUpdate(sum, name, strlen(name));
    (void)EVP_DigestUpdate(sum, target, (size_t)n);
}

/* Those that a daemon or a restore makes anew are no part of what must be kept. */
static int counts(const struct dirent *e)
{
    return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
           strcmp(e->d_name, "berth.lock") != 0 && strcmp(e->d_name, ".unpacking") != 0;
}

static void add_directory(EVP_MD_CTX *sum, const char *path, const char *prefix)
{
    struct dirent **list;
    int n = scandir(path, &list, counts, alphasort);

    CHECK(path, n >= 0);
    for (int i = 0; i < n; i++) {
        char inner[PATH_SIZE], name[PATH_SIZE];

        (void)snprintf(inner, sizeof inner, "%.300s/%.200s", path, list[i]->d_name);
        (void)snprintf(name, sizeof name, "%.300s/%.200s", prefix, list[i]->d_name);
        if (list[i]->d_type == DT_DIR)
            add_directory(sum, inner, name);
        else if (list[i]->d_type == DT_LNK)
            add_link(sum, inner, name);
        else
            add_file(sum, inner, name);
        free(list[i]);
    }
    free(list);
}

struct state_of {
    uint8_t sum[32]; /* of all; zeros: there is no such directory */
};

static struct state_of look(const char *path)
{
    EVP_MD_CTX *sum = EVP_MD_CTX_new();
    struct state_of s = { { 0 } };

    if (access(path, F_OK) == 0) {
        (void)EVP_DigestInit_ex(sum, EVP_sha256(), NULL);
        add_directory(sum, path, "");
        (void)EVP_DigestFinal_ex(sum, s.sum, NULL);
    }
    EVP_MD_CTX_free(sum);
    return s;
}

static bool same(struct state_of a, struct state_of b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* ---- restoring ---- */

struct kill_at {
    enum restore_step step;
    int times; /* how often it is reached first */
};

static void die(void *user, enum restore_step step)
{
    struct kill_at *k = user;

    if (step == k->step && k->times-- == 0)
        (void)kill(getpid(), SIGKILL);
}

static berth_err restore_with(struct rig *r, struct restore_request *request,
                              struct restore_result *out, struct backup_problem *problem)
{
    r->at = 0;
    request->name = "b";
    request->in = (struct byte_source){ get, r };
    request->crypto = &crypto;
    if (request->passphrase.p == NULL)
        request->passphrase = PASSPHRASE;
    return restore_run(request, out, problem);
}

static void restore_must(struct rig *r, const char *dir, bool replace)
{
    static struct restore_result out;
    struct restore_request request = { .data_dir = dir, .replace = replace };
    struct backup_problem problem;

    if (restore_with(r, &request, &out, &problem) != BERTH_OK)
        fail_msg("%s", problem.text);
}

static void check_serves(const char *path)
{
    struct sqlite_store_options o = { .directory = path, .crypto = &crypto };
    struct sqlite_store_problem problem = { "" };
    struct store *s;

    if (sqlite_store_open(&o, &s, &problem) != BERTH_OK)
        fail_msg("%s", problem.text);
    sqlite_store_close(s);
}

static void test_round_trip(void **state)
{
    static struct restore_result out;
    struct restore_request request = { 0 };
    struct backup_problem problem;
    struct rig r;

    (void)state;
    make_rig(&r);
    request.data_dir = in_rig(&r, "new");
    CHECK("restored", restore_with(&r, &request, &out, &problem) == BERTH_OK);
    CHECK("all files", out.manifest.count == FILES && out.kept[0] == '\0');
    CHECK("the key with them", out.key == RESTORE_KEY_IN_PLACE);
    struct state_of tls = look(in_rig(&r, "source/tls"));
    CHECK("certificates", same(tls, look(in_rig(&r, "new/tls"))));
    check_serves(in_rig(&r, "new"));
    CHECK("no leftovers", access(in_rig(&r, "new.restoring"), F_OK) != 0 &&
                              access(in_rig(&r, "new/.unpacking"), F_OK) != 0);
    remove_rig(&r);
}

/* The rest of the disk: what is beside DIR and begins like it. */
static int kept_ones(const struct rig *r, struct state_of want)
{
    DIR *d = opendir(r->dir);
    int found = 0;

    CHECK("open", d != NULL);
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        if (strncmp(e->d_name, "live", 4) == 0 && e->d_type == DT_DIR)
            found += same(look(in_rig(r, e->d_name)), want);
    (void)closedir(d);
    return found;
}

static bool killed(struct rig *r, const char *dir, struct kill_at at)
{
    int status;
    pid_t child = fork();

    CHECK("fork", child >= 0);
    if (child == 0) {
        static struct restore_result out;
        struct restore_request request = {
            .data_dir = dir, .replace = true, .at = die, .user = &at
        };
        struct backup_problem problem;

        _exit(restore_with(r, &request, &out, &problem) == BERTH_OK ? 0 : 1);
    }
    CHECK("wait", waitpid(child, &status, 0) == child);
    CHECK("killed or done", WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

enum before { NOTHING, EMPTY, FULL };

static void make_before(const struct rig *r, enum before before)
{
    if (before == EMPTY)
        CHECK("mkdir", mkdir(in_rig(r, "live"), 0750) == 0);
    if (before == FULL)
        make_data(in_rig(r, "live"));
}

static const char *const step_names[] = {
#define X(name) #name,
    RESTORE_STEPS(X)
#undef X
};

static void kill_and_look(enum before before, enum restore_step step, int times, bool *reached)
{
    struct kill_at at = { step, times };
    const char *name = step_names[step];
    struct rig r;

    make_rig(&r);
    restore_must(&r, in_rig(&r, "whole"), false);
    struct state_of new = look(in_rig(&r, "whole"));
    make_before(&r, before);
    struct state_of old = look(in_rig(&r, "live"));
    *reached = killed(&r, in_rig(&r, "live"), at);
    struct state_of now = look(in_rig(&r, "live"));
    CHECK(name, same(now, step < RESTORE_EXCHANGED && *reached ? old : new));
    /* Once more, to the end. */
    restore_must(&r, in_rig(&r, "live"), true);
    CHECK(name, same(look(in_rig(&r, "live")), new));
    CHECK(name, access(in_rig(&r, "live.restoring"), F_OK) != 0);
    CHECK(name, access(in_rig(&r, "live/.unpacking"), F_OK) != 0);
    if (before == FULL)
        CHECK(name, kept_ones(&r, old) == 1);
    check_serves(in_rig(&r, "live"));
    remove_rig(&r);
}

static void kill_everywhere(enum before before)
{
    for (int step = 0; step < RESTORE_STEP_COUNT; step++)
        for (int times = 0; times < (step == RESTORE_FILE ? FILES : 1); times++) {
            bool reached;

            kill_and_look(before, (enum restore_step)step, times, &reached);
            CHECK(step_names[step], reached);
        }
}

static void test_killed_where_nothing_was(void **state)
{
    (void)state;
    kill_everywhere(NOTHING);
}

static void test_killed_where_empty(void **state)
{
    (void)state;
    kill_everywhere(EMPTY);
}

static void test_killed_where_data_was(void **state)
{
    (void)state;
    kill_everywhere(FULL);
}

/* The first leaves its mark in the directory; with it the second one's old directory would look
 * like something unpacked. */
static void test_killed_twice(void **state)
{
    struct kill_at at = { RESTORE_EXCHANGED, 0 };
    struct rig r;

    (void)state;
    make_rig(&r);
    make_data(in_rig(&r, "live"));
    struct state_of first = look(in_rig(&r, "live"));
    CHECK("once", killed(&r, in_rig(&r, "live"), at));
    scratch_write(in_rig(&r, "live/tls/later"), "made since");
    struct state_of second = look(in_rig(&r, "live"));
    CHECK("twice", killed(&r, in_rig(&r, "live"), at));
    restore_must(&r, in_rig(&r, "live"), true);
    CHECK("the first is kept", kept_ones(&r, first) == 1);
    CHECK("the second too", kept_ones(&r, second) == 1);
    remove_rig(&r);
}

/* ---- refused ---- */

/* Neither DIR nor what is beside it changes. */
static void check_refused(struct rig *r, const char *name, struct restore_request *request,
                          enum backup_fault fault, const char *says)
{
    static struct restore_result out;
    struct backup_problem problem = { 0 };
    struct state_of before = look(r->dir);

    if (request->data_dir == NULL)
        request->data_dir = in_rig(r, "live");
    CHECK(name, restore_with(r, request, &out, &problem) != BERTH_OK);
    if (problem.fault != fault || strstr(problem.text, says) == NULL)
        fail_msg("%s: %d: %s", name, (int)problem.fault, problem.text);
    CHECK(name, same(before, look(r->dir)));
    CHECK(name, access(in_rig(r, "live.restoring"), F_OK) != 0);
}

static void test_refused(void **state)
{
    struct rig r;

    (void)state;
    make_rig(&r);
    make_data(in_rig(&r, "live"));
    check_refused(&r, "not empty", &(struct restore_request){ 0 }, BACKUP_IN_THE_WAY, "--replace");
    check_refused(&r, "wrong passphrase",
                  &(struct restore_request){ .replace = true, .passphrase = BERTH_STR("wrong") },
                  BACKUP_DENIED, "the passphrase is not the one");
    r.archive[r.n / 2] ^= 1;
    check_refused(&r, "damaged", &(struct restore_request){ .replace = true }, BACKUP_FAILED,
                  "damaged");
    r.archive[r.n / 2] ^= 1;
    r.n -= 1000;
    check_refused(&r, "cut", &(struct restore_request){ .replace = true }, BACKUP_FAILED,
                  "cut short");
    r.n = 10;
    check_refused(&r, "nearly empty", &(struct restore_request){ .replace = true }, BACKUP_FAILED,
                  "is not a backup");
    remove_rig(&r);
}

static void test_refused_to_a_daemon(void **state)
{
    struct sqlite_store_options o = { .crypto = &crypto };
    struct sqlite_store_problem problem;
    struct store *s;
    struct rig r;

    (void)state;
    make_rig(&r);
    make_data(in_rig(&r, "live"));
    o.directory = in_rig(&r, "live");
    CHECK("serving", sqlite_store_open(&o, &s, &problem) == BERTH_OK);
    check_refused(&r, "a daemon", &(struct restore_request){ .replace = true }, BACKUP_IN_THE_WAY,
                  "another berth serve");
    sqlite_store_close(s);
    remove_rig(&r);
}

static void test_refused_places(void **state)
{
    struct rig r;

    (void)state;
    make_rig(&r);
    scratch_write(in_rig(&r, "file"), "no directory");
    check_refused(&r, "a file", &(struct restore_request){ .data_dir = in_rig(&r, "file") },
                  BACKUP_FAILED, "is not a directory");
    check_refused(&r, "below a file",
                  &(struct restore_request){ .data_dir = in_rig(&r, "file/none/x") }, BACKUP_FAILED,
                  "Not a directory");
    check_refused(&r, "a mount point", &(struct restore_request){ .data_dir = "/proc" },
                  BACKUP_FAILED, "mount point");
    CHECK("mkdir", mkdir(in_rig(&r, "live.restoring"), 0700) == 0);
    int fd = open(in_rig(&r, "live.restoring"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK("another restore", fd >= 0 && flock(fd, LOCK_EX) == 0);
    static struct restore_result out;
    struct restore_request request = { .data_dir = in_rig(&r, "live") };
    struct backup_problem problem;
    scratch_write(in_rig(&r, "live.restoring/.unpacking"), "");
    CHECK("two at once", restore_with(&r, &request, &out, &problem) != BERTH_OK &&
                             problem.fault == BACKUP_IN_THE_WAY);
    (void)close(fd);
    remove_rig(&r);
}

static void test_above_is_made(void **state)
{
    static struct restore_result out;
    struct backup_problem problem;
    struct stat is;
    struct rig r;

    (void)state;
    make_rig(&r);
    CHECK("mkdir", mkdir(in_rig(&r, "there"), 0700) == 0);
    struct restore_request request = { .data_dir = in_rig(&r, "there/one/two/new") };
    request.passphrase = BERTH_STR("wrong");
    CHECK("in vain", restore_with(&r, &request, &out, &problem) != BERTH_OK);
    CHECK("what was made is gone", access(in_rig(&r, "there/one"), F_OK) != 0);
    CHECK("what was there stays", access(in_rig(&r, "there"), F_OK) == 0);
    request.passphrase = (berth_str){ 0 };
    CHECK("restored", restore_with(&r, &request, &out, &problem) == BERTH_OK);
    CHECK("it is there", stat(in_rig(&r, "there/one/two/new/berth.db"), &is) == 0);
    CHECK("its own alone",
          stat(in_rig(&r, "there/one/two/new"), &is) == 0 && (is.st_mode & 07777) == 0700);
    CHECK("a way for its user",
          stat(in_rig(&r, "there/one/two"), &is) == 0 && (is.st_mode & 0055) == 0055);
    remove_rig(&r);
}

/* Another restore would remove what is unpacked. Where nothing was there is no other lock. */
static void look_for_lock(void *user, enum restore_step step)
{
    const struct rig *r = user;

    if (step != RESTORE_EXCHANGED)
        return;
    int fd = open(in_rig(r, "new"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK("there", fd >= 0);
    CHECK("held", flock(fd, LOCK_EX | LOCK_NB) != 0);
    (void)close(fd);
}

static void test_held_until_exchanged(void **state)
{
    static struct restore_result out;
    struct backup_problem problem;
    struct rig r;

    (void)state;
    make_rig(&r);
    struct restore_request request = { .data_dir = in_rig(&r, "new"),
                                       .at = look_for_lock,
                                       .user = &r };
    CHECK("restored", restore_with(&r, &request, &out, &problem) == BERTH_OK);
    int fd = open(in_rig(&r, "new"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK("let go", fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
    (void)close(fd);
    remove_rig(&r);
}

/* A lock file of root's would keep the daemon's user out. */
static void test_no_lock_left(void **state)
{
    struct rig r;

    (void)state;
    make_rig(&r);
    CHECK("mkdir", mkdir(in_rig(&r, "live"), 0700) == 0);
    check_refused(&r, "wrong passphrase",
                  &(struct restore_request){ .passphrase = BERTH_STR("wrong") }, BACKUP_DENIED,
                  "passphrase");
    CHECK("none", access(in_rig(&r, "live/berth.lock"), F_OK) != 0);
    remove_rig(&r);
}

/* ---- root, in a directory that the daemon's user owns ---- */

static void check_bait(const struct rig *r, const char *name)
{
    char got[64];

    CHECK(name, strcmp(scratch_read(got, sizeof got, in_rig(r, "bait")), "root's alone") == 0);
}

/* Before the archive is read the lock is taken: its number must not go where a link leads. */
static void test_lock_not_followed(void **state)
{
    struct rig r;

    (void)state;
    make_rig(&r);
    make_data(in_rig(&r, "live"));
    scratch_write(in_rig(&r, "bait"), "root's alone");
    CHECK("unlink", unlink(in_rig(&r, "live/berth.lock")) == 0);
    CHECK("symlink", symlink(in_rig(&r, "bait"), in_rig(&r, "live/berth.lock")) == 0);
    check_refused(&r, "a link", &(struct restore_request){ .replace = true }, BACKUP_FAILED,
                  "live/berth.lock is a link; remove it");
    check_bait(&r, "a link");
    CHECK("unlink", unlink(in_rig(&r, "live/berth.lock")) == 0);
    CHECK("link", link(in_rig(&r, "bait"), in_rig(&r, "live/berth.lock")) == 0);
    check_refused(&r, "a hard link", &(struct restore_request){ .replace = true }, BACKUP_FAILED,
                  "hard links");
    check_bait(&r, "a hard link");
    remove_rig(&r);
}

static void put_link_at_stage(void *user, enum restore_step step)
{
    const struct rig *r = user;

    if (step != RESTORE_VERIFIED)
        return;
    CHECK("away", rename(in_rig(r, "live.restoring"), in_rig(r, "aside")) == 0);
    CHECK("symlink", symlink("public", in_rig(r, "live.restoring")) == 0);
}

/* Where the user owns the directory above, too. */
static void test_stage_not_followed(void **state)
{
    static struct restore_result out;
    struct backup_problem problem;
    struct stat st;
    struct rig r;

    (void)state;
    make_rig(&r);
    CHECK("mkdir", mkdir(in_rig(&r, "live"), 0700) == 0 && mkdir(in_rig(&r, "public"), 0700) == 0);
    CHECK("chmod", chmod(in_rig(&r, "public"), 0755) == 0);
    struct restore_request request = { .data_dir = in_rig(&r, "live"),
                                       .at = put_link_at_stage,
                                       .user = &r };
    (void)restore_with(&r, &request, &out, &problem);
    CHECK("its mode", stat(in_rig(&r, "public"), &st) == 0 && (st.st_mode & 07777) == 0755);
    remove_rig(&r);
}

/* What stands in DIR/NAME is a link from the moment on when it turned out to be a directory. */
static struct {
    const char *name, *target;
} turn;

__attribute__((visibility("default"))) int unlinkat(int dir, const char *name, int flags)
{
    int result = (int)syscall(SYS_unlinkat, dir, name, flags);

    if (turn.name != NULL && result != 0 && errno == EISDIR && strcmp(name, turn.name) == 0) {
        CHECK("turned", renameat(dir, name, dir, "before") == 0);
        CHECK("turned", symlinkat(turn.target, dir, name) == 0);
        turn.name = NULL;
        errno = EISDIR;
    }
    return result;
}

/* The old directory, which held nothing, is removed while its user still can write there. */
static void fill_old(void *user, enum restore_step step)
{
    const struct rig *r = user;

    if (step == RESTORE_SETTLED)
        CHECK("mkdir", mkdir(in_rig(r, "live.restoring/turns"), 0700) == 0);
}

static void test_removing_not_followed(void **state)
{
    static struct restore_result out;
    struct backup_problem problem;
    struct rig r;

    (void)state;
    make_rig(&r);
    CHECK("mkdir", mkdir(in_rig(&r, "live"), 0700) == 0 && mkdir(in_rig(&r, "public"), 0700) == 0);
    scratch_write(in_rig(&r, "public/file"), "root's alone");
    turn.name = "turns";
    turn.target = in_rig(&r, "public");
    struct restore_request request = { .data_dir = in_rig(&r, "live"), .at = fill_old, .user = &r };
    CHECK("restored", restore_with(&r, &request, &out, &problem) == BERTH_OK);
    CHECK("it turned", turn.name == NULL);
    CHECK("not followed", access(in_rig(&r, "public/file"), F_OK) == 0);
    remove_rig(&r);
}

struct deep {
    const struct rig *r;
    int levels;
};

static void dig(void *user, enum restore_step step)
{
    const struct deep *d = user;
    char path[PATH_SIZE];

    if (step != RESTORE_SETTLED)
        return;
    (void)snprintf(path, sizeof path, "%s", in_rig(d->r, "live.restoring"));
    for (int i = 0; i < d->levels; i++) {
        strcat(path, "/d");
        CHECK(path, mkdir(path, 0700) == 0);
    }
    strcat(path, "/file");
    scratch_write(path, "at the bottom");
}

/* Deeper than anything of berth's: it stays, and the next restore keeps it as somebody's data. */
static void test_depth_removed(void **state)
{
    static struct restore_result out;
    struct backup_problem problem;
    struct deep deep;
    struct rig r;

    (void)state;
    make_rig(&r);
    struct restore_request request = { .data_dir = in_rig(&r, "live"), .at = dig, .user = &deep };
    deep = (struct deep){ &r, 8 };
    CHECK("mkdir", mkdir(in_rig(&r, "live"), 0700) == 0);
    CHECK("restored", restore_with(&r, &request, &out, &problem) == BERTH_OK);
    CHECK("8 levels", access(in_rig(&r, "live.restoring"), F_OK) != 0);
    scratch_remove(in_rig(&r, "live"));
    deep.levels = 9;
    request.data_dir = in_rig(&r, "live");
    CHECK("mkdir", mkdir(in_rig(&r, "live"), 0700) == 0);
    CHECK("restored", restore_with(&r, &request, &out, &problem) == BERTH_OK);
    CHECK("9 levels", access(in_rig(&r, "live.restoring/d/d/d/d/d/d/d/d/d/file"), F_OK) == 0);
    remove_rig(&r);
}

/* ---- crafted by who knows the passphrase ---- */

struct crafted {
    struct manifest m;
    struct archive_content contents[MANIFEST_FILES_MAX];
    struct memory_of {
        uint8_t bytes[262144];
        size_t n;
    } files[MANIFEST_FILES_MAX];
    size_t begun;
};

static berth_err keep_manifest(void *user, const struct manifest *m)
{
    ((struct crafted *)user)->m = *m;
    return BERTH_OK;
}

static berth_err keep_file(void *user, const struct manifest_file *f)
{
    (void)f;
    ((struct crafted *)user)->begun++;
    return BERTH_OK;
}

static berth_err keep_data(void *user, const uint8_t *p, size_t n)
{
    struct crafted *c = user;
    struct memory_of *f = &c->files[c->begun - 1];

    CHECK("fits", f->n + n <= sizeof f->bytes);
    memcpy(f->bytes + f->n, p, n);
    f->n += n;
    return BERTH_OK;
}

static struct crafted *take_apart(struct rig *r)
{
    struct crafted *c = calloc(1, sizeof *c);
    struct archive_visitor visitor = { keep_manifest, keep_file, keep_data, NULL, c };
    struct backup_problem problem;
    struct archive_reading reading = { .name = "b", .visitor = &visitor, .problem = &problem };
    struct byte_source in = { get, r };
    static struct manifest m;

    r->at = 0;
    CHECK("read", archive_read(&reading, &in, PASSPHRASE, &crypto, &m) == BERTH_OK);
    return c;
}

static void put_together(struct rig *r, struct crafted *c)
{
    struct backup_problem problem;
    struct archive_writing w = { .name = "b",
                                 .manifest = &c->m,
                                 .contents = c->contents,
                                 .out = { put, r },
                                 .problem = &problem };

    for (size_t i = 0; i < c->m.count; i++) {
        berth_str s = { (const char *)c->files[i].bytes, (size_t)c->m.files[i].size };

        c->contents[i].p = c->files[i].bytes;
        CHECK("sum", crypto.sha256(crypto.ctx, &s, 1, c->m.files[i].sha256) == BERTH_OK);
    }
    r->n = 0;
    CHECK("written", archive_write(&w, PASSPHRASE, CHEAP, &crypto) == BERTH_OK);
}

static size_t index_of(const struct crafted *c, const char *name)
{
    const struct manifest_file *f = manifest_find(&c->m, name);

    CHECK(name, f != NULL);
    return (size_t)(f - c->m.files);
}

static void test_crafted(void **state)
{
    struct rig r;

    (void)state;
    make_rig(&r);
    struct crafted *c = take_apart(&r);
    size_t key = index_of(c, "store.key"), db = index_of(c, "berth.db");

    c->m.schema++;
    put_together(&r, c);
    check_refused(&r, "newer", &(struct restore_request){ 0 }, BACKUP_FAILED, "schema version");
    c->m.schema--;
    c->files[key].bytes[0] ^= 1;
    put_together(&r, c);
    check_refused(&r, "another key", &(struct restore_request){ 0 }, BACKUP_FAILED,
                  "is not the key file");
    c->files[key].bytes[0] ^= 1;
    c->m.files[key].size--;
    put_together(&r, c);
    check_refused(&r, "half a key", &(struct restore_request){ 0 }, BACKUP_FAILED,
                  "is not a key file");
    c->m.files[key].size++;
    c->m.files[db].size -= 8192;
    put_together(&r, c);
    check_refused(&r, "half a database", &(struct restore_request){ 0 }, BACKUP_FAILED, "damaged");
    c->m.files[db].size += 8192;
    strcpy(c->m.files[0].name, "../../x");
    put_together(&r, c);
    check_refused(&r, "outside", &(struct restore_request){ 0 }, BACKUP_FAILED, "manifest");
    free(c);
    remove_rig(&r);
}

/* ---- a disk that is full ---- */

static bool disk_is_full;

__attribute__((visibility("default"))) int fsync(int fd)
{
    errno = ENOSPC;
    return disk_is_full ? -1 : (int)syscall(SYS_fsync, fd);
}

struct full_from {
    enum restore_step step;
};

static void fill_disk(void *user, enum restore_step step)
{
    disk_is_full = disk_is_full || step == ((struct full_from *)user)->step;
}

/* Before the exchange it can be tried again; after it the backup is there. */
static void test_disk_full(void **state)
{
    static struct restore_result out;
    struct backup_problem problem;
    struct full_from from = { RESTORE_LISTED };
    struct rig r;

    (void)state;
    make_rig(&r);
    make_data(in_rig(&r, "live"));
    check_refused(&r, "while unpacking",
                  &(struct restore_request){ .replace = true, .at = fill_disk, .user = &from },
                  BACKUP_FAILED, "the disk is full; free space there");
    disk_is_full = false;
    from.step = RESTORE_EXCHANGED;
    struct restore_request request = {
        .data_dir = in_rig(&r, "live"), .replace = true, .at = fill_disk, .user = &from
    };
    CHECK("in the end", restore_with(&r, &request, &out, &problem) != BERTH_OK);
    disk_is_full = false;
    if (strstr(problem.text, "the backup is in its place") == NULL ||
        strstr(problem.text, "the disk is full") == NULL)
        fail_msg("%s", problem.text);
    CHECK("it was changed", strstr(problem.text, "nothing was changed") == NULL);
    CHECK("and is not to be tried again", strstr(problem.text, "try again") == NULL);
    restore_must(&r, in_rig(&r, "live"), true);
    remove_rig(&r);
}

/* ---- keys and configuration elsewhere ---- */

static void test_elsewhere(void **state)
{
    static struct restore_result out;
    struct backup_problem problem;
    struct rig r;

    (void)state;
    make_rig(&r);
    CHECK("move the key", rename(in_rig(&r, "source/store.key"), in_rig(&r, "the.key")) == 0);
    (void)snprintf(r.config.key_file, sizeof r.config.key_file, "%s", in_rig(&r, "the.key"));
    scratch_write(in_rig(&r, "b.conf"), "[berth]\n");
    (void)snprintf(r.config.tls_key, sizeof r.config.tls_key, "%s", in_rig(&r, "b.conf"));
    take(&r, in_rig(&r, "b.conf"));
    struct restore_request request = { .data_dir = in_rig(&r, "a"),
                                       .key_file = in_rig(&r, "the.key") };
    CHECK("restored", restore_with(&r, &request, &out, &problem) == BERTH_OK);
    CHECK("the key is there already", out.key == RESTORE_KEY_IS_THERE);
    CHECK("and nowhere else", access(in_rig(&r, "a/store.key"), F_OK) != 0);
    CHECK("configuration", access(in_rig(&r, "a/elsewhere/berth.conf"), F_OK) == 0);
    CHECK("own key", access(in_rig(&r, "a/elsewhere/tls-key.pem"), F_OK) == 0);
    CHECK("unlink", unlink(in_rig(&r, "the.key")) == 0);
    request.data_dir = in_rig(&r, "b");
    CHECK("restored", restore_with(&r, &request, &out, &problem) == BERTH_OK);
    CHECK("the key is missing there", out.key == RESTORE_KEY_MISSING);
    CHECK("so it is here", access(in_rig(&r, "b/store.key"), F_OK) == 0);
    remove_rig(&r);
}

static void test_mode_and_link(void **state)
{
    struct stat st;
    struct rig r;

    (void)state;
    make_rig(&r);
    CHECK("mkdir", mkdir(in_rig(&r, "live"), 0700) == 0 && chmod(in_rig(&r, "live"), 02750) == 0);
    CHECK("a link to it", symlink("live", in_rig(&r, "link")) == 0);
    restore_must(&r, in_rig(&r, "link"), false);
    CHECK("its mode", stat(in_rig(&r, "live"), &st) == 0 && (st.st_mode & 07777) == 02750);
    CHECK("still a link", lstat(in_rig(&r, "link"), &st) == 0 && S_ISLNK(st.st_mode));
    check_serves(in_rig(&r, "link"));
    remove_rig(&r);
}

static void test_owner(void **state)
{
    static struct restore_result out;
    struct backup_problem problem;
    struct stat st;
    struct rig r;

    (void)state;
    if (geteuid() != 0)
        skip();
    make_rig(&r);
    struct restore_request request = {
        .data_dir = in_rig(&r, "a"), .owned = true, .uid = 65534, .gid = 65533
    };
    if (restore_with(&r, &request, &out, &problem) != BERTH_OK)
        skip(); /* root of a namespace with one user */
    CHECK("directory", stat(in_rig(&r, "a"), &st) == 0 && st.st_uid == 65534 && st.st_gid == 65533);
    CHECK("file", stat(in_rig(&r, "a/tls/ca.key"), &st) == 0 && st.st_uid == 65534);
    CHECK("lock", stat(in_rig(&r, "a/berth.lock"), &st) == 0 && st.st_uid == 65534);
    request = (struct restore_request){ .data_dir = in_rig(&r, "a"), .replace = true };
    CHECK("again", restore_with(&r, &request, &out, &problem) == BERTH_OK);
    CHECK("kept its owner", stat(in_rig(&r, "a/berth.db"), &st) == 0 && st.st_uid == 65534);
    remove_rig(&r);
}

/* ---- taking ---- */

static void check_not_taken(struct rig *r, const char *name, const char *says)
{
    struct backup_request request = { .config = &r->config, .crypto = &crypto };
    struct backup_problem problem = { 0 };
    struct state_of before = look(r->dir);
    struct backup *b;

    CHECK(name, backup_take(&request, &b, &problem) != BERTH_OK && b == NULL);
    if (strstr(problem.text, says) == NULL)
        fail_msg("%s: %s", name, problem.text);
    CHECK(name, same(before, look(r->dir)));
}

static void test_not_taken(void **state)
{
    static char large[262145 + 1];
    struct rig r;

    (void)state;
    make_rig(&r);
    memset(large, 'x', sizeof large - 1);
    scratch_write(in_rig(&r, "source/tls/large"), large);
    check_not_taken(&r, "a large file", "256 KiB");
    large[262144] = '\0';
    scratch_write(in_rig(&r, "source/tls/large"), large);
    take(&r, NULL);
    CHECK("unlink", unlink(in_rig(&r, "source/tls/large")) == 0);
    CHECK("rename", rename(in_rig(&r, "source/store.key"), in_rig(&r, "away")) == 0);
    check_not_taken(&r, "no key", "is missing");
    scratch_write(in_rig(&r, "source/store.key"), "thirty-two bytes of another key!");
    CHECK("chmod", chmod(in_rig(&r, "source/store.key"), 0600) == 0);
    check_not_taken(&r, "another key", "is not the key file");
    CHECK("rename", rename(in_rig(&r, "source/berth.db"), in_rig(&r, "db")) == 0);
    check_not_taken(&r, "no database", "--data-dir");
    remove_rig(&r);
}

static const struct {
    const char *name;
    const char *file;   /* planted there, */
    const char *target; /* a link to this; NULL: a hard link to the bait */
    const char *says;
    const char *named; /* the configuration's certificate */
} links[] = {
    { "a certificate", "source/tls/ca.pem", "../../bait", "tls/ca.pem is a link", NULL },
    { "one more", "source/tls/more.key", "../../bait", "tls/more.key is a link", NULL },
    { "a link to nothing", "source/tls/more.key", "none", "tls/more.key is a link", NULL },
    { "a hard link", "source/tls/more.key", NULL, "hard links", NULL },
    { "all certificates", "source/tls", "../public", "source/tls is a link", NULL },
    { "profile", "source/profile.ini", "../bait", "profile.ini is a link", NULL },
    { "hard link for a profile", "source/profile.ini", NULL, "hard links", NULL },
    { "key", "source/store.key", "../away", "store.key is a link", NULL },
    { "database", "source/berth.db", "../away", "berth.db is a link", NULL },
    { "named, but inside", "source/own.pem", "../bait", "own.pem is a link", "source/own.pem" },
    { "below a link", "source/own", "../public", "is a link, or below one", "source/own/a.pem" },
};

/* What the daemon's user may have put there: a restore would give him what it leads to. */
static void test_links_not_taken(void **state)
{
    struct rig r;

    (void)state;
    make_rig(&r);
    scratch_write(in_rig(&r, "bait"), "root's alone");
    CHECK("mkdir", mkdir(in_rig(&r, "public"), 0755) == 0);
    scratch_write(in_rig(&r, "public/a.pem"), "root's alone");
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        char file[PATH_SIZE], away[PATH_SIZE];

        (void)snprintf(file, sizeof file, "%s", in_rig(&r, links[i].file));
        (void)snprintf(away, sizeof away, "%s", in_rig(&r, "away"));
        (void)snprintf(r.config.tls_certificate, sizeof r.config.tls_certificate, "%s",
                       links[i].named == NULL ? "" : in_rig(&r, links[i].named));
        bool was = rename(file, away) == 0;
        CHECK(links[i].name, links[i].target != NULL ? symlink(links[i].target, file) == 0
                                                     : link(in_rig(&r, "bait"), file) == 0);
        check_not_taken(&r, links[i].name, links[i].says);
        CHECK(links[i].name, unlink(file) == 0);
        if (was)
            CHECK(links[i].name, rename(away, file) == 0);
    }
    remove_rig(&r);
}

/* Outside of the data directory its names are the configuration's word. */
static void test_named_links_taken(void **state)
{
    struct rig r;

    (void)state;
    make_rig(&r);
    CHECK("move the key", rename(in_rig(&r, "source/store.key"), in_rig(&r, "the.key")) == 0);
    CHECK("symlink", symlink("the.key", in_rig(&r, "key")) == 0);
    (void)snprintf(r.config.key_file, sizeof r.config.key_file, "%s", in_rig(&r, "key"));
    scratch_write(in_rig(&r, "1.pem"), "a chain");
    CHECK("symlink", symlink("1.pem", in_rig(&r, "live.pem")) == 0);
    (void)snprintf(r.config.tls_certificate, sizeof r.config.tls_certificate, "%s",
                   in_rig(&r, "live.pem"));
    CHECK("a link to the directory", symlink("source", in_rig(&r, "link")) == 0);
    (void)snprintf(r.config.data_dir, sizeof r.config.data_dir, "%s//", in_rig(&r, "link"));
    take(&r, NULL);
    restore_must(&r, in_rig(&r, "new"), false);
    CHECK("certificate", access(in_rig(&r, "new/elsewhere/tls-certificate.pem"), F_OK) == 0);
    CHECK("key", access(in_rig(&r, "new/store.key"), F_OK) == 0);
    remove_rig(&r);
}

/* The longest piece that was wiped. */
static size_t wiped;

__attribute__((visibility("default"))) void OPENSSL_cleanse(void *p, size_t n)
{
    wiped = n > wiped ? n : wiped;
    explicit_bzero(p, n);
}

/* It may be a key, although it cannot be one that is in use. */
static void test_wiped_when_not_taken(void **state)
{
    static char large[262145 + 1];
    struct backup_problem problem;
    struct gathered g;
    struct rig r;

    (void)state;
    make_rig(&r);
    memset(large, 'x', sizeof large - 1);
    scratch_write(in_rig(&r, "source/tls/large"), large);
    wiped = 0;
    CHECK("not taken", gather(&r.config, NULL, &g, &problem) != BERTH_OK);
    gather_free(&g);
    CHECK("all that was read", wiped >= sizeof large - 1);
    remove_rig(&r);
}

static void test_one_at_a_time(void **state)
{
    struct rig r;

    (void)state;
    make_rig(&r);
    int fd = open(in_rig(&r, "source"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK("another", fd >= 0 && flock(fd, LOCK_EX) == 0);
    check_not_taken(&r, "two at once", "another backup");
    (void)close(fd);
    scratch_write(in_rig(&r, "source/berth.db.copy"), "of one that was killed");
    take(&r, NULL);
    CHECK("gone", access(in_rig(&r, "source/berth.db.copy"), F_OK) != 0);
    remove_rig(&r);
}

struct patience {
    int asked, enough; /* ends at the ENOUGH-th question; < 0: never */
};

static bool lose_patience(void *user, uint64_t done, uint64_t whole)
{
    struct patience *p = user;

    (void)done, (void)whole;
    return p->asked++ != p->enough;
}

/* Ctrl-C at each moment where it is looked for. */
static void test_interrupted_backup(void **state)
{
    struct patience p = { 0, -1 };
    struct backup_watch watch = { lose_patience, &p };
    struct backup_request request = { .crypto = &crypto, .watch = &watch };
    struct backup_problem problem;
    struct backup *b;
    struct rig r;

    (void)state;
    make_rig(&r);
    request.config = &r.config;
    CHECK("not", backup_take(&request, &b, &problem) == BERTH_OK);
    backup_free(b);
    struct state_of before = look(r.dir);
    int questions = p.asked;
    CHECK("asked", questions > 0);
    for (int i = 0; i < questions; i++) {
        p = (struct patience){ 0, i };
        CHECK("ended", backup_take(&request, &b, &problem) == BERTH_E_CLOSED && b == NULL);
        CHECK("for that", problem.fault == BACKUP_INTERRUPTED);
        CHECK("nothing left", same(before, look(r.dir)));
    }
    remove_rig(&r);
}

static void test_interrupted_restore(void **state)
{
    static struct restore_result out;
    struct patience p = { 0, -1 };
    struct backup_watch watch = { lose_patience, &p };
    struct restore_request request = { .replace = true, .watch = &watch };
    struct backup_problem problem;
    struct rig r;

    (void)state;
    make_rig(&r);
    request.data_dir = in_rig(&r, "aside");
    CHECK("not", restore_with(&r, &request, &out, &problem) == BERTH_OK);
    make_data(in_rig(&r, "live"));
    int questions = p.asked;
    CHECK("asked", questions > FILES);
    for (int i = 0; i < questions; i++) {
        p = (struct patience){ 0, i };
        request.data_dir = NULL;
        check_refused(&r, "interrupted", &request, BACKUP_INTERRUPTED, "interrupted");
    }
    remove_rig(&r);
}

/* ---- directories kept in one second ---- */

#define SECOND 1700000000
#define STAMP  "20231114T221320Z"

/* It is always the same second; glibc's own is not asked. */
__attribute__((visibility("default"))) time_t time(time_t *out)
{
    if (out != NULL)
        *out = SECOND;
    return SECOND;
}

static const char *kept_name(const struct rig *r, int i)
{
    char name[64];

    (void)snprintf(name, sizeof name,
                   i == 1 ? "live.before-restore-" STAMP : "live.before-restore-" STAMP "-%d", i);
    return in_rig(r, name);
}

static void test_kept_in_one_second(void **state)
{
    static struct restore_result out;
    struct restore_request request = { .replace = true };
    struct backup_problem problem;
    struct rig r;

    (void)state;
    make_rig(&r);
    restore_must(&r, in_rig(&r, "live"), false);
    for (int i = 1; i <= 99; i++)
        CHECK("mkdir", mkdir(kept_name(&r, i), 0700) == 0);
    request.data_dir = in_rig(&r, "live");
    CHECK("the hundredth", restore_with(&r, &request, &out, &problem) == BERTH_OK);
    CHECK("its name", strcmp(out.kept, kept_name(&r, 100)) == 0 && access(out.kept, F_OK) == 0);

    scratch_write(in_rig(&r, "live/profile.ini"), "what is there now");
    struct state_of old = look(in_rig(&r, "live"));
    request.data_dir = in_rig(&r, "live");
    CHECK("one more", restore_with(&r, &request, &out, &problem) == BERTH_E_IO);
    CHECK("is told", strstr(problem.text, "the backup is in its place") != NULL &&
                         strstr(problem.text, "File exists") != NULL);
    check_serves(in_rig(&r, "live"));
    CHECK("nothing is lost", same(look(in_rig(&r, "live.restoring")), old));
    remove_rig(&r);
}

static int set_up(void **state)
{
    (void)state;
    return berth_openssl_init(&crypto) == BERTH_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    berth_openssl_deinit(&crypto);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),          cmocka_unit_test(test_killed_where_nothing_was),
        cmocka_unit_test(test_killed_where_empty),  cmocka_unit_test(test_killed_where_data_was),
        cmocka_unit_test(test_killed_twice),        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_to_a_daemon), cmocka_unit_test(test_refused_places),
        cmocka_unit_test(test_above_is_made),       cmocka_unit_test(test_held_until_exchanged),
        cmocka_unit_test(test_no_lock_left),        cmocka_unit_test(test_lock_not_followed),
        cmocka_unit_test(test_stage_not_followed),  cmocka_unit_test(test_removing_not_followed),
        cmocka_unit_test(test_depth_removed),       cmocka_unit_test(test_crafted),
        cmocka_unit_test(test_disk_full),           cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_mode_and_link),       cmocka_unit_test(test_owner),
        cmocka_unit_test(test_not_taken),           cmocka_unit_test(test_wiped_when_not_taken),
        cmocka_unit_test(test_links_not_taken),     cmocka_unit_test(test_named_links_taken),
        cmocka_unit_test(test_one_at_a_time),       cmocka_unit_test(test_interrupted_backup),
        cmocka_unit_test(test_interrupted_restore), cmocka_unit_test(test_kept_in_one_second),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
