/* prov/registration.h - the record of a registration: which hub, which device, how it came about.
 */
#ifndef BERTH_PROV_REGISTRATION_H
#define BERTH_PROV_REGISTRATION_H

#include "base/arena.h"
#include "base/record.h"

enum berth_registration_status {
    BERTH_UNASSIGNED = 0,
    BERTH_ASSIGNING,
    BERTH_ASSIGNED,
    BERTH_FAILED,
    BERTH_DISABLED,
};

enum berth_substatus {
    BERTH_SUB_NONE = 0,
    BERTH_SUB_INITIAL_ASSIGNMENT,
    BERTH_SUB_DEVICE_DATA_MIGRATED,
    BERTH_SUB_DEVICE_DATA_RESET,
    BERTH_SUB_REPROVISIONED_TO_INITIAL,
};

struct berth_registration {
    berth_str id;    /* as first given */
    berth_str group; /* group ID; empty for an individual enrollment */
    enum berth_registration_status status;
    enum berth_substatus substatus;
    berth_str assigned_hub; /* host name; with device_id or not at all */
    berth_str device_id;
    int32_t error_code; /* with BERTH_FAILED and BERTH_DISABLED */
    berth_str error_message;
    berth_str operation_id; /* of the latest operation */
    berth_str payload;      /* JSON source text, absent when unset */
    uint64_t version;
    int64_t created_ms;
    int64_t updated_ms;
};

const char *berth_registration_status_text(enum berth_registration_status s);
const char *berth_substatus_text(enum berth_substatus s);

/* DeviceRegistrationState as the device and the service API see it. */
void berth_registration_put(struct berth_buf *b, const struct berth_registration *r);

/* DECODE borrows from REC; ENCODE writes into A. BERTH_E_SYNTAX: the record is damaged.
 * BERTH_E_FULL: A is too small. */
BERTH_MUST_USE berth_err berth_registration_decode(const struct berth_record *rec,
                                                   struct berth_arena *a,
                                                   struct berth_registration *out);
BERTH_MUST_USE berth_err berth_registration_encode(const struct berth_registration *r,
                                                   struct berth_arena *a, struct berth_record *out);

#endif
