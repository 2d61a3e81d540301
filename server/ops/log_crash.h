/* ops/log_crash.h - lines that a thread keeps, where a fatal signal finds them. */
#ifndef OPS_LOG_CRASH_H
#define OPS_LOG_CRASH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/log.h"

/* A thread's own: it alone writes, and a fatal signal on any thread reads. */
struct log_gathered {
    char text[LOG_LINE_MAX]; /* whole lines */
    _Atomic size_t n;
    int64_t lines;
    bool on;
};

/* Of more threads than there can be loops, the others' lines are lost at a crash. */
void log_crash_keep(struct log_gathered *lines);
void log_crash_forget(struct log_gathered *lines);

#endif
