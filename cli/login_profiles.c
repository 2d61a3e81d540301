/* berth login list, use, remove; berth logout. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/profiles.h"
#include "cli/table.h"
#include "cli/tell.h"

#define DOCUMENT_MAX 1024

enum { KEY_NONE = 0x100 };

struct input {
    const char *name;
    bool none, wants_name;
};

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        options_take_one(state, &in->name, arg);
        if (!profiles_name_is_valid(arg))
            argp_error(state, "\"%s\" is no profile's name", arg);
        return 0;
    case KEY_NONE:
        in->none = true;
        return 0;
    case ARGP_KEY_END:
        if (in->wants_name && (in->name != NULL) == in->none)
            argp_error(state, "name one profile");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- list ---- */

static void put_row(struct table *t, const char *name, const struct profile *p, bool current)
{
    char service[LOGIN_HOST_MAX + 8];

    (void)snprintf(service, sizeof service, "%s:%u", p->host, p->https_port);
    table_put(t, berth_str_of(name));
    table_put(t, berth_str_of(service));
    table_put(t, berth_str_of(p->login.policy));
    table_put(t, current ? BERTH_STR("in use") : BERTH_STR(""));
}

static void put_element(struct output_array *array, const char *name, const struct profile *p,
                        bool current)
{
    char document[DOCUMENT_MAX];
    struct berth_json_out j;
    struct berth_json v;
    struct berth_buf b;

    berth_buf_init(&b, document, sizeof document);
    berth_json_begin(&j, &b);
    profiles_put(&j, name, p, current);
    if (berth_json_check(berth_buf_str(&b), &v, NULL) == BERTH_OK)
        output_array_put(array, v, (struct berth_json){ 0 });
}

static int list_all(bool json)
{
    static const char *const heads[] = { "PROFILE", "SERVICE", "POLICY", "STATE" };
    char(*names)[PROFILES_NAME_MAX + 1], current[PROFILES_NAME_MAX + 1], path[FILE_PATH_MAX];
    struct output_array array;
    struct table t;
    size_t count;
    int code = profiles_list(&names, &count);

    profiles_current(current);
    table_init(&t, stdout, heads, sizeof heads / sizeof heads[0]);
    if (json)
        output_array_open(&array, stdout);
    for (size_t i = 0; code == EXIT_CODE_OK && i < count; i++) {
        struct profile p = { 0 };
        bool is_current = strcmp(names[i], current) == 0;

        code = profiles_path(names[i], path);
        if (code == EXIT_CODE_OK)
            code = profile_read(path, &p);
        if (code == EXIT_CODE_OK && json)
            put_element(&array, names[i], &p, is_current);
        else if (code == EXIT_CODE_OK)
            put_row(&t, names[i], &p, is_current);
        explicit_bzero(&p, sizeof p);
    }
    (void)table_deinit(&t);
    if (json && code == EXIT_CODE_OK)
        output_array_close(&array);
    else if (count == 0 && code == EXIT_CODE_OK)
        tell_hint("no profiles\n  `berth login` makes one");
    free(names);
    return code;
}

static int list(int argc, char **argv)
{
    const struct argp argp = { .parser = take, .doc = "List the services that login remembers." };
    struct input in = { 0 };
    struct options o;

    options_parse(&argp, &in, &o, argc, argv);
    if (in.name != NULL)
        return tell_failure(EXIT_CODE_USAGE, "\"%s\" is not expected here", in.name);
    return list_all(o.json);
}

/* ---- use, remove ---- */

static int find(const char *name, char path[FILE_PATH_MAX])
{
    int code = profiles_path(name, path);

    if (code != EXIT_CODE_OK || access(path, F_OK) == 0)
        return code;
    return tell_failure(EXIT_CODE_NOT_FOUND,
                        "there is no profile \"%s\"\n  `berth login list` shows those there are",
                        name);
}

static int use(int argc, char **argv)
{
    static const struct argp_option own[] = {
        { "none", KEY_NONE, NULL, 0, "none of them: the daemon of this machine again", 0 }, { 0 }
    };
    const struct argp argp = {
        own,  take, "[PROFILE]", "Use this profile from now on, where nothing else is said.",
        NULL, NULL, NULL
    };
    struct input in = { .wants_name = true };
    char path[FILE_PATH_MAX];
    struct options o;
    int code = EXIT_CODE_OK;

    options_parse(&argp, &in, &o, argc, argv);
    if (!in.none)
        code = find(in.name, path);
    return code == EXIT_CODE_OK ? profiles_set_current(in.none ? "" : in.name) : code;
}

static int forget(const char *name, bool json)
{
    char path[FILE_PATH_MAX], ca[FILE_PATH_MAX], current[PROFILES_NAME_MAX + 1];
    int code = find(name, path);

    if (code != EXIT_CODE_OK)
        return code;
    profiles_ca_of(name, ca);
    profiles_current(current);
    if (strcmp(current, name) == 0)
        code = profiles_set_current("");
    if (code == EXIT_CODE_OK && unlink(path) != 0)
        code = tell_failure(EXIT_CODE_FAILED, "%s cannot be removed", path);
    if (code != EXIT_CODE_OK)
        return code;
    if (ca[0] != '\0')
        (void)unlink(ca);
    if (!json)
        (void)printf("forgot profile %s\n", name);
    return code;
}

static int remove_one(const char *doc, const char *args, bool wants_name, int argc, char **argv)
{
    const struct argp argp = { .parser = take, .args_doc = args, .doc = doc };
    struct input in = { .wants_name = wants_name };
    char current[PROFILES_NAME_MAX + 1];
    struct options o;

    options_parse(&argp, &in, &o, argc, argv);
    profiles_current(current);
    if (in.name == NULL && current[0] == '\0')
        return tell_failure(EXIT_CODE_NOT_FOUND, "no profile is in use");
    return forget(in.name != NULL ? in.name : current, o.json);
}

static int remove_named(int argc, char **argv)
{
    return remove_one("Forget a profile: its address, CA and key.", "PROFILE", true, argc, argv);
}

int logout_run(int argc, char **argv)
{
    return remove_one("Forget a profile of `berth login`, the one in use when none is named: its "
                      "address, CA and key. The key itself stays valid.",
                      "[PROFILE]", false, argc, argv);
}

const struct command login_commands[] = {
    { "list", "list the services that are remembered", list, NULL },
    { "use", "choose the one that is used", use, NULL },
    { "remove", "forget one", remove_named, NULL },
    { NULL, NULL, NULL, NULL },
};
