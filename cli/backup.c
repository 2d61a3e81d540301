/* berth backup: everything the daemon keeps, into one file. Works on the data directory itself:
 * an API that hands out the CA's key would be one more thing to attack. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/backup.h"
#include "berth/openssl.h"
#include "cli/archive_tell.h"
#include "cli/command.h"
#include "cli/configure.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/passphrase.h"
#include "cli/sink.h"
#include "cli/tell.h"
#include "ops/secure.h"

enum { KEY_FORCE = 0x100, KEY_PASSPHRASE, KEY_JSON };

struct input {
    struct configure given;
    const char *output, *passphrase_file;
    bool force, json;
};

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &in->given;
        return 0;
    case 'o':
        in->output = arg;
        return 0;
    case KEY_FORCE:
        in->force = true;
        return 0;
    case KEY_PASSPHRASE:
        in->passphrase_file = arg;
        return 0;
    case KEY_JSON:
        in->json = true;
        return 0;
    case ARGP_KEY_END:
        if (in->output == NULL)
            argp_error(state, "--output is missing: the file to write");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- where it goes ---- */

static bool is_stdout(const char *path)
{
    return strcmp(path, "-") == 0;
}

static int check_output(const struct input *in)
{
    struct stat st;

    if (is_stdout(in->output) && in->json)
        return tell_failure(EXIT_CODE_USAGE, "--json and the backup cannot both go to standard "
                                             "output\n  give --output a file");
    if (is_stdout(in->output))
        return isatty(STDOUT_FILENO) != 1
                   ? EXIT_CODE_OK
                   : tell_failure(EXIT_CODE_USAGE, "a backup is no text for a terminal\n  give "
                                                   "--output a file, or redirect the output");
    if (!in->force && lstat(in->output, &st) == 0)
        return tell_failure(EXIT_CODE_CONFLICT,
                            "%s exists already\n  give another name, or --force to replace it",
                            in->output);
    return EXIT_CODE_OK;
}

static berth_err put(void *user, const uint8_t *p, size_t n)
{
    struct sink *s = user;

    sink_room(s, n);
    berth_buf_put(&s->b, (berth_str){ (const char *)p, n });
    return s->failure == 0 ? BERTH_OK : BERTH_E_IO;
}

/* ---- the two halves ---- */

struct work {
    const struct input *in;
    const struct config *config;
    struct berth_crypto crypto;
    struct passphrase passphrase;
    struct archive_progress progress;
    struct backup_problem problem;
    struct backup *backup;
};

static int take_all(struct work *w)
{
    const struct backup_watch watch = archive_watch(&w->progress);
    const struct backup_request request = {
        .config = w->config, .config_file = w->in->given.read, .crypto = &w->crypto, .watch = &watch
    };

    if (backup_take(&request, &w->backup, &w->problem) == BERTH_OK)
        return EXIT_CODE_OK;
    return archive_fail(&w->progress, &w->problem);
}

static int write_all(struct work *w)
{
    static struct sink sink;
    const struct backup_watch watch = archive_watch(&w->progress);
    const struct backup_target target = { .name = w->in->output,
                                          .passphrase = berth_buf_str(&w->passphrase.text),
                                          .cost = SEALED_COST,
                                          .out = { put, &sink },
                                          .crypto = &w->crypto,
                                          .watch = &watch };
    int code = sink_open(&sink, w->in->output, 0600, NULL);

    if (code != EXIT_CODE_OK)
        return code;
    if (backup_write(w->backup, &target, &w->problem) != BERTH_OK && sink.failure == 0) {
        sink_abandon(&sink);
        return archive_fail(&w->progress, &w->problem);
    }
    progress_clear(&w->progress.bar);
    return sink_commit(&sink);
}

static int report(const struct work *w)
{
    const struct manifest *m = backup_manifest(w->backup);
    const char *const pairs[] = { "file", w->in->output, NULL };

    if (w->in->json)
        return archive_show(m, true, pairs);
    (void)fprintf(is_stdout(w->in->output) ? stderr : stdout,
                  "backed up %s: %zu files, %llu bytes\n", m->data_dir, m->count,
                  (unsigned long long)manifest_bytes(m));
    tell_hint("Without the passphrase nobody can read %s, you included. `berth restore --list` "
              "checks it.",
              w->in->output);
    return EXIT_CODE_OK;
}

static int work(struct work *w)
{
    int code = passphrase_read(&w->passphrase, w->in->passphrase_file, true);

    if (code != EXIT_CODE_OK)
        return code;
    interrupt_hold();
    code = take_all(w);
    interrupt_release(); /* what follows has nothing to put in order but the sink's file */
    if (code == EXIT_CODE_OK)
        code = write_all(w);
    if (code == EXIT_CODE_OK)
        code = report(w);
    backup_free(w->backup);
    passphrase_wipe(&w->passphrase);
    return code;
}

static int run(const struct input *in, const struct config *config)
{
    static struct work w;
    int code = check_output(in);

    if (code != EXIT_CODE_OK)
        return code;
    w = (struct work){ .in = in, .config = config };
    if (secure_process(config->dumpable) != BERTH_OK || berth_openssl_init(&w.crypto) != BERTH_OK)
        return tell_failure(EXIT_CODE_FAILED, "OpenSSL cannot be used: %s", strerror(errno));
    code = work(&w);
    berth_openssl_deinit(&w.crypto);
    return code;
}

int backup_run(int argc, char **argv)
{
    static const char *const names[] = { "data-dir", "key-file", NULL };
    static const struct argp_option own[] = {
        { "output", 'o', "FILE", 0, "write it there; - is standard output", 0 },
        { "force", KEY_FORCE, NULL, 0, "replace FILE when it exists", 0 },
        { "passphrase-file", KEY_PASSPHRASE, "FILE", 0,
          "read the passphrase from it (- is standard input) instead of asking", 0 },
        { "json", KEY_JSON, NULL, 0, "print JSON instead of text for people", 0 },
        { 0 },
    };
    static struct argp_option keys[CONFIGURE_OPTIONS_MAX];
    static struct config config;
    const struct argp configuration = { .options = keys, .parser = configure_parse };
    const struct argp_child children[] = {
        { &configuration, 0, "The daemon's data, found as berth serve does:", 10 }, { 0 }
    };
    const struct argp argp = {
        own,
        take,
        NULL,
        "Write the records, keys, certificates and configuration of the daemon on this machine to "
        "one file under a passphrase. The daemon may run meanwhile; no access to its API is "
        "needed, but to its data directory.",
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
