/* ops/daemon.h - `berth serve` from configuration to exit code: set-up, workers, the local health
 * port, signals, graceful stop. */
#ifndef OPS_DAEMON_H
#define OPS_DAEMON_H

#include "ops/config.h"
#include "ops/seed.h"

enum daemon_exit {
    DAEMON_OK = 0,
    DAEMON_FAILED = 1, /* could not start, or failed while serving; standard error says why */
    DAEMON_SECOND = 4, /* another one holds the data directory: EXIT_CODE_CONFLICT of the CLI */
};

/* What `berth dev` hands in. */
struct daemon_dev {
    const struct seed *seed; /* for the first start; its faults for as long as the daemon runs */
    /* Told once it listens, instead of standard output; false when nobody waits any more. */
    bool (*ready)(void *user, uint16_t https_port, uint16_t mqtts_port);
    void *user;
};

/* Blocks until SIGTERM or SIGINT; a second one ends at once. DEV: NULL under `berth serve`. */
int daemon_run(const struct config *c, const struct daemon_dev *dev);

#endif
