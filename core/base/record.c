#include "base/record.h"

berth_err berth_record_dup(struct berth_arena *a, const struct berth_record *rec,
                           struct berth_record *out)
{
    berth_err e;

    *out = *rec;
    e = berth_arena_dup(a, rec->scope, &out->scope);
    if (e == BERTH_OK)
        e = berth_arena_dup(a, rec->key, &out->key);
    if (e == BERTH_OK)
        e = berth_arena_dup(a, rec->name, &out->name);
    if (e == BERTH_OK)
        e = berth_arena_dup(a, rec->owner, &out->owner);
    if (e == BERTH_OK)
        e = berth_arena_dup(a, rec->body, &out->body);
    return e;
}
