#include "crypto/key_pair.h"
#include "hub/device_text.h"

/* The body's members, small ones first: finding one reads over those before it. Times and texts
 * that are not set are left out. */

static void put_text(struct berth_json_out *j, const char *name, berth_str value)
{
    if (value.p != NULL)
        berth_json_member(j, name, value);
}

static void put_ms(struct berth_json_out *j, const char *name, int64_t ms)
{
    if (ms != BERTH_TIME_NEVER)
        berth_json_member_i64(j, name, ms);
}

static void put_u64(struct berth_json_out *j, const char *name, uint64_t v)
{
    char digits[20];
    struct berth_buf b;

    berth_buf_init(&b, digits, sizeof digits);
    berth_buf_put_u64(&b, v);
    berth_json_member_raw(j, name, berth_buf_str(&b));
}

static void put_section(struct berth_json_out *j, const char *name,
                        const struct berth_twin_section *s)
{
    berth_json_name(j, berth_str_of(name));
    berth_json_open(j, '{');
    berth_json_member_i64(j, "version", s->version);
    berth_json_member_i64(j, "updated", s->updated_ms);
    if (s->times.n > 0)
        berth_json_member(j, "times", s->times);
    berth_json_member_raw(j, "values", s->values);
    berth_json_close(j, '}');
}

static void put_body(struct berth_buf *b, const struct berth_hub_device *d)
{
    struct berth_json_out j;

    berth_json_begin(&j, b);
    berth_json_open(&j, '{');
    put_u64(&j, "generation", d->generation);
    put_u64(&j, "identityRevision", d->identity_revision);
    put_u64(&j, "twinRevision", d->twin_revision);
    berth_json_member_i64(&j, "twinVersion", d->twin_version);
    berth_json_member(&j, "auth", berth__hub_device_auth_text(d->auth));
    put_text(&j, "statusReason", d->status_reason);
    put_text(&j, "primaryThumbprint", d->primary_thumbprint);
    put_text(&j, "secondaryThumbprint", d->secondary_thumbprint);
    berth_json_member_bool(&j, "iotEdge", d->iot_edge);
    put_text(&j, "deviceScope", d->device_scope);
    if (d->parent_scopes.p != NULL)
        berth_json_member_raw(&j, "parentScopes", d->parent_scopes);
    put_text(&j, "registration", d->registration);
    put_text(&j, "alsoRegistered", d->also_registered);
    put_ms(&j, "statusUpdated", d->status_updated_ms);
    put_ms(&j, "connectionUpdated", d->connection_updated_ms);
    put_ms(&j, "lastActivity", d->last_activity_ms);
    berth_json_member_raw(&j, "tags", d->tags);
    put_section(&j, "desired", &d->desired);
    put_section(&j, "reported", &d->reported);
    berth_json_close(&j, '}');
}

berth_err berth_hub_device_encode(const struct berth_hub_device *d, struct berth_arena *a,
                                  struct berth_record *out)
{
    struct berth_buf b;
    berth_err e;

    *out = (struct berth_record){
        .kind = BERTH_KIND_DEVICE,
        .scope = d->hub,
        .key = d->device_id,
        .name = d->device_id,
        .tag = d->enabled,
    };
    berth_arena_lend(a, &b);
    put_body(&b, d);
    e = berth_arena_keep(a, &b, &out->body);
    if (e == BERTH_OK && out->body.n > BERTH_RECORD_BODY_MAX)
        e = BERTH_E_RANGE;
    return e != BERTH_OK ? e : berth_key_pair_encode(&d->keys, a, &out->secret);
}

/* Each take reads one member of the body; an absent one leaves *OUT alone. */

static berth_err take_text(struct berth_json body, berth_str name, struct berth_arena *a,
                           berth_str *out)
{
    struct berth_json v = berth_json_get(body, name);

    return v.type == BERTH_JSON_ABSENT ? BERTH_OK : berth_json_string(v, a, out);
}

static berth_err take_i64(struct berth_json body, berth_str name, int64_t *out)
{
    struct berth_json v = berth_json_get(body, name);

    return v.type == BERTH_JSON_ABSENT ? BERTH_OK : berth_json_i64(v, out);
}

static berth_err take_u64(struct berth_json body, berth_str name, uint64_t *out)
{
    struct berth_json v = berth_json_get(body, name);

    return v.type == BERTH_JSON_NUMBER ? berth_str_to_u64(v.text, out) : BERTH_E_SYNTAX;
}

static berth_err take_source(struct berth_json body, berth_str name, enum berth_json_type type,
                             berth_str *out)
{
    struct berth_json v = berth_json_get(body, name);

    if (v.type != type)
        return BERTH_E_SYNTAX;
    *out = v.text;
    return BERTH_OK;
}

static berth_err take_section(struct berth_json body, berth_str name, struct berth_arena *a,
                              struct berth_twin_section *out)
{
    struct berth_json section = berth_json_get(body, name);
    berth_err e = take_i64(section, BERTH_STR("version"), &out->version);

    if (e == BERTH_OK)
        e = take_i64(section, BERTH_STR("updated"), &out->updated_ms);
    if (e == BERTH_OK)
        e = take_text(section, BERTH_STR("times"), a, &out->times);
    if (e == BERTH_OK)
        e = take_source(section, BERTH_STR("values"), BERTH_JSON_OBJECT, &out->values);
    return e;
}

static berth_err take_identity(struct berth_json body, struct berth_arena *a,
                               struct berth_hub_device *d)
{
    struct berth_json parents = berth_json_get(body, BERTH_STR("parentScopes"));
    berth_str auth = { 0 };
    berth_err e = take_u64(body, BERTH_STR("generation"), &d->generation);

    if (e == BERTH_OK)
        e = take_u64(body, BERTH_STR("identityRevision"), &d->identity_revision);
    if (e == BERTH_OK)
        e = take_text(body, BERTH_STR("auth"), a, &auth);
    if (e == BERTH_OK)
        e = berth__hub_device_auth_parse(auth, &d->auth);
    if (e == BERTH_OK)
        e = take_text(body, BERTH_STR("statusReason"), a, &d->status_reason);
    if (e == BERTH_OK)
        e = take_text(body, BERTH_STR("primaryThumbprint"), a, &d->primary_thumbprint);
    if (e == BERTH_OK)
        e = take_text(body, BERTH_STR("secondaryThumbprint"), a, &d->secondary_thumbprint);
    if (e == BERTH_OK)
        e = berth_json_bool(berth_json_get(body, BERTH_STR("iotEdge")), &d->iot_edge);
    if (e == BERTH_OK)
        e = take_text(body, BERTH_STR("deviceScope"), a, &d->device_scope);
    if (e == BERTH_OK && parents.type != BERTH_JSON_ABSENT)
        e = take_source(body, BERTH_STR("parentScopes"), BERTH_JSON_ARRAY, &d->parent_scopes);
    return e;
}

/* Neither is in a record that was written before there were such members. */
static berth_err take_registrations(struct berth_json body, struct berth_arena *a,
                                    struct berth_hub_device *d)
{
    berth_err e = take_text(body, BERTH_STR("registration"), a, &d->registration);

    if (e == BERTH_OK)
        e = take_text(body, BERTH_STR("alsoRegistered"), a, &d->also_registered);
    return e;
}

static berth_err take_times(struct berth_json body, struct berth_hub_device *d)
{
    berth_err e = take_i64(body, BERTH_STR("statusUpdated"), &d->status_updated_ms);

    if (e == BERTH_OK)
        e = take_i64(body, BERTH_STR("connectionUpdated"), &d->connection_updated_ms);
    if (e == BERTH_OK)
        e = take_i64(body, BERTH_STR("lastActivity"), &d->last_activity_ms);
    return e;
}

static berth_err take_twin(struct berth_json body, struct berth_arena *a,
                           struct berth_hub_device *d)
{
    berth_err e = take_u64(body, BERTH_STR("twinRevision"), &d->twin_revision);

    if (e == BERTH_OK)
        e = take_i64(body, BERTH_STR("twinVersion"), &d->twin_version);
    if (e == BERTH_OK)
        e = take_source(body, BERTH_STR("tags"), BERTH_JSON_OBJECT, &d->tags);
    if (e == BERTH_OK)
        e = take_section(body, BERTH_STR("desired"), a, &d->desired);
    if (e == BERTH_OK)
        e = take_section(body, BERTH_STR("reported"), a, &d->reported);
    return e;
}

static berth_err take_body(berth_str text, struct berth_arena *a, struct berth_hub_device *d)
{
    struct berth_json body;
    berth_err e = berth_json_check(text, &body, NULL);

    if (e == BERTH_OK)
        e = take_identity(body, a, d);
    if (e == BERTH_OK)
        e = take_registrations(body, a, d);
    if (e == BERTH_OK)
        e = take_times(body, d);
    if (e == BERTH_OK)
        e = take_twin(body, a, d);
    /* whatever it was, a record that we wrote would not have it */
    return e == BERTH_OK || e == BERTH_E_FULL ? e : BERTH_E_SYNTAX;
}

berth_err berth_hub_device_decode(const struct berth_record *rec, struct berth_arena *a,
                                  struct berth_hub_device *out)
{
    berth_err e;

    berth_hub_device_init(out, rec->scope, rec->name, 0, 0);
    out->enabled = rec->tag == 1;
    out->version = rec->version;
    e = take_body(rec->body, a, out);
    if (e == BERTH_OK && berth_key_pair_decode(rec->secret, &out->keys) != BERTH_OK)
        e = BERTH_E_SYNTAX;
    if (e != BERTH_OK)
        *out = (struct berth_hub_device){ 0 };
    return e;
}
