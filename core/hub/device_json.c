#include "hub/device_text.h"
#include "wire/json_key.h"
#include "wire/json_time.h"

static const berth_str auth_texts[] = {
    [BERTH_AUTH_SAS] = BERTH_STR_INIT("sas"),
    [BERTH_AUTH_SELF_SIGNED] = BERTH_STR_INIT("selfSigned"),
    [BERTH_AUTH_CERTIFICATE_AUTHORITY] = BERTH_STR_INIT("certificateAuthority"),
    [BERTH_AUTH_NONE] = BERTH_STR_INIT("none"),
};

#define AUTH_COUNT (sizeof auth_texts / sizeof auth_texts[0])

berth_str berth__hub_device_auth_text(enum berth_hub_device_auth auth)
{
    return auth_texts[auth];
}

berth_err berth__hub_device_auth_parse(berth_str text, enum berth_hub_device_auth *out)
{
    for (size_t i = 0; i < AUTH_COUNT; i++)
        if (berth_str_ieq(text, auth_texts[i])) {
            *out = (enum berth_hub_device_auth)i;
            return BERTH_OK;
        }
    return BERTH_E_SYNTAX;
}

static void put_or_null(struct berth_json_out *j, const char *name, berth_str value)
{
    if (value.p == NULL)
        berth_json_member_raw(j, name, BERTH_STR("null"));
    else
        berth_json_member(j, name, value);
}

void berth__hub_device_put_etag(struct berth_json_out *j, const char *name, uint64_t revision)
{
    char text[16];
    struct berth_buf b;

    berth_buf_init(&b, text, sizeof text);
    berth_hub_device_etag_put(&b, revision);
    berth_json_member(j, name, berth_buf_str(&b));
}

void berth__hub_device_put_connection(struct berth_json_out *j, const struct berth_hub_device *d)
{
    berth_json_member(j, "connectionState",
                      d->connected ? BERTH_STR("Connected") : BERTH_STR("Disconnected"));
}

void berth__hub_device_put_thumbprints(struct berth_json_out *j, const struct berth_hub_device *d)
{
    berth_json_name(j, BERTH_STR("x509Thumbprint"));
    berth_json_open(j, '{');
    put_or_null(j, "primaryThumbprint", d->primary_thumbprint);
    put_or_null(j, "secondaryThumbprint", d->secondary_thumbprint);
    berth_json_close(j, '}');
}

void berth__hub_device_put_edge(struct berth_json_out *j, const struct berth_hub_device *d)
{
    berth_json_name(j, BERTH_STR("capabilities"));
    berth_json_open(j, '{');
    berth_json_member_bool(j, "iotEdge", d->iot_edge);
    berth_json_close(j, '}');
    if (d->device_scope.p != NULL)
        berth_json_member(j, "deviceScope", d->device_scope);
    if (d->parent_scopes.p != NULL)
        berth_json_member_raw(j, "parentScopes", d->parent_scopes);
}

static void put_key(struct berth_json_out *j, const char *name, const struct berth_key *key)
{
    if (key->n == 0)
        berth_json_member_raw(j, name, BERTH_STR("null"));
    else
        berth_json_member_key(j, name, key);
}

/* "type" comes last: the setters of C#'s AuthenticationMechanism overwrite it with each object that
 * they are given, and the one read last wins. Both objects are there always: the command line
 * writes into them in place. */
static void put_authentication(struct berth_json_out *j, const struct berth_hub_device *d)
{
    berth_json_name(j, BERTH_STR("authentication"));
    berth_json_open(j, '{');
    berth_json_name(j, BERTH_STR("symmetricKey"));
    berth_json_open(j, '{');
    put_key(j, "primaryKey", &d->keys.primary);
    put_key(j, "secondaryKey", &d->keys.secondary);
    berth_json_close(j, '}');
    berth__hub_device_put_thumbprints(j, d);
    berth_json_member(j, "type", berth__hub_device_auth_text(d->auth));
    berth_json_close(j, '}');
}

static void put_generation(struct berth_json_out *j, uint64_t generation)
{
    char digits[20];
    struct berth_buf b;

    berth_buf_init(&b, digits, sizeof digits);
    berth_buf_put_u64(&b, generation);
    berth_json_member(j, "generationId", berth_buf_str(&b));
}

void berth_hub_device_put(struct berth_buf *b, const struct berth_hub_device *d)
{
    struct berth_json_out j;

    berth_json_begin(&j, b);
    berth_json_open(&j, '{');
    berth_json_member(&j, "deviceId", d->device_id);
    put_generation(&j, d->generation);
    berth__hub_device_put_etag(&j, "etag", d->identity_revision);
    berth__hub_device_put_connection(&j, d);
    berth_json_member(&j, "status", d->enabled ? BERTH_STR("enabled") : BERTH_STR("disabled"));
    put_or_null(&j, "statusReason", d->status_reason);
    berth_json_member_time(&j, "connectionStateUpdatedTime", d->connection_updated_ms);
    berth_json_member_time(&j, "statusUpdatedTime", d->status_updated_ms);
    berth_json_member_time(&j, "lastActivityTime", d->last_activity_ms);
    berth_json_member_i64(&j, "cloudToDeviceMessageCount", 0);
    put_authentication(&j, d);
    berth__hub_device_put_edge(&j, d);
    berth_json_close(&j, '}');
}
