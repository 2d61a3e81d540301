/* ops/daemon.h - `berth serve` from configuration to exit code: set-up, workers, the local health
 * port, signals, graceful stop. */
#ifndef OPS_DAEMON_H
#define OPS_DAEMON_H

#include "ops/config.h"

enum daemon_exit {
    DAEMON_OK = 0,
    DAEMON_FAILED = 1, /* could not start, or failed while serving; standard error says why */
};

/* Blocks until SIGTERM or SIGINT; a second one ends at once. */
int daemon_run(const struct config *c);

#endif
