#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/crash/trial.h"
#include "tests/store/door.h"

#define ARRAY_COUNT(a) ((unsigned)(sizeof(a) / sizeof *(a)))

static const struct {
    enum fault_cut cut;
    const char *text;
    unsigned throws;
} cuts[] = {
    { FAULT_CUT_LOST, "all lost", 1 },
    { FAULT_CUT_SOME, "some lost", 2 },
    { FAULT_CUT_TORN, "torn page", 1 },
    { FAULT_CUT_NAMES, "names lost", 1 },
};

static void judge_cut(struct matrix *m, const struct trial *t, const struct story *story, size_t at,
                      unsigned c, struct verdict *v)
{
    for (unsigned i = 0; i < cuts[c].throws; i++) {
        trial_judge_cut(t, story, at, cuts[c].cut, matrix_toss(m), v);
        m->runs++;
    }
}

/* A child runs into kill -9 at that step; what it told it leaves in SHARED. */
static void judge_kill(struct matrix *m, const struct trial *t, const struct row *r, unsigned i,
                       struct story *shared, struct verdict *v)
{
    struct fault_plan plan = { .what = FAULT_DIE, .step = r->step, .nth = r->nth[i] };
    struct trial mine = *t;
    struct scratch dir;
    int status;

    mine.plan = &plan;
    scratch_make(&dir);
    (void)fflush(stdout);
    pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) {
        (void)trial_run(&mine, dir.path, shared);
        _exit(0);
    }
    MUST(waitpid(child, &status, 0) == child);
    /* the child may have come by another way, without the step's n-th time */
    MUST((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) || status == 0);
    oracle_judge(t->s, shared, STORY_NEVER, dir.path, v);
    scratch_remove(&dir);
    m->runs++;
}

struct since {
    size_t ready;
};

/* What leaves traces on the disk, and the steps in between. What comes before the daemon is ready
 * is the same in all of them: the first start and the start after a crash have it. */
static bool is_step(const struct fault_event *e, size_t i, void *user)
{
    const struct since *since = user;

    if (i < since->ready || e->op == FAULT_READ || e->op == FAULT_LOCK || e->op == FAULT_SHM_MAP ||
        e->op == FAULT_SHM_LOCK)
        return false;
    return e->op != FAULT_OPEN || e->made;
}

static void print_cuts(struct matrix *m, const struct trial *t, const struct row *r,
                       const struct story *story, struct story *shared, unsigned wanted)
{
    unsigned samples = matrix_samples(m, r->count, wanted);
    struct verdict v = { 0 };

    matrix_start_row(r->step);
    for (unsigned i = 0; i < (m->full ? samples : 1); i++)
        judge_kill(m, t, r, matrix_pick(m, r->count, m->full ? samples : 1, i), shared, &v);
    matrix_cell(m, &v);
    for (unsigned c = 0; c < ARRAY_COUNT(cuts); c++) {
        v = (struct verdict){ 0 };
        for (unsigned i = 0; i < samples; i++)
            judge_cut(m, t, story, r->at[matrix_pick(m, r->count, samples, i)], c, &v);
        matrix_cell(m, &v);
    }
    matrix_end_row(m);
}

static struct story *shared_story(void)
{
    void *p =
        mmap(NULL, sizeof(struct story), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    MUST(p != MAP_FAILED);
    return p;
}

void cuts_try(struct matrix *m, const struct trial *t, unsigned samples)
{
    const char *columns[1 + ARRAY_COUNT(cuts)] = { "kill -9" };
    struct story story, *shared = shared_story();
    struct scratch dir;

    for (unsigned i = 0; i < ARRAY_COUNT(cuts); i++)
        columns[1 + i] = cuts[i].text;
    scratch_make(&dir);
    (void)trial_run(t, dir.path, &story);
    struct since since = { trial_is_start(t->s) ? 0 : story.ready };
    matrix_rows(m, is_step, &since);
    matrix_head(scenario_text(t->s), columns, ARRAY_COUNT(columns));
    if (story.problem[0] != '\0') {
        printf("    without a fault: %s\n", story.problem);
        m->failed++;
    }
    for (unsigned i = 0; i < m->row_count; i++)
        print_cuts(m, t, &m->rows[i], &story, shared, samples);
    matrix_forget(m);
    scratch_remove(&dir);
    MUST(munmap(shared, sizeof *shared) == 0);
}
