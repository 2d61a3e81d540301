#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "backup/archive.h"
#include "backup/tar.h"

#define PIECE 65536

struct reader {
    const struct archive_reading *r;
    const struct byte_source *in;
    EVP_MD_CTX *digest;
    uint64_t done, whole;
    uint8_t piece[PIECE];
};

static berth_err damaged(const struct reader *a, const char *what)
{
    return backup_say(a->r->problem, BACKUP_FAILED, BERTH_E_SYNTAX,
                      "%s is damaged: %s; take another copy of it, or another backup", a->r->name,
                      what);
}

/* Exactly N bytes. */
static berth_err take(struct reader *a, uint8_t *p, size_t n)
{
    size_t came;
    berth_err e = bytes_fill(a->in, p, n, &came);

    if (e != BERTH_OK)
        return e; /* whoever reads below has said why */
    return came == n ? BERTH_OK : damaged(a, "it ends too early");
}

static berth_err take_zeros(struct reader *a, size_t n)
{
    static const uint8_t zeros[TAR_BLOCK] = { 0 };
    uint8_t got[TAR_BLOCK];
    berth_err e = take(a, got, n);

    if (e != BERTH_OK)
        return e;
    return memcmp(got, zeros, n) == 0 ? BERTH_OK : damaged(a, "there are bytes between its files");
}

static berth_err take_header(struct reader *a, const char *name, uint64_t most,
                             struct tar_member *m)
{
    uint8_t block[TAR_BLOCK];
    berth_err e = take(a, block, sizeof block);

    if (e != BERTH_OK)
        return e;
    if (tar_parse(block, m) != BERTH_OK || strcmp(m->name, name) != 0 || m->size > most)
        return damaged(a, "a file in it is not the one that its manifest lists");
    return BERTH_OK;
}

static berth_err parse_manifest(struct reader *a, berth_str text, struct manifest *m)
{
    switch (manifest_parse(text, m)) {
    case BERTH_OK:
        return BERTH_OK;
    case BERTH_E_UNSUPPORTED:
        return backup_say(a->r->problem, BACKUP_FAILED, BERTH_E_UNSUPPORTED,
                          "%s was written by a newer berth; use that one, or a later", a->r->name);
    default:
        return damaged(a, "its manifest cannot be read");
    }
}

static berth_err take_manifest(struct reader *a, struct manifest *m)
{
    const struct archive_visitor *v = a->r->visitor;
    struct tar_member member;
    berth_err e = take_header(a, MANIFEST_NAME, MANIFEST_TEXT_MAX, &member);

    if (e != BERTH_OK)
        return e;
    uint8_t *text = malloc(member.size + 1);
    if (text == NULL)
        return backup_say(a->r->problem, BACKUP_FAILED, BERTH_E_MEMORY, "out of memory");
    e = take(a, text, member.size);
    if (e == BERTH_OK)
        e = take_zeros(a, tar_padding(member.size));
    if (e == BERTH_OK)
        e = parse_manifest(a, (berth_str){ (const char *)text, member.size }, m);
    free(text);
    if (e == BERTH_OK && v != NULL && v->manifest != NULL)
        e = v->manifest(v->user, m);
    return e;
}

static berth_err take_content(struct reader *a, uint64_t left)
{
    const struct archive_visitor *v = a->r->visitor;

    while (left > 0) {
        size_t n = left < PIECE ? (size_t)left : PIECE;
        berth_err e = take(a, a->piece, n);

        if (e == BERTH_OK && EVP_DigestUpdate(a->digest, a->piece, n) != 1)
            e = backup_say(a->r->problem, BACKUP_FAILED, BERTH_E_CRYPTO, "SHA-256 failed");
        if (e == BERTH_OK && v != NULL && v->data != NULL)
            e = v->data(v->user, a->piece, n);
        if (e != BERTH_OK)
            return e;
        left -= n;
        a->done += n;
        if (!backup_goes_on(a->r->watch, a->done, a->whole, a->r->problem))
            return BERTH_E_CLOSED;
    }
    return BERTH_OK;
}

static berth_err take_file(struct reader *a, const struct manifest_file *f)
{
    const struct archive_visitor *v = a->r->visitor;
    uint8_t sum[BERTH_SHA256_SIZE];
    struct tar_member member;
    berth_err e = take_header(a, f->name, f->size, &member);

    if (e == BERTH_OK && (member.size != f->size || member.mode != f->mode))
        e = damaged(a, "a file in it is not the one that its manifest lists");
    if (e == BERTH_OK && EVP_DigestInit_ex(a->digest, EVP_sha256(), NULL) != 1)
        e = backup_say(a->r->problem, BACKUP_FAILED, BERTH_E_CRYPTO, "SHA-256 is missing");
    if (e == BERTH_OK && v != NULL && v->begin != NULL)
        e = v->begin(v->user, f);
    if (e == BERTH_OK)
        e = take_content(a, f->size);
    if (e == BERTH_OK)
        e = take_zeros(a, tar_padding(f->size));
    if (e != BERTH_OK)
        return e;
    if (EVP_DigestFinal_ex(a->digest, sum, NULL) != 1 || memcmp(sum, f->sha256, sizeof sum) != 0)
        return damaged(a, "a file in it has not the checksum that its manifest lists");
    return v != NULL && v->end != NULL ? v->end(v->user) : BERTH_OK;
}

static berth_err take_end(struct reader *a)
{
    uint8_t more;
    size_t n;
    berth_err e = take_zeros(a, TAR_BLOCK);

    if (e == BERTH_OK)
        e = take_zeros(a, TAR_BLOCK);
    if (e == BERTH_OK)
        e = bytes_fill(a->in, &more, 1, &n);
    if (e != BERTH_OK)
        return e;
    return n == 0 ? BERTH_OK : damaged(a, "there is something behind its end");
}

static berth_err read_all(struct reader *a, struct manifest *m)
{
    berth_err e = take_manifest(a, m);

    a->whole = e == BERTH_OK ? manifest_bytes(m) : 0;
    for (size_t i = 0; e == BERTH_OK && i < m->count; i++)
        e = take_file(a, &m->files[i]);
    return e == BERTH_OK ? take_end(a) : e;
}

berth_err archive_read_plain(const struct archive_reading *r, const struct byte_source *in,
                             struct manifest *m)
{
    struct reader *a = calloc(1, sizeof *a);
    berth_err e;

    if (a == NULL)
        return backup_say(r->problem, BACKUP_FAILED, BERTH_E_MEMORY, "out of memory");
    a->r = r;
    a->in = in;
    a->digest = EVP_MD_CTX_new();
    e = a->digest == NULL ? backup_say(r->problem, BACKUP_FAILED, BERTH_E_MEMORY, "out of memory")
                          : read_all(a, m);
    EVP_MD_CTX_free(a->digest);
    OPENSSL_cleanse(a, sizeof *a);
    free(a);
    return e;
}

/* ---- under its seal ---- */

struct unsealing {
    const struct archive_reading *r;
    struct sealed_reader sealed;
};

static berth_err get(void *user, uint8_t *p, size_t size, size_t *n)
{
    struct unsealing *u = user;
    berth_err e = sealed_get(&u->sealed, p, size, n);

    if (e == BERTH_E_SYNTAX)
        return backup_say(u->r->problem, BACKUP_FAILED, e,
                          "%s is damaged or cut short at byte %llu or soon behind it; take another "
                          "copy of it, or another backup",
                          u->r->name, (unsigned long long)u->sealed.passed);
    if (e == BERTH_E_CRYPTO)
        return backup_say(u->r->problem, BACKUP_FAILED, e, "AES-256-GCM is missing from OpenSSL");
    return e;
}

static berth_err say_open(const struct archive_reading *r, berth_err e)
{
    switch (e) {
    case BERTH_E_MISMATCH:
        return backup_say(r->problem, BACKUP_DENIED, e,
                          "the passphrase is not the one of %s (or its first 80 bytes are "
                          "damaged); give the one that it was made with",
                          r->name);
    case BERTH_E_SYNTAX:
        return backup_say(r->problem, BACKUP_FAILED, e, "%s is not a backup of berth", r->name);
    case BERTH_E_UNSUPPORTED:
        return backup_say(r->problem, BACKUP_FAILED, e,
                          "%s was written by a newer berth; use that one, or a later", r->name);
    case BERTH_E_RANGE:
        return backup_say(r->problem, BACKUP_FAILED, e,
                          "%s is damaged: its header asks for more memory or work than any backup",
                          r->name);
    case BERTH_E_MEMORY:
        return backup_say(r->problem, BACKUP_FAILED, e,
                          "out of memory: the passphrase's key takes 128 MiB");
    case BERTH_E_CRYPTO:
        return backup_say(r->problem, BACKUP_FAILED, e,
                          "scrypt, HMAC-SHA256 or AES-256-GCM is missing from OpenSSL; install its "
                          "default provider");
    default:
        return e;
    }
}

berth_err archive_read(const struct archive_reading *r, const struct byte_source *in,
                       berth_str passphrase, const struct berth_crypto *crypto, struct manifest *m)
{
    struct unsealing *u = calloc(1, sizeof *u);
    struct byte_source plain = { get, u };
    berth_err e;

    if (u == NULL)
        return backup_say(r->problem, BACKUP_FAILED, BERTH_E_MEMORY, "out of memory");
    u->r = r;
    e = sealed_open(&u->sealed, passphrase, crypto, in);
    /* scrypt ends in its own time, and whoever ended it meanwhile wants no more to be told. */
    if (!backup_goes_on(r->watch, 0, 0, r->problem))
        e = BERTH_E_CLOSED;
    e = e == BERTH_OK ? archive_read_plain(r, &plain, m) : say_open(r, e);
    sealed_reader_deinit(&u->sealed);
    free(u);
    return e;
}
