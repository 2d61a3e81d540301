#include "cli/prompt.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t caught;

static void catch (int number)
{
    caught = number;
}

berth_err prompt_read_line(int fd, struct berth_buf *b)
{
    for (;;) {
        char c;
        ssize_t n = read(fd, &c, 1);

        if (n < 0)
            return errno == EINTR ? BERTH_E_CLOSED : BERTH_E_IO;
        if (n == 0)
            return b->n > 0 ? BERTH_OK : BERTH_E_NOT_FOUND;
        if (c == '\n')
            return BERTH_OK;
        berth_buf_put_char(b, c);
        if (b->over)
            return BERTH_E_FULL;
    }
}

/* A signal must find the terminal with its echo back on. */
berth_err prompt_read_unseen(int fd, struct berth_buf *b)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
    enum { COUNT = sizeof signals / sizeof signals[0] };
    struct sigaction old[COUNT], now = { .sa_handler = catch };
    struct termios shown, unseen;
    berth_err e;

    if (tcgetattr(fd, &shown) != 0)
        return BERTH_E_IO;
    unseen = shown;
    unseen.c_lflag &= ~(tcflag_t)ECHO;
    caught = 0;
    for (size_t i = 0; i < COUNT; i++)
        (void)sigaction(signals[i], &now, &old[i]);
    (void)tcsetattr(fd, TCSAFLUSH, &unseen);
    e = prompt_read_line(fd, b);
    (void)tcsetattr(fd, TCSAFLUSH, &shown);
    for (size_t i = 0; i < COUNT; i++)
        (void)sigaction(signals[i], &old[i], NULL);
    (void)fputc('\n', stderr);
    if (caught != 0)
        (void)raise(caught);
    return e;
}
