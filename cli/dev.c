/* berth dev: a throw-away service for tests of firmware. */
#include "cli/dev.h"

#include <argp.h>
#include <string.h>

#include "berth/openssl.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/tell.h"

#define PROBLEM_MAX 768

enum {
    KEY_SEED = 0x100,
    KEY_FAULT,
    KEY_BIND,
    KEY_HOSTNAME,
    KEY_HTTPS_PORT,
    KEY_MQTTS_PORT,
    KEY_LOG_LEVEL,
    KEY_JSON
};

struct input {
    const char *seed, *bind, *hostname, *https_port, *mqtts_port, *log_level;
    const char *faults[SEED_FAULTS_MAX];
    size_t fault_count;
    bool json;
    char **command;
};

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case KEY_SEED:
        in->seed = arg;
        return 0;
    case KEY_FAULT:
        if (in->fault_count == SEED_FAULTS_MAX)
            argp_error(state, "there can be %d faults at most", SEED_FAULTS_MAX);
        in->faults[in->fault_count++] = arg;
        return 0;
    case KEY_BIND:
        in->bind = arg;
        return 0;
    case KEY_HOSTNAME:
        in->hostname = arg;
        return 0;
    case KEY_HTTPS_PORT:
        in->https_port = arg;
        return 0;
    case KEY_MQTTS_PORT:
        in->mqtts_port = arg;
        return 0;
    case KEY_LOG_LEVEL:
        in->log_level = arg;
        return 0;
    case KEY_JSON:
        in->json = true;
        return 0;
    case ARGP_KEY_ARG: /* COMMAND; what follows is its own */
        if (state->quoted == 0)
            argp_error(state, "COMMAND stands behind --: berth dev -- %s ..", arg);
        in->command = state->argv + state->next - 1;
        state->next = state->argc;
        return 0;
    case ARGP_KEY_END:
        if (state->quoted != 0 && in->command == NULL)
            argp_error(state, "no command after --: without COMMAND leave -- out too");
        if (in->json && in->command != NULL)
            argp_error(state, "--json prints the variables when there is no COMMAND");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- configuration ---- */

struct setting {
    const char *key, *value; /* NULL value: left as it is */
};

static berth_err apply(struct config *c, const struct setting *settings, size_t count,
                       char *problem)
{
    for (size_t i = 0; i < count; i++) {
        berth_err e = settings[i].value == NULL
                          ? BERTH_OK
                          : config_set(c, settings[i].key, settings[i].value, problem, PROBLEM_MAX);
        if (e != BERTH_OK)
            return e;
    }
    return BERTH_OK;
}

/* The names that clients use. SDKs connect to what they are told, also to an IPv4 address. */
static berth_err name_service(struct config *c, const struct input *in, const char *address,
                              char *problem)
{
    char names[128];

    if (in->hostname != NULL)
        return config_set(c, "hostname", in->hostname, problem, PROBLEM_MAX);
    if (dev_address_is_any(address))
        return BERTH_OK; /* as of the daemon: the machine's name */
    if (strchr(address, ':') != NULL) {
        (void)snprintf(problem, PROBLEM_MAX,
                       "--bind %s needs --hostname NAME: SDKs take no IPv6 address for a name",
                       address);
        return BERTH_E_MISMATCH;
    }
    (void)snprintf(names, sizeof names, "%s%s", address,
                   strcmp(address, "127.0.0.1") == 0 ? ",localhost" : "");
    return config_set(c, "hostname", names, problem, PROBLEM_MAX);
}

/* Neither file nor environment has a say: a test gives the same everywhere. */
static int configure(struct config *c, const struct input *in, const struct dev_place *place)
{
    char problem[PROBLEM_MAX] = "", key_file[FILE_PATH_MAX], picked[64];
    const char *address = in->bind;
    const struct setting first[] = {
        { "data-dir", place->dir },
        { "ops-port", "0" },
        { "loops", "1" },
        { "log-format", "text" },
        { "https-port", in->https_port },
        { "mqtts-port", in->mqtts_port },
        { "log-level", in->log_level != NULL ? in->log_level : "warning" },
    };
    berth_err e;

    config_defaults(c);
    config_read_switches(c);
    e = apply(c, first, sizeof first / sizeof first[0], problem);
    if (e == BERTH_OK)
        e = file_path(key_file, place->dir, "store.key");
    if (e == BERTH_OK && address == NULL) {
        if (dev_address_pick(c, picked, sizeof picked) != BERTH_OK)
            return DEV_EXIT_FAILED;
        address = picked;
    }
    if (e == BERTH_OK)
        e = apply(c, (const struct setting[]){ { "key-file", key_file } }, 1, problem);
    if (e == BERTH_OK && config_set(c, "listen", address, problem, sizeof problem) != BERTH_OK)
        return tell_failure(EXIT_CODE_USAGE, "--bind %.64s: not an IP address", address);
    if (e == BERTH_OK)
        e = name_service(c, in, address, problem);
    if (e == BERTH_OK)
        e = config_finish(c, problem, sizeof problem);
    if (e == BERTH_OK)
        return EXIT_CODE_OK;
    return tell_failure(EXIT_CODE_USAGE, "%s", problem[0] != '\0' ? problem : berth_err_text(e));
}

static int read_seed(struct seed *s, const struct input *in, const struct config *c,
                     const struct berth_crypto *crypto)
{
    char problem[PROBLEM_MAX] = "";

    if (seed_open(s, in->seed, c, crypto, problem, sizeof problem) != BERTH_OK)
        return tell_failure(EXIT_CODE_USAGE, "%s", problem);
    for (size_t i = 0; i < in->fault_count; i++)
        if (seed_add_fault(s, berth_str_of(in->faults[i]), problem, sizeof problem) != BERTH_OK)
            return tell_failure(EXIT_CODE_USAGE, "--fault %s", problem);
    return EXIT_CODE_OK;
}

static void warn_of_neighbours(const struct config *c)
{
    for (size_t i = 0; i < c->listen_count; i++)
        if (!dev_address_is_loopback(c->listen[i]))
            tell_warning("on %s others reach the service, and the default group's key is public",
                         c->listen[i]);
}

static int run(const struct input *in, struct dev_place *place, const sigset_t *before,
               struct config *c)
{
    struct dev_run r = {
        .config = c, .place = place, .before = *before, .command = in->command, .json = in->json
    };
    struct berth_crypto crypto;
    struct seed seed = { 0 };
    int code = configure(c, in, place);

    if (code != EXIT_CODE_OK)
        return code;
    if (berth_openssl_init(&crypto) != BERTH_OK)
        return tell_failure(DEV_EXIT_FAILED, "OpenSSL cannot be used");
    code = read_seed(&seed, in, c, &crypto);
    if (code == EXIT_CODE_OK) {
        warn_of_neighbours(c);
        r.seed = &seed;
        code = dev_run_all(&r);
    }
    seed_close(&seed, &crypto);
    berth_openssl_deinit(&crypto);
    return code;
}

int dev_run(int argc, char **argv)
{
    static const struct argp_option own[] = {
        { "seed", KEY_SEED, "FILE", 0,
          "begin with what this JSON file has: idScope, enrollmentGroups, enrollments, hubs, "
          "faults",
          0 },
        { "fault", KEY_FAULT, "FAULT", 0,
          "REGISTRATION-ID:KIND, what goes wrong for this device: delay=DURATION, refuse[=REASON], "
          "throttle[=TIMES[,SECONDS]], "
          "drop-after=BYTES, assigning-forever; may be repeated",
          0 },
        { "bind", KEY_BIND, "ADDRESS", 0,
          "listen on this IP address instead of a loopback address of its own", 0 },
        { "hostname", KEY_HOSTNAME, "NAME,..", 0, "names that clients use; the address unless told",
          0 },
        { "https-port", KEY_HTTPS_PORT, "PORT", 0, "443 unless told; 0: any that is free", 0 },
        { "mqtts-port", KEY_MQTTS_PORT, "PORT", 0, "8883 unless told; 0: any that is free", 0 },
        { "log-level", KEY_LOG_LEVEL, "error|warning|notice|info|debug", 0,
          "least weight of the service's lines on standard error, warning unless told", 0 },
        { "json", KEY_JSON, NULL, 0, "without COMMAND: print JSON instead of lines for a shell",
          0 },
        { 0 }
    };
    const struct argp argp = {
        own,
        take,
        "[--] [COMMAND [ARG..]]",
        "Run COMMAND beside a service of its own that leaves nothing behind: for tests of "
        "firmware.\vCOMMAND finds the service by its environment (BERTH_ENDPOINT, BERTH_ID_SCOPE, "
        "BERTH_GROUP_KEY and others: docs/dev.md), and its exit code is this command's. "
        "Without COMMAND these variables are printed and the service runs until Ctrl-C.",
        NULL,
        NULL,
        NULL
    };
    static struct config config;
    struct input in = { 0 };
    struct dev_place place = { 0 };
    sigset_t before;
    int code = DEV_EXIT_FAILED;

    options_parse_alone(&argp, &in, argc, argv);
    if (dev_signals_block(&before) == BERTH_OK && dev_place_make(&place) == BERTH_OK)
        code = run(&in, &place, &before, &config);
    dev_place_remove(&place);
    return code;
}
