/* tests/crash/matrix.h - rows, columns, cells, and the sum of them. */
#ifndef TESTS_CRASH_MATRIX_H
#define TESTS_CRASH_MATRIX_H

#include "tests/crash/oracle.h"

#define ROWS_MAX    256
#define SAMPLES_MAX 8192

/* A step, and where in the recorded run it came up. */
struct row {
    char step[96];
    enum fault_op op;
    size_t *at;
    unsigned *nth;
    unsigned count;
};

struct matrix {
    struct row rows[ROWS_MAX];
    unsigned row_count;
    unsigned passed, failed;
    unsigned lost, doubled, broken;
    unsigned runs; /* faults injected */
    uint64_t dice;
    bool full;  /* every place, not a sample */
    bool quiet; /* cells that failed do not say why */
};

/* The rows that ACCEPT takes, in the order in which they first came up, of what has been recorded.
 */
void matrix_rows(struct matrix *m,
                 bool (*accept)(const struct fault_event *e, size_t i, void *user), void *user);
void matrix_forget(struct matrix *m);

/* How many of a row's places are tried when about WANTED are enough, and the I-th of them. */
unsigned matrix_samples(const struct matrix *m, unsigned count, unsigned wanted);
unsigned matrix_pick(struct matrix *m, unsigned count, unsigned samples, unsigned i);
uint64_t matrix_toss(struct matrix *m);

void matrix_head(const char *title, const char *const *columns, unsigned count);
void matrix_start_row(const char *step);
/* NULL: the fault cannot happen there. Counts as a test; one that FAILED prints why. */
void matrix_cell(struct matrix *m, const struct verdict *v);
void matrix_end_row(struct matrix *m);

#endif
