#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/store/door.h"
#include "tests/store/fault_impl.h"

#define SECTOR 512

/* How far a write has come by the time of the cut. */
enum fate { ON_ITS_WAY = 1, SAVED, FORSAKEN };

struct cut {
    size_t at;
    enum fault_cut how;
    uint64_t dice;
    unsigned char *fates; /* by event */
    size_t torn;          /* the event that half happens; SIZE_MAX: none */
    /* which file has a name: as the process saw it, and as the directory on disk has it */
    int seen[FAULT_FILES_MAX], saved[FAULT_FILES_MAX];
    char names[FAULT_FILES_MAX][64];
    int name_count;
};

static bool toss(struct cut *c)
{
    c->dice ^= c->dice << 13;
    c->dice ^= c->dice >> 7;
    c->dice ^= c->dice << 17;
    return (c->dice >> 33 & 1) != 0;
}

static int name_of(struct cut *c, const char *name)
{
    for (int i = 0; i < c->name_count; i++)
        if (strcmp(c->names[i], name) == 0)
            return i;
    MUST(c->name_count < FAULT_FILES_MAX);
    (void)snprintf(c->names[c->name_count], sizeof c->names[0], "%s", name);
    c->seen[c->name_count] = c->saved[c->name_count] = -1;
    return c->name_count++;
}

static void name_files_of_the_start(struct cut *c)
{
    for (int i = 0; i < fault_log_inodes(); i++) {
        const struct fault_inode *f = fault_log_inode(i);
        if (!f->there)
            continue;
        int n = name_of(c, f->name);
        c->seen[n] = c->saved[n] = i;
    }
}

/* A failed sync forsakes what it was to save: Linux then takes the pages for clean. */
static void settle(struct cut *c, size_t upto, int inode, enum fate fate)
{
    for (size_t i = 0; i < upto; i++)
        if (fault_event(i)->inode == inode && c->fates[i] == ON_ITS_WAY)
            c->fates[i] = (unsigned char)fate;
}

static void pass(struct cut *c, size_t i)
{
    const struct fault_event *e = fault_event(i);

    switch (e->op) {
    case FAULT_WRITE:
    case FAULT_TRUNCATE:
        c->fates[i] = ON_ITS_WAY;
        break;
    case FAULT_SYNC:
        settle(c, i, e->inode, e->failed ? FORSAKEN : SAVED);
        break;
    case FAULT_OPEN:
        if (e->made)
            c->seen[name_of(c, e->name)] = e->inode;
        break;
    case FAULT_DELETE:
        c->seen[name_of(c, e->name)] = -1;
        break;
    default:
        return;
    }
    if (e->names_synced && !e->failed)
        memcpy(c->saved, c->seen, sizeof c->saved);
}

/* The write that the cut meets: the one about to be made, else the last that no sync has covered.
 */
static void choose_torn(struct cut *c)
{
    c->torn = SIZE_MAX;
    if (c->how != FAULT_CUT_TORN)
        return;
    if (c->at < fault_count() && fault_event(c->at)->op == FAULT_WRITE) {
        c->torn = c->at;
        return;
    }
    for (size_t i = c->at; i-- > 0 && c->torn == SIZE_MAX;)
        if (c->fates[i] == ON_ITS_WAY && fault_event(i)->op == FAULT_WRITE)
            c->torn = i;
}

static bool lands(struct cut *c, size_t i)
{
    if (c->fates[i] == SAVED)
        return true;
    switch (c->how) {
    case FAULT_CUT_LOST:
        return false;
    case FAULT_CUT_SOME:
        return toss(c);
    default:
        return true;
    }
}

struct content {
    uint8_t *p;
    size_t n, capacity;
};

static void grow(struct content *c, size_t n)
{
    if (n > c->capacity) {
        c->capacity = n < 65536 ? 65536 : 2 * n;
        c->p = realloc(c->p, c->capacity);
        MUST(c->p != NULL);
    }
    if (n > c->n) {
        memset(c->p + c->n, 0, n - c->n);
        c->n = n;
    }
}

static void put(struct content *c, int64_t offset, const uint8_t *bytes, size_t n)
{
    if (n == 0)
        return;
    grow(c, (size_t)offset + n);
    memcpy(c->p + offset, bytes, n);
}

/* One half of it, up to or from a sector's border. */
static void put_half(struct cut *cut, struct content *c, const struct fault_event *e)
{
    size_t half = e->n >= 2 * SECTOR ? e->n / 2 / SECTOR * SECTOR : e->n / 2;

    if (toss(cut))
        put(c, e->offset, e->bytes, half);
    else
        put(c, e->offset + (int64_t)half, e->bytes + half, e->n - half);
}

static void apply(struct cut *cut, struct content *c, size_t i)
{
    const struct fault_event *e = fault_event(i);

    if (i == cut->torn)
        put_half(cut, c, e);
    else if (cut->fates[i] == 0 || !lands(cut, i))
        return;
    else if (e->op == FAULT_WRITE)
        put(c, e->offset, e->bytes, e->n);
    else if ((size_t)e->offset < c->n)
        c->n = (size_t)e->offset;
    else
        grow(c, (size_t)e->offset);
}

static void make_content(struct cut *cut, int inode, struct content *out)
{
    const struct fault_inode *f = fault_log_inode(inode);

    *out = (struct content){ 0 };
    grow(out, 1); /* so that an empty file has bytes to point to */
    out->n = 0;
    put(out, 0, f->base, f->base_n);
    for (size_t i = 0; i <= cut->at && i < fault_count(); i++)
        if (fault_event(i)->inode == inode && (i < cut->at || i == cut->torn))
            apply(cut, out, i);
}

static int named(struct cut *c, int name)
{
    switch (c->how) {
    case FAULT_CUT_LOST:
    case FAULT_CUT_NAMES:
        return c->saved[name];
    case FAULT_CUT_SOME:
        return toss(c) ? c->saved[name] : c->seen[name];
    default:
        return c->seen[name];
    }
}

static void add_file(struct fault_image *out, const char *name, uint8_t *bytes, size_t n)
{
    MUST(out->count < FAULT_FILES_MAX);
    (void)snprintf(out->files[out->count].name, sizeof out->files[0].name, "%s", name);
    out->files[out->count].bytes = bytes;
    out->files[out->count++].n = n;
}

static void read_file(const char *directory, const char *name, struct fault_image *out)
{
    char path[PATH_MAX];
    struct stat st;

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    MUST(stat(path, &st) == 0);
    uint8_t *bytes = malloc((size_t)st.st_size + 1);
    FILE *f = fopen(path, "rb");
    MUST(bytes != NULL && f != NULL);
    MUST(fread(bytes, 1, (size_t)st.st_size, f) == (size_t)st.st_size);
    (void)fclose(f);
    add_file(out, name, bytes, (size_t)st.st_size);
}

void fault_image_at(size_t at, enum fault_cut how, uint64_t seed, struct fault_image *out)
{
    struct cut c = { .at = at, .how = how, .dice = seed * 0x9e3779b97f4a7c15 + 1 };
    struct content content;

    *out = (struct fault_image){ 0 };
    c.fates = calloc(fault_count() + 1, 1);
    MUST(c.fates != NULL);
    name_files_of_the_start(&c);
    for (size_t i = 0; i < at; i++)
        pass(&c, i);
    choose_torn(&c);
    for (int i = 0; i < c.name_count; i++) {
        int inode = named(&c, i);
        if (inode < 0)
            continue;
        make_content(&c, inode, &content);
        add_file(out, c.names[i], content.p, content.n);
    }
    free(c.fates);
    if (fault_log_key_at() != 0 && fault_log_key_at() <= at)
        read_file(fault_log_directory(), "store.key", out);
}

static bool is_kept(const char *name)
{
    size_t n = strlen(name);

    return name[0] != '.' && strcmp(name, "berth.lock") != 0 &&
           (n < 4 || strcmp(name + n - 4, "-shm") != 0);
}

void fault_image_load(const char *directory, struct fault_image *out)
{
    DIR *dir = opendir(directory);

    *out = (struct fault_image){ 0 };
    MUST(dir != NULL);
    for (const struct dirent *e; (e = readdir(dir)) != NULL;)
        if (is_kept(e->d_name))
            read_file(directory, e->d_name, out);
    closedir(dir);
}

void fault_image_write(const struct fault_image *image, const char *directory)
{
    char path[PATH_MAX];

    for (size_t i = 0; i < image->count; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", directory, image->files[i].name);
        FILE *f = fopen(path, "wb");
        MUST(f != NULL);
        MUST(fwrite(image->files[i].bytes, 1, image->files[i].n, f) == image->files[i].n);
        MUST(fclose(f) == 0);
        MUST(chmod(path, 0600) == 0);
    }
}

void fault_image_free(struct fault_image *image)
{
    for (size_t i = 0; i < image->count; i++)
        free(image->files[i].bytes);
    *image = (struct fault_image){ 0 };
}
