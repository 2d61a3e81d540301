/* tests/store/small_disk.h - tests in a process of their own, which may give up rights or mount a
 * disk that is soon full. */
#ifndef TESTS_STORE_SMALL_DISK_H
#define TESTS_STORE_SMALL_DISK_H

#include <stdbool.h>

#include "tests/store/scratch.h"

#define SMALL_DISK_SKIPPED 77

/* Runs TEST, which returns 0 or SMALL_DISK_SKIPPED, in a child with a scratch directory. */
void small_disk_child(int (*test)(const struct scratch *dir));

/* In the child: a small file system over DIR that nobody else sees and that goes with the process.
 * SIZE as in "size=4m". False without the right to mount. */
bool small_disk_mount(const struct scratch *dir, const char *size);
/* Leaves no room, in a file "filler". */
void small_disk_fill(const struct scratch *dir);

#endif
