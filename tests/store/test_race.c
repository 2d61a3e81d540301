/* Threads that register one device at once, each with its own port and its own, differing view of
 * the hubs: one record and one device come of it, and all are told the same. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "berth/derive.h"
#include "berth/openssl.h"
#include "berth/sas.h"
#include "crypto/b64.h"
#include "prov/hub.h"
#include "prov/operation.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/store/door.h"
#include "tests/store/scratch.h"
#include "tests/store/test_crypto.h"
#include "tests/unit/check.h"

#define SCOPE   "0ne00000001"
#define KEY     "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define NOW_MS  INT64_C(1700000000000)
#define THREADS 4
#define ROUNDS  25

static const char *const hub_names[] = { "hub-a.example", "hub-b.example" };

/* What a thread was told. */
struct told_of {
    enum berth_reason reason;
    enum berth_registration_status status;
    char hub[64], device_id[64];
};

struct race {
    struct store *store;
    struct conformance subject;
    const char *group; /* the group's document */
    int64_t late_ms;   /* operations claim to have begun so long after their record was written */
    unsigned threads;
    pthread_barrier_t decided; /* all have decided, none has committed */
    pthread_barrier_t round;
};

struct racer {
    struct race *race;
    unsigned number;
    unsigned stale; /* decisions that had to be taken again */
    struct told_of told[ROUNDS];

    struct door door;
    struct berth_crypto crypto;
    struct berth_enrollment group;
    struct berth_hmac_key primary, secondary;
    struct berth_group group_view;
    struct berth_hub hubs[2];
    struct berth_catalog catalog;
    struct answer group_record;
    unsigned char group_memory[16 * 1024];
    unsigned char memory[BERTH_OPERATION_ARENA];
};

/* ---- a racer's own view ---- */

static void open_catalog(struct racer *r)
{
    struct berth_arena a;

    door_get(&r->door, BERTH_KIND_GROUP, "", "g", &r->group_record);
    MUST(r->group_record.count == 1);
    berth_arena_init(&a, r->group_memory, sizeof r->group_memory);
    MUST(berth_enrollment_decode(&r->group_record.records[0], &a, &r->group) == BERTH_OK);
    MUST(r->crypto.hmac_prepare(r->crypto.ctx, r->group.keys.primary.bytes, r->group.keys.primary.n,
                                &r->primary) == BERTH_OK);
    MUST(r->crypto.hmac_prepare(r->crypto.ctx, r->group.keys.secondary.bytes,
                                r->group.keys.secondary.n, &r->secondary) == BERTH_OK);
    r->group_view = (struct berth_group){ &r->group, BERTH_STR("g"), &r->primary, &r->secondary };
    for (unsigned i = 0; i < 2; i++) /* to each, another hub seems to be the one */
        r->hubs[i] = (struct berth_hub){ berth_str_of(hub_names[i]), 1, i == r->number % 2, 1 };
    r->catalog = (struct berth_catalog){ .id_scope = BERTH_STR(SCOPE),
                                         .groups = &r->group_view,
                                         .group_count = 1,
                                         .hubs = r->hubs,
                                         .hub_count = 2 };
}

static void close_catalog(struct racer *r)
{
    r->crypto.hmac_release(r->crypto.ctx, &r->primary);
    r->crypto.hmac_release(r->crypto.ctx, &r->secondary);
    answer_clear(&r->group_record);
}

static berth_str make_token(struct racer *r, const char *id, char *storage, size_t size)
{
    char key_text[BERTH_DERIVED_TEXT_SIZE], resource[128];
    struct berth_hmac_key prepared;
    struct berth_key key;
    struct berth_buf b;

    (void)snprintf(resource, sizeof resource, SCOPE "/registrations/%s", id);
    MUST(berth_derive_key_text(&r->crypto, BERTH_STR(KEY), berth_str_of(id), key_text) == BERTH_OK);
    MUST(berth_key_decode(berth_str_of(key_text), &key) == BERTH_OK);
    MUST(r->crypto.hmac_prepare(r->crypto.ctx, key.bytes, key.n, &prepared) == BERTH_OK);
    berth_buf_init(&b, storage, size);
    MUST(berth_sas_build(&r->crypto, &prepared, berth_str_of(resource), NOW_MS / 1000 + 86400,
                         (berth_str){ 0 }, &b) == BERTH_OK);
    r->crypto.hmac_release(r->crypto.ctx, &prepared);
    return berth_buf_str(&b);
}

/* ---- one operation, driven to its end ---- */

struct run {
    struct racer *r;
    struct berth_operation op;
    struct berth_actions actions;
    int64_t now_ms;
    bool first_commit;
    struct told_of *told;
};

static void give(struct run *run, const struct berth_event *ev)
{
    berth_operation_step(&run->op, ev, &run->r->catalog, run->now_ms, &run->actions);
}

static const char *text_of(berth_str s, char storage[128])
{
    (void)snprintf(storage, 128, "%.*s", (int)s.n, s.n > 0 ? s.p : "");
    return storage;
}

static const struct berth_record *one_of(const struct answer *a)
{
    MUST(a->result == STORE_OK);
    return a->count == 0 ? NULL : &a->records[0];
}

static void load(struct run *run, berth_str key)
{
    struct door *d = &run->r->door;
    struct answer enrollment, registration;
    char k[128];

    door_get(d, BERTH_KIND_ENROLLMENT, "", text_of(key, k), &enrollment);
    door_get(d, BERTH_KIND_REGISTRATION, "", k, &registration);
    give(run, &(struct berth_event){ .type = BERTH_EV_LOADED,
                                     .enrollment = one_of(&enrollment),
                                     .registration = one_of(&registration) });
    answer_clear(&enrollment);
    answer_clear(&registration);
}

static void load_devices(struct run *run, const struct berth_action *a)
{
    struct door *d = &run->r->door;
    struct answer there = { 0 }, before = { 0 };

    MUST(a->other.n == 0); /* no two racers share a device */
    char hub[128], id[128];

    door_get(d, BERTH_KIND_DEVICE, text_of(a->there.hub, hub), text_of(a->there.device_id, id),
             &there);
    if (a->before.hub.n > 0)
        door_get(d, BERTH_KIND_DEVICE, text_of(a->before.hub, hub),
                 text_of(a->before.device_id, id), &before);
    give(run, &(struct berth_event){ .type = BERTH_EV_DEVICES,
                                     .device_there = one_of(&there),
                                     .device_before = one_of(&before) });
    answer_clear(&there);
    answer_clear(&before);
}

static void commit(struct run *run, const struct berth_action *a)
{
    struct answer answer;
    struct berth_event ev = { .type = BERTH_EV_COMMITTED };

    if (run->first_commit)
        (void)pthread_barrier_wait(&run->r->race->decided);
    run->first_commit = false;
    (void)door_commit(&run->r->door, a->changes, a->change_count, run->now_ms, &answer);
    MUST(answer.result != STORE_FAILED);
    ev.committed_version = answer.version;
    if (answer.result == STORE_STALE) {
        run->r->stale++;
        ev.type = BERTH_EV_STALE;
    }
    answer_clear(&answer);
    give(run, &ev);
}

static void note(struct told_of *told, const struct berth_answer *a)
{
    told->reason = a->reason;
    told->status = a->state.status;
    (void)snprintf(told->hub, sizeof told->hub, "%.*s", BERTH_STR_ARG(a->state.assigned_hub));
    (void)snprintf(told->device_id, sizeof told->device_id, "%.*s",
                   BERTH_STR_ARG(a->state.device_id));
}

/* False at the end. */
static bool carry_out(struct run *run, const struct berth_action *a)
{
    switch (a->type) {
    case BERTH_DO_LOAD:
        load(run, a->key);
        return true;
    case BERTH_DO_PAUSE:
        give(run, &(struct berth_event){ .type = BERTH_EV_CONTINUE });
        return true;
    case BERTH_DO_LOAD_DEVICES:
        load_devices(run, a);
        return true;
    case BERTH_DO_COMMIT:
        commit(run, a);
        return true;
    case BERTH_DO_SHARED:
        MUST(false);
        return true;
    case BERTH_DO_ANSWER:
        note(run->told, &a->answer);
        return true;
    case BERTH_DO_END:
        break;
    }
    return false;
}

static void register_once(struct racer *r, unsigned round)
{
    struct run run = { .r = r,
                       .now_ms = NOW_MS + 1000 * (int64_t)(round + 1),
                       .first_commit = true,
                       .told = &r->told[round] };
    char operation_id[BERTH_OPERATION_ID_SIZE], id[32], token[512];
    struct berth_registration_request req = { .id_scope = BERTH_STR(SCOPE) };
    uint8_t random[16];
    struct berth_arena arena;
    bool go_on = true;

    (void)snprintf(id, sizeof id, "sn-%u", round);
    MUST(r->crypto.random(r->crypto.ctx, random, sizeof random) == BERTH_OK);
    berth_operation_id_make(operation_id, random, run.now_ms + r->race->late_ms);
    req.registration_id = berth_str_of(id);
    req.operation_id = berth_str_of(operation_id);
    req.credential.type = BERTH_CREDENTIAL_SAS;
    req.credential.u.sas = make_token(r, id, token, sizeof token);
    berth_arena_init(&arena, r->memory, sizeof r->memory);
    berth_operation_init(&run.op, &r->crypto, &req, &arena);
    give(&run, &(struct berth_event){ .type = BERTH_EV_START });
    while (go_on) {
        struct berth_actions now = run.actions;
        MUST(now.count > 0);
        for (size_t i = 0; go_on && i < now.count; i++)
            go_on = carry_out(&run, &now.list[i]);
    }
    berth_operation_deinit(&run.op);
}

static void *race_on(void *arg)
{
    struct racer *r = arg;

    MUST(berth_openssl_init(&r->crypto) == BERTH_OK);
    door_open(&r->door, &r->race->subject, r->race->store, 0);
    open_catalog(r);
    for (unsigned round = 0; round < ROUNDS; round++) {
        register_once(r, round);
        (void)pthread_barrier_wait(&r->race->round);
    }
    close_catalog(r);
    door_close(&r->door);
    berth_openssl_deinit(&r->crypto);
    return NULL;
}

/* ---- the race ---- */

static berth_err attach(void *store, const struct store_attach *a, struct store_port **out)
{
    return sqlite_store_attach(store, a, out);
}

static void open_race(struct race *race, const struct scratch *dir, int window_ms)
{
    struct sqlite_store_options o = { .directory = dir->path,
                                      .crypto = &test_crypto,
                                      .window_ms = window_ms };
    struct sqlite_store_problem problem = { "" };

    if (sqlite_store_open(&o, &race->store, &problem) != BERTH_OK)
        fail_msg("%s", problem.text);
    race->subject = (struct conformance){ .name = "sqlite", .attach = attach };
    assert_int_equal(pthread_barrier_init(&race->decided, NULL, race->threads), 0);
    assert_int_equal(pthread_barrier_init(&race->round, NULL, race->threads), 0);
}

static void close_race(struct race *race)
{
    pthread_barrier_destroy(&race->decided);
    pthread_barrier_destroy(&race->round);
    sqlite_store_close(race->store);
}

static void put_group_and_hubs(struct race *race)
{
    static unsigned char memory[64 * 1024];
    struct berth_change c = { .type = BERTH_PUT, .expect = BERTH_ABSENT };
    struct berth_enrollment e;
    struct berth_refusal why;
    struct berth_arena a;
    struct door d;

    berth_arena_init(&a, memory, sizeof memory);
    assert_int_equal(
        berth_enrollment_parse(true, BERTH_STR("g"), berth_str_of(race->group), &a, &e, &why),
        BERTH_OK);
    assert_int_equal(berth_enrollment_encode(&e, &a, &c.rec), BERTH_OK);
    door_open(&d, &race->subject, race->store, 0);
    assert_int_equal(door_commit(&d, &c, 1, NOW_MS, NULL), STORE_OK);
    for (size_t i = 0; i < ARRAY_LEN(hub_names); i++) {
        const struct berth_hub hub = { berth_str_of(hub_names[i]), 1, true, 1 };

        assert_int_equal(berth_hub_encode(&hub, &a, &c.rec), BERTH_OK);
        assert_int_equal(door_commit(&d, &c, 1, NOW_MS, NULL), STORE_OK);
    }
    door_close(&d);
}

static void check_told(struct racer *const *racers, unsigned threads)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        const struct told_of *first = &racers[0]->told[round];
        for (unsigned i = 0; i < threads; i++) {
            const struct told_of *t = &racers[i]->told[round];
            assert_int_equal(t->reason, BERTH_WHY_NONE);
            assert_int_equal(t->status, BERTH_ASSIGNED);
            assert_string_equal(t->hub, first->hub);
            assert_string_equal(t->device_id, first->device_id);
        }
    }
}

/* What the registry holds is what was told, once. */
static void check_registry(struct race *race, const struct racer *any)
{
    size_t devices = 0;
    struct door d;

    door_open(&d, &race->subject, race->store, 0);
    assert_int_equal(door_count(&d, BERTH_KIND_REGISTRATION, "", BERTH_ASSIGNED), ROUNDS);
    for (size_t h = 0; h < ARRAY_LEN(hub_names); h++)
        devices += door_count(&d, BERTH_KIND_DEVICE, hub_names[h], -1);
    assert_int_equal(devices, ROUNDS);
    for (unsigned round = 0; round < ROUNDS; round++) {
        const struct told_of *t = &any->told[round];
        struct answer a;
        assert_true(door_version(&d, BERTH_KIND_DEVICE, t->hub, t->device_id) > 0);
        door_get(&d, BERTH_KIND_REGISTRATION, "", t->device_id, &a);
        assert_int_equal(a.count, 1);
        assert_non_null(memmem(a.records[0].body.p, a.records[0].body.n, t->hub, strlen(t->hub)));
        answer_clear(&a);
    }
    door_close(&d);
}

static void run_race(struct race *race, int window_ms)
{
    struct racer *racers[THREADS];
    pthread_t threads[THREADS];
    struct scratch dir;
    unsigned stale = 0;

    scratch_make(&dir);
    open_race(race, &dir, window_ms);
    put_group_and_hubs(race);
    for (unsigned i = 0; i < race->threads; i++) {
        racers[i] = calloc(1, sizeof *racers[i]);
        assert_non_null(racers[i]);
        racers[i]->race = race;
        racers[i]->number = i;
        assert_int_equal(pthread_create(&threads[i], NULL, race_on, racers[i]), 0);
    }
    for (unsigned i = 0; i < race->threads; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        stale += racers[i]->stale;
    }
    print_message("             %u threads, %d rounds: %u decisions were stale\n", race->threads,
                  ROUNDS, stale);
    assert_true(stale >= ROUNDS * (race->threads - 1)); /* all but one, in each round */
    check_told(racers, race->threads);
    check_registry(race, racers[0]);
    for (unsigned i = 0; i < race->threads; i++)
        free(racers[i]);
    close_race(race);
    scratch_remove(&dir);
}

#define GROUP(more)                                                                                \
    "{\"enrollmentGroupId\":\"g\",\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":{"   \
    "\"primaryKey\":\"" KEY "\",\"secondaryKey\":\"" KEY "\"}}" more "}"
#define NEVER ",\"reprovisionPolicy\":{\"updateHubAssignment\":false,\"migrateDeviceData\":false}"

/* The losers find that the winner has done their work. */
static void test_overtaken(void **state)
{
    (void)state;
    for (unsigned threads = 2; threads <= THREADS; threads += 2) {
        run_race(&(struct race){ .group = GROUP(""), .threads = threads }, -1);
        run_race(&(struct race){ .group = GROUP(""), .threads = threads }, 0);
    }
}

/* The losers decide again, and once more when another loser was faster; the hub stays. */
static void test_decided_again(void **state)
{
    (void)state;
    for (unsigned threads = 2; threads <= THREADS; threads += 2) {
        run_race(&(struct race){ .group = GROUP(NEVER), .threads = threads, .late_ms = 500 }, -1);
        run_race(&(struct race){ .group = GROUP(NEVER), .threads = threads, .late_ms = 500 }, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overtaken),
        cmocka_unit_test(test_decided_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
