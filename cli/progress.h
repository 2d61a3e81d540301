/* cli/progress.h - how far long work is, on the last line of a terminal. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool on;        /* standard error is a terminal that nothing else is written to */
    bool drawn;     /* its last line is ours */
    bool bytes;     /* they are what is counted, not rows */
    uint64_t whole; /* bytes to come, 0 when not known */
    int64_t began_ms, next_ms;
};

/* QUIET: never draws. */
void progress_begin(struct progress *p, uint64_t whole, bool quiet);
/* May draw, ten times a second at most and not in the first half second. */
void progress_at(struct progress *p, uint64_t done, uint64_t rows);
/* The same of work without rows. */
void progress_at_bytes(struct progress *p, uint64_t done);
/* Takes the line away: before anything else is told, and at the end. */
void progress_clear(struct progress *p);

#endif
