#include "backup/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backup/gather.h"
#include "base/time.h"
#include "berth/version.h"
#include "ops/file.h"
#include "store/inside.h"
#include "store/sqlite/snapshot.h"

#define COPY SQLITE_STORE_FILE ".copy" /* has a name for as long as SQLite makes and checks it */

struct backup {
    struct gathered small;
    int db; /* the copy */
    int64_t modified;
    struct manifest manifest;
    struct archive_content contents[MANIFEST_FILES_MAX];
};

struct taking {
    const struct backup_request *request;
    struct backup *b;
    struct backup_problem *problem;
};

/* ---- the database ---- */

static bool pages_go_on(void *user, uint64_t done, uint64_t whole)
{
    const struct taking *t = user;

    return backup_goes_on(t->request->watch, done, whole, t->problem);
}

static berth_err say_store(struct taking *t, berth_err e, const struct sqlite_store_problem *why)
{
    if (e == BERTH_OK || e == BERTH_E_CLOSED)
        return e;
    return backup_say(t->problem, BACKUP_FAILED, e, "%s", why->text);
}

static berth_err hash_copy(struct taking *t, struct manifest_file *f)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    uint8_t piece[65536];
    ssize_t n = 0;
    bool ok = digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1;

    f->size = 0;
    while (ok && (n = pread(t->b->db, piece, sizeof piece, (off_t)f->size)) > 0) {
        ok = EVP_DigestUpdate(digest, piece, (size_t)n) == 1 &&
             backup_goes_on(t->request->watch, 0, 0, t->problem);
        f->size += (uint64_t)n;
    }
    ok = ok && n == 0 && EVP_DigestFinal_ex(digest, f->sha256, NULL) == 1;
    EVP_MD_CTX_free(digest);
    if (ok)
        return BERTH_OK;
    if (t->problem->fault == BACKUP_INTERRUPTED)
        return BERTH_E_CLOSED;
    return backup_say(t->problem, BACKUP_FAILED, BERTH_E_IO,
                      "cannot read the copy of the database again: %s", strerrordesc_np(errno));
}

static void note_hub(void *user, berth_str name)
{
    struct manifest *m = user;

    if (m->hub_count < MANIFEST_HUBS_MAX)
        (void)snprintf(m->hubs[m->hub_count++], sizeof m->hubs[0], "%.*s", BERTH_STR_ARG(name));
}

static berth_err check_copy(struct taking *t, const char *path)
{
    const struct snapshot_watch watch = { pages_go_on, t };
    const struct snapshot_check check = { .path = path,
                                          .key_path = t->request->config->key_file,
                                          .crypto = t->request->crypto,
                                          .watch = &watch };
    struct sqlite_store_problem why = { "" };
    int schema = 0;
    berth_err e = sqlite_snapshot_verify(&check, &schema, &why);

    t->b->manifest.schema = schema;
    if (e == BERTH_OK)
        e = sqlite_snapshot_hubs(path, note_hub, &t->b->manifest, &why);
    return say_store(t, e, &why);
}

static berth_err copy_database(struct taking *t, const char *from, const char *to)
{
    const struct snapshot_watch watch = { pages_go_on, t };
    struct sqlite_store_problem why = { "" };
    berth_err e = sqlite_snapshot_take(from, to, &watch, &why);

    if (e != BERTH_OK)
        return say_store(t, e, &why);
    e = check_copy(t, to);
    if (e == BERTH_OK) {
        t->b->db = inside_open(AT_FDCWD, to, O_RDONLY);
        e = t->b->db >= 0 ? BERTH_OK : backup_say_errno(t->problem, to);
    }
    /* From here on it is gone when this process is. */
    (void)unlink(to);
    return e;
}

/* Two at once would take each other's copy away. The lock is the directory's, not the daemon's. */
static berth_err lock(struct taking *t, int *fd)
{
    const char *dir = t->request->config->data_dir;

    *fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        return backup_say_errno(t->problem, dir);
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return BERTH_OK;
    (void)close(*fd);
    return backup_say(t->problem, BACKUP_IN_THE_WAY, BERTH_E_MISMATCH,
                      "another backup of %s is under way; wait until it is done", dir);
}

/* SQLite follows a link. O_PATH: closing any other descriptor of the file would end the locks that
 * SQLite has on it. */
static berth_err look_at_database(struct taking *t, int dir, const char *path)
{
    int fd = inside_open(dir, SQLITE_STORE_FILE, O_PATH);
    const char *what = fd < 0 ? inside_words(errno) : NULL;

    if (fd >= 0)
        return close(fd) == 0 ? BERTH_OK : backup_say_errno(t->problem, path);
    if (what == NULL)
        return backup_say_errno(t->problem, path);
    return backup_say(t->problem, BACKUP_FAILED, BERTH_E_IO,
                      "%s is %s; put the database itself there, with its -wal", path, what);
}

static berth_err take_database(struct taking *t)
{
    const char *dir = t->request->config->data_dir;
    char from[FILE_PATH_MAX], to[FILE_PATH_MAX];
    int fd;

    if (file_path(from, dir, SQLITE_STORE_FILE) != BERTH_OK ||
        file_path(to, dir, COPY) != BERTH_OK) {
        errno = ENAMETOOLONG;
        return backup_say_errno(t->problem, dir);
    }
    if (access(from, F_OK) != 0)
        return backup_say(t->problem, BACKUP_FAILED, BERTH_E_NOT_FOUND,
                          "%s: %s; say where the daemon keeps its data with --data-dir, or with "
                          "the --config that it was started with",
                          from, strerrordesc_np(errno));
    berth_err e = lock(t, &fd);
    if (e != BERTH_OK)
        return e;
    e = look_at_database(t, fd, from);
    if (e == BERTH_OK)
        e = copy_database(t, from, to);
    (void)close(fd);
    return e;
}

/* ---- the manifest ---- */

static void describe(struct taking *t)
{
    const struct config *c = t->request->config;
    struct manifest *m = &t->b->manifest;
    struct berth_buf when;
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    t->b->modified = now.tv_sec;
    berth_buf_init(&when, m->time, sizeof m->time - 1);
    berth_time_put(&when, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    (void)snprintf(m->berth, sizeof m->berth, "%s", BERTH_VERSION);
    (void)snprintf(m->data_dir, sizeof m->data_dir, "%s", c->data_dir);
}

static berth_err list_small(struct taking *t)
{
    const struct gathered *g = &t->b->small;
    struct manifest *m = &t->b->manifest;

    for (size_t i = 0; i < g->count; i++) {
        struct manifest_file *f = &m->files[m->count];
        const uint8_t *p = g->bytes + g->starts[i];
        berth_str bytes = { (const char *)p, (size_t)g->files[i].size };

        *f = g->files[i];
        if (t->request->crypto->sha256(t->request->crypto->ctx, &bytes, 1, f->sha256) != BERTH_OK)
            return backup_say(t->problem, BACKUP_FAILED, BERTH_E_CRYPTO, "SHA-256 failed");
        t->b->contents[m->count++] = (struct archive_content){ .p = p };
    }
    return BERTH_OK;
}

static berth_err list_database(struct taking *t)
{
    struct manifest *m = &t->b->manifest;
    struct manifest_file *f = &m->files[m->count];
    berth_err e;

    *f = (struct manifest_file){ .name = MANIFEST_DATABASE, .mode = 0600 };
    (void)snprintf(f->from, sizeof f->from, "%.900s/" SQLITE_STORE_FILE,
                   t->request->config->data_dir);
    e = hash_copy(t, f);
    t->b->contents[m->count++] = (struct archive_content){ .fd = t->b->db };
    return e;
}

static berth_err take_all(struct taking *t)
{
    berth_err e = take_database(t);

    if (e == BERTH_OK)
        e = gather(t->request->config, t->request->config_file, &t->b->small, t->problem);
    if (e != BERTH_OK)
        return e;
    describe(t);
    e = list_small(t);
    return e == BERTH_OK ? list_database(t) : e;
}

berth_err backup_take(const struct backup_request *request, struct backup **out,
                      struct backup_problem *problem)
{
    struct backup *b = calloc(1, sizeof *b);
    struct taking t = { request, b, problem };
    berth_err e;

    *out = NULL;
    *problem = (struct backup_problem){ 0 };
    if (b == NULL)
        return backup_say(problem, BACKUP_FAILED, BERTH_E_MEMORY, "out of memory");
    b->db = -1;
    e = take_all(&t);
    if (e == BERTH_OK)
        *out = b;
    else
        backup_free(b);
    return e;
}

const struct manifest *backup_manifest(const struct backup *b)
{
    return &b->manifest;
}

berth_err backup_write(const struct backup *b, const struct backup_target *target,
                       struct backup_problem *problem)
{
    const struct archive_writing w = {
        .name = target->name,
        .manifest = &b->manifest,
        .contents = b->contents,
        .modified = b->modified,
        .out = target->out,
        .watch = target->watch,
        .problem = problem,
    };

    return archive_write(&w, target->passphrase, target->cost, target->crypto);
}

void backup_free(struct backup *b)
{
    if (b == NULL)
        return;
    gather_free(&b->small);
    if (b->db >= 0)
        (void)close(b->db);
    free(b);
}
