/* auth/forensics.h - why was this token refused? The signature is recomputed under every known
 * mistake; one that equals what was received is a proof. For the operator alone. */
#ifndef BERTH_AUTH_FORENSICS_H
#define BERTH_AUTH_FORENSICS_H

#include "auth/mistake.h"
#include "base/reason.h"
#include "berth/crypto.h"
#include "berth/registration_id.h"
#include "berth/sas.h"

#define BERTH_FINDING_MAX 4 /* mistakes in one token that are told together */

/* A refused token, read with more patience than berth_sas_parse has. Fields borrow. */
struct berth_exhibit {
    berth_str resource;    /* sr, as received */
    berth_str expiry_text; /* se, as received */
    uint8_t signature[BERTH_SHA256_SIZE];
    enum berth_mistake spoiled; /* what happened to its text on the way; NONE: nothing known */
};

/* BERTH_E_SYNTAX when no signature can be read out of it, BERTH_E_RANGE over BERTH_SAS_MAX. */
BERTH_MUST_USE berth_err berth_exhibit_read(berth_str token, struct berth_exhibit *out);

enum berth_suspect_type {
    BERTH_SUSPECT_GROUP,      /* an enrollment group's key: devices' keys are derived from it */
    BERTH_SUSPECT_FORMER,     /* one that a group had */
    BERTH_SUSPECT_INDIVIDUAL, /* an individual enrollment's: the device's key itself */
};

/* A key that may have to do with the token. */
struct berth_suspect {
    enum berth_suspect_type type;
    const struct berth_key *key;
};

struct berth_finding {
    enum berth_mistake mistakes[BERTH_FINDING_MAX]; /* the first one is the cause */
    size_t count;                                   /* 0: no known mistake matches */
    bool proven;   /* the recomputed signature equals the one received, and the first mistake is not
                    * inferred */
    int64_t off_s; /* of EXPIRED_* and SE_*: how far past or ahead se is */
};

/* Recomputes the signature with the key of S for a device called ID, under at most two mistakes at
 * once: a bounded number of HMACs, about 150. *MATCHED and OUT->mistakes tell; without any mistake
 * OUT->count is 0. Keys that were made on the way are wiped. */
BERTH_MUST_USE berth_err berth_forensics_try(const struct berth_crypto *c,
                                             const struct berth_exhibit *x, berth_str id,
                                             const struct berth_suspect *s, bool *matched,
                                             struct berth_finding *out);

/* What is known beside the signature. */
struct berth_circumstances {
    enum berth_reason why; /* that the device was refused for */
    berth_str id_scope;    /* the service's */
    berth_str id;          /* registration ID, as the device sent it */
    bool has_individual;   /* an individual enrollment stands for it */
    int64_t now_s;
};

/* The registration ID that sr names when that is another one than the device's, else absent.
 * STORAGE of BERTH_ID_MAX bytes is borrowed. */
berth_str berth_forensics_other_id(const struct berth_exhibit *x,
                                   const struct berth_circumstances *w, char *storage);

/* Adds to IO, which berth_forensics_try filled for a key of TYPE (or zeroed, MATCHED false, when no
 * key matched), what text and circumstances tell. */
void berth_forensics_conclude(const struct berth_exhibit *x, const struct berth_circumstances *w,
                              enum berth_suspect_type type, bool matched, struct berth_finding *io);

/* What smells in a token that was accepted: NONE or one SE_ mistake. A token does not say when it
 * was made, so SE_AHEAD is a guess: one to 14 hours on top of the usual life of one hour. */
enum berth_mistake berth_forensics_warn(const struct berth_sas *t, int64_t now_s, int64_t *ahead_s);

#endif
