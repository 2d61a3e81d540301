#include "backup/problem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

berth_err backup_say(struct backup_problem *problem, enum backup_fault fault, berth_err e,
                     const char *format, ...)
{
    va_list args;

    problem->fault = fault;
    va_start(args, format);
    (void)vsnprintf(problem->text, sizeof problem->text, format, args);
    va_end(args);
    return e;
}

static const char *words(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return "the disk is full; free space there";
    case EFBIG:
        return "a file would be larger than is allowed; raise the limit of file sizes (ulimit "
               "-f), or use a file system that takes larger files";
    case EACCES:
    case EPERM:
        return "permission denied; run it as root, or as the user that berth runs as";
    case EROFS:
        return "the file system is mounted read-only";
    default:
        return strerrordesc_np(error);
    }
}

berth_err backup_say_errno(struct backup_problem *problem, const char *path)
{
    return backup_say(problem, BACKUP_FAILED, BERTH_E_IO, "%s: %s", path, words(errno));
}

bool backup_goes_on(const struct backup_watch *watch, uint64_t done, uint64_t whole,
                    struct backup_problem *problem)
{
    if (watch == NULL || watch->go_on(watch->user, done, whole))
        return true;
    (void)backup_say(problem, BACKUP_INTERRUPTED, BERTH_E_CLOSED, "interrupted");
    return false;
}
