#include "tests/store/scratch.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/store/door.h"

void scratch_make(struct scratch *s)
{
    const char *base = getenv("TMPDIR");

    (void)snprintf(s->path, sizeof s->path, "%s/berth-store-XXXXXX", base == NULL ? "/tmp" : base);
    MUST(mkdtemp(s->path) != NULL);
}

void scratch_remove(struct scratch *s)
{
    DIR *dir = opendir(s->path);

    MUST(dir != NULL);
    for (const struct dirent *e; (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.')
            (void)unlink(scratch_file(s, e->d_name));
    closedir(dir);
    MUST(rmdir(s->path) == 0);
}

const char *scratch_file(const struct scratch *s, const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof paths[0], "%s/%s", s->path, name);
    return path;
}

size_t scratch_read(const char *path, void *out, size_t max)
{
    FILE *f = fopen(path, "rb");

    MUST(f != NULL);
    size_t n = fread(out, 1, max, f);
    (void)fclose(f);
    return n;
}

void scratch_write(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");

    MUST(f != NULL && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}
