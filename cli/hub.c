/* berth hub: the hubs that devices are assigned to. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/hub.h"
#include "cli/list.h"
#include "cli/output.h"
#include "cli/tell.h"

#define BODY_MAX 128

enum { KEY_WEIGHT = 0x100, KEY_NO_ALLOCATION };

struct input {
    const char *name;
    long weight;
    bool no_allocation;
};

void hub_check_name(struct argp_state *state, const char *name)
{
    char host[LOGIN_HOST_MAX + 1];
    uint16_t port;

    if (name == NULL)
        argp_error(state, "the hub's name is missing");
    if (login_host(berth_str_of(name), host, &port) != BERTH_OK || port != 0)
        argp_error(state, "\"%s\" is not a host name", name);
}

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        options_take_one(state, &in->name, arg);
        return 0;
    case KEY_WEIGHT:
        in->weight = options_number(state, "--allocation-weight", arg, 1, HUB_WEIGHT_MAX);
        return 0;
    case KEY_NO_ALLOCATION:
        in->no_allocation = true;
        return 0;
    case ARGP_KEY_END:
        hub_check_name(state, in->name);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void put_row(struct table *t, struct berth_json item)
{
    bool takes = false;

    if (berth_json_bool(berth_json_get(item, BERTH_STR("allocation")), &takes) != BERTH_OK)
        takes = false;
    table_put_json(t, berth_json_get(item, BERTH_STR("hostName")));
    table_put(t, takes ? BERTH_STR("true") : BERTH_STR("false"));
    table_put_json(t, berth_json_get(item, BERTH_STR("allocationWeight")));
    table_put_json(t, berth_json_get(item, BERTH_STR("deviceCount")));
}

static int ask(struct api *a, const char *const *values, struct list_question *out)
{
    (void)a, (void)values;
    out->request = (struct api_request){ .method = "GET", .path = "/berth/v1/hubs" };
    return EXIT_CODE_OK;
}

static int list(int argc, char **argv)
{
    static const char *const heads[] = { "HUB", "ALLOCATION", "WEIGHT", "DEVICES" };
    static const char *const truth[] = { "true", "false", NULL };
    static const struct list_filter filters[] = {
        { "prefix", "TEXT", "those whose name begins so alone", LIST_STARTS, "hostName", NULL },
        { "allocation", "true|false", "those that are given new devices, or are not", LIST_IS,
          "allocation", truth },
        { 0 }
    };
    static const struct list_form form = { .doc = "List the hubs.",
                                           .none = "no hubs",
                                           .heads = heads,
                                           .columns = sizeof heads / sizeof heads[0],
                                           .row = put_row,
                                           .filters = filters,
                                           .whole = true,
                                           .ask = ask };

    return list_verb(&form, argc, argv);
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static bool is_address(const char *name)
{
    struct in6_addr any;

    return inet_pton(AF_INET, name, &any) == 1 || inet_pton(AF_INET6, name, &any) == 1;
}

/* Old services do not say. */
static void tell_certificate(struct berth_json hub, const char *name)
{
    struct berth_json problem = berth_json_get(hub, BERTH_STR("certificateProblem"));
    unsigned char memory[2048];
    struct berth_arena arena;
    berth_str words;

    berth_arena_init(&arena, memory, sizeof memory);
    if (problem.type == BERTH_JSON_STRING && berth_json_string(problem, &arena, &words) == BERTH_OK)
        tell_warning("the service's certificate does not name %s: %.*s", name,
                     BERTH_STR_ARG(words));
}

static void tell_next(const struct api *a, const char *name)
{
    const char *address =
        a->address[0] == '\0' || is_loopback(a->address) ? "<this machine's address>" : a->address;

    if (is_address(name))
        return;
    tell_hint("Devices must reach the daemon under this name. In DNS, or in their /etc/hosts:");
    tell_hint("  %s.  %s  %s", name, strchr(address, ':') != NULL ? "AAAA" : "A", address);
    tell_hint("  %s %s", address, name);
}

static int put(struct api *a, const struct input *in, bool json)
{
    char path[API_PATH_MAX], body[BODY_MAX], what[LOGIN_HOST_MAX + 16];
    int n = snprintf(body, sizeof body, "{\"allocationWeight\":%ld,\"allocation\":%s}", in->weight,
                     in->no_allocation ? "false" : "true");
    int code;

    (void)snprintf(what, sizeof what, "hub %s", in->name);
    api_path(path, "/berth/v1/hubs/", in->name, "");
    code =
        api_call(a, &(struct api_request){
                        .method = "PUT", .path = path, .body = { body, (size_t)n }, .what = what });
    if (code != EXIT_CODE_OK)
        return code;
    if (json)
        output_json(stdout, a->json, (struct berth_json){ 0 });
    else
        (void)printf("created %s\n", what);
    tell_certificate(a->json, in->name);
    return EXIT_CODE_OK;
}

static int create(int argc, char **argv)
{
    static const struct argp_option own[] = {
        { "allocation-weight", KEY_WEIGHT, "NUMBER", 0,
          "its share of new devices against other hubs, 1 to 1000", 0 },
        { "no-allocation", KEY_NO_ALLOCATION, NULL, 0, "no new devices are assigned to it", 0 },
        { 0 }
    };
    const struct argp argp = { own,
                               take,
                               "NAME",
                               "Make a hub. Its name is a host name under which devices reach the "
                               "daemon, such as line2.plant.example.",
                               NULL,
                               NULL,
                               NULL };
    struct input in = { .weight = 1 };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    code = api_open(&a, &o);
    if (code == EXIT_CODE_OK)
        code = put(&a, &in, o.json);
    if (code == EXIT_CODE_OK && !o.json)
        tell_next(&a, in.name);
    api_close(&a);
    return code;
}

const struct command hub_commands[] = {
    { "create", "make a hub", create, NULL },
    { "list", "list the hubs", list, NULL },
    { "show", "show one", hub_show_run, NULL },
    { "update", "change its share of new devices", hub_update_run, NULL },
    { "delete", "delete one", hub_delete_run, NULL },
    { "monitor", "print what devices send", hub_monitor_run, NULL },
    { NULL, NULL, NULL, NULL },
};
