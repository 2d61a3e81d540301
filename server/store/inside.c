#include "store/inside.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* 0, or errno. */
static int judge(int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return errno;
    if (S_ISLNK(st.st_mode))
        return ELOOP; /* O_PATH opens the link itself */
    if (!S_ISREG(st.st_mode))
        return EINVAL;
    return st.st_nlink > 1 ? EMLINK : 0; /* 0 names: just taken away, no trick */
}

int inside_open(int dir, const char *name, int flags)
{
    /* O_NONBLOCK: a pipe without a writer would hold the caller for ever. */
    int fd = openat(dir, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    int error;

    assert((flags & O_TRUNC) == 0);
    if (fd < 0)
        return -1;
    error = judge(fd);
    if (error == 0)
        return fd;
    (void)close(fd);
    errno = error;
    return -1;
}

int inside_open_dir(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd >= 0 || errno != ENOTDIR)
        return fd;
    errno =
        fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode) ? ELOOP : ENOTDIR;
    return -1;
}

const char *inside_words(int error)
{
    switch (error) {
    case ELOOP:
        return "a link";
    case EMLINK:
        return "a file with other names besides (hard links)";
    case EINVAL:
        return "no ordinary file";
    default:
        return NULL;
    }
}

void close_keeping_errno(int fd)
{
    int saved = errno;

    (void)close(fd);
    errno = saved;
}
