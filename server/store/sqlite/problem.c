#include "store/sqlite/problem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define DISK_FULL                                                                                  \
    "the disk is full; free space on the file system of the data directory, nothing already "      \
    "confirmed is lost"
#define NOT_WRITABLE                                                                               \
    "not writable; let the user that berth runs as own it, on a file system mounted for writing"

#define FILE_TOO_LARGE                                                                             \
    "a file would be larger than is allowed; raise the limit of file sizes (LimitFSIZE=, "         \
    "ulimit -f), or use a file system that takes larger files"

void problem_say(struct sqlite_store_problem *problem, const char *format, ...)
{
    va_list args;

    if (problem == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(problem->text, sizeof problem->text, format, args);
    va_end(args);
}

berth_err problem_say_engine(struct sqlite_store_problem *problem, const char *path, sqlite3 *db,
                             int rc)
{
    problem_say(problem, "%s: %s", path, problem_of_engine(db, rc));
    return BERTH_E_IO;
}

berth_err problem_say_errno(struct sqlite_store_problem *problem, const char *path)
{
    problem_say(problem, "%s: %s", path, problem_of_errno(errno));
    return BERTH_E_IO;
}

const char *problem_of_errno(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return DISK_FULL;
    case EFBIG:
        return FILE_TOO_LARGE;
    case EACCES:
    case EPERM:
    case EROFS:
        return NOT_WRITABLE;
    case ENOENT:
        return "no such file or directory; make the data directory, or name another";
    case EMFILE:
    case ENFILE:
        return "too many open files; raise LimitNOFILE";
    default:
        return strerrordesc_np(error);
    }
}

static bool file_sizes_are_limited(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

/* The engine does not always keep the error of the call that failed. */
static const char *failed_somehow(void)
{
    if (file_sizes_are_limited())
        return "reading or writing the database failed; raise the limit of file sizes "
               "(LimitFSIZE=, ulimit -f), or look for errors of the disk in the kernel's log";
    return "reading or writing the database failed; look for errors of the disk in the kernel's "
           "log";
}

const char *problem_of_engine(sqlite3 *db, int rc)
{
    int error = db == NULL ? 0 : sqlite3_system_errno(db);

    switch (rc & 0xff) {
    case SQLITE_FULL:
        return DISK_FULL;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return "the database is " NOT_WRITABLE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return "the database is damaged; stop berth, keep a copy of the data directory, and "
               "restore the last backup";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return "another program holds the database; close it, berth must be the only one to open "
               "the file";
    case SQLITE_NOMEM:
        return "out of memory";
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        if (error == ENOSPC || error == EDQUOT)
            return DISK_FULL;
        if (error == EFBIG)
            return FILE_TOO_LARGE;
        if (error == EACCES || error == EPERM || error == EROFS)
            return "the database is " NOT_WRITABLE;
        return failed_somehow();
    default:
        return sqlite3_errstr(rc);
    }
}
