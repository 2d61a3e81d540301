/* berth device enable, disable, delete. */
#include <stdio.h>
#include <string.h>

#include "cli/change.h"
#include "cli/command.h"
#include "cli/device.h"
#include "cli/output.h"

static int put_status(struct berth_json_out *j, struct berth_json doc, const void *user)
{
    static const char *const replaced[] = { "status", NULL };

    berth_json_open(j, '{');
    change_copy(j, doc, replaced);
    berth_json_member(j, "status", berth_str_of(user));
    berth_json_close(j, '}');
    return EXIT_CODE_OK;
}

struct status_input {
    struct verb_input verb; /* first: verb_take's */
    const char *status;
};

static int put_in(struct api *a, const struct status_input *in, const struct login *hub, bool json)
{
    char path[API_PATH_MAX], what[DEVICE_WHAT_MAX];
    int code;

    (void)device_what(in->verb.id, hub, what);
    api_path(path, "/devices/", in->verb.id, API_HUB);
    code = change_run(a, &(struct change){ .path = path,
                                           .what = what,
                                           .hub = hub,
                                           .etag = in->verb.etag,
                                           .put = put_status,
                                           .user = in->status });
    if (code == EXIT_CODE_OK && json)
        output_json(stdout, a->json, device_keys_of(a->json));
    else if (code == EXIT_CODE_OK)
        (void)printf("%s %s\n", in->status, what);
    return code;
}

static int set_status(struct api *a, const struct options *o, void *input)
{
    const struct status_input *in = input;
    struct login hub;
    int code = api_hub_login(a, in->verb.hub, BERTH_RIGHT_REGISTRY_WRITE, &hub);

    if (code == EXIT_CODE_OK)
        code = device_say_where(a, &in->verb, &hub, put_in(a, in, &hub, o->json));
    explicit_bzero(&hub, sizeof hub);
    return code;
}

static int change_status(const char *status, const char *doc, int argc, char **argv)
{
    static const struct argp_option own[] = {
        VERB_ID("device-id", "DEVICE-ID"), VERB_HUB, VERB_ETAG, { 0 }
    };
    const struct argp argp = { own, verb_take, "DEVICE-ID", doc, NULL, NULL, NULL };
    struct status_input in = { .verb = { .check_id = device_check_id }, .status = status };

    return verb_run(&argp, &in, set_status, argc, argv);
}

int device_enable_run(int argc, char **argv)
{
    return change_status("enabled", "Let a device connect to its hub again.", argc, argv);
}

int device_disable_run(int argc, char **argv)
{
    return change_status("disabled",
                         "Keep a device out of its hub; its session ends at once. It may still "
                         "register: `berth enrollment disable` prevents that.",
                         argc, argv);
}

static int delete_one(struct api *a, const struct options *o, void *input)
{
    const struct verb_input *in = input;
    char path[API_PATH_MAX], what[DEVICE_WHAT_MAX];
    struct login hub;
    int code = api_hub_login(a, in->hub, BERTH_RIGHT_REGISTRY_WRITE, &hub);

    api_path(path, "/devices/", in->id, API_HUB);
    if (code == EXIT_CODE_OK)
        code = device_say_where(
            a, in, &hub,
            verb_delete(a, o,
                        &(struct api_request){ .path = path,
                                               .hub = &hub,
                                               .what = device_what(in->id, &hub, what),
                                               .etag = in->etag },
                        in->yes));
    explicit_bzero(&hub, sizeof hub);
    return code;
}

int device_delete_run(int argc, char **argv)
{
    static const struct argp_option own[] = {
        VERB_ID("device-id", "DEVICE-ID"), VERB_HUB, VERB_ETAG, VERB_YES, { 0 }
    };
    const struct argp argp = { own,
                               verb_take,
                               "DEVICE-ID",
                               "Delete a device from its hub, with its twin. Its registration "
                               "stays.",
                               NULL,
                               NULL,
                               NULL };
    struct verb_input in = { .check_id = device_check_id };

    return verb_run(&argp, &in, delete_one, argc, argv);
}
