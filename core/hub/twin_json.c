#include "hub/device_text.h"
#include "hub/twin_times.h"
#include "wire/json_time.h"

/* $metadata of OBJECT: the same tree, each name with its time. Names are as the values have them.
 */
static void put_times(struct berth_json_out *j, struct berth_json object, int64_t own_ms,
                      struct berth__twin_times *times)
{
    struct berth_json_iter it = { 0 };
    struct berth_json value;
    berth_str name;

    berth_json_open(j, '{');
    berth_json_member_time(j, "$lastUpdated", own_ms);
    /* arrays have no names: their iteration is not begun */
    while (object.type == BERTH_JSON_OBJECT && berth_json_next(object, &it, &name, &value)) {
        int64_t ms = berth__twin_times_next(times);

        berth_json_put_raw(j, (berth_str){ name.p - 1, name.n + 2 });
        berth_buf_put_char(j->b, ':');
        j->comma = false;
        put_times(j, value, ms, times);
    }
    berth_json_close(j, '}');
}

/* $metadata stands first: our own reader counts the names that are open (wire/json.h), and behind
 * the values its names would come on top of theirs when a client puts the document back. */
static void put_section(struct berth_json_out *j, const char *name,
                        const struct berth_twin_section *s, bool with_metadata)
{
    struct berth_json values = { BERTH_JSON_OBJECT, s->values }, value;
    struct berth__twin_times times;
    struct berth_json_iter it = { 0 };
    berth_str first;

    berth_json_name(j, berth_str_of(name));
    berth_json_open(j, '{');
    if (with_metadata) {
        berth__twin_times_begin(&times, s->times, s->updated_ms);
        berth_json_name(j, BERTH_STR("$metadata"));
        put_times(j, values, s->updated_ms, &times);
    }
    if (berth_json_next(values, &it, &first, &value)) /* what others wrote may be {} with blanks */
        berth_json_put_raw(j, berth_str_sub(s->values, 1, s->values.n - 2));
    berth_json_member_i64(j, "$version", s->version);
    berth_json_close(j, '}');
}

void berth_twin_device_put(struct berth_buf *b, const struct berth_hub_device *d)
{
    struct berth_json_out j;

    berth_json_begin(&j, b);
    berth_json_open(&j, '{');
    put_section(&j, "desired", &d->desired, false);
    put_section(&j, "reported", &d->reported, false);
    berth_json_close(&j, '}');
}

/* deviceEtag is the identity's, etag the twin's. */
static void put_identity(struct berth_json_out *j, const struct berth_hub_device *d)
{
    berth_json_member(j, "deviceId", d->device_id);
    berth__hub_device_put_etag(j, "etag", d->twin_revision);
    berth__hub_device_put_etag(j, "deviceEtag", d->identity_revision);
    berth_json_member(j, "status", d->enabled ? BERTH_STR("enabled") : BERTH_STR("disabled"));
    if (d->status_reason.p != NULL)
        berth_json_member(j, "statusReason", d->status_reason);
    berth_json_member_time(j, "statusUpdateTime", d->status_updated_ms);
    berth__hub_device_put_connection(j, d);
    berth_json_member_time(j, "lastActivityTime", d->last_activity_ms);
    berth_json_member_i64(j, "cloudToDeviceMessageCount", 0);
    berth_json_member(j, "authenticationType", berth__hub_device_auth_text(d->auth));
    berth__hub_device_put_thumbprints(j, d);
    berth_json_member(j, "modelId", BERTH_STR(""));
    berth_json_member_i64(j, "version", d->twin_version);
}

void berth_twin_put(struct berth_buf *b, const struct berth_hub_device *d)
{
    struct berth_json_out j;

    berth_json_begin(&j, b);
    berth_json_open(&j, '{');
    put_identity(&j, d);
    berth_json_member_raw(&j, "tags", d->tags);
    berth_json_name(&j, BERTH_STR("properties"));
    berth_json_open(&j, '{');
    put_section(&j, "desired", &d->desired, true);
    put_section(&j, "reported", &d->reported, true);
    berth_json_close(&j, '}');
    berth__hub_device_put_edge(&j, d);
    berth_json_close(&j, '}');
}
