/* backup/manifest.h - what is in an archive: its first file, manifest.json. Documented in
 * docs/operations.md. */
#ifndef BACKUP_MANIFEST_H
#define BACKUP_MANIFEST_H

#include "berth/buf.h"
#include "berth/crypto.h"
#include "ops/config.h"

#define MANIFEST_NAME      "manifest.json"
#define MANIFEST_TEXT_MAX  (512u * 1024) /* every text in it at its bound, all escaped */
#define MANIFEST_FILES_MAX 64
#define MANIFEST_NAME_MAX  99      /* bytes of a name */
#define MANIFEST_SMALL_MAX 262144u /* bytes of any file but the database */
#define MANIFEST_HUBS_MAX  16      /* named, to tell backups apart; there may be more */
#define MANIFEST_FORMAT    1

/* Names in an archive, and below the data directory once it is restored. */
#define MANIFEST_DATABASE  "berth.db"
#define MANIFEST_KEY       "store.key"
#define MANIFEST_PROFILE   "profile.ini"
#define MANIFEST_TLS       "tls/"
#define MANIFEST_ELSEWHERE "elsewhere/" /* what stood outside of the data directory */
#define MANIFEST_CONFIG    MANIFEST_ELSEWHERE "berth.conf"

struct manifest_file {
    char name[MANIFEST_NAME_MAX + 1];
    uint64_t size;
    uint32_t mode; /* 0600 or 0644 */
    uint8_t sha256[BERTH_SHA256_SIZE];
    char from[CONFIG_TEXT_MAX]; /* where it stood */
};

struct manifest {
    char berth[32]; /* version of the berth that wrote it */
    int64_t schema;
    char time[40]; /* RFC 3339, UTC */
    char data_dir[CONFIG_TEXT_MAX];
    char hubs[MANIFEST_HUBS_MAX][256];
    size_t hub_count;
    struct manifest_file files[MANIFEST_FILES_MAX];
    size_t count;
};

/* Whether NAME may stand in an archive: one of those above, or a plain name right below tls/ or
 * elsewhere/. So nothing of an archive can come to lie outside of the data directory. */
bool manifest_name_is_known(berth_str name);
/* NULL when there is none. */
const struct manifest_file *manifest_find(const struct manifest *m, const char *name);
uint64_t manifest_bytes(const struct manifest *m);

/* As JSON; B->over when it does not fit. */
void manifest_put(struct berth_buf *b, const struct manifest *m);
/* BERTH_E_SYNTAX, BERTH_E_RANGE: not what manifest_put writes, or over a bound; a name that is not
 * known, or comes twice; without database or key. BERTH_E_UNSUPPORTED: a newer format. */
BERTH_MUST_USE berth_err manifest_parse(berth_str text, struct manifest *out);

#endif
