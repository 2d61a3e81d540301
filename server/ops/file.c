#include "ops/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/inside.h"

berth_err file_path(char out[FILE_PATH_MAX], const char *directory, const char *name)
{
    int n = snprintf(out, FILE_PATH_MAX, "%s/%s", directory, name);

    return n > 0 && n < FILE_PATH_MAX ? BERTH_OK : BERTH_E_RANGE;
}

static berth_err read_all(int fd, struct berth_buf *b)
{
    for (;;) {
        char chunk[4096];
        ssize_t n = read(fd, chunk, sizeof chunk);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return BERTH_E_IO;
        if (n == 0)
            return BERTH_OK;
        berth_buf_put(b, (berth_str){ chunk, (size_t)n });
        explicit_bzero(chunk, (size_t)n);
        if (b->over)
            return BERTH_E_FULL;
    }
}

berth_err file_read(const char *path, struct berth_buf *b)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    berth_err e;

    if (fd < 0)
        return errno == ENOENT ? BERTH_E_NOT_FOUND : BERTH_E_IO;
    e = read_all(fd, b);
    close_keeping_errno(fd);
    return e;
}

static berth_err write_all(int fd, berth_str content)
{
    while (content.n > 0) {
        ssize_t n = write(fd, content.p, content.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return BERTH_E_IO;
        content = berth_str_sub(content, (size_t)n, content.n);
    }
    return BERTH_OK;
}

/* Root writes for others too: whose file it was must be able to go on with it. */
static bool give(int fd, const char *old)
{
    struct stat st;

    if (geteuid() != 0 || lstat(old, &st) != 0 || !S_ISREG(st.st_mode))
        return true;
    return fchown(fd, st.st_uid, st.st_gid) == 0;
}

/* At PATH, to take the place of OLD. */
static berth_err write_new(const char *path, const char *old, berth_str content, mode_t mode)
{
    berth_err e;
    int fd;

    /* Left by a crash, or put there for root to write to something else. */
    (void)unlink(path);
    fd = inside_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL);
    if (fd < 0)
        return BERTH_E_IO;
    e = give(fd, old) && fchmod(fd, mode) == 0 ? write_all(fd, content) : BERTH_E_IO;
    if (e == BERTH_OK && fsync(fd) != 0)
        e = BERTH_E_IO;
    close_keeping_errno(fd);
    return e;
}

berth_err file_sync_directory_of(const char *path)
{
    char copy[FILE_PATH_MAX];
    berth_err e;
    int fd;

    (void)snprintf(copy, sizeof copy, "%s", path);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return BERTH_E_IO;
    e = fsync(fd) == 0 ? BERTH_OK : BERTH_E_IO;
    close_keeping_errno(fd);
    return e;
}

berth_err file_replace(const char *path, berth_str content, mode_t mode)
{
    char draft[FILE_PATH_MAX];
    int n = snprintf(draft, sizeof draft, "%s.new", path);
    berth_err e;

    if (n < 0 || (size_t)n >= sizeof draft)
        return BERTH_E_RANGE;
    e = write_new(draft, path, content, mode);
    if (e == BERTH_OK && rename(draft, path) != 0)
        e = BERTH_E_IO;
    if (e != BERTH_OK) {
        int saved = errno;

        (void)unlink(draft);
        errno = saved;
        return e;
    }
    return file_sync_directory_of(path);
}

berth_err file_make_directories(const char *path, mode_t mode)
{
    char part[FILE_PATH_MAX];
    int n = snprintf(part, sizeof part, "%s", path);

    if (n <= 0 || (size_t)n >= sizeof part) {
        errno = ENAMETOOLONG;
        return BERTH_E_RANGE;
    }
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, mode) != 0 && errno != EEXIST)
            return BERTH_E_IO;
        *slash = '/';
    }
    return mkdir(part, mode) == 0 || errno == EEXIST ? BERTH_OK : BERTH_E_IO;
}
