/* wire/json_key.h - a symmetric key as a member of a JSON object. */
#ifndef BERTH_WIRE_JSON_KEY_H
#define BERTH_WIRE_JSON_KEY_H

#include "berth/crypto.h"
#include "wire/json.h"

/* "NAME":"base64", straight into J's buffer: a copy on the way would be one more place to wipe. */
void berth_json_member_key(struct berth_json_out *j, const char *name, const struct berth_key *key);

#endif
