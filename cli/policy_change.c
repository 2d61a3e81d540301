/* berth policy: create, update, keys regenerate. */
#include <stdio.h>
#include <string.h>

#include "cli/change.h"
#include "cli/command.h"
#include "cli/key_pair_option.h"
#include "cli/policy.h"
#include "cli/profile_file.h"
#include "cli/tell.h"
#include "crypto/b64.h"
#include "wire/json_key.h"

#define BODY_MAX   1024
#define RIGHTS_MAX 256

struct input {
    struct verb_input verb; /* first: verb_take's */
    struct key_pair_options keys;
    struct berth_key_pair pair;
    bool updates;
    unsigned rights; /* 0: not given */
};

/* ---- options ---- */

static unsigned right_named(berth_str name)
{
    for (unsigned bit = 1; berth_right_name(bit)[0] != '\0'; bit <<= 1)
        if (berth_str_ieq(name, berth_str_of(berth_right_name(bit))))
            return bit;
    return 0;
}

/* "A,B" or "A B" */
static unsigned take_rights(struct argp_state *state, char *arg)
{
    unsigned rights = 0;
    berth_str rest;

    for (char *p = arg; *p != '\0'; p++)
        if (*p == ' ')
            *p = ',';
    rest = berth_str_of(arg);
    while (rest.n > 0) {
        berth_str name = berth_str_trim(berth_str_cut(&rest, ','));
        unsigned right = right_named(name);

        if (right == 0 && name.n > 0)
            argp_error(state,
                       "--rights %.*s: not one of ServiceConfig, EnrollmentRead, EnrollmentWrite, "
                       "RegistrationStatusRead, RegistrationStatusWrite, DeviceConnect; of a hub "
                       "RegistryRead, RegistryWrite, ServiceConnect, DeviceConnect",
                       BERTH_STR_ARG(name));
        rights |= right;
    }
    return rights;
}

static void check(struct argp_state *state, const struct input *in)
{
    unsigned may = in->verb.hub != NULL ? BERTH_RIGHTS_OF_HUB : BERTH_RIGHTS_OF_SERVICE;

    policy_check_name(state, in->verb.id);
    if (!in->updates && in->rights == 0)
        argp_error(state, "--rights is missing: what its keys may do");
    if ((in->rights & ~may) != 0)
        argp_error(state, "--rights: %s",
                   in->verb.hub != NULL ? "a hub has RegistryRead, RegistryWrite, "
                                          "ServiceConnect, DeviceConnect"
                                        : "with RegistryRead, RegistryWrite or "
                                          "ServiceConnect it is a hub's: name it with --hub");
    if (in->updates && in->rights == 0 && !key_pair_options_given(&in->keys))
        argp_error(state, "nothing to change is given");
}

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &in->keys;
        return 0;
    case 'r':
        in->rights |= take_rights(state, arg);
        return 0;
    case ARGP_KEY_END:
        check(state, in);
        return 0;
    default:
        return policy_take(key, arg, state);
    }
}

static const struct argp_child children[] = { { &key_pair_argp, 0, NULL, 0 }, { 0 } };

#define RIGHTS                                                                                     \
    { "rights", 'r', "RIGHTS", 0, "\"A B\" or A,B: what its keys may do", 0 },                     \
    {                                                                                              \
        "permissions", 'r', NULL, OPTION_ALIAS, NULL, 0                                            \
    }

/* ---- create, update ---- */

static void put_rights(struct berth_json_out *j, unsigned rights)
{
    char text[RIGHTS_MAX];
    struct berth_buf b;

    berth_buf_init(&b, text, sizeof text);
    for (unsigned bit = 1; berth_right_name(bit)[0] != '\0'; bit <<= 1) {
        if ((rights & bit) == 0)
            continue;
        berth_buf_put(&b, b.n > 0 ? BERTH_STR(", ") : BERTH_STR(""));
        berth_buf_put(&b, berth_str_of(berth_right_name(bit)));
    }
    berth_json_member(j, "rights", berth_buf_str(&b));
}

/* What is given; the service keeps keys that are left out, not rights: DOC has those there are. */
static int put_document(struct berth_json_out *j, struct berth_json doc, const void *user)
{
    const struct input *in = user;

    berth_json_open(j, '{');
    if (in->rights != 0)
        put_rights(j, in->rights);
    else
        berth_json_member_raw(j, "rights", berth_json_get(doc, BERTH_STR("rights")).text);
    if (in->pair.primary.n > 0)
        berth_json_member_key(j, "primaryKey", &in->pair.primary);
    if (in->pair.secondary.n > 0)
        berth_json_member_key(j, "secondaryKey", &in->pair.secondary);
    berth_json_close(j, '}');
    return EXIT_CODE_OK;
}

static int create_one(struct api *a, const struct input *in, const char *path, const char *what)
{
    char body[BODY_MAX];
    struct berth_json_out j;
    struct berth_buf b;
    int code;

    berth_buf_init(&b, body, sizeof body);
    berth_json_begin(&j, &b);
    (void)put_document(&j, (struct berth_json){ 0 }, in);
    code =
        api_call(a, &(struct api_request){
                        .method = "PUT", .path = path, .body = berth_buf_str(&b), .what = what });
    explicit_bzero(body, sizeof body);
    return code;
}

static int put(struct api *a, const struct options *o, void *input)
{
    struct input *in = input;
    char path[API_PATH_MAX], what[POLICY_WHAT_MAX];
    int code = key_pair_options_read(&in->keys, &in->pair);

    policy_path(path, in->verb.hub, in->verb.id, "");
    (void)policy_what(in->verb.hub, in->verb.id, what);
    if (code == EXIT_CODE_OK && in->updates)
        code = change_run(a, &(struct change){ .path = path,
                                               .what = what,
                                               .etag = in->verb.etag,
                                               .put = put_document,
                                               .user = in });
    else if (code == EXIT_CODE_OK)
        code = create_one(a, in, path, what);
    explicit_bzero(&in->pair, sizeof in->pair);
    if (code != EXIT_CODE_OK)
        return code;
    policy_print(a->json, in->verb.hub, o->json);
    if (!in->updates && !o->json)
        tell_hint("\nIts connection string:  berth connection-string show%s%s --policy-name %s",
                  in->verb.hub != NULL ? " --hub " : "", in->verb.hub != NULL ? in->verb.hub : "",
                  in->verb.id);
    return code;
}

int policy_create_run(int argc, char **argv)
{
    static const struct argp_option own[] = { POLICY_NAMES("NAME"), POLICY_HUB, RIGHTS, { 0 } };
    const struct argp argp = { own,      take,
                               "NAME",   "Make a policy: two keys that may do what its rights say.",
                               children, NULL,
                               NULL };
    struct input in = { 0 };

    key_pair_options_init(&in.keys);
    return verb_run(&argp, &in, put, argc, argv);
}

int policy_update_run(int argc, char **argv)
{
    static const struct argp_option own[] = {
        POLICY_NAMES("POLICY"), POLICY_HUB, RIGHTS, VERB_ETAG, { 0 }
    };
    const struct argp argp = { own,
                               take,
                               "POLICY",
                               "Change a policy's rights, all of them at once, or its keys. What "
                               "no option gives stays as it is.",
                               children,
                               NULL,
                               NULL };
    struct input in = { .updates = true };

    key_pair_options_init(&in.keys);
    return verb_run(&argp, &in, put, argc, argv);
}

/* ---- keys regenerate ---- */

static bool read_key(struct berth_json doc, const char *name, struct berth_key *key)
{
    unsigned char storage[2 * BERTH_KEY_TEXT_MAX]; /* a '/' may come escaped */
    struct berth_arena a;
    berth_str text;
    bool ok;

    berth_arena_init(&a, storage, sizeof storage);
    ok = berth_json_string(berth_json_get(doc, berth_str_of(name)), &a, &text) == BERTH_OK &&
         berth_key_decode(text, key) == BERTH_OK;
    explicit_bzero(storage, sizeof storage);
    return ok;
}

static bool same_key(const struct berth_key *a, const struct berth_key *b)
{
    return a->n == b->n && memcmp(a->bytes, b->bytes, a->n) == 0; /* both are the caller's own */
}

/* The key that this command has signed with may be the one that is gone. */
static void keep_login(struct api *a, const struct verb_input *in)
{
    struct berth_key_pair now = { 0 };
    const struct berth_key *made = in->key_type[0] == 'p' ? &now.primary : &now.secondary;
    struct login *login = &a->place.login;

    if (in->hub == NULL && strcmp(login->policy, in->id) == 0 &&
        read_key(a->json, "primaryKey", &now.primary) &&
        read_key(a->json, "secondaryKey", &now.secondary) && !same_key(&login->key, &now.primary) &&
        !same_key(&login->key, &now.secondary)) {
        login->key = *made;
        profile_file_renew(&a->place);
    }
    explicit_bzero(&now, sizeof now);
}

static int regenerate(struct api *a, const struct options *o, void *input)
{
    const struct verb_input *in = input;
    char path[API_PATH_MAX], what[POLICY_WHAT_MAX], body[64];
    int n = snprintf(body, sizeof body, "{\"keyType\":\"%s\"}", in->key_type), code;

    policy_path(path, in->hub, in->id, "/regeneratekey");
    (void)policy_what(in->hub, in->id, what);
    code = api_call(a, &(struct api_request){ .method = "POST",
                                              .path = path,
                                              .body = { body, (size_t)n },
                                              .what = what,
                                              .etag = in->etag });
    if (code != EXIT_CODE_OK)
        return code;
    keep_login(a, in);
    return verb_print_keys(a->json, what, o->json);
}

int policy_keys_regenerate_run(int argc, char **argv)
{
    static const struct argp_option own[] = {
        POLICY_NAMES("POLICY"), POLICY_HUB, VERB_KEY_TYPES, VERB_ETAG, { 0 }
    };
    const struct argp argp = { own,
                               policy_take,
                               "POLICY",
                               "Make one of its two keys anew, at random, and print both. The old "
                               "one opens nothing any more, at once: give tools the other first. A "
                               "profile that this command was run with gets the new key.",
                               NULL,
                               NULL,
                               NULL };
    struct verb_input in = { .check_id = policy_check_name, .wants_key_type = true };

    return verb_run(&argp, &in, regenerate, argc, argv);
}
