/* cli/sink.h - where a long result goes: standard output, or a file that is there whole or not at
 * all. Large buffer, no stdio; what passed through is wiped, it may be keys. */
#ifndef CLI_SINK_H
#define CLI_SINK_H

#include <sys/stat.h>

#include "berth/buf.h"

#define SINK_BUFFER 262144
#define SINK_PATH   4096

struct sink {
    int fd;
    const char *path; /* NULL: standard output */
    bool open;
    int failure; /* errno of the first write that failed, or 0 */
    struct berth_buf b;
    char draft[SINK_PATH]; /* written beside PATH, then renamed */
    char buffer[SINK_BUFFER];
};

/* To PATH with MODE less the umask, or to standard output when it is NULL or "-". INPUT, when not
 * NULL, is what is read: it must not be PATH. Until sink_commit or sink_abandon a signal that ends
 * the process removes the draft; one sink to a file at a time. An exit code; the user has been
 * told. */
int sink_open(struct sink *s, const char *path, mode_t mode, const struct stat *input);
/* Room for N bytes, at most SINK_BUFFER, in S->b. */
void sink_room(struct sink *s, size_t n);
/* All is written and, in a file, on the disk under its name. */
int sink_commit(struct sink *s);
/* What is left goes nowhere, the file is as it was. Safe after sink_commit and on a zeroed sink. */
void sink_abandon(struct sink *s);

#endif
