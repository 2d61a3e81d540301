/* base/time.h - points in time as milliseconds since 1970-01-01 UTC, and their text on the wire. */
#ifndef BERTH_BASE_TIME_H
#define BERTH_BASE_TIME_H

#include "berth/buf.h"

/* "2024-01-02T03:04:05.1230000Z": seven fraction digits, as every DPS client expects. Years 1 to
 * 9999; 0001-01-01T00:00:00Z for BERTH_TIME_NEVER. */
#define BERTH_TIME_NEVER INT64_MIN
void berth_time_put(struct berth_buf *b, int64_t ms);

#endif
