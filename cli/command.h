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
    const char *summary; /* one line for the list of commands */
    int (*run)(
        int argc,
        char **argv); /* argv[0] is the whole command, "berth key derive"; NULL for a group */
    const struct command *children; /* ended by a NULL name; NULL for a verb */
};

/* Each group's table, in its own file. */
int serve_run(int argc, char **argv);

#endif
