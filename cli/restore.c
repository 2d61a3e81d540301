/* berth restore: a backup into a data directory, or what is in it. */
#include "backup/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "berth/openssl.h"
#include "cli/archive_tell.h"
#include "cli/command.h"
#include "cli/configure.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/passphrase.h"
#include "cli/tell.h"
#include "ops/secure.h"

enum { KEY_LIST = 0x100, KEY_REPLACE, KEY_OWNER, KEY_PASSPHRASE, KEY_JSON };

struct input {
    struct configure given;
    const char *file, *passphrase_file, *owner;
    bool list, replace, json;
};

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &in->given;
        return 0;
    case ARGP_KEY_ARG:
        options_take_one(state, &in->file, arg);
        return 0;
    case KEY_LIST:
        in->list = true;
        return 0;
    case KEY_REPLACE:
        in->replace = true;
        return 0;
    case KEY_OWNER:
        in->owner = arg;
        return 0;
    case KEY_PASSPHRASE:
        in->passphrase_file = arg;
        return 0;
    case KEY_JSON:
        in->json = true;
        return 0;
    case ARGP_KEY_END:
        if (in->file == NULL)
            argp_error(state, "FILE is missing: the backup");
        if (in->list && (in->replace || in->owner != NULL))
            argp_error(state, "--list changes nothing: leave out --replace and --owner");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

struct work {
    const struct input *in;
    const struct config *config;
    int fd; /* of the backup */
    struct berth_crypto crypto;
    struct passphrase passphrase;
    struct archive_progress progress;
    struct backup_problem problem;
};

static berth_err get(void *user, uint8_t *p, size_t size, size_t *n)
{
    struct work *w = user;
    ssize_t came;

    do
        came = read(w->fd, p, size);
    while (came < 0 && errno == EINTR && !interrupt_came());
    *n = came < 0 ? 0 : (size_t)came;
    if (came >= 0)
        return BERTH_OK;
    if (errno == EINTR)
        return backup_say(&w->problem, BACKUP_INTERRUPTED, BERTH_E_CLOSED, "interrupted");
    return backup_say_errno(&w->problem, w->in->file);
}

static int open_backup(struct work *w)
{
    struct stat st;

    if (strcmp(w->in->file, "-") == 0) {
        if (w->in->passphrase_file != NULL && strcmp(w->in->passphrase_file, "-") == 0)
            return tell_failure(EXIT_CODE_USAGE, "backup and passphrase cannot both come from "
                                                 "standard input");
        w->fd = STDIN_FILENO;
        return EXIT_CODE_OK;
    }
    w->fd = open(w->in->file, O_RDONLY | O_CLOEXEC);
    if (w->fd < 0)
        return tell_failure(errno == ENOENT ? EXIT_CODE_NOT_FOUND : EXIT_CODE_FAILED, "%s: %s",
                            w->in->file, strerror(errno));
    if (fstat(w->fd, &st) == 0 && S_ISDIR(st.st_mode))
        return tell_failure(EXIT_CODE_USAGE, "%s is a directory", w->in->file);
    return EXIT_CODE_OK;
}

/* ---- list ---- */

static int list(struct work *w)
{
    static struct manifest m;
    const struct backup_watch watch = archive_watch(&w->progress);
    const struct archive_reading reading = { .name = w->in->file,
                                             .watch = &watch,
                                             .problem = &w->problem };
    const struct byte_source in = { get, w };

    if (archive_read(&reading, &in, berth_buf_str(&w->passphrase.text), &w->crypto, &m) != BERTH_OK)
        return archive_fail(&w->progress, &w->problem);
    progress_clear(&w->progress.bar);
    return archive_show(&m, w->in->json, NULL);
}

/* ---- restore ---- */

/* "USER" with its group, or "USER:GROUP", by name. */
static int find_owner(const char *text, struct restore_request *request)
{
    char name[256];
    const char *colon = strchr(text, ':');
    size_t n = colon == NULL ? strlen(text) : (size_t)(colon - text);
    const struct passwd *user;
    const struct group *group;

    (void)snprintf(name, sizeof name, "%.*s", n > 255 ? 255 : (int)n, text);
    user = getpwnam(name);
    if (user == NULL)
        return tell_failure(EXIT_CODE_USAGE, "--owner %s: there is no such user", text);
    request->owned = true;
    request->uid = user->pw_uid;
    request->gid = user->pw_gid;
    if (colon == NULL)
        return EXIT_CODE_OK;
    group = getgrnam(colon + 1);
    if (group == NULL)
        return tell_failure(EXIT_CODE_USAGE, "--owner %s: there is no such group", text);
    request->gid = group->gr_gid;
    return EXIT_CODE_OK;
}

/* NULL when the daemon looks for its key where it is restored to. */
static const char *key_elsewhere(const struct config *c)
{
    char usual[FILE_PATH_MAX];

    if (file_path(usual, c->data_dir, MANIFEST_KEY) == BERTH_OK && strcmp(usual, c->key_file) == 0)
        return NULL;
    return c->key_file;
}

static void tell_rest(const struct work *w, const struct restore_result *done)
{
    bool any = false;

    if (done->key == RESTORE_KEY_MISSING)
        tell_warning("the daemon is told to read its key from %s, which does not hold it; put it "
                     "there before the start: install -m 600 %s/" MANIFEST_KEY " %s",
                     w->config->key_file, done->data_dir, w->config->key_file);
    for (size_t i = 0; i < done->manifest.count; i++) {
        const struct manifest_file *f = &done->manifest.files[i];

        if (strncmp(f->name, MANIFEST_ELSEWHERE, strlen(MANIFEST_ELSEWHERE)) != 0)
            continue;
        if (!any)
            tell_hint("What stood outside of the data directory is in it now, unused:");
        any = true;
        tell_hint("  %s/%s  was %s", done->data_dir, f->name, f->from);
    }
}

static int report(const struct work *w, const struct restore_result *done)
{
    const char *const pairs[] = { "dataDir", done->data_dir, "kept", done->kept, NULL };

    if (w->in->json)
        return archive_show(&done->manifest, true, pairs);
    (void)printf("restored %s, as it was at %s\n", done->data_dir, done->manifest.time);
    if (done->kept[0] != '\0')
        (void)printf("what was there before is in %s\n", done->kept);
    tell_rest(w, done);
    return EXIT_CODE_OK;
}

static int restore(struct work *w)
{
    static struct restore_result done;
    const struct backup_watch watch = archive_watch(&w->progress);
    struct restore_request request = {
        .data_dir = w->config->data_dir,
        .key_file = key_elsewhere(w->config),
        .replace = w->in->replace,
        .name = w->in->file,
        .in = { get, w },
        .passphrase = berth_buf_str(&w->passphrase.text),
        .crypto = &w->crypto,
        .watch = &watch,
    };
    int code = w->in->owner == NULL ? EXIT_CODE_OK : find_owner(w->in->owner, &request);

    if (code != EXIT_CODE_OK)
        return code;
    if (restore_run(&request, &done, &w->problem) != BERTH_OK)
        return archive_fail(&w->progress, &w->problem);
    progress_clear(&w->progress.bar);
    return report(w, &done);
}

/* ---- both ---- */

static int work(struct work *w)
{
    int code = open_backup(w);

    if (code == EXIT_CODE_OK)
        code = passphrase_read(&w->passphrase, w->in->passphrase_file, false);
    if (code != EXIT_CODE_OK)
        return code;
    interrupt_hold();
    code = w->in->list ? list(w) : restore(w);
    passphrase_wipe(&w->passphrase);
    interrupt_release();
    return code;
}

static int run(const struct input *in, const struct config *config)
{
    static struct work w;
    int code;

    w = (struct work){ .in = in, .config = config, .fd = -1 };
    if (secure_process(config->dumpable) != BERTH_OK || berth_openssl_init(&w.crypto) != BERTH_OK)
        return tell_failure(EXIT_CODE_FAILED, "OpenSSL cannot be used: %s", strerror(errno));
    code = work(&w);
    berth_openssl_deinit(&w.crypto);
    if (w.fd > STDIN_FILENO)
        (void)close(w.fd);
    return code;
}

int restore_verb_run(int argc, char **argv)
{
    static const char *const names[] = { "data-dir", "key-file", NULL };
    static const struct argp_option own[] = {
        { "list", KEY_LIST, NULL, 0, "check all of it and say what is in it; change nothing", 0 },
        { "replace", KEY_REPLACE, NULL, 0,
          "take the place of what the data directory holds, which is kept beside it", 0 },
        { "owner", KEY_OWNER, "USER", 0,
          "give it to this user (or USER:GROUP); else to the owner of the data directory there is",
          0 },
        { "passphrase-file", KEY_PASSPHRASE, "FILE", 0,
          "read the passphrase from it (- is standard input) instead of asking", 0 },
        { "json", KEY_JSON, NULL, 0, "print JSON instead of text for people", 0 },
        { 0 },
    };
    static struct argp_option keys[CONFIGURE_OPTIONS_MAX];
    static struct config config;
    const struct argp configuration = { .options = keys, .parser = configure_parse };
    const struct argp_child children[] = {
        { &configuration, 0, "Where it goes, found as berth serve does:", 10 }, { 0 }
    };
    const struct argp argp = {
        own,
        take,
        "FILE",
        "Put a backup into the data directory: all of it, checked, or nothing. The daemon must not "
        "run. FILE - is standard input.",
        children,
        NULL,
        NULL
    };
    struct input in = { 0 };
    char problem[CONFIGURE_PROBLEM_MAX] = "";

    configure_options(keys, names);
    options_parse_alone(&argp, &in, argc, argv);
    if (configure(&in.given, &config, problem) != BERTH_OK)
        return tell_failure(EXIT_CODE_USAGE, "%s", problem);
    return run(&in, &config);
}
