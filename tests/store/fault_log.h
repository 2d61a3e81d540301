/* tests/store/fault_log.h - what a watched disk was told to do, and what of it outlasts a cut. */
#ifndef TESTS_STORE_FAULT_LOG_H
#define TESTS_STORE_FAULT_LOG_H

#include "tests/store/fault_vfs.h"

#define FAULT_FILES_MAX 16

/* What becomes of writes that no sync has covered, and of names made or removed since the directory
 * was last synced. */
#define FAULT_CUTS(X)                                                                              \
    X(LOST, "all lost")    /* nothing of it */                                                     \
    X(SOME, "some lost")   /* each by chance, in no order */                                       \
    X(TORN, "torn page")   /* all, but of the last write only one half */                          \
    X(NAMES, "names lost") /* all writes, none of the names */                                     \
    X(KEPT, "none lost")   /* what a killed process leaves */

enum fault_cut {
#define X(name, text) FAULT_CUT_##name,
    FAULT_CUTS(X)
#undef X
};

struct fault_image {
    struct {
        char name[64];
        uint8_t *bytes;
        size_t n;
    } files[FAULT_FILES_MAX];
    size_t count;
};

/* The files as they are found after a cut right before event AT; of a write that AT is, FAULT_TORN
 * has one half. SEED decides what is left to chance. */
void fault_image_at(size_t at, enum fault_cut cut, uint64_t seed, struct fault_image *out);
/* DIRECTORY's own files, but for those that SQLite makes anew. */
void fault_image_load(const char *directory, struct fault_image *out);
void fault_image_write(const struct fault_image *image, const char *directory);
void fault_image_free(struct fault_image *image);

#endif
