/* prov/attest.h - is this the device it says it is? Accept, refuse with a reason, or challenge. */
#ifndef BERTH_PROV_ATTEST_H
#define BERTH_PROV_ATTEST_H

#include "berth/crypto.h"
#include "prov/catalog.h"
#include "prov/registration.h"

/* What the device offered. X.509 and TPM join as further tags. */
enum berth_credential_type {
    BERTH_CREDENTIAL_NONE = 0,
    BERTH_CREDENTIAL_SAS,
};

struct berth_credential {
    enum berth_credential_type type;
    union {
        berth_str sas; /* the whole token as received */
    } u;
};

/* Whatever the transport, this is what a registration asks. All views outlive the operation. */
struct berth_registration_request {
    berth_str id_scope;        /* as the device spelled it */
    berth_str registration_id; /* as the device spelled it */
    struct berth_credential credential;
    berth_str payload;      /* checked JSON source text or absent */
    berth_str peer;         /* address for the operator */
    bool is_poll;           /* asks about operation_id instead of starting it */
    berth_str operation_id; /* new and random, or the one asked about */
};

enum berth_verdict {
    BERTH_REFUSE = 0,
    BERTH_ACCEPT,
    BERTH_CHALLENGE, /* the device must prove more (TPM) */
    BERTH_UNDECIDED, /* there are more groups to try: call again */
};

enum berth_key_slot { BERTH_SLOT_PRIMARY, BERTH_SLOT_SECONDARY };

struct berth_attestation {
    enum berth_verdict verdict;
    enum berth_reason reason; /* with BERTH_REFUSE */
    /* with BERTH_ACCEPT: the one that vouches, possibly disabled */
    const struct berth_enrollment *enrollment;
    const struct berth_group *group; /* NULL for an individual enrollment */
    enum berth_key_slot slot;
    struct berth_key_pair device_keys; /* the enrollment's, or derived from the group's */
};

/* A search for the group that vouches. A device does not name its group, so that a token which no
 * group made costs a try of each: it is made a part at a time. Zeroed at first but for MOST. */
struct berth_search {
    size_t most;              /* groups tried in one call; 0: all */
    bool started;             /* the group of the last registration has been tried */
    bool done;                /* all have been tried */
    bool folded;              /* under the ID in lower case */
    char after[BERTH_ID_MAX]; /* key of the last group tried */
    size_t after_n;
};

/* INDIVIDUAL: the enrollment with this registration ID, or NULL; it wins over every group.
 * LAST_GROUP: key of the group of the last registration, tried first; may be empty. After
 * BERTH_UNDECIDED the call is repeated with the same SEARCH; groups may come and go in between.
 * NULL: everything in one call. Errors are crypto failures only: a bad token is a refusal. Wipe
 * OUT->device_keys after use. */
BERTH_MUST_USE berth_err berth_attest(const struct berth_crypto *c,
                                      const struct berth_registration_request *req,
                                      const struct berth_catalog *catalog,
                                      const struct berth_enrollment *individual,
                                      berth_str last_group, struct berth_search *search,
                                      int64_t now_s, struct berth_attestation *out);

#endif
