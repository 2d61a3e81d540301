#include "front/policy_body.h"

#include "crypto/b64.h"
#include "wire/json.h"

static bool refuse(struct call *c, const char *message)
{
    call_refuse(c, BERTH_WHY_REQUEST_INVALID, berth_str_of(message));
    return false;
}

static bool parse_rights(struct call *c, struct berth_json doc, struct berth_policy *p)
{
    unsigned may = p->hub.n > 0 ? BERTH_RIGHTS_OF_HUB : BERTH_RIGHTS_OF_SERVICE;
    berth_str names;

    if (berth_json_string(berth_json_get(doc, BERTH_STR("rights")), &c->arena, &names) ==
            BERTH_OK &&
        berth_rights_parse(names, &p->rights) == BERTH_OK && p->rights != 0 &&
        (p->rights & ~may) == 0)
        return true;
    return refuse(c, p->hub.n > 0
                         ? "rights must be some of RegistryRead, RegistryWrite, "
                           "ServiceConnect, DeviceConnect, with commas between."
                         : "rights must be some of ServiceConfig, EnrollmentRead, "
                           "EnrollmentWrite, RegistrationStatusRead, RegistrationStatusWrite, "
                           "DeviceConnect, with commas between.");
}

static bool parse_key(struct call *c, struct berth_json doc, const char *name,
                      struct berth_key *out)
{
    struct berth_json member = berth_json_get(doc, berth_str_of(name));
    berth_str text;

    if (member.type == BERTH_JSON_ABSENT || member.type == BERTH_JSON_NULL)
        return true;
    if (berth_json_string(member, &c->arena, &text) == BERTH_OK &&
        berth_key_decode(text, out) == BERTH_OK)
        return true;
    return refuse(c, "A key must be base64 of 16 to 64 bytes.");
}

bool policy_body_read(struct call *c, struct berth_policy *out)
{
    struct berth_json doc;

    if (berth_json_check(c->body, &doc, NULL) != BERTH_OK || doc.type != BERTH_JSON_OBJECT)
        return refuse(c, "The body must be a JSON object.");
    return parse_rights(c, doc, out) && parse_key(c, doc, "primaryKey", &out->keys.primary) &&
           parse_key(c, doc, "secondaryKey", &out->keys.secondary);
}

bool policy_body_drop_key(struct call *c, struct berth_policy *p)
{
    struct berth_json doc, type = { 0 };

    if (berth_json_check(c->body, &doc, NULL) == BERTH_OK && doc.type == BERTH_JSON_OBJECT)
        type = berth_json_get(doc, BERTH_STR("keyType"));
    if (berth_json_is(type, BERTH_STR("primary")))
        p->keys.primary = (struct berth_key){ 0 };
    else if (berth_json_is(type, BERTH_STR("secondary")))
        p->keys.secondary = (struct berth_key){ 0 };
    else
        return refuse(c, "The body must be {\"keyType\": primary or secondary}.");
    return true;
}
