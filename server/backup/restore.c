#include "backup/restore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backup/stage.h"
#include "store/sqlite/snapshot.h"

#define STAGE      ".restoring"
#define KEPT       ".before-restore-"
#define SUFFIX_MAX 48  /* of the names made from the data directory's */
#define SAME_MAX   100 /* directories kept in one second */

struct restoring {
    const struct restore_request *request;
    struct restore_result *out;
    struct backup_problem *problem;
    struct stage stage;
    bool exists, holds_something;
    bool had_lock; /* its lock file was there before */
    int lock, new_lock;
    char above[FILE_PATH_MAX]; /* what stands above it, when it was made; */
    size_t there;              /* this much of it was there */
};

static berth_err refuse(struct restoring *r, const char *words)
{
    return backup_say(r->problem, BACKUP_FAILED, BERTH_E_IO, "%s: %s", r->out->data_dir, words);
}

/* ---- where it goes ---- */

static size_t length_that_is_there(const char *path)
{
    char part[FILE_PATH_MAX];
    char *slash;

    (void)snprintf(part, sizeof part, "%s", path);
    while (access(part, F_OK) != 0 && (slash = strrchr(part, '/')) != NULL)
        *slash = '\0';
    return access(part, F_OK) == 0 ? strlen(part) : 0;
}

/* Readable to all: the daemon's user, who may not own them, has to get through them. */
static berth_err make_above(struct restoring *r, const char *path)
{
    char copy[FILE_PATH_MAX];

    (void)snprintf(copy, sizeof copy, "%s", path);
    (void)snprintf(r->above, sizeof r->above, "%s", dirname(copy));
    r->there = length_that_is_there(r->above);
    return file_make_directories(r->above, 0755);
}

/* A restore that failed leaves nothing; what somebody has used since stays. */
static void unmake_above(struct restoring *r)
{
    while (strlen(r->above) > r->there && rmdir(r->above) == 0)
        (void)dirname(r->above); /* in place */
}

/* Of a directory that is not there yet its parent's. */
static berth_err resolve_parent(struct restoring *r, const char *path)
{
    char last[FILE_PATH_MAX], real[PATH_MAX];
    int n;

    (void)snprintf(last, sizeof last, "%s", path);
    if (make_above(r, path) != BERTH_OK || realpath(r->above, real) == NULL)
        return backup_say(r->problem, BACKUP_FAILED, BERTH_E_IO,
                          "%s: %s; make what stands above the data directory", path,
                          strerrordesc_np(errno));
    n = snprintf(r->out->data_dir, sizeof r->out->data_dir, "%s/%s",
                 strcmp(real, "/") == 0 ? "" : real, basename(last));
    errno = ENAMETOOLONG;
    return n + SUFFIX_MAX < (int)sizeof r->out->data_dir ? BERTH_OK
                                                         : backup_say_errno(r->problem, path);
}

static berth_err resolve(struct restoring *r)
{
    const char *path = r->request->data_dir;
    char *real = realpath(path, NULL);

    r->exists = real != NULL;
    if (real == NULL)
        return errno == ENOENT ? resolve_parent(r, path) : backup_say_errno(r->problem, path);
    int n = snprintf(r->out->data_dir, sizeof r->out->data_dir, "%s", real);
    free(real);
    errno = ENAMETOOLONG;
    return n + SUFFIX_MAX < (int)sizeof r->out->data_dir ? BERTH_OK
                                                         : backup_say_errno(r->problem, path);
}

static berth_err look_at_existing(struct restoring *r)
{
    const char *path = r->out->data_dir;
    char above[FILE_PATH_MAX];
    struct stat st, parent;

    (void)snprintf(above, sizeof above, "%s", path);
    if (stat(path, &st) != 0 || stat(dirname(above), &parent) != 0)
        return backup_say_errno(r->problem, path);
    if (!S_ISDIR(st.st_mode))
        return refuse(r, "is not a directory");
    if (st.st_dev != parent.st_dev || st.st_ino == parent.st_ino)
        return refuse(r, "is a mount point, and what is mounted cannot be exchanged whole; "
                         "restore to a directory below it with --data-dir, and name that one in "
                         "the configuration");
    r->stage.uid = st.st_uid;
    r->stage.gid = st.st_gid;
    r->stage.mode = st.st_mode & 07777;
    return BERTH_OK;
}

static bool is_lock(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
           strcmp(name, SQLITE_STORE_LOCK) == 0;
}

static berth_err look_inside(struct restoring *r)
{
    DIR *d = opendir(r->out->data_dir);

    if (d == NULL)
        return backup_say_errno(r->problem, r->out->data_dir);
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        r->holds_something = r->holds_something || !is_lock(e->d_name);
    (void)closedir(d);
    if (!r->holds_something || r->request->replace)
        return BERTH_OK;
    return backup_say(r->problem, BACKUP_IN_THE_WAY, BERTH_E_MISMATCH,
                      "%s is not empty; give --replace to put the backup in its place (what is "
                      "there now is kept beside it), or another --data-dir",
                      r->out->data_dir);
}

static berth_err lock(struct restoring *r, const char *path, int *fd)
{
    struct sqlite_store_problem why = { "" };
    berth_err e = sqlite_directory_lock(path, fd, &why);

    if (e == BERTH_OK)
        return e;
    if (e != BERTH_E_MISMATCH)
        return backup_say(r->problem, BACKUP_FAILED, e, "%s", why.text);
    return backup_say(r->problem, BACKUP_IN_THE_WAY, e, "cannot restore while it is in use: %s",
                      why.text);
}

/* A lock file that was not there would be root's, and in the way of the daemon's user. */
static void unlock(struct restoring *r)
{
    char path[FILE_PATH_MAX];

    if (r->lock >= 0 && !r->had_lock &&
        file_path(path, r->out->data_dir, SQLITE_STORE_LOCK) == BERTH_OK)
        (void)unlink(path);
    if (r->lock >= 0)
        (void)close(r->lock);
    if (r->new_lock >= 0)
        (void)close(r->new_lock);
}

static berth_err lock_existing(struct restoring *r)
{
    char path[FILE_PATH_MAX];
    berth_err e = look_at_existing(r);

    if (e == BERTH_OK)
        e = file_path(path, r->out->data_dir, SQLITE_STORE_LOCK);
    if (e != BERTH_OK)
        return e;
    r->had_lock = access(path, F_OK) == 0;
    e = lock(r, r->out->data_dir, &r->lock);
    return e == BERTH_OK ? look_inside(r) : e;
}

static berth_err prepare(struct restoring *r)
{
    berth_err e = resolve(r);

    r->stage.uid = geteuid();
    r->stage.gid = getegid();
    r->stage.mode = 0700;
    if (e == BERTH_OK && r->exists)
        e = lock_existing(r);
    if (r->request->owned) {
        r->stage.uid = r->request->uid;
        r->stage.gid = r->request->gid;
    }
    return e;
}

/* ---- names beside it ---- */

/* Moves FROM to a name that tells when; never over another. */
static berth_err keep(struct restoring *r, const char *from, char kept[FILE_PATH_MAX])
{
    time_t now = time(NULL);
    struct tm utc;
    char stamp[32];

    (void)gmtime_r(&now, &utc);
    (void)strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
    for (int i = 1; i <= SAME_MAX; i++) {
        int n = i == 1
                    ? snprintf(kept, FILE_PATH_MAX, "%s" KEPT "%s", r->out->data_dir, stamp)
                    : snprintf(kept, FILE_PATH_MAX, "%s" KEPT "%s-%d", r->out->data_dir, stamp, i);

        if (n > 0 && n < FILE_PATH_MAX &&
            renameat2(AT_FDCWD, from, AT_FDCWD, kept, RENAME_NOREPLACE) == 0)
            return file_sync_directory_of(kept) == BERTH_OK ? BERTH_OK
                                                            : backup_say_errno(r->problem, kept);
        if (errno != EEXIST)
            break;
    }
    return backup_say_errno(r->problem, from);
}

/* A restore that was interrupted right after the exchange left the old directory there. */
static berth_err clear_away(struct restoring *r)
{
    char kept[FILE_PATH_MAX];
    berth_err e = BERTH_OK;

    /* Interrupted between making it and marking it: there is nothing in it. */
    if (rmdir(r->stage.path) != 0 && errno == ENOTEMPTY && !stage_is_marked(r->stage.path))
        e = keep(r, r->stage.path, kept);
    /* It would make this directory look like one that is being unpacked, once it is the old one. */
    if (e == BERTH_OK && r->exists && stage_unmark(r->out->data_dir) != BERTH_OK)
        e = backup_say_errno(r->problem, r->out->data_dir);
    return e;
}

/* ---- the exchange ---- */

static berth_err say_exchange(struct restoring *r)
{
    switch (errno) {
    case EBUSY:
        return refuse(r, "is in use as a mount point; restore to a directory below it with "
                         "--data-dir, and name that one in the configuration");
    case EINVAL:
    case EXDEV:
    case ENOSYS:
        return refuse(r, "this file system cannot exchange two directories in one step; move it "
                         "away yourself, and restore again");
    default:
        return backup_say_errno(r->problem, r->out->data_dir);
    }
}

static berth_err exchange(struct restoring *r)
{
    unsigned how = r->exists ? RENAME_EXCHANGE : RENAME_NOREPLACE;

    if (renameat2(AT_FDCWD, r->stage.path, AT_FDCWD, r->out->data_dir, how) != 0)
        return say_exchange(r);
    stage_reached(&r->stage, RESTORE_EXCHANGED);
    return BERTH_OK;
}

/* The restore has happened: what fails now harms nothing, and is told with that. */
static berth_err settle(struct restoring *r)
{
    struct backup_problem why;
    berth_err e = BERTH_OK;

    if (file_sync_directory_of(r->out->data_dir) != BERTH_OK)
        e = backup_say_errno(r->problem, r->out->data_dir);
    stage_reached(&r->stage, RESTORE_SETTLED);
    if (e == BERTH_OK && r->exists && r->holds_something)
        e = keep(r, r->stage.path, r->out->kept);
    else if (e == BERTH_OK && r->exists)
        stage_remove(r->stage.path);
    stage_reached(&r->stage, RESTORE_KEPT);
    if (e == BERTH_OK && stage_unmark(r->out->data_dir) != BERTH_OK)
        e = backup_say_errno(r->problem, r->out->data_dir);
    stage_reached(&r->stage, RESTORE_UNMARKED);
    if (e == BERTH_OK)
        return e;
    why = *r->problem;
    return backup_say(r->problem, BACKUP_FAILED, e,
                      "the backup is in its place, %s, and can be used, but what was left to do "
                      "failed: %.1000s",
                      r->out->data_dir, why.text);
}

/* ---- all of it ---- */

static berth_err fill_stage(struct restoring *r)
{
    struct stage *s = &r->stage;
    berth_err e;

    stage_reached(s, RESTORE_STAGED);
    e = stage_unpack(s, &r->out->manifest);
    if (e != BERTH_OK)
        return e;
    stage_reached(s, RESTORE_UNPACKED);
    e = stage_verify(s);
    if (e != BERTH_OK)
        return e;
    stage_reached(s, RESTORE_VERIFIED);
    e = stage_place_key(s, &r->out->key);
    /* Held until the end: a daemon that starts in the moment of the exchange is kept away too. */
    if (e == BERTH_OK)
        e = lock(r, s->path, &r->new_lock);
    if (e == BERTH_OK)
        e = stage_finish(s);
    if (e == BERTH_OK)
        stage_reached(s, RESTORE_OWNED);
    return e;
}

static berth_err stage_and_exchange(struct restoring *r)
{
    struct stage *s = &r->stage;
    berth_err e = stage_make(s);

    if (e != BERTH_OK)
        return e;
    e = fill_stage(r);
    if (e == BERTH_OK && !backup_goes_on(r->request->watch, 0, 0, r->problem))
        e = BERTH_E_CLOSED;
    if (e == BERTH_OK)
        e = exchange(r);
    /* Not before: where nothing was, its lock alone keeps another restore from removing it. */
    stage_close(s);
    if (e != BERTH_OK)
        stage_remove(s->path);
    return e;
}

static berth_err run(struct restoring *r)
{
    berth_err e = prepare(r);

    if (e != BERTH_OK)
        return e;
    (void)snprintf(r->stage.path, sizeof r->stage.path, "%.*s" STAGE, FILE_PATH_MAX - SUFFIX_MAX,
                   r->out->data_dir);
    stage_reached(&r->stage, RESTORE_LOCKED);
    e = clear_away(r);
    if (e != BERTH_OK)
        return e;
    stage_reached(&r->stage, RESTORE_CLEARED);
    e = stage_and_exchange(r);
    if (e != BERTH_OK)
        return e;
    r->had_lock = true; /* the one at DIR is the new one's now */
    return settle(r);
}

berth_err restore_run(const struct restore_request *request, struct restore_result *out,
                      struct backup_problem *problem)
{
    struct restoring r = {
        .request = request,
        .out = out,
        .problem = problem,
        .stage = { .request = request, .problem = problem, .dir = -1, .file = -1 },
        .lock = -1,
        .new_lock = -1
    };
    berth_err e;

    *out = (struct restore_result){ 0 };
    *problem = (struct backup_problem){ 0 };
    e = run(&r);
    unlock(&r);
    if (e != BERTH_OK)
        unmake_above(&r);
    return e;
}
