/* prov/reprovision.h - what a registration changes: previous record and policy against the hub
 * chosen now. */
#ifndef BERTH_PROV_REPROVISION_H
#define BERTH_PROV_REPROVISION_H

#include "hub/device.h"
#include "prov/attest.h"
#include "prov/share.h"

/* The hub where the device goes: the chosen one, or the present one when the policy keeps it. */
berth_str berth_reprovision_hub(const struct berth_enrollment *e,
                                const struct berth_registration *previous,
                                const struct berth_hub *chosen,
                                const struct berth_catalog *catalog);

/* The device's ID there: the one that it has, the enrollment's, or else the registration's. */
berth_str berth_reprovision_device_id(const struct berth_enrollment *e,
                                      const struct berth_registration *previous,
                                      berth_str registration_id);

struct berth_move {
    const struct berth_attestation *attestation;
    const struct berth_registration *previous; /* NULL: no record */
    berth_str registration_id;                 /* as the device spelled it now */
    berth_str operation_id;
    berth_str hub;                        /* from berth_reprovision_hub */
    const struct berth_hub_device *there; /* the device in HUB, NULL when absent */
    /* the device in the previous, other hub; NULL when absent or the same hub */
    const struct berth_hub_device *before;
    /* the registration that THERE is shared with, or may be */
    struct {
        berth_str key;     /* lower case; empty: none is known */
        uint64_t version;  /* of its record, or BERTH_ABSENT */
        berth_str sharing; /* its ID when it stands, else empty */
    } other;
    uint64_t generation; /* for a device made now */
    int64_t now_ms;
};

#define BERTH_MOVE_CHANGES_MAX 7

/* Appends what a decision about registration KEY stands on, to be committed with it: CHECK of the
 * enrollment at its version, and with a group CHECK that no individual enrollment has come to stand
 * before it; two at most. The enrollment's key goes into A. */
BERTH_MUST_USE berth_err berth_reprovision_hold(const struct berth_enrollment *e, berth_str key,
                                                struct berth_arena *a, struct berth_change *changes,
                                                size_t *count);

/* The changes to commit, each with the version it was decided on: PUT of the registration, PUT of
 * the device (CHECK when it stays as it is), CHECK of its hub, which may be deleted meanwhile,
 * those of berth_reprovision_hold, CHECK of the other registration of a device that may have two,
 * DELETE of the device in the hub it leaves. *RESULT is the new registration. What is written lies
 * in A, keys included: the caller wipes it. Names that are only looked up, and *RESULT, borrow from
 * M. *WHY is set for a twin that breaks a rule, and left alone else. */
BERTH_MUST_USE berth_err berth_reprovision(const struct berth_move *m, struct berth_arena *a,
                                           struct berth_change changes[BERTH_MOVE_CHANGES_MAX],
                                           size_t *count, struct berth_registration *result,
                                           struct berth_refusal *why);

#endif
