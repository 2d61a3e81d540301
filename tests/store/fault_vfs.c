#include "tests/store/fault_vfs.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/store/door.h"
#include "tests/store/fault_impl.h"

#define CHECKPOINT_LOCK 1    /* who holds that lock of the WAL's index writes it back */
#define PIECE           4096 /* how much a disk writes or does not write as one */
#define NAPS            1000 /* a wait for a lock is that many times shorter than asked */

struct fault_file {
    sqlite3_file base;
    int inode;
    const char *kind;
    bool names_unsynced; /* its first sync also syncs the directory, as the real VFS does */
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs vfs;

/* Of this thread: a connection is one thread's at a time. */
static _Thread_local char statement[64];
static _Thread_local bool checkpointing;

static struct fault_file *mine(sqlite3_file *f)
{
    return (struct fault_file *)(void *)f;
}

static sqlite3_file *real(sqlite3_file *f)
{
    return (sqlite3_file *)(void *)(mine(f) + 1);
}

static bool ends_in(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static const char *kind_of(const char *path)
{
    if (path == NULL)
        return "temp";
    if (ends_in(path, "-wal"))
        return "wal";
    if (ends_in(path, "-journal"))
        return "journal";
    return ends_in(path, "/berth.db") ? "database" : "copy";
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

/* What is under way: the last statement, for much of its work is done when it is reset. */
static const char *phase_of(enum fault_op op, const char *kind)
{
    if (op == FAULT_OPEN && strcmp(kind, "database") == 0)
        return "open";
    if (op == FAULT_DELETE && strcmp(kind, "wal") == 0)
        return "close";
    return checkpointing ? "checkpoint" : statement;
}

static int call(sqlite3_file *f, struct fault_event *e)
{
    e->inode = mine(f)->inode;
    return fault_log_call(e, phase_of(e->op, mine(f)->kind), mine(f)->kind);
}

static int plain_call(sqlite3_file *f, enum fault_op op)
{
    struct fault_event e = { .op = op };

    return call(f, &e);
}

/* ---- files ---- */

static int file_close(sqlite3_file *f)
{
    return real(f)->pMethods->xClose(real(f));
}

static int file_read(sqlite3_file *f, void *out, int n, sqlite3_int64 offset)
{
    int rc = plain_call(f, FAULT_READ);

    return rc != SQLITE_OK ? rc : real(f)->pMethods->xRead(real(f), out, n, offset);
}

static int write_piece(sqlite3_file *f, const uint8_t *bytes, size_t n, int64_t offset)
{
    union {
        const uint8_t *lent;
        uint8_t *p; /* read alone */
    } from = { bytes };
    struct fault_event e = { .op = FAULT_WRITE, .offset = offset, .bytes = from.p, .n = n };
    int rc = call(f, &e);
    int done = e.n == 0 ? SQLITE_OK : real(f)->pMethods->xWrite(real(f), bytes, (int)e.n, offset);

    return rc != SQLITE_OK ? rc : done;
}

/* A cut may come between any two of a long write's pages, and leave any of them. */
static int file_write(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 offset)
{
    const uint8_t *at = bytes;
    int rc = SQLITE_OK;

    for (size_t left = (size_t)n, piece; left > 0 && rc == SQLITE_OK; left -= piece) {
        piece = left < PIECE ? left : PIECE;
        rc = write_piece(f, at, piece, offset);
        at += piece;
        offset += (int64_t)piece;
    }
    return rc;
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    struct fault_event e = { .op = FAULT_TRUNCATE, .offset = size };
    int rc = call(f, &e);

    return rc != SQLITE_OK ? rc : real(f)->pMethods->xTruncate(real(f), size);
}

static int file_sync(sqlite3_file *f, int flags)
{
    struct fault_event e = { .op = FAULT_SYNC, .names_synced = mine(f)->names_unsynced };
    int rc = call(f, &e);

    (void)flags;
    if (rc == SQLITE_OK)
        mine(f)->names_unsynced = false;
    return rc;
}

static int file_size(sqlite3_file *f, sqlite3_int64 *out)
{
    return real(f)->pMethods->xFileSize(real(f), out);
}

static int file_lock(sqlite3_file *f, int level)
{
    int rc = plain_call(f, FAULT_LOCK);

    return rc != SQLITE_OK ? rc : real(f)->pMethods->xLock(real(f), level);
}

static int file_unlock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xUnlock(real(f), level);
}

static int file_is_reserved(sqlite3_file *f, int *out)
{
    return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

/* What is told to be handled here has no effect. */
static bool is_refused_pragma(int op, void *arg)
{
    char **words = arg;

    return op == SQLITE_FCNTL_PRAGMA && fault_log_sync_off() && words[2] != NULL &&
           sqlite3_stricmp(words[1], "synchronous") == 0 && sqlite3_stricmp(words[2], "OFF") != 0;
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
    if (is_refused_pragma(op, arg))
        return SQLITE_OK;
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

static int file_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    int rc = plain_call(f, FAULT_SHM_MAP);

    return rc != SQLITE_OK ? rc : real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
}

static int file_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    bool lock = (flags & SQLITE_SHM_LOCK) != 0;

    if (offset == CHECKPOINT_LOCK && n == 1 && (flags & SQLITE_SHM_EXCLUSIVE) != 0)
        checkpointing = lock;
    int rc = lock ? plain_call(f, FAULT_SHM_LOCK) : SQLITE_OK;
    if (rc != SQLITE_OK && offset == CHECKPOINT_LOCK)
        checkpointing = false;
    return rc != SQLITE_OK ? rc : real(f)->pMethods->xShmLock(real(f), offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *f)
{
    real(f)->pMethods->xShmBarrier(real(f));
}

static int file_shm_unmap(sqlite3_file *f, int delete)
{
    return real(f)->pMethods->xShmUnmap(real(f), delete);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* without mmap: every byte comes by here */
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
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* ---- names ---- */

static int vfs_open(sqlite3_vfs *v, sqlite3_filename path, sqlite3_file *f, int flags, int *got)
{
    bool journal = (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
    bool temporary = path == NULL || (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    struct fault_event e = { .op = FAULT_OPEN, .inode = -1 };

    (void)v;
    f->pMethods = NULL;
    *mine(f) = (struct fault_file){ .inode = -1, .kind = temporary ? "temp" : kind_of(path) };
    mine(f)->names_unsynced = journal && (flags & SQLITE_OPEN_CREATE) != 0;
    if (!temporary) {
        (void)snprintf(e.name, sizeof e.name, "%s", base_name(path));
        /* a look at what is not there makes nothing */
        if ((flags & SQLITE_OPEN_CREATE) != 0 || access(path, F_OK) == 0)
            e.inode = fault_log_open(e.name, &e.made);
    }
    int rc = fault_log_call(&e, phase_of(FAULT_OPEN, mine(f)->kind), mine(f)->kind);
    if (rc != SQLITE_OK) {
        if (e.made)
            fault_log_deleted(e.name);
        return rc;
    }
    mine(f)->inode = e.inode;
    rc = real_vfs->xOpen(real_vfs, path, real(f), flags, got);
    if (real(f)->pMethods != NULL)
        f->pMethods = &methods;
    return rc;
}

static int vfs_delete(sqlite3_vfs *v, const char *path, int sync_names)
{
    struct fault_event e = { .op = FAULT_DELETE, .inode = -1, .names_synced = sync_names != 0 };

    (void)v;
    (void)snprintf(e.name, sizeof e.name, "%s", base_name(path));
    int rc = fault_log_call(&e, phase_of(FAULT_DELETE, kind_of(path)), kind_of(path));
    if (rc != SQLITE_OK)
        return rc;
    fault_log_deleted(e.name);
    return real_vfs->xDelete(real_vfs, path, 0);
}

static int vfs_sleep(sqlite3_vfs *v, int microseconds)
{
    (void)v;
    (void)real_vfs->xSleep(real_vfs, microseconds / NAPS);
    return microseconds;
}

/* ---- statements ---- */

static size_t word(const char **at, char *out, size_t size)
{
    static const char blanks[] = " \t\n";
    const char *p = *at + strspn(*at, blanks);
    size_t n = strcspn(p, " \t\n(;=,");

    (void)snprintf(out, size, "%.*s", (int)n, p);
    *at = p + n + strspn(p + n, "(;=,");
    return n;
}

/* "INSERT registration", "COMMIT", "PRAGMA journal_mode": the verb, and what it is about. */
static void name_statement(const char *sql, char out[64])
{
    static const char *const before_tables[] = { "FROM", "INTO", "UPDATE", "TABLE", "INDEX" };
    char verb[24], last[24] = "", next[40], about[40] = "";
    const char *at = sql;

    (void)word(&at, verb, sizeof verb);
    (void)snprintf(last, sizeof last, "%s", verb);
    while (about[0] == '\0' && *at != '\0') {
        (void)word(&at, next, sizeof next);
        for (size_t i = 0; i < sizeof before_tables / sizeof before_tables[0]; i++)
            if (strcmp(last, before_tables[i]) == 0 && next[0] != '\0')
                (void)snprintf(about, sizeof about, "%s", next);
        if (strcmp(last, "PRAGMA") == 0)
            (void)snprintf(about, sizeof about, "%s", next);
        (void)snprintf(last, sizeof last, "%.23s", next);
    }
    (void)snprintf(out, 64, "%s%s%s", verb, about[0] == '\0' ? "" : " ", about);
}

static int on_statement(unsigned type, void *user, void *prepared, void *sql)
{
    struct fault_event e = { .op = FAULT_STATEMENT, .inode = -1 };

    (void)user;
    (void)type;
    (void)prepared;
    name_statement(sql, statement);
    (void)fault_log_call(&e, statement, "");
    return 0;
}

/* SQLite runs this for every connection that anyone opens. */
static int on_connection(sqlite3 *db, char **error, const struct sqlite3_api_routines *api)
{
    (void)error;
    (void)api;
    if (fault_log_sync_off())
        (void)sqlite3_exec(db, "PRAGMA synchronous=OFF", NULL, NULL, NULL);
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, on_statement, NULL);
}

void fault_vfs_install(void)
{
    MUST(sqlite3_initialize() == SQLITE_OK);
    real_vfs = sqlite3_vfs_find(NULL);
    MUST(real_vfs != NULL);
    vfs = *real_vfs;
    vfs.zName = "fault";
    vfs.pNext = NULL;
    vfs.szOsFile = (int)sizeof(struct fault_file) + real_vfs->szOsFile;
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    vfs.xSleep = vfs_sleep;
    MUST(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
    MUST(sqlite3_auto_extension((void (*)(void))on_connection) == SQLITE_OK);
}
