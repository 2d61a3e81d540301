#include "prov/share.h"

berth_str berth_share_other(const struct berth_hub_device *d, berth_str mine)
{
    if (d == NULL || d->registration.n == 0)
        return BERTH_STR("");
    return berth_str_ieq(d->registration, mine) ? d->also_registered : d->registration;
}

bool berth_share_stands(const struct berth_registration *r, const struct berth_record *enrollment,
                        berth_str hub, berth_str device_id)
{
    /* A group's keys would have to be tried to know; an individual enrollment is there or not. */
    bool may_return = enrollment != NULL ? enrollment->tag == 1 : r->group.n > 0;

    return may_return && r->status != BERTH_DISABLED && berth_str_ieq(r->assigned_hub, hub) &&
           berth_str_eq(r->device_id, device_id);
}
