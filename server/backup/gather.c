#include "backup/gather.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ops/file.h"
#include "ops/first_start.h"

#define TIMES_MAX 20
#define PAUSE_US  50000
#define DRAFT     ".new" /* what ops/file.h writes before it renames */
#define FILES_MAX (MANIFEST_FILES_MAX - 1)

static void forget(struct gathered *g)
{
    if (g->n > 0)
        OPENSSL_cleanse(g->bytes, g->n);
    g->n = 0;
    g->count = 0;
}

static berth_err no_room(const char *path, struct backup_problem *problem)
{
    return backup_say(problem, BACKUP_FAILED, BERTH_E_RANGE,
                      "%s: more or larger than a backup holds, which is %d files of 256 KiB; move "
                      "away what is not berth's",
                      path, FILES_MAX);
}

/* Appends what FD has; BERTH_E_RANGE when it is too much. What was read counts at once, so that
 * it is wiped whatever comes of it. */
static berth_err append(struct gathered *g, int fd)
{
    size_t end = g->n + MANIFEST_SMALL_MAX;

    while (g->n <= end) {
        ssize_t more = read(fd, g->bytes + g->n, end + 1 - g->n);

        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return BERTH_E_IO;
        if (more == 0)
            return BERTH_OK;
        g->n += (size_t)more;
    }
    return BERTH_E_RANGE;
}

static berth_err add_open(struct gathered *g, int fd, const char *name, const char *path,
                          struct backup_problem *problem)
{
    struct manifest_file *f = &g->files[g->count];
    size_t start = g->n;
    struct stat st;
    berth_err e = BERTH_E_IO;

    if (fstat(fd, &st) == 0) {
        errno = EINVAL;
        e = S_ISREG(st.st_mode) ? append(g, fd) : BERTH_E_IO;
    }
    if (e == BERTH_E_RANGE)
        return no_room(path, problem);
    if (e != BERTH_OK)
        return backup_say_errno(problem, path);
    *f = (struct manifest_file){ .size = g->n - start,
                                 .mode = (st.st_mode & 0044) == 0044 ? 0644 : 0600 };
    (void)snprintf(f->name, sizeof f->name, "%s", name);
    (void)snprintf(f->from, sizeof f->from, "%s", path);
    g->starts[g->count++] = start;
    return BERTH_OK;
}

/* MAY_LACK: nothing is wrong when there is no such file. */
static berth_err add(struct gathered *g, const char *name, const char *path, bool may_lack,
                     struct backup_problem *problem)
{
    if (g->count == FILES_MAX)
        return no_room(path, problem);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT && may_lack)
        return BERTH_OK;
    if (fd < 0)
        return backup_say_errno(problem, path);
    berth_err e = add_open(g, fd, name, path, problem);
    (void)close(fd);
    return e;
}

static berth_err add_key(struct gathered *g, const char *path, struct backup_problem *problem)
{
    if (access(path, F_OK) == 0)
        return add(g, MANIFEST_KEY, path, false, problem);
    return backup_say(problem, BACKUP_FAILED, BERTH_E_NOT_FOUND,
                      "%s: %s; give the daemon's key file with --key-file (of systemd's "
                      "LoadCredential=, the file that is loaded)",
                      path, strerrordesc_np(errno));
}

static berth_err add_tls_file(struct gathered *g, const char *dir, const char *file,
                              struct backup_problem *problem)
{
    char name[MANIFEST_NAME_MAX + 256], path[FILE_PATH_MAX];
    int n = snprintf(name, sizeof name, MANIFEST_TLS "%s", file);
    berth_str s = { name, (size_t)n };

    /* What an editor or a crash left is not berth's. */
    if (!manifest_name_is_known(s) || berth_str_ends(s, BERTH_STR(DRAFT)))
        return BERTH_OK;
    if (file_path(path, dir, file) != BERTH_OK) {
        errno = ENAMETOOLONG;
        return backup_say_errno(problem, dir);
    }
    return add(g, name, path, true, problem);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static berth_err add_tls(struct gathered *g, const char *data_dir, struct backup_problem *problem)
{
    char dir[FILE_PATH_MAX];
    struct dirent **list;
    berth_err e = file_path(dir, data_dir, FIRST_START_TLS_DIR);

    int n = e == BERTH_OK ? scandir(dir, &list, NULL, by_name) : -1;
    if (n < 0)
        return errno == ENOENT ? BERTH_OK : backup_say_errno(problem, dir);
    for (int i = 0; i < n; i++) {
        if (e == BERTH_OK)
            e = add_tls_file(g, dir, list[i]->d_name, problem);
        free(list[i]);
    }
    free(list);
    return e;
}

static berth_err add_elsewhere(struct gathered *g, const struct config *c, const char *config_file,
                               struct backup_problem *problem)
{
    const struct {
        const char *name, *path;
    } files[] = {
        { MANIFEST_CONFIG, config_file == NULL ? "" : config_file },
        { MANIFEST_ELSEWHERE "tls-certificate.pem", c->tls_certificate },
        { MANIFEST_ELSEWHERE "tls-key.pem", c->tls_key },
        { MANIFEST_ELSEWHERE "tls-rsa-certificate.pem", c->tls_rsa_certificate },
        { MANIFEST_ELSEWHERE "tls-rsa-key.pem", c->tls_rsa_key },
    };

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        berth_err e = files[i].path[0] == '\0'
                          ? BERTH_OK
                          : add(g, files[i].name, files[i].path, false, problem);

        if (e != BERTH_OK)
            return e;
    }
    return BERTH_OK;
}

static berth_err gather_once(const struct config *c, const char *config_file, struct gathered *g,
                             struct backup_problem *problem)
{
    char profile[FILE_PATH_MAX];
    berth_err e;

    forget(g);
    e = add_key(g, c->key_file, problem);
    if (e == BERTH_OK && file_path(profile, c->data_dir, FIRST_START_PROFILE) == BERTH_OK)
        e = add(g, MANIFEST_PROFILE, profile, true, problem);
    if (e == BERTH_OK)
        e = add_tls(g, c->data_dir, problem);
    return e == BERTH_OK ? add_elsewhere(g, c, config_file, problem) : e;
}

static bool are_same(const struct gathered *a, const struct gathered *b)
{
    if (a->count != b->count || a->n != b->n || memcmp(a->bytes, b->bytes, a->n) != 0)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->files[i].name, b->files[i].name) != 0 || a->starts[i] != b->starts[i])
            return false;
    return true;
}

static berth_err start(struct gathered *g, struct backup_problem *problem)
{
    memset(g, 0, sizeof *g);
    /* One more, so that a file that is too large shows. */
    g->bytes = malloc((size_t)FILES_MAX * (MANIFEST_SMALL_MAX + 1));
    return g->bytes != NULL ? BERTH_OK
                            : backup_say(problem, BACKUP_FAILED, BERTH_E_MEMORY, "out of memory");
}

berth_err gather(const struct config *config, const char *config_file, struct gathered *out,
                 struct backup_problem *problem)
{
    struct gathered again;
    berth_err e = start(out, problem), last = start(&again, problem);
    bool same = false;

    if (e == BERTH_OK)
        e = last;
    if (e == BERTH_OK)
        e = gather_once(config, config_file, out, problem);
    for (int i = 0; e == BERTH_OK && !same && i < TIMES_MAX; i++) {
        struct gathered swap = *out;

        if (i > 0)
            (void)usleep(PAUSE_US);
        e = gather_once(config, config_file, &again, problem);
        same = e == BERTH_OK && are_same(out, &again);
        *out = again;
        again = swap;
    }
    if (e == BERTH_OK && !same)
        e = backup_say(problem, BACKUP_FAILED, BERTH_E_IO,
                       "the certificates in %s do not stop changing; try again", config->data_dir);
    gather_free(&again);
    return e;
}

void gather_free(struct gathered *g)
{
    forget(g);
    free(g->bytes);
    g->bytes = NULL;
}
