/* /berth/v1: what Azure has no call for, under the rights of the provisioning service. docs/api.md
 * has each call with an example. */
#include "berth/version.h"
#include "front/route.h"
#include "front/service.h"
#include "wire/json.h"

static void put_host_names(struct berth_json_out *j, const struct config *config)
{
    berth_json_name(j, BERTH_STR("hostNames"));
    berth_json_open(j, '[');
    for (size_t i = 0; i < config->host_count; i++)
        berth_json_put_string(j, berth_str_of(config->hosts[i]));
    berth_json_close(j, ']');
}

/* The first hub is the one under the daemon's own name, or else any; null when there is none. */
static const struct berth_hub *first_hub(const struct call *c, const struct berth_catalog *catalog)
{
    const struct config *config = c->f->config;
    const struct berth_hub *own =
        config->host_count == 0
            ? NULL
            : catalog_hub_of_host(c->f->catalog, config, berth_str_of(config->hosts[0]));

    return own != NULL || catalog->hub_count == 0 ? own : &catalog->hubs[0];
}

static void service_get(struct call *c)
{
    const struct berth_catalog *catalog = catalog_view(c->f->catalog);
    const struct berth_hub *hub = first_hub(c, catalog);
    struct berth_json_out j;
    struct berth_buf b;

    call_body(c, &b);
    berth_json_begin(&j, &b);
    berth_json_open(&j, '{');
    berth_json_member(&j, "version", BERTH_STR(BERTH_VERSION));
    berth_json_member(&j, "idScope", catalog->id_scope);
    put_host_names(&j, c->f->config);
    berth_json_name(&j, BERTH_STR("hub"));
    if (hub != NULL)
        berth_json_put_string(&j, hub->host_name);
    else
        berth_json_put_null(&j);
    berth_json_member_i64(&j, "httpsPort", c->f->https_port);
    berth_json_member_i64(&j, "mqttsPort", c->f->mqtts_port);
    berth_json_close(&j, '}');
    call_send(c, 200, &b, NULL, 0);
}

#define ANY    (~0u)
#define CONFIG BERTH_RIGHT_SERVICE_CONFIG
#define READ   (BERTH_RIGHT_ENROLLMENT_READ | BERTH_RIGHT_ENROLLMENT_WRITE)
#define WRITE  BERTH_RIGHT_ENROLLMENT_WRITE
#define HUBS   (BERTH_RIGHT_SERVICE_CONFIG | BERTH_RIGHT_ENROLLMENT_READ)

static const struct route rows[] = {
    { HTTP_GET, "berth/v1/service", ANY, service_get },
    { HTTP_GET, "berth/v1/ca", CONFIG, api_ca_get },
    { HTTP_POST, "berth/v1/ca/rollover", CONFIG, api_ca_rollover },
    { HTTP_POST, "berth/v1/listkeys", CONFIG, api_policy_list_keys },
    { HTTP_GET, "berth/v1/policies", CONFIG, api_policy_list },
    { HTTP_GET, "berth/v1/policies/+", CONFIG, api_policy_get },
    { HTTP_PUT, "berth/v1/policies/+", CONFIG, api_policy_put },
    { HTTP_DELETE, "berth/v1/policies/+", CONFIG, api_policy_delete },
    { HTTP_POST, "berth/v1/policies/+/listkeys", CONFIG, api_policy_get_keys },
    { HTTP_POST, "berth/v1/policies/+/regeneratekey", CONFIG, api_policy_regenerate },
    { HTTP_GET, "berth/v1/hubs", HUBS, api_hub_list },
    { HTTP_GET, "berth/v1/hubs/+", HUBS, api_hub_get },
    { HTTP_PUT, "berth/v1/hubs/+", CONFIG, api_hub_put },
    { HTTP_DELETE, "berth/v1/hubs/+", CONFIG, api_hub_delete },
    { HTTP_POST, "berth/v1/hubs/+/listkeys", CONFIG, api_policy_list_keys },
    { HTTP_GET, "berth/v1/hubs/+/policies", CONFIG, api_policy_list },
    { HTTP_GET, "berth/v1/hubs/+/policies/+", CONFIG, api_policy_get },
    { HTTP_PUT, "berth/v1/hubs/+/policies/+", CONFIG, api_policy_put },
    { HTTP_DELETE, "berth/v1/hubs/+/policies/+", CONFIG, api_policy_delete },
    { HTTP_POST, "berth/v1/hubs/+/policies/+/listkeys", CONFIG, api_policy_get_keys },
    { HTTP_POST, "berth/v1/hubs/+/policies/+/regeneratekey", CONFIG, api_policy_regenerate },
    { HTTP_GET, "berth/v1/hubs/+/events", CONFIG, api_hub_events },
    { HTTP_GET, "berth/v1/hubs/+/devices/+/provisioning", HUBS | BERTH_RIGHT_REGISTRATION_READ,
      api_device_provisioning },
    { HTTP_GET, "berth/v1/audit", CONFIG, api_audit_list },
    { HTTP_GET, "berth/v1/registrations", BERTH_RIGHT_REGISTRATION_READ, api_registration_list },
    { HTTP_GET, "berth/v1/refusals", BERTH_RIGHT_REGISTRATION_READ, api_refusal_list },
    { HTTP_GET, "berth/v1/enrollments/+/settings", READ, api_enrollment_settings_get },
    { HTTP_PATCH, "berth/v1/enrollments/+/settings", WRITE, api_enrollment_settings_patch },
    { HTTP_GET, "berth/v1/enrollmentGroups/+/settings", READ, api_group_settings_get },
    { HTTP_PATCH, "berth/v1/enrollmentGroups/+/settings", WRITE, api_group_settings_patch },
};

const struct route_table berth_api_routes = {
    .rows = rows,
    .count = sizeof rows / sizeof rows[0],
};
