/* Which hub, and as whom: what the hub API needs to know before it can be asked. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/api.h"
#include "cli/command.h"
#include "cli/tell.h"
#include "crypto/b64.h"

bool api_string(struct berth_json doc, const char *name, char *out, size_t size)
{
    unsigned char storage[512];
    struct berth_arena a;
    berth_str text;

    berth_arena_init(&a, storage, sizeof storage);
    out[0] = '\0';
    if (berth_json_string(berth_json_get(doc, berth_str_of(name)), &a, &text) != BERTH_OK ||
        text.n >= size)
        return false;
    (void)snprintf(out, size, "%.*s", BERTH_STR_ARG(text));
    return true;
}

int api_ask_service(struct api *a)
{
    int code = api_call(a, &(struct api_request){ .method = "GET", .path = API_SERVICE });

    if (code != EXIT_CODE_OK)
        return code;
    if (!api_string(a->json, "idScope", a->place.id_scope, sizeof a->place.id_scope))
        return tell_failure(EXIT_CODE_FAILED, "the service does not say its ID scope");
    (void)api_string(a->json, "hub", a->default_hub, sizeof a->default_hub);
    return EXIT_CODE_OK;
}

int api_look_for_hub(struct api *a, const char *name)
{
    char path[API_PATH_MAX], what[LOGIN_HOST_MAX + 8], host[LOGIN_HOST_MAX + 1];
    uint16_t port;

    if (login_host(berth_str_of(name), host, &port) != BERTH_OK || port != 0)
        return tell_failure(EXIT_CODE_USAGE, "%.64s: not a hub's name", name);
    (void)snprintf(what, sizeof what, "hub %s", host);
    api_path(path, "/berth/v1/hubs/", name, "");
    return api_call(
        a, &(struct api_request){ .method = "GET", .path = path, .what = what, .pardoned = 401 });
}

static unsigned rights_of(struct berth_json policy)
{
    unsigned char storage[256];
    struct berth_arena a;
    unsigned rights = 0;
    berth_str names;

    berth_arena_init(&a, storage, sizeof storage);
    if (berth_json_string(berth_json_get(policy, BERTH_STR("rights")), &a, &names) != BERTH_OK ||
        berth_rights_parse(names, &rights) != BERTH_OK)
        return 0;
    return rights | (rights & BERTH_RIGHT_REGISTRY_WRITE ? BERTH_RIGHT_REGISTRY_READ : 0u);
}

/* The one that may do the least besides RIGHT: operators make policies as they like. */
static struct berth_json find_policy(struct berth_json list, enum berth_right right)
{
    struct berth_json_iter it = { 0 };
    struct berth_json each, best = { 0 };
    int least = INT_MAX;

    while (list.type == BERTH_JSON_ARRAY && berth_json_next(list, &it, NULL, &each)) {
        unsigned rights = rights_of(each);
        int count = __builtin_popcount(rights);

        if ((rights & right) == 0 || count >= least)
            continue;
        least = count;
        best = each;
    }
    return best;
}

static int take_policy(struct api *a, enum berth_right right, struct login *out)
{
    struct berth_json found = find_policy(a->json, right);
    char key[BERTH_KEY_TEXT_MAX + 1];
    berth_err e = BERTH_E_NOT_FOUND;

    if (found.type == BERTH_JSON_ABSENT)
        return tell_failure(EXIT_CODE_NOT_FOUND,
                            "hub %s has no policy with the right %s\n  make one, `berth policy "
                            "create NAME --hub %s --rights %s`",
                            out->host, berth_right_name(right), out->host, berth_right_name(right));
    if (api_string(found, "primaryKey", key, sizeof key))
        e = berth_key_decode(berth_str_of(key), &out->key);
    explicit_bzero(key, sizeof key);
    if (e == BERTH_OK && api_string(found, "keyName", out->policy, sizeof out->policy))
        return EXIT_CODE_OK;
    return tell_failure(EXIT_CODE_FAILED, "the key of a policy of hub %s cannot be read",
                        out->host);
}

static int choose_hub(struct api *a, const char *name, struct login *out)
{
    uint16_t port;
    int code;

    if (name == NULL) {
        code = api_ask_service(a);
        if (code != EXIT_CODE_OK)
            return code;
        if (a->default_hub[0] == '\0')
            return tell_failure(EXIT_CODE_NOT_FOUND,
                                "there is no hub\n  make one with `berth hub create`");
        name = a->default_hub;
    }
    if (login_host(berth_str_of(name), out->host, &port) != BERTH_OK || port != 0)
        return tell_failure(EXIT_CODE_USAGE, "%.64s: not a hub's name", name);
    return EXIT_CODE_OK;
}

int api_hub_login(struct api *a, const char *name, enum berth_right right, struct login *out)
{
    char path[API_PATH_MAX], what[LOGIN_HOST_MAX + 8];
    int code;

    *out = (struct login){ 0 };
    code = choose_hub(a, name, out);
    if (code != EXIT_CODE_OK)
        return code;
    (void)snprintf(what, sizeof what, "hub %s", out->host);
    api_path(path, "/berth/v1/hubs/", name != NULL ? name : a->default_hub, "/listkeys");
    code = api_call(a, &(struct api_request){ .method = "POST", .path = path, .what = what });
    return code == EXIT_CODE_OK ? take_policy(a, right, out) : code;
}
