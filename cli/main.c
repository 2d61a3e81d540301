#include <stdio.h>
#include <string.h>

#include "cli/command.h"

static const struct command commands[] = {
    { "serve", "run the provisioning service", serve_run, NULL },
    { NULL, NULL, NULL, NULL },
};

int main(int argc, char **argv)
{
    for (const struct command *c = commands; argc > 1 && c->name != NULL; c++)
        if (strcmp(c->name, argv[1]) == 0)
            return c->run(argc - 1, argv + 1);
    (void)fprintf(stderr, "usage: berth serve\n");
    return EXIT_CODE_USAGE;
}
