#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define FIRST_MS 500
#define EACH_MS  100
#define WIDTH    30
#define MIB      (1024 * 1024)

static int64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void progress_begin(struct progress *p, uint64_t whole, bool quiet)
{
    /* Rows that scroll by on the same terminal are progress enough. */
    *p = (struct progress){ .on = !quiet && isatty(STDERR_FILENO) == 1, .whole = whole };
    if (!p->on)
        return;
    p->began_ms = now_ms();
    p->next_ms = p->began_ms + FIRST_MS;
}

static void count(char *out, size_t size, const struct progress *p, uint64_t n, double rate)
{
    if (p->bytes)
        (void)snprintf(out, size, "%" PRIu64 " MiB, %.0f MiB/s", n / MIB, rate / MIB);
    else
        (void)snprintf(out, size, "%" PRIu64 " rows, %.0f/s", n, rate);
}

static void draw(const struct progress *p, uint64_t done, uint64_t rows, int64_t ms)
{
    double rate = (double)rows * 1000 / (double)ms;
    double share = p->whole == 0 ? 0 : (double)done / (double)p->whole;
    char counted[80];
    int full;

    if (share > 1) /* the file grows while it is read */
        share = 1;
    count(counted, sizeof counted, p, rows, rate);
    if (p->whole == 0) {
        (void)fprintf(stderr, "\r%s\033[K", counted);
        return;
    }
    full = (int)(share * WIDTH);
    (void)fprintf(stderr, "\r[%.*s%*s] %3.0f %%  %s, %.0f s left\033[K", full,
                  "##############################", WIDTH - full, "", share * 100, counted,
                  share > 0 ? (double)ms / 1000 * (1 - share) / share : 0);
}

void progress_at(struct progress *p, uint64_t done, uint64_t rows)
{
    int64_t now;

    if (!p->on)
        return;
    now = now_ms();
    if (now < p->next_ms)
        return;
    p->next_ms = now + EACH_MS;
    p->drawn = true;
    draw(p, done, rows, now - p->began_ms);
}

void progress_at_bytes(struct progress *p, uint64_t done)
{
    p->bytes = true;
    progress_at(p, done, done);
}

void progress_clear(struct progress *p)
{
    if (!p->drawn)
        return;
    (void)fputs("\r\033[K", stderr);
    p->drawn = false;
}
