#include "backup/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite/snapshot.h"

#define MARK      ".unpacking"
#define OPEN_DIRS 8 /* that nftw may hold */

void stage_reached(const struct stage *s, enum restore_step step)
{
    if (s->request->at != NULL)
        s->request->at(s->request->user, step);
}

static berth_err fail(struct stage *s, const char *name)
{
    char path[FILE_PATH_MAX + MANIFEST_NAME_MAX + 2];

    (void)snprintf(path, sizeof path, "%s/%s", s->path, name);
    return backup_say_errno(s->problem, path);
}

/* ---- the directory ---- */

bool stage_is_marked(const char *directory)
{
    char mark[FILE_PATH_MAX];

    return file_path(mark, directory, MARK) == BERTH_OK && access(mark, F_OK) == 0;
}

berth_err stage_unmark(const char *directory)
{
    char mark[FILE_PATH_MAX];

    if (file_path(mark, directory, MARK) != BERTH_OK)
        return BERTH_E_RANGE;
    if (unlink(mark) != 0)
        return errno == ENOENT ? BERTH_OK : BERTH_E_IO;
    return file_sync_directory_of(mark);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

/* The mark goes last: what is left by an interruption still has it. */
static int remove_but_mark(const char *path, const struct stat *st, int type, struct FTW *at)
{
    bool keep = at->level == 0 || (at->level == 1 && strcmp(path + at->base, MARK) == 0);

    return keep ? 0 : remove_one(path, st, type, at);
}

void stage_remove(const char *path)
{
    (void)nftw(path, remove_but_mark, OPEN_DIRS, FTW_DEPTH | FTW_PHYS);
    (void)nftw(path, remove_one, OPEN_DIRS, FTW_DEPTH | FTW_PHYS);
}

/* While a restore unpacks, it holds a lock on the directory itself. */
static bool is_busy(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool busy = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0;

    if (fd >= 0)
        (void)close(fd);
    return busy;
}

berth_err stage_make(struct stage *s)
{
    int fd;

    s->dir = s->file = -1;
    if (is_busy(s->path))
        return backup_say(s->problem, BACKUP_IN_THE_WAY, BERTH_E_MISMATCH,
                          "another restore is unpacking in %s; wait until it is done", s->path);
    if (stage_is_marked(s->path))
        stage_remove(s->path);
    if (mkdir(s->path, 0700) != 0)
        return backup_say_errno(s->problem, s->path);
    s->dir = open(s->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    fd = s->dir < 0 || flock(s->dir, LOCK_EX | LOCK_NB) != 0
             ? -1
             : openat(s->dir, MARK, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || close(fd) != 0 || mkdirat(s->dir, "tls", 0700) != 0) {
        berth_err e = fail(s, MARK);

        stage_close(s);
        stage_remove(s->path);
        return e;
    }
    return BERTH_OK;
}

void stage_close(struct stage *s)
{
    if (s->file >= 0)
        (void)close(s->file);
    if (s->dir >= 0)
        (void)close(s->dir);
    s->file = s->dir = -1;
}

/* ---- unpacking ---- */

static berth_err on_manifest(void *user, const struct manifest *m)
{
    struct stage *s = user;

    if (m->schema > sqlite_snapshot_schema())
        return backup_say(s->problem, BACKUP_FAILED, BERTH_E_UNSUPPORTED,
                          "%s has schema version %lld, of berth %s, and this berth knows %d; "
                          "restore it with that berth or a later one",
                          s->request->name, (long long)m->schema, m->berth,
                          sqlite_snapshot_schema());
    stage_reached(s, RESTORE_LISTED);
    return BERTH_OK;
}

static berth_err on_begin(void *user, const struct manifest_file *f)
{
    struct stage *s = user;

    memcpy(s->at, f->name, sizeof s->at);
    if (strncmp(f->name, MANIFEST_ELSEWHERE, strlen(MANIFEST_ELSEWHERE)) == 0 &&
        mkdirat(s->dir, "elsewhere", 0700) != 0 && errno != EEXIST)
        return fail(s, "elsewhere");
    s->file =
        openat(s->dir, f->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, f->mode);
    /* Whatever the umask is. */
    return s->file >= 0 && fchmod(s->file, f->mode) == 0 ? BERTH_OK : fail(s, s->at);
}

static berth_err on_data(void *user, const uint8_t *p, size_t n)
{
    struct stage *s = user;

    while (n > 0) {
        ssize_t written = write(s->file, p, n);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fail(s, s->at);
        p += written;
        n -= (size_t)written;
    }
    return BERTH_OK;
}

static berth_err on_end(void *user)
{
    struct stage *s = user;
    berth_err e = fsync(s->file) == 0 ? BERTH_OK : fail(s, s->at);

    if (close(s->file) != 0 && e == BERTH_OK)
        e = fail(s, s->at);
    s->file = -1;
    if (e == BERTH_OK)
        stage_reached(s, RESTORE_FILE);
    return e;
}

berth_err stage_unpack(struct stage *s, struct manifest *m)
{
    const struct archive_visitor visitor = {
        .manifest = on_manifest, .begin = on_begin, .data = on_data, .end = on_end, .user = s
    };
    const struct archive_reading reading = { .name = s->request->name,
                                             .visitor = &visitor,
                                             .watch = s->request->watch,
                                             .problem = s->problem };

    return archive_read(&reading, &s->request->in, s->request->passphrase, s->request->crypto, m);
}

/* ---- checking ---- */

static bool goes_on(void *user, uint64_t done, uint64_t whole)
{
    const struct stage *s = user;

    return backup_goes_on(s->request->watch, done, whole, s->problem);
}

berth_err stage_verify(struct stage *s)
{
    const struct snapshot_watch watch = { goes_on, s };
    char db[FILE_PATH_MAX], key[FILE_PATH_MAX];
    const struct snapshot_check check = {
        .path = db, .key_path = key, .crypto = s->request->crypto, .watch = &watch
    };
    struct sqlite_store_problem why = { "" };
    int schema;
    berth_err e = file_path(db, s->path, MANIFEST_DATABASE);

    if (e == BERTH_OK)
        e = file_path(key, s->path, MANIFEST_KEY);
    if (e != BERTH_OK) {
        errno = ENAMETOOLONG;
        return backup_say_errno(s->problem, s->path);
    }
    e = sqlite_snapshot_verify(&check, &schema, &why);
    if (e == BERTH_OK || e == BERTH_E_CLOSED)
        return e;
    return backup_say(s->problem, BACKUP_FAILED, e, "what %s holds cannot be used: %s",
                      s->request->name, why.text);
}

static bool read_key(int dir, const char *path, uint8_t *out, size_t size)
{
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && read(fd, out, size) == (ssize_t)size - 1;

    if (fd >= 0)
        (void)close(fd);
    return ok;
}

berth_err stage_place_key(struct stage *s, enum restore_key *key)
{
    uint8_t restored[33], there[33]; /* a key has 32; a longer file is none */
    bool same;

    *key = RESTORE_KEY_IN_PLACE;
    if (s->request->key_file == NULL)
        return BERTH_OK;
    same = read_key(s->dir, MANIFEST_KEY, restored, sizeof restored) &&
           read_key(AT_FDCWD, s->request->key_file, there, sizeof there) &&
           CRYPTO_memcmp(restored, there, sizeof restored - 1) == 0;
    OPENSSL_cleanse(restored, sizeof restored);
    OPENSSL_cleanse(there, sizeof there);
    *key = same ? RESTORE_KEY_IS_THERE : RESTORE_KEY_MISSING;
    return !same || unlinkat(s->dir, MANIFEST_KEY, 0) == 0 ? BERTH_OK : fail(s, MANIFEST_KEY);
}

/* ---- owners ---- */

struct giving {
    struct stage *s;
    berth_err e;
};
static struct giving giving; /* nftw hands nothing on */

static berth_err sync_one(const char *path)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    berth_err e = fd >= 0 && fsync(fd) == 0 ? BERTH_OK : BERTH_E_IO;

    if (fd >= 0)
        (void)close(fd);
    return e;
}

static int give_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    const struct stage *s = giving.s;
    bool ok = st->st_uid == s->uid && st->st_gid == s->gid;

    (void)type;
    if (!ok)
        ok = lchown(path, s->uid, s->gid) == 0;
    if (ok && at->level == 0)
        ok = chmod(path, s->mode) == 0;
    if (ok)
        ok = sync_one(path) == BERTH_OK;
    if (!ok)
        giving.e = backup_say_errno(s->problem, path);
    return ok ? 0 : 1;
}

berth_err stage_finish(struct stage *s)
{
    giving = (struct giving){ s, BERTH_OK };
    if (nftw(s->path, give_one, OPEN_DIRS, FTW_DEPTH | FTW_PHYS) < 0)
        return backup_say_errno(s->problem, s->path);
    return giving.e;
}
