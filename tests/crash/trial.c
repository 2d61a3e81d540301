#include "tests/crash/trial.h"

#include "tests/store/door.h"

size_t trial_run(const struct trial *t, const char *directory, struct story *story)
{
    struct world w = { .story = story, .directory = directory, .answer_early = t->answer_early };
    size_t mended = 0;

    *story = t->from->story;
    fault_image_write(&t->from->image, directory);
    fault_begin(directory, t->plan, t->sync_off);
    if (t->room >= 0)
        fault_room(fault_used() + t->room);
    scenario_run(t->s, &w, &mended);
    fault_end();
    return mended;
}

void trial_judge_cut(const struct trial *t, const struct story *story, size_t at,
                     enum fault_cut cut, uint64_t seed, struct verdict *v)
{
    struct fault_image image;
    struct scratch dir;

    fault_image_at(at, cut, seed, &image);
    scratch_make(&dir);
    fault_image_write(&image, dir.path);
    oracle_judge(t->s, story, at, dir.path, v);
    scratch_remove(&dir);
    fault_image_free(&image);
}

bool trial_is_start(enum scenario s)
{
    return s == SCENARIO_FIRST_START || s == SCENARIO_MIGRATION || s == SCENARIO_REOPENING;
}
