/* backup/archive.h - an archive: a ustar stream (tar.h) of the manifest and the files it lists, in
 * its order, under a passphrase (sealed.h). Why tar of our own and no library: the files are few
 * and known, so a reader that takes what the writer makes and nothing else is small enough to be
 * read whole, and links, paths and extensions that tools disagree on cannot arise. */
#ifndef BACKUP_ARCHIVE_H
#define BACKUP_ARCHIVE_H

#include "backup/manifest.h"
#include "backup/problem.h"
#include "backup/sealed.h"

/* Told what is in an archive as it is read; any of them may be NULL. What each returns but BERTH_OK
 * ends the reading; PROBLEM is then its own. */
struct archive_visitor {
    /* First: a chance to refuse before anything is unpacked. */
    berth_err (*manifest)(void *user, const struct manifest *m);
    berth_err (*begin)(void *user, const struct manifest_file *f);
    berth_err (*data)(void *user, const uint8_t *p, size_t n);
    /* All of the file came, with the checksum that the manifest has. */
    berth_err (*end)(void *user);
    void *user;
};

struct archive_reading {
    const char *name; /* of the archive, for problems */
    const struct archive_visitor *visitor;
    const struct backup_watch *watch;
    struct backup_problem *problem;
};

/* Reads the whole of a plain stream: the manifest, each file it lists, once and in order, with its
 * size and checksum, and the end. */
BERTH_MUST_USE berth_err archive_read_plain(const struct archive_reading *r,
                                            const struct byte_source *in, struct manifest *m);
/* The same of one under a passphrase. */
BERTH_MUST_USE berth_err archive_read(const struct archive_reading *r, const struct byte_source *in,
                                      berth_str passphrase, const struct berth_crypto *crypto,
                                      struct manifest *m);

/* Where the content of a file comes from while it is written. */
struct archive_content {
    const uint8_t *p; /* NULL: FD */
    int fd;
};

struct archive_writing {
    const char *name; /* for problems */
    const struct manifest *manifest;
    const struct archive_content *contents; /* of each file, in the manifest's order */
    int64_t modified;                       /* seconds since 1970, of every file */
    struct byte_sink out;
    const struct backup_watch *watch;
    struct backup_problem *problem;
};
BERTH_MUST_USE berth_err archive_write_plain(const struct archive_writing *w);
BERTH_MUST_USE berth_err archive_write(const struct archive_writing *w, berth_str passphrase,
                                       struct sealed_cost cost, const struct berth_crypto *crypto);

#endif
