#include "cli/enrollment_body.h"

#include <string.h>

#include "cli/command.h"
#include "cli/json_option.h"
#include "crypto/b64.h"

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

/* Keys that are left out are made by the service. */
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

static int put_twin(struct berth_json_out *j, const struct enrollment_settings *in)
{
    int code = EXIT_CODE_OK;

    berth_json_name(j, BERTH_STR("initialTwin"));
    berth_json_open(j, '{');
    if (in->tags != NULL)
        code = json_option_put(j, "tags", "--initial-twin-tags", in->tags);
    berth_json_name(j, BERTH_STR("properties"));
    berth_json_open(j, '{');
    if (code == EXIT_CODE_OK && in->properties != NULL)
        code = json_option_put(j, "desired", "--initial-twin-properties", in->properties);
    berth_json_close(j, '}');
    berth_json_close(j, '}');
    return code;
}

int enrollment_body_put(struct berth_json_out *j, const char *id_member,
                        const struct enrollment_settings *in)
{
    int code = EXIT_CODE_OK;

    berth_json_open(j, '{');
    berth_json_member(j, id_member, berth_str_of(in->id));
    put_attestation(j, &in->keys);
    berth_json_member(j, "provisioningStatus",
                      berth_str_of(in->status != NULL ? in->status : "enabled"));
    berth_json_member(j, "allocationPolicy",
                      berth_str_of(in->allocation != NULL ? in->allocation : "hashed"));
    put_reprovision(j, in->reprovision != NULL ? in->reprovision : "reprovisionandmigratedata");
    berth_json_name(j, BERTH_STR("capabilities"));
    berth_json_open(j, '{');
    berth_json_member_bool(j, "iotEdge", in->edge);
    berth_json_close(j, '}');
    if (in->hubs != NULL)
        put_hubs(j, in->hubs);
    if (in->device_id != NULL)
        berth_json_member(j, "deviceId", berth_str_of(in->device_id));
    if (in->tags != NULL || in->properties != NULL)
        code = put_twin(j, in);
    if (code == EXIT_CODE_OK && in->information != NULL)
        code = json_option_put(j, "optionalDeviceInformation", "--device-information",
                               in->information);
    berth_json_close(j, '}');
    return code;
}
