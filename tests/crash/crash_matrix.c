/* The crash matrix: every step of what the daemon does, times everything that can befall it there.
 * A cell says what was told before and what is there after: told/kept.
 *
 * usage: crash_matrix [SCENARIO-NUMBER..]; SEED=n repeats a run, FULL=1 tries every place */
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ops/log.h"
#include "tests/crash/matrix.h"
#include "tests/store/opened.h"

#define COUNT(a) ((unsigned)(sizeof(a) / sizeof *(a)))

static struct beginning beginnings[SCENARIO_COUNT];

/* ---- one run ---- */

struct trial_run {
    enum scenario s;
    const struct fault_plan *plan;
    bool sync_off, answer_early;
    int64_t room; /* bytes beyond what is there; < 0: without end */
};

/* Leaves what happened in STORY and in the disk's log. */
static size_t run_in(const char *directory, const struct trial_run *t, struct story *story)
{
    struct world w = { .story = story, .directory = directory, .answer_early = t->answer_early };
    size_t mended = 0;

    *story = beginnings[t->s].story;
    fault_image_write(&beginnings[t->s].image, directory);
    fault_begin(directory, t->plan, t->sync_off);
    if (t->room >= 0)
        fault_room(fault_used() + t->room);
    scenario_run(t->s, &w, &mended);
    fault_end();
    return mended;
}

static void judge_image(enum scenario s, const struct story *story, size_t at,
                        const struct fault_image *image, struct verdict *v)
{
    struct scratch dir;

    scratch_make(&dir);
    fault_image_write(image, dir.path);
    oracle_judge(s, story, at, dir.path, v);
    scratch_remove(&dir);
}

/* ---- cuts ---- */

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

static void judge_cut(struct matrix *m, const struct trial_run *t, const struct story *story,
                      size_t at, unsigned c, struct verdict *v)
{
    struct fault_image image;

    for (unsigned i = 0; i < cuts[c].throws; i++) {
        fault_image_at(at, cuts[c].cut, matrix_toss(m), &image);
        judge_image(t->s, story, at, &image, v);
        fault_image_free(&image);
        m->runs++;
    }
}

/* A child runs into kill -9 at that step; what it told it leaves in SHARED. */
static void judge_kill(struct matrix *m, const struct trial_run *t, const struct row *r, unsigned i,
                       struct story *shared, struct verdict *v)
{
    struct fault_plan plan = { .what = FAULT_DIE, .step = r->step, .nth = r->nth[i] };
    struct trial_run mine = *t;
    struct scratch dir;
    int status;

    mine.plan = &plan;
    scratch_make(&dir);
    (void)fflush(stdout);
    pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) {
        (void)run_in(dir.path, &mine, shared);
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

static bool is_start(enum scenario s)
{
    return s == SCENARIO_FIRST_START || s == SCENARIO_MIGRATION || s == SCENARIO_REOPENING;
}

static void print_cuts(struct matrix *m, const struct trial_run *t, const struct row *r,
                       const struct story *story, struct story *shared, unsigned wanted)
{
    unsigned samples = matrix_samples(m, r->count, wanted);
    struct verdict v = { 0 };

    matrix_start_row(r->step);
    for (unsigned i = 0; i < (m->full ? samples : 1); i++)
        judge_kill(m, t, r, matrix_pick(m, r->count, m->full ? samples : 1, i), shared, &v);
    matrix_cell(m, &v);
    for (unsigned c = 0; c < COUNT(cuts); c++) {
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

static void cut_scenario(struct matrix *m, const struct trial_run *t, unsigned wanted)
{
    const char *columns[1 + COUNT(cuts)] = { "kill -9" };
    struct story story, *shared = shared_story();
    struct scratch dir;

    for (unsigned i = 0; i < COUNT(cuts); i++)
        columns[1 + i] = cuts[i].text;
    scratch_make(&dir);
    (void)run_in(dir.path, t, &story);
    struct since since = { is_start(t->s) ? 0 : story.ready };
    matrix_rows(m, is_step, &since);
    matrix_head(scenario_text(t->s), columns, COUNT(columns));
    if (story.problem[0] != '\0') {
        printf("    without a fault: %s\n", story.problem);
        m->failed++;
    }
    for (unsigned i = 0; i < m->row_count; i++)
        print_cuts(m, t, &m->rows[i], &story, shared, wanted);
    matrix_forget(m);
    scratch_remove(&dir);
    MUST(munmap(shared, sizeof *shared) == 0);
}

int main(int argc, char **argv)
{
    struct matrix *m = calloc(1, sizeof *m);
    struct timespec now;

    MUST(m != NULL);
    clock_gettime(CLOCK_REALTIME, &now);
    m->dice = getenv("SEED") != NULL ? strtoull(getenv("SEED"), NULL, 10) : (uint64_t)now.tv_nsec;
    m->full = getenv("FULL") != NULL;
    printf("crash matrix, seed %llu; a cell: promises told before the fault / kept after it\n",
           (unsigned long long)m->dice);
    m->dice |= 1;
    log_setup(0, false);
    fault_vfs_install();
    beginnings_make(beginnings);
    for (int s = 0; s < SCENARIO_COUNT; s++) {
        struct trial_run t = { .s = (enum scenario)s, .room = -1 };
        if (argc > 1 && atoi(argv[1]) != s)
            continue;
        cut_scenario(m, &t, 3);
    }
    beginnings_free(beginnings);
    printf("\n%u lost, %u doubled, %u broken in %u faults\n", m->lost, m->doubled, m->broken,
           m->runs);
    printf("%u passed, %u failed\n", m->passed, m->failed);
    bool good = m->failed == 0;
    free(m);
    return good ? 0 : 1;
}
