/* tests/store/fault_impl.h - between the VFS, the log and the images made from it. */
#ifndef TESTS_STORE_FAULT_IMPL_H
#define TESTS_STORE_FAULT_IMPL_H

#include "tests/store/fault_log.h"

/* One file, whatever its name has come to stand for since. */
struct fault_inode {
    char name[64];
    uint8_t *base; /* as it was at fault_begin */
    size_t base_n;
    int64_t size;
    bool there; /* at fault_begin */
    bool live;  /* has its name now */
};

/* Writes E down as a step of PHASE on a FILE of that kind, and judges it: SQLITE_OK, carry it out;
 * else the call has failed. A WRITE's N shrinks to what still happens. */
int fault_log_call(struct fault_event *e, const char *phase, const char *file);

/* The watched file of that name, also one made this moment (*MADE); < 0: not watched. */
int fault_log_open(const char *name, bool *made);
void fault_log_deleted(const char *name);
bool fault_log_sync_off(void);
const struct fault_inode *fault_log_inode(int i);
int fault_log_inodes(void);
/* The key file, which SQLite does not write: made, durably, before this event; SIZE_MAX: not met.
 */
size_t fault_log_key_at(void);
const char *fault_log_directory(void);

#endif
