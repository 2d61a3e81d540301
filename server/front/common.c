#include "front/common.h"

berth_err common_init(struct common *c)
{
    berth_err e;

    *c = (struct common){ 0 };
    e = sessions_new(&c->sessions);
    if (e == BERTH_OK)
        e = hub_events_new(&c->events);
    if (e == BERTH_OK)
        e = audit_new(&c->audit);
    return e;
}

void common_deinit(struct common *c)
{
    sessions_free(c->sessions);
    hub_events_free(c->events);
    audit_free(c->audit);
    *c = (struct common){ 0 };
}
