/* berth device: the devices in a hub. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/device.h"
#include "cli/id_check.h"
#include "cli/list.h"
#include "cli/output.h"
#include "cli/provisioned.h"
#include "cli/tell.h"

enum { KEY_TWIN = 0x100 };
enum { FILTER_HUB };

struct show_input {
    struct verb_input verb; /* first: verb_take's */
    bool twin;
};

void device_check_id(struct argp_state *state, const char *id)
{
    if (id == NULL)
        argp_error(state, "the device ID is missing");
    id_check_device(state, NULL, id);
}

const char *device_what(const char *id, const struct login *hub, char out[DEVICE_WHAT_MAX])
{
    (void)snprintf(out, DEVICE_WHAT_MAX, "device \"%s\" in hub %s", id, hub->host);
    return out;
}

struct berth_json device_keys_of(struct berth_json device)
{
    return berth_json_get(berth_json_get(device, BERTH_STR("authentication")),
                          BERTH_STR("symmetricKey"));
}

/* Where its registration has put the device ID; "" when that is not known, or not to be told. */
static void ask_assigned_hub(struct api *a, const char *id, char hub[LOGIN_HOST_MAX + 1])
{
    char path[API_PATH_MAX], device_id[BERTH_ID_MAX + 1];
    int code;

    hub[0] = '\0';
    api_path(path, "/registrations/", id, API_DPS);
    code = api_call(
        a, &(struct api_request){ .method = "GET", .path = path, .pardoned = API_REFUSED });
    if (code == EXIT_CODE_OK && api_string(a->json, "deviceId", device_id, sizeof device_id) &&
        strcmp(device_id, id) == 0)
        (void)api_string(a->json, "assignedHub", hub, LOGIN_HOST_MAX + 1);
}

int device_say_where(struct api *a, const struct verb_input *in, const struct login *hub, int code)
{
    char other[LOGIN_HOST_MAX + 1];
    struct provisioned p;

    if (code != EXIT_CODE_NOT_FOUND || in->hub != NULL)
        return code;
    ask_assigned_hub(a, in->id, other);
    /* The registration may be older than the device's end. */
    if (other[0] != '\0' && strcmp(other, hub->host) != 0 &&
        provisioned_ask(a, other, in->id, &p) == EXIT_CODE_OK && p.registration[0] != '\0')
        tell_note("  it is in hub %s: give --hub %s", other, other);
    return code;
}

/* ---- list ---- */

static void put_row(struct table *t, struct berth_json item)
{
    struct berth_json how = berth_json_get(item, BERTH_STR("authentication"));

    table_put_json(t, berth_json_get(item, BERTH_STR("deviceId")));
    table_put_json(t, berth_json_get(item, BERTH_STR("status")));
    table_put_json(t, berth_json_get(item, BERTH_STR("connectionState")));
    table_put_json(t, berth_json_get(how, BERTH_STR("type")));
    table_put_time(t, berth_json_get(item, BERTH_STR("lastActivityTime")));
}

static int ask(struct api *a, const char *const *values, struct list_question *out)
{
    int code = api_hub_login(a, values[FILTER_HUB], BERTH_RIGHT_REGISTRY_READ, &out->hub);

    out->request =
        (struct api_request){ .method = "GET", .path = "/devices" API_HUB, .hub = &out->hub };
    return code;
}

static int list(int argc, char **argv)
{
    static const char *const heads[] = { "DEVICE ID", "STATUS", "CONNECTION", "AUTHENTICATION",
                                         "LAST ACTIVITY" };
    static const char *const states[] = { "connected", "disconnected", NULL };
    static const struct list_filter filters[] = {
        [FILTER_HUB] = { "hub", "HUB", "the hub's name; the daemon's own hub when left out",
                         LIST_ASKS, NULL, NULL },
        { "prefix", "TEXT", "those whose ID begins so alone", LIST_STARTS, "deviceId", NULL },
        { "status", "enabled|disabled", "those with this status alone", LIST_IS, "status",
          list_words_status },
        { "connection-state", "connected|disconnected", "those in this state alone", LIST_IS,
          "connectionState", states },
        { "since", "TIME", "those active since then alone: a time, or 7d, 12h, 30m", LIST_SINCE,
          "lastActivityTime", NULL },
        { 0 }
    };
    static const struct list_form form = { .doc = "List the devices in a hub, without their keys.",
                                           .none = "no devices",
                                           .heads = heads,
                                           .columns = sizeof heads / sizeof heads[0],
                                           .row = put_row,
                                           .hidden = device_keys_of,
                                           .filters = filters,
                                           .ask = ask };

    return list_verb(&form, argc, argv);
}

/* ---- show ---- */

static void print_known(struct table *t, const char *name, const char *id)
{
    if (id[0] != '\0')
        table_pair_text(t, name, berth_str_of(id));
}

static void print_identity(struct berth_json doc, const char *hub, const struct provisioned *p,
                           bool show_keys)
{
    struct berth_json how = berth_json_get(doc, BERTH_STR("authentication"));
    struct berth_json can = berth_json_get(doc, BERTH_STR("capabilities"));
    struct table t;

    table_init(&t, stdout, NULL, 2);
    table_pair(&t, "device", berth_json_get(doc, BERTH_STR("deviceId")));
    table_pair_text(&t, "hub", berth_str_of(hub));
    print_known(&t, "registration", p->registration);
    print_known(&t, "other registration", p->other);
    table_pair(&t, "status", berth_json_get(doc, BERTH_STR("status")));
    table_pair(&t, "status reason", berth_json_get(doc, BERTH_STR("statusReason")));
    table_pair(&t, "connection", berth_json_get(doc, BERTH_STR("connectionState")));
    table_put(&t, BERTH_STR("last activity"));
    table_put_time(&t, berth_json_get(doc, BERTH_STR("lastActivityTime")));
    table_pair(&t, "authentication", berth_json_get(how, BERTH_STR("type")));
    table_pair(&t, "IoT Edge", berth_json_get(can, BERTH_STR("iotEdge")));
    if (show_keys)
        table_pair_keys(&t, device_keys_of(doc));
    (void)table_deinit(&t);
}

static void print_section(const char *name, struct berth_json v)
{
    (void)printf("%s ", name);
    if (v.type == BERTH_JSON_ABSENT)
        (void)printf("-\n");
    else
        output_json(stdout, v, (struct berth_json){ 0 });
}

static void print_twin(struct berth_json doc)
{
    struct berth_json properties = berth_json_get(doc, BERTH_STR("properties"));

    print_section("tags", berth_json_get(doc, BERTH_STR("tags")));
    print_section("desired", berth_json_get(properties, BERTH_STR("desired")));
    print_section("reported", berth_json_get(properties, BERTH_STR("reported")));
}

static void print_identity_json(struct berth_json doc, const struct provisioned *p, bool show_keys)
{
    const struct output_member whom[] = { { "registrationId", p->registration },
                                          { "otherRegistrationId", p->other } };
    struct berth_json hidden = { 0 };

    if (!show_keys)
        hidden = device_keys_of(doc);
    output_object(stdout, doc, hidden, whom, sizeof whom / sizeof whom[0]);
}

static int show_in(struct api *a, const struct show_input *in, const struct login *hub, bool json)
{
    char path[API_PATH_MAX], what[DEVICE_WHAT_MAX];
    bool show_keys = in->verb.show_keys;
    struct provisioned p = { 0 };
    int code = in->twin ? EXIT_CODE_OK : provisioned_ask(a, hub->host, in->verb.id, &p);

    if (code != EXIT_CODE_OK)
        return code;
    api_path(path, in->twin ? "/twins/" : "/devices/", in->verb.id, API_HUB);
    code = api_call(a, &(struct api_request){ .method = "GET",
                                              .path = path,
                                              .hub = hub,
                                              .what = device_what(in->verb.id, hub, what) });
    if (code != EXIT_CODE_OK)
        return code;
    if (in->twin && json)
        output_json(stdout, a->json, (struct berth_json){ 0 });
    else if (in->twin)
        print_twin(a->json);
    else if (json)
        print_identity_json(a->json, &p, show_keys);
    else
        print_identity(a->json, hub->host, &p, show_keys);
    provisioned_warn(&p, hub->host, in->verb.id);
    return EXIT_CODE_OK;
}

static int show_one(struct api *a, const struct options *o, void *input)
{
    const struct show_input *in = input;
    struct login hub;
    int code = api_hub_login(
        a, in->verb.hub, in->twin ? BERTH_RIGHT_SERVICE_CONNECT : BERTH_RIGHT_REGISTRY_READ, &hub);

    if (code == EXIT_CODE_OK)
        code = device_say_where(a, &in->verb, &hub, show_in(a, in, &hub, o->json));
    explicit_bzero(&hub, sizeof hub);
    return code;
}

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct show_input *in = state->input;

    if (key == KEY_TWIN) {
        in->twin = true;
        return 0;
    }
    if (key == ARGP_KEY_END && in->twin && in->verb.show_keys)
        argp_error(state, "a twin has no keys: --twin or --show-keys");
    return verb_take(key, arg, state);
}

static int show(int argc, char **argv)
{
    static const struct argp_option own[] = { VERB_ID("device-id", "DEVICE-ID"),
                                              VERB_HUB,
                                              { "twin", KEY_TWIN, NULL, 0,
                                                "its twin instead of its identity", 0 },
                                              VERB_SHOW_KEYS,
                                              { 0 } };
    const struct argp argp = {
        own, take, "DEVICE-ID", "Show one device of a hub.", NULL, NULL, NULL
    };
    struct show_input in = { .verb = { .check_id = device_check_id } };

    return verb_run(&argp, &in, show_one, argc, argv);
}

const struct command device_commands[] = {
    { "provision", "be a device: register with the service", device_provision_run, NULL },
    { "list", "list the devices in a hub", list, NULL },
    { "show", "show one, its twin or its keys", show, NULL },
    { "enable", "let one connect to its hub again", device_enable_run, NULL },
    { "disable", "keep one out of its hub", device_disable_run, NULL },
    { "delete", "delete one from its hub", device_delete_run, NULL },
    { NULL, NULL, NULL, NULL },
};
