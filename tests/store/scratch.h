/* tests/store/scratch.h - a directory of its own for each store under test. */
#ifndef TESTS_STORE_SCRATCH_H
#define TESTS_STORE_SCRATCH_H

#include <limits.h>
#include <stddef.h>

struct scratch {
    char path[128];
};

void scratch_make(struct scratch *s);
/* With all that is in it. */
void scratch_remove(struct scratch *s);
/* DIRECTORY/NAME; valid until the fourth next call. */
const char *scratch_file(const struct scratch *s, const char *name);

/* Whole files, for damage and comparison. The size, at most MAX. */
size_t scratch_read(const char *path, void *out, size_t max);
void scratch_write(const char *path, const void *bytes, size_t n);

#endif
