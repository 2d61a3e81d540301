#include "store/sqlite/patience.h"

#include <pthread.h>
#include <sqlite3.h>
#include <time.h>

#define NAME "berth-loop"

static _Thread_local int left_us;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static sqlite3_vfs vfs;
static bool made;

static int nap(sqlite3_vfs *v, int microseconds)
{
    int us = microseconds < left_us ? microseconds : left_us;
    const struct timespec t = { .tv_nsec = (long)us * 1000 };

    (void)v;
    if (us > 0)
        (void)nanosleep(&t, NULL);
    left_us -= us;
    return microseconds;
}

static void make(void)
{
    const sqlite3_vfs *own = sqlite3_initialize() == SQLITE_OK ? sqlite3_vfs_find(NULL) : NULL;

    if (own == NULL)
        return;
    vfs = *own;
    vfs.zName = NAME;
    vfs.pNext = NULL;
    vfs.xSleep = nap;
    made = sqlite3_vfs_register(&vfs, 0) == SQLITE_OK;
}

const char *patience_vfs(void)
{
    (void)pthread_once(&once, make);
    return made ? NAME : NULL;
}

void patience_begin(bool ready)
{
    left_us = ready ? PATIENCE_MS * 1000 : 0;
}
