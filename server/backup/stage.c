#include "backup/stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/inside.h"
#include "store/sqlite/snapshot.h"

#define MARK            ".unpacking"
#define STAGE_DEPTH_MAX 8 /* directories in one another that are removed; a backup has one */

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

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Of the directory FD, which is closed then, everything but KEEP. Its user may be moving things
 * about in it meanwhile: by descriptors, so that nothing leads out of it. */
static void empty(int fd, const char *keep, int depth)
{
    DIR *d = fdopendir(fd);

    if (d == NULL) {
        (void)close(fd);
        return;
    }
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        int inner;

        if (is_dots(e->d_name) || strcmp(e->d_name, keep) == 0 || unlinkat(fd, e->d_name, 0) == 0 ||
            errno != EISDIR)
            continue;
        inner = depth < STAGE_DEPTH_MAX ? inside_open_dir(fd, e->d_name) : -1;
        if (inner >= 0)
            empty(inner, "", depth + 1);
        (void)unlinkat(fd, e->d_name, AT_REMOVEDIR);
    }
    (void)closedir(d);
}

/* The mark goes last: what is left by an interruption still has it. */
void stage_remove(const char *path)
{
    int fd = inside_open_dir(AT_FDCWD, path);
    int again = fd >= 0 ? inside_open_dir(fd, ".") : -1;

    if (again >= 0)
        empty(again, MARK, 0);
    if (fd >= 0) {
        (void)unlinkat(fd, MARK, 0);
        (void)close(fd);
    }
    (void)rmdir(path);
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

static bool give_one(const struct stage *s, int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return false;
    if ((st.st_uid != s->uid || st.st_gid != s->gid) && fchown(fd, s->uid, s->gid) != 0)
        return false;
    return fsync(fd) == 0;
}

static const struct dirent *next(DIR *d)
{
    errno = 0; /* tells a failure from the end */
    return readdir(d);
}

static bool give_all_in(const struct stage *s, int dir);

static bool give_name(const struct stage *s, int dir, const char *name)
{
    int fd = inside_open_dir(dir, name);
    bool is_dir = fd >= 0, ok;

    if (!is_dir && errno == ENOTDIR)
        fd = inside_open(dir, name, O_RDONLY);
    ok = fd >= 0 && (!is_dir || give_all_in(s, fd)) && give_one(s, fd);
    if (fd >= 0)
        close_keeping_errno(fd);
    return ok;
}

static bool give_all_in(const struct stage *s, int dir)
{
    int fd = inside_open_dir(dir, ".");
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    bool ok = d != NULL;
    int error;

    for (const struct dirent *e; ok && (e = next(d)) != NULL;)
        ok = is_dots(e->d_name) || give_name(s, dir, e->d_name);
    error = errno;
    if (d != NULL)
        (void)closedir(d);
    else if (fd >= 0)
        (void)close(fd);
    errno = error;
    return ok && error == 0;
}

/* The directory itself last: until then its user cannot reach what is in it. */
berth_err stage_finish(struct stage *s)
{
    if (give_all_in(s, s->dir) && give_one(s, s->dir) && fchmod(s->dir, s->mode) == 0 &&
        fsync(s->dir) == 0)
        return BERTH_OK;
    return backup_say_errno(s->problem, s->path);
}
