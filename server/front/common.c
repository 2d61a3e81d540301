#include "front/common.h"

berth_err common_init(struct common *c, uint64_t begin)
{
    berth_err e;

    *c = (struct common){ 0 };
    e = sessions_new(&c->sessions);
    if (e == BERTH_OK)
        e = hub_events_new(begin, &c->events);
    if (e == BERTH_OK)
        e = audit_new(c->events, begin, &c->audit);
    return e;
}

void common_deinit(struct common *c)
{
    sessions_free(c->sessions);
    audit_free(c->audit);
    hub_events_free(c->events);
    *c = (struct common){ 0 };
}
