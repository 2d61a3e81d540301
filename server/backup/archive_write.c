#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup/archive.h"
#include "backup/tar.h"

#define PIECE 65536

static berth_err put(const struct archive_writing *w, const void *p, size_t n)
{
    return w->out.put(w->out.user, p, n);
}

static berth_err put_zeros(const struct archive_writing *w, size_t n)
{
    static const uint8_t zeros[2 * TAR_BLOCK] = { 0 };

    return put(w, zeros, n);
}

static berth_err put_header(const struct archive_writing *w, const char *name, uint64_t size,
                            uint32_t mode)
{
    struct tar_member m = { .size = size, .mode = mode, .modified = w->modified };
    uint8_t block[TAR_BLOCK];

    (void)snprintf(m.name, sizeof m.name, "%s", name);
    tar_build(&m, block);
    return put(w, block, sizeof block);
}

static berth_err put_manifest(const struct archive_writing *w)
{
    char *text = malloc(MANIFEST_TEXT_MAX);
    struct berth_buf b;
    berth_err e;

    if (text == NULL)
        return backup_say(w->problem, BACKUP_FAILED, BERTH_E_MEMORY, "out of memory");
    berth_buf_init(&b, text, MANIFEST_TEXT_MAX);
    manifest_put(&b, w->manifest);
    assert(!b.over); /* every part of it has its bound */
    e = put_header(w, MANIFEST_NAME, b.n, 0600);
    if (e == BERTH_OK)
        e = put(w, b.p, b.n);
    if (e == BERTH_OK)
        e = put_zeros(w, tar_padding(b.n));
    free(text);
    return e;
}

/* What the manifest says, although FD may have more by now. */
static berth_err put_from_fd(const struct archive_writing *w, int fd, uint64_t size, uint64_t done)
{
    uint64_t whole = manifest_bytes(w->manifest);
    uint8_t piece[PIECE];

    for (uint64_t at = 0; at < size;) {
        size_t want = size - at < PIECE ? (size_t)(size - at) : PIECE;
        ssize_t n = pread(fd, piece, want, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return backup_say(w->problem, BACKUP_FAILED, BERTH_E_IO,
                              "reading the copy of the database: %s",
                              n < 0 ? strerrordesc_np(errno) : "it ends too early");
        berth_err e = put(w, piece, (size_t)n);
        if (e != BERTH_OK)
            return e;
        at += (uint64_t)n;
        if (!backup_goes_on(w->watch, done + at, whole, w->problem))
            return BERTH_E_CLOSED;
    }
    return BERTH_OK;
}

static berth_err put_file(const struct archive_writing *w, size_t i, uint64_t done)
{
    const struct manifest_file *f = &w->manifest->files[i];
    const struct archive_content *c = &w->contents[i];
    berth_err e = put_header(w, f->name, f->size, f->mode);

    if (e == BERTH_OK)
        e = c->p != NULL ? put(w, c->p, (size_t)f->size) : put_from_fd(w, c->fd, f->size, done);
    return e == BERTH_OK ? put_zeros(w, tar_padding(f->size)) : e;
}

berth_err archive_write_plain(const struct archive_writing *w)
{
    uint64_t done = 0;
    berth_err e = put_manifest(w);

    for (size_t i = 0; e == BERTH_OK && i < w->manifest->count; i++) {
        e = put_file(w, i, done);
        done += w->manifest->files[i].size;
    }
    return e == BERTH_OK ? put_zeros(w, 2 * TAR_BLOCK) : e;
}

static berth_err put_sealed(void *user, const uint8_t *p, size_t n)
{
    return sealed_put(user, p, n);
}

static berth_err say(const struct archive_writing *w, berth_err e)
{
    if (e == BERTH_E_MEMORY)
        return backup_say(w->problem, BACKUP_FAILED, e,
                          "out of memory: the passphrase's key takes 128 MiB");
    if (e == BERTH_E_CRYPTO)
        return backup_say(w->problem, BACKUP_FAILED, e,
                          "scrypt, HMAC-SHA256 or AES-256-GCM is missing from OpenSSL; install its "
                          "default provider");
    return e;
}

berth_err archive_write(const struct archive_writing *w, berth_str passphrase,
                        struct sealed_cost cost, const struct berth_crypto *crypto)
{
    struct sealed_writer *sealed = calloc(1, sizeof *sealed);
    struct archive_writing plain = *w;
    berth_err e;

    if (sealed == NULL)
        return say(w, BERTH_E_MEMORY);
    plain.out = (struct byte_sink){ put_sealed, sealed };
    e = say(w, sealed_begin(sealed, passphrase, cost, crypto, &w->out));
    if (e == BERTH_OK && !backup_goes_on(w->watch, 0, 0, w->problem))
        e = BERTH_E_CLOSED;
    if (e == BERTH_OK)
        e = archive_write_plain(&plain);
    if (e == BERTH_OK)
        e = say(w, sealed_finish(sealed));
    sealed_writer_deinit(sealed);
    free(sealed);
    return e;
}
