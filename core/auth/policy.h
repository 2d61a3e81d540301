/* auth/policy.h - shared access policies of the service APIs: rights, default policies, the check
 * of a service token. */
#ifndef BERTH_AUTH_POLICY_H
#define BERTH_AUTH_POLICY_H

#include "base/arena.h"
#include "base/reason.h"
#include "base/record.h"
#include "berth/sas.h"

/* The provisioning service's, then a hub's; wire names in berth_right_name. */
enum berth_right {
    BERTH_RIGHT_SERVICE_CONFIG = 1 << 0,
    BERTH_RIGHT_ENROLLMENT_READ = 1 << 1,
    BERTH_RIGHT_ENROLLMENT_WRITE = 1 << 2,
    BERTH_RIGHT_REGISTRATION_READ = 1 << 3,
    BERTH_RIGHT_REGISTRATION_WRITE = 1 << 4,
    BERTH_RIGHT_REGISTRY_READ = 1 << 5,
    BERTH_RIGHT_REGISTRY_WRITE = 1 << 6,
    BERTH_RIGHT_SERVICE_CONNECT = 1 << 7,
    BERTH_RIGHT_DEVICE_CONNECT = 1 << 8,
};

#define BERTH_RIGHTS_OF_SERVICE                                                                    \
    (BERTH_RIGHT_SERVICE_CONFIG | BERTH_RIGHT_ENROLLMENT_READ | BERTH_RIGHT_ENROLLMENT_WRITE |     \
     BERTH_RIGHT_REGISTRATION_READ | BERTH_RIGHT_REGISTRATION_WRITE | BERTH_RIGHT_DEVICE_CONNECT)
#define BERTH_RIGHTS_OF_HUB                                                                        \
    (BERTH_RIGHT_REGISTRY_READ | BERTH_RIGHT_REGISTRY_WRITE | BERTH_RIGHT_SERVICE_CONNECT |        \
     BERTH_RIGHT_DEVICE_CONNECT)

#define BERTH_POLICY_KEY_SIZE 32 /* bytes of a key made here */
#define BERTH_POLICY_NAME_MAX 64
#define BERTH_POLICIES_MAX    15 /* of the service, and of each hub: with its hub in one commit */

struct berth_policy {
    berth_str hub;  /* host name; empty: the provisioning service */
    berth_str name; /* skn */
    unsigned rights;
    struct berth_key_pair keys;
    uint64_t version;
};

/* The policies a new service or hub gets: name and rights, ended by a NULL name. */
struct berth_policy_default {
    const char *name;
    unsigned rights;
};
/* provisioningserviceowner */
extern const struct berth_policy_default berth_service_policies[];
/* iothubowner, service, device, registryRead, registryReadWrite */
extern const struct berth_policy_default berth_hub_policies[];

/* "EnrollmentRead" for one bit; "" for others. */
const char *berth_right_name(unsigned bit);
/* "EnrollmentRead, EnrollmentWrite" adds to *OUT. BERTH_E_SYNTAX: a name that is no right's. */
BERTH_MUST_USE berth_err berth_rights_parse(berth_str names, unsigned *out);
/* 1 to BERTH_POLICY_NAME_MAX letters, digits, '-', '.', '_'. */
bool berth_policy_name_is_valid(berth_str name);
/* {"keyName":..,"rights":"A, B","etag":..[,"primaryKey":..,"secondaryKey":..]}, without an absent
 * ETAG. */
void berth_policy_put(struct berth_buf *b, const struct berth_policy *p, berth_str etag,
                      bool with_keys);

/* Borrows from REC. BERTH_E_SYNTAX: the record is damaged. *OUT is zeroed on error. */
BERTH_MUST_USE berth_err berth_policy_decode(const struct berth_record *rec, struct berth_arena *a,
                                             struct berth_policy *out);
/* Record: scope hub's key, key and name the policy's name. */
BERTH_MUST_USE berth_err berth_policy_encode(const struct berth_policy *p, struct berth_arena *a,
                                             struct berth_record *out);

/* What a service request offers and asks for. */
struct berth_service_request {
    berth_str authorization; /* header value; absent when there was none */
    berth_str host;          /* service or hub addressed, without port */
    berth_str path;          /* target without query, from its '/', still percent-encoded */
    unsigned rights;         /* any one of these bits suffices */
};

/* POLICIES: those of the service or hub addressed, COUNT of them. *WHY none: allowed, and *POLICY
 * (may be NULL) is the one used; else *POLICY is NULL. A token that is not signed by one of the
 * keys is never called expired or short of a right. RegistryWrite implies RegistryRead. Errors are
 * crypto failures only. */
BERTH_MUST_USE berth_err berth_policy_judge(const struct berth_crypto *c,
                                            const struct berth_service_request *req,
                                            const struct berth_policy *policies, size_t count,
                                            int64_t now_s, enum berth_reason *why,
                                            const struct berth_policy **policy);

#endif
