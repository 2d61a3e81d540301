/* tests/crash/scenario.h - what the daemon is doing when the fault comes. */
#ifndef TESTS_CRASH_SCENARIO_H
#define TESTS_CRASH_SCENARIO_H

#include "tests/crash/world.h"
#include "tests/store/fault_log.h"

#define SCENARIOS(X)                                                                               \
    X(FIRST_START, "a first start")                                                                \
    X(REGISTRATION, "registrations, and some again")                                               \
    X(MOVE, "devices that move to another hub")                                                    \
    X(CREATE, "enrollments created")                                                               \
    X(UPDATE, "enrollments updated")                                                               \
    X(DELETE, "enrollments deleted")                                                               \
    X(REGENERATE, "keys regenerated")                                                              \
    X(MIGRATION, "a migration")                                                                    \
    X(REOPENING, "a start after a crash")

enum scenario {
#define X(name, text) SCENARIO_##name,
    SCENARIOS(X)
#undef X
        SCENARIO_COUNT
};

/* What each begins with: files, and what was told before. Made once, without faults. */
struct beginning {
    struct fault_image image;
    struct story story;
};
void beginnings_make(struct beginning list[SCENARIO_COUNT]);
void beginnings_free(struct beginning list[SCENARIO_COUNT]);

const char *scenario_text(enum scenario s);
/* From open to close, over the files in W's directory; W->story has what was told before. Calls
 * that fail are asked again once the disk is mended, and are blamed if they fail then. MENDED: the
 * number of the step when all had been asked again. */
void scenario_run(enum scenario s, struct world *w, size_t *mended);

/* How change I is to leave its enrollment, and how it found it. */
struct enrollment_state {
    bool there, enabled;
    char key; /* the letter that the primary key has 32 times */
};
bool scenario_has_changes(enum scenario s);
struct enrollment_state scenario_before(enum scenario s);
struct enrollment_state scenario_after(enum scenario s);
bool scenario_change_is_group(unsigned i);
void scenario_change_id(enum scenario s, unsigned i, char out[16]);

#define SCENARIO_LEGACY 200 /* registrations in the database that is migrated */
/* What is put where there is a store alone: a setting and its secret. */
#define SCENARIO_RECORD "ready"
#define SCENARIO_SECRET "what nobody may lose"

#endif
