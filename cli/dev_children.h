/* cli/dev_children.h - the children of this process, adopted ones included. */
#ifndef CLI_DEV_CHILDREN_H
#define CLI_DEV_CHILDREN_H

#include <stddef.h>
#include <sys/types.h>

#define DEV_STRAY_MS      2000 /* from asking one to end, to ending it */
#define DEV_STRAY_TICK_MS 20

/* Sends SIG to all but EXCEPT; how many there are. */
size_t dev_children_signal(pid_t except, int sig);

#endif
