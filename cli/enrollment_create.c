/* berth enrollment create and update, berth enrollment-group create and update. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/change.h"
#include "cli/command.h"
#include "cli/enrollment.h"
#include "cli/enrollment_body.h"
#include "cli/id_check.h"
#include "cli/key_pair_option.h"
#include "cli/tell.h"

enum {
    KEY_ID = 0x100,
    KEY_ALLOCATION,
    KEY_HUBS,
    KEY_REPROVISION,
    KEY_STATUS,
    KEY_TAGS,
    KEY_PROPERTIES,
    KEY_EDGE,
    KEY_ASSIGNING,
    KEY_SHOW_KEYS,
    KEY_DEVICE_ID,
    KEY_INFORMATION,
    KEY_ETAG,
};

struct input {
    const struct enrollment_kind *kind;
    struct enrollment_settings set;
    struct key_pair_options keys;
    const char *etag;
    bool updates, assigning_given, assigning_first, show_keys;
};

/* VALUE when it is one of WORDS, else the process ends. */
static const char *one_of(struct argp_state *state, const char *option, const char *value,
                          const char *const *words)
{
    char all[128] = "";

    for (size_t i = 0; words[i] != NULL; i++) {
        size_t n = strlen(all);

        if (strcmp(value, words[i]) == 0)
            return words[i];
        (void)snprintf(all + n, sizeof all - n, "%s%s", i > 0 ? ", " : "", words[i]);
    }
    argp_error(state, "%s %s: not one of %s", option, value, all);
    return NULL;
}

/* An option whose value may be left out: --edge-enabled, --edge-enabled=false. */
static bool yes_or_no(struct argp_state *state, const char *option, const char *value)
{
    static const char *const words[] = { "true", "false", NULL };

    return value == NULL || one_of(state, option, value, words) == words[0];
}

static error_t take_policy(int key, char *arg, struct argp_state *state)
{
    static const char *const allocations[] = { "hashed", "static", NULL };
    static const char *const reprovisions[] = { "reprovisionandmigratedata",
                                                "reprovisionandresetdata", "never", NULL };
    static const char *const statuses[] = { "enabled", "disabled", NULL };
    struct input *in = state->input;

    switch (key) {
    case KEY_ALLOCATION:
        in->set.allocation = one_of(state, "--allocation-policy", arg, allocations);
        return 0;
    case KEY_REPROVISION:
        in->set.reprovision = one_of(state, "--reprovision-policy", arg, reprovisions);
        return 0;
    case KEY_STATUS:
        in->set.status = one_of(state, "--provisioning-status", arg, statuses);
        return 0;
    case KEY_HUBS:
        in->set.hubs = arg;
        return 0;
    case KEY_EDGE:
        in->set.edge = yes_or_no(state, "--edge-enabled", arg);
        in->set.edge_given = true;
        return 0;
    case KEY_ASSIGNING:
        in->assigning_first = yes_or_no(state, "--assigning-first", arg);
        in->assigning_given = true;
        return 0;
    case KEY_SHOW_KEYS:
        in->show_keys = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case KEY_TAGS:
        in->set.tags = arg;
        return 0;
    case KEY_PROPERTIES:
        in->set.properties = arg;
        return 0;
    default:
        return take_policy(key, arg, state);
    }
}

static void check(struct argp_state *state, const struct input *in)
{
    const struct enrollment_settings *set = &in->set;
    const void *const given[] = { set->allocation, set->hubs,       set->reprovision,
                                  set->status,     set->tags,       set->properties,
                                  set->device_id,  set->information };

    enrollment_check_id(state, set->id);
    if (!in->updates || set->edge_given || in->assigning_given || key_pair_options_given(&in->keys))
        return;
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++)
        if (given[i] != NULL)
            return;
    argp_error(state, "nothing to change is given");
}

static error_t take_own(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = in;
        state->child_inputs[1] = &in->keys;
        return 0;
    case ARGP_KEY_ARG:
    case KEY_ID:
        options_take_one(state, &in->set.id, arg);
        return 0;
    case KEY_INFORMATION:
        in->set.information = arg;
        return 0;
    case KEY_DEVICE_ID:
        in->set.device_id = arg;
        id_check_device(state, "--device-id", arg);
        return 0;
    case ARGP_KEY_END:
        check(state, in);
        return 0;
    case KEY_ETAG:
        in->etag = change_take_etag(state, arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int set_assigning_first(struct api *a, const struct input *in, const char *what)
{
    char path[API_PATH_MAX];
    int code;

    api_path(path, in->kind->settings, in->set.id, "/settings");
    code = api_call(a, &(struct api_request){ .method = "PATCH",
                                              .path = path,
                                              .body = in->assigning_first
                                                          ? BERTH_STR("{\"assigningFirst\":true}")
                                                          : BERTH_STR("{\"assigningFirst\":false}"),
                                              .what = what });
    if (code != EXIT_CODE_OK)
        tell_warning("%s has been %s, without --assigning-first", what,
                     in->updates ? "changed" : "created");
    return code;
}

static void tell_next(const struct input *in)
{
    if (in->kind->is_group)
        tell_hint("\nA device's key:  berth key derive --enrollment-group %s --registration-id ID",
                  in->set.id);
    else
        tell_hint("\nIts key:  berth enrollment show %s --show-keys", in->set.id);
}

/* Azure takes it too, and refuses the devices. */
static void warn_of_static(const struct input *in)
{
    const char *hubs = in->set.hubs != NULL ? in->set.hubs : "";

    if (in->set.allocation != NULL && strcmp(in->set.allocation, "static") == 0 &&
        hubs[strspn(hubs, " ")] == '\0')
        tell_warning("no hub is given: with --allocation-policy static devices are refused until "
                     "--iot-hubs names one");
}

static bool names(struct berth_json hubs, berth_str name)
{
    struct berth_json_iter it = { 0 };
    struct berth_json each;

    while (berth_json_next(hubs, &it, NULL, &each)) {
        char host[LOGIN_HOST_MAX + 1];

        if (api_string(each, "hostName", host, sizeof host) &&
            berth_str_ieq(berth_str_of(host), name))
            return true;
    }
    return false;
}

/* Likewise. One who may not list the hubs is not told. */
static int warn_of_hubs(struct api *a, const struct input *in)
{
    const char *device = in->kind->is_group ? "each device of the group" : "the device";
    berth_str rest = berth_str_of(in->set.hubs != NULL ? in->set.hubs : "");
    int code;

    if (rest.n == 0)
        return EXIT_CODE_OK;
    code = api_call(
        a, &(struct api_request){ .method = "GET", .path = "/berth/v1/hubs", .pardoned = 401 });
    while (code == EXIT_CODE_OK && a->json.type == BERTH_JSON_ARRAY && rest.n > 0) {
        berth_str name = berth_str_cut(&rest, ' ');

        if (name.n > 0 && !names(a->json, name))
            tell_warning("there is no hub %.*s: %s is refused when it registers, whatever other "
                         "hubs are named, until `berth hub create %.*s` makes it or it is taken "
                         "out of --iot-hubs",
                         BERTH_STR_ARG(name), device, BERTH_STR_ARG(name));
    }
    return code;
}

static int send(struct api *a, const struct input *in, berth_str body, bool json)
{
    char path[API_PATH_MAX], what[ENROLLMENT_WHAT_MAX];
    int code;

    (void)enrollment_what(in->kind, in->set.id, what);
    api_path(path, in->kind->path, in->set.id, API_DPS);
    code = api_call(
        a, &(struct api_request){ .method = "PUT", .path = path, .body = body, .what = what });
    if (code != EXIT_CODE_OK)
        return code;
    enrollment_print(in->kind, a->json, json, in->show_keys);
    warn_of_static(in);
    code = warn_of_hubs(a, in);
    if (code == EXIT_CODE_OK && in->assigning_given)
        code = set_assigning_first(a, in, what);
    if (!json)
        tell_next(in);
    return code;
}

static int build_and_send(struct api *a, const struct input *in, bool json)
{
    char *storage = malloc(API_BODY_MAX);
    struct berth_json_out j;
    struct berth_buf b;
    int code;

    if (storage == NULL)
        return tell_failure(EXIT_CODE_FAILED, "memory ran out");
    berth_buf_init(&b, storage, API_BODY_MAX);
    berth_json_begin(&j, &b);
    code = enrollment_body_put(&j, in->kind->id_member, &in->set);
    if (code == EXIT_CODE_OK && b.over)
        code = tell_failure(EXIT_CODE_USAGE, "the options make a request of over %u KiB",
                            API_BODY_MAX >> 10);
    if (code == EXIT_CODE_OK)
        code = send(a, in, berth_buf_str(&b), json);
    explicit_bzero(storage, API_BODY_MAX);
    free(storage);
    return code;
}

static int send_change(struct api *a, const struct input *in, bool json)
{
    char what[ENROLLMENT_WHAT_MAX];
    int code = enrollment_change(a, in->kind, &in->set, in->etag);

    if (code != EXIT_CODE_OK)
        return code;
    enrollment_print(in->kind, a->json, json, in->show_keys);
    code = warn_of_hubs(a, in);
    if (code != EXIT_CODE_OK || !in->assigning_given)
        return code;
    return set_assigning_first(a, in, enrollment_what(in->kind, in->set.id, what));
}

static int run(const struct enrollment_kind *k, const struct argp *argp, bool updates, int argc,
               char **argv)
{
    struct input in = { .kind = k, .updates = updates };
    struct options o;
    struct api a;
    int code;

    key_pair_options_init(&in.keys);
    options_parse(argp, &in, &o, argc, argv);
    code = api_open(&a, &o);
    if (code == EXIT_CODE_OK)
        code = key_pair_options_read(&in.keys, &in.set.keys);
    if (code == EXIT_CODE_OK)
        code = updates ? send_change(&a, &in, o.json) : build_and_send(&a, &in, o.json);
    explicit_bzero(&in.set.keys, sizeof in.set.keys);
    api_close(&a);
    return code;
}

static const struct argp_option shared_options[] = {
    { "allocation-policy", KEY_ALLOCATION, "hashed|static", 0,
      "how a hub is chosen: hashed, evenly by weight, when left out", 0 },
    { "iot-hubs", KEY_HUBS, "HUBS", 0, "choose among these, \"a b\"; all when left out", 0 },
    { "reprovision-policy", KEY_REPROVISION, "REPROVISION", 0,
      "what becomes of a device that registers again: reprovisionandmigratedata (when left out), "
      "reprovisionandresetdata or never",
      0 },
    { "provisioning-status", KEY_STATUS, "enabled|disabled", 0,
      "whether it may register; enabled when left out", 0 },
    { "initial-twin-tags", KEY_TAGS, "JSON", 0, "tags of a new device's twin; @FILE reads it", 0 },
    { "initial-twin-properties", KEY_PROPERTIES, "JSON", 0,
      "desired properties of a new device's twin", 0 },
    { "edge-enabled", KEY_EDGE, "true|false", OPTION_ARG_OPTIONAL,
      "its devices are IoT Edge devices", 0 },
    { "assigning-first", KEY_ASSIGNING, "true|false", OPTION_ARG_OPTIONAL,
      "answer a registration \"assigning\" first, as Azure does", 0 },
    { "show-keys", KEY_SHOW_KEYS, NULL, 0, "print the keys too", 0 },
    { 0 }
};
static const struct argp shared_argp = { .options = shared_options, .parser = take };
static const struct argp_child shared[] = { { &shared_argp, 0, NULL, 0 },
                                            { &key_pair_argp, 0, NULL, 0 },
                                            { 0 } };

int enrollment_create_run(int argc, char **argv)
{
    static const struct argp_option own[] = {
        { "enrollment-id", KEY_ID, "ID", 0, "the same as ID alone, as az has it", 0 },
        { "eid", KEY_ID, NULL, OPTION_ALIAS, NULL, 0 },
        { "device-id", KEY_DEVICE_ID, "ID", 0, "its name in the hub; the ID when left out", 0 },
        { "device-information", KEY_INFORMATION, "JSON", 0, "notes about the device", 0 },
        { 0 }
    };
    const struct argp argp = {
        .options = own,
        .parser = take_own,
        .args_doc = "ID",
        .doc = "Enroll one device under its registration ID, with a key of its own.",
        .children = shared
    };

    return run(&enrollment_single, &argp, false, argc, argv);
}

int enrollment_group_create_run(int argc, char **argv)
{
    static const struct argp_option own[] = { { "group-id", KEY_ID, "ID", 0,
                                                "the same as ID alone, as az has it", 0 },
                                              { "gid", KEY_ID, NULL, OPTION_ALIAS, NULL, 0 },
                                              { 0 } };
    const struct argp argp = { .options = own,
                               .parser = take_own,
                               .args_doc = "ID",
                               .doc =
                                   "Make a group: each device has a key derived from the group's.",
                               .children = shared };

    return run(&enrollment_group, &argp, false, argc, argv);
}

#define UPDATE_DOC                                                                                 \
    " What no option gives stays as it is. Between reading and writing nobody else's change is "   \
    "lost: the etag is compared."

int enrollment_update_run(int argc, char **argv)
{
    static const struct argp_option own[] = {
        { "enrollment-id", KEY_ID, "ENROLLMENT-ID", 0, "the same as ID alone, as az has it", 0 },
        { "eid", KEY_ID, NULL, OPTION_ALIAS, NULL, 0 },
        { "device-id", KEY_DEVICE_ID, "ID", 0, "its name in the hub", 0 },
        { "device-information", KEY_INFORMATION, "JSON", 0, "notes about the device", 0 },
        { "etag", KEY_ETAG, "ETAG", 0, "only when this is still its etag, as show --json has it",
          0 },
        { 0 }
    };
    const struct argp argp = { .options = own,
                               .parser = take_own,
                               .args_doc = "ENROLLMENT-ID",
                               .doc = "Change an enrollment." UPDATE_DOC,
                               .children = shared };

    return run(&enrollment_single, &argp, true, argc, argv);
}

int enrollment_group_update_run(int argc, char **argv)
{
    static const struct argp_option own[] = {
        { "group-id", KEY_ID, "GROUP-ID", 0, "the same as ID alone, as az has it", 0 },
        { "gid", KEY_ID, NULL, OPTION_ALIAS, NULL, 0 },
        { "etag", KEY_ETAG, "ETAG", 0, "only when this is still its etag, as show --json has it",
          0 },
        { 0 }
    };
    const struct argp argp = { .options = own,
                               .parser = take_own,
                               .args_doc = "GROUP-ID",
                               .doc = "Change a group." UPDATE_DOC,
                               .children = shared };

    return run(&enrollment_group, &argp, true, argc, argv);
}
