/* berth/sas.h - shared access signature tokens: take apart, build, judge. Wire form:
 * docs/wire.md#sas */
#ifndef BERTH_SAS_H
#define BERTH_SAS_H

#include "berth/buf.h"
#include "berth/crypto.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BERTH_SAS_MAX    2048 /* bytes of a token that are looked at */
#define BERTH_SAS_SKEW_S 300  /* a clock may be wrong by this much: expiry counts from se + skew */

/* A token taken apart. Fields borrow from the text given to berth_sas_parse. */
struct berth_sas {
    berth_str resource;                   /* sr, as received: the signature covers that form */
    berth_str policy;                     /* skn, as received; absent when not there */
    berth_str expiry_text;                /* se, as received: the signature covers that form too */
    int64_t expiry;                       /* seconds since 1970 */
    uint8_t signature[BERTH_SHA256_SIZE]; /* sig, percent- and base64-decoded */
};

/* Field order and escape case are free. BERTH_E_SYNTAX: an unknown, empty or repeated field, a
 * blank or other byte that is not visible ASCII, a sig of other than 32 bytes. BERTH_E_RANGE: a
 * token over BERTH_SAS_MAX, an se outside int64. An empty skn, which old C clients send, counts
 * as absent. *OUT is zeroed on error. */
BERTH_MUST_USE berth_err berth_sas_parse(berth_str text, struct berth_sas *out);

/* Whether KEY made the token: HMAC over sr as received, LF, se as received; compared in constant
 * time. */
BERTH_MUST_USE berth_err berth_sas_verify(const struct berth_crypto *c, const struct berth_sas *t,
                                          struct berth_hmac_key *key, bool *ok);

/* True from se + BERTH_SAS_SKEW_S on. */
bool berth_sas_is_expired(const struct berth_sas *t, int64_t now_s);

/* Whether sr, percent-decoded, equals RESOURCE without regard to case ('+' stays '+'). */
bool berth_sas_is_for(const struct berth_sas *t, berth_str resource);
/* Whether sr, percent-decoded, is RESOURCE or a prefix of it that ends at a '/', without regard to
 * case: the rule of service tokens. */
bool berth_sas_covers(const struct berth_sas *t, berth_str resource);

/* Appends "SharedAccessSignature sr=..&sig=..&se=..&skn=..": RESOURCE is percent-encoded here,
 * POLICY may be absent. EXPIRY in seconds since 1970. BERTH_E_RANGE: an empty RESOURCE, a negative
 * EXPIRY, a token over BERTH_SAS_MAX. BERTH_E_FULL: OUT has no room, and remembers it. On error
 * nothing is appended. */
BERTH_MUST_USE berth_err berth_sas_build(const struct berth_crypto *c, struct berth_hmac_key *key,
                                         berth_str resource, int64_t expiry, berth_str policy,
                                         struct berth_buf *out);

#ifdef __cplusplus
}
#endif

#endif
