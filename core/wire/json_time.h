/* wire/json_time.h - a point in time as a member of a JSON object. */
#ifndef BERTH_WIRE_JSON_TIME_H
#define BERTH_WIRE_JSON_TIME_H

#include "base/time.h"
#include "wire/json.h"

/* "NAME":"2024-01-02T03:04:05.1230000Z" */
void berth_json_member_time(struct berth_json_out *j, const char *name, int64_t ms);

#endif
