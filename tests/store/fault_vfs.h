/* tests/store/fault_vfs.h - a disk that can lose power. A VFS of SQLite over the real one, the
 * default once installed: it writes down every call of the store's connections with what was
 * written, so that afterwards the files can be had as any cut would have left them; and it fails,
 * fills up or kills the process at a call that the test names. Syncs are counted, not carried out.
 *
 * A step is a place in the code: the SQL statement under way, the call and the kind of file
 * ("COMMIT: write wal"), the statement alone ("INSERT device"), or what the test marks. The code
 * under test thereby lists its own steps; a step comes up any number of times. */
#ifndef TESTS_STORE_FAULT_VFS_H
#define TESTS_STORE_FAULT_VFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Calls that may fail come first. */
#define FAULT_OPS(X)                                                                               \
    X(OPEN, "open")                                                                                \
    X(DELETE, "delete")                                                                            \
    X(READ, "read")                                                                                \
    X(WRITE, "write")                                                                              \
    X(TRUNCATE, "truncate")                                                                        \
    X(SYNC, "sync")                                                                                \
    X(LOCK, "lock")                                                                                \
    X(SHM_MAP, "map")                                                                              \
    X(SHM_LOCK, "lock shm of")                                                                     \
    X(STATEMENT, "")                                                                               \
    X(MARK, "")

enum fault_op {
#define X(name, text) FAULT_##name,
    FAULT_OPS(X)
#undef X
};

struct fault_event {
    enum fault_op op;
    const char *step; /* one pointer per step */
    unsigned nth;     /* time that this step came up, from 1 */
    int inode;        /* file written to; < 0: none, or a temporary one that no cut leaves */
    int64_t offset;   /* WRITE; TRUNCATE: the new size */
    uint8_t *bytes;   /* WRITE */
    size_t n;
    char name[64];     /* OPEN, DELETE */
    bool made;         /* OPEN: the file is new */
    bool names_synced; /* SYNC, DELETE: with it the directory */
    bool failed;       /* SYNC: what it was to save can be lost from then on, as Linux does */
};

enum fault_what { FAULT_NOTHING, FAULT_DIE, FAULT_FAIL };

/* At the NTH time that STEP comes up: kill -9, or the call returns RC. LASTING: so does every later
 * call of that kind on that kind of file, until fault_mend. A write that fails has half written. */
struct fault_plan {
    enum fault_what what;
    const char *step;
    unsigned nth;
    int rc;
    bool lasting;
};

/* Once in a process, before the first connection. */
void fault_vfs_install(void);
/* From now on DIRECTORY's files are watched, as they are; what was written down before is gone. No
 * connection is open. SYNC_OFF: connections run with PRAGMA synchronous=OFF, whatever they set. */
void fault_begin(const char *directory, const struct fault_plan *plan, bool sync_off);
/* The files may grow to BYTES altogether; < 0: without end. */
void fault_room(int64_t bytes);
int64_t fault_used(void);
/* How much larger than at fault_begin they have been at most. */
int64_t fault_grown(void);
/* No call fails from now on. */
void fault_mend(void);
/* Nothing is watched any more; what was written down stays. */
void fault_end(void);

/* Writes down a step of the test's own; its number, 0 while nothing is watched. Any thread. */
size_t fault_mark(const char *step);
size_t fault_count(void);
const struct fault_event *fault_event(size_t i);
bool fault_happened(void);

#endif
