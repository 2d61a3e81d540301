/* backup/stage.h - the directory that an archive is unpacked into, and checked. */
#ifndef BACKUP_STAGE_H
#define BACKUP_STAGE_H

#include "backup/restore.h"

struct stage {
    const struct restore_request *request;
    struct backup_problem *problem;
    char path[FILE_PATH_MAX];
    int dir;  /* PATH */
    int file; /* the one under way, or -1 */
    uid_t uid;
    gid_t gid;
    mode_t mode; /* of the directory in the end */
    char at[MANIFEST_NAME_MAX + 1];
};

/* Tells the tests. */
void stage_reached(const struct stage *s, enum restore_step step);

/* PATH, UID, GID and MODE are set. Whatever is at PATH with a mark is removed. */
BERTH_MUST_USE berth_err stage_make(struct stage *s);
/* All files of the archive, each on the disk; M is what it says of itself. */
BERTH_MUST_USE berth_err stage_unpack(struct stage *s, struct manifest *m);
/* The database is whole, of a schema that is known, and the key its own. */
BERTH_MUST_USE berth_err stage_verify(struct stage *s);
/* Leaves the key out when KEY_FILE, which is elsewhere, holds it. */
BERTH_MUST_USE berth_err stage_place_key(struct stage *s, enum restore_key *key);
/* Owners and modes; all of it is on the disk afterwards. */
BERTH_MUST_USE berth_err stage_finish(struct stage *s);
void stage_close(struct stage *s);
/* Removes PATH and what is in it. */
void stage_remove(const char *path);

/* The mark in a directory that is being unpacked. */
bool stage_is_marked(const char *directory);
/* Durable. No mark is no error. */
BERTH_MUST_USE berth_err stage_unmark(const char *directory);

#endif
