/* berth registration: what devices have registered, and as what. */
#include <stdio.h>

#include "berth/registration_id.h"
#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/list.h"
#include "cli/output.h"
#include "cli/provisioned.h"
#include "cli/tell.h"

#define WHAT_MAX (BERTH_ID_MAX + 32)

enum { KEY_GROUP = 0x100, KEY_TOP, KEY_YES, KEY_ID };

struct input {
    const char *id, *group;
    size_t top;
    bool yes, lists;
};

static void check_id(struct argp_state *state, const char *id)
{
    struct berth_id_check check;

    if (id == NULL)
        argp_error(state, "the registration ID is missing");
    check = berth_registration_id_check(berth_str_of(id));
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
    case KEY_GROUP:
        check_id(state, arg);
        in->group = arg;
        return 0;
    case KEY_TOP:
        in->top = (size_t)options_number(state, "--top", arg, 1, LIST_TOP_MAX);
        return 0;
    case KEY_YES:
        in->yes = true;
        return 0;
    case ARGP_KEY_END:
        if (!in->lists)
            check_id(state, in->id);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void put_row(struct table *t, struct berth_json item)
{
    table_put_json(t, berth_json_get(item, BERTH_STR("registrationId")));
    table_put_json(t, berth_json_get(item, BERTH_STR("status")));
    table_put_json(t, berth_json_get(item, BERTH_STR("assignedHub")));
    table_put_json(t, berth_json_get(item, BERTH_STR("deviceId")));
    table_put_time(t, berth_json_get(item, BERTH_STR("lastUpdatedDateTimeUtc")));
}

static int list_of(struct api *a, const struct input *in, bool json)
{
    static const char *const heads[] = { "REGISTRATION ID", "STATUS", "HUB", "DEVICE ID",
                                         "LAST CHANGE" };
    char path[API_PATH_MAX] = "/berth/v1/registrations", what[WHAT_MAX];
    struct api_request request = { .method = "GET", .path = path };

    if (in->group != NULL) {
        (void)snprintf(what, sizeof what, "enrollment group \"%s\"", in->group);
        api_path(path, "/registrations/", in->group, "/query" API_DPS);
        request = (struct api_request){
            .method = "POST", .path = path, .body = BERTH_STR("{\"query\":\"*\"}"), .what = what
        };
    }
    return list_run(a, &(struct listing){ .request = request,
                                          .heads = heads,
                                          .columns = sizeof heads / sizeof heads[0],
                                          .row = put_row,
                                          .none = "no registrations",
                                          .top = in->top,
                                          .json = json });
}

static int list(int argc, char **argv)
{
    static const struct argp_option own[] = {
        { "enrollment-group", KEY_GROUP, "GROUP-ID", 0, "those of this group alone", 0 },
        { "group-id", KEY_GROUP, NULL, OPTION_ALIAS, NULL, 0 },
        { "gid", KEY_GROUP, NULL, OPTION_ALIAS, NULL, 0 },
        { "top", KEY_TOP, "NUMBER", 0, "show at most so many", 0 },
        { 0 }
    };
    const struct argp argp = { .options = own,
                               .parser = take,
                               .doc = "List the devices that have registered." };
    struct input in = { .lists = true };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    code = api_open(&a, &o);
    if (code == EXIT_CODE_OK)
        code = list_of(&a, &in, o.json);
    api_close(&a);
    return code;
}

static void print(struct berth_json doc)
{
    struct table t;

    table_init(&t, stdout, NULL, 2);
    table_pair(&t, "registration", berth_json_get(doc, BERTH_STR("registrationId")));
    table_pair(&t, "status", berth_json_get(doc, BERTH_STR("status")));
    table_pair(&t, "substatus", berth_json_get(doc, BERTH_STR("substatus")));
    table_pair(&t, "hub", berth_json_get(doc, BERTH_STR("assignedHub")));
    table_pair(&t, "device ID", berth_json_get(doc, BERTH_STR("deviceId")));
    if (berth_json_get(doc, BERTH_STR("errorCode")).type == BERTH_JSON_NUMBER) {
        table_pair(&t, "error", berth_json_get(doc, BERTH_STR("errorCode")));
        table_pair(&t, "error message", berth_json_get(doc, BERTH_STR("errorMessage")));
    }
    table_put(&t, BERTH_STR("created"));
    table_put_time(&t, berth_json_get(doc, BERTH_STR("createdDateTimeUtc")));
    table_put(&t, BERTH_STR("last change"));
    table_put_time(&t, berth_json_get(doc, BERTH_STR("lastUpdatedDateTimeUtc")));
    (void)table_deinit(&t);
}

/* After the registration has been shown: whether another one stands for its device. */
static int warn_of_other(struct api *a, const char *hub, const char *device_id)
{
    struct provisioned p;
    int code = provisioned_ask(a, hub, device_id, &p);

    if (code == EXIT_CODE_OK)
        provisioned_warn(&p, hub, device_id);
    return code;
}

static int show_one(struct api *a, const char *id, bool json)
{
    char path[API_PATH_MAX], what[WHAT_MAX], hub[LOGIN_HOST_MAX + 1], device_id[BERTH_ID_MAX + 1];
    int code;

    (void)snprintf(what, sizeof what, "registration \"%s\"", id);
    api_path(path, "/registrations/", id, API_DPS);
    code = api_call(a, &(struct api_request){ .method = "GET", .path = path, .what = what });
    if (code != EXIT_CODE_OK)
        return code;
    if (json)
        output_json(stdout, a->json, (struct berth_json){ 0 });
    else
        print(a->json);
    if (!api_string(a->json, "assignedHub", hub, sizeof hub) ||
        !api_string(a->json, "deviceId", device_id, sizeof device_id))
        return EXIT_CODE_OK;
    return warn_of_other(a, hub, device_id);
}

static int show(int argc, char **argv)
{
    static const struct argp_option own[] = { { "registration-id", KEY_ID, "REGISTRATION-ID", 0,
                                                "the same as ID alone, as az has it", 0 },
                                              { "rid", KEY_ID, NULL, OPTION_ALIAS, NULL, 0 },
                                              { 0 } };
    const struct argp argp = {
        own, take, "REGISTRATION-ID", "Show one device's registration.", NULL, NULL, NULL
    };
    struct input in = { 0 };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    code = api_open(&a, &o);
    if (code == EXIT_CODE_OK)
        code = show_one(&a, in.id, o.json);
    api_close(&a);
    return code;
}

static int remove_one(int argc, char **argv)
{
    static const struct argp_option own[] = { { "registration-id", KEY_ID, "REGISTRATION-ID", 0,
                                                "the same as ID alone, as az has it", 0 },
                                              { "rid", KEY_ID, NULL, OPTION_ALIAS, NULL, 0 },
                                              { "yes", KEY_YES, NULL, 0, "do not ask", 0 },
                                              { 0 } };
    const struct argp argp = { own,
                               take,
                               "REGISTRATION-ID",
                               "Forget a device's registration. The device stays in its hub; its "
                               "next registration is a first one.",
                               NULL,
                               NULL,
                               NULL };
    char path[API_PATH_MAX], what[WHAT_MAX];
    struct input in = { 0 };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    (void)snprintf(what, sizeof what, "registration \"%s\"", in.id);
    code = confirm("delete", what, in.yes);
    if (code != EXIT_CODE_OK)
        return code;
    code = api_open(&a, &o);
    api_path(path, "/registrations/", in.id, API_DPS);
    if (code == EXIT_CODE_OK)
        code =
            api_call(&a, &(struct api_request){ .method = "DELETE", .path = path, .what = what });
    if (code == EXIT_CODE_OK && !o.json)
        (void)printf("deleted %s\n", what);
    api_close(&a);
    return code;
}

const struct command registration_commands[] = {
    { "list", "list the devices that have registered", list, NULL },
    { "show", "show one", show, NULL },
    { "delete", "forget one", remove_one, NULL },
    { NULL, NULL, NULL, NULL },
};
