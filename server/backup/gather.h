/* backup/gather.h - the small files of a daemon: keys, certificates, profile, configuration. */
#ifndef BACKUP_GATHER_H
#define BACKUP_GATHER_H

#include "backup/manifest.h"
#include "backup/problem.h"

struct gathered {
    uint8_t *bytes; /* of all files, one after the other */
    size_t n;
    struct manifest_file files[MANIFEST_FILES_MAX - 1]; /* without checksums */
    size_t starts[MANIFEST_FILES_MAX - 1];
    size_t count;
};

/* Reads them twice over until nothing changes between: a CA's roll-over replaces several.
 * CONFIG_FILE may be NULL. *OUT is to be freed also after an error. */
BERTH_MUST_USE berth_err gather(const struct config *config, const char *config_file,
                                struct gathered *out, struct backup_problem *problem);
/* Wipes. */
void gather_free(struct gathered *g);

#endif
