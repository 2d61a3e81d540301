/* prov/catalog.h - what every decision may consult without asking the store: groups with prepared
 * keys, linked hubs, the ID scope. A view: whoever keeps the catalog (server/front/catalog.c) owns
 * all of it. */
#ifndef BERTH_PROV_CATALOG_H
#define BERTH_PROV_CATALOG_H

#include "prov/enrollment.h"
#include "prov/hub.h"

struct berth_group {
    const struct berth_enrollment *enrollment;
    berth_str key;                    /* lower-case ID */
    struct berth_hmac_key *primary;   /* NULL unless symmetric key */
    struct berth_hmac_key *secondary; /* NULL unless symmetric key */
};

struct berth_catalog {
    berth_str id_scope;
    const struct berth_group *groups; /* by key, ascending */
    size_t group_count;
    const struct berth_hub *hubs;
    size_t hub_count;
};

const struct berth_group *berth_catalog_group(const struct berth_catalog *c, berth_str key);
/* Index of the first group whose key is not below KEY; group_count when there is none. */
size_t berth_catalog_group_from(const struct berth_catalog *c, berth_str key);
const struct berth_hub *berth_catalog_hub(const struct berth_catalog *c, berth_str host_name);

#endif
