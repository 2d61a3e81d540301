/* ops/first_start.h - what a daemon makes for itself before it first serves: the data directory,
 * the first records, and the profile that the command line finds it by. */
#ifndef OPS_FIRST_START_H
#define OPS_FIRST_START_H

#include "base/arena.h"
#include "base/record.h"
#include "berth/crypto.h"
#include "ops/config.h"
#include "ops/file.h"
#include "ops/seed.h"

#define FIRST_START_TLS_DIR     "tls"         /* below the data directory */
#define FIRST_START_PROFILE     "profile.ini" /* likewise */
#define FIRST_START_CHANGES_MAX 16
#define FIRST_START_ARENA_SIZE  16384

/* Makes the data directory with what stands above it, and its tls directory, 0700. PROBLEM gets
 * words for the operator. */
BERTH_MUST_USE berth_err first_start_directory(const char *data_dir, char *problem,
                                               size_t problem_size);

/* The records of a new service, to be committed at once and only when there is no ID scope yet: the
 * ID scope, the policies of the service with new keys, the first hub and its policies. They live in
 * A, keys included: the caller wipes it. SEED: what is not left to chance, or NULL. BERTH_E_FULL
 * when A is smaller than FIRST_START_ARENA_SIZE. */
BERTH_MUST_USE berth_err first_start_changes(const struct config *config,
                                             const struct berth_crypto *crypto,
                                             const struct seed *seed, struct berth_arena *a,
                                             struct berth_change out[FIRST_START_CHANGES_MAX],
                                             size_t *count);
struct berth_hub;
/* Those of one hub with its policies. OWNER: the primary key of iothubowner, NULL: a new one. */
BERTH_MUST_USE berth_err first_start_hub_changes(
    const struct berth_hub *hub, const struct berth_key *owner, const struct berth_crypto *crypto,
    struct berth_arena *a, struct berth_change out[FIRST_START_CHANGES_MAX], size_t *count);

/* How to reach the daemon, with the owner's key. */
struct first_start_profile {
    berth_str host;
    uint16_t https_port, mqtts_port;
    const char *ca_file; /* "": the system knows it */
    berth_str id_scope;
    berth_str policy;
    const struct berth_key *key;
};

/* Writes {DATA_DIR}/profile.ini, 0600, unless it says so already. */
BERTH_MUST_USE berth_err first_start_write_profile(const char *data_dir,
                                                   const struct first_start_profile *profile,
                                                   char *problem, size_t problem_size);

#endif
