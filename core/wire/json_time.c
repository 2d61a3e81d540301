#include "wire/json_time.h"

void berth_json_member_time(struct berth_json_out *j, const char *name, int64_t ms)
{
    char text[32];
    struct berth_buf b;

    berth_buf_init(&b, text, sizeof text);
    berth_time_put(&b, ms);
    berth_json_member(j, name, berth_buf_str(&b));
}
