/* The reader of backups, without the seal that keeps strangers from it; and the seal's header. */
#include <stdlib.h>
#include <string.h>

#include "backup/archive.h"
#include "backup/tar.h"

static void require(bool truth)
{
    if (!truth)
        abort();
}

struct input {
    const uint8_t *p;
    size_t n, step;
    uint64_t given; /* to the visitor, of the file under way */
    const struct manifest_file *file;
};

static berth_err get(void *user, uint8_t *p, size_t size, size_t *n)
{
    struct input *in = user;

    *n = in->n < size ? in->n : size;
    if (*n > in->step)
        *n = in->step;
    if (*n > 0)
        memcpy(p, in->p, *n);
    in->p += *n;
    in->n -= *n;
    return BERTH_OK;
}

static berth_err on_manifest(void *user, const struct manifest *m)
{
    (void)user;
    require(m->count <= MANIFEST_FILES_MAX && m->hub_count <= MANIFEST_HUBS_MAX);
    require(manifest_find(m, MANIFEST_DATABASE) != NULL && manifest_find(m, MANIFEST_KEY) != NULL);
    return BERTH_OK;
}

static berth_err on_begin(void *user, const struct manifest_file *f)
{
    struct input *in = user;

    require(manifest_name_is_known(berth_str_of(f->name)));
    require(strstr(f->name, "..") != f->name && f->name[0] != '/');
    require(f->mode == 0600 || f->mode == 0644);
    in->file = f;
    in->given = 0;
    return BERTH_OK;
}

static berth_err on_data(void *user, const uint8_t *p, size_t n)
{
    struct input *in = user;

    (void)p;
    in->given += n;
    require(in->given <= in->file->size);
    return BERTH_OK;
}

static berth_err on_end(void *user)
{
    const struct input *in = user;

    require(in->given == in->file->size);
    return BERTH_OK;
}

static berth_err read_archive(const uint8_t *p, size_t n, size_t step)
{
    static struct manifest m;
    struct backup_problem problem = { 0 };
    struct input in = { .p = p, .n = n, .step = step };
    struct archive_visitor visitor = { on_manifest, on_begin, on_data, on_end, &in };
    struct archive_reading r = { .name = "a", .visitor = &visitor, .problem = &problem };
    struct byte_source source = { get, &in };
    berth_err e = archive_read_plain(&r, &source, &m);

    require((e == BERTH_OK) == (problem.text[0] == '\0'));
    return e;
}

/* What is read says the same once it is written and read again. */
static void read_manifest(berth_str text)
{
    static struct manifest m, again;
    static char out[MANIFEST_TEXT_MAX];
    struct berth_buf b;

    if (manifest_parse(text, &m) != BERTH_OK)
        return;
    berth_buf_init(&b, out, sizeof out);
    manifest_put(&b, &m);
    require(!b.over && manifest_parse(berth_buf_str(&b), &again) == BERTH_OK);
    require(memcmp(&m, &again, sizeof m) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + (size == 0));
    struct sealed_cost cost;
    struct tar_member member;

    require(copy != NULL);
    memcpy(copy, size == 0 ? (const uint8_t *)"" : data, size);
    require(read_archive(copy, size, SIZE_MAX) == read_archive(copy, size, 7));
    read_manifest((berth_str){ (const char *)copy, size });
    if (size >= SEALED_HEADER_SIZE && sealed_judge(copy, &cost) == BERTH_OK)
        require(((uint64_t)128 << cost.log_n) * cost.r * cost.p <= SEALED_WORK_MAX && cost.p > 0);
    if (size >= TAR_BLOCK && tar_parse(copy, &member) == BERTH_OK)
        require(member.size <= TAR_SIZE_MAX && strlen(member.name) <= TAR_NAME_MAX);
    free(copy);
    return 0;
}
