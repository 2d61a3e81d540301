/* berth connection-string: the one verb whose purpose is to print a secret. */
#include <stdio.h>
#include <string.h>

#include "cli/api.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/tell.h"

#define HTTPS_PORT   443
#define HUB_POLICY   "iothubowner"
#define DOCUMENT_MAX 2048
#define KEY_TEXT_MAX 128

enum { KEY_HUB = 0x100, KEY_POLICY, KEY_TYPE };

struct input {
    const char *hub, *policy;
    bool secondary;
};

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;
    char host[LOGIN_HOST_MAX + 1];
    uint16_t port;

    switch (key) {
    case KEY_HUB:
        if (login_host(berth_str_of(arg), host, &port) != BERTH_OK || port != 0)
            argp_error(state, "--hub %s: not a host name", arg);
        in->hub = arg;
        return 0;
    case KEY_POLICY:
        in->policy = arg;
        return 0;
    case KEY_TYPE:
        if (strcmp(arg, "primary") != 0 && strcmp(arg, "secondary") != 0)
            argp_error(state, "--key-type %s: not one of primary, secondary", arg);
        in->secondary = arg[0] == 's';
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "\"%s\" is not expected here", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static struct berth_json find(struct berth_json list, const char *policy)
{
    struct berth_json_iter it = { 0 };
    struct berth_json each;

    while (list.type == BERTH_JSON_ARRAY && berth_json_next(list, &it, NULL, &each))
        if (berth_json_is(berth_json_get(each, BERTH_STR("keyName")), berth_str_of(policy)))
            return each;
    return (struct berth_json){ 0 };
}

static void put_connection_string(struct berth_buf *b, const struct api *a, const char *host,
                                  const char *policy, berth_str key)
{
    berth_buf_put(b, BERTH_STR("HostName="));
    berth_buf_put(b, berth_str_of(host));
    if (a->place.https_port != HTTPS_PORT) {
        berth_buf_put_char(b, ':');
        berth_buf_put_u64(b, a->place.https_port);
    }
    berth_buf_put(b, BERTH_STR(";SharedAccessKeyName="));
    berth_buf_put(b, berth_str_of(policy));
    berth_buf_put(b, BERTH_STR(";SharedAccessKey="));
    berth_buf_put(b, key);
}

static void print_json(berth_str text)
{
    char document[DOCUMENT_MAX];
    struct berth_json_out j;
    struct berth_json v;
    struct berth_buf b;

    berth_buf_init(&b, document, sizeof document);
    berth_json_begin(&j, &b);
    berth_json_open(&j, '{');
    berth_json_member(&j, "connectionString", text);
    berth_json_close(&j, '}');
    if (berth_json_check(berth_buf_str(&b), &v, NULL) == BERTH_OK)
        output_json(stdout, v, (struct berth_json){ 0 });
    explicit_bzero(document, sizeof document);
}

static int print(struct api *a, const struct input *in, bool json)
{
    const char *policy = in->policy != NULL ? in->policy
                         : in->hub != NULL  ? HUB_POLICY
                                            : a->place.login.policy;
    struct berth_json found = find(a->json, policy);
    unsigned char storage[KEY_TEXT_MAX];
    char text[DOCUMENT_MAX / 2];
    struct berth_arena arena;
    struct berth_buf b;
    berth_str key, whole;

    if (found.type == BERTH_JSON_ABSENT)
        return tell_failure(EXIT_CODE_NOT_FOUND,
                            "no policy \"%s\"\n  `berth policy list`, with --hub for a hub's, "
                            "shows those there are",
                            policy);
    berth_arena_init(&arena, storage, sizeof storage);
    berth_buf_init(&b, text, sizeof text);
    if (berth_json_string(berth_json_get(found, in->secondary ? BERTH_STR("secondaryKey")
                                                              : BERTH_STR("primaryKey")),
                          &arena, &key) != BERTH_OK)
        return tell_failure(EXIT_CODE_FAILED, "the key of policy \"%s\" cannot be read", policy);
    put_connection_string(&b, a, in->hub != NULL ? in->hub : a->place.login.host, policy, key);
    if (berth_buf_done(&b, &whole) != BERTH_OK)
        return tell_failure(EXIT_CODE_FAILED, "the connection string is too long");
    if (json)
        print_json(whole);
    else
        (void)printf("%.*s\n", BERTH_STR_ARG(whole));
    explicit_bzero(text, sizeof text);
    explicit_bzero(storage, sizeof storage);
    return EXIT_CODE_OK;
}

static int show(int argc, char **argv)
{
    static const struct argp_option own[] = {
        { "hub", KEY_HUB, "HUB", 0, "of this hub instead of the provisioning service", 0 },
        { "policy-name", KEY_POLICY, "POLICY", 0,
          "the one that this command itself uses when left out, or of a hub " HUB_POLICY, 0 },
        { "key-type", KEY_TYPE, "primary|secondary", 0, "which of its keys; primary when left out",
          0 },
        { 0 }
    };
    const struct argp argp = { own,
                               take,
                               NULL,
                               "Print a connection string: the credential that SDKs and tools ask "
                               "for. Keep it secret.",
                               NULL,
                               NULL,
                               NULL };
    char path[API_PATH_MAX] = "/berth/v1/listkeys", what[LOGIN_HOST_MAX + 16] = "";
    struct input in = { 0 };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    if (in.hub != NULL) {
        api_path(path, "/berth/v1/hubs/", in.hub, "/listkeys");
        (void)snprintf(what, sizeof what, "hub %s", in.hub);
    }
    code = api_open(&a, &o);
    if (code == EXIT_CODE_OK)
        code = api_call(&a, &(struct api_request){ .method = "POST",
                                                   .path = path,
                                                   .what = in.hub != NULL ? what : NULL });
    if (code == EXIT_CODE_OK)
        code = print(&a, &in, o.json);
    api_close(&a);
    return code;
}

const struct command connection_string_commands[] = {
    { "show", "print one, with its key", show, NULL },
    { NULL, NULL, NULL, NULL },
};
