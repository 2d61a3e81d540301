/* The thread that looks into refused tokens, over a real store: whose key, which mistake, and what
 * is not looked into. */
#include "front/forensics.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "berth/derive.h"
#include "berth/openssl.h"
#include "crypto/key_pair.h"
#include "ops/log.h"
#include "tests/store/opened.h"
#include "unit/check.h"

#define ID      "sn-007"
#define SCOPE   "0ne00112233"
#define PATIENT 2000 /* naps of 5 ms */

static struct berth_crypto crypto;

/* What time it is. */
static _Atomic int64_t now_ms;

static int64_t clock_ms(void)
{
    return now_ms;
}

/* While closed a read of the store does not return; who is there says so. */
static _Atomic bool gate_closed, gate_reached;
static struct store_ops gate_ops;
static const struct store_ops *store_ops;

static void gate_get(struct store_port *p, enum berth_kind kind, berth_str scope, berth_str key,
                     store_done *done, void *user)
{
    gate_reached = true;
    while (gate_closed)
        sched_yield();
    store_ops->get(p, kind, scope, key, done, user);
}

struct fixture {
    struct scratch dir;
    struct store *store;
    struct door door;
    struct refusals *refusals;
    struct forensics *forensics;
};

static struct berth_key key_of(char fill)
{
    struct berth_key k = { .n = 32 };

    memset(k.bytes, fill, k.n);
    return k;
}

static void commit(struct fixture *f, struct berth_change change)
{
    struct answer a = { 0 };

    assert_int_equal(door_commit(&f->door, &change, 1, 1, &a), STORE_OK);
    answer_clear(&a);
}

static void put(struct fixture *f, struct berth_record rec)
{
    commit(f, (struct berth_change){ .type = BERTH_PUT, .expect = BERTH_ANY, .rec = rec });
}

static void put_enrollment(struct fixture *f, bool group, const char *id, char primary,
                           char secondary)
{
    struct berth_enrollment e = { .is_group = group,
                                  .id = berth_str_of(id),
                                  .enabled = true,
                                  .attestation = BERTH_ATTEST_SYMMETRIC_KEY,
                                  .keys = { key_of(primary), key_of(secondary) } };
    static unsigned char memory[BERTH_RECORD_BODY_MAX];
    struct berth_arena a;
    struct berth_record rec;

    berth_arena_init(&a, memory, sizeof memory);
    assert_int_equal(berth_enrollment_encode(&e, &a, &rec), BERTH_OK);
    put(f, rec);
}

static berth_err attach(struct store *s, const struct store_attach *a, struct store_port **out)
{
    berth_err e = sqlite_store_attach(s, a, out);

    if (e != BERTH_OK)
        return e;
    store_ops = (*out)->ops;
    gate_ops = *store_ops;
    gate_ops.get = gate_get;
    (*out)->ops = &gate_ops;
    return e;
}

static void open_all(struct fixture *f)
{
    struct forensics_options o = { .attach = attach, .mono_ms = clock_ms };

    log_setup(0, false);
    scratch_make(&f->dir);
    f->store = opened_must(f->dir.path);
    opened_door(&f->door, f->store);
    put(f, (struct berth_record){ .kind = BERTH_KIND_SETTING,
                                  .key = BERTH_STR("id-scope"),
                                  .name = BERTH_STR(SCOPE),
                                  .body = BERTH_STR("{}") });
    put_enrollment(f, true, "group-1", '1', '2');
    put_enrollment(f, true, "group-2", '3', '4');
    assert_int_equal(refusals_new(&f->refusals), BERTH_OK);
    o.store = f->store;
    o.refusals = f->refusals;
    assert_int_equal(forensics_start(&o, &f->forensics), BERTH_OK);
}

static void close_all(struct fixture *f)
{
    forensics_stop(f->forensics);
    refusals_free(f->refusals);
    door_close(&f->door);
    sqlite_store_close(f->store);
    scratch_remove(&f->dir);
}

/* A token for ID by the key that FILL's group gives for SIGNED_ID. */
static berth_str token(char fill, const char *derived_from, char out[BERTH_SAS_MAX])
{
    struct berth_key group = key_of(fill), device;
    struct berth_hmac_key prepared;
    struct berth_buf b;

    if (derived_from == NULL)
        device = group;
    else
        assert_int_equal(berth_derive_key(&crypto, &group, berth_str_of(derived_from), &device),
                         BERTH_OK);
    assert_int_equal(crypto.hmac_prepare(crypto.ctx, device.bytes, device.n, &prepared), BERTH_OK);
    berth_buf_init(&b, out, BERTH_SAS_MAX);
    assert_int_equal(berth_sas_build(&crypto, &prepared, BERTH_STR(SCOPE "/registrations/" ID),
                                     2000000000, BERTH_STR("registration"), &b),
                     BERTH_OK);
    crypto.hmac_release(crypto.ctx, &prepared);
    return berth_buf_str(&b);
}

static struct refusal_handle submit(struct fixture *f, berth_str sas, enum berth_reason why)
{
    struct berth_registration_request req = { .registration_id = BERTH_STR(ID),
                                              .credential = { .type = BERTH_CREDENTIAL_SAS,
                                                              .u.sas = sas } };
    struct refusal_handle h = refusals_add(f->refusals,
                                           &(struct refusal_note){ .kind = REFUSAL_DEVICE,
                                                                   .reason = why,
                                                                   .registration_id = BERTH_STR(ID),
                                                                   .pending = true },
                                           1);

    forensics_submit(f->forensics, h, &req, why, 1);
    return h;
}

/* The newest refusal once it has been looked into. */
static struct refusal await(struct fixture *f)
{
    const struct timespec nap = { .tv_nsec = 5000000 };
    struct refusal_query all = { 0 };
    struct refusal got = { 0 };

    for (int i = 0; i < PATIENT; i++) {
        if (refusals_find(f->refusals, &all, 1, &got, 1) == 1 && got.examined != REFUSAL_PENDING)
            return got;
        (void)nanosleep(&nap, NULL);
    }
    fail_msg("forensics said nothing");
    return got;
}

static void look(struct fixture *f, const char *name, char fill, const char *derived_from,
                 enum berth_reason why, enum berth_mistake want, const char *whose)
{
    char text[BERTH_SAS_MAX];
    struct refusal got;

    submit(f, token(fill, derived_from, text), why);
    got = await(f);
    CHECK(name, got.examined == REFUSAL_EXAMINED);
    CHECK(name, got.finding.count == (want != BERTH_MISTAKE_NONE));
    CHECK(name, got.finding.mistakes[0] == want);
    CHECK(name, strcmp(got.enrollment, whose) == 0);
}

static void test_groups(void **state)
{
    struct fixture f;

    (void)state;
    open_all(&f);
    look(&f, "primary key", '1', ID "\n", BERTH_WHY_SIGNATURE_UNKNOWN, BERTH_MISTAKE_ID_LINE_FEED,
         "group-1");
    look(&f, "secondary key of another group", '4', "\"" ID "\"", BERTH_WHY_SIGNATURE_UNKNOWN,
         BERTH_MISTAKE_ID_QUOTED, "group-2");
    look(&f, "the group key itself", '3', NULL, BERTH_WHY_SIGNATURE_UNKNOWN,
         BERTH_MISTAKE_GROUP_KEY_USED, "group-2");
    look(&f, "nobody's key", '9', ID, BERTH_WHY_SIGNATURE_UNKNOWN, BERTH_MISTAKE_NONE, "");
    close_all(&f);
}

static void test_individual_first(void **state)
{
    struct fixture f;

    (void)state;
    open_all(&f);
    put_enrollment(&f, false, ID, '7', '8');
    look(&f, "a group's key", '1', ID, BERTH_WHY_SIGNATURE_WRONG, BERTH_MISTAKE_INDIVIDUAL_FIRST,
         "group-1");
    look(&f, "derived from its own", '8', ID, BERTH_WHY_SIGNATURE_WRONG,
         BERTH_MISTAKE_ENROLLMENT_KEY_DERIVED, ID);
    close_all(&f);
}

static void test_former_keys(void **state)
{
    struct fixture f;

    (void)state;
    open_all(&f);
    look(&f, "to be sure that it has read the groups", '9', ID, BERTH_WHY_SIGNATURE_UNKNOWN,
         BERTH_MISTAKE_NONE, "");
    put_enrollment(&f, true, "group-1", '5', '2');
    look(&f, "replaced", '1', ID, BERTH_WHY_SIGNATURE_UNKNOWN, BERTH_MISTAKE_KEY_REPLACED,
         "group-1");
    put_enrollment(&f, true, "group-1", '2', '5');
    look(&f, "moved to the other slot", '5', ID "\n", BERTH_WHY_SIGNATURE_UNKNOWN,
         BERTH_MISTAKE_ID_LINE_FEED, "group-1");
    commit(&f, change_delete(BERTH_KIND_GROUP, "", "group-2", BERTH_ANY));
    look(&f, "of a group that was deleted", '4', ID, BERTH_WHY_SIGNATURE_UNKNOWN,
         BERTH_MISTAKE_KEY_REPLACED, "group-2");
    close_all(&f);
}

/* So many former keys are remembered; one more, and the oldest is nobody's. */
static void test_bound_of_former_keys(void **state)
{
    struct fixture f;
    int next = 128;

    (void)state;
    open_all(&f);
    look(&f, "to be sure that it has read the groups", '9', ID, BERTH_WHY_SIGNATURE_UNKNOWN,
         BERTH_MISTAKE_NONE, "");
    while (next < 128 + FORENSICS_FORMER_MAX)
        put_enrollment(&f, true, "group-1", (char)next++, '2');
    look(&f, "the oldest", '1', ID, BERTH_WHY_SIGNATURE_UNKNOWN, BERTH_MISTAKE_KEY_REPLACED,
         "group-1");
    put_enrollment(&f, true, "group-1", (char)next, '2');
    look(&f, "made room", '1', ID, BERTH_WHY_SIGNATURE_UNKNOWN, BERTH_MISTAKE_NONE, "");
    look(&f, "the next", (char)128, ID, BERTH_WHY_SIGNATURE_UNKNOWN, BERTH_MISTAKE_KEY_REPLACED,
         "group-1");
    look(&f, "the latest but one", (char)(next - 2), ID, BERTH_WHY_SIGNATURE_UNKNOWN,
         BERTH_MISTAKE_KEY_REPLACED, "group-1");
    look(&f, "the latest", (char)(next - 1), ID, BERTH_WHY_SIGNATURE_UNKNOWN,
         BERTH_MISTAKE_KEY_REPLACED, "group-1");
    close_all(&f);
}

/* Keys are tried up to a bound, and not beyond. */
static void test_bound_of_tries(void **state)
{
    struct fixture f;

    (void)state;
    open_all(&f);
    for (int i = 3; i <= FORENSICS_TRIES_MAX / 2 + 1; i++) {
        char id[8];

        snprintf(id, sizeof id, "h%02d", i); /* after group-1 and group-2 */
        put_enrollment(&f, true, id, (char)(2 * i + 100), (char)(2 * i + 101));
    }
    look(&f, "the last that is tried", (char)(FORENSICS_TRIES_MAX + 101), ID "\n",
         BERTH_WHY_SIGNATURE_UNKNOWN, BERTH_MISTAKE_ID_LINE_FEED, "h48");
    look(&f, "one beyond", (char)(FORENSICS_TRIES_MAX + 102), ID "\n", BERTH_WHY_SIGNATURE_UNKNOWN,
         BERTH_MISTAKE_NONE, "");
    close_all(&f);
}

/* What comes too fast is told to be skipped, and nothing stays pending for ever. */
static void test_flood(void **state)
{
    struct refusal_query all = { 0 };
    static struct refusal out[REFUSALS_LIST_MAX];
    struct forensics_counts counts = { 0 };
    struct fixture f;
    char text[BERTH_SAS_MAX];
    berth_str sas;
    size_t skipped = 0;

    (void)state;
    open_all(&f);
    sas = token('9', ID, text);
    for (int i = 0; i < REFUSALS_LIST_MAX; i++)
        submit(&f, sas, BERTH_WHY_SIGNATURE_UNKNOWN);
    for (int i = 0; i < PATIENT && counts.unmatched + counts.dropped < REFUSALS_LIST_MAX; i++) {
        (void)nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
        forensics_count(f.forensics, &counts);
    }
    CHECK("each one", counts.unmatched + counts.dropped == REFUSALS_LIST_MAX);
    CHECK("bounded", counts.unmatched == FORENSICS_BURST);
    assert_int_equal(refusals_find(f.refusals, &all, 1, out, REFUSALS_LIST_MAX), REFUSALS_LIST_MAX);
    for (size_t i = 0; i < REFUSALS_LIST_MAX; i++) {
        CHECK("none is pending", out[i].examined != REFUSAL_PENDING);
        skipped += out[i].examined == REFUSAL_SKIPPED;
    }
    CHECK("told", skipped == counts.dropped);
    close_all(&f);
}

/* Whether one more is taken. */
static bool is_taken(struct fixture *f, berth_str sas)
{
    struct forensics_counts before, after;

    forensics_count(f->forensics, &before);
    submit(f, sas, BERTH_WHY_SIGNATURE_UNKNOWN);
    forensics_count(f->forensics, &after);
    return after.dropped == before.dropped;
}

static void test_rate(void **state)
{
    struct fixture f;
    char text[BERTH_SAS_MAX];
    berth_str sas = token('9', ID, text);

    (void)state;
    open_all(&f);
    for (int i = 0; i < FORENSICS_BURST; i++)
        CHECK("at once", is_taken(&f, sas));
    for (int i = 0; i < 2; i++) { /* by the minute: one in a tenth of a second */
        CHECK("one more", !is_taken(&f, sas));
        now_ms += 99;
        CHECK("too soon", !is_taken(&f, sas));
        now_ms += 1;
        CHECK("in time", is_taken(&f, sas));
    }
    close_all(&f);
}

/* The thread is held up: as many wait as may, and one more is not looked into. */
static void test_queue(void **state)
{
    struct fixture f;
    char text[BERTH_SAS_MAX];
    berth_str sas = token('9', ID, text);
    struct refusal got;

    (void)state;
    open_all(&f);
    gate_reached = false;
    gate_closed = true;
    CHECK("under way", is_taken(&f, sas));
    while (!gate_reached)
        sched_yield();
    for (int i = 0; i < FORENSICS_QUEUE_MAX; i++) {
        now_ms += 1000; /* it is not the rate */
        CHECK("waits", is_taken(&f, sas));
    }
    now_ms += 1000;
    CHECK("one more", !is_taken(&f, sas));
    gate_closed = false;
    got = await(&f);
    CHECK("is told", got.examined == REFUSAL_SKIPPED);
    close_all(&f);
}

static void test_bounds(void **state)
{
    static char large[BERTH_SAS_MAX + 1];
    struct berth_registration_request none = { .registration_id = BERTH_STR(ID) };
    struct fixture f;

    (void)state;
    open_all(&f);
    memset(large, 'x', sizeof large);
    submit(&f, (berth_str){ large, BERTH_SAS_MAX }, BERTH_WHY_TOKEN_MALFORMED);
    CHECK("largest", await(&f).examined == REFUSAL_EXAMINED);
    submit(&f, (berth_str){ large, BERTH_SAS_MAX + 1 }, BERTH_WHY_TOKEN_MALFORMED);
    CHECK("too large", await(&f).examined == REFUSAL_SKIPPED);
    forensics_submit(f.forensics, (struct refusal_handle){ 0 }, &none, BERTH_WHY_TOKEN_MALFORMED,
                     1);
    forensics_submit(NULL, (struct refusal_handle){ 0 }, &none, BERTH_WHY_TOKEN_MALFORMED, 1);
    forensics_stop(NULL);
    submit(&f, (berth_str){ large, 100 },
           BERTH_WHY_TOKEN_MALFORMED); /* may be under way at the end */
    close_all(&f);
}

static int setup(void **state)
{
    (void)state;
    return berth_openssl_init(&crypto) == BERTH_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    berth_openssl_deinit(&crypto);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),         cmocka_unit_test(test_individual_first),
        cmocka_unit_test(test_former_keys),    cmocka_unit_test(test_bound_of_former_keys),
        cmocka_unit_test(test_flood),          cmocka_unit_test(test_rate),
        cmocka_unit_test(test_queue),          cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_bound_of_tries),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
