/* ops/seed.h - what a throw-away service begins with, for `berth dev`: an ID scope, enrollment
 * groups, enrollments, hubs and faults, from a file in the service API's own documents or as
 * docs/dev.md has them. */
#ifndef OPS_SEED_H
#define OPS_SEED_H

#include "base/record.h"
#include "berth/crypto.h"
#include "berth/registration_id.h"

#define SEED_FILE_MAX    (4 * 1024 * 1024) /* bytes */
#define SEED_RECORDS_MAX 4096
#define SEED_SCOPE_MAX   32
#define SEED_FAULTS_MAX  256

struct config;
struct dev;

struct seed {
    char id_scope[SEED_SCOPE_MAX + 1];
    /* primary keys of the owners' policies, new ones: of the service, and of every hub */
    struct berth_key service_key, hub_key;
    char group_id[BERTH_ID_MAX + 1]; /* the first group, or "" */
    struct berth_key_pair group_keys;
    struct berth_record **records; /* each on the heap, none twice */
    size_t count;
    struct dev *dev; /* its faults */
};

/* Reads FILE; what it leaves out of ID scope and groups, and all of it when FILE is NULL, is as
 * documented. CONFIG: whose own names hubs may have. PROBLEM names file and member. */
BERTH_MUST_USE berth_err seed_open(struct seed *s, const char *file, const struct config *config,
                                   const struct berth_crypto *crypto, char *problem,
                                   size_t problem_size);
/* One more fault, as in the file. */
BERTH_MUST_USE berth_err seed_add_fault(struct seed *s, berth_str text, char *problem,
                                        size_t problem_size);
/* Wipes the keys; safe twice. */
void seed_close(struct seed *s, const struct berth_crypto *crypto);

#endif
