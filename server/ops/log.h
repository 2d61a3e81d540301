/* ops/log.h - one JSON object a line on standard error, each with a journald priority prefix when
 * not on a terminal. Any thread. */
#ifndef OPS_LOG_H
#define OPS_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "berth/str.h"

#define LOG_LINE_MAX 4096 /* bytes: PIPE_BUF, so that a line written to a pipe is whole */
#define LOG_TEXT_MAX 512  /* bytes of a field's text; more is cut, and the line marked truncated */

enum log_level { LOG_ERROR = 3, LOG_WARNING = 4, LOG_NOTICE = 5, LOG_INFO = 6, LOG_DEBUG = 7 };

/* A field of a line. Secrets never become fields. */
struct log_field {
    const char *name;
    berth_str text; /* used when text.p is not NULL */
    int64_t number;
};
#define LOG_TEXT(n, s) ((struct log_field){ .name = (n), .text = (s) })
#define LOG_NUM(n, v)  ((struct log_field){ .name = (n), .number = (v) })

/* Lines above LEVEL are dropped. AS_TEXT: human lines ("12:00:00 notice message name=value")
 * instead of JSON. */
void log_setup(enum log_level level, bool as_text);
/* After log_setup: no priority before a line, for those who read it without a journal. */
void log_without_priority(void);
/* EVENT is a short fixed phrase; time is added. A field whose text is cut or left out for want of
 * room leaves "truncated":true behind. */
void log_write(enum log_level level, const char *event, const struct log_field *fields,
               size_t count);
#define log_event(level, event, ...)                                                               \
    log_write((level), (event), (const struct log_field[]){ __VA_ARGS__ },                         \
              sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field))

/* While ON this thread's lines, but not errors, are kept until log_flush or until there are
 * PIPE_BUF bytes of them: a loop writes once what it did in one turn. */
void log_gather(bool on);
/* Writes what this thread keeps. */
void log_flush(void);

/* The level that NAME ("error" .. "debug") stands for. */
bool log_level_of(berth_str name, enum log_level *out);

/* From here on a signal that ends this process for a fault of its own (abort, a bad access) first
 * writes what threads keep. Not SIGKILL, which nobody sees, nor a stack that overflows. */
void log_keep_at_crash(void);

/* Writes to DESCRIPTOR instead of standard error (tests). */
void log_to(int descriptor);
int log_descriptor(void);

#endif
