#include "cli/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/tell.h"

static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
enum { ENDS = sizeof ends / sizeof ends[0] };

/* What the handler must know; set while the draft is there. */
static char *volatile draft;
static struct sigaction before[ENDS];

static void remove_draft(int number)
{
    if (draft != NULL)
        (void)unlink(draft);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void watch(struct sink *s)
{
    struct sigaction now = { .sa_handler = remove_draft };

    draft = s->draft;
    for (size_t i = 0; i < ENDS; i++) {
        (void)sigaction(ends[i], NULL, &before[i]);
        /* nohup and shells ignore some for us: so they stay */
        if (before[i].sa_handler != SIG_IGN)
            (void)sigaction(ends[i], &now, NULL);
    }
}

static void unwatch(void)
{
    draft = NULL;
    for (size_t i = 0; i < ENDS; i++)
        (void)sigaction(ends[i], &before[i], NULL);
}

static void flush(struct sink *s)
{
    berth_str left = berth_buf_str(&s->b);

    while (left.n > 0 && s->failure == 0) {
        ssize_t n = write(s->fd, left.p, left.n);

        if (n < 0 && errno != EINTR)
            s->failure = errno;
        if (n > 0)
            left = berth_str_sub(left, (size_t)n, left.n);
    }
    explicit_bzero(s->b.p, s->b.n);
    berth_buf_reset(&s->b);
}

static mode_t allowed(mode_t mode)
{
    mode_t mask = umask(0);

    (void)umask(mask);
    return mode & ~mask;
}

static int open_draft(struct sink *s, mode_t mode)
{
    int n = snprintf(s->draft, sizeof s->draft, "%s.XXXXXX", s->path);

    if (n < 0 || (size_t)n >= sizeof s->draft)
        return tell_failure(EXIT_CODE_USAGE, "%s: the name is too long", s->path);
    s->fd = mkostemp(s->draft, O_CLOEXEC);
    if (s->fd < 0)
        return tell_failure(EXIT_CODE_FAILED, "cannot write %s: %s", s->path, strerror(errno));
    s->open = true;
    watch(s);
    if (fchmod(s->fd, allowed(mode)) == 0)
        return EXIT_CODE_OK;
    (void)tell_failure(EXIT_CODE_FAILED, "cannot write %s: %s", s->path, strerror(errno));
    sink_abandon(s);
    return EXIT_CODE_FAILED;
}

int sink_open(struct sink *s, const char *path, mode_t mode, const struct stat *input)
{
    struct stat there;

    s->path = path == NULL || strcmp(path, "-") == 0 ? NULL : path;
    s->open = false;
    s->failure = 0;
    berth_buf_init(&s->b, s->buffer, sizeof s->buffer);
    if (s->path == NULL) {
        s->fd = STDOUT_FILENO;
        s->open = true;
        return EXIT_CODE_OK;
    }
    if (stat(s->path, &there) == 0) {
        if (!S_ISREG(there.st_mode))
            return tell_failure(EXIT_CODE_USAGE,
                                "%s is not an ordinary file\n  give the name of one, or - to write "
                                "to standard output",
                                path);
        if (input != NULL && there.st_dev == input->st_dev && there.st_ino == input->st_ino)
            return tell_failure(EXIT_CODE_USAGE, "%s is what is read\n  write to another file",
                                path);
    }
    return open_draft(s, mode);
}

void sink_room(struct sink *s, size_t n)
{
    if (s->b.max - s->b.n < n)
        flush(s);
}

/* A rename is only on the disk once its directory is; some file systems cannot say so. */
static void sync_directory(const char *path)
{
    char copy[SINK_PATH];
    int fd;

    (void)snprintf(copy, sizeof copy, "%s", path);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)close(fd);
}

int sink_commit(struct sink *s)
{
    int failure;

    flush(s);
    failure = s->failure;
    if (s->path != NULL && failure == 0 && (fsync(s->fd) != 0 || rename(s->draft, s->path) != 0))
        failure = errno;
    if (failure != 0) {
        sink_abandon(s);
        return tell_failure(EXIT_CODE_FAILED, "cannot write %s: %s%s",
                            s->path != NULL ? s->path : "the output", strerror(failure),
                            failure == EFBIG ? "\n  raise the limit of file sizes (ulimit -f)"
                                             : "");
    }
    s->open = false;
    if (s->path == NULL)
        return EXIT_CODE_OK;
    unwatch();
    (void)close(s->fd);
    sync_directory(s->path);
    return EXIT_CODE_OK;
}

void sink_abandon(struct sink *s)
{
    if (!s->open)
        return;
    explicit_bzero(s->buffer, s->b.n);
    s->open = false;
    if (s->path == NULL)
        return;
    (void)close(s->fd);
    (void)unlink(s->draft);
    unwatch();
}
