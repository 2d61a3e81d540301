/* rig_front.h - what stands behind the device adapters on one loop: registrar, catalog, limits,
 * over a store in memory whose time the test passes by hand. */
#ifndef TESTS_UNIT_RIG_FRONT_H
#define TESTS_UNIT_RIG_FRONT_H

#include "front/common.h"
#include "front/registrar.h"
#include "hub/device.h"
#include "tests/store/fake_store.h"

#define FRONT_RIG_SCOPE "0ne00000001"
#define FRONT_RIG_HUB   "hub-a.example"
#define FRONT_RIG_GROUP "mylegacydevices"

struct front_rig {
    struct front front;
    struct common common;
    struct config config;
    struct metrics metrics;
    struct berth_crypto crypto;
    struct fake_store *store;
    struct store_port *inner;  /* the store's own; FRONT has WRAPPER */
    struct store_port wrapper; /* counts calls, makes commits stale */
    int stale;                 /* so many of the next commits find that somebody was faster */
    unsigned reads, commits;
};

/* One hub, one group, and a store that behaves as O says from then on. */
void front_rig_open(struct front_rig *r, const struct fake_options *o, struct limits_rates rates);
/* With registrations open or not. */
void front_rig_close(struct front_rig *r);

/* One unit of the store's time and one turn of the loop. */
void front_rig_turn(struct front_rig *r);
/* Until no registration is open and the store rests. */
void front_rig_settle(struct front_rig *r);

/* Straight into the store, whatever is there. */
void front_rig_put(struct front_rig *r, const struct berth_record *rec);
/* What must be there. */
void front_rig_delete(struct front_rig *r, enum berth_kind kind, const char *scope,
                      const char *key);
/* The group's document: MORE are further members, from a comma on. */
void front_rig_put_group(struct front_rig *r, const char *more);
/* COUNT groups more, all of one other key, which come before it in the catalog. */
void front_rig_put_groups(struct front_rig *r, size_t count);
size_t front_rig_count(struct front_rig *r, enum berth_kind kind, const char *scope);

/* The registration ID as OPERATION left it, with a payload of so many bytes. */
void front_rig_put_registration(struct front_rig *r, const char *id, berth_str operation,
                                size_t payload);

/* The device ID in FRONT_RIG_HUB, enabled or not, whose keys are 32 bytes of KEY and of KEY + 1;
 * whatever was there. DESIRED: its desired properties. */
void front_rig_put_device(struct front_rig *r, const char *id, char key, bool enabled,
                          const char *desired);
/* The same, enabled, whose desired properties have that VERSION. */
void front_rig_put_desired(struct front_rig *r, const char *id, char key, const char *desired,
                           int64_t version);
void front_rig_delete_device(struct front_rig *r, const char *id);
/* What a hub's device signs: a token of that KEY for RESOURCE, for so many SECONDS. */
const char *front_rig_device_token(struct front_rig *r, const char *resource, char key,
                                   int64_t seconds);
/* The device as it is stored. Static storage, but the keys are wiped. */
const struct berth_hub_device *front_rig_device(struct front_rig *r, const char *id);

/* base64 of the key derived for ID; a token signed with a key's base64 text. Static storage, one
 * each. */
const char *front_rig_key(struct front_rig *r, const char *id);
const char *front_rig_token(struct front_rig *r, const char *id, const char *key);

#endif
