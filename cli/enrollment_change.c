/* berth enrollment and enrollment-group: enable, disable, keys show, keys regenerate. */
#include <stdio.h>
#include <string.h>

#include "cli/change.h"
#include "cli/command.h"
#include "cli/enrollment.h"
#include "cli/enrollment_body.h"
#include "cli/tell.h"
#include "cli/verb.h"

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

struct status_input {
    struct verb_input verb; /* first: verb_take's */
    const struct enrollment_kind *kind;
    const char *status;
};

static int set_status(struct api *a, const struct options *o, void *input)
{
    const struct status_input *in = input;
    struct enrollment_settings set = { .id = in->verb.id, .status = in->status };
    int code = enrollment_change(a, in->kind, &set, in->verb.etag);

    if (code == EXIT_CODE_OK && o->json)
        enrollment_print(in->kind, a->json, true, false);
    else if (code == EXIT_CODE_OK)
        (void)printf("%s %s \"%s\"\n", in->status, in->kind->noun, in->verb.id);
    return code;
}

static int change_status(const struct enrollment_kind *k, const char *status, const char *doc,
                         int argc, char **argv)
{
    const struct argp_option own[] = {
        VERB_ID(k->id_option, k->metavar), VERB_ALIAS(k->id_alias), VERB_ETAG, { 0 }
    };
    const struct argp argp = { own, verb_take, k->metavar, doc, NULL, NULL, NULL };
    struct status_input in = { .verb = { .check_id = enrollment_check_id },
                               .kind = k,
                               .status = status };

    return verb_run(&argp, &in, set_status, argc, argv);
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
    return verb_print_keys(berth_json_get(attestation, BERTH_STR("symmetricKey")), what, json);
}

static int ask_keys(struct api *a, const struct options *o, void *input)
{
    const struct verb_input *in = input;
    const struct enrollment_kind *k = in->user;
    char path[API_PATH_MAX], what[ENROLLMENT_WHAT_MAX];
    int code;

    (void)enrollment_what(k, in->id, what);
    api_path(path, k->path, in->id, "/attestationmechanism" API_DPS);
    code = api_call(a, &(struct api_request){ .method = "POST", .path = path, .what = what });
    return code == EXIT_CODE_OK ? print_keys(a->json, what, o->json) : code;
}

static int show_keys(const struct enrollment_kind *k, int argc, char **argv)
{
    const struct argp_option own[] = { VERB_ID(k->id_option, k->metavar),
                                       VERB_ALIAS(k->id_alias),
                                       { 0 } };
    const struct argp argp = {
        own, verb_take, k->metavar, "Print its two keys.", NULL, NULL, NULL
    };
    struct verb_input in = { .check_id = enrollment_check_id, .user = k };

    return verb_run(&argp, &in, ask_keys, argc, argv);
}

/* The key that is left out stays as it is: the service keeps it. */
static int regenerate(struct api *a, const struct options *o, void *input)
{
    const struct verb_input *in = input;
    const struct enrollment_kind *k = in->user;
    struct enrollment_settings set = { .id = in->id };
    struct berth_key *key = in->key_type[0] == 'p' ? &set.keys.primary : &set.keys.secondary;
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
                      enrollment_what(k, in->id, what), o->json);
}

static int regenerate_key(const struct enrollment_kind *k, int argc, char **argv)
{
    const struct argp_option own[] = {
        VERB_ID(k->id_option, k->metavar), VERB_ALIAS(k->id_alias), VERB_KEY_TYPES, VERB_ETAG, { 0 }
    };
    const struct argp argp = {
        own,
        verb_take,
        k->metavar,
        "Make one of its two keys anew, at random, and print both. Devices that have the old one "
        "can no longer register: give them the other first.",
        NULL,
        NULL,
        NULL
    };
    struct verb_input in = { .check_id = enrollment_check_id, .user = k, .wants_key_type = true };

    return verb_run(&argp, &in, regenerate, argc, argv);
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
