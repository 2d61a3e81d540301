/* backup/problem.h - why a backup or a restore did not happen: cause, then remedy. */
#ifndef BACKUP_PROBLEM_H
#define BACKUP_PROBLEM_H

#include <stdbool.h>
#include <stdint.h>

#include "berth/err.h"

enum backup_fault {
    BACKUP_FAILED,
    BACKUP_DENIED,      /* the passphrase is wrong */
    BACKUP_IN_THE_WAY,  /* a daemon runs, or there is something already */
    BACKUP_INTERRUPTED, /* the watch said so */
};

struct backup_problem {
    enum backup_fault fault;
    char text[1536];
};

/* Sets PROBLEM and returns E. */
__attribute__((format(printf, 4, 5))) berth_err backup_say(struct backup_problem *problem,
                                                           enum backup_fault fault, berth_err e,
                                                           const char *format, ...);
/* "PATH: words for errno", with the remedy where there is one. BERTH_E_IO. */
BERTH_MUST_USE berth_err backup_say_errno(struct backup_problem *problem, const char *path);

/* Asked now and then how far the work is; false ends it, and nothing is left behind. */
struct backup_watch {
    bool (*go_on)(void *user, uint64_t done, uint64_t whole); /* bytes; WHOLE 0: not known */
    void *user;
};

/* False: PROBLEM says that it was interrupted. WATCH may be NULL. */
bool backup_goes_on(const struct backup_watch *watch, uint64_t done, uint64_t whole,
                    struct backup_problem *problem);

#endif
