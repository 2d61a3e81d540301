/* cli/command.h - the command tree: each group of verbs is one file with one table. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

/* Exit codes, documented in docs/cli.md. */
enum exit_code {
    EXIT_CODE_OK = 0,
    EXIT_CODE_FAILED = 1,      /* the service refused, or the device was not assigned */
    EXIT_CODE_USAGE = 2,       /* the command line is wrong; nothing was sent */
    EXIT_CODE_NOT_FOUND = 3,   /* no such group, enrollment, registration, hub or device */
    EXIT_CODE_CONFLICT = 4,    /* it exists already, or has changed since it was read */
    EXIT_CODE_DENIED = 5,      /* the credential is wrong or lacks the right */
    EXIT_CODE_UNREACHABLE = 6, /* no connection: address, port, name or trust */
};

struct command {
    const char *name;
    const char *summary; /* one line for the list of commands; NULL: not in it */
    /* argv[0] is the whole command, "berth key derive"; NULL for a group that is no verb itself */
    int (*run)(int argc, char **argv);
    const struct command *children; /* ended by a NULL name; NULL for a verb */
};

/* Runs what ARGV names in the tree under ROOT, which is called argv[0]: a verb, or the list of a
 * group's commands. "help" and --help list anywhere. Returns an exit code. */
int command_run(const struct command *root, int argc, char **argv);

/* The child of GROUP called NAME, or NULL. */
const struct command *command_child(const struct command *group, const char *name);

/* The child of GROUP that NAME may have been meant for, at most two slips away; NULL when none is
 * near. */
const struct command *command_nearest(const struct command *group, const char *name);

/* The whole tree. */
extern const struct command command_root;

/* Each group's table, in its own file. */
extern const struct command ca_commands[];
extern const struct command connection_string_commands[];
extern const struct command device_commands[];
extern const struct command enrollment_commands[];
extern const struct command enrollment_group_commands[];
extern const struct command enrollment_group_keys_commands[];
extern const struct command enrollment_keys_commands[];
extern const struct command hub_commands[];
extern const struct command key_commands[];
extern const struct command login_commands[];
extern const struct command policy_commands[];
extern const struct command registration_commands[];
extern const struct command registration_id_commands[];
extern const struct command service_commands[];
int backup_run(int argc, char **argv);
int complete_run(int argc, char **argv);
int dev_run(int argc, char **argv);
int device_delete_run(int argc, char **argv);
int device_disable_run(int argc, char **argv);
int device_enable_run(int argc, char **argv);
int device_provision_run(int argc, char **argv);
int enrollment_create_run(int argc, char **argv);
int enrollment_disable_run(int argc, char **argv);
int enrollment_enable_run(int argc, char **argv);
int enrollment_update_run(int argc, char **argv);
int enrollment_group_create_run(int argc, char **argv);
int enrollment_group_disable_run(int argc, char **argv);
int enrollment_group_enable_run(int argc, char **argv);
int enrollment_group_update_run(int argc, char **argv);
int explain_run(int argc, char **argv);
int hub_delete_run(int argc, char **argv);
int hub_monitor_run(int argc, char **argv);
int restore_verb_run(int argc, char **argv);
int hub_show_run(int argc, char **argv);
int hub_update_run(int argc, char **argv);
int login_run(int argc, char **argv);
int logout_run(int argc, char **argv);
int policy_create_run(int argc, char **argv);
int policy_keys_regenerate_run(int argc, char **argv);
int policy_update_run(int argc, char **argv);
int serve_run(int argc, char **argv);

#endif
