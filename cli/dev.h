/* cli/dev.h - the parts of `berth dev`: where its service lives, what COMMAND is told of it, and
 * the processes. */
#ifndef CLI_DEV_H
#define CLI_DEV_H

#include <signal.h>
#include <stdio.h>

#include "ops/config.h"
#include "ops/file.h"
#include "ops/seed.h"

/* `berth dev` itself could not; as env(1), timeout(1) and others have it. */
#define DEV_EXIT_FAILED      125
#define DEV_EXIT_NOT_RUN     126 /* COMMAND is there and cannot be run */
#define DEV_EXIT_NO_COMMAND  127
#define DEV_EXIT_SIGNAL_BASE 128 /* and the signal that ended COMMAND */

struct dev_place {
    char dir[CONFIG_TEXT_MAX]; /* "": none */
    /* CA certificates: ours, what Node shall trust in addition, all that OpenSSL shall trust */
    char ca[FILE_PATH_MAX], node[FILE_PATH_MAX], bundle[FILE_PATH_MAX];
};

/* A directory of its own in $TMPDIR, 0700. The user has been told when there is none. */
BERTH_MUST_USE berth_err dev_place_make(struct dev_place *p);
/* Once the CA is there: the files beside it that hold other CAs too. */
BERTH_MUST_USE berth_err dev_place_trust(const struct dev_place *p);
/* With all that is in it; safe when it is gone already. */
void dev_place_remove(const struct dev_place *p);

/* The first IPv4 loopback address, of many, where neither port is taken. */
BERTH_MUST_USE berth_err dev_address_pick(const struct config *c, char *out, size_t size);
bool dev_address_is_loopback(const char *address);
bool dev_address_is_any(const char *address);

/* What COMMAND is told. */
struct dev_facts {
    const struct config *config;
    const struct seed *seed;
    const struct dev_place *place;
    uint16_t https_port, mqtts_port;
};
/* Into this process's environment, for exec. BERTH_E_MEMORY. */
BERTH_MUST_USE berth_err dev_environment_set(const struct dev_facts *f);
/* Lines for a shell, or one JSON object. */
void dev_environment_print(FILE *out, const struct dev_facts *f, bool json);

/* Keeps what would end this process waiting, until dev_run_all looks at it: nothing may be left
 * behind. BEFORE: as COMMAND gets them. */
BERTH_MUST_USE berth_err dev_signals_block(sigset_t *before);

struct dev_run {
    const struct config *config;
    const struct seed *seed;
    const struct dev_place *place;
    sigset_t before; /* of dev_signals_block */
    char **command;  /* NULL: until a signal comes */
    bool json;
};
/* From the service's start to the removal of the last trace. The exit code. */
int dev_run_all(const struct dev_run *r);

#endif
