/* scratch.h - a directory for the files of one test. */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRATCH_PATH_MAX 512

/* Its path; ended by scratch_remove. */
static inline const char *scratch_make(char path[SCRATCH_PATH_MAX])
{
    const char *base = getenv("TMPDIR");

    (void)snprintf(path, SCRATCH_PATH_MAX, "%.400s/berth-test-XXXXXX",
                   base != NULL ? base : "/tmp");
    return mkdtemp(path);
}

static inline int scratch_remove_one(const char *path, const struct stat *is, int type,
                                     struct FTW *at)
{
    (void)is, (void)type, (void)at;
    return remove(path);
}

static inline void scratch_remove(const char *path)
{
    (void)nftw(path, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* "DIRECTORY/NAME" in storage of the caller. */
static inline const char *scratch_path(char out[SCRATCH_PATH_MAX + 64], const char *directory,
                                       const char *name)
{
    int n = snprintf(out, SCRATCH_PATH_MAX + 64, "%s/%s", directory, name);

    if (n < 0 || n >= SCRATCH_PATH_MAX + 64)
        abort();
    return out;
}

static inline void scratch_write(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");

    if (f == NULL || fputs(text, f) == EOF || fclose(f) != 0)
        abort();
}

/* The content with a NUL after it; "" when there is no such file. */
static inline const char *scratch_read(char *out, size_t size, const char *path)
{
    FILE *f = fopen(path, "re");
    size_t n = f != NULL ? fread(out, 1, size - 1, f) : 0;

    if (f != NULL)
        (void)fclose(f);
    out[n] = '\0';
    return out;
}

#endif
