/* prov/hub.h - a hub that is linked to the provisioning service, and its record. */
#ifndef BERTH_PROV_HUB_H
#define BERTH_PROV_HUB_H

#include "base/arena.h"
#include "base/reason.h"
#include "base/record.h"

#define BERTH_HUB_WEIGHT_MAX 1000

struct berth_hub {
    berth_str host_name; /* lower case; the hub's key */
    int32_t weight;      /* 1 to BERTH_HUB_WEIGHT_MAX, for hashed allocation */
    bool takes_devices;  /* takes part in allocation */
    uint64_t version;
};

/* The document of a PUT, {"allocationWeight":1..1000,"allocation":bool}: fills weight and
 * takes_devices, what is left out is 1 and true. BERTH_E_SYNTAX with *WHY filled. */
BERTH_MUST_USE berth_err berth_hub_parse(berth_str json, struct berth_hub *out,
                                         struct berth_refusal *why);

/* DECODE borrows from REC, and takes what is missing or damaged for weight 1 and taking devices: a
 * hub that is gone would be worse. ENCODE writes into A and borrows the name. */
void berth_hub_decode(const struct berth_record *rec, struct berth_hub *out);
BERTH_MUST_USE berth_err berth_hub_encode(const struct berth_hub *h, struct berth_arena *a,
                                          struct berth_record *out);

#endif
