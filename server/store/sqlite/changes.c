#include "store/sqlite/changes.h"

#include <assert.h>

berth_err change_log_init(struct change_log *log)
{
    log->cursors = 0;
    log->tail = store_job_new(NULL, NULL, 0);
    return log->tail == NULL ? BERTH_E_MEMORY : BERTH_OK;
}

void change_log_deinit(struct change_log *log)
{
    assert(log->cursors == 0);
    store_job_unref(log->tail);
    log->tail = NULL;
}

struct store_job *change_log_join(struct change_log *log)
{
    log->cursors++;
    store_job_ref(log->tail);
    return log->tail;
}

void change_log_leave(struct change_log *log, struct store_job *cursor, unsigned kinds)
{
    while (change_pending(cursor)) {
        change_advance(&cursor);
        if ((cursor->kinds & kinds) != 0)
            store_job_read(cursor);
    }
    log->cursors--;
    store_job_unref(cursor);
}

void change_log_publish(struct change_log *log, struct store_job *j, unsigned readers)
{
    struct store_job *before = log->tail;

    if (log->cursors == 0)
        return;
    store_job_ref(j); /* its predecessor's */
    store_job_ref(j); /* the log's */
    atomic_fetch_add_explicit(&j->readers, readers, memory_order_relaxed);
    atomic_store_explicit(&before->later, j, memory_order_release);
    log->tail = j;
    store_job_unref(before);
}

void change_advance(struct store_job **cursor)
{
    struct store_job *before = *cursor;
    struct store_job *next = atomic_load_explicit(&before->later, memory_order_acquire);

    store_job_ref(next);
    *cursor = next;
    store_job_unref(before);
}
