/* berth hub: show, update, delete. */
#include <stdio.h>
#include <string.h>

#include "cli/change.h"
#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/hub.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/tell.h"
#include "cli/verb.h"

#define WHAT_MAX (LOGIN_HOST_MAX + 64)

enum { KEY_WEIGHT = 0x100, KEY_ALLOCATION, KEY_NO_ALLOCATION, KEY_FORCE };

struct input {
    struct verb_input verb; /* first: verb_take's */
    long weight;            /* 0: not given */
    const char *allocation; /* "true", "false" */
    bool updates, force;
};

static const char *take_truth(struct argp_state *state, const char *arg)
{
    if (strcmp(arg, "true") != 0 && strcmp(arg, "false") != 0)
        argp_error(state, "--allocation %s: not one of true, false", arg);
    return arg;
}

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case KEY_WEIGHT:
        in->weight = options_number(state, "--allocation-weight", arg, 1, HUB_WEIGHT_MAX);
        return 0;
    case KEY_ALLOCATION:
        in->allocation = take_truth(state, arg);
        return 0;
    case KEY_NO_ALLOCATION:
        in->allocation = "false";
        return 0;
    case KEY_FORCE:
        in->force = true;
        return 0;
    case ARGP_KEY_END:
        if (in->updates && in->weight == 0 && in->allocation == NULL)
            argp_error(state, "nothing to change is given");
        break;
    default:
        break;
    }
    return verb_take(key, arg, state);
}

static const char *address(const struct verb_input *in, char path[API_PATH_MAX],
                           char what[WHAT_MAX])
{
    api_path(path, "/berth/v1/hubs/", in->id, "");
    (void)snprintf(what, WHAT_MAX, "hub %s", in->id);
    return what;
}

static void print(const struct api *a, bool json)
{
    struct table t;

    if (json) {
        output_json(stdout, a->json, (struct berth_json){ 0 });
        return;
    }
    table_init(&t, stdout, NULL, 2);
    table_pair(&t, "hub", berth_json_get(a->json, BERTH_STR("hostName")));
    table_pair(&t, "allocation", berth_json_get(a->json, BERTH_STR("allocation")));
    table_pair(&t, "weight", berth_json_get(a->json, BERTH_STR("allocationWeight")));
    table_pair(&t, "devices", berth_json_get(a->json, BERTH_STR("deviceCount")));
    (void)table_deinit(&t);
}

/* ---- show ---- */

static int ask(struct api *a, const struct verb_input *in)
{
    char path[API_PATH_MAX], what[WHAT_MAX];

    (void)address(in, path, what);
    return api_call(a, &(struct api_request){ .method = "GET", .path = path, .what = what });
}

static int show_one(struct api *a, const struct options *o, void *input)
{
    int code = ask(a, input);

    if (code == EXIT_CODE_OK)
        print(a, o->json);
    return code;
}

int hub_show_run(int argc, char **argv)
{
    const struct argp argp = { .parser = verb_take, .args_doc = "HUB", .doc = "Show one hub." };
    struct verb_input in = { .check_id = hub_check_name };

    return verb_run(&argp, &in, show_one, argc, argv);
}

/* ---- update ---- */

static int put(struct berth_json_out *j, struct berth_json doc, const void *user)
{
    const struct input *in = user;
    bool allocation = true;
    int64_t weight = 1;

    if (berth_json_i64(berth_json_get(doc, BERTH_STR("allocationWeight")), &weight) != BERTH_OK ||
        berth_json_bool(berth_json_get(doc, BERTH_STR("allocation")), &allocation) != BERTH_OK)
        return tell_failure(EXIT_CODE_FAILED, "the service does not say how the hub is now");
    berth_json_open(j, '{');
    berth_json_member_i64(j, "allocationWeight", in->weight > 0 ? in->weight : weight);
    berth_json_member_bool(j, "allocation",
                           in->allocation != NULL ? in->allocation[0] == 't' : allocation);
    berth_json_close(j, '}');
    return EXIT_CODE_OK;
}

static int update_one(struct api *a, const struct options *o, void *input)
{
    const struct input *in = input;
    char path[API_PATH_MAX], what[WHAT_MAX];
    int code;

    (void)address(&in->verb, path, what);
    code = change_run(
        a, &(struct change){
               .path = path, .what = what, .etag = in->verb.etag, .put = put, .user = in });
    if (code == EXIT_CODE_OK)
        print(a, o->json);
    return code;
}

int hub_update_run(int argc, char **argv)
{
    static const struct argp_option own[] = {
        { "allocation-weight", KEY_WEIGHT, "NUMBER", 0,
          "its share of new devices against other hubs, 1 to 1000", 0 },
        { "allocation", KEY_ALLOCATION, "true|false", 0, "whether it is given new devices", 0 },
        { "no-allocation", KEY_NO_ALLOCATION, NULL, 0, "the same as --allocation false", 0 },
        VERB_ETAG,
        { 0 }
    };
    const struct argp argp = { own,
                               take,
                               "HUB",
                               "Change a hub. What no option gives stays as it is, and so do the "
                               "devices that it has.",
                               NULL,
                               NULL,
                               NULL };
    struct input in = { .verb = { .check_id = hub_check_name }, .updates = true };

    return verb_run(&argp, &in, update_one, argc, argv);
}

/* ---- delete ---- */

static int look_for_others(struct api *a, bool *last)
{
    struct berth_json_iter it = { 0 };
    struct berth_json each;
    int count = 0;
    int code =
        api_call(a, &(struct api_request){ .method = "GET", .path = "/berth/v1/hubs", .page = 2 });

    while (code == EXIT_CODE_OK && a->json.type == BERTH_JSON_ARRAY &&
           berth_json_next(a->json, &it, NULL, &each))
        count++;
    *last = count == 1;
    return code;
}

/* Says what goes before it asks. */
static int look(struct api *a, const struct input *in, int64_t *devices)
{
    int code = ask(a, &in->verb);
    bool last = false;

    if (code == EXIT_CODE_OK &&
        berth_json_i64(berth_json_get(a->json, BERTH_STR("deviceCount")), devices) != BERTH_OK)
        code = tell_failure(EXIT_CODE_FAILED, "the service does not say what the hub has");
    if (code == EXIT_CODE_OK)
        code = look_for_others(a, &last);
    if (code != EXIT_CODE_OK)
        return code;
    if (last)
        tell_warning("%s is the last hub: devices are refused until there is another", in->verb.id);
    if (*devices == 0)
        return code;
    if (!in->force)
        return tell_failure(EXIT_CODE_CONFLICT,
                            "hub %s has devices, %lld of them\n  move them, `berth hub update %s "
                            "--allocation false` and let them register again; or give --force to "
                            "delete them with their keys and twins",
                            in->verb.id, (long long)*devices, in->verb.id);
    tell_warning("its devices go with it (%lld), with their keys and twins; their sessions end%s",
                 (long long)*devices,
                 last ? "" : ". Those that register again are assigned to another hub");
    return EXIT_CODE_OK;
}

static int delete_one(struct api *a, const struct options *o, void *input)
{
    const struct input *in = input;
    char path[API_PATH_MAX], what[WHAT_MAX];
    int64_t devices = 0;
    int code = look(a, in, &devices);

    if (code != EXIT_CODE_OK)
        return code;
    (void)address(&in->verb, path, what);
    api_path(path, "/berth/v1/hubs/", in->verb.id, in->force ? "?force=true" : "");
    return verb_delete(a, o,
                       &(struct api_request){ .path = path, .what = what, .etag = in->verb.etag },
                       in->verb.yes);
}

int hub_delete_run(int argc, char **argv)
{
    static const struct argp_option own[] = { { "force", KEY_FORCE, NULL, 0,
                                                "with the devices that it has", 0 },
                                              VERB_ETAG,
                                              VERB_YES,
                                              { 0 } };
    const struct argp argp = { own,
                               take,
                               "HUB",
                               "Delete a hub, with its policies. One that has devices stays "
                               "without --force. Registrations that name it stay: the device is "
                               "assigned anew when it registers again.",
                               NULL,
                               NULL,
                               NULL };
    struct input in = { .verb = { .check_id = hub_check_name } };

    return verb_run(&argp, &in, delete_one, argc, argv);
}
