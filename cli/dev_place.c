/* The directory that a throw-away service lives in. */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/dev.h"
#include "cli/tell.h"
#include "ops/first_start.h"

#define BUNDLE_MAX (8 * 1024 * 1024) /* bytes of CA certificates */
#define FTW_FILES  16                /* directories that are open at once */

static berth_err name_files(struct dev_place *p)
{
    char tls[FILE_PATH_MAX];
    berth_err e = file_path(tls, p->dir, FIRST_START_TLS_DIR);

    if (e == BERTH_OK)
        e = file_path(p->ca, tls, "ca.pem");
    if (e == BERTH_OK)
        e = file_path(p->node, tls, "node-extra.pem");
    return e == BERTH_OK ? file_path(p->bundle, tls, "bundle.pem") : e;
}

berth_err dev_place_make(struct dev_place *p)
{
    const char *parent = getenv("TMPDIR");
    char draft[CONFIG_TEXT_MAX], whole[PATH_MAX];
    int n;

    *p = (struct dev_place){ 0 };
    if (parent == NULL || parent[0] == '\0')
        parent = "/tmp";
    n = snprintf(draft, sizeof draft, "%s/berth-dev-XXXXXX", parent);
    if (n <= 0 || (size_t)n >= sizeof draft || mkdtemp(draft) == NULL) {
        (void)tell_failure(DEV_EXIT_FAILED,
                           "cannot make a directory in %s: %s\n  set TMPDIR to one that you can "
                           "write to",
                           parent,
                           (size_t)n >= sizeof draft ? strerror(ENAMETOOLONG) : strerror(errno));
        return BERTH_E_IO;
    }
    /* COMMAND may go elsewhere: its files are named from the root */
    if (realpath(draft, whole) == NULL || strlen(whole) >= sizeof p->dir) {
        (void)rmdir(draft);
        (void)tell_failure(DEV_EXIT_FAILED, "%s: its whole name is too long", draft);
        return BERTH_E_RANGE;
    }
    memcpy(p->dir, whole, strlen(whole) + 1);
    return name_files(p);
}

static int remove_one(const char *path, const struct stat *is, int type, struct FTW *ftw)
{
    (void)is;
    (void)type;
    (void)ftw;
    (void)remove(path);
    return 0;
}

void dev_place_remove(const struct dev_place *p)
{
    if (p->dir[0] != '\0')
        (void)nftw(p->dir, remove_one, FTW_FILES, FTW_DEPTH | FTW_PHYS);
}

/* ---- CA certificates ---- */

/* PATH := what is in BASE, if it can be read, then our CA. */
static berth_err write_bundle(const struct dev_place *p, const char *path, const char *base)
{
    char *storage = malloc(BUNDLE_MAX);
    struct berth_buf b;
    berth_err e = BERTH_E_MEMORY;

    if (storage == NULL)
        return e;
    berth_buf_init(&b, storage, BUNDLE_MAX);
    if (base == NULL || file_read(base, &b) != BERTH_OK)
        berth_buf_reset(&b);
    if (b.n > 0 && b.p[b.n - 1] != '\n')
        berth_buf_put_char(&b, '\n');
    e = file_read(p->ca, &b);
    if (e == BERTH_OK)
        e = file_replace(path, berth_buf_str(&b), 0600);
    free(storage);
    return e;
}

/* What programs over OpenSSL trust without us: SSL_CERT_FILE takes the place of it. */
static const char *system_bundle(void)
{
    static const char *const usual[] = { "/etc/ssl/certs/ca-certificates.crt",
                                         "/etc/pki/tls/certs/ca-bundle.crt",
                                         "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem" };
    const char *given = getenv("SSL_CERT_FILE");

    if (given != NULL && given[0] != '\0')
        return given;
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
        if (access(usual[i], R_OK) == 0)
            return usual[i];
    return NULL;
}

berth_err dev_place_trust(const struct dev_place *p)
{
    const char *given = getenv("NODE_EXTRA_CA_CERTS");
    berth_err e = write_bundle(p, p->node, given != NULL && given[0] != '\0' ? given : NULL);
    if (e == BERTH_OK)
        e = write_bundle(p, p->bundle, system_bundle());
    if (e != BERTH_OK)
        (void)tell_failure(DEV_EXIT_FAILED, "cannot write CA certificates to %s: %s", p->dir,
                           e == BERTH_E_IO ? strerror(errno) : berth_err_text(e));
    return e;
}
