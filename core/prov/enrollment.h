/* prov/enrollment.h - enrollment groups and individual enrollments: all their fields, their JSON on
 * the service API and at rest. Source: DPS service API 2021-10-01; docs/api.md says what berth
 * adds. */
#ifndef BERTH_PROV_ENROLLMENT_H
#define BERTH_PROV_ENROLLMENT_H

#include "base/arena.h"
#include "base/reason.h"
#include "base/record.h"
#include "berth/crypto.h"
#include "berth/registration_id.h"
#include "crypto/key_pair.h"

#define BERTH_ENROLLMENT_HUBS_MAX 50  /* as many as can be linked */
#define BERTH_HOST_NAME_MAX       253 /* bytes of a hub's host name */
/* Bytes of what a client may set, written as in an answer. DPS takes documents of 96 KiB; members
 * left out come back with their defaults. */
#define BERTH_ENROLLMENT_MAX (97 * 1024)
/* Bytes of a document: what GET gives is taken by PUT, with etag, times and registration. */
#define BERTH_ENROLLMENT_BODY_MAX (104 * 1024)

enum berth_attestation_type {
    BERTH_ATTEST_NONE = 0,
    BERTH_ATTEST_SYMMETRIC_KEY,
};

enum berth_allocation {
    BERTH_ALLOCATE_DEFAULT = 0, /* the service's: hashed */
    BERTH_ALLOCATE_HASHED,
    BERTH_ALLOCATE_GEO_LATENCY, /* one site has one latency: decided as hashed */
    BERTH_ALLOCATE_STATIC,
    BERTH_ALLOCATE_CUSTOM,
};

struct berth_enrollment {
    bool is_group;
    berth_str id;        /* registration ID or group ID, as first given */
    berth_str device_id; /* individual only; absent: the registration ID */
    bool enabled;
    enum berth_attestation_type attestation;
    struct berth_key_pair keys;
    bool reprovision_update_hub;
    bool reprovision_migrate_data;
    enum berth_allocation allocation;
    berth_str hubs[BERTH_ENROLLMENT_HUBS_MAX];
    size_t hub_count;
    berth_str legacy_hub;  /* iotHubHostName: static assignment of old clients; absent when unset */
    berth_str webhook_url; /* customAllocationDefinition, both or none */
    berth_str webhook_version;
    berth_str initial_twin;       /* JSON source text, absent when unset */
    berth_str device_information; /* optionalDeviceInformation, individual only: JSON source text */
    bool iot_edge;
    bool assigning_first; /* berth's own: the first answer is "assigning", the poll does the work */
    uint64_t version;
    int64_t created_ms;
    int64_t updated_ms;
};

/* The document of a PUT for the enrollment addressed as ID. Strings borrow from JSON or lie in A.
 * Absent members take their defaults; keys that are missing stay empty (the caller keeps the stored
 * ones or makes new ones). BERTH_E_SYNTAX or BERTH_E_RANGE with *WHY filled; BERTH_E_FULL with *WHY
 * empty when A is too small. */
BERTH_MUST_USE berth_err berth_enrollment_parse(bool is_group, berth_str id, berth_str json,
                                                struct berth_arena *a, struct berth_enrollment *out,
                                                struct berth_refusal *why);

/* The document of an answer. WITH_KEYS: PUT and attestationmechanism answers carry them, GET and
 * query never. REGISTRATION_STATE: JSON source text for an individual enrollment's GET, or absent.
 */
void berth_enrollment_put(struct berth_buf *b, const struct berth_enrollment *e, bool with_keys,
                          berth_str registration_state);
/* {"type":"symmetricKey","symmetricKey":{"primaryKey":..,"secondaryKey":..}} */
void berth_attestation_put(struct berth_buf *b, const struct berth_enrollment *e);

/* To and from the registry. DECODE borrows from REC; ENCODE writes into A. BERTH_E_SYNTAX: the
 * record is damaged. */
BERTH_MUST_USE berth_err berth_enrollment_decode(const struct berth_record *rec,
                                                 struct berth_arena *a,
                                                 struct berth_enrollment *out);
BERTH_MUST_USE berth_err berth_enrollment_encode(const struct berth_enrollment *e,
                                                 struct berth_arena *a, struct berth_record *out);

/* "\"00000000000004d2\"" with its quotes: the etag of enrollments and groups. */
void berth_etag_put(struct berth_buf *b, uint64_t version);
/* An If-Match value in any of its spellings: abc, "abc", W/"abc", *, "*". Absent gives BERTH_ANY, a
 * star BERTH_PRESENT. What cannot be one of ours gives a version that no record has. */
uint64_t berth_etag_parse(berth_str header);

#endif
