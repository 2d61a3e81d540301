#include "prov/catalog.h"

size_t berth_catalog_group_from(const struct berth_catalog *c, berth_str key)
{
    size_t from = 0, to = c->group_count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (berth_str_cmp(c->groups[middle].key, key) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

const struct berth_group *berth_catalog_group(const struct berth_catalog *c, berth_str key)
{
    size_t at = berth_catalog_group_from(c, key);

    return at < c->group_count && berth_str_eq(c->groups[at].key, key) ? &c->groups[at] : NULL;
}

const struct berth_hub *berth_catalog_hub(const struct berth_catalog *c, berth_str host_name)
{
    for (size_t i = 0; i < c->hub_count; i++)
        if (berth_str_ieq(c->hubs[i].host_name, host_name))
            return &c->hubs[i];
    return NULL;
}
