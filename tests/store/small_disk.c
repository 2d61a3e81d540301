#include "tests/store/small_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/store/door.h"
#include "tests/unit/check.h"

void small_disk_child(int (*test)(const struct scratch *dir))
{
    struct scratch dir;
    int status;

    scratch_make(&dir);
    pid_t child = fork();
    MUST(child >= 0);
    if (child == 0)
        _exit(test(&dir));
    MUST(waitpid(child, &status, 0) == child);
    scratch_remove(&dir);
    if (WIFEXITED(status) && WEXITSTATUS(status) == SMALL_DISK_SKIPPED)
        skip();
    CHECK("in the child", WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);

    if (fd < 0)
        return;
    MUST(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

bool small_disk_mount(const struct scratch *dir, const char *size)
{
    char map[64];
    unsigned uid = geteuid(), gid = getegid();

    if (uid != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
            return false;
        (void)snprintf(map, sizeof map, "0 %u 1", uid);
        write_text("/proc/self/uid_map", map);
        write_text("/proc/self/setgroups", "deny");
        (void)snprintf(map, sizeof map, "0 %u 1", gid);
        write_text("/proc/self/gid_map", map);
    } else if (unshare(CLONE_NEWNS) != 0) {
        return false;
    }
    return mount(NULL, "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", dir->path, "tmpfs", 0, size) == 0;
}

void small_disk_fill(const struct scratch *dir)
{
    static const char block[4096];
    int fd = open(scratch_file(dir, "filler"), O_WRONLY | O_CREAT | O_APPEND, 0600);

    MUST(fd >= 0);
    while (write(fd, block, sizeof block) > 0)
        continue;
    MUST(errno == ENOSPC);
    close(fd);
}
