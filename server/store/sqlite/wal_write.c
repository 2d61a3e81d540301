#include "store/sqlite/wal_write.h"

#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NAME "berth-writer"

#define ROOM       ((size_t)120 * 1024) /* SQLite's own VFS writes less than 128 KiB in a call */
#define FRAME_HEAD 24
#define HEAD_SIZE  4 /* where a frame's head has the database's size; 0: others follow */

struct gathered {
    sqlite3_file base;
    uint8_t *bytes;
    size_t n;
    sqlite3_int64 at; /* of BYTES in the file */
    bool ends;        /* the page that comes next is the transaction's last */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static sqlite3_vfs *own;
static sqlite3_vfs vfs;
static bool made;

static struct gathered *mine(sqlite3_file *f)
{
    return (struct gathered *)(void *)f;
}

static sqlite3_file *real(sqlite3_file *f)
{
    return (sqlite3_file *)(void *)(mine(f) + 1);
}

/* What cannot be written is gone: the writer gives its transaction up at any error, and the next
 * one begins where that did. */
static int flush(sqlite3_file *f)
{
    struct gathered *g = mine(f);
    int n = (int)g->n;

    g->n = 0;
    return n == 0 ? SQLITE_OK : real(f)->pMethods->xWrite(real(f), g->bytes, n, g->at);
}

static bool ends_transaction(const uint8_t *head)
{
    static const uint8_t none[4];

    return memcmp(head + HEAD_SIZE, none, sizeof none) != 0;
}

static int file_write(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 offset)
{
    struct gathered *g = mine(f);
    size_t size = (size_t)n;
    bool last = g->ends;
    int rc = SQLITE_OK;

    assert(size <= ROOM); /* nothing is longer than a page */
    g->ends = size == FRAME_HEAD && ends_transaction(bytes);
    if (g->n + size > ROOM || offset != g->at + (sqlite3_int64)g->n)
        rc = flush(f);
    if (rc != SQLITE_OK)
        return rc;
    /* A last head with nothing before it may be one that is mended, which no page follows. */
    if (g->n == 0 && (last || g->ends))
        return real(f)->pMethods->xWrite(real(f), bytes, n, offset);
    if (g->n == 0)
        g->at = offset;
    memcpy(g->bytes + g->n, bytes, size);
    g->n += size;
    return last ? flush(f) : SQLITE_OK;
}

static int file_close(sqlite3_file *f)
{
    free(mine(f)->bytes);
    return real(f)->pMethods->xClose(real(f));
}

static int file_read(sqlite3_file *f, void *out, int n, sqlite3_int64 offset)
{
    int rc = flush(f);

    return rc == SQLITE_OK ? real(f)->pMethods->xRead(real(f), out, n, offset) : rc;
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int rc = flush(f);

    return rc == SQLITE_OK ? real(f)->pMethods->xTruncate(real(f), size) : rc;
}

static int file_sync(sqlite3_file *f, int flags)
{
    int rc = flush(f);

    return rc == SQLITE_OK ? real(f)->pMethods->xSync(real(f), flags) : rc;
}

static int file_size(sqlite3_file *f, sqlite3_int64 *out)
{
    int rc = flush(f);

    return rc == SQLITE_OK ? real(f)->pMethods->xFileSize(real(f), out) : rc;
}

static int file_lock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xLock(real(f), level);
}

static int file_unlock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xUnlock(real(f), level);
}

static int file_is_reserved(sqlite3_file *f, int *out)
{
    return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
    return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int file_sector(sqlite3_file *f)
{
    return real(f)->pMethods->xSectorSize(real(f));
}

static int file_traits(sqlite3_file *f)
{
    return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static const sqlite3_io_methods methods = {
    .iVersion = 1, /* a WAL is neither mapped nor shared memory */
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_is_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
};

static int open_wal(sqlite3_filename path, sqlite3_file *f, int flags, int *got)
{
    *mine(f) = (struct gathered){ .bytes = malloc(ROOM) };
    if (mine(f)->bytes == NULL)
        return SQLITE_NOMEM;
    int rc = own->xOpen(own, path, real(f), flags, got);
    if (real(f)->pMethods != NULL)
        f->pMethods = &methods;
    else
        free(mine(f)->bytes);
    return rc;
}

/* Every other file is the default VFS's own. */
static int open_file(sqlite3_vfs *v, sqlite3_filename path, sqlite3_file *f, int flags, int *got)
{
    (void)v;
    if ((flags & SQLITE_OPEN_WAL) != 0)
        return open_wal(path, f, flags, got);
    return own->xOpen(own, path, f, flags, got);
}

static void make(void)
{
    own = sqlite3_initialize() == SQLITE_OK ? sqlite3_vfs_find(NULL) : NULL;
    if (own == NULL)
        return;
    vfs = *own;
    vfs.zName = NAME;
    vfs.pNext = NULL;
    vfs.szOsFile = (int)sizeof(struct gathered) + own->szOsFile;
    vfs.xOpen = open_file;
    made = sqlite3_vfs_register(&vfs, 0) == SQLITE_OK;
}

const char *wal_write_vfs(void)
{
    (void)pthread_once(&once, make);
    return made ? NAME : NULL;
}
