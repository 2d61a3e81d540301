/* The crash matrix: every step of what the daemon does, times everything that can befall it there.
 * A cell says what was told before and what is there after: told/kept.
 *
 * usage: crash_matrix [NUMBER OF A SCENARIO]; SEED=n repeats a run, FULL=1 tries every place */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ops/log.h"
#include "tests/crash/trial.h"
#include "tests/store/door.h"

#define CUT_SAMPLES  2 /* places of each step */
#define ROOM_SAMPLES 12

static struct beginning beginnings[SCENARIO_COUNT];

static struct trial trial_of(enum scenario s)
{
    return (struct trial){ .s = s, .from = &beginnings[s], .room = -1 };
}

static void try_all(struct matrix *m, int from, int below)
{
    printf("\n== power cut and kill -9: what becomes of writes that were not synced\n");
    for (int s = from; s < below; s++) {
        struct trial t = trial_of((enum scenario)s);
        cuts_try(m, &t, CUT_SAMPLES);
    }
    printf("\n== calls that fail, in the end mended; refused: who was told to come again\n");
    for (int s = from; s < below; s++) {
        struct trial t = trial_of((enum scenario)s);
        failures_try(m, &t);
    }
    printf("\n== a disk that is full, and has room again\n");
    for (int s = from; s < below; s++) {
        struct trial t = trial_of((enum scenario)s);
        room_try(m, &t, ROOM_SAMPLES);
    }
}

static bool anything_synced(void)
{
    for (size_t i = 0; i < fault_count(); i++)
        if (fault_event(i)->op == FAULT_SYNC)
            return true;
    return false;
}

/* The matrix would see it: a run that breaks the promise must show losses. */
static void prove(struct matrix *m, const char *title, struct trial t)
{
    struct matrix broken = { .dice = m->dice, .quiet = true };

    printf("\n== the proof: %s; losses must show\n", title);
    cuts_try(&broken, &t, 1);
    m->dice = broken.dice;
    m->runs += broken.runs;
    bool good = broken.lost > 0 && !(t.sync_off && anything_synced());
    printf("  %u lost, as they must be: %s\n", broken.lost, good ? "ok" : "FAILED");
    m->passed += good;
    m->failed += !good;
}

static void prove_all(struct matrix *m)
{
    static const enum scenario told[] = { SCENARIO_REGISTRATION, SCENARIO_UPDATE };

    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        struct trial off = trial_of(told[i]), early = off;
        off.sync_off = true;
        prove(m, "PRAGMA synchronous=OFF", off);
        early.answer_early = true;
        prove(m, "answers before the commit", early);
    }
}

static uint64_t seed(void)
{
    const char *given = getenv("SEED");
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return given != NULL ? strtoull(given, NULL, 10) : (uint64_t)now.tv_nsec;
}

int main(int argc, char **argv)
{
    int from = argc > 1 ? atoi(argv[1]) : 0;
    int below = argc > 1 ? from + 1 : SCENARIO_COUNT;
    struct matrix *m = calloc(1, sizeof *m);

    MUST(m != NULL && from >= 0 && below <= SCENARIO_COUNT);
    m->dice = seed();
    m->full = getenv("FULL") != NULL;
    printf("crash matrix, seed %llu; a cell: told before the fault / kept after it\n",
           (unsigned long long)m->dice);
    m->dice |= 1; /* the dice never show zero */
    log_setup(0, false);
    fault_vfs_install();
    beginnings_make(beginnings);
    try_all(m, from, below);
    prove_all(m);
    beginnings_free(beginnings);
    printf("\n%u lost, %u doubled, %u broken in %u faults\n", m->lost, m->doubled, m->broken,
           m->runs);
    printf("%u passed, %u failed\n", m->passed, m->failed);
    bool good = m->failed == 0;
    free(m);
    return good ? 0 : 1;
}
