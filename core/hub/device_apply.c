#include "base/ascii.h"
#include "crypto/b64.h"
#include "hub/device_text.h"
#include "hub/twin_parts.h"

#define SHA1_HEX   40
#define SHA256_HEX 64

/* One document on its way into a device. */
struct apply {
    struct berth_hub_device *d;
    struct berth_arena *a;
    struct berth_refusal *why;
};

static berth_err refuse(const struct apply *p, const char *sentence)
{
    *p->why = (struct berth_refusal){ BERTH_WHY_REQUEST_INVALID, berth_str_of(sentence) };
    return BERTH_E_SYNTAX;
}

static bool is_set(struct berth_json v)
{
    return v.type != BERTH_JSON_ABSENT && v.type != BERTH_JSON_NULL;
}

/* A string or absent: left out and null are the same. SENTENCE for what is neither. */
static berth_err take_string(const struct apply *p, struct berth_json v, const char *sentence,
                             berth_str *out)
{
    *out = (berth_str){ 0 };
    if (!is_set(v))
        return BERTH_OK;
    if (v.type != BERTH_JSON_STRING)
        return refuse(p, sentence);
    return berth_json_string(v, p->a, out);
}

/* An object, or absent. */
static berth_err take_object(const struct apply *p, struct berth_json document, berth_str name,
                             const char *sentence, struct berth_json *out)
{
    *out = berth_json_get(document, name);
    if (!is_set(*out)) {
        *out = (struct berth_json){ 0 };
        return BERTH_OK;
    }
    return out->type == BERTH_JSON_OBJECT ? BERTH_OK : refuse(p, sentence);
}

static berth_err apply_id(const struct apply *p, struct berth_json document, berth_str id)
{
    return berth_json_is(berth_json_get(document, BERTH_STR("deviceId")), id)
               ? BERTH_OK
               : refuse(p, "deviceId must be the ID of the device addressed");
}

static berth_err apply_status(const struct apply *p, struct berth_json document, int64_t now_ms)
{
    static const char sentence[] = "status must be \"enabled\" or \"disabled\"";
    bool enabled;
    berth_str text;
    berth_err e = take_string(p, berth_json_get(document, BERTH_STR("status")), sentence, &text);

    if (e != BERTH_OK)
        return e;
    enabled = text.p == NULL || berth_str_ieq(text, BERTH_STR("enabled"));
    if (!enabled && !berth_str_ieq(text, BERTH_STR("disabled")))
        return refuse(p, sentence);
    if (enabled != p->d->enabled)
        p->d->status_updated_ms = now_ms;
    p->d->enabled = enabled;
    return BERTH_OK;
}

static size_t characters(berth_str utf8)
{
    size_t n = 0;

    for (size_t i = 0; i < utf8.n; i++)
        n += ((unsigned char)utf8.p[i] & 0xc0) != 0x80;
    return n;
}

static berth_err apply_status_reason(const struct apply *p, struct berth_json document)
{
    static const char sentence[] = "statusReason must be a string of at most 128 characters";
    berth_err e = take_string(p, berth_json_get(document, BERTH_STR("statusReason")), sentence,
                              &p->d->status_reason);

    if (e == BERTH_OK && characters(p->d->status_reason) > BERTH_STATUS_REASON_MAX)
        return refuse(p, sentence);
    return e;
}

static berth_err apply_key(const struct apply *p, struct berth_json v, struct berth_key *out)
{
    static const char sentence[] = "symmetricKey: a key must be base64 of 16 to 64 bytes";
    berth_str text;
    berth_err e = take_string(p, v, sentence, &text);

    /* Node sends empty strings for keys that the hub is to make */
    if (e != BERTH_OK || text.n == 0)
        return e;
    return berth_key_decode(text, out) == BERTH_OK ? BERTH_OK : refuse(p, sentence);
}

static berth_err apply_keys(const struct apply *p, struct berth_json authentication)
{
    struct berth_json keys;
    berth_err e = take_object(p, authentication, BERTH_STR("symmetricKey"),
                              "authentication.symmetricKey must be an object", &keys);

    if (e == BERTH_OK)
        e = apply_key(p, berth_json_get(keys, BERTH_STR("primaryKey")), &p->d->keys.primary);
    if (e == BERTH_OK)
        e = apply_key(p, berth_json_get(keys, BERTH_STR("secondaryKey")), &p->d->keys.secondary);
    return e;
}

static bool is_thumbprint(berth_str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (ascii_hex_value(text.p[i]) < 0)
            return false;
    return text.n == SHA1_HEX || text.n == SHA256_HEX;
}

static berth_err apply_thumbprint(const struct apply *p, struct berth_json v, berth_str *out)
{
    static const char sentence[] = "x509Thumbprint: a thumbprint must be 40 or 64 hex digits";
    berth_err e = take_string(p, v, sentence, out);

    if (e != BERTH_OK)
        return e;
    if (out->n == 0) {
        *out = (berth_str){ 0 };
        return BERTH_OK;
    }
    return is_thumbprint(*out) ? BERTH_OK : refuse(p, sentence);
}

static berth_err apply_thumbprints(const struct apply *p, struct berth_json authentication)
{
    struct berth_hub_device *d = p->d;
    struct berth_json both;
    berth_err e = take_object(p, authentication, BERTH_STR("x509Thumbprint"),
                              "authentication.x509Thumbprint must be an object", &both);

    if (e == BERTH_OK)
        e = apply_thumbprint(p, berth_json_get(both, BERTH_STR("primaryThumbprint")),
                             &d->primary_thumbprint);
    if (e == BERTH_OK)
        e = apply_thumbprint(p, berth_json_get(both, BERTH_STR("secondaryThumbprint")),
                             &d->secondary_thumbprint);
    if (e == BERTH_OK && d->primary_thumbprint.p == NULL && d->secondary_thumbprint.p == NULL)
        return refuse(p, "authentication of type selfSigned needs a thumbprint");
    return e;
}

static berth_err apply_authentication(const struct apply *p, struct berth_json document)
{
    static const char sentence[] =
        "authentication.type must be sas, selfSigned, certificateAuthority or none";
    struct berth_hub_device *d = p->d;
    struct berth_json authentication;
    berth_str type;
    berth_err e = take_object(p, document, BERTH_STR("authentication"),
                              "authentication must be an object", &authentication);

    d->auth = BERTH_AUTH_SAS;
    d->keys = (struct berth_key_pair){ 0 };
    d->primary_thumbprint = d->secondary_thumbprint = (berth_str){ 0 };
    if (e == BERTH_OK)
        e = take_string(p, berth_json_get(authentication, BERTH_STR("type")), sentence, &type);
    if (e != BERTH_OK)
        return e;
    if (type.p != NULL && berth__hub_device_auth_parse(type, &d->auth) != BERTH_OK)
        return refuse(p, sentence);
    /* what belongs to another type is left over from a document that was fetched: not looked at */
    if (d->auth == BERTH_AUTH_SAS)
        return apply_keys(p, authentication);
    return d->auth == BERTH_AUTH_SELF_SIGNED ? apply_thumbprints(p, authentication) : BERTH_OK;
}

static berth_err apply_capabilities(const struct apply *p, struct berth_json document)
{
    struct berth_json capabilities, edge;
    berth_err e = take_object(p, document, BERTH_STR("capabilities"),
                              "capabilities must be an object", &capabilities);

    if (e != BERTH_OK)
        return e;
    edge = berth_json_get(capabilities, BERTH_STR("iotEdge"));
    p->d->iot_edge = false;
    if (is_set(edge) && berth_json_bool(edge, &p->d->iot_edge) != BERTH_OK)
        return refuse(p, "capabilities.iotEdge must be true or false");
    return BERTH_OK;
}

/* An edge device has a scope of its own, made once; its parents stand in parentScopes. */
static berth_err make_scope(const struct apply *p)
{
    struct berth_buf b;

    berth_arena_lend(p->a, &b);
    berth_buf_put(&b, BERTH_STR("ms-azure-iot-edge://"));
    berth_buf_put(&b, p->d->device_id);
    berth_buf_put_char(&b, '-');
    berth_buf_put_u64(&b, p->d->generation);
    return berth_arena_keep(p->a, &b, &p->d->device_scope);
}

static berth_err apply_scope(const struct apply *p, struct berth_json document, bool was_edge)
{
    static const char sentence[] = "deviceScope must be a string of at most 256 bytes";
    struct berth_hub_device *d = p->d;
    berth_str scope;
    berth_err e =
        take_string(p, berth_json_get(document, BERTH_STR("deviceScope")), sentence, &scope);

    if (e != BERTH_OK)
        return e;
    if (scope.n > BERTH_HUB_DEVICE_SCOPE_MAX)
        return refuse(p, sentence);
    if (d->iot_edge)
        return was_edge && d->device_scope.p != NULL ? BERTH_OK : make_scope(p);
    d->device_scope = scope.n > 0 ? scope : (berth_str){ 0 };
    return BERTH_OK;
}

static berth_err apply_parents(const struct apply *p, struct berth_json document)
{
    static const char sentence[] =
        "parentScopes must be an array of strings, of at most 1024 bytes in all";
    struct berth_json parents = berth_json_get(document, BERTH_STR("parentScopes"));
    struct berth_json_iter it = { 0 };
    struct berth_json_out j;
    struct berth_json scope;
    struct berth_buf b;

    p->d->parent_scopes = (berth_str){ 0 };
    if (!is_set(parents) || (parents.type == BERTH_JSON_ARRAY && berth_json_count(parents) == 0))
        return BERTH_OK;
    if (parents.type != BERTH_JSON_ARRAY)
        return refuse(p, sentence);
    berth_arena_lend(p->a, &b);
    berth_json_begin(&j, &b);
    berth_json_open(&j, '[');
    while (berth_json_next(parents, &it, NULL, &scope)) {
        if (scope.type != BERTH_JSON_STRING)
            return refuse(p, sentence);
        berth_json_put_raw(&j, scope.text);
    }
    berth_json_close(&j, ']');
    if (b.n > BERTH_PARENT_SCOPES_MAX)
        return refuse(p, sentence);
    return berth_arena_keep(p->a, &b, &p->d->parent_scopes);
}

berth_err berth_hub_device_apply(struct berth_hub_device *d, berth_str id, berth_str json,
                                 int64_t now_ms, struct berth_arena *a, struct berth_refusal *why)
{
    struct apply p = { d, a, why };
    bool was_edge = d->iot_edge;
    struct berth_json document;
    berth_err e;

    *why = (struct berth_refusal){ 0 };
    e = berth__hub_document(json, a, &document, why);
    if (e == BERTH_OK)
        e = apply_id(&p, document, id);
    if (e == BERTH_OK)
        e = apply_status(&p, document, now_ms);
    if (e == BERTH_OK)
        e = apply_status_reason(&p, document);
    if (e == BERTH_OK)
        e = apply_authentication(&p, document);
    if (e == BERTH_OK)
        e = apply_capabilities(&p, document);
    if (e == BERTH_OK)
        e = apply_scope(&p, document, was_edge);
    if (e == BERTH_OK)
        e = apply_parents(&p, document);
    if (e == BERTH_OK)
        d->identity_revision++;
    return e;
}
