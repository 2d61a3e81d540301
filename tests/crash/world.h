/* tests/crash/world.h - the daemon without its network: the store on disk, the registrar, the
 * service API over HTTP's own layer. What it tells goes into a story. */
#ifndef TESTS_CRASH_WORLD_H
#define TESTS_CRASH_WORLD_H

#include "store/sqlite/sqlite_store.h"
#include "tests/crash/story.h"
#include "tests/unit/service_rig.h"

#define WORLD_STICKY "sticky" /* its devices stay in their hub */
#define WORLD_MOVERS "movers" /* its devices go where the allocation now says */
/* 32 times a letter each */
#define WORLD_KEY_A      "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="
#define WORLD_KEY_B      "YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI="
#define WORLD_KEY_STICKY "c3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3M="
#define WORLD_KEY_MOVERS "bW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW0="

struct world {
    struct store *store;
    struct rig *rig;
    struct story *story;
    const char *directory;
    bool answer_early;
    bool bare;         /* the store alone: nothing that the daemon needs is in it */
    char problem[512]; /* why it did not open */
};

/* False with a problem: the daemon would refuse to start. NEW: there is nothing in it yet. */
bool world_open(struct world *w, bool new);
void world_close(struct world *w);

/* The number of the device ID, met or not. */
unsigned world_device(struct story *s, const char *id, bool mover);
/* Registers devices FROM to BELOW at once, with the request Q (may be NULL) in the midst of them;
 * until all are answered. The answer to Q. */
const struct rig_answer *world_ask(struct world *w, unsigned from, unsigned below,
                                   const struct rig_request *q);
/* Until the WAL has been written back, or for a moment. */
void world_rest(struct world *w);
void world_close_hub(struct world *w);

/* The primary key, in text, that its group gives it. */
const char *world_device_key(const struct device_story *d);

#endif
