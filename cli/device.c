/* berth device: the devices in a hub. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/device.h"
#include "cli/list.h"
#include "cli/output.h"
#include "cli/provisioned.h"
#include "cli/tell.h"

#define READ_POLICY "registryRead" /* the least that shows identities */
#define TWIN_POLICY "service"      /* the least that shows twins */

enum { KEY_HUB = 0x100, KEY_TOP, KEY_TWIN, KEY_SHOW_KEYS, KEY_ID };

struct input {
    const char *id, *hub;
    size_t top;
    bool twin, show_keys, lists;
};

void device_check_id(struct argp_state *state, const char *id)
{
    struct berth_id_check check;

    if (id == NULL)
        argp_error(state, "the device ID is missing");
    check = berth_device_id_check(berth_str_of(id));
    if (check.fault != BERTH_ID_FINE)
        argp_error(state, "\"%s\": an ID that %s", id, berth_id_fault_text(check.fault));
}

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
    case KEY_ID:
        if (in->lists)
            argp_error(state, "\"%s\" is not expected here", arg);
        options_take_one(state, &in->id, arg);
        return 0;
    case KEY_HUB:
        in->hub = arg;
        return 0;
    case KEY_TOP:
        in->top = (size_t)options_number(state, "--top", arg, 1, LIST_TOP_MAX);
        return 0;
    case KEY_TWIN:
        in->twin = true;
        return 0;
    case KEY_SHOW_KEYS:
        in->show_keys = true;
        return 0;
    case ARGP_KEY_END:
        if (!in->lists)
            device_check_id(state, in->id);
        if (in->twin && in->show_keys)
            argp_error(state, "a twin has no keys: --twin or --show-keys");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

struct berth_json device_keys_of(struct berth_json device)
{
    return berth_json_get(berth_json_get(device, BERTH_STR("authentication")),
                          BERTH_STR("symmetricKey"));
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

static int list(int argc, char **argv)
{
    static const char *const heads[] = { "DEVICE ID", "STATUS", "CONNECTION", "AUTHENTICATION",
                                         "LAST ACTIVITY" };
    static const struct argp_option own[] = {
        { "hub", KEY_HUB, "HUB", 0, "the hub's name; the daemon's own hub when left out", 0 },
        { "top", KEY_TOP, "NUMBER", 0, "show at most so many", 0 },
        { 0 }
    };
    const struct argp argp = { .options = own,
                               .parser = take,
                               .doc = "List the devices in a hub, without their keys." };
    struct input in = { .lists = true };
    struct login hub = { 0 };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    code = api_open(&a, &o);
    if (code == EXIT_CODE_OK)
        code = api_hub_login(&a, in.hub, READ_POLICY, &hub);
    if (code == EXIT_CODE_OK)
        code = list_run(&a,
                        &(struct listing){
                            .request = { .method = "GET", .path = "/devices" API_HUB, .hub = &hub },
                            .heads = heads,
                            .columns = sizeof heads / sizeof heads[0],
                            .row = put_row,
                            .hidden = device_keys_of,
                            .none = "no devices",
                            .top = in.top,
                            .json = o.json });
    explicit_bzero(&hub, sizeof hub);
    api_close(&a);
    return code;
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
    struct berth_json keys = device_keys_of(doc);
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
    if (show_keys) {
        table_pair(&t, "primary key", berth_json_get(keys, BERTH_STR("primaryKey")));
        table_pair(&t, "secondary key", berth_json_get(keys, BERTH_STR("secondaryKey")));
    }
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

static int show_in(struct api *a, const struct input *in, const struct login *hub, bool json)
{
    char path[API_PATH_MAX], what[DEVICE_WHAT_MAX];
    struct provisioned p = { 0 };
    int code = in->twin ? EXIT_CODE_OK : provisioned_ask(a, hub->host, in->id, &p);

    if (code != EXIT_CODE_OK)
        return code;
    (void)snprintf(what, sizeof what, "device \"%s\" in hub %s", in->id, hub->host);
    api_path(path, in->twin ? "/twins/" : "/devices/", in->id, API_HUB);
    code = api_call(
        a, &(struct api_request){ .method = "GET", .path = path, .hub = hub, .what = what });
    if (code != EXIT_CODE_OK)
        return code;
    if (json)
        output_json(stdout, a->json,
                    in->show_keys ? (struct berth_json){ 0 } : device_keys_of(a->json));
    else if (in->twin)
        print_twin(a->json);
    else
        print_identity(a->json, hub->host, &p, in->show_keys);
    provisioned_warn(&p, hub->host, in->id);
    return EXIT_CODE_OK;
}

static int show(int argc, char **argv)
{
    static const struct argp_option own[] = {
        { "device-id", KEY_ID, "DEVICE-ID", 0, "the same as ID alone, as az has it", 0 },
        { "hub", KEY_HUB, "HUB", 0, "the hub's name; the daemon's own hub when left out", 0 },
        { "twin", KEY_TWIN, NULL, 0, "its twin instead of its identity", 0 },
        { "show-keys", KEY_SHOW_KEYS, NULL, 0, "with its keys", 0 },
        { 0 }
    };
    const struct argp argp = {
        own, take, "DEVICE-ID", "Show one device of a hub.", NULL, NULL, NULL
    };
    struct input in = { 0 };
    struct login hub = { 0 };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    code = api_open(&a, &o);
    if (code == EXIT_CODE_OK)
        code = api_hub_login(&a, in.hub, in.twin ? TWIN_POLICY : READ_POLICY, &hub);
    if (code == EXIT_CODE_OK)
        code = show_in(&a, &in, &hub, o.json);
    explicit_bzero(&hub, sizeof hub);
    api_close(&a);
    return code;
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
