/* load - registers devices as a fleet does, and tells what came of it. docs/performance.md */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/load/engine.h"
#include "cli/command.h"
#include "cli/secret.h"

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

/* The first Ctrl-C begins no more and reports; the second ends the process. */
static void catch_signals(void)
{
    struct sigaction stop = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGTERM, &stop, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static int make_fleet(const struct load_options *o, struct fleet *f)
{
    const struct secret_source source = { .what = "group key",
                                          .file = o->key_file,
                                          .option = "--group-key-file",
                                          .variable = "BERTH_KEY",
                                          .ask = true };
    struct berth_key key = { .n = 0 };
    int code = o->needs_key ? secret_read(&source, &key) : EXIT_CODE_OK;
    berth_err e;

    *f = (struct fleet){
        .host = o->host, .id_scope = o->id_scope, .prefix = o->prefix, .first = o->first
    };
    if (code != EXIT_CODE_OK)
        return code;
    e = fleet_init(f, &key);
    if (f->crypto.wipe != NULL)
        f->crypto.wipe(f->crypto.ctx, &key, sizeof key);
    if (e != BERTH_OK)
        (void)fprintf(stderr, "load: the crypto library failed\n");
    return e == BERTH_OK ? EXIT_CODE_OK : EXIT_CODE_FAILED;
}

static int run(const struct load_options *o, struct fleet *f, struct tally *t)
{
    struct engine *e = NULL;
    char problem[512] = "";

    if (engine_new(o, f, &e, problem, sizeof problem) != BERTH_OK) {
        (void)fprintf(stderr, "load: %s\n", problem);
        engine_free(e);
        return EXIT_CODE_USAGE;
    }
    engine_run(e, &stopped, t);
    if (o->json)
        tally_print_json(t, o);
    else
        tally_print(t, o);
    if (engine_held(e) > 0) {
        if (!o->json)
            (void)printf("%llu connections are held until a line or the end of standard input\n",
                         (unsigned long long)engine_held(e));
        (void)fflush(stdout);
        engine_hold(e, STDIN_FILENO, &stopped, t);
    }
    engine_free(e);
    return t->failed == 0 ? EXIT_CODE_OK : EXIT_CODE_FAILED;
}

int main(int argc, char **argv)
{
    static struct tally t;
    struct load_options o;
    struct fleet f;
    int code;

    options_read(&o, argc, argv);
    code = make_fleet(&o, &f);
    catch_signals();
    if (code == EXIT_CODE_OK)
        code = run(&o, &f, &t);
    fleet_deinit(&f);
    return code;
}
