/* berth registration: what devices have registered, and as what. */
#include "cli/registration.h"

#include <stdio.h>

#include "cli/command.h"
#include "cli/enrollment.h"
#include "cli/id_check.h"
#include "cli/list.h"
#include "cli/output.h"
#include "cli/provisioned.h"
#include "cli/tell.h"
#include "cli/verb.h"

enum { FILTER_GROUP, FILTER_HUB = 5 };

static void put_row(struct table *t, struct berth_json item)
{
    table_put_json(t, berth_json_get(item, BERTH_STR("registrationId")));
    table_put_json(t, berth_json_get(item, BERTH_STR("status")));
    table_put_json(t, berth_json_get(item, BERTH_STR("assignedHub")));
    table_put_json(t, berth_json_get(item, BERTH_STR("deviceId")));
    table_put_time(t, berth_json_get(item, BERTH_STR("lastUpdatedDateTimeUtc")));
}

static int ask(struct api *a, const char *const *values, struct list_question *out)
{
    const char *group = values[FILTER_GROUP];

    (void)a;
    out->request = (struct api_request){ .method = "GET", .path = "/berth/v1/registrations" };
    if (group == NULL)
        return EXIT_CODE_OK;
    if (berth_registration_id_check(berth_str_of(group)).fault != BERTH_ID_FINE)
        return tell_failure(EXIT_CODE_USAGE,
                            "--enrollment-group %s: no group can have this ID\n  " ID_CHECK_RULES,
                            group);
    api_path(out->path, "/registrations/", group, "/query" API_DPS);
    out->request = (struct api_request){ .method = "POST",
                                         .path = out->path,
                                         .body = BERTH_STR("{\"query\":\"*\"}") };
    return EXIT_CODE_OK;
}

static int check_group(struct api *a, const char *group)
{
    char path[API_PATH_MAX], what[ENROLLMENT_WHAT_MAX];

    api_path(path, enrollment_group.path, group, API_DPS);
    return api_call(a,
                    &(struct api_request){ .method = "GET",
                                           .path = path,
                                           .what = enrollment_what(&enrollment_group, group, what),
                                           .pardoned = 401 });
}

/* A group or hub that nobody has registered with, or a slip of the pen? Registrations outlive both:
 * the service lists them in either case. */
static int check(struct api *a, const char *const *values)
{
    int code = EXIT_CODE_OK;

    if (values[FILTER_GROUP] != NULL)
        code = check_group(a, values[FILTER_GROUP]);
    if (code == EXIT_CODE_OK && values[FILTER_HUB] != NULL)
        code = api_look_for_hub(a, values[FILTER_HUB]);
    return code;
}

static int list(int argc, char **argv)
{
    static const char *const statuses[] = { "unassigned", "assigning", "assigned",
                                            "failed",     "disabled",  NULL };
    static const char *const heads[] = { "REGISTRATION ID", "STATUS", "HUB", "DEVICE ID",
                                         "LAST CHANGE" };
    static const struct list_filter filters[] = {
        [FILTER_GROUP] = { "enrollment-group", "GROUP-ID", "those of this group alone", LIST_ASKS,
                           NULL, NULL },
        { "group-id", NULL, NULL, LIST_ALIAS, NULL, NULL },
        { "gid", NULL, NULL, LIST_ALIAS, NULL, NULL },
        { "prefix", "TEXT", "those whose ID begins so alone", LIST_STARTS, "registrationId", NULL },
        { "status", "unassigned|assigning|assigned|failed|disabled", "those with this status alone",
          LIST_IS, "status", statuses },
        [FILTER_HUB] = { "hub", "HUB", "those assigned to this hub alone", LIST_IS, "assignedHub",
                         NULL },
        { "since", "TIME", "those changed since then alone: a time, or 7d, 12h, 30m", LIST_SINCE,
          "lastUpdatedDateTimeUtc", NULL },
        { 0 }
    };
    static const struct list_form form = { .doc = "List the devices that have registered.",
                                           .none = "no registrations",
                                           .heads = heads,
                                           .columns = sizeof heads / sizeof heads[0],
                                           .row = put_row,
                                           .filters = filters,
                                           .ask = ask,
                                           .check = check };

    return list_verb(&form, argc, argv);
}

void registration_print(struct berth_json doc)
{
    struct berth_json group = berth_json_get(berth_json_get(doc, BERTH_STR("symmetricKey")),
                                             BERTH_STR("enrollmentGroupId"));
    struct table t;

    table_init(&t, stdout, NULL, 2);
    table_pair(&t, "registration", berth_json_get(doc, BERTH_STR("registrationId")));
    table_pair(&t, "status", berth_json_get(doc, BERTH_STR("status")));
    table_pair(&t, "substatus", berth_json_get(doc, BERTH_STR("substatus")));
    table_pair(&t, "hub", berth_json_get(doc, BERTH_STR("assignedHub")));
    table_pair(&t, "device ID", berth_json_get(doc, BERTH_STR("deviceId")));
    if (group.type == BERTH_JSON_STRING)
        table_pair(&t, "enrollment group", group);
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

static const char *what_of(const struct verb_input *in, char out[ENROLLMENT_WHAT_MAX])
{
    (void)snprintf(out, ENROLLMENT_WHAT_MAX, "registration \"%s\"", in->id);
    return out;
}

static int show_one(struct api *a, const struct options *o, void *input)
{
    const struct verb_input *in = input;
    char path[API_PATH_MAX], what[ENROLLMENT_WHAT_MAX];
    char hub[LOGIN_HOST_MAX + 1], device_id[BERTH_ID_MAX + 1];
    int code;

    api_path(path, "/registrations/", in->id, API_DPS);
    code = api_call(
        a, &(struct api_request){ .method = "GET", .path = path, .what = what_of(in, what) });
    if (code != EXIT_CODE_OK)
        return code;
    if (o->json)
        output_json(stdout, a->json, (struct berth_json){ 0 });
    else
        registration_print(a->json);
    if (!api_string(a->json, "assignedHub", hub, sizeof hub) ||
        !api_string(a->json, "deviceId", device_id, sizeof device_id))
        return EXIT_CODE_OK;
    return warn_of_other(a, hub, device_id);
}

static int show(int argc, char **argv)
{
    static const struct argp_option own[] = { VERB_ID("registration-id", "REGISTRATION-ID"),
                                              VERB_ALIAS("rid"),
                                              { 0 } };
    const struct argp argp = {
        own, verb_take, "REGISTRATION-ID", "Show one device's registration.", NULL, NULL, NULL
    };
    struct verb_input in = { .check_id = enrollment_check_id };

    return verb_run(&argp, &in, show_one, argc, argv);
}

static int delete_one(struct api *a, const struct options *o, void *input)
{
    const struct verb_input *in = input;
    char path[API_PATH_MAX], what[ENROLLMENT_WHAT_MAX];

    api_path(path, "/registrations/", in->id, API_DPS);
    return verb_delete(
        a, o, &(struct api_request){ .path = path, .what = what_of(in, what), .etag = in->etag },
        in->yes);
}

static int remove_one(int argc, char **argv)
{
    static const struct argp_option own[] = {
        VERB_ID("registration-id", "REGISTRATION-ID"), VERB_ALIAS("rid"), VERB_ETAG, VERB_YES, { 0 }
    };
    const struct argp argp = { own,
                               verb_take,
                               "REGISTRATION-ID",
                               "Forget a device's registration. The device stays in its hub; its "
                               "next registration is a first one.",
                               NULL,
                               NULL,
                               NULL };
    struct verb_input in = { .check_id = enrollment_check_id };

    return verb_run(&argp, &in, delete_one, argc, argv);
}

const struct command registration_commands[] = {
    { "list", "list the devices that have registered", list, NULL },
    { "show", "show one", show, NULL },
    { "delete", "forget one", remove_one, NULL },
    { NULL, NULL, NULL, NULL },
};
