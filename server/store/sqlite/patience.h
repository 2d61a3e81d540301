/* store/sqlite/patience.h - how long SQLite may sleep on a loop's thread.
 *
 * In WAL mode a reader waits for nobody but a program that holds the file by means of its own:
 * locks on the shared memory, a recovery that was stopped half-way. Then SQLite sleeps, up to ten
 * seconds, in its busy handler and, whatever that says, between its own attempts. A loop serves
 * everybody else meanwhile. */
#ifndef STORE_SQLITE_PATIENCE_H
#define STORE_SQLITE_PATIENCE_H

#include <stdbool.h>

#define PATIENCE_MS 25 /* that all of one read's sleeps take */

/* The VFS to open a loop's connection with: SQLite's own, but for its sleep. NULL: out of memory.
 */
const char *patience_vfs(void);

/* Before each read of this thread. READY: the last one found the file free; without it there is no
 * sleep, so that a loop waits once for a program that holds the file for long. */
void patience_begin(bool ready);

#endif
