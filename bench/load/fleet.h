/* bench/load/fleet.h - the devices of a load: each with a registration ID of its own and the key
 * that its group's gives it. */
#ifndef BENCH_LOAD_FLEET_H
#define BENCH_LOAD_FLEET_H

#include "berth/crypto.h"
#include "berth/registration_id.h"

struct fleet {
    struct berth_crypto crypto;
    struct berth_hmac_key group; /* NULL inside when no key was given */
    const char *host, *id_scope; /* ID_SCOPE NULL: none was given */
    const char *prefix;          /* of the registration IDs, to which a number is added */
    uint64_t first;
};

struct device {
    char id[BERTH_ID_MAX + 1];
    struct berth_key key; /* n == 0 without a group key */
};

/* GROUP_KEY may be empty. The rest is set by the caller. */
BERTH_MUST_USE berth_err fleet_init(struct fleet *f, const struct berth_key *group_key);
void fleet_deinit(struct fleet *f);
/* The device of number FIRST + I. BERTH_E_RANGE: its ID is too long. */
BERTH_MUST_USE berth_err fleet_device(struct fleet *f, uint64_t i, struct device *out);

#endif
