/* The service API's document of an enrollment or group, taken apart. */
#include "crypto/b64.h"
#include "hub/device.h"
#include "prov/enrollment.h"
#include "prov/enrollment_json.h"

#define TOO_DEEP "the JSON nests too deep or has too many names"

struct parse {
    struct berth_arena *a;
    struct berth_refusal *why;
    struct berth_enrollment *e;
};

static berth_err refuse(struct parse *p, enum berth_reason reason, const char *message)
{
    *p->why = (struct berth_refusal){ reason, berth_str_of(message) };
    return BERTH_E_SYNTAX;
}

static berth_err invalid(struct parse *p, const char *message)
{
    return refuse(p, BERTH_WHY_REQUEST_INVALID, message);
}

/* A member that null leaves out too. */
static struct berth_json member(struct berth_json object, const char *name)
{
    struct berth_json v = berth_json_get(object, berth_str_of(name));

    if (v.type == BERTH_JSON_NULL)
        return (struct berth_json){ 0 };
    return v;
}

/* Too small an arena is no fault of the document: BERTH_E_FULL stays without a reason. */
static berth_err read_string(struct parse *p, struct berth_json v, berth_str *out,
                             enum berth_reason reason, const char *message)
{
    berth_err e = berth_json_string(v, p->a, out);

    return e == BERTH_OK || e == BERTH_E_FULL ? e : refuse(p, reason, message);
}

static berth_err read_text(struct parse *p, struct berth_json v, size_t max, berth_str *out,
                           const char *message)
{
    berth_err e = read_string(p, v, out, BERTH_WHY_REQUEST_INVALID, message);

    return e == BERTH_OK && (out->n == 0 || out->n > max) ? invalid(p, message) : e;
}

static berth_err read_bool(struct parse *p, struct berth_json v, bool *out, const char *message)
{
    if (v.type == BERTH_JSON_ABSENT)
        return BERTH_OK;
    return berth_json_bool(v, out) == BERTH_OK ? BERTH_OK : invalid(p, message);
}

/* With the member's name before it: a seed has many IDs. */
static berth_err refuse_id(struct parse *p, enum berth_reason reason, enum berth_id_fault fault)
{
    char text[96];
    struct berth_buf b;
    berth_str message;
    berth_err e;

    berth_buf_init(&b, text, sizeof text);
    berth_buf_put(&b, berth_str_of(p->e->is_group ? "enrollmentGroupId " : "registrationId "));
    berth_buf_put(&b, berth_str_of(berth_id_fault_text(fault)));
    e = berth_arena_dup(p->a, berth_buf_str(&b), &message);
    if (e != BERTH_OK)
        return e;
    *p->why = (struct berth_refusal){ reason, message };
    return BERTH_E_SYNTAX;
}

static berth_err read_id(struct parse *p, struct berth_json doc, berth_str addressed)
{
    struct berth_json v = member(doc, p->e->is_group ? "enrollmentGroupId" : "registrationId");
    enum berth_reason reason =
        p->e->is_group ? BERTH_WHY_GROUP_ID_INVALID : BERTH_WHY_REGISTRATION_ID_INVALID;
    struct berth_id_check check = berth_registration_id_check(addressed);
    berth_err e;

    if (check.fault != BERTH_ID_FINE)
        return refuse_id(p, reason, check.fault);
    e = read_string(p, v, &p->e->id, reason,
                    p->e->is_group ? "enrollmentGroupId is missing" : "registrationId is missing");
    if (e == BERTH_OK && !berth_str_ieq(p->e->id, addressed))
        return refuse(p, reason, "the ID in the body differs from the one addressed");
    return e;
}

static berth_err read_device_id(struct parse *p, struct berth_json doc)
{
    struct berth_json v = member(doc, "deviceId");
    const char *message = "deviceId breaks the rules of device IDs";
    berth_err e;

    if (v.type == BERTH_JSON_ABSENT || p->e->is_group)
        return BERTH_OK;
    e = read_string(p, v, &p->e->device_id, BERTH_WHY_DEVICE_ID_INVALID, message);
    if (e == BERTH_OK && berth_device_id_check(p->e->device_id).fault != BERTH_ID_FINE)
        return refuse(p, BERTH_WHY_DEVICE_ID_INVALID, message);
    return e;
}

/* An empty key is an absent one: clients send both. */
static berth_err read_key(struct parse *p, struct berth_json v, struct berth_key *out,
                          const char *message)
{
    berth_str text;
    berth_err e;

    if (v.type == BERTH_JSON_ABSENT)
        return BERTH_OK;
    e = read_string(p, v, &text, BERTH_WHY_REQUEST_INVALID, message);
    if (e != BERTH_OK || text.n == 0)
        return e;
    return berth_key_decode(text, out) == BERTH_OK ? BERTH_OK : invalid(p, message);
}

static berth_err read_attestation(struct parse *p, struct berth_json doc)
{
    struct berth_json v = member(doc, "attestation");
    struct berth_json type = member(v, "type");
    struct berth_json keys = member(v, "symmetricKey");
    berth_err e;

    if (v.type != BERTH_JSON_OBJECT)
        return invalid(p, "attestation is missing");
    if (!berth_json_is(type, BERTH_STR("symmetricKey")))
        return invalid(p, "attestation.type must be symmetricKey: this version of berth serves no "
                          "other attestation");
    if (keys.type != BERTH_JSON_ABSENT && keys.type != BERTH_JSON_OBJECT)
        return invalid(p, "attestation.symmetricKey must be an object");
    p->e->attestation = BERTH_ATTEST_SYMMETRIC_KEY;
    e = read_key(p, member(keys, "primaryKey"), &p->e->keys.primary,
                 "primaryKey must be base64 of 16 to 64 bytes");
    if (e != BERTH_OK)
        return e;
    return read_key(p, member(keys, "secondaryKey"), &p->e->keys.secondary,
                    "secondaryKey must be base64 of 16 to 64 bytes");
}

static berth_err read_status(struct parse *p, struct berth_json doc)
{
    struct berth_json v = member(doc, "provisioningStatus");

    if (v.type == BERTH_JSON_ABSENT || berth_json_is(v, BERTH_STR("enabled")))
        return BERTH_OK;
    if (!berth_json_is(v, BERTH_STR("disabled")))
        return invalid(p, "provisioningStatus must be enabled or disabled");
    p->e->enabled = false;
    return BERTH_OK;
}

static berth_err read_reprovision(struct parse *p, struct berth_json doc)
{
    struct berth_json v = member(doc, "reprovisionPolicy");
    const char *message = "reprovisionPolicy must be an object of two booleans, "
                          "updateHubAssignment and migrateDeviceData";
    berth_err e;

    if (v.type == BERTH_JSON_ABSENT)
        return BERTH_OK;
    if (v.type != BERTH_JSON_OBJECT)
        return invalid(p, message);
    e = read_bool(p, member(v, "updateHubAssignment"), &p->e->reprovision_update_hub, message);
    if (e != BERTH_OK)
        return e;
    return read_bool(p, member(v, "migrateDeviceData"), &p->e->reprovision_migrate_data, message);
}

static berth_err read_custom(struct parse *p, struct berth_json doc)
{
    struct berth_json v = member(doc, "customAllocationDefinition");
    berth_err e;

    if (v.type == BERTH_JSON_ABSENT)
        return p->e->allocation != BERTH_ALLOCATE_CUSTOM
                   ? BERTH_OK
                   : invalid(p, "A CustomAllocationDefinition is required when the allocation "
                                "policy is set to 'Custom'.");
    e = read_text(p, member(v, "webhookUrl"), BERTH_WEBHOOK_URL_MAX, &p->e->webhook_url,
                  "customAllocationDefinition.webhookUrl is missing or too long");
    if (e != BERTH_OK)
        return e;
    return read_text(p, member(v, "apiVersion"), BERTH_WEBHOOK_VERSION_MAX, &p->e->webhook_version,
                     "customAllocationDefinition.apiVersion is missing or too long");
}

static berth_err read_allocation(struct parse *p, struct berth_json doc)
{
    struct berth_json v = member(doc, "allocationPolicy");
    const char *message = "allocationPolicy must be hashed, geoLatency, static or custom";
    berth_str word;
    berth_err e;

    if (v.type == BERTH_JSON_ABSENT)
        return read_custom(p, doc);
    e = read_string(p, v, &word, BERTH_WHY_REQUEST_INVALID, message);
    if (e != BERTH_OK)
        return e;
    if (!berth__allocation_of(word, &p->e->allocation))
        return invalid(p, message);
    return read_custom(p, doc);
}

static berth_err read_legacy_hub(struct parse *p, struct berth_json doc)
{
    struct berth_json v = member(doc, "iotHubHostName");

    return v.type == BERTH_JSON_ABSENT ? BERTH_OK
                                       : read_text(p, v, BERTH_HOST_NAME_MAX, &p->e->legacy_hub,
                                                   "iotHubHostName must be a host name");
}

static berth_err read_hubs(struct parse *p, struct berth_json doc)
{
    struct berth_json list = member(doc, "iotHubs");
    const char *message = "iotHubs must be an array of host names";
    struct berth_json_iter it = { 0 };
    struct berth_json v;
    berth_err e = BERTH_OK;

    if (list.type == BERTH_JSON_ABSENT)
        return BERTH_OK;
    if (list.type != BERTH_JSON_ARRAY)
        return invalid(p, message);
    while (e == BERTH_OK && berth_json_next(list, &it, NULL, &v)) {
        if (p->e->hub_count == BERTH_ENROLLMENT_HUBS_MAX)
            return invalid(p, "iotHubs has more than 50 host names");
        e = read_text(p, v, BERTH_HOST_NAME_MAX, &p->e->hubs[p->e->hub_count++], message);
    }
    return e;
}

static berth_err read_free_form(struct parse *p, struct berth_json doc)
{
    struct berth_json twin = member(doc, "initialTwin");
    struct berth_json information = member(doc, "optionalDeviceInformation");
    struct berth_json capabilities = member(doc, "capabilities");

    if (twin.type != BERTH_JSON_ABSENT && twin.type != BERTH_JSON_OBJECT)
        return invalid(p, "initialTwin must be an object");
    if (information.type != BERTH_JSON_ABSENT && information.type != BERTH_JSON_OBJECT)
        return invalid(p, "optionalDeviceInformation must be an object");
    if (capabilities.type != BERTH_JSON_ABSENT && capabilities.type != BERTH_JSON_OBJECT)
        return invalid(p, "capabilities must be an object");
    p->e->initial_twin = twin.text;
    if (!p->e->is_group)
        p->e->device_information = information.text;
    return read_bool(p, member(capabilities, "iotEdge"), &p->e->iot_edge,
                     "capabilities.iotEdge must be true or false");
}

berth_err berth__enrollment_read(bool is_group, berth_str id, struct berth_json doc,
                                 struct berth_arena *a, struct berth_enrollment *out,
                                 struct berth_refusal *why)
{
    static berth_err (*const readers[])(struct parse *, struct berth_json) = {
        read_device_id,  read_attestation, read_status, read_reprovision,
        read_allocation, read_legacy_hub,  read_hubs,   read_free_form,
    };
    struct parse p = { a, why, out };
    berth_err e;

    *out = (struct berth_enrollment){
        .is_group = is_group,
        .enabled = true,
        .reprovision_update_hub = true,
        .reprovision_migrate_data = true,
    };
    *why = (struct berth_refusal){ 0 };
    if (doc.type != BERTH_JSON_OBJECT)
        return invalid(&p, "the body must be a JSON object");
    e = read_id(&p, doc, id);
    for (size_t i = 0; e == BERTH_OK && i < sizeof readers / sizeof readers[0]; i++)
        e = readers[i](&p, doc);
    return e;
}

/* A twin that a device's first registration could not store is refused when it is written. */
static berth_err check_twin(struct parse *p)
{
    size_t mark = p->a->n;
    struct berth_hub_device scratch;
    berth_err e;

    if (p->e->initial_twin.n == 0)
        return BERTH_OK;
    berth_hub_device_init(&scratch, BERTH_STR("-"), BERTH_STR("-"), 1, 0);
    e = berth_twin_reset(&scratch, p->e->initial_twin, 0, p->a, p->why);
    if (e == BERTH_OK)
        p->a->n = mark;
    return e;
}

/* What is written must be read again: from its record, whose members stand in another order, and
 * out of a list, a level deeper. */
static berth_err check_written(struct parse *p)
{
    struct berth_json_out j;
    struct berth_json list;
    struct berth_buf b;

    berth_arena_lend(p->a, &b); /* and not kept */
    berth_json_begin(&j, &b);
    berth_json_open(&j, '[');
    berth_json_open(&j, '{');
    berth__enrollment_put_members(&j, p->e, false);
    berth_json_close(&j, '}');
    berth_json_close(&j, ']');
    if (b.over)
        return BERTH_E_FULL;
    if (b.n - 2 > BERTH_ENROLLMENT_MAX) /* without the list's brackets */
        return refuse(p, BERTH_WHY_BODY_TOO_LARGE, NULL);
    return berth_json_check(berth_buf_str(&b), &list, NULL) == BERTH_OK ? BERTH_OK
                                                                        : invalid(p, TOO_DEEP);
}

berth_err berth_enrollment_parse(bool is_group, berth_str id, berth_str json, struct berth_arena *a,
                                 struct berth_enrollment *out, struct berth_refusal *why)
{
    struct parse p = { a, why, out };
    struct berth_json doc;
    berth_err e;

    *out = (struct berth_enrollment){ 0 };
    if (json.n > BERTH_ENROLLMENT_BODY_MAX)
        return refuse(&p, BERTH_WHY_BODY_TOO_LARGE, NULL);
    e = berth_json_check(json, &doc, NULL);
    if (e != BERTH_OK)
        return invalid(&p, e == BERTH_E_RANGE ? TOO_DEEP : "the body is not valid JSON");
    e = berth__enrollment_read(is_group, id, doc, a, out, why);
    if (e == BERTH_OK)
        e = check_written(&p);
    return e == BERTH_OK ? check_twin(&p) : e;
}
