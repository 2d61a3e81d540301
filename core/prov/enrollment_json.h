/* prov/enrollment_json.h - shared by the two halves of an enrollment's JSON. */
#ifndef BERTH_PROV_ENROLLMENT_JSON_H
#define BERTH_PROV_ENROLLMENT_JSON_H

#include "prov/enrollment.h"
#include "wire/json.h"

#define BERTH_WEBHOOK_URL_MAX     2048 /* bytes */
#define BERTH_WEBHOOK_VERSION_MAX 64

/* A checked document without the rules of a twin: what the registry holds passed them when it came.
 */
BERTH_MUST_USE berth_err berth__enrollment_read(bool is_group, berth_str id, struct berth_json doc,
                                                struct berth_arena *a, struct berth_enrollment *out,
                                                struct berth_refusal *why);

/* All that a client may set, as members of the object under way. */
void berth__enrollment_put_members(struct berth_json_out *j, const struct berth_enrollment *e,
                                   bool with_keys);

/* "hashed" and its kin. */
bool berth__allocation_of(berth_str word, enum berth_allocation *out);

#endif
