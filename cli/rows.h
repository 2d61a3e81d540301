/* cli/rows.h - rows of a file or of standard input, however long: CSV, or one value a line. UTF-8
 * with or without byte order mark, UTF-16; memory does not grow with the file. */
#ifndef CLI_ROWS_H
#define CLI_ROWS_H

#include <sys/stat.h>

#include "base/utf16.h"
#include "wire/csv.h"

#define ROWS_WINDOW 262144
#define ROWS_RAW    65536

struct rows {
    int fd;
    bool opened;      /* FD is ours to close */
    const char *name; /* for people */
    struct stat stat;
    bool list, last;
    enum berth_encoding encoding;
    struct berth_utf16 utf16;
    struct berth_csv csv;
    uint64_t done;     /* bytes read */
    size_t start, end; /* of what waits in WINDOW */
    struct berth_csv_row row;
    char window[ROWS_WINDOW], raw[ROWS_RAW];
};

/* What rows_next found. */
enum rows_found {
    ROWS_ROW, /* in R->row */
    ROWS_BAD, /* a line that is no row, R->row.line; *WHY says why; the next call goes on */
    ROWS_END,
    ROWS_FAILED, /* reading is over before the end; *WHY; R->row.line, or 0 */
};

/* PATH, "-" for standard input. LIST: each line is one value. SEPARATOR 0: the file's own. An exit
 * code; the user has been told. Close R in any case. */
int rows_open(struct rows *r, const char *path, bool list, char separator);
/* Passes over rows whose fields are all blank. Fields are valid until the next call. */
enum rows_found rows_next(struct rows *r, const char **why);
/* How large the file is; 0 when it is none. */
uint64_t rows_size(const struct rows *r);
void rows_close(struct rows *r);

#endif
