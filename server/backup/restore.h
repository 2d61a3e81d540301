/* backup/restore.h - an archive back into a data directory, which is then the old one or the new
 * one whole, wherever it was interrupted.
 *
 * The archive is unpacked and verified in DIR.restoring, beside DIR; one rename exchanges the two;
 * what was there before becomes DIR.before-restore-TIME. A mark in DIR.restoring tells an unpacked
 * archive, which the next restore may remove, from the old directory, which nobody may. */
#ifndef BACKUP_RESTORE_H
#define BACKUP_RESTORE_H

#include <sys/types.h>

#include "backup/archive.h"
#include "ops/file.h"

/* In this order; a crash between any two leaves DIR old or new whole (tests/unit/test_restore.c
 * kills at each). */
#define RESTORE_STEPS(X)                                                                           \
    X(LOCKED)    /* no daemon can start in DIR */                                                  \
    X(CLEARED)   /* what an interrupted restore left is put away */                                \
    X(STAGED)    /* DIR.restoring is there, with its mark */                                       \
    X(LISTED)    /* the manifest was read */                                                       \
    X(FILE)      /* one of its files is on the disk */                                             \
    X(UNPACKED)  /* all are */                                                                     \
    X(VERIFIED)  /* the database is whole and the key its own */                                   \
    X(OWNED)     /* files have their owner, directories are on the disk */                         \
    X(EXCHANGED) /* DIR is the new one */                                                          \
    X(SETTLED)   /* and will be after a power cut */                                               \
    X(KEPT)      /* the old one has its name, or is gone when it was empty */                      \
    X(UNMARKED)  /* done */

enum restore_step {
#define X(name) RESTORE_##name,
    RESTORE_STEPS(X)
#undef X
        RESTORE_STEP_COUNT
};

struct restore_request {
    const char *data_dir;
    const char *key_file; /* that the daemon is told to use; NULL: the one in DATA_DIR */
    bool replace;         /* DATA_DIR may hold something: it is kept */
    bool owned;           /* give it to UID and GID; else to whoever owns DATA_DIR */
    uid_t uid;
    gid_t gid;
    const char *name; /* of the archive, for problems */
    struct byte_source in;
    berth_str passphrase;
    const struct berth_crypto *crypto;
    const struct backup_watch *watch;
    /* Tests: told after each step. */
    void (*at)(void *user, enum restore_step step);
    void *user;
};

enum restore_key {
    RESTORE_KEY_IN_PLACE,
    RESTORE_KEY_IS_THERE, /* KEY_FILE holds it already; it was not put into DATA_DIR */
    RESTORE_KEY_MISSING,  /* it must be copied from DATA_DIR to KEY_FILE */
};

struct restore_result {
    struct manifest manifest;
    char data_dir[FILE_PATH_MAX]; /* without links */
    char kept[FILE_PATH_MAX];     /* what was there before; "": nothing */
    enum restore_key key;
};

/* After an error DATA_DIR is as it was and nothing is left beside it, unless the problem says that
 * the backup is in its place. */
BERTH_MUST_USE berth_err restore_run(const struct restore_request *request,
                                     struct restore_result *out, struct backup_problem *problem);

#endif
