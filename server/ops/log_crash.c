#include "ops/log_crash.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "ops/config.h"

#define THREADS_MAX CONFIG_LOOPS_MAX
#define ROOM_MS     100 /* a process that dies waits no longer for its log's reader */

static struct log_gathered *_Atomic kept[THREADS_MAX];

static const int fatal[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV };
#define FATAL_COUNT (sizeof fatal / sizeof fatal[0])
static struct sigaction before[FATAL_COUNT];

void log_crash_keep(struct log_gathered *lines)
{
    log_crash_forget(lines);
    for (size_t i = 0; i < THREADS_MAX; i++) {
        struct log_gathered *none = NULL;

        if (atomic_compare_exchange_strong(&kept[i], &none, lines))
            return;
    }
}

void log_crash_forget(struct log_gathered *lines)
{
    for (size_t i = 0; i < THREADS_MAX; i++) {
        struct log_gathered *mine = lines;

        if (atomic_compare_exchange_strong(&kept[i], &mine, NULL))
            return;
    }
}

/* Another thread may be writing the same lines this moment: then they are there twice, or mixed
 * with the next. Locks are not for a signal. */
static void write_kept(void)
{
    struct pollfd p = { .fd = log_descriptor(), .events = POLLOUT };

    for (size_t i = 0; i < THREADS_MAX; i++) {
        struct log_gathered *lines = kept[i];
        size_t n = lines == NULL ? 0 : atomic_exchange(&lines->n, 0);

        if (n == 0)
            continue;
        if (poll(&p, 1, ROOM_MS) != 1 || write(p.fd, lines->text, n) < 0)
            return;
    }
}

/* What was there before (a sanitizer's report, a core dump) has its turn: a fault comes again when
 * this returns, a signal that was sent is sent again. */
static void on_fatal(int number, siginfo_t *info, void *context)
{
    (void)context;
    write_kept();
    for (size_t i = 0; i < FATAL_COUNT; i++) {
        if (fatal[i] == number)
            (void)sigaction(number, &before[i], NULL);
    }
    if (info->si_code <= 0)
        (void)raise(number);
}

void log_keep_at_crash(void)
{
    struct sigaction act = { .sa_sigaction = on_fatal, .sa_flags = SA_SIGINFO };

    for (size_t i = 0; i < FATAL_COUNT; i++)
        (void)sigaction(fatal[i], &act, &before[i]);
}
