#include "store/sqlite/port.h"

#include <assert.h>

berth_err port_set_init(struct port_set *set)
{
    *set = (struct port_set){ 0 };
    pthread_mutex_init(&set->lock, NULL);
    return change_log_init(&set->log);
}

void port_set_deinit(struct port_set *set)
{
    if (set->log.tail == NULL)
        return;
    assert(set->first == NULL);
    change_log_deinit(&set->log);
    pthread_mutex_destroy(&set->lock);
}

static unsigned kinds_changed(const struct store_job *j)
{
    unsigned kinds = 0;

    for (size_t i = 0; i < j->count; i++)
        if (j->steps[i].happened)
            kinds |= 1u << j->steps[i].change.rec.kind;
    return kinds;
}

static unsigned count_readers(const struct port_set *set, unsigned kinds)
{
    unsigned readers = 0;

    for (const struct sqlite_port *p = set->first; p != NULL; p = p->next)
        readers += port_watches(p, kinds);
    return readers;
}

/* Whether P, which has a watcher, should look at the log. */
static bool is_due(struct sqlite_port *p, unsigned kinds)
{
    if (!port_watches(p, kinds) && ++p->passed_by < PORT_PASSED_BY_MAX)
        return false;
    p->passed_by = 0;
    return true;
}

static void publish(struct port_set *set, struct store_job *j)
{
    j->kinds = kinds_changed(j);
    if ((j->kinds & set->watched) == 0)
        return;
    change_log_publish(&set->log, j, count_readers(set, j->kinds));
    for (struct sqlite_port *p = set->first; p != NULL; p = p->next)
        if (p->attach.watcher != NULL && is_due(p, j->kinds))
            port_wake(p);
}

void port_set_publish(struct port_set *set, struct store_job **jobs, size_t n)
{
    pthread_mutex_lock(&set->lock);
    for (size_t i = 0; i < n; i++)
        if (jobs[i]->result == STORE_OK)
            publish(set, jobs[i]);
    pthread_mutex_unlock(&set->lock);
}

void port_set_join(struct sqlite_port *p)
{
    struct port_set *set = p->set;

    pthread_mutex_lock(&set->lock);
    p->next = set->first;
    set->first = p;
    if (p->attach.watcher != NULL) {
        p->cursor = change_log_join(&set->log);
        set->watched |= p->attach.watch_kinds;
    }
    pthread_mutex_unlock(&set->lock);
}

void port_set_leave(struct sqlite_port *p)
{
    struct port_set *set = p->set;
    struct sqlite_port **at = &set->first;

    pthread_mutex_lock(&set->lock);
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    if (p->cursor != NULL)
        change_log_leave(&set->log, p->cursor, p->attach.watch_kinds);
    set->watched = 0;
    for (const struct sqlite_port *q = set->first; q != NULL; q = q->next)
        set->watched |= q->attach.watcher == NULL ? 0 : q->attach.watch_kinds;
    pthread_mutex_unlock(&set->lock);
}
