/* prov/allocate.h - which hub gets the device: static, or hashed by weight. */
#ifndef BERTH_PROV_ALLOCATE_H
#define BERTH_PROV_ALLOCATE_H

#include "prov/attest.h"

/* Hashed allocation is weighted rendezvous hashing over SHA-256(key of the registration ID, NUL,
 * hub name): a new hub takes its share and moves nobody between the others. REGISTRATION_KEY is in
 * lower case. BERTH_OK with *WHY none and *HUB in the catalog, or with *WHY set and *HUB NULL.
 * Errors are crypto failures only, with *HUB NULL. */
BERTH_MUST_USE berth_err berth_allocate(const struct berth_crypto *c,
                                        const struct berth_enrollment *e,
                                        const struct berth_catalog *catalog,
                                        berth_str registration_key, const struct berth_hub **hub,
                                        enum berth_reason *why);

/* The first hub that E names and CATALOG has not; empty when it has all of them. */
berth_str berth_allocate_unlinked(const struct berth_enrollment *e,
                                  const struct berth_catalog *catalog);

#endif
