#include "prov/catalog.h"

const struct berth_group *berth_catalog_group(const struct berth_catalog *c, berth_str key)
{
    for (size_t i = 0; i < c->group_count; i++)
        if (berth_str_eq(c->groups[i].key, key))
            return &c->groups[i];
    return NULL;
}

const struct berth_hub *berth_catalog_hub(const struct berth_catalog *c, berth_str host_name)
{
    for (size_t i = 0; i < c->hub_count; i++)
        if (berth_str_ieq(c->hubs[i].host_name, host_name))
            return &c->hubs[i];
    return NULL;
}
