/* berth enrollment, berth enrollment-group: list, show, delete. */
#include "cli/enrollment.h"

#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/id_check.h"
#include "cli/list.h"
#include "cli/output.h"
#include "cli/tell.h"
#include "cli/verb.h"

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

void enrollment_check_id(struct argp_state *state, const char *id)
{
    if (id == NULL)
        argp_error(state, "the ID is missing");
    id_check_registration(state, NULL, id);
}

const char *enrollment_what(const struct enrollment_kind *k, const char *id,
                            char out[ENROLLMENT_WHAT_MAX])
{
    (void)snprintf(out, ENROLLMENT_WHAT_MAX, "%s \"%s\"", k->noun, id);
    return out;
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

static int ask_singles(struct api *a, const char *const *values, struct list_question *out)
{
    (void)a, (void)values;
    out->request = (struct api_request){ .method = "POST",
                                         .path = "/enrollments/query" API_DPS,
                                         .body = BERTH_STR("{\"query\":\"*\"}") };
    return EXIT_CODE_OK;
}

static int ask_groups(struct api *a, const char *const *values, struct list_question *out)
{
    (void)ask_singles(a, values, out);
    out->request.path = "/enrollmentGroups/query" API_DPS;
    return EXIT_CODE_OK;
}

static const char *const allocation_words[] = { "hashed", "static", NULL };
static const char *const heads[] = { "ID", "STATUS", "ALLOCATION", "REPROVISIONING", "CREATED" };

#define SHARED_FILTERS                                                                               \
    { "status", "enabled|disabled",   "those with this status alone",                                \
      LIST_IS,  "provisioningStatus", list_words_status },                                           \
        { "allocation-policy", "POLICY",        "those with this policy alone", LIST_IS,             \
          "allocationPolicy",  allocation_words },                                                   \
        { "hub", "HUB", "those that name this hub in --iot-hubs alone", LIST_HAS, "iotHubs", NULL }, \
        { "since",                                                                                   \
          "TIME",                                                                                    \
          "those changed since then alone: a time, or 7d, "                                          \
          "12h, 30m",                                                                                \
          LIST_SINCE,                                                                                \
          "lastUpdatedDateTimeUtc",                                                                  \
          NULL },                                                                                    \
    {                                                                                                \
        0                                                                                            \
    }

static int list_singles(int argc, char **argv)
{
    static const struct list_filter filters[] = {
        { "prefix", "TEXT", "those whose ID begins so alone", LIST_STARTS, "registrationId", NULL },
        SHARED_FILTERS
    };
    static const struct list_form form = { .doc = "List the enrollments.",
                                           .none = "no enrollments",
                                           .heads = heads,
                                           .columns = sizeof heads / sizeof heads[0],
                                           .row = put_single,
                                           .filters = filters,
                                           .ask = ask_singles };

    return list_verb(&form, argc, argv);
}

static int list_groups(int argc, char **argv)
{
    static const struct list_filter filters[] = { { "prefix", "TEXT",
                                                    "those whose ID begins so alone", LIST_STARTS,
                                                    "enrollmentGroupId", NULL },
                                                  SHARED_FILTERS };
    static const struct list_form form = { .doc = "List the enrollment groups.",
                                           .none = "no enrollment groups",
                                           .heads = heads,
                                           .columns = sizeof heads / sizeof heads[0],
                                           .row = put_group,
                                           .filters = filters,
                                           .ask = ask_groups };

    return list_verb(&form, argc, argv);
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

/* Without one of its own the device is called as it registers. */
static void put_device_id(struct table *t, struct berth_json doc)
{
    char id[BERTH_ID_MAX + 1], text[BERTH_ID_MAX + 32];

    if (api_string(doc, "deviceId", id, sizeof id) ||
        !api_string(doc, "registrationId", id, sizeof id)) {
        table_pair(t, "device ID", berth_json_get(doc, BERTH_STR("deviceId")));
        return;
    }
    (void)snprintf(text, sizeof text, "%s (the registration ID)", id);
    table_pair_text(t, "device ID", berth_str_of(text));
}

static void put_state(struct table *t, struct berth_json doc)
{
    struct berth_json state = berth_json_get(doc, BERTH_STR("registrationState"));
    struct berth_json information = berth_json_get(doc, BERTH_STR("optionalDeviceInformation"));

    put_device_id(t, doc);
    if (information.type == BERTH_JSON_OBJECT)
        table_pair(t, "device information", information);
    if (state.type != BERTH_JSON_OBJECT)
        return;
    table_pair(t, "registration", berth_json_get(state, BERTH_STR("status")));
    table_pair(t, "assigned hub", berth_json_get(state, BERTH_STR("assignedHub")));
}

void enrollment_print(const struct enrollment_kind *k, struct berth_json doc, bool json,
                      bool show_keys)
{
    struct berth_json keys =
        berth_json_get(berth_json_get(doc, BERTH_STR("attestation")), BERTH_STR("symmetricKey"));
    struct table t;

    if (json) {
        if (show_keys)
            keys = (struct berth_json){ 0 };
        output_json(stdout, doc, keys);
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
        table_pair_keys(&t, keys);
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

static int show_one(struct api *a, const struct options *o, void *input)
{
    const struct verb_input *in = input;
    const struct enrollment_kind *k = in->user;
    char path[API_PATH_MAX], what[ENROLLMENT_WHAT_MAX];
    int code;

    (void)enrollment_what(k, in->id, what);
    api_path(path, k->path, in->id, API_DPS);
    code = api_call(a, &(struct api_request){ .method = "GET", .path = path, .what = what });
    if (code == EXIT_CODE_OK && in->show_keys)
        return show_with_keys(a, k, in->id, what, o->json);
    if (code == EXIT_CODE_OK)
        enrollment_print(k, a->json, o->json, false);
    return code;
}

static int show(const struct enrollment_kind *k, int argc, char **argv)
{
    const struct argp_option own[] = {
        VERB_ID(k->id_option, k->metavar), VERB_ALIAS(k->id_alias), VERB_SHOW_KEYS, { 0 }
    };
    const struct argp argp = { own,  verb_take, k->metavar, "Show one, without its keys.",
                               NULL, NULL,      NULL };
    struct verb_input in = { .check_id = enrollment_check_id, .user = k };

    return verb_run(&argp, &in, show_one, argc, argv);
}

/* ---- delete ---- */

static int delete_one(struct api *a, const struct options *o, void *input)
{
    const struct verb_input *in = input;
    const struct enrollment_kind *k = in->user;
    char path[API_PATH_MAX], what[ENROLLMENT_WHAT_MAX];

    api_path(path, k->path, in->id, API_DPS);
    return verb_delete(a, o,
                       &(struct api_request){ .path = path,
                                              .what = enrollment_what(k, in->id, what),
                                              .etag = in->etag },
                       in->yes);
}

static int remove_one(const struct enrollment_kind *k, int argc, char **argv)
{
    const struct argp_option own[] = {
        VERB_ID(k->id_option, k->metavar), VERB_ALIAS(k->id_alias), VERB_ETAG, VERB_YES, { 0 }
    };
    const struct argp argp = { own,
                               verb_take,
                               k->metavar,
                               "Delete one. Its devices stay in their hubs and can no longer "
                               "register.",
                               NULL,
                               NULL,
                               NULL };
    struct verb_input in = { .check_id = enrollment_check_id, .user = k };

    return verb_run(&argp, &in, delete_one, argc, argv);
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
