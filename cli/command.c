#include "cli/command.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "berth/version.h"
#include "cli/nearest.h"
#include "cli/tell.h"

#define COMMAND_MAX 128 /* bytes of a whole command */
#define SLIPS_MAX   2   /* more is another word, not a misspelt one */
#define INDENT      18

const struct command command_root = {
    .name = "berth",
    .summary = "provisioning for legacy devices, on your own machines",
    .children =
        (const struct command[]){
            { "serve", "run the provisioning service with its hubs", serve_run, NULL },
            { "dev", "a throw-away service for tests of firmware", dev_run, NULL },
            { "login", "remember a service: its address, CA and key", login_run, login_commands },
            { "logout", "forget a service that login remembers", logout_run, NULL },
            { "service", "what the running service is", NULL, service_commands },
            { "enrollment-group", "groups of devices that share one key", NULL,
              enrollment_group_commands },
            { "enrollment", "single devices with a key of their own", NULL, enrollment_commands },
            { "key", "device keys", NULL, key_commands },
            { "registration-id", "IDs from serial numbers and MAC addresses", NULL,
              registration_id_commands },
            { "registration", "devices that have registered", NULL, registration_commands },
            { "hub", "hubs that devices are assigned to", NULL, hub_commands },
            { "policy", "shared access policies: who may ask the service and its hubs", NULL,
              policy_commands },
            { "ca", "the CA that devices trust, and its roll-over", NULL, ca_commands },
            { "device", "devices in a hub, and a simulated one", NULL, device_commands },
            { "connection-string", "credentials for tools and SDKs", NULL,
              connection_string_commands },
            { "backup", "everything the daemon keeps, into one file", backup_run, NULL },
            { "restore", "a backup into a data directory, or what is in it", restore_verb_run,
              NULL },
            { "explain", "why a device or client was refused", explain_run, NULL },
            { "complete", NULL, complete_run, NULL },
            { NULL, NULL, NULL, NULL },
        },
};

const struct command *command_nearest(const struct command *group, const char *name)
{
    const struct command *nearest = NULL;
    size_t least = SLIPS_MAX + 1;

    assert(group->children != NULL);
    if (strlen(name) > NEAREST_MAX)
        return NULL;
    for (const struct command *c = group->children; c->name != NULL; c++) {
        size_t slips = nearest_slips(name, c->name);

        /* as many slips as letters make any word of any other */
        if (c->summary != NULL && slips < least && slips < strlen(c->name)) {
            least = slips;
            nearest = c;
        }
    }
    return nearest;
}

const struct command *command_child(const struct command *group, const char *name)
{
    for (const struct command *c = group->children; c != NULL && c->name != NULL; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static void list(FILE *out, const struct command *group, const char *name)
{
    (void)fprintf(out, "Usage: %s COMMAND [OPTION...]\n%s\n\n", name, group->summary);
    for (const struct command *c = group->children; c->name != NULL; c++)
        if (c->summary != NULL)
            (void)fprintf(out, "  %-*s  %s\n", INDENT, c->name, c->summary);
    (void)fprintf(out, "\n%s COMMAND --help says more.\n", name);
    if (group == &command_root)
        (void)fprintf(out, "berth --version prints the version.\n");
}

static int unknown(const struct command *group, const char *name, const char *word)
{
    const struct command *nearest = command_nearest(group, word);

    if (nearest != NULL)
        return tell_failure(EXIT_CODE_USAGE, "%s has no command \"%.64s\"\n  did you mean: %s %s",
                            name, word, name, nearest->name);
    return tell_failure(EXIT_CODE_USAGE, "%s has no command \"%.64s\"\n  %s --help lists them",
                        name, word, name);
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-?") == 0 ||
           strcmp(word, "-h") == 0;
}

static int run_verb(const struct command *verb, char *name, bool help, int argc, char **argv)
{
    char option[] = "--help";
    char *asking[] = { name, option, NULL };

    if (help)
        return verb->run(2, asking);
    argv[0] = name;
    return verb->run(argc, argv);
}

int command_run(const struct command *root, int argc, char **argv)
{
    const struct command *at = root;
    char name[COMMAND_MAX];
    bool help = false;
    int i = 1;

    (void)snprintf(name, sizeof name, "%s", root->name);
    if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
        (void)printf("berth " BERTH_VERSION "\n");
        return EXIT_CODE_OK;
    }
    for (; i < argc && (at->run == NULL || command_child(at, argv[i]) != NULL); i++) {
        size_t n = strlen(name);

        if (asks_for_help(argv[i])) {
            help = true;
            continue;
        }
        if (command_child(at, argv[i]) == NULL)
            return unknown(at, name, argv[i]);
        at = command_child(at, argv[i]);
        (void)snprintf(name + n, sizeof name - n, " %s", at->name);
    }
    if (at->run != NULL)
        return run_verb(at, name, help, argc - i + 1, argv + i - 1);
    list(help ? stdout : stderr, at, name);
    return help ? EXIT_CODE_OK : EXIT_CODE_USAGE;
}
