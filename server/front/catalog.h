/* front/catalog.h - one loop's copy of what decisions consult all the time: groups with prepared
 * keys, hubs, policies, the ID scope. Filled from the store at the start, kept up to date by the
 * store's watcher. */
#ifndef FRONT_CATALOG_H
#define FRONT_CATALOG_H

#include "auth/policy.h"
#include "ops/config.h"
#include "prov/catalog.h"
#include "store/store.h"

#define CATALOG_KINDS                                                                              \
    (1u << BERTH_KIND_GROUP | 1u << BERTH_KIND_HUB | 1u << BERTH_KIND_POLICY |                     \
     1u << BERTH_KIND_SETTING)

#define SETTING_ID_SCOPE "id-scope" /* record's name: the scope */

struct catalog;

BERTH_MUST_USE berth_err catalog_new(const struct berth_crypto *crypto, struct catalog **out);
void catalog_free(struct catalog *c);

/* The store's watcher, with the catalog as its user. */
void catalog_watch(void *catalog, const struct berth_record *rec, bool deleted);
/* Lists everything from PORT; DONE(user, ok) runs on the loop when the catalog is full. */
void catalog_fill(struct catalog *c, struct store_port *port, void (*done)(void *user, bool ok),
                  void *user);

/* Valid until the loop's next event. Callers run store_deliver_changes first. */
const struct berth_catalog *catalog_view(const struct catalog *c);
/* The policies of a hub (its key), or of the provisioning service (empty). */
const struct berth_policy *catalog_policies(const struct catalog *c, berth_str hub, size_t *count);
/* The hub that HOST names, also when HOST is another of the daemon's own names (then its first
 * hub); NULL when none. */
const struct berth_hub *catalog_hub_of_host(const struct catalog *c, const struct config *config,
                                            berth_str host);

#endif
