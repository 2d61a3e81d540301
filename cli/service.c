/* berth service: what the running service is. */
#include <stdio.h>

#include "cli/api.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/table.h"

static error_t take(int key, char *arg, struct argp_state *state)
{
    if (key == ARGP_KEY_ARG)
        argp_error(state, "\"%s\" is not expected here", arg);
    return ARGP_ERR_UNKNOWN;
}

static void print(const struct api *a)
{
    struct table t;

    table_init(&t, stdout, NULL, 2);
    table_pair(&t, "ID scope", berth_json_get(a->json, BERTH_STR("idScope")));
    table_pair_list(&t, "host names", berth_json_get(a->json, BERTH_STR("hostNames")),
                    BERTH_STR(""));
    table_pair(&t, "hub", berth_json_get(a->json, BERTH_STR("hub")));
    table_pair(&t, "HTTPS port", berth_json_get(a->json, BERTH_STR("httpsPort")));
    table_pair(&t, "MQTT port", berth_json_get(a->json, BERTH_STR("mqttsPort")));
    table_pair(&t, "version", berth_json_get(a->json, BERTH_STR("version")));
    (void)table_deinit(&t);
}

static int show(int argc, char **argv)
{
    const struct argp argp = { .parser = take,
                               .doc = "Show the service's ID scope, names and version." };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, NULL, &o, argc, argv);
    code = api_open(&a, &o);
    if (code == EXIT_CODE_OK)
        code = api_ask_service(&a);
    if (code == EXIT_CODE_OK && o.json)
        output_json(stdout, a.json, (struct berth_json){ 0 });
    else if (code == EXIT_CODE_OK)
        print(&a);
    api_close(&a);
    return code;
}

const struct command service_commands[] = {
    { "show", "show its ID scope, names and version", show, NULL },
    { NULL, NULL, NULL, NULL },
};
