/* ops/file.h - small files read whole and written whole or not at all. */
#ifndef OPS_FILE_H
#define OPS_FILE_H

#include <sys/types.h>

#include "berth/buf.h"

#define FILE_PATH_MAX 1280 /* a data directory and what stands below it */

/* "DIRECTORY/NAME". BERTH_E_RANGE when it does not fit. */
BERTH_MUST_USE berth_err file_path(char out[FILE_PATH_MAX], const char *directory,
                                   const char *name);

/* Appends the content of PATH to B. BERTH_E_NOT_FOUND; BERTH_E_FULL when it is longer than what B
 * has left; BERTH_E_IO with errno kept. */
BERTH_MUST_USE berth_err file_read(const char *path, struct berth_buf *b);

/* What happened to the name PATH is on the disk: a name is only once its directory is. BERTH_E_IO
 * with errno kept. */
BERTH_MUST_USE berth_err file_sync_directory_of(const char *path);

/* Replaces PATH by CONTENT: after a crash there is the old file or the new one, never a part. Both
 * file and name are on the disk when it returns. Written by root it keeps its owner. BERTH_E_IO
 * with errno kept; PATH is then as it was. */
BERTH_MUST_USE berth_err file_replace(const char *path, berth_str content, mode_t mode);

/* Makes PATH and what stands above it; what is there stays as it is. BERTH_E_IO, BERTH_E_RANGE with
 * errno kept. */
BERTH_MUST_USE berth_err file_make_directories(const char *path, mode_t mode);

#endif
