/* tests/crash/story.h - what was asked of the daemon and what it told, by the step at which it
 * did. */
#ifndef TESTS_CRASH_STORY_H
#define TESTS_CRASH_STORY_H

#include "base/reason.h"

#define STORY_DEVICES_MAX 32
#define STORY_CHANGES_MAX 6
#define STORY_TURNS_MAX   6
#define STORY_NEVER       SIZE_MAX

/* One registration, from request to answer. Numbers are of fault_mark. */
struct turn {
    size_t asked, told; /* TOLD: assigned; STORY_NEVER: it was not */
    char hub[64], operation[64];
};

struct device_story {
    char id[16];
    bool mover; /* of the group whose devices follow the allocation */
    unsigned count;
    struct turn turns[STORY_TURNS_MAX];
};

struct change_story {
    size_t asked, told; /* TOLD: 200 or 204 */
};

/* Plain memory: a child that is killed leaves it to its parent. */
struct story {
    struct device_story devices[STORY_DEVICES_MAX];
    unsigned device_count;
    struct change_story changes[STORY_CHANGES_MAX];
    unsigned change_count;
    size_t ready;      /* the store was open, or whatever else the scenario tells of itself */
    unsigned refused;  /* answers that said that the store could not */
    char problem[256]; /* the first answer that was wrong */
};

__attribute__((format(printf, 2, 3))) void story_blame(struct story *s, const char *format, ...);

/* The last turn that was told before AT; NULL: none. */
const struct turn *story_told(const struct device_story *d, size_t at);
/* Whether one was asked before AT and not told by then, after the above. */
bool story_in_flight(const struct device_story *d, size_t at);

#endif
