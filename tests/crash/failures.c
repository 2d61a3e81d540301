#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "tests/crash/trial.h"
#include "tests/store/door.h"

enum column { ONCE, FULL, BUSY, LASTING, THEN_CUT, COLUMNS };

static const char *const titles[COLUMNS] = { "fails once", "disk full", "busy", "fails on",
                                             "then a cut" };

/* What the system says when the call fails. */
static const int codes[] = {
    [FAULT_OPEN] = SQLITE_CANTOPEN,           [FAULT_DELETE] = SQLITE_IOERR_DELETE,
    [FAULT_READ] = SQLITE_IOERR_READ,         [FAULT_WRITE] = SQLITE_IOERR_WRITE,
    [FAULT_TRUNCATE] = SQLITE_IOERR_TRUNCATE, [FAULT_SYNC] = SQLITE_IOERR_FSYNC,
    [FAULT_LOCK] = SQLITE_IOERR_LOCK,         [FAULT_SHM_MAP] = SQLITE_IOERR_SHMMAP,
    [FAULT_SHM_LOCK] = SQLITE_IOERR_SHMLOCK,
};

static bool is_call(const struct fault_event *e, size_t i, void *user)
{
    const size_t *since = user;

    return e->op <= FAULT_SHM_LOCK && i >= *since;
}

static bool is_lock(enum fault_op op)
{
    return op == FAULT_LOCK || op == FAULT_SHM_LOCK;
}

/* False: that cannot happen to such a call. */
static bool make_plan(struct fault_plan *p, const struct row *r, enum column c)
{
    *p = (struct fault_plan){ .what = FAULT_FAIL, .step = r->step, .rc = codes[r->op] };
    switch (c) {
    case FULL:
        p->rc = SQLITE_FULL;
        return r->op == FAULT_WRITE;
    case BUSY:
        p->rc = SQLITE_BUSY;
        return is_lock(r->op);
    case LASTING: /* another program has the file, or the disk is gone */
        p->lasting = true;
        p->rc = is_lock(r->op) ? SQLITE_BUSY : p->rc;
        return true;
    case THEN_CUT:
        return r->op != FAULT_READ && r->op != FAULT_SHM_MAP && !is_lock(r->op);
    default:
        return true;
    }
}

static void judge(struct matrix *m, const struct trial *t, enum column c, struct verdict *v,
                  unsigned *refused)
{
    struct story story;
    struct scratch dir;

    scratch_make(&dir);
    size_t mended = trial_run(t, dir.path, &story);
    if (story.problem[0] == '\0' && c == LASTING && fault_happened() && story.refused == 0 &&
        strstr(t->plan->step, "COMMIT: write wal") != NULL && !trial_is_start(t->s))
        story_blame(&story, "no commit can be written, and nobody is told");
    if (story.problem[0] != '\0' && v->problem[0] == '\0')
        (void)snprintf(v->problem, sizeof v->problem, "%s (%u)", story.problem, t->plan->nth);
    *refused += story.refused;
    if (c == THEN_CUT && mended > 0)
        trial_judge_cut(t, &story, mended, FAULT_CUT_LOST, matrix_toss(m), v);
    else
        oracle_judge(t->s, &story, STORY_NEVER, dir.path, v);
    scratch_remove(&dir);
    m->runs++;
}

static void print_row(struct matrix *m, const struct trial *t, const struct row *r)
{
    unsigned samples = matrix_samples(m, r->count, 1), refused = 0;
    struct trial mine = *t;
    struct fault_plan plan;

    mine.plan = &plan;
    matrix_start_row(r->step);
    for (int c = 0; c < COLUMNS; c++) {
        struct verdict v = { 0 };
        bool can = make_plan(&plan, r, (enum column)c);
        for (unsigned i = 0; can && i < samples; i++) {
            plan.nth = r->nth[matrix_pick(m, r->count, samples, i)];
            judge(m, &mine, (enum column)c, &v, &refused);
        }
        matrix_cell(m, can ? &v : NULL);
    }
    printf("%10u", refused);
    matrix_end_row(m);
}

void failures_try(struct matrix *m, const struct trial *t)
{
    const char *columns[COLUMNS + 1];
    struct story story;
    struct scratch dir;

    memcpy(columns, titles, sizeof titles);
    columns[COLUMNS] = "refused";
    scratch_make(&dir);
    (void)trial_run(t, dir.path, &story);
    size_t since = trial_is_start(t->s) ? 0 : story.ready;
    matrix_rows(m, is_call, &since);
    scratch_remove(&dir);
    matrix_head(scenario_text(t->s), columns, COLUMNS + 1);
    for (unsigned i = 0; i < m->row_count; i++)
        print_row(m, t, &m->rows[i]);
    matrix_forget(m);
}

void room_try(struct matrix *m, const struct trial *t, unsigned samples)
{
    static const char *const columns[] = { "until room", "then cut", "refused" };
    struct trial mine = *t;
    struct story story;
    struct scratch dir;
    char step[64];

    scratch_make(&dir);
    (void)trial_run(t, dir.path, &story);
    scratch_remove(&dir);
    int64_t most = fault_grown();
    matrix_head(scenario_text(t->s), columns, 3);
    for (unsigned i = 0; i < samples; i++) {
        struct fault_plan none = { .step = "", .nth = i };
        unsigned refused = 0;
        mine.room = (int64_t)i * most / samples + (int64_t)(matrix_toss(m) % 4096);
        mine.plan = &none;
        (void)snprintf(step, sizeof step, "room for %lld bytes", (long long)mine.room);
        matrix_start_row(step);
        for (int c = 0; c < 2; c++) {
            struct verdict v = { 0 };
            judge(m, &mine, c == 0 ? LASTING : THEN_CUT, &v, &refused);
            matrix_cell(m, &v);
        }
        printf("%10u", refused);
        matrix_end_row(m);
    }
}
