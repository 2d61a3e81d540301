/* backup/tar.h - the headers of a ustar archive, as strict as our own writer: ordinary files, plain
 * names, nothing else. */
#ifndef BACKUP_TAR_H
#define BACKUP_TAR_H

#include "berth/str.h"

#define TAR_BLOCK    512
#define TAR_NAME_MAX 99
#define TAR_SIZE_MAX (INT64_C(1) << 56) /* of a file; over 8 GiB in GNU's binary form */

struct tar_member {
    char name[TAR_NAME_MAX + 1];
    uint64_t size;
    uint32_t mode;    /* permissions */
    int64_t modified; /* seconds since 1970 */
};

/* M's name and size are within their bounds. */
void tar_build(const struct tar_member *m, uint8_t out[TAR_BLOCK]);
/* BERTH_E_NOT_FOUND: a block of zeros, which ends an archive. BERTH_E_SYNTAX: anything that
 * tar_build would not have made. */
BERTH_MUST_USE berth_err tar_parse(const uint8_t in[TAR_BLOCK], struct tar_member *out);

/* Bytes of zeros behind a file of SIZE. */
static inline size_t tar_padding(uint64_t size)
{
    return (size_t)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
}

#endif
