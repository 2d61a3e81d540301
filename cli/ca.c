/* berth ca: the CA that devices trust, and its roll-over. */
#include <stdio.h>
#include <string.h>

#include "cli/api.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/sink.h"
#include "cli/table.h"
#include "cli/tell.h"

#define PEM_MAX 32768

enum { KEY_ACTIVATE = 0x100, KEY_RETIRE, KEY_CANCEL };

struct input {
    const char *output; /* export: file; NULL: standard output */
    const char *step;
};

static void take_step(struct argp_state *state, struct input *in, const char *step)
{
    if (in->step != NULL)
        argp_error(state, "one step at a time: --activate, --retire or --cancel");
    in->step = step;
}

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        argp_error(state, "\"%s\" is not expected here", arg);
        return 0;
    case 'o':
        in->output = arg;
        return 0;
    case KEY_ACTIVATE:
        take_step(state, in, "activate");
        return 0;
    case KEY_RETIRE:
        take_step(state, in, "retire");
        return 0;
    case KEY_CANCEL:
        take_step(state, in, "cancel");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- list ---- */

static void print(const struct api *a)
{
    static const char *const heads[] = { "CERTIFICATE", "SUBJECT", "EXPIRES", "SHA-256" };
    struct berth_json list = berth_json_get(a->json, BERTH_STR("certificates")), each;
    struct berth_json_iter it = { 0 };
    struct table t;

    table_init(&t, stdout, heads, sizeof heads / sizeof heads[0]);
    while (list.type == BERTH_JSON_ARRAY && berth_json_next(list, &it, NULL, &each)) {
        table_put_json(&t, berth_json_get(each, BERTH_STR("name")));
        table_put_json(&t, berth_json_get(each, BERTH_STR("subject")));
        table_put_time(&t, berth_json_get(each, BERTH_STR("notAfter")));
        table_put_json(&t, berth_json_get(each, BERTH_STR("fingerprint")));
    }
    (void)table_deinit(&t);
}

static int show(const struct api *a, bool json)
{
    if (json)
        output_json(stdout, a->json, (struct berth_json){ 0 });
    else
        print(a);
    return EXIT_CODE_OK;
}

static int ask(struct api *a)
{
    return api_call(a, &(struct api_request){ .method = "GET", .path = "/berth/v1/ca" });
}

static int list(int argc, char **argv)
{
    const struct argp argp = { .parser = take,
                               .doc = "List the CAs and the server's certificates." };
    struct input in = { 0 };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    code = api_open(&a, &o);
    if (code == EXIT_CODE_OK)
        code = ask(&a);
    if (code == EXIT_CODE_OK)
        code = show(&a, o.json);
    api_close(&a);
    return code;
}

/* ---- export ---- */

static int write_pem(berth_str pem, const char *path)
{
    static struct sink sink;
    int code = sink_open(&sink, path, 0644, NULL);

    if (code != EXIT_CODE_OK)
        return code;
    sink_room(&sink, pem.n);
    berth_buf_put(&sink.b, pem);
    return sink_commit(&sink);
}

static int export_answer(const struct api *a, const char *path)
{
    struct berth_json pem = berth_json_get(a->json, BERTH_STR("pem"));
    unsigned char memory[PEM_MAX];
    struct berth_arena arena;
    berth_str text;

    if (pem.type == BERTH_JSON_NULL)
        return tell_failure(EXIT_CODE_FAILED,
                            "the service uses a certificate of its operator's, whose chain ends "
                            "before the CA\n  devices must trust the CA that issued it: ask "
                            "whoever did");
    berth_arena_init(&arena, memory, sizeof memory);
    if (berth_json_string(pem, &arena, &text) != BERTH_OK)
        return tell_failure(EXIT_CODE_FAILED, "the answer has no certificate");
    return write_pem(text, path);
}

static int export(int argc, char **argv)
{
    static const struct argp_option own[] = {
        { "output", 'o', "FILE", 0, "write it there instead of standard output", 0 }, { 0 }
    };
    const struct argp argp = { own,
                               take,
                               NULL,
                               "Print the CA certificates that devices and tools must trust, as "
                               "PEM: one, or both while a roll-over lasts.",
                               NULL,
                               NULL,
                               NULL };
    struct input in = { 0 };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    code = api_open(&a, &o);
    if (code == EXIT_CODE_OK)
        code = ask(&a);
    if (code == EXIT_CODE_OK)
        code = o.json ? show(&a, true) : export_answer(&a, in.output);
    api_close(&a);
    return code;
}

/* ---- rollover ---- */

static void tell_next(const char *step)
{
    if (strcmp(step, "begin") == 0)
        tell_hint("Give devices and tools what `berth ca export` prints now: it holds both CAs.\n"
                  "Whoever trusts either of them can connect. Then: berth ca rollover --activate");
    else if (strcmp(step, "activate") == 0)
        tell_hint("The new CA issues; who trusts the old one alone can still connect. When no "
                  "device\ndepends on the old one: berth ca rollover --retire");
    else if (strcmp(step, "retire") == 0)
        tell_hint("The old CA and its key are gone.");
}

static int roll(struct api *a, const char *step, bool json)
{
    char body[64];
    int n = snprintf(body, sizeof body, "{\"step\":\"%s\"}", step);
    int code = api_call(a, &(struct api_request){ .method = "POST",
                                                  .path = "/berth/v1/ca/rollover",
                                                  .body = { body, (size_t)n },
                                                  .what = "roll-over" });

    if (code != EXIT_CODE_OK)
        return code;
    (void)show(a, json);
    if (!json)
        tell_next(step);
    return EXIT_CODE_OK;
}

static int rollover(int argc, char **argv)
{
    static const struct argp_option own[] = {
        { "activate", KEY_ACTIVATE, NULL, 0, "let the new CA issue", 0 },
        { "retire", KEY_RETIRE, NULL, 0, "end the roll-over: drop the old CA and its key", 0 },
        { "cancel", KEY_CANCEL, NULL, 0, "drop the new CA before it was activated", 0 },
        { 0 }
    };
    const struct argp argp = { own,
                               take,
                               NULL,
                               "Make a new CA beside the one that devices trust, and later let it "
                               "take over. Sessions stay up; until --retire a client may trust "
                               "either.",
                               NULL,
                               NULL,
                               NULL };
    struct input in = { 0 };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    code = api_open(&a, &o);
    if (code == EXIT_CODE_OK)
        code = roll(&a, in.step != NULL ? in.step : "begin", o.json);
    api_close(&a);
    return code;
}

const struct command ca_commands[] = {
    { "list", "list the CAs and the server's certificates", list, NULL },
    { "export", "print what devices must trust", export, NULL },
    { "rollover", "let a new CA take over", rollover, NULL },
    { NULL, NULL, NULL, NULL },
};
