/* cli/archive_tell.h - what `berth backup` and `berth restore` have in common: how far they are,
 * what is in a backup, how they end. */
#ifndef CLI_ARCHIVE_TELL_H
#define CLI_ARCHIVE_TELL_H

#include "backup/manifest.h"
#include "backup/problem.h"
#include "cli/progress.h"

struct archive_progress {
    struct progress bar;
    uint64_t whole; /* of the work under way; another whole is another piece of work */
};

/* Shows a bar on a terminal, and says no once Ctrl-C came (interrupt.h). */
struct backup_watch archive_watch(struct archive_progress *p);

/* The exit code of a problem that the user has been told. */
int archive_fail(struct archive_progress *p, const struct backup_problem *problem);

/* As a table, or as JSON: the manifest with NAME, VALUE pairs before it (ended by NULL). */
int archive_show(const struct manifest *m, bool json, const char *const *pairs);

#endif
