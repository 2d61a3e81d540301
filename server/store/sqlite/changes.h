/* store/sqlite/changes.h - the log of committed changes that the watchers follow: a linked list of
 * jobs with the writer at one end and a cursor per watching port. A job leaves when every cursor is
 * past it. */
#ifndef STORE_SQLITE_CHANGES_H
#define STORE_SQLITE_CHANGES_H

#include "store/sqlite/job.h"

/* Whoever joins, leaves or publishes holds the store's lock on its ports. */
struct change_log {
    struct store_job *tail; /* the last one published; at first one without changes */
    unsigned cursors;
};

BERTH_MUST_USE berth_err change_log_init(struct change_log *log);
/* After the last cursor left. */
void change_log_deinit(struct change_log *log);

/* A cursor behind the last change. */
struct store_job *change_log_join(struct change_log *log);
/* Passes all that is left, as a watcher of KINDS, without looking. */
void change_log_leave(struct change_log *log, struct store_job *cursor, unsigned kinds);

/* Every cursor will meet J; READERS of them follow what has happened in it, J->kinds. */
void change_log_publish(struct change_log *log, struct store_job *j, unsigned readers);

/* One atomic load: is there a job behind CURSOR? */
static inline bool change_pending(const struct store_job *cursor)
{
    return atomic_load_explicit(&cursor->later, memory_order_acquire) != NULL;
}

/* Moves *CURSOR to the next job, which must be there. Who watches one of its kinds may read its
 * changes until store_job_read(*CURSOR), due once; the changes may be gone for everyone else. */
void change_advance(struct store_job **cursor);

#endif
