#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
enum { COUNT = sizeof numbers / sizeof numbers[0] };

static volatile sig_atomic_t came;
static struct sigaction before[COUNT];

static void on_signal(int number)
{
    came = number;
}

void interrupt_hold(void)
{
    struct sigaction now = { .sa_handler = on_signal };

    for (size_t i = 0; i < COUNT; i++) {
        (void)sigaction(numbers[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN)
            (void)sigaction(numbers[i], &now, NULL);
    }
}

bool interrupt_came(void)
{
    return came != 0;
}

void interrupt_release(void)
{
    for (size_t i = 0; i < COUNT; i++)
        (void)sigaction(numbers[i], &before[i], NULL);
    if (came != 0)
        (void)raise(came);
}
