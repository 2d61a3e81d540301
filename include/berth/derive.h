/* berth/derive.h - a device's own key from its group's key and its registration ID.
 * Source of the rule: DPS documentation, symmetric key attestation. */
#ifndef BERTH_DERIVE_H
#define BERTH_DERIVE_H

#include "berth/crypto.h"

#ifdef __cplusplus
extern "C" {
#endif

/* HMAC-SHA256 over the bytes of REGISTRATION_ID, exactly as given, under GROUP_KEY. 32 bytes into
 * OUT, which is zeroed on error. BERTH_E_RANGE for a group key shorter or longer than a key may be.
 */
BERTH_MUST_USE berth_err berth_derive_key(const struct berth_crypto *c,
                                          const struct berth_key *group_key,
                                          berth_str registration_id, struct berth_key *out);

/* The same with a prepared group key: what a server or a bulk run uses. */
BERTH_MUST_USE berth_err berth_derive_key_prepared(const struct berth_crypto *c,
                                                   struct berth_hmac_key *group_key,
                                                   berth_str registration_id,
                                                   struct berth_key *out);

/* Text to text: both base64. OUT gets 44 characters and a NUL. BERTH_E_SYNTAX or _RANGE for a bad
 * key; OUT is empty on error. */
#define BERTH_DERIVED_TEXT_SIZE 45
BERTH_MUST_USE berth_err berth_derive_key_text(const struct berth_crypto *c,
                                               berth_str group_key_base64,
                                               berth_str registration_id,
                                               char out[BERTH_DERIVED_TEXT_SIZE]);

#ifdef __cplusplus
}
#endif

#endif
