/* hub/device.h - a device in a hub: its identity and its twin, one record. JSON as the hub service
 * API shows it. Source: IoT Hub service API 2021-04-12; bounds from its documentation. */
#ifndef BERTH_HUB_DEVICE_H
#define BERTH_HUB_DEVICE_H

#include "base/arena.h"
#include "base/reason.h"
#include "base/record.h"
#include "base/time.h"
#include "berth/crypto.h"
#include "berth/registration_id.h"

#define BERTH_TWIN_TAGS_MAX        (8 * 1024) /* bytes of compact JSON without metadata */
#define BERTH_TWIN_SECTION_MAX     (32 * 1024)
#define BERTH_TWIN_DEPTH_MAX       10   /* arrays and objects below a section's own object */
#define BERTH_TWIN_STEP_MAX        64   /* bytes of a name that a refusal repeats */
#define BERTH_TWIN_NAME_MAX        1024 /* bytes of a name */
#define BERTH_TWIN_STRING_MAX      4096 /* bytes of a string value */
#define BERTH_TWIN_INTEGER_MIN     (-4503599627370496)
#define BERTH_TWIN_INTEGER_MAX     4503599627370495
#define BERTH_TWIN_MEMBERS_MAX     1000 /* names in one object: fewer than wire/json.h reads */
#define BERTH_TWIN_NAMES_MAX       1400 /* names before a value in its object and those around it */
#define BERTH_HUB_DEVICE_KEY_SIZE  32   /* bytes of a key made here */
#define BERTH_STATUS_REASON_MAX    128  /* characters */
#define BERTH_HUB_DEVICE_SCOPE_MAX 256  /* bytes */
#define BERTH_PARENT_SCOPES_MAX    1024 /* bytes of compact JSON */

/* Of the path to a value that is refused: ".name..." at each level. */
#define BERTH_TWIN_PATH_MAX ((BERTH_TWIN_DEPTH_MAX + 1) * (BERTH_TWIN_STEP_MAX + 4))

enum berth_hub_device_auth {
    BERTH_AUTH_SAS = 0,
    BERTH_AUTH_SELF_SIGNED,
    BERTH_AUTH_CERTIFICATE_AUTHORITY,
    BERTH_AUTH_NONE,
};

/* One half of a twin's properties. $metadata is made from the times when a document is written: as
 * text it would be larger than the values it is about. */
struct berth_twin_section {
    berth_str values;   /* compact JSON object without $metadata and $version, "{}" when empty */
    int64_t updated_ms; /* the section's own $lastUpdated */
    berth_str times; /* its properties', see hub/twin_times.h; empty when all are the section's */
    int64_t version; /* from 1 */
};

struct berth_hub_device {
    berth_str hub; /* host name, the record's scope */
    berth_str device_id;
    uint64_t generation; /* decimal on the wire; new at each creation */
    bool enabled;
    berth_str status_reason; /* absent: null */
    enum berth_hub_device_auth auth;
    struct berth_key_pair keys;
    berth_str primary_thumbprint; /* absent: null */
    berth_str secondary_thumbprint;
    bool iot_edge;
    berth_str device_scope;        /* absent when unset */
    berth_str parent_scopes;       /* JSON array text, absent when unset */
    bool connected;                /* of the moment: not in the record */
    int64_t status_updated_ms;     /* BERTH_TIME_NEVER */
    int64_t connection_updated_ms; /* BERTH_TIME_NEVER */
    int64_t last_activity_ms;      /* BERTH_TIME_NEVER */
    uint64_t identity_revision;    /* its etag; changes with the identity alone */
    uint64_t twin_revision;        /* its etag; changes with tags and desired */
    int64_t twin_version;          /* the twin's "version" */
    berth_str tags;                /* JSON object text */
    struct berth_twin_section desired;
    struct berth_twin_section reported;
    /* Registration IDs as first given; absent: not known, as of a device made by the hub's API. */
    berth_str registration;    /* that it was provisioned for */
    berth_str also_registered; /* that stood for it too when it last changed hands */
    uint64_t version;          /* the record's */
};

/* A new enabled sas device with an empty twin, both revisions and versions at 1. Strings are
 * borrowed. */
void berth_hub_device_init(struct berth_hub_device *d, berth_str hub, berth_str device_id,
                           uint64_t generation, int64_t now_ms);

/* The document of PUT /devices/{id}, applied to D: writable members are replaced, those left out
 * take their defaults, read-only ones are ignored. Keys that are absent, null or empty stay n == 0
 * in D (the caller keeps or makes them). ID is the addressed device's. Bumps identity_revision.
 * BERTH_E_SYNTAX or _RANGE with *WHY filled, BERTH_E_FULL; D is spoilt then. Strings of D borrow
 * from JSON or lie in A. */
BERTH_MUST_USE berth_err berth_hub_device_apply(struct berth_hub_device *d, berth_str id,
                                                berth_str json, int64_t now_ms,
                                                struct berth_arena *a, struct berth_refusal *why);

/* The identity document; keys in clear, as registry rights allow. "type" last in "authentication".
 */
void berth_hub_device_put(struct berth_buf *b, const struct berth_hub_device *d);
/* The twin document. */
void berth_twin_put(struct berth_buf *b, const struct berth_hub_device *d);
/* What the device itself reads: {"desired":{..,"$version":n},"reported":{..,"$version":n}}. */
void berth_twin_device_put(struct berth_buf *b, const struct berth_hub_device *d);

/* The changes of a twin. What breaks a rule of twins gives BERTH_E_SYNTAX or _RANGE with *WHY
 * filled, too small an arena BERTH_E_FULL with *WHY empty; D is then as before. Strings of D lie in
 * A afterwards. Times and versions change with what differs, and not at all when nothing does. */

/* Sets tags and desired to those of INITIAL_TWIN ({"tags":{},"properties":{"desired":{}}}, absent:
 * empty), reported to empty. Versions start at 1 again, twin_revision grows. */
BERTH_MUST_USE berth_err berth_twin_reset(struct berth_hub_device *d, berth_str initial_twin,
                                          int64_t now_ms, struct berth_arena *a,
                                          struct berth_refusal *why);
/* PATCH (merge, null removes) or PUT (replace) of tags and properties.desired as the service sends
 * it. */
BERTH_MUST_USE berth_err berth_twin_update(struct berth_hub_device *d, berth_str json, bool replace,
                                           int64_t now_ms, struct berth_arena *a,
                                           struct berth_refusal *why);
/* The device's PATCH of its reported properties. */
BERTH_MUST_USE berth_err berth_twin_report(struct berth_hub_device *d, berth_str json,
                                           int64_t now_ms, struct berth_arena *a,
                                           struct berth_refusal *why);

/* What turns a section with the values BEFORE into AFTER, as a device is told of it: a merge patch
 * with "$version"; names that went are null. */
void berth_twin_patch_put(struct berth_buf *b, berth_str before,
                          const struct berth_twin_section *after);

/* Unquoted base64 of 8 bytes, big-endian: "AAAAAAAAAAE=". */
void berth_hub_device_etag_put(struct berth_buf *b, uint64_t revision);
/* An If-Match in any spelling; absent gives BERTH_ANY, a star BERTH_PRESENT, what cannot be one of
 * ours a value that no device has. */
uint64_t berth_hub_device_etag_parse(berth_str header);

/* DECODE borrows from REC (secret: keys); ENCODE writes into A. Record: scope hub, key and name
 * device ID, tag 1 when enabled. */
BERTH_MUST_USE berth_err berth_hub_device_decode(const struct berth_record *rec,
                                                 struct berth_arena *a,
                                                 struct berth_hub_device *out);
BERTH_MUST_USE berth_err berth_hub_device_encode(const struct berth_hub_device *d,
                                                 struct berth_arena *a, struct berth_record *out);

#endif
