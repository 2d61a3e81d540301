#include "cli/enrollment_body.h"

#include <string.h>

#include "cli/change.h"
#include "cli/command.h"
#include "cli/json_option.h"
#include "crypto/b64.h"

#define REPLACED_MAX 16

static void put_key(struct berth_json_out *j, const char *name, const struct berth_key *key)
{
    char text[BERTH_KEY_TEXT_MAX];
    struct berth_buf b;

    if (key->n == 0)
        return;
    berth_buf_init(&b, text, sizeof text);
    berth_key_put(&b, key);
    berth_json_member(j, name, berth_buf_str(&b));
    explicit_bzero(text, sizeof text);
}

/* Keys that are left out are made by the service, or stay as they are on a change. */
static void put_attestation(struct berth_json_out *j, const struct berth_key_pair *keys)
{
    berth_json_name(j, BERTH_STR("attestation"));
    berth_json_open(j, '{');
    berth_json_member(j, "type", BERTH_STR("symmetricKey"));
    berth_json_name(j, BERTH_STR("symmetricKey"));
    berth_json_open(j, '{');
    put_key(j, "primaryKey", &keys->primary);
    put_key(j, "secondaryKey", &keys->secondary);
    berth_json_close(j, '}');
    berth_json_close(j, '}');
}

static void put_hubs(struct berth_json_out *j, const char *hubs)
{
    berth_str rest = berth_str_of(hubs);

    berth_json_name(j, BERTH_STR("iotHubs"));
    berth_json_open(j, '[');
    while (rest.n > 0) {
        berth_str hub = berth_str_cut(&rest, ' ');

        if (hub.n > 0)
            berth_json_put_string(j, hub);
    }
    berth_json_close(j, ']');
}

static void put_reprovision(struct berth_json_out *j, const char *word)
{
    berth_json_name(j, BERTH_STR("reprovisionPolicy"));
    berth_json_open(j, '{');
    berth_json_member_bool(j, "updateHubAssignment", strcmp(word, "never") != 0);
    berth_json_member_bool(j, "migrateDeviceData", strcmp(word, "reprovisionandmigratedata") == 0);
    berth_json_close(j, '}');
}

/* A part that is not given is as OLD has it. */
static int put_twin(struct berth_json_out *j, struct berth_json old,
                    const struct enrollment_settings *in)
{
    struct berth_json tags = berth_json_get(old, BERTH_STR("tags"));
    struct berth_json properties = berth_json_get(old, BERTH_STR("properties"));
    struct berth_json desired = berth_json_get(properties, BERTH_STR("desired"));
    int code = EXIT_CODE_OK;

    berth_json_name(j, BERTH_STR("initialTwin"));
    berth_json_open(j, '{');
    if (in->tags != NULL)
        code = json_option_put(j, "tags", "--initial-twin-tags", in->tags);
    else if (tags.type != BERTH_JSON_ABSENT)
        berth_json_member_raw(j, "tags", tags.text);
    berth_json_name(j, BERTH_STR("properties"));
    berth_json_open(j, '{');
    if (code == EXIT_CODE_OK && in->properties != NULL)
        code = json_option_put(j, "desired", "--initial-twin-properties", in->properties);
    else if (desired.type != BERTH_JSON_ABSENT)
        berth_json_member_raw(j, "desired", desired.text);
    berth_json_close(j, '}');
    berth_json_close(j, '}');
    return code;
}

static void put_edge(struct berth_json_out *j, bool edge)
{
    berth_json_name(j, BERTH_STR("capabilities"));
    berth_json_open(j, '{');
    berth_json_member_bool(j, "iotEdge", edge);
    berth_json_close(j, '}');
}

/* What is put when it is given, and only then. */
static int put_given(struct berth_json_out *j, struct berth_json old_twin,
                     const struct enrollment_settings *in)
{
    int code = EXIT_CODE_OK;

    if (in->hubs != NULL)
        put_hubs(j, in->hubs);
    if (in->device_id != NULL)
        berth_json_member(j, "deviceId", berth_str_of(in->device_id));
    if (in->tags != NULL || in->properties != NULL)
        code = put_twin(j, old_twin, in);
    if (code == EXIT_CODE_OK && in->information != NULL)
        code = json_option_put(j, "optionalDeviceInformation", "--device-information",
                               in->information);
    return code;
}

int enrollment_body_put(struct berth_json_out *j, const char *id_member,
                        const struct enrollment_settings *in)
{
    int code;

    berth_json_open(j, '{');
    berth_json_member(j, id_member, berth_str_of(in->id));
    put_attestation(j, &in->keys);
    berth_json_member(j, "provisioningStatus",
                      berth_str_of(in->status != NULL ? in->status : "enabled"));
    berth_json_member(j, "allocationPolicy",
                      berth_str_of(in->allocation != NULL ? in->allocation : "hashed"));
    put_reprovision(j, in->reprovision != NULL ? in->reprovision : "reprovisionandmigratedata");
    put_edge(j, in->edge);
    code = put_given(j, (struct berth_json){ 0 }, in);
    berth_json_close(j, '}');
    return code;
}

static bool any_key(const struct enrollment_settings *in)
{
    return in->keys.primary.n > 0 || in->keys.secondary.n > 0;
}

/* The members of a document that IN replaces, and those that are not for clients to write. */
static void list_replaced(const struct enrollment_settings *in, const char *names[REPLACED_MAX])
{
    const struct {
        const char *name;
        bool given;
    } rows[] = {
        { "registrationState", true },
        { "createdDateTimeUtc", true },
        { "lastUpdatedDateTimeUtc", true },
        { "etag", true },
        { "attestation", any_key(in) },
        { "provisioningStatus", in->status != NULL },
        { "allocationPolicy", in->allocation != NULL },
        { "reprovisionPolicy", in->reprovision != NULL },
        { "capabilities", in->edge_given },
        { "iotHubs", in->hubs != NULL },
        { "deviceId", in->device_id != NULL },
        { "initialTwin", in->tags != NULL || in->properties != NULL },
        { "optionalDeviceInformation", in->information != NULL },
    };
    size_t n = 0;

    _Static_assert(sizeof rows / sizeof rows[0] < REPLACED_MAX, "room for the NULL");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].given)
            names[n++] = rows[i].name;
    names[n] = NULL;
}

int enrollment_body_change(struct berth_json_out *j, struct berth_json doc,
                           const struct enrollment_settings *in)
{
    const char *replaced[REPLACED_MAX];
    int code;

    list_replaced(in, replaced);
    berth_json_open(j, '{');
    change_copy(j, doc, replaced);
    if (any_key(in))
        put_attestation(j, &in->keys);
    if (in->status != NULL)
        berth_json_member(j, "provisioningStatus", berth_str_of(in->status));
    if (in->allocation != NULL)
        berth_json_member(j, "allocationPolicy", berth_str_of(in->allocation));
    if (in->reprovision != NULL)
        put_reprovision(j, in->reprovision);
    if (in->edge_given)
        put_edge(j, in->edge);
    code = put_given(j, berth_json_get(doc, BERTH_STR("initialTwin")), in);
    berth_json_close(j, '}');
    return code;
}
