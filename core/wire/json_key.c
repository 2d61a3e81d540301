#include "wire/json_key.h"

#include "crypto/b64.h"

void berth_json_member_key(struct berth_json_out *j, const char *name, const struct berth_key *key)
{
    berth_json_name(j, berth_str_of(name));
    berth_json_put_raw(j, BERTH_STR("\""));
    berth_key_put(j->b, key);
    berth_buf_put_char(j->b, '"');
}
