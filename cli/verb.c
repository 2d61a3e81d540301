#include "cli/verb.h"

#include <stdio.h>
#include <string.h>

#include "cli/change.h"
#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/tell.h"

static const char *take_key_type(struct argp_state *state, const char *arg)
{
    if (strcmp(arg, "primary") != 0 && strcmp(arg, "secondary") != 0)
        argp_error(state, "--key-type %s: not one of primary, secondary", arg);
    return arg;
}

error_t verb_take(int key, char *arg, struct argp_state *state)
{
    struct verb_input *in = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
    case VERB_KEY_ID:
    case VERB_KEY_NAME:
        options_take_one(state, &in->id, arg);
        return 0;
    case VERB_KEY_HUB:
        in->hub = arg;
        return 0;
    case VERB_KEY_ETAG:
        in->etag = change_take_etag(state, arg);
        return 0;
    case VERB_KEY_TYPE:
        in->key_type = take_key_type(state, arg);
        return 0;
    case VERB_KEY_YES:
        in->yes = true;
        return 0;
    case VERB_KEYS:
        in->show_keys = true;
        return 0;
    case ARGP_KEY_END:
        in->check_id(state, in->id);
        if (in->wants_key_type && in->key_type == NULL)
            argp_error(state, "--key-type is missing: primary or secondary");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int verb_run(const struct argp *argp, void *input, verb_work *work, int argc, char **argv)
{
    struct options o;
    struct api a;
    int code;

    options_parse(argp, input, &o, argc, argv);
    code = api_open(&a, &o);
    if (code == EXIT_CODE_OK)
        code = work(&a, &o, input);
    api_close(&a);
    return code;
}

int verb_print_keys(struct berth_json keys, const char *what, bool json)
{
    struct table t;

    if (keys.type != BERTH_JSON_OBJECT)
        return tell_failure(EXIT_CODE_FAILED, "%s has no symmetric keys", what);
    if (json) {
        output_json(stdout, keys, (struct berth_json){ 0 });
        return EXIT_CODE_OK;
    }
    table_init(&t, stdout, NULL, 2);
    table_pair_keys(&t, keys);
    (void)table_deinit(&t);
    return EXIT_CODE_OK;
}

int verb_delete(struct api *a, const struct options *o, const struct api_request *r, bool yes)
{
    struct api_request request = *r;
    int code = confirm("delete", r->what, yes);

    request.method = "DELETE";
    if (code == EXIT_CODE_OK)
        code = api_call(a, &request);
    if (code == EXIT_CODE_OK && !o->json)
        (void)printf("deleted %s\n", r->what);
    return code;
}
