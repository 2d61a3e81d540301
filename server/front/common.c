#include "front/common.h"

berth_err common_init(struct common *c)
{
    berth_err e;

    *c = (struct common){ 0 };
    e = sessions_new(&c->sessions);
    if (e == BERTH_OK)
        e = hub_events_new(&c->events);
    if (e == BERTH_OK)
        e = audit_new(c->events, &c->audit);
    return e;
}

void common_deinit(struct common *c)
{
    sessions_free(c->sessions);
    audit_free(c->audit);
    hub_events_free(c->events);
    *c = (struct common){ 0 };
}
