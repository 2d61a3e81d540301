/* log_pipe.h - what is logged goes to a pipe, and the test reads it there. */
#ifndef TESTS_UNIT_LOG_PIPE_H
#define TESTS_UNIT_LOG_PIPE_H

#include <fcntl.h>
#include <unistd.h>

#include "ops/log.h"

static int log_pipe[2];
static char log_pipe_got[4 * LOG_LINE_MAX];

/* Setup and teardown of a test. */
static int log_pipe_open(void **state)
{
    (void)state;
    if (pipe2(log_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        return -1;
    log_to(log_pipe[1]);
    return 0;
}

static int log_pipe_close(void **state)
{
    (void)state;
    log_to(STDERR_FILENO);
    (void)close(log_pipe[0]);
    (void)close(log_pipe[1]);
    return 0;
}

/* All that was written since, with a NUL after it; "" when nothing. It is log_pipe_got, until
 * the next time. */
static const char *log_pipe_read(void)
{
    ssize_t n = read(log_pipe[0], log_pipe_got, sizeof log_pipe_got - 1);

    log_pipe_got[n > 0 ? n : 0] = '\0';
    return log_pipe_got;
}

#endif
