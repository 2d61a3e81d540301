/* ops/setup.h - brings a data directory to where the daemon can serve from it: first records,
 * certificates for every name; and the profile, once it listens. */
#ifndef OPS_SETUP_H
#define OPS_SETUP_H

#include "auth/policy.h"
#include "ops/config.h"
#include "ops/file.h"
#include "ops/seed.h"
#include "ops/worker.h"

struct setup {
    bool first_start; /* none has served from here yet: there is no profile */
    bool made_ca, made_leaf;
    char id_scope[64];
    char tls_dir[FILE_PATH_MAX];
    char ca_file[FILE_PATH_MAX]; /* "": whoever issued the operator's certificate */
    char profile[FILE_PATH_MAX];
    char owner[BERTH_POLICY_NAME_MAX + 1]; /* may change policies; "": none is left */
    struct berth_key owner_key;            /* for the profile; the caller wipes it */
};

/* Runs before any worker, over a port of its own. A second run changes nothing. SEED: what a first
 * one begins with, or NULL. PROBLEM gets cause and remedy. */
BERTH_MUST_USE berth_err setup_run(const struct config *c, const struct seed *seed, struct store *s,
                                   worker_attach *attach, const struct berth_crypto *crypto,
                                   struct setup *out, char *problem, size_t problem_size);

/* Tells the command line where the daemon listens: the ports are those that it got. */
BERTH_MUST_USE berth_err setup_write_profile(const struct config *c, const struct setup *s,
                                             uint16_t https_port, uint16_t mqtts_port,
                                             char *problem, size_t problem_size);

#endif
