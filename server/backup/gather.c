#include "backup/gather.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ops/file.h"
#include "ops/first_start.h"
#include "store/inside.h"

#define TIMES_MAX 20
#define PAUSE_US  50000
#define DRAFT     ".new" /* what ops/file.h writes before it renames */
#define FILES_MAX (MANIFEST_FILES_MAX - 1)

struct gathering {
    const struct config *c;
    const char *config_file;
    int dir; /* the data directory */
    struct backup_problem *problem;
};

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

/* What PATH is below DIRECTORY; NULL: it is elsewhere. */
static const char *below(const char *directory, const char *path)
{
    size_t n = strlen(directory);

    while (n > 0 && directory[n - 1] == '/')
        n--;
    return strncmp(path, directory, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

static int open_below(int dir, const char *path)
{
    char part[NAME_MAX + 1];
    size_t n = strcspn(path, "/");
    int inner, fd;

    if (path[n] == '\0')
        return inside_open(dir, path, O_RDONLY);
    errno = ENAMETOOLONG;
    if (n > NAME_MAX)
        return -1;
    (void)snprintf(part, sizeof part, "%.*s", n == 0 ? 1 : (int)n, n == 0 ? "." : path);
    inner = inside_open_dir(dir, part);
    if (inner < 0)
        return -1;
    fd = open_below(inner, path + n + 1);
    close_keeping_errno(inner);
    return fd;
}

/* The data directory is its user's, who could have root read anything for him: links in it are not
 * followed, named in the configuration or not. Elsewhere the configuration knows what it names. */
static int open_file(const struct gathering *t, const char *path)
{
    const char *inside = below(t->c->data_dir, path);

    return inside != NULL ? open_below(t->dir, inside)
                          : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

static berth_err say_open(const struct gathering *t, const char *path)
{
    const char *what = inside_words(errno);

    if (what == NULL || below(t->c->data_dir, path) == NULL)
        return backup_say_errno(t->problem, path);
    return backup_say(t->problem, BACKUP_FAILED, BERTH_E_IO,
                      "%s is %s%s; in the data directory a backup follows none: put the file "
                      "itself there, or keep key and certificates elsewhere and name them there "
                      "with key-file, tls-certificate, tls-key",
                      path, what, errno == ELOOP ? ", or below one" : "");
}

static berth_err add_open(const struct gathering *t, struct gathered *g, int fd, const char *name,
                          const char *path)
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
        return no_room(path, t->problem);
    if (e != BERTH_OK)
        return backup_say_errno(t->problem, path);
    *f = (struct manifest_file){ .size = g->n - start,
                                 .mode = (st.st_mode & 0044) == 0044 ? 0644 : 0600 };
    (void)snprintf(f->name, sizeof f->name, "%s", name);
    (void)snprintf(f->from, sizeof f->from, "%s", path);
    g->starts[g->count++] = start;
    return BERTH_OK;
}

/* MAY_LACK: nothing is wrong when there is no such file. */
static berth_err add(const struct gathering *t, struct gathered *g, const char *name,
                     const char *path, bool may_lack)
{
    if (g->count == FILES_MAX)
        return no_room(path, t->problem);
    int fd = open_file(t, path);
    if (fd < 0 && errno == ENOENT && may_lack)
        return BERTH_OK;
    if (fd < 0)
        return say_open(t, path);
    berth_err e = add_open(t, g, fd, name, path);
    (void)close(fd);
    return e;
}

static berth_err add_key(const struct gathering *t, struct gathered *g)
{
    const char *path = t->c->key_file;

    if (access(path, F_OK) == 0)
        return add(t, g, MANIFEST_KEY, path, false);
    return backup_say(t->problem, BACKUP_FAILED, BERTH_E_NOT_FOUND,
                      "%s: %s; give the daemon's key file with --key-file (of systemd's "
                      "LoadCredential=, the file that is loaded)",
                      path, strerrordesc_np(errno));
}

static berth_err add_tls_file(const struct gathering *t, struct gathered *g, const char *dir,
                              const char *file)
{
    char name[MANIFEST_NAME_MAX + 256], path[FILE_PATH_MAX];
    int n = snprintf(name, sizeof name, MANIFEST_TLS "%s", file);
    berth_str s = { name, (size_t)n };

    /* What an editor or a crash left is not berth's. */
    if (!manifest_name_is_known(s) || berth_str_ends(s, BERTH_STR(DRAFT)))
        return BERTH_OK;
    if (file_path(path, dir, file) != BERTH_OK) {
        errno = ENAMETOOLONG;
        return backup_say_errno(t->problem, dir);
    }
    return add(t, g, name, path, true);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* As scandir, of DIR/NAME. */
static int list_inside(int dir, const char *name, struct dirent ***list)
{
    int fd = inside_open_dir(dir, name);
    int n = fd >= 0 ? scandirat(fd, ".", list, NULL, by_name) : -1;

    if (fd >= 0)
        close_keeping_errno(fd);
    return n;
}

static berth_err add_tls(const struct gathering *t, struct gathered *g)
{
    char dir[FILE_PATH_MAX];
    struct dirent **list;
    berth_err e = file_path(dir, t->c->data_dir, FIRST_START_TLS_DIR);

    int n = e == BERTH_OK ? list_inside(t->dir, FIRST_START_TLS_DIR, &list) : -1;
    if (n < 0)
        return errno == ENOENT ? BERTH_OK : say_open(t, dir);
    for (int i = 0; i < n; i++) {
        if (e == BERTH_OK)
            e = add_tls_file(t, g, dir, list[i]->d_name);
        free(list[i]);
    }
    free(list);
    return e;
}

static berth_err add_elsewhere(const struct gathering *t, struct gathered *g)
{
    const struct {
        const char *name, *path;
    } files[] = {
        { MANIFEST_CONFIG, t->config_file == NULL ? "" : t->config_file },
        { MANIFEST_ELSEWHERE "tls-certificate.pem", t->c->tls_certificate },
        { MANIFEST_ELSEWHERE "tls-key.pem", t->c->tls_key },
        { MANIFEST_ELSEWHERE "tls-rsa-certificate.pem", t->c->tls_rsa_certificate },
        { MANIFEST_ELSEWHERE "tls-rsa-key.pem", t->c->tls_rsa_key },
    };

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        berth_err e =
            files[i].path[0] == '\0' ? BERTH_OK : add(t, g, files[i].name, files[i].path, false);

        if (e != BERTH_OK)
            return e;
    }
    return BERTH_OK;
}

static berth_err gather_once(const struct gathering *t, struct gathered *g)
{
    char profile[FILE_PATH_MAX];
    berth_err e;

    forget(g);
    e = add_key(t, g);
    if (e == BERTH_OK && file_path(profile, t->c->data_dir, FIRST_START_PROFILE) == BERTH_OK)
        e = add(t, g, MANIFEST_PROFILE, profile, true);
    if (e == BERTH_OK)
        e = add_tls(t, g);
    return e == BERTH_OK ? add_elsewhere(t, g) : e;
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

static berth_err gather_until_same(const struct gathering *t, struct gathered *out,
                                   struct gathered *again)
{
    berth_err e = gather_once(t, out);

    for (int i = 0; e == BERTH_OK && i < TIMES_MAX; i++) {
        struct gathered swap = *out;

        if (i > 0)
            (void)usleep(PAUSE_US);
        e = gather_once(t, again);
        if (e == BERTH_OK && are_same(out, again))
            return BERTH_OK;
        *out = *again;
        *again = swap;
    }
    if (e != BERTH_OK)
        return e;
    return backup_say(t->problem, BACKUP_FAILED, BERTH_E_IO,
                      "the certificates in %s do not stop changing; try again", t->c->data_dir);
}

berth_err gather(const struct config *config, const char *config_file, struct gathered *out,
                 struct backup_problem *problem)
{
    struct gathering t = { .c = config, .config_file = config_file, .problem = problem };
    struct gathered again;
    berth_err e = start(out, problem), last = start(&again, problem);

    t.dir = open(config->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (e == BERTH_OK)
        e = last;
    if (e == BERTH_OK && t.dir < 0)
        e = backup_say_errno(problem, config->data_dir);
    if (e == BERTH_OK)
        e = gather_until_same(&t, out, &again);
    if (t.dir >= 0)
        (void)close(t.dir);
    gather_free(&again);
    return e;
}

void gather_free(struct gathered *g)
{
    forget(g);
    free(g->bytes);
    g->bytes = NULL;
}
