/* berth key: devices' keys from their group's. */
#include <stdio.h>
#include <string.h>

#include "berth/derive.h"
#include "berth/openssl.h"
#include "cli/command.h"
#include "cli/enrollment.h"
#include "cli/group_key.h"
#include "cli/id_check.h"
#include "cli/key_bulk.h"
#include "cli/output.h"
#include "cli/secret.h"
#include "cli/tell.h"
#include "crypto/b64.h"

enum { KEY_ID = 0x100, KEY_GROUP, KEY_FILE, KEY_GIVEN, KEY_SECONDARY, KEY_LIST, KEY_ID_COLUMN };

struct input {
    const char *id, *group, *id_column;
    struct secret_source source;
    struct bulk_options bulk;
    bool secondary;
};

static const char *read_from(const struct input *in)
{
    return in->bulk.csv != NULL ? in->bulk.csv : in->bulk.list;
}

static bool is_standard_input(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

static void check_many(struct argp_state *state, const struct input *in)
{
    bulk_check(state, &in->bulk);
    if (in->id_column != NULL && in->bulk.csv == NULL)
        argp_error(state, "--id-column is for --csv FILE");
    if (in->id != NULL && read_from(in) != NULL)
        argp_error(state, "--registration-id is for one device, --csv and --list for many");
    if (is_standard_input(read_from(in)) && is_standard_input(in->source.file))
        argp_error(state, "key and IDs cannot both come from standard input");
}

static void check_id(struct argp_state *state, const char *id)
{
    if (id == NULL)
        argp_error(state, "--registration-id is missing, or --csv or --list for many");
    id_check_registration(state, "--registration-id", id);
}

static void check(struct argp_state *state, struct input *in)
{
    check_many(state, in);
    if (read_from(in) == NULL)
        check_id(state, in->id);
    in->source.from_terminal = is_standard_input(read_from(in));
    if (in->group != NULL)
        enrollment_check_id(state, in->group);
    if (in->group != NULL && (in->source.file != NULL || in->source.given != NULL))
        argp_error(state, "--enrollment-group asks for the key: no other can be given");
    if (in->secondary && in->group == NULL)
        argp_error(state, "--secondary needs --enrollment-group");
}

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &in->bulk;
        return 0;
    case KEY_LIST:
        in->bulk.list = arg;
        return 0;
    case KEY_ID_COLUMN:
        in->id_column = arg;
        return 0;
    case KEY_ID:
        in->id = arg;
        return 0;
    case KEY_GROUP:
        in->group = arg;
        return 0;
    case KEY_FILE:
        in->source.file = arg;
        return 0;
    case KEY_GIVEN:
        in->source.given = arg;
        return 0;
    case KEY_SECONDARY:
        in->secondary = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "\"%s\" is not expected here", arg);
        return 0;
    case ARGP_KEY_END:
        check(state, in);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int find_group_key(const struct input *in, const struct options *o, struct berth_key *key)
{
    struct api a;
    int code;

    if (in->group == NULL)
        return secret_read(&in->source, key);
    code = api_open(&a, o);
    if (code == EXIT_CODE_OK)
        code = group_key_ask(&a, in->group, in->secondary, key);
    api_close(&a);
    return code;
}

static void print(const struct input *in, const struct berth_key *key, bool json)
{
    char text[BERTH_KEY_TEXT_MAX], document[512];
    struct berth_json_out j;
    struct berth_json v;
    struct berth_buf b, d;

    berth_buf_init(&b, text, sizeof text);
    berth_key_put(&b, key);
    berth_buf_init(&d, document, sizeof document);
    berth_json_begin(&j, &d);
    berth_json_open(&j, '{');
    berth_json_member(&j, "registrationId", berth_str_of(in->id));
    berth_json_member(&j, "deviceKey", berth_buf_str(&b));
    berth_json_close(&j, '}');
    if (!json)
        (void)printf("%.*s\n", BERTH_STR_ARG(berth_buf_str(&b)));
    else if (berth_json_check(berth_buf_str(&d), &v, NULL) == BERTH_OK)
        output_json(stdout, v, (struct berth_json){ 0 });
    explicit_bzero(text, sizeof text);
    explicit_bzero(document, sizeof document);
}

static int derive_and_print(const struct input *in, const struct berth_key *group_key, bool json)
{
    struct berth_crypto crypto;
    struct berth_key key = { 0 };
    berth_err e = berth_openssl_init(&crypto);

    if (e == BERTH_OK) {
        e = berth_derive_key(&crypto, group_key, berth_str_of(in->id), &key);
        berth_openssl_deinit(&crypto);
    }
    if (e != BERTH_OK)
        return tell_failure(EXIT_CODE_FAILED, "the key cannot be derived: %s", berth_err_text(e));
    print(in, &key, json);
    explicit_bzero(&key, sizeof key);
    return EXIT_CODE_OK;
}

static int derive(int argc, char **argv)
{
    static const struct argp_option own[] = {
        { "registration-id", KEY_ID, "REGISTRATION-ID", 0,
          "the device's, exactly as it will send it: letter case counts", 0 },
        { "enrollment-group", KEY_GROUP, "GROUP-ID", 0, "ask the service for this group's key", 0 },
        { "secondary", KEY_SECONDARY, NULL, 0, "its secondary key", 0 },
        { "key-file", KEY_FILE, "FILE", 0,
          "or read the group's key from here, - for standard input; else from $BERTH_KEY", 0 },
        { "key", KEY_GIVEN, "KEY", 0, "or this key; others see it on the command line", 0 },
        { "list", KEY_LIST, "FILE", 0,
          "read the IDs from this file, one a line, - for standard input", 11 },
        { "id-column", KEY_ID_COLUMN, "NAME|NUMBER", 0,
          "of the CSV file; else the one called registrationId, device ID..", 11 },
        { 0 }
    };
    static const struct argp_child children[] = { { &bulk_argp, 0, NULL, 10 }, { 0 } };
    const struct argp argp = { own,
                               take,
                               NULL,
                               "Derive devices' keys: HMAC-SHA256 of the registration ID under "
                               "the enrollment group's key.\v"
                               "Needs no service when the group's key is given.",
                               children,
                               NULL,
                               NULL };
    struct input in = { .source = { .what = "group key",
                                    .option = "--key-file",
                                    .variable = "BERTH_KEY",
                                    .ask = true } };
    struct berth_key group_key;
    struct options o;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    code = find_group_key(&in, &o, &group_key);
    if (code == EXIT_CODE_OK && read_from(&in) != NULL)
        code = key_bulk_derive(&in.bulk, in.id_column, &group_key, o.json);
    else if (code == EXIT_CODE_OK)
        code = derive_and_print(&in, &group_key, o.json);
    explicit_bzero(&group_key, sizeof group_key);
    return code;
}

const struct command key_commands[] = {
    { "derive", "derive devices' keys from their group's", derive, NULL },
    { NULL, NULL, NULL, NULL },
};
