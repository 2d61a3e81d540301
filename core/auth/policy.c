#include "auth/policy.h"

#include <string.h>

#include "base/ascii.h"
#include "crypto/key_pair.h"
#include "wire/json_key.h"

const struct berth_policy_default berth_service_policies[] = {
    { "provisioningserviceowner", BERTH_RIGHTS_OF_SERVICE },
    { NULL, 0 },
};

const struct berth_policy_default berth_hub_policies[] = {
    { "iothubowner", BERTH_RIGHTS_OF_HUB },
    { "service", BERTH_RIGHT_SERVICE_CONNECT },
    { "device", BERTH_RIGHT_DEVICE_CONNECT },
    { "registryRead", BERTH_RIGHT_REGISTRY_READ },
    { "registryReadWrite", BERTH_RIGHT_REGISTRY_READ | BERTH_RIGHT_REGISTRY_WRITE },
    { NULL, 0 },
};

/* By the position of the bit. */
static const char *const right_names[] = {
    "ServiceConfig",          "EnrollmentRead",          "EnrollmentWrite",
    "RegistrationStatusRead", "RegistrationStatusWrite", "RegistryRead",
    "RegistryWrite",          "ServiceConnect",          "DeviceConnect",
};
#define RIGHT_COUNT (sizeof right_names / sizeof right_names[0])

const char *berth_right_name(unsigned bit)
{
    for (size_t i = 0; i < RIGHT_COUNT; i++)
        if (bit == 1u << i)
            return right_names[i];
    return "";
}

/* "EnrollmentRead, EnrollmentWrite" */
static void put_rights(struct berth_buf *b, unsigned rights)
{
    const char *separator = "";

    for (size_t i = 0; i < RIGHT_COUNT; i++) {
        if ((rights & 1u << i) == 0)
            continue;
        berth_buf_put(b, berth_str_of(separator));
        berth_buf_put(b, berth_str_of(right_names[i]));
        separator = ", ";
    }
}

static void put_rights_member(struct berth_json_out *j, unsigned rights)
{
    berth_json_name(j, BERTH_STR("rights"));
    berth_json_put_raw(j, BERTH_STR("\""));
    put_rights(j->b, rights);
    berth_buf_put_char(j->b, '"');
}

void berth_policy_put(struct berth_buf *b, const struct berth_policy *p, berth_str etag,
                      bool with_keys)
{
    struct berth_json_out j;

    berth_json_begin(&j, b);
    berth_json_open(&j, '{');
    berth_json_member(&j, "keyName", p->name);
    put_rights_member(&j, p->rights);
    if (etag.n > 0)
        berth_json_member(&j, "etag", etag);
    if (with_keys) {
        berth_json_member_key(&j, "primaryKey", &p->keys.primary);
        berth_json_member_key(&j, "secondaryKey", &p->keys.secondary);
    }
    berth_json_close(&j, '}');
}

/* 0 for a name that is no right's. */
static unsigned right_of(berth_str name)
{
    for (size_t i = 0; i < RIGHT_COUNT; i++)
        if (berth_str_eq(name, berth_str_of(right_names[i])))
            return 1u << i;
    return 0;
}

berth_err berth_rights_parse(berth_str names, unsigned *out)
{
    while (names.n > 0) {
        unsigned right = right_of(berth_str_trim(berth_str_cut(&names, ',')));
        if (right == 0)
            return BERTH_E_SYNTAX;
        *out |= right;
    }
    return BERTH_OK;
}

bool berth_policy_name_is_valid(berth_str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!ascii_is_alnum(name.p[i]) && memchr("-._", name.p[i], 3) == NULL)
            return false;
    return name.n > 0 && name.n <= BERTH_POLICY_NAME_MAX;
}

static berth_err decode_body(berth_str body, struct berth_arena *a, struct berth_policy *p)
{
    struct berth_json document;
    berth_str names;
    berth_err e = berth_json_check(body, &document, NULL);

    if (e != BERTH_OK)
        return BERTH_E_SYNTAX;
    e = berth_json_string(berth_json_get(document, BERTH_STR("rights")), a, &names);
    return e == BERTH_OK ? berth_rights_parse(names, &p->rights) : e;
}

berth_err berth_policy_decode(const struct berth_record *rec, struct berth_arena *a,
                              struct berth_policy *out)
{
    berth_err e = BERTH_E_SYNTAX;

    *out = (struct berth_policy){ .hub = rec->scope, .name = rec->name, .version = rec->version };
    if (rec->kind == BERTH_KIND_POLICY && rec->name.n > 0)
        e = decode_body(rec->body, a, out);
    if (e == BERTH_OK && berth_key_pair_decode(rec->secret, &out->keys) != BERTH_OK)
        e = BERTH_E_SYNTAX;
    if (e != BERTH_OK)
        *out = (struct berth_policy){ 0 };
    return e;
}

static berth_err encode_body(unsigned rights, struct berth_arena *a, berth_str *out)
{
    struct berth_json_out j;
    struct berth_buf b;

    berth_arena_lend(a, &b);
    berth_json_begin(&j, &b);
    berth_json_open(&j, '{');
    put_rights_member(&j, rights);
    berth_json_close(&j, '}');
    return berth_arena_keep(a, &b, out);
}

berth_err berth_policy_encode(const struct berth_policy *p, struct berth_arena *a,
                              struct berth_record *out)
{
    berth_err e;

    *out = (struct berth_record){
        .kind = BERTH_KIND_POLICY,
        .key = p->name,
        .name = p->name,
        .owner = BERTH_STR(""),
    };
    e = berth_arena_lower(a, p->hub, &out->scope);
    if (e == BERTH_OK)
        e = encode_body(p->rights, a, &out->body);
    if (e == BERTH_OK)
        e = berth_key_pair_encode(&p->keys, a, &out->secret);
    return e;
}
