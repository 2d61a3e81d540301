/* backup/backup.h - everything that a daemon keeps, of one moment, ready to be written away. Works
 * on the data directory, beside a running daemon or without one. */
#ifndef BACKUP_BACKUP_H
#define BACKUP_BACKUP_H

#include "backup/archive.h"

struct backup_request {
    const struct config *config; /* as the daemon has it */
    const char *config_file;     /* NULL: there is none */
    const struct berth_crypto *crypto;
    const struct backup_watch *watch; /* may be NULL */
};

/* A checked copy of the database, in a file of the data directory that has no name any more, and
 * the other files in memory. */
struct backup;

/* BERTH_E_NOT_FOUND: no database there. After an error, and whenever the process ends from now on,
 * the data directory is as it was. */
BERTH_MUST_USE berth_err backup_take(const struct backup_request *request, struct backup **out,
                                     struct backup_problem *problem);
const struct manifest *backup_manifest(const struct backup *b);

struct backup_target {
    const char *name; /* for problems */
    berth_str passphrase;
    struct sealed_cost cost;
    struct byte_sink out;
    const struct berth_crypto *crypto;
    const struct backup_watch *watch;
};
BERTH_MUST_USE berth_err backup_write(const struct backup *b, const struct backup_target *target,
                                      struct backup_problem *problem);
/* Wipes. NULL is fine. */
void backup_free(struct backup *b);

#endif
