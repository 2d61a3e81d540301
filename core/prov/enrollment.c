/* An enrollment's document written, its etag, and its record. */
#include "prov/enrollment.h"

#include "crypto/key_pair.h"
#include "prov/enrollment_json.h"
#include "wire/json_key.h"
#include "wire/json_time.h"

static const char *const allocations[] = {
    [BERTH_ALLOCATE_DEFAULT] = NULL,
    [BERTH_ALLOCATE_HASHED] = "hashed",
    [BERTH_ALLOCATE_GEO_LATENCY] = "geoLatency",
    [BERTH_ALLOCATE_STATIC] = "static",
    [BERTH_ALLOCATE_CUSTOM] = "custom",
};

bool berth__allocation_of(berth_str word, enum berth_allocation *out)
{
    for (size_t i = BERTH_ALLOCATE_HASHED; i < sizeof allocations / sizeof allocations[0]; i++) {
        if (berth_str_ieq(word, berth_str_of(allocations[i]))) {
            *out = (enum berth_allocation)i;
            return true;
        }
    }
    return false;
}

static void put_optional(struct berth_json_out *j, const char *name, berth_str plain)
{
    if (plain.p != NULL)
        berth_json_member(j, name, plain);
}

static void put_optional_raw(struct berth_json_out *j, const char *name, berth_str source)
{
    if (source.p != NULL)
        berth_json_member_raw(j, name, source);
}

static void put_attestation(struct berth_json_out *j, const struct berth_enrollment *e,
                            bool with_keys)
{
    berth_json_open(j, '{');
    berth_json_member(j, "type", BERTH_STR("symmetricKey"));
    if (with_keys) {
        berth_json_name(j, BERTH_STR("symmetricKey"));
        berth_json_open(j, '{');
        berth_json_member_key(j, "primaryKey", &e->keys.primary);
        berth_json_member_key(j, "secondaryKey", &e->keys.secondary);
        berth_json_close(j, '}');
    }
    berth_json_close(j, '}');
}

static void put_hubs(struct berth_json_out *j, const struct berth_enrollment *e)
{
    if (e->hub_count == 0)
        return;
    berth_json_name(j, BERTH_STR("iotHubs"));
    berth_json_open(j, '[');
    for (size_t i = 0; i < e->hub_count; i++)
        berth_json_put_string(j, e->hubs[i]);
    berth_json_close(j, ']');
}

static void put_policies(struct berth_json_out *j, const struct berth_enrollment *e)
{
    berth_json_member(j, "provisioningStatus",
                      e->enabled ? BERTH_STR("enabled") : BERTH_STR("disabled"));
    berth_json_name(j, BERTH_STR("reprovisionPolicy"));
    berth_json_open(j, '{');
    berth_json_member_bool(j, "updateHubAssignment", e->reprovision_update_hub);
    berth_json_member_bool(j, "migrateDeviceData", e->reprovision_migrate_data);
    berth_json_close(j, '}');
    put_optional(j, "allocationPolicy", berth_str_of(allocations[e->allocation]));
    put_hubs(j, e);
    if (e->webhook_url.p == NULL)
        return;
    berth_json_name(j, BERTH_STR("customAllocationDefinition"));
    berth_json_open(j, '{');
    berth_json_member(j, "webhookUrl", e->webhook_url);
    berth_json_member(j, "apiVersion", e->webhook_version);
    berth_json_close(j, '}');
}

/* What goes to rest and into every answer. */
void berth__enrollment_put_members(struct berth_json_out *j, const struct berth_enrollment *e,
                                   bool with_keys)
{
    berth_json_member(j, e->is_group ? "enrollmentGroupId" : "registrationId", e->id);
    put_optional(j, "deviceId", e->device_id);
    put_optional_raw(j, "optionalDeviceInformation", e->device_information);
    berth_json_name(j, BERTH_STR("attestation"));
    put_attestation(j, e, with_keys);
    berth_json_name(j, BERTH_STR("capabilities"));
    berth_json_open(j, '{');
    berth_json_member_bool(j, "iotEdge", e->iot_edge);
    berth_json_close(j, '}');
    put_optional(j, "iotHubHostName", e->legacy_hub);
    put_optional_raw(j, "initialTwin", e->initial_twin);
    put_policies(j, e);
}

void berth_enrollment_put(struct berth_buf *b, const struct berth_enrollment *e, bool with_keys,
                          berth_str registration_state)
{
    struct berth_json_out j;
    struct berth_buf etag;
    char etag_text[24];

    berth_buf_init(&etag, etag_text, sizeof etag_text);
    berth_etag_put(&etag, e->version);
    berth_json_begin(&j, b);
    berth_json_open(&j, '{');
    berth__enrollment_put_members(&j, e, with_keys);
    put_optional_raw(&j, "registrationState", registration_state);
    berth_json_member(&j, "etag", berth_buf_str(&etag));
    berth_json_member_time(&j, "createdDateTimeUtc", e->created_ms);
    berth_json_member_time(&j, "lastUpdatedDateTimeUtc", e->updated_ms);
    berth_json_close(&j, '}');
}

void berth_attestation_put(struct berth_buf *b, const struct berth_enrollment *e)
{
    struct berth_json_out j;

    berth_json_begin(&j, b);
    put_attestation(&j, e, true);
}

void berth_etag_put(struct berth_buf *b, uint64_t version)
{
    berth_buf_put_char(b, '"');
    berth_buf_put_hex(b, version, 16);
    berth_buf_put_char(b, '"');
}

uint64_t berth_etag_parse(berth_str header)
{
    static const char digits[] = "0123456789abcdef";
    const uint64_t none = BERTH_PRESENT - 1; /* a version that no record has */
    uint64_t version = 0;

    if (header.p == NULL)
        return BERTH_ANY;
    header = berth_str_trim(header);
    (void)berth_str_skip(&header, BERTH_STR("W/"));
    while (header.n >= 2 && header.p[0] == '"' && header.p[header.n - 1] == '"')
        header = berth_str_sub(header, 1, header.n - 2);
    if (berth_str_eq(header, BERTH_STR("*")))
        return BERTH_PRESENT;
    if (header.n != 16)
        return none;
    for (size_t i = 0; i < header.n; i++) {
        size_t digit = berth_str_find((berth_str){ digits, 16 }, header.p[i]);
        if (digit == 16)
            return none;
        version = version << 4 | digit;
    }
    return version == BERTH_ABSENT || version >= none ? none : version;
}

berth_err berth_enrollment_decode(const struct berth_record *rec, struct berth_arena *a,
                                  struct berth_enrollment *out)
{
    struct berth_refusal why;
    struct berth_json doc, own;
    berth_err e;

    *out = (struct berth_enrollment){ 0 };
    if (berth_json_check(rec->body, &doc, NULL) != BERTH_OK)
        return BERTH_E_SYNTAX;
    e = berth__enrollment_read(rec->kind == BERTH_KIND_GROUP, rec->name, doc, a, out, &why);
    if (e == BERTH_OK)
        e = berth_key_pair_decode(rec->secret, &out->keys);
    own = berth_json_get(doc, BERTH_STR("berth"));
    out->assigning_first = berth_json_get(own, BERTH_STR("assigningFirst")).type == BERTH_JSON_TRUE;
    out->version = rec->version;
    out->created_ms = rec->created_ms;
    out->updated_ms = rec->updated_ms;
    return e;
}

berth_err berth_enrollment_encode(const struct berth_enrollment *e, struct berth_arena *a,
                                  struct berth_record *out)
{
    struct berth_json_out j;
    struct berth_buf body;
    berth_err err;

    *out = (struct berth_record){
        .kind = e->is_group ? BERTH_KIND_GROUP : BERTH_KIND_ENROLLMENT,
        .scope = BERTH_STR(""),
        .name = e->id,
        .owner = BERTH_STR(""),
        .tag = e->enabled ? 1 : 0,
    };
    err = berth_arena_lower(a, e->id, &out->key);
    if (err == BERTH_OK)
        err = berth_key_pair_encode(&e->keys, a, &out->secret);
    if (err != BERTH_OK)
        return err;
    berth_arena_lend(a, &body);
    berth_json_begin(&j, &body);
    berth_json_open(&j, '{');
    berth__enrollment_put_members(&j, e, false);
    if (e->assigning_first) {
        berth_json_name(&j, BERTH_STR("berth"));
        berth_json_open(&j, '{');
        berth_json_member_bool(&j, "assigningFirst", true);
        berth_json_close(&j, '}');
    }
    berth_json_close(&j, '}');
    return berth_arena_keep(a, &body, &out->body);
}
