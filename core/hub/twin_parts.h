/* hub/twin_parts.h - the steps of a twin's change, shared by the files of this directory. */
#ifndef BERTH_HUB_TWIN_PARTS_H
#define BERTH_HUB_TWIN_PARTS_H

#include "hub/device.h"
#include "wire/json.h"

/* Which part of a twin a document is about. */
struct berth__twin_part {
    berth_str path; /* "properties.desired" */
    size_t max;     /* bytes of its compact values */
};

/* WHY->message becomes the PARTS in a row, or the reason's own words when A has no room. */
void berth__refuse(struct berth_arena *a, struct berth_refusal *why, enum berth_reason reason,
                   const berth_str *parts, size_t count);

/* JSON as an object, or a refusal. */
BERTH_MUST_USE berth_err berth__hub_document(berth_str json, struct berth_arena *a,
                                             struct berth_json *out, struct berth_refusal *why);

/* Whether OBJECT, a patch or replacement of PART, keeps the rules for names, values and depth.
 * $metadata and $version at its root are passed over. */
BERTH_MUST_USE berth_err berth__twin_check(const struct berth__twin_part *part,
                                           struct berth_json object, struct berth_arena *a,
                                           struct berth_refusal *why);

struct berth__twin_merge {
    const struct berth__twin_part *part;
    struct berth_json patch; /* an object that passed berth__twin_check */
    bool replace;            /* what PATCH does not name goes */
    int64_t now_ms;
};

/* Merge patch (RFC 7396) of SECTION, whose strings lie in A then. Without *CHANGED, and on error,
 * SECTION is as before. BERTH_E_RANGE with *WHY filled: too large; BERTH_E_FULL. */
BERTH_MUST_USE berth_err berth__twin_merge(struct berth_twin_section *section,
                                           const struct berth__twin_merge *how,
                                           struct berth_arena *a, bool *changed,
                                           struct berth_refusal *why);

/* Whether NAME, as it stands in a section's root, is what documents add there. */
bool berth__twin_is_added(berth_str name);
/* The plain form of a name from berth_json_next. */
BERTH_MUST_USE berth_err berth__json_plain_name(berth_str source, struct berth_arena *a,
                                                berth_str *out);

#endif
