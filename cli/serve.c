/* berth serve: the daemon. */
#include <signal.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/configure.h"
#include "cli/options.h"
#include "ops/daemon.h"
#include "ops/log.h"

int serve_run(int argc, char **argv)
{
    static struct argp_option options[CONFIGURE_OPTIONS_MAX];
    static struct config config;
    struct argp argp = {
        options,
        configure_parse,
        NULL,
        "Run the provisioning service with its embedded hubs.\v"
        "Every option is also a key of the configuration file and, as BERTH_NAME, of the "
        "environment; options win. The first start makes what is missing and prints where it is.",
        NULL,
        NULL,
        NULL
    };
    struct configure given = { 0 };
    char problem[CONFIGURE_PROBLEM_MAX] = "";

    (void)signal(SIGHUP, SIG_IGN); /* until it can be obeyed; what it would load is loaded anyway */
    configure_options(options, NULL);
    options_parse_alone(&argp, &given, argc, argv);
    if (configure(&given, &config, problem) != BERTH_OK) {
        (void)fprintf(stderr, "berth serve: %s\n", problem);
        return EXIT_CODE_USAGE;
    }
    return daemon_run(&config, NULL);
}
