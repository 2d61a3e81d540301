/* berth enrollment and enrollment-group: enable, disable, keys show, keys regenerate. */
#include <stdio.h>
#include <string.h>

#include "cli/change.h"
#include "cli/command.h"
#include "cli/enrollment.h"
#include "cli/enrollment_body.h"
#include "cli/output.h"
#include "cli/tell.h"

enum { KEY_ID = 0x100, KEY_ETAG, KEY_TYPE };

struct input {
    const char *id, *etag;
    bool wants_type, primary, secondary;
};

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
    case KEY_ID:
        options_take_one(state, &in->id, arg);
        return 0;
    case KEY_ETAG:
        in->etag = change_take_etag(state, arg);
        return 0;
    case KEY_TYPE:
        in->primary = strcmp(arg, "primary") == 0;
        in->secondary = strcmp(arg, "secondary") == 0;
        if (!in->primary && !in->secondary)
            argp_error(state, "--key-type %s: not one of primary, secondary", arg);
        return 0;
    case ARGP_KEY_END:
        enrollment_check_id(state, in->id);
        if (in->wants_type && !in->primary && !in->secondary)
            argp_error(state, "--key-type is missing: primary or secondary");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

struct work {
    const struct enrollment_kind *kind;
    const struct enrollment_settings *set;
};

static int put_changed(struct berth_json_out *j, struct berth_json doc, const void *user)
{
    const struct work *w = user;
    struct berth_json how = berth_json_get(doc, BERTH_STR("attestation"));

    /* Keys in place of a certificate would let other devices in than before. */
    if ((w->set->keys.primary.n > 0 || w->set->keys.secondary.n > 0) &&
        !berth_json_is(berth_json_get(how, BERTH_STR("type")), BERTH_STR("symmetricKey")))
        return tell_failure(EXIT_CODE_FAILED,
                            "%s \"%s\" has no symmetric keys\n  delete it and create it anew to "
                            "change how its devices prove who they are",
                            w->kind->noun, w->set->id);
    return enrollment_body_change(j, doc, w->set);
}

int enrollment_change(struct api *a, const struct enrollment_kind *k,
                      const struct enrollment_settings *set, const char *etag)
{
    char path[API_PATH_MAX], what[ENROLLMENT_WHAT_MAX];

    api_path(path, k->path, set->id, API_DPS);
    return change_run(a, &(struct change){ .path = path,
                                           .what = enrollment_what(k, set->id, what),
                                           .etag = etag,
                                           .put = put_changed,
                                           .user = &(struct work){ k, set } });
}

/* ---- enable, disable ---- */

static int change_status(const struct enrollment_kind *k, const char *status, const char *doc,
                         int argc, char **argv)
{
    const struct argp_option own[] = {
        { k->id_option, KEY_ID, k->metavar, 0, "the same as ID alone, as az has it", 0 },
        { k->id_alias, KEY_ID, NULL, OPTION_ALIAS, NULL, 0 },
        { "etag", KEY_ETAG, "ETAG", 0, "only when this is still its etag, as show --json has it",
          0 },
        { 0 }
    };
    const struct argp argp = { own, take, k->metavar, doc, NULL, NULL, NULL };
    struct enrollment_settings set = { .status = status };
    struct input in = { 0 };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    set.id = in.id;
    code = api_open(&a, &o);
    if (code == EXIT_CODE_OK)
        code = enrollment_change(&a, k, &set, in.etag);
    if (code == EXIT_CODE_OK && o.json)
        enrollment_print(k, a.json, true, false);
    else if (code == EXIT_CODE_OK)
        (void)printf("%s %s \"%s\"\n", status, k->noun, in.id);
    api_close(&a);
    return code;
}

int enrollment_enable_run(int argc, char **argv)
{
    return change_status(&enrollment_single, "enabled", "Let its device register again.", argc,
                         argv);
}

int enrollment_disable_run(int argc, char **argv)
{
    return change_status(&enrollment_single, "disabled",
                         "Let its device register no more. In its hub it stays as it is.", argc,
                         argv);
}

int enrollment_group_enable_run(int argc, char **argv)
{
    return change_status(&enrollment_group, "enabled", "Let its devices register again.", argc,
                         argv);
}

int enrollment_group_disable_run(int argc, char **argv)
{
    return change_status(&enrollment_group, "disabled",
                         "Let its devices register no more. In their hubs they stay as they are.",
                         argc, argv);
}

/* ---- keys ---- */

static int print_keys(struct berth_json attestation, const char *what, bool json)
{
    struct berth_json keys = berth_json_get(attestation, BERTH_STR("symmetricKey"));
    struct table t;

    if (keys.type != BERTH_JSON_OBJECT)
        return tell_failure(EXIT_CODE_FAILED, "%s has no symmetric keys", what);
    if (json) {
        output_json(stdout, keys, (struct berth_json){ 0 });
        return EXIT_CODE_OK;
    }
    table_init(&t, stdout, NULL, 2);
    table_pair(&t, "primary key", berth_json_get(keys, BERTH_STR("primaryKey")));
    table_pair(&t, "secondary key", berth_json_get(keys, BERTH_STR("secondaryKey")));
    (void)table_deinit(&t);
    return EXIT_CODE_OK;
}

static int show_keys(const struct enrollment_kind *k, int argc, char **argv)
{
    const struct argp_option own[] = { { k->id_option, KEY_ID, k->metavar, 0,
                                         "the same as ID alone, as az has it", 0 },
                                       { k->id_alias, KEY_ID, NULL, OPTION_ALIAS, NULL, 0 },
                                       { 0 } };
    const struct argp argp = { own, take, k->metavar, "Print its two keys.", NULL, NULL, NULL };
    char path[API_PATH_MAX], what[ENROLLMENT_WHAT_MAX];
    struct input in = { 0 };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    (void)enrollment_what(k, in.id, what);
    code = api_open(&a, &o);
    api_path(path, k->path, in.id, "/attestationmechanism" API_DPS);
    if (code == EXIT_CODE_OK)
        code = api_call(&a, &(struct api_request){ .method = "POST", .path = path, .what = what });
    if (code == EXIT_CODE_OK)
        code = print_keys(a.json, what, o.json);
    api_close(&a);
    return code;
}

/* The key that is left out stays as it is: the service keeps it. */
static int regenerate(struct api *a, const struct enrollment_kind *k, const struct input *in,
                      bool json)
{
    struct enrollment_settings set = { .id = in->id };
    struct berth_key *key = in->primary ? &set.keys.primary : &set.keys.secondary;
    char what[ENROLLMENT_WHAT_MAX];
    int code;

    if (a->crypto.random(a->crypto.ctx, key->bytes, BERTH_KEY_MAX) != BERTH_OK)
        return tell_failure(EXIT_CODE_FAILED, "OpenSSL gives no random bytes");
    key->n = BERTH_KEY_MAX;
    code = enrollment_change(a, k, &set, in->etag);
    explicit_bzero(&set, sizeof set);
    if (code != EXIT_CODE_OK)
        return code;
    return print_keys(berth_json_get(a->json, BERTH_STR("attestation")),
                      enrollment_what(k, in->id, what), json);
}

static int regenerate_key(const struct enrollment_kind *k, int argc, char **argv)
{
    const struct argp_option own[] = {
        { k->id_option, KEY_ID, k->metavar, 0, "the same as ID alone, as az has it", 0 },
        { k->id_alias, KEY_ID, NULL, OPTION_ALIAS, NULL, 0 },
        { "key-type", KEY_TYPE, "primary|secondary", 0, "which is made anew", 0 },
        { "etag", KEY_ETAG, "ETAG", 0, "only when this is still its etag, as show --json has it",
          0 },
        { 0 }
    };
    const struct argp argp = {
        own,
        take,
        k->metavar,
        "Make one of its two keys anew, at random, and print both. Devices that have the old one "
        "can no longer register: give them the other first.",
        NULL,
        NULL,
        NULL
    };
    struct input in = { .wants_type = true };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    code = api_open(&a, &o);
    if (code == EXIT_CODE_OK)
        code = regenerate(&a, k, &in, o.json);
    api_close(&a);
    return code;
}

static int show_single(int argc, char **argv)
{
    return show_keys(&enrollment_single, argc, argv);
}

static int show_group(int argc, char **argv)
{
    return show_keys(&enrollment_group, argc, argv);
}

static int regenerate_single(int argc, char **argv)
{
    return regenerate_key(&enrollment_single, argc, argv);
}

static int regenerate_group(int argc, char **argv)
{
    return regenerate_key(&enrollment_group, argc, argv);
}

const struct command enrollment_keys_commands[] = {
    { "show", "print them", show_single, NULL },
    { "regenerate", "make one of them anew", regenerate_single, NULL },
    { NULL, NULL, NULL, NULL },
};

const struct command enrollment_group_keys_commands[] = {
    { "show", "print them", show_group, NULL },
    { "regenerate", "make one of them anew", regenerate_group, NULL },
    { NULL, NULL, NULL, NULL },
};
