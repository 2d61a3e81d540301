#include "store/sqlite/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/inside.h"

#define PID_TEXT_MAX 16
#define DRAFT        ".new" /* of a key file */
#define LOCK_TRIES   8      /* each is another restore that ends this very moment */

/* The lock stands; the number in the file is only for whoever meets it. */
static void leave_pid(int fd)
{
    char text[PID_TEXT_MAX];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());

    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
        return;
}

static long holder_pid(int fd)
{
    char text[PID_TEXT_MAX + 1] = { 0 };

    return pread(fd, text, PID_TEXT_MAX, 0) > 0 ? strtol(text, NULL, 10) : 0;
}

/* Whoever held it may have taken the file away, or exchanged the directory, after FD was opened:
 * what is locked then is nobody's any more, and the next one to come locks another. */
static bool is_at(int fd, const char *path)
{
    struct stat mine, there;

    return fstat(fd, &mine) == 0 && lstat(path, &there) == 0 && mine.st_dev == there.st_dev &&
           mine.st_ino == there.st_ino;
}

/* REMEDY: when something else stands in the file's place. */
static berth_err say_open(struct sqlite_store_problem *problem, const char *path,
                          const char *remedy)
{
    const char *what = inside_words(errno);

    if (what == NULL)
        return problem_say_errno(problem, path);
    problem_say(problem, "%s is %s; %s", path, what, remedy);
    return BERTH_E_IO;
}

static berth_err lock_file(const char *directory, const char *path, int *out,
                           struct sqlite_store_problem *problem)
{
    int fd = inside_open(AT_FDCWD, path, O_RDWR | O_CREAT);
    if (fd < 0)
        return say_open(problem, path, "remove it, berth makes its lock anew");
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        bool taken = errno == EWOULDBLOCK;
        if (taken)
            problem_say(problem,
                        "another berth serve (pid %ld) uses %s; stop it, or give this one a data "
                        "directory of its own",
                        holder_pid(fd), directory);
        berth_err e = taken ? BERTH_E_MISMATCH : problem_say_errno(problem, path);
        close(fd);
        return e;
    }
    *out = fd;
    return BERTH_OK;
}

berth_err directory_lock(const char *directory, int *out, struct sqlite_store_problem *problem)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/%s", directory, SQLITE_STORE_LOCK) >= (int)sizeof path) {
        problem_say(problem, "the data directory's path is too long");
        return BERTH_E_RANGE;
    }
    for (int i = 0; i < LOCK_TRIES; i++) {
        int fd = -1;
        berth_err e = lock_file(directory, path, &fd, problem);

        if (e != BERTH_OK)
            return e;
        if (is_at(fd, path)) {
            leave_pid(fd);
            *out = fd;
            return BERTH_OK;
        }
        close(fd);
    }
    problem_say(problem, "%s does not stay where it is; find out what moves it", path);
    return BERTH_E_MISMATCH;
}

berth_err database_file_touch(const char *path, struct sqlite_store_problem *problem)
{
    int fd = inside_open(AT_FDCWD, path, O_RDWR | O_CREAT);

    if (fd < 0)
        return say_open(problem, path,
                        "put the database itself there, with its -wal; where it is to be "
                        "elsewhere, move the whole data directory");
    close(fd);
    return BERTH_OK;
}

/* systemd gives the service's user an ACL on its credentials, which shows as group access. */
static bool is_systemd_credential(const char *path)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    size_t n = dir == NULL ? 0 : strlen(dir);

    return n > 0 && strncmp(path, dir, n) == 0 && path[n] == '/' && strstr(path, "/../") == NULL;
}

static berth_err read_key(int fd, const char *path, uint8_t key[SEAL_KEY_SIZE],
                          struct sqlite_store_problem *problem)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return problem_say_errno(problem, path);
    if ((st.st_mode & 077) != 0 && !is_systemd_credential(path)) {
        problem_say(problem, "others may read the key file %s; take that from them: chmod 600 %s",
                    path, path);
        return BERTH_E_MISMATCH;
    }
    if (!S_ISREG(st.st_mode) || st.st_size != SEAL_KEY_SIZE ||
        pread(fd, key, SEAL_KEY_SIZE, 0) != SEAL_KEY_SIZE) {
        problem_say(problem, "%s is not a key file, which has %d bytes; restore it from the backup",
                    path, SEAL_KEY_SIZE);
        return BERTH_E_MISMATCH;
    }
    return BERTH_OK;
}

berth_err key_file_load(const char *path, const struct berth_crypto *crypto,
                        uint8_t key[SEAL_KEY_SIZE], struct sqlite_store_problem *problem)
{
    /* The configuration may name a link; a pipe in its place must not hold whoever starts. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return errno == ENOENT ? BERTH_E_NOT_FOUND : problem_say_errno(problem, path);
    berth_err e = read_key(fd, path, key, problem);
    close(fd);
    if (e != BERTH_OK)
        crypto->wipe(crypto->ctx, key, SEAL_KEY_SIZE);
    return e;
}

bool sync_directory_of(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 0 : (size_t)(slash - path);

    if (n >= sizeof dir)
        return false;
    memcpy(dir, path, n);
    memcpy(dir + n, n == 0 ? "." : "", n == 0 ? 2 : 1);
    int fd = open(slash == path ? "/" : dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = fsync(fd) == 0;
    close(fd);
    return ok;
}

static bool write_new(const char *path, const uint8_t key[SEAL_KEY_SIZE])
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return false;
    bool ok = write(fd, key, SEAL_KEY_SIZE) == SEAL_KEY_SIZE && fsync(fd) == 0;
    int error = errno;
    close(fd);
    errno = error;
    return ok;
}

void key_file_tidy(const char *path)
{
    char draft[PATH_MAX];
    struct stat key, other;

    if (snprintf(draft, sizeof draft, "%s" DRAFT, path) < (int)sizeof draft &&
        lstat(path, &key) == 0 && lstat(draft, &other) == 0 && key.st_dev == other.st_dev &&
        key.st_ino == other.st_ino)
        (void)unlink(draft);
}

berth_err key_file_make(const char *path, const struct berth_crypto *crypto,
                        uint8_t key[SEAL_KEY_SIZE], struct sqlite_store_problem *problem)
{
    char draft[PATH_MAX];

    if (snprintf(draft, sizeof draft, "%s" DRAFT, path) >= (int)sizeof draft) {
        problem_say(problem, "the key file's path is too long");
        return BERTH_E_RANGE;
    }
    if (crypto->random(crypto->ctx, key, SEAL_KEY_SIZE) != BERTH_OK) {
        problem_say(problem, "no random bytes for the key file; look at the system's entropy");
        return BERTH_E_CRYPTO;
    }
    /* A draft left by a crash was never in use. link() neither replaces nor shows half a key. */
    (void)unlink(draft);
    bool ok = write_new(draft, key) && link(draft, path) == 0 && sync_directory_of(path);
    berth_err e = ok ? BERTH_OK : problem_say_errno(problem, path);
    (void)unlink(draft);
    if (e != BERTH_OK)
        crypto->wipe(crypto->ctx, key, SEAL_KEY_SIZE);
    return e;
}
