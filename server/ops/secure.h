/* ops/secure.h - what the process does to itself at its start: keeps secrets out of core dumps and
 * its files to itself, and learns how many connections it may hold. */
#ifndef OPS_SECURE_H
#define OPS_SECURE_H

#include <stdbool.h>
#include <stddef.h>

#include "berth/err.h"

/* Files besides connections: store, certificates, log, listeners, each loop's own. */
#define SECURE_FILES_RESERVE  128
#define SECURE_FILES_PER_LOOP 16

/* What every program does that meets a key: no core dump, no reading of its memory, environment
 * and files by other processes of the user. Before any secret; programs that it starts are as they
 * were. DUMPABLE leaves it out: leak checkers attach to the process. */
BERTH_MUST_USE berth_err secure_memory(bool dumpable);
/* The same, no core dump of what it starts either, and new files for the user alone. Before any
 * thread. */
BERTH_MUST_USE berth_err secure_process(bool dumpable);

/* Raises the limit of open files as far as the process may and returns it. */
size_t secure_file_limit(void);

/* How many connections FILE_LIMIT leaves room for, at most WANTED unless that is 0. 0: not even
 * one. */
size_t secure_connections(size_t file_limit, size_t loops, size_t wanted);

#endif
