/* berth enrollment, berth enrollment-group: list, show, delete. */
#include "cli/enrollment.h"

#include <stdio.h>
#include <string.h>

#include "berth/registration_id.h"
#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/list.h"
#include "cli/output.h"
#include "cli/tell.h"

const struct enrollment_kind enrollment_single = {
    "enrollment",    "enrollment", "registrationId", "/enrollments/", "/berth/v1/enrollments/",
    "enrollment-id", "eid",        "ENROLLMENT-ID",  false,
};
const struct enrollment_kind enrollment_group = {
    "enrollment group",
    "enrollment-group",
    "enrollmentGroupId",
    "/enrollmentGroups/",
    "/berth/v1/enrollmentGroups/",
    "group-id",
    "gid",
    "GROUP-ID",
    true,
};

enum { KEY_ID = 0x100, KEY_SHOW_KEYS, KEY_YES, KEY_TOP };

struct input {
    const struct enrollment_kind *kind;
    const char *id;
    bool show_keys, yes, lists;
    size_t top;
};

void enrollment_check_id(struct argp_state *state, const char *id)
{
    struct berth_id_check check;

    if (id == NULL)
        argp_error(state, "the ID is missing");
    check = berth_registration_id_check(berth_str_of(id));
    if (check.fault != BERTH_ID_FINE)
        argp_error(state, "\"%s\": an ID that %s", id, berth_id_fault_text(check.fault));
}

const char *enrollment_what(const struct enrollment_kind *k, const char *id,
                            char out[ENROLLMENT_WHAT_MAX])
{
    (void)snprintf(out, ENROLLMENT_WHAT_MAX, "%s \"%s\"", k->noun, id);
    return out;
}

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
    case KEY_ID:
        if (in->lists)
            argp_error(state, "\"%s\" is not expected here", arg);
        options_take_one(state, &in->id, arg);
        return 0;
    case KEY_SHOW_KEYS:
        in->show_keys = true;
        return 0;
    case KEY_YES:
        in->yes = true;
        return 0;
    case KEY_TOP:
        in->top = (size_t)options_number(state, "--top", arg, 1, LIST_TOP_MAX);
        return 0;
    case ARGP_KEY_END:
        if (!in->lists)
            enrollment_check_id(state, in->id);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const char *reprovision_word(struct berth_json doc)
{
    struct berth_json policy = berth_json_get(doc, BERTH_STR("reprovisionPolicy"));
    bool update = true, migrate = true;

    /* Left out, both are true. */
    if (berth_json_bool(berth_json_get(policy, BERTH_STR("updateHubAssignment")), &update) !=
        BERTH_OK)
        update = true;
    if (berth_json_bool(berth_json_get(policy, BERTH_STR("migrateDeviceData")), &migrate) !=
        BERTH_OK)
        migrate = true;
    if (!update)
        return "never";
    return migrate ? "reprovisionandmigratedata" : "reprovisionandresetdata";
}

/* ---- list ---- */

static void put_row(struct table *t, struct berth_json item, const char *id_member)
{
    table_put_json(t, berth_json_get(item, berth_str_of(id_member)));
    table_put_json(t, berth_json_get(item, BERTH_STR("provisioningStatus")));
    table_put_json(t, berth_json_get(item, BERTH_STR("allocationPolicy")));
    table_put(t, berth_str_of(reprovision_word(item)));
    table_put_time(t, berth_json_get(item, BERTH_STR("createdDateTimeUtc")));
}

static void put_single(struct table *t, struct berth_json item)
{
    put_row(t, item, "registrationId");
}

static void put_group(struct table *t, struct berth_json item)
{
    put_row(t, item, "enrollmentGroupId");
}

static int list(const struct enrollment_kind *k, int argc, char **argv)
{
    static const char *const heads[] = { "ID", "STATUS", "ALLOCATION", "REPROVISIONING",
                                         "CREATED" };
    static const struct argp_option own[] = {
        { "top", KEY_TOP, "NUMBER", 0, "show at most so many", 0 }, { 0 }
    };
    const struct argp argp = { .options = own, .parser = take, .doc = "List them all." };
    struct input in = { .kind = k, .lists = true };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    code = api_open(&a, &o);
    if (code == EXIT_CODE_OK)
        code = list_run(&a, &(struct listing){
                                .request = { .method = "POST",
                                             .path = k->is_group ? "/enrollmentGroups/query" API_DPS
                                                                 : "/enrollments/query" API_DPS,
                                             .body = BERTH_STR("{\"query\":\"*\"}") },
                                .heads = heads,
                                .columns = sizeof heads / sizeof heads[0],
                                .row = k->is_group ? put_group : put_single,
                                .none = k->is_group ? "no enrollment groups" : "no enrollments",
                                .top = in.top,
                                .json = o.json });
    api_close(&a);
    return code;
}

/* ---- show ---- */

static void put_lists(struct table *t, struct berth_json doc)
{
    struct berth_json hubs = berth_json_get(doc, BERTH_STR("iotHubs"));
    struct berth_json twin = berth_json_get(doc, BERTH_STR("initialTwin"));
    struct berth_json properties = berth_json_get(twin, BERTH_STR("properties"));

    table_pair_list(t, "hubs", hubs, BERTH_STR("all"));
    if (twin.type != BERTH_JSON_OBJECT)
        return;
    table_pair(t, "initial tags", berth_json_get(twin, BERTH_STR("tags")));
    table_pair(t, "initial properties", berth_json_get(properties, BERTH_STR("desired")));
}

static void put_state(struct table *t, struct berth_json doc)
{
    struct berth_json state = berth_json_get(doc, BERTH_STR("registrationState"));

    table_pair(t, "device ID", berth_json_get(doc, BERTH_STR("deviceId")));
    if (state.type != BERTH_JSON_OBJECT)
        return;
    table_pair(t, "registration", berth_json_get(state, BERTH_STR("status")));
    table_pair(t, "assigned hub", berth_json_get(state, BERTH_STR("assignedHub")));
}

static void put_keys(struct table *t, struct berth_json keys)
{
    table_pair(t, "primary key", berth_json_get(keys, BERTH_STR("primaryKey")));
    table_pair(t, "secondary key", berth_json_get(keys, BERTH_STR("secondaryKey")));
}

void enrollment_print(const struct enrollment_kind *k, struct berth_json doc, bool json,
                      bool show_keys)
{
    struct berth_json keys =
        berth_json_get(berth_json_get(doc, BERTH_STR("attestation")), BERTH_STR("symmetricKey"));
    struct table t;

    if (json) {
        output_json(stdout, doc, show_keys ? (struct berth_json){ 0 } : keys);
        return;
    }
    table_init(&t, stdout, NULL, 2);
    table_pair(&t, k->noun, berth_json_get(doc, berth_str_of(k->id_member)));
    table_pair(&t, "status", berth_json_get(doc, BERTH_STR("provisioningStatus")));
    if (!k->is_group)
        put_state(&t, doc);
    table_pair(&t, "allocation", berth_json_get(doc, BERTH_STR("allocationPolicy")));
    table_pair_text(&t, "reprovisioning", berth_str_of(reprovision_word(doc)));
    put_lists(&t, doc);
    if (show_keys)
        put_keys(&t, keys);
    table_put(&t, BERTH_STR("created"));
    table_put_time(&t, berth_json_get(doc, BERTH_STR("createdDateTimeUtc")));
    table_put(&t, BERTH_STR("last change"));
    table_put_time(&t, berth_json_get(doc, BERTH_STR("lastUpdatedDateTimeUtc")));
    (void)table_deinit(&t);
}

/* DOC with ATTESTATION in place of its own, which has no keys. */
static bool join(struct berth_json doc, berth_str attestation, struct text *out)
{
    struct berth_json_iter it = { 0 };
    struct berth_json each;
    berth_str name;
    bool any = false;

    text_put(out, BERTH_STR("{"));
    while (berth_json_next(doc, &it, &name, &each)) {
        text_put(out, any ? BERTH_STR(",\"") : BERTH_STR("\""));
        text_put(out, name);
        text_put(out, BERTH_STR("\":"));
        text_put(out, berth_str_eq(name, BERTH_STR("attestation")) ? attestation : each.text);
        any = true;
    }
    text_put(out, BERTH_STR("}"));
    return !out->over;
}

static int show_with_keys(struct api *a, const struct enrollment_kind *k, const char *id,
                          const char *what, bool json)
{
    char path[API_PATH_MAX];
    struct text first, whole;
    struct berth_json doc;
    int code;

    text_init(&first, API_ANSWER_MAX);
    text_init(&whole, API_ANSWER_MAX);
    text_put(&first, text_str(&a->body));
    api_path(path, k->path, id, "/attestationmechanism" API_DPS);
    code = api_call(a, &(struct api_request){ .method = "POST", .path = path, .what = what });
    if (code == EXIT_CODE_OK && berth_json_check(text_str(&first), &doc, NULL) == BERTH_OK &&
        join(doc, a->json.text, &whole) &&
        berth_json_check(text_str(&whole), &doc, NULL) == BERTH_OK)
        enrollment_print(k, doc, json, true);
    else if (code == EXIT_CODE_OK)
        code = tell_failure(EXIT_CODE_FAILED, "memory ran out");
    text_deinit(&first);
    text_deinit(&whole);
    return code;
}

static int show(const struct enrollment_kind *k, int argc, char **argv)
{
    const struct argp_option own[] = { { k->id_option, KEY_ID, k->metavar, 0,
                                         "the same as ID alone, as az has it", 0 },
                                       { k->id_alias, KEY_ID, NULL, OPTION_ALIAS, NULL, 0 },
                                       { "show-keys", KEY_SHOW_KEYS, NULL, 0, "with its keys", 0 },
                                       { 0 } };
    const struct argp argp = { own,  take, k->metavar, "Show one, without its keys.",
                               NULL, NULL, NULL };
    char path[API_PATH_MAX], what[ENROLLMENT_WHAT_MAX];
    struct input in = { .kind = k };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    (void)enrollment_what(k, in.id, what);
    code = api_open(&a, &o);
    api_path(path, k->path, in.id, API_DPS);
    if (code == EXIT_CODE_OK)
        code = api_call(&a, &(struct api_request){ .method = "GET", .path = path, .what = what });
    if (code == EXIT_CODE_OK && in.show_keys)
        code = show_with_keys(&a, k, in.id, what, o.json);
    else if (code == EXIT_CODE_OK)
        enrollment_print(k, a.json, o.json, false);
    api_close(&a);
    return code;
}

/* ---- delete ---- */

static int remove_one(const struct enrollment_kind *k, int argc, char **argv)
{
    const struct argp_option own[] = { { k->id_option, KEY_ID, k->metavar, 0,
                                         "the same as ID alone, as az has it", 0 },
                                       { k->id_alias, KEY_ID, NULL, OPTION_ALIAS, NULL, 0 },
                                       { "yes", KEY_YES, NULL, 0, "do not ask", 0 },
                                       { 0 } };
    const struct argp argp = {
        own,        take,
        k->metavar, "Delete one. Its devices stay in their hubs and can no longer register.",
        NULL,       NULL,
        NULL
    };
    char path[API_PATH_MAX], what[ENROLLMENT_WHAT_MAX];
    struct input in = { .kind = k };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    (void)enrollment_what(k, in.id, what);
    code = confirm("delete", what, in.yes);
    if (code != EXIT_CODE_OK)
        return code;
    code = api_open(&a, &o);
    api_path(path, k->path, in.id, API_DPS);
    if (code == EXIT_CODE_OK)
        code =
            api_call(&a, &(struct api_request){ .method = "DELETE", .path = path, .what = what });
    if (code == EXIT_CODE_OK && !o.json)
        (void)printf("deleted %s\n", what);
    api_close(&a);
    return code;
}

static int list_singles(int argc, char **argv)
{
    return list(&enrollment_single, argc, argv);
}

static int list_groups(int argc, char **argv)
{
    return list(&enrollment_group, argc, argv);
}

static int show_single(int argc, char **argv)
{
    return show(&enrollment_single, argc, argv);
}

static int show_group(int argc, char **argv)
{
    return show(&enrollment_group, argc, argv);
}

static int delete_single(int argc, char **argv)
{
    return remove_one(&enrollment_single, argc, argv);
}

static int delete_group(int argc, char **argv)
{
    return remove_one(&enrollment_group, argc, argv);
}

const struct command enrollment_commands[] = {
    { "create", "enroll one device", enrollment_create_run, NULL },
    { "list", "list the enrollments", list_singles, NULL },
    { "show", "show one, with --show-keys its keys", show_single, NULL },
    { "update", "change some of its settings", enrollment_update_run, NULL },
    { "enable", "let its device register again", enrollment_enable_run, NULL },
    { "disable", "let its device register no more", enrollment_disable_run, NULL },
    { "keys", "its two keys", NULL, enrollment_keys_commands },
    { "delete", "delete one", delete_single, NULL },
    { NULL, NULL, NULL, NULL },
};

const struct command enrollment_group_commands[] = {
    { "create", "make a group whose devices share a key", enrollment_group_create_run, NULL },
    { "list", "list the groups", list_groups, NULL },
    { "show", "show one, with --show-keys its keys", show_group, NULL },
    { "update", "change some of its settings", enrollment_group_update_run, NULL },
    { "enable", "let its devices register again", enrollment_group_enable_run, NULL },
    { "disable", "let its devices register no more", enrollment_group_disable_run, NULL },
    { "keys", "its two keys", NULL, enrollment_group_keys_commands },
    { "delete", "delete one", delete_group, NULL },
    { NULL, NULL, NULL, NULL },
};
