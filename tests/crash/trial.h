/* tests/crash/trial.h - one run of a scenario with one fault, and the parts of the matrix. */
#ifndef TESTS_CRASH_TRIAL_H
#define TESTS_CRASH_TRIAL_H

#include "tests/crash/matrix.h"
#include "tests/store/scratch.h"

struct trial {
    enum scenario s;
    const struct beginning *from;
    const struct fault_plan *plan;
    bool sync_off, answer_early;
    int64_t room; /* bytes that the files may grow by; < 0: without end */
};

/* Leaves what happened in STORY, in DIRECTORY and in the disk's log; the step when all that had
 * failed was made good. */
size_t trial_run(const struct trial *t, const char *directory, struct story *story);
/* What a cut right before AT leaves, judged. */
void trial_judge_cut(const struct trial *t, const struct story *story, size_t at,
                     enum fault_cut cut, uint64_t seed, struct verdict *v);
/* Whether the scenario is about what happens before the daemon is ready. */
bool trial_is_start(enum scenario s);

/* Power and kill -9 at every step. Prints its part, adds to M. */
void cuts_try(struct matrix *m, const struct trial *t, unsigned samples);
/* Every call that can fail, failing. */
void failures_try(struct matrix *m, const struct trial *t);
/* A disk that is full after so many bytes more. */
void room_try(struct matrix *m, const struct trial *t, unsigned samples);

#endif
