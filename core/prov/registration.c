#include "prov/registration.h"

#include "crypto/b64.h"
#include "prov/enrollment.h"
#include "wire/json_time.h"

static const char *const statuses[] = {
    [BERTH_UNASSIGNED] = "unassigned", [BERTH_ASSIGNING] = "assigning",
    [BERTH_ASSIGNED] = "assigned",     [BERTH_FAILED] = "failed",
    [BERTH_DISABLED] = "disabled",
};

static const char *const substatuses[] = {
    [BERTH_SUB_NONE] = "",
    [BERTH_SUB_INITIAL_ASSIGNMENT] = "initialAssignment",
    [BERTH_SUB_DEVICE_DATA_MIGRATED] = "deviceDataMigrated",
    [BERTH_SUB_DEVICE_DATA_RESET] = "deviceDataReset",
    [BERTH_SUB_REPROVISIONED_TO_INITIAL] = "reprovisionedToInitialAssignment",
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

const char *berth_registration_status_text(enum berth_registration_status s)
{
    return (size_t)s < COUNT(statuses) ? statuses[s] : "";
}

const char *berth_substatus_text(enum berth_substatus s)
{
    return (size_t)s < COUNT(substatuses) ? substatuses[s] : "";
}

static bool find_word(const char *const *table, size_t count, struct berth_json v, int *out)
{
    for (size_t i = 0; i < count; i++) {
        if (berth_json_is(v, berth_str_of(table[i]))) {
            *out = (int)i;
            return true;
        }
    }
    return false;
}

/* Base64 of a quoted tag: what device and service API show for registrations. */
static void put_etag(struct berth_json_out *j, uint64_t version)
{
    char tag_text[24], text[BERTH_B64_SIZE(sizeof tag_text)];
    struct berth_buf tag, b;

    berth_buf_init(&tag, tag_text, sizeof tag_text);
    berth_etag_put(&tag, version);
    berth_buf_init(&b, text, sizeof text);
    berth_b64_put(&b, (const uint8_t *)tag.p, tag.n);
    berth_json_member(j, "etag", berth_buf_str(&b));
}

void berth_registration_put(struct berth_buf *b, const struct berth_registration *r)
{
    struct berth_json_out j;

    berth_json_begin(&j, b);
    berth_json_open(&j, '{');
    berth_json_member(&j, "registrationId", r->id);
    berth_json_member_time(&j, "createdDateTimeUtc", r->created_ms);
    if (r->status == BERTH_ASSIGNED) {
        berth_json_member(&j, "assignedHub", r->assigned_hub);
        berth_json_member(&j, "deviceId", r->device_id);
    }
    berth_json_member(&j, "status", berth_str_of(berth_registration_status_text(r->status)));
    if (r->status == BERTH_ASSIGNED)
        berth_json_member(&j, "substatus", berth_str_of(berth_substatus_text(r->substatus)));
    if (r->error_code != 0) {
        berth_json_member_i64(&j, "errorCode", r->error_code);
        berth_json_member(&j, "errorMessage", r->error_message);
    }
    berth_json_member_time(&j, "lastUpdatedDateTimeUtc", r->updated_ms);
    put_etag(&j, r->version);
    if (r->payload.n > 0)
        berth_json_member_raw(&j, "payload", r->payload);
    if (r->group.n > 0) {
        berth_json_name(&j, BERTH_STR("symmetricKey"));
        berth_json_open(&j, '{');
        berth_json_member(&j, "enrollmentGroupId", r->group);
        berth_json_close(&j, '}');
    }
    berth_json_close(&j, '}');
}

static void put_if(struct berth_json_out *j, const char *name, berth_str plain)
{
    if (plain.n > 0)
        berth_json_member(j, name, plain);
}

berth_err berth_registration_encode(const struct berth_registration *r, struct berth_arena *a,
                                    struct berth_record *out)
{
    struct berth_json_out j;
    struct berth_buf body;
    berth_err e;

    *out = (struct berth_record){
        .kind = BERTH_KIND_REGISTRATION,
        .scope = BERTH_STR(""),
        .name = r->id,
        .tag = (int32_t)r->status,
    };
    e = berth_arena_lower(a, r->id, &out->key);
    if (e == BERTH_OK)
        e = berth_arena_lower(a, r->group, &out->owner);
    if (e != BERTH_OK)
        return e;
    berth_arena_lend(a, &body);
    berth_json_begin(&j, &body);
    berth_json_open(&j, '{');
    berth_json_member(&j, "status", berth_str_of(berth_registration_status_text(r->status)));
    put_if(&j, "substatus", berth_str_of(berth_substatus_text(r->substatus)));
    put_if(&j, "group", r->group);
    put_if(&j, "assignedHub", r->assigned_hub);
    put_if(&j, "deviceId", r->device_id);
    if (r->error_code != 0)
        berth_json_member_i64(&j, "errorCode", r->error_code);
    put_if(&j, "errorMessage", r->error_message);
    put_if(&j, "operationId", r->operation_id);
    if (r->payload.n > 0)
        berth_json_member_raw(&j, "payload", r->payload);
    berth_json_close(&j, '}');
    return berth_arena_keep(a, &body, &out->body);
}

static berth_err read_if(struct berth_json doc, const char *name, struct berth_arena *a,
                         berth_str *out)
{
    struct berth_json v = berth_json_get(doc, berth_str_of(name));

    return v.type == BERTH_JSON_ABSENT ? BERTH_OK : berth_json_string(v, a, out);
}

static berth_err read_words(struct berth_json doc, struct berth_registration *r)
{
    struct berth_json sub = berth_json_get(doc, BERTH_STR("substatus"));
    int status, substatus = BERTH_SUB_NONE;

    if (!find_word(statuses, COUNT(statuses), berth_json_get(doc, BERTH_STR("status")), &status))
        return BERTH_E_SYNTAX;
    if (sub.type != BERTH_JSON_ABSENT &&
        !find_word(substatuses, COUNT(substatuses), sub, &substatus))
        return BERTH_E_SYNTAX;
    r->status = (enum berth_registration_status)status;
    r->substatus = (enum berth_substatus)substatus;
    return BERTH_OK;
}

static berth_err read_code(struct berth_json doc, int32_t *out)
{
    struct berth_json v = berth_json_get(doc, BERTH_STR("errorCode"));
    int64_t code;

    if (v.type == BERTH_JSON_ABSENT)
        return BERTH_OK;
    if (berth_json_i64(v, &code) != BERTH_OK || code < 0 || code > INT32_MAX)
        return BERTH_E_SYNTAX;
    *out = (int32_t)code;
    return BERTH_OK;
}

berth_err berth_registration_decode(const struct berth_record *rec, struct berth_arena *a,
                                    struct berth_registration *out)
{
    struct berth_registration r = { .id = rec->name,
                                    .version = rec->version,
                                    .created_ms = rec->created_ms,
                                    .updated_ms = rec->updated_ms };
    struct berth_json doc;
    berth_err e;

    *out = (struct berth_registration){ 0 };
    if (berth_json_check(rec->body, &doc, NULL) != BERTH_OK)
        return BERTH_E_SYNTAX;
    e = read_words(doc, &r);
    if (e == BERTH_OK)
        e = read_code(doc, &r.error_code);
    if (e == BERTH_OK)
        e = read_if(doc, "group", a, &r.group);
    if (e == BERTH_OK)
        e = read_if(doc, "assignedHub", a, &r.assigned_hub);
    if (e == BERTH_OK)
        e = read_if(doc, "deviceId", a, &r.device_id);
    if (e == BERTH_OK)
        e = read_if(doc, "errorMessage", a, &r.error_message);
    if (e == BERTH_OK)
        e = read_if(doc, "operationId", a, &r.operation_id);
    if (e != BERTH_OK)
        return e;
    r.payload = berth_json_get(doc, BERTH_STR("payload")).text;
    *out = r;
    return BERTH_OK;
}
