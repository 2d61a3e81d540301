/* hub/twin_times.h - when each property of a twin section last changed, as short text: one time for
 * each name of VALUES in source order (a name before those inside its object), told as its distance
 * to the section's own updated_ms. At most 8 bytes for a property whose time lies within 139 years,
 * so that a full section's times fit a record.
 *
 *   times    = [ distance *( ' ' distance ) ]      those at the end that are zero are left out
 *   distance = [ '~' ] digits [ '*' digits ]       '~': later than the section; '*': so many in a
 * row digits   = base64 digits, most significant first */
#ifndef BERTH_HUB_TWIN_TIMES_H
#define BERTH_HUB_TWIN_TIMES_H

#include "berth/buf.h"

#define BERTH__TWIN_TIMES_MAX (42 * 1024) /* bytes: two such sections, with tags, fit a record */

struct berth__twin_times {
    berth_str rest;
    int64_t updated_ms;
    int64_t current; /* the time of the next RUN properties */
    uint64_t run;
};

void berth__twin_times_begin(struct berth__twin_times *t, berth_str times, int64_t updated_ms);
/* The next property's time; the section's own after the last, and for damaged text. */
int64_t berth__twin_times_next(struct berth__twin_times *t);
void berth__twin_times_put(struct berth_buf *b, int64_t updated_ms, const int64_t *times,
                           size_t count);

#endif
