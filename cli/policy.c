/* berth policy: list, show, delete, keys show. */
#include "cli/policy.h"

#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/hub.h"
#include "cli/list.h"
#include "cli/output.h"
#include "cli/tell.h"

void policy_path(char out[API_PATH_MAX], const char *hub, const char *name, const char *tail)
{
    char head[API_PATH_MAX] = "/berth/v1/policies/";

    if (hub != NULL)
        api_path(head, "/berth/v1/hubs/", hub, "/policies/");
    api_path(out, head, name, tail);
}

const char *policy_what(const char *hub, const char *name, char out[POLICY_WHAT_MAX])
{
    (void)snprintf(out, POLICY_WHAT_MAX, "policy \"%s\"%s%s", name, hub != NULL ? " of hub " : "",
                   hub != NULL ? hub : "");
    return out;
}

void policy_check_name(struct argp_state *state, const char *name)
{
    if (name == NULL)
        argp_error(state, "the policy's name is missing");
    if (!berth_policy_name_is_valid(berth_str_of(name)))
        argp_error(state, "\"%s\": a policy's name has 1 to %d letters, digits, '-', '.', '_'",
                   name, BERTH_POLICY_NAME_MAX);
}

error_t policy_take(int key, char *arg, struct argp_state *state)
{
    if (key == VERB_KEY_HUB)
        hub_check_name(state, arg);
    return verb_take(key, arg, state);
}

/* ---- list ---- */

enum { FILTER_HUB };

static void put_row(struct table *t, struct berth_json item)
{
    table_put_json(t, berth_json_get(item, BERTH_STR("keyName")));
    table_put_json(t, berth_json_get(item, BERTH_STR("rights")));
}

static int ask(struct api *a, const char *const *values, struct list_question *out)
{
    const char *hub = values[FILTER_HUB];

    (void)a;
    out->request = (struct api_request){ .method = "GET", .path = "/berth/v1/policies" };
    if (hub == NULL)
        return EXIT_CODE_OK;
    (void)snprintf(out->what, sizeof out->what, "hub %.*s", LOGIN_HOST_MAX, hub);
    api_path(out->path, "/berth/v1/hubs/", hub, "/policies");
    out->request.path = out->path;
    out->request.what = out->what;
    return EXIT_CODE_OK;
}

static int list(int argc, char **argv)
{
    static const char *const heads[] = { "POLICY", "RIGHTS" };
    static const char *const rights[] = { "ServiceConfig",           "EnrollmentRead",
                                          "EnrollmentWrite",         "RegistrationStatusRead",
                                          "RegistrationStatusWrite", "RegistryRead",
                                          "RegistryWrite",           "ServiceConnect",
                                          "DeviceConnect",           NULL };
    static const struct list_filter filters[] = {
        [FILTER_HUB] = { "hub", "HUB", "of this hub instead of the provisioning service", LIST_ASKS,
                         NULL, NULL },
        { "prefix", "TEXT", "those whose name begins so alone", LIST_STARTS, "keyName", NULL },
        { "rights", "RIGHT", "those with this right alone", LIST_HAS, "rights", rights },
        { 0 }
    };
    static const struct list_form form = { .doc = "List the shared access policies of the "
                                                  "provisioning service or of a hub, without "
                                                  "their keys.",
                                           .none = "no policies",
                                           .heads = heads,
                                           .columns = sizeof heads / sizeof heads[0],
                                           .row = put_row,
                                           .filters = filters,
                                           .whole = true,
                                           .ask = ask };

    return list_verb(&form, argc, argv);
}

/* ---- show ---- */

static void print(struct berth_json doc, const char *hub, bool with_keys)
{
    struct table t;

    table_init(&t, stdout, NULL, 2);
    table_pair(&t, "policy", berth_json_get(doc, BERTH_STR("keyName")));
    table_pair_text(&t, "of", hub != NULL ? berth_str_of(hub) : BERTH_STR("the service"));
    table_pair(&t, "rights", berth_json_get(doc, BERTH_STR("rights")));
    if (with_keys)
        table_pair_keys(&t, doc);
    (void)table_deinit(&t);
}

void policy_print(struct berth_json doc, const char *hub, bool json)
{
    if (json)
        output_json(stdout, doc, (struct berth_json){ 0 });
    else
        print(doc, hub, false);
}

/* The keys come by a call of their own. */
static int ask_one(struct api *a, const struct verb_input *in, bool keys)
{
    char path[API_PATH_MAX], what[POLICY_WHAT_MAX];

    policy_path(path, in->hub, in->id, keys ? "/listkeys" : "");
    return api_call(a, &(struct api_request){ .method = keys ? "POST" : "GET",
                                              .path = path,
                                              .what = policy_what(in->hub, in->id, what) });
}

static int show_one(struct api *a, const struct options *o, void *input)
{
    const struct verb_input *in = input;
    int code = ask_one(a, in, in->show_keys);

    if (code == EXIT_CODE_OK && o->json)
        output_json(stdout, a->json, (struct berth_json){ 0 });
    else if (code == EXIT_CODE_OK)
        print(a->json, in->hub, in->show_keys);
    return code;
}

static int show(int argc, char **argv)
{
    static const struct argp_option own[] = {
        POLICY_NAMES("POLICY"), POLICY_HUB, VERB_SHOW_KEYS, { 0 }
    };
    const struct argp argp = { own,  policy_take, "POLICY", "Show one, without its keys.",
                               NULL, NULL,        NULL };
    struct verb_input in = { .check_id = policy_check_name };

    return verb_run(&argp, &in, show_one, argc, argv);
}

static int ask_keys(struct api *a, const struct options *o, void *input)
{
    const struct verb_input *in = input;
    char what[POLICY_WHAT_MAX];
    int code = ask_one(a, in, true);

    if (code != EXIT_CODE_OK)
        return code;
    return verb_print_keys(a->json, policy_what(in->hub, in->id, what), o->json);
}

static int show_keys(int argc, char **argv)
{
    static const struct argp_option own[] = { POLICY_NAMES("POLICY"), POLICY_HUB, { 0 } };
    const struct argp argp = {
        own, policy_take, "POLICY", "Print its two keys.", NULL, NULL, NULL
    };
    struct verb_input in = { .check_id = policy_check_name };

    return verb_run(&argp, &in, ask_keys, argc, argv);
}

/* ---- delete ---- */

static bool is_own(const struct api *a, const struct verb_input *in)
{
    return in->hub == NULL && strcmp(a->place.login.policy, in->id) == 0;
}

static int delete_one(struct api *a, const struct options *o, void *input)
{
    const struct verb_input *in = input;
    char path[API_PATH_MAX], what[POLICY_WHAT_MAX];
    int code;

    policy_path(path, in->hub, in->id, "");
    if (is_own(a, in) && !in->yes)
        tell_warning("it is the policy that this command itself uses: the next one will be "
                     "refused");
    code = verb_delete(a, o,
                       &(struct api_request){ .path = path,
                                              .what = policy_what(in->hub, in->id, what),
                                              .etag = in->etag },
                       in->yes);
    if (code == EXIT_CODE_OK && is_own(a, in))
        tell_warning("this login's policy is gone: log in with another one, `berth login`; the "
                     "daemon's own profile.ini gets one at its next start");
    return code;
}

static int remove_one(int argc, char **argv)
{
    static const struct argp_option own[] = {
        POLICY_NAMES("POLICY"), POLICY_HUB, VERB_ETAG, VERB_YES, { 0 }
    };
    const struct argp argp = { own,
                               policy_take,
                               "POLICY",
                               "Delete one: its keys open nothing any more, at once. The service's "
                               "last one with ServiceConfig stays.",
                               NULL,
                               NULL,
                               NULL };
    struct verb_input in = { .check_id = policy_check_name };

    return verb_run(&argp, &in, delete_one, argc, argv);
}

static const struct command keys_commands[] = {
    { "show", "print them", show_keys, NULL },
    { "regenerate", "make one of them anew", policy_keys_regenerate_run, NULL },
    { NULL, NULL, NULL, NULL },
};

const struct command policy_commands[] = {
    { "list", "list those of the service, or of a hub", list, NULL },
    { "show", "show one, with --show-keys its keys", show, NULL },
    { "create", "make one with the rights given", policy_create_run, NULL },
    { "update", "change its rights or keys", policy_update_run, NULL },
    { "keys", "its two keys", NULL, keys_commands },
    { "delete", "delete one", remove_one, NULL },
    { NULL, NULL, NULL, NULL },
};
