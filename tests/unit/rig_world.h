/* rig_world.h - a registry in memory and a driver for the registration machine: the test double of
 * server/front/registrar.c. */
#ifndef TESTS_UNIT_RIG_WORLD_H
#define TESTS_UNIT_RIG_WORLD_H

#include "berth/crypto.h"
#include "prov/operation.h"

#define WORLD_RECORDS_MAX 64
#define WORLD_SCOPE       "0ne00000001"
#define WORLD_GROUP_KEY                                                                            \
    "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw=="
#define WORLD_OTHER_KEY "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define WORLD_ID        "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6"
#define WORLD_NOW_MS    INT64_C(1700000000000)

struct world {
    struct berth_crypto crypto;
    struct berth_record *records[WORLD_RECORDS_MAX];
    size_t count;
    uint64_t version;
    int64_t now_ms;
    unsigned commits;

    struct berth_hub hubs[8];
    size_t hub_count;
    struct berth_enrollment groups[8];
    struct berth_group group_views[8];
    struct berth_hmac_key keys[8][2];
    unsigned char group_memory[8][8192];
    size_t group_count;
    struct berth_catalog catalog;
};

void world_init(struct world *w);
void world_deinit(struct world *w);

/* JSON as a PUT of the service API has it. They fail the test when it is refused. */
void world_add_group(struct world *w, const char *id, const char *json);
void world_add_enrollment(struct world *w, const char *id, const char *json);
void world_add_hub(struct world *w, const char *name, int weight);
/* Replaces the group's document, as an operator does. */
void world_change_group(struct world *w, const char *id, const char *json);

const struct berth_record *world_find(const struct world *w, enum berth_kind kind,
                                      const char *scope, const char *key);
size_t world_count(const struct world *w, enum berth_kind kind);
/* As a store: BERTH_OK, or BERTH_E_MISMATCH when an expectation does not hold. */
berth_err world_commit(struct world *w, const struct berth_change *changes, size_t count);

/* One registration under way. */
struct world_op {
    struct world *w;
    struct berth_operation op;
    struct berth_arena arena;
    struct berth_actions actions;
    struct berth_answer answer;
    int answers;
    struct berth_shared shared;
    int shares;
    bool ended;
    char token[1024];
    char operation_id[BERTH_OPERATION_ID_SIZE];
    unsigned char *memory;
};

/* KEY: base64 of the device's own key; NULL: no credential. OPERATION_ID: NULL to register, or what
 * to poll. */
void world_start(struct world *w, struct world_op *o, const char *id, const char *key,
                 const char *operation_id);
/* Carries out what is due until the machine ends or wants to commit (STOP_AT_COMMIT). */
void world_run(struct world_op *o, bool stop_at_commit);
/* Carries out the commit it stopped at; returns whether the store took it. The next event is given.
 */
bool world_apply(struct world_op *o);
void world_event(struct world_op *o, enum berth_event_type type);
void world_end(struct world_op *o);

/* Registers to the end and returns the answer; views are valid until world_end. */
const struct berth_answer *world_register(struct world *w, struct world_op *o, const char *id,
                                          const char *key);
/* base64 of the key derived from GROUP_KEY for ID, static storage. */
const char *world_derive(struct world *w, const char *group_key, const char *id);

#endif
