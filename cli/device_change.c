/* berth device enable, disable, delete. */
#include <stdio.h>
#include <string.h>

#include "cli/change.h"
#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/device.h"
#include "cli/output.h"

#define WRITE_POLICY "registryReadWrite" /* the least that changes identities */

enum { KEY_ID = 0x100, KEY_HUB, KEY_ETAG, KEY_YES };

struct input {
    const char *id, *hub, *etag;
    bool yes;
};

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
    case KEY_ID:
        options_take_one(state, &in->id, arg);
        return 0;
    case KEY_HUB:
        in->hub = arg;
        return 0;
    case KEY_ETAG:
        in->etag = change_take_etag(state, arg);
        return 0;
    case KEY_YES:
        in->yes = true;
        return 0;
    case ARGP_KEY_END:
        device_check_id(state, in->id);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

#define SHARED_OPTIONS                                                                             \
    { "device-id", KEY_ID, "DEVICE-ID", 0, "the same as ID alone, as az has it", 0 },              \
        { "hub", KEY_HUB, "HUB", 0, "the hub's name; the daemon's own hub when left out", 0 },     \
    {                                                                                              \
        "etag", KEY_ETAG, "ETAG", 0, "only when this is still its etag, as show --json has it", 0  \
    }

static int put_status(struct berth_json_out *j, struct berth_json doc, const void *user)
{
    static const char *const replaced[] = { "status", NULL };

    berth_json_open(j, '{');
    change_copy(j, doc, replaced);
    berth_json_member(j, "status", berth_str_of(user));
    berth_json_close(j, '}');
    return EXIT_CODE_OK;
}

static int set_status(struct api *a, const struct input *in, const struct login *hub,
                      const char *status)
{
    char path[API_PATH_MAX], what[DEVICE_WHAT_MAX];

    (void)snprintf(what, sizeof what, "device \"%s\" in hub %s", in->id, hub->host);
    api_path(path, "/devices/", in->id, API_HUB);
    return change_run(a, &(struct change){ .path = path,
                                           .what = what,
                                           .hub = hub,
                                           .etag = in->etag,
                                           .put = put_status,
                                           .user = status });
}

static int change_status(const char *status, const char *doc, int argc, char **argv)
{
    static const struct argp_option own[] = { SHARED_OPTIONS, { 0 } };
    const struct argp argp = { own, take, "DEVICE-ID", doc, NULL, NULL, NULL };
    struct input in = { 0 };
    struct login hub = { 0 };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    code = api_open(&a, &o);
    if (code == EXIT_CODE_OK)
        code = api_hub_login(&a, in.hub, WRITE_POLICY, &hub);
    if (code == EXIT_CODE_OK)
        code = set_status(&a, &in, &hub, status);
    if (code == EXIT_CODE_OK && o.json)
        output_json(stdout, a.json, device_keys_of(a.json));
    else if (code == EXIT_CODE_OK)
        (void)printf("%s device \"%s\" in hub %s\n", status, in.id, hub.host);
    explicit_bzero(&hub, sizeof hub);
    api_close(&a);
    return code;
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

static int remove_from(struct api *a, const struct input *in, const struct login *hub, bool json)
{
    char path[API_PATH_MAX], what[DEVICE_WHAT_MAX];
    int code;

    (void)snprintf(what, sizeof what, "device \"%s\" in hub %s", in->id, hub->host);
    api_path(path, "/devices/", in->id, API_HUB);
    code = api_call(
        a, &(struct api_request){
               .method = "DELETE", .path = path, .hub = hub, .what = what, .etag = in->etag });
    if (code == EXIT_CODE_OK && !json)
        (void)printf("deleted %s\n", what);
    return code;
}

int device_delete_run(int argc, char **argv)
{
    static const struct argp_option own[] = { SHARED_OPTIONS,
                                              { "yes", KEY_YES, NULL, 0, "do not ask", 0 },
                                              { 0 } };
    const struct argp argp = { own,
                               take,
                               "DEVICE-ID",
                               "Delete a device from its hub, with its twin. Its registration "
                               "stays.",
                               NULL,
                               NULL,
                               NULL };
    char what[DEVICE_WHAT_MAX];
    struct input in = { 0 };
    struct login hub = { 0 };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    (void)snprintf(what, sizeof what, "device \"%s\"", in.id);
    code = confirm("delete", what, in.yes);
    if (code != EXIT_CODE_OK)
        return code;
    code = api_open(&a, &o);
    if (code == EXIT_CODE_OK)
        code = api_hub_login(&a, in.hub, WRITE_POLICY, &hub);
    if (code == EXIT_CODE_OK)
        code = remove_from(&a, &in, &hub, o.json);
    explicit_bzero(&hub, sizeof hub);
    api_close(&a);
    return code;
}
