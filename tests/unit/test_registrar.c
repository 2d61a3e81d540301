/* The registrar over a store that delays, reorders and fails: every asker is answered once, and
 * told what is true. */
#include "front/registrar.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "front/refusals.h"
#include "front/search.h"
#include "ops/log.h"
#include "unit/check.h"
#include "unit/rig_front.h"

#define WRONG_KEY "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define ID        "sn-007"

static const struct limits_rates no_limits = { 0, 0 };

/* An asker, and what it was told. */
struct asker {
    struct front_rig *rig;
    struct registration *g;
    int answers;
    bool starting;
    enum berth_reason reason;
    enum berth_registration_status status;
    int retry_after_s;
    char hub[64], device_id[64], operation_id[BERTH_OPERATION_ID_SIZE], tracking[64];
};

static void keep(char *out, size_t size, berth_str s)
{
    (void)snprintf(out, size, "%.*s", (int)s.n, s.n > 0 ? s.p : "");
}

static void on_answer(void *user, const struct berth_answer *a, const char *tracking_id)
{
    struct asker *k = user;

    CHECK("not from inside registrar_start", !k->starting);
    k->g = NULL;
    k->answers++;
    k->reason = a->reason;
    k->status = a->state.status;
    k->retry_after_s = a->retry_after_s;
    keep(k->hub, sizeof k->hub, a->state.assigned_hub);
    keep(k->device_id, sizeof k->device_id, a->state.device_id);
    keep(k->operation_id, sizeof k->operation_id, a->operation_id);
    keep(k->tracking, sizeof k->tracking, berth_str_of(tracking_id));
}

static struct peer peer_of(const char *address)
{
    struct peer p = { .text = "" };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = 1 };

    (void)snprintf(p.text, sizeof p.text, "%s:1", address);
    assert_int_equal(inet_pton(AF_INET, address, &in.sin_addr), 1);
    memcpy(&p.addr, &in, sizeof in);
    return p;
}

struct ask {
    const char *id, *key, *peer; /* KEY NULL: the right one. PEER NULL: 192.0.2.1 */
    const char *poll;            /* operation ID */
};

/* False when the registrar takes no more. All that is given is gone right afterwards. */
static bool start(struct front_rig *r, struct asker *k, const struct ask *q)
{
    char *id = strdup(q->id);
    char *token =
        strdup(front_rig_token(r, q->id, q->key != NULL ? q->key : front_rig_key(r, q->id)));
    char *scope = strdup(FRONT_RIG_SCOPE), *poll = strdup(q->poll != NULL ? q->poll : "");
    char *payload = strdup("{\"n\":1.10}");
    struct peer peer = peer_of(q->peer != NULL ? q->peer : "192.0.2.1");
    struct berth_registration_request req = {
        .id_scope = berth_str_of(scope),
        .registration_id = berth_str_of(id),
        .credential = { .type = BERTH_CREDENTIAL_SAS, .u.sas = berth_str_of(token) },
        .payload = berth_str_of(payload),
        .is_poll = q->poll != NULL,
        .operation_id = berth_str_of(poll),
    };

    *k = (struct asker){ .rig = r, .starting = true };
    k->g = registrar_start(r->front.registrar, &req, &peer, "test", on_answer, k);
    k->starting = false;
    free(id);
    free(token);
    free(scope);
    free(poll);
    free(payload);
    return k->g != NULL;
}

static void await(struct front_rig *r, const struct asker *k)
{
    for (int i = 0; k->answers == 0; i++) {
        CHECK("an answer comes", i < 100000);
        front_rig_turn(r);
    }
}

static enum berth_reason ask(struct front_rig *r, struct asker *k, const struct ask *q)
{
    CHECK(q->id, start(r, k, q));
    await(r, k);
    CHECK(q->id, k->answers == 1);
    return k->reason;
}

static const struct fake_options prompt = { 0 };
static const struct fake_options moody = { .seed = 3, .delay_max = 4, .reorder = true };

/* ---- answers ---- */

/* A machine that is busy for a second comes to the deadline first, which test_deadline is about. */
static enum berth_reason ask_in_time(struct front_rig *r, struct asker *k, const struct ask *q)
{
    for (int i = 0; i < 20; i++) {
        enum berth_reason why;

        front_rig_open(r, &moody, no_limits);
        why = ask(r, k, q);
        if (why != BERTH_WHY_NONE || k->status != BERTH_ASSIGNING)
            return why;
        front_rig_close(r);
    }
    fail_msg("%s: still assigning after twenty attempts", q->id);
    return BERTH_WHY_INTERNAL;
}

static void test_assigned(void **state)
{
    struct front_rig r;
    struct asker k;

    (void)state;
    assert_int_equal(ask_in_time(&r, &k, &(struct ask){ .id = "Sn-007" }), BERTH_WHY_NONE);
    assert_int_equal(k.status, BERTH_ASSIGNED);
    assert_string_equal(k.hub, FRONT_RIG_HUB);
    assert_string_equal(k.device_id, "Sn-007");
    assert_int_equal(strlen(k.operation_id), BERTH_OPERATION_ID_SIZE - 1);
    assert_int_equal(strlen(k.tracking), FRONT_TRACKING_SIZE - 1);
    assert_int_equal(registrar_open(r.front.registrar), 0);
    assert_int_equal(front_rig_count(&r, BERTH_KIND_REGISTRATION, ""), 1);
    assert_int_equal(front_rig_count(&r, BERTH_KIND_DEVICE, FRONT_RIG_HUB), 1);
    assert_int_equal(r.metrics.registrations_started, 1);
    assert_int_equal(r.metrics.registrations_assigned, 1);
    front_rig_close(&r);
}

/* What was refused is kept under the tracking ID that the device was told. */
static void test_refusals_are_kept(void **state)
{
    struct refusal_query all = { 0 };
    struct refusal out[4];
    struct front_rig r;
    struct asker k;

    (void)state;
    front_rig_open(&r, &moody, no_limits);
    assert_int_equal(refusals_new(&r.front.refusals), BERTH_OK);
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID }), BERTH_WHY_NONE);
    assert_int_equal(refusals_recorded(r.front.refusals), 0);
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID, .key = WRONG_KEY }),
                     BERTH_WHY_SIGNATURE_UNKNOWN);
    assert_int_equal(refusals_find(r.front.refusals, &all, loop_now_ms(r.front.loop), out, 4), 1);
    assert_string_equal(out[0].tracking, k.tracking);
    assert_string_equal(out[0].registration_id, ID);
    assert_string_equal(out[0].peer, "192.0.2.1:1");
    assert_string_equal(out[0].transport, "test");
    assert_int_equal(out[0].reason, BERTH_WHY_SIGNATURE_UNKNOWN);
    assert_int_equal(out[0].examined, REFUSAL_PLAIN); /* nobody looks into it here */
    refusals_free(r.front.refusals);
    r.front.refusals = NULL;
    front_rig_close(&r);
}

static void test_refused(void **state)
{
    struct front_rig r;
    struct asker k;

    (void)state;
    front_rig_open(&r, &moody, no_limits);
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID, .key = WRONG_KEY }),
                     BERTH_WHY_SIGNATURE_UNKNOWN);
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = "ends with." }),
                     BERTH_WHY_REGISTRATION_ID_INVALID);
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID, .poll = "5.0.0" }),
                     BERTH_WHY_OPERATION_UNKNOWN);
    assert_int_equal(r.commits, 0);
    assert_int_equal(r.metrics.registrations_refused, 3);
    assert_int_equal(r.metrics.reasons[BERTH_WHY_SIGNATURE_UNKNOWN], 1);
    front_rig_close(&r);
}

/* What comes of many at once when the store delays, reorders, fails, and fails in secret. */
static void storm(uint64_t seed)
{
    enum { DEVICES = 8, EACH = 3, ASKERS = DEVICES * EACH };
    struct fake_options o = { .seed = seed,
                              .delay_max = (unsigned)(seed % 7),
                              .reorder = seed % 2 != 0,
                              .fail_percent = seed % 3 == 0 ? 10 : 0,
                              .lie_percent = seed % 5 == 0 ? 20 : 0 };
    struct asker k[ASKERS], again[DEVICES];
    struct front_rig r;

    front_rig_open(&r, &o, no_limits);
    for (size_t i = 0; i < ASKERS; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "sn-%zu", i % DEVICES);
        assert_true(start(&r, &k[i], &(struct ask){ .id = id }));
        if (i % 4 == 3)
            front_rig_turn(&r);
    }
    front_rig_settle(&r);
    for (size_t i = 0; i < ASKERS; i++) {
        CHECK("answered once", k[i].answers == 1);
        /* "assigning" when the machine was so busy that a second passed */
        CHECK("assigned, or the store's fault",
              (k[i].reason == BERTH_WHY_NONE &&
               (k[i].status == BERTH_ASSIGNED || k[i].status == BERTH_ASSIGNING)) ||
                  (k[i].reason == BERTH_WHY_STORE_FAILED && o.fail_percent + o.lie_percent > 0));
    }
    fake_store_set(r.store, &prompt);
    for (size_t i = 0; i < DEVICES; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "sn-%zu", i);
        CHECK("mends itself", ask(&r, &again[i], &(struct ask){ .id = id }) == BERTH_WHY_NONE);
    }
    assert_int_equal(front_rig_count(&r, BERTH_KIND_REGISTRATION, ""), DEVICES);
    assert_int_equal(front_rig_count(&r, BERTH_KIND_DEVICE, FRONT_RIG_HUB), DEVICES);
    front_rig_close(&r);
}

static void test_storms(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++)
        storm(seed);
}

static void test_store_fails_and_recovers(void **state)
{
    struct front_rig r;
    struct asker k;

    (void)state;
    front_rig_open(&r, &(struct fake_options){ .delay_max = 2, .fail_percent = 100 }, no_limits);
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID }), BERTH_WHY_STORE_FAILED);
    fake_store_set(r.store, &prompt);
    assert_int_equal(front_rig_count(&r, BERTH_KIND_DEVICE, FRONT_RIG_HUB), 0);
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID }), BERTH_WHY_NONE);
    front_rig_close(&r);
}

/* ---- slow stores, and askers that leave ---- */

static void test_deadline(void **state)
{
    struct front_rig r;
    struct asker k, poll;

    (void)state;
    front_rig_open(&r, &(struct fake_options){ .seed = 2, .delay_max = 500 }, no_limits);
    assert_true(start(&r, &k, &(struct ask){ .id = ID }));
    loop_skip(r.front.loop, REGISTRAR_DEADLINE_MS - LOOP_TICK_MS);
    assert_int_equal(k.answers, 0);
    loop_skip(r.front.loop, 2 * LOOP_TICK_MS);
    assert_int_equal(k.answers, 1);
    assert_int_equal(k.reason, BERTH_WHY_NONE);
    assert_int_equal(k.status, BERTH_ASSIGNING);
    assert_int_equal(k.retry_after_s, BERTH_RETRY_AFTER_S);
    assert_int_equal(registrar_open(r.front.registrar), 1); /* it goes on */
    front_rig_settle(&r);
    assert_int_equal(k.answers, 1);
    fake_store_set(r.store, &prompt);
    assert_int_equal(front_rig_count(&r, BERTH_KIND_DEVICE, FRONT_RIG_HUB), 1);
    assert_int_equal(ask(&r, &poll, &(struct ask){ .id = ID, .poll = k.operation_id }),
                     BERTH_WHY_NONE);
    assert_int_equal(poll.status, BERTH_ASSIGNED);
    assert_string_equal(poll.operation_id, k.operation_id);
    front_rig_close(&r);
}

/* While the store is slow nobody has attested: what a stranger sends is not sent back to him. */
static void test_deadline_repeats_no_foreign_operation_id(void **state)
{
    struct front_rig r;
    struct asker k;
    char *name = malloc(60001);

    (void)state;
    assert_non_null(name);
    memset(name, '\x01', 60000);
    name[60000] = '\0';
    front_rig_open(&r, &(struct fake_options){ .seed = 2, .delay_max = 500 }, no_limits);
    assert_true(start(&r, &k, &(struct ask){ .id = ID, .poll = name }));
    loop_skip(r.front.loop, REGISTRAR_DEADLINE_MS + LOOP_TICK_MS);
    assert_int_equal(k.answers, 1);
    assert_int_equal(k.status, BERTH_ASSIGNING);
    assert_string_equal(k.operation_id, "");
    front_rig_close(&r);
    free(name);
}

static void test_forgotten_askers(void **state)
{
    struct front_rig r;
    struct asker k, early;

    (void)state;
    front_rig_open(&r, &moody, no_limits);
    assert_true(start(&r, &k, &(struct ask){ .id = ID }));
    registrar_forget(k.g);
    assert_true(start(&r, &early, &(struct ask){ .id = "no id" }));
    registrar_forget(early.g);
    front_rig_settle(&r);
    assert_int_equal(k.answers + early.answers, 0);
    assert_int_equal(front_rig_count(&r, BERTH_KIND_DEVICE, FRONT_RIG_HUB), 1);
    front_rig_close(&r);
}

static void test_freed_with_registrations_open(void **state)
{
    struct front_rig r;
    struct asker reading, early;

    (void)state;
    front_rig_open(&r, &(struct fake_options){ .seed = 1, .delay_max = 9 }, no_limits);
    assert_true(start(&r, &reading, &(struct ask){ .id = ID }));
    assert_true(start(&r, &early, &(struct ask){ .id = "no id" }));
    front_rig_close(&r);
    assert_int_equal(reading.answers + early.answers, 0);
}

static void test_stopping(void **state)
{
    struct front_rig r;
    struct asker before, after;

    (void)state;
    front_rig_open(&r, &moody, no_limits);
    assert_true(start(&r, &before, &(struct ask){ .id = ID }));
    r.front.stopping = true;
    assert_int_equal(ask(&r, &after, &(struct ask){ .id = "sn-008" }), BERTH_WHY_STOPPING);
    await(&r, &before);
    assert_int_equal(before.status, BERTH_ASSIGNED); /* what had begun is finished */
    front_rig_close(&r);
}

static void test_overload(void **state)
{
    static struct asker k[REGISTRAR_OPEN_MAX + 1];
    struct front_rig r;

    (void)state;
    front_rig_open(&r, &(struct fake_options){ .seed = 1, .delay_max = 2 }, no_limits);
    for (size_t i = 0; i < REGISTRAR_OPEN_MAX; i++)
        assert_true(start(&r, &k[i], &(struct ask){ .id = ID, .key = WRONG_KEY }));
    assert_int_equal(registrar_open(r.front.registrar), REGISTRAR_OPEN_MAX);
    assert_false(start(&r, &k[REGISTRAR_OPEN_MAX], &(struct ask){ .id = ID }));
    front_rig_settle(&r);
    for (size_t i = 0; i < REGISTRAR_OPEN_MAX; i++)
        CHECK("answered once", k[i].answers == 1);
    assert_int_equal(ask(&r, &k[0], &(struct ask){ .id = ID }), BERTH_WHY_NONE);
    front_rig_close(&r);
}

/* ---- limits ---- */

static void test_authenticated_requests_count_against_the_device(void **state)
{
    struct front_rig r;
    struct asker k;

    (void)state;
    front_rig_open(&r, &prompt, (struct limits_rates){ .device_requests_per_min = 3 });
    for (int i = 0; i < 10; i++) /* a stranger cannot use up the device's share */
        assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID, .key = WRONG_KEY }),
                         BERTH_WHY_SIGNATURE_UNKNOWN);
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID }), BERTH_WHY_NONE);
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = "SN-007" }), BERTH_WHY_NONE);
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID, .poll = k.operation_id }),
                     BERTH_WHY_NONE);
    r.commits = 0;
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID }), BERTH_WHY_THROTTLED_DEVICE);
    assert_int_equal(k.retry_after_s, 20);
    assert_int_equal(r.commits, 0);
    assert_int_equal(r.metrics.throttled, 1);
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = "sn-008" }), BERTH_WHY_NONE);
    loop_skip(r.front.loop, 20 * 1000);
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID }), BERTH_WHY_NONE);
    front_rig_close(&r);
}

static void test_failures_count_against_the_peer(void **state)
{
    struct front_rig r;
    struct asker k;

    (void)state;
    front_rig_open(&r, &prompt, (struct limits_rates){ .peer_failures_per_min = 3 });
    for (int i = 0; i < 5; i++) /* what is well does not count */
        assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID }), BERTH_WHY_NONE);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID, .key = WRONG_KEY }),
                         BERTH_WHY_SIGNATURE_UNKNOWN);
    r.reads = 0;
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID }), BERTH_WHY_THROTTLED_PEER);
    assert_int_equal(r.reads, 0); /* costs next to nothing */
    assert_int_equal(k.retry_after_s, 20);
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID, .peer = "192.0.2.2" }), BERTH_WHY_NONE);
    loop_skip(r.front.loop, 20 * 1000); /* being refused so was no further failure */
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID }), BERTH_WHY_NONE);
    front_rig_close(&r);
}

/* ---- decisions taken again ---- */

static void test_stale_storm(void **state)
{
    struct front_rig r;
    struct asker k;

    (void)state;
    front_rig_open(&r, &moody, (struct limits_rates){ .device_requests_per_min = 2 });
    r.stale = BERTH_OPERATION_TRIES_MAX - 1;
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID }), BERTH_WHY_NONE);
    assert_int_equal(r.metrics.decisions_repeated, BERTH_OPERATION_TRIES_MAX - 1);
    assert_int_equal(r.commits, BERTH_OPERATION_TRIES_MAX);
    loop_skip(r.front.loop, 1);          /* the record is older than what now begins */
    r.stale = BERTH_OPERATION_TRIES_MAX; /* all its tries together are one request */
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID }), BERTH_WHY_CONTENDED);
    assert_int_equal(r.commits, 2 * BERTH_OPERATION_TRIES_MAX);
    front_rig_close(&r);
}

static void test_group_disabled_meanwhile(void **state)
{
    struct front_rig r;
    struct asker k;

    (void)state;
    front_rig_open(&r, &(struct fake_options){ .seed = 1, .delay_max = 20 }, no_limits);
    assert_true(start(&r, &k, &(struct ask){ .id = ID }));
    while (r.commits == 0)
        front_rig_turn(&r); /* it wants to commit, and the commit is on its way */
    registrar_forget(k.g);
    front_rig_settle(&r);
    front_rig_put_group(&r, ",\"provisioningStatus\":\"disabled\"");
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID }), BERTH_WHY_ENROLLMENT_DISABLED);
    assert_int_equal(k.status, BERTH_DISABLED);
    front_rig_close(&r);
}

/* ---- what the operator reads ---- */

static void test_log_lines(void **state)
{
    struct front_rig r;
    struct asker k;
    char text[8192];
    int ends[2];
    ssize_t n;

    (void)state;
    front_rig_open(&r, &prompt, no_limits);
    assert_int_equal(pipe(ends), 0);
    log_to(ends[1]);
    log_setup(LOG_DEBUG, false);
    (void)ask(&r, &k, &(struct ask){ .id = ID });
    (void)ask(&r, &k, &(struct ask){ .id = ID, .key = WRONG_KEY });
    log_setup(0, false);
    log_to(STDERR_FILENO);
    n = read(ends[0], text, sizeof text - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_non_null(strstr(text, "\"outcome\":\"assigned\""));
    assert_non_null(strstr(text, "\"enrollment\":\"" FRONT_RIG_GROUP "\""));
    assert_non_null(strstr(text, "\"hub\":\"" FRONT_RIG_HUB "\""));
    assert_non_null(strstr(text, "\"outcome\":\"refused\""));
    assert_non_null(strstr(text, "\"reason\":\"SIGNATURE_UNKNOWN\""));
    assert_non_null(strstr(text, "\"peer\":\"192.0.2.1:1\""));
    assert_non_null(strstr(text, k.tracking));
    assert_null(strstr(text, "SharedAccessSignature"));
    assert_null(strstr(text, "sig="));
    assert_null(strstr(text, front_rig_key(&r, ID)));
    (void)close(ends[0]);
    (void)close(ends[1]);
    front_rig_close(&r);
}

/* ---- the search for a group ---- */

/* They are to end before REGISTRAR_DEADLINE_MS, which under valgrind they do not. */
static void skip_when_slow(void)
{
    if (getenv("BERTH_TEST_VALGRIND") != NULL)
        skip();
}

#define MANY (5 * BERTH_SEARCH_STEP) /* groups before the right one */
#define STRANGER(n)                                                                                \
    &(struct ask)                                                                                  \
    {                                                                                              \
        .id = "stranger-" #n, .key = WRONG_KEY                                                     \
    }

static void test_search_among_many_groups(void **state)
{
    struct front_rig r;
    struct asker k;

    (void)state;
    skip_when_slow();
    front_rig_open(&r, &moody, no_limits);
    front_rig_put_groups(&r, MANY);
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = "Sn-007" }), BERTH_WHY_NONE);
    assert_int_equal(k.status, BERTH_ASSIGNED);
    assert_int_equal(ask(&r, &k, STRANGER(1)), BERTH_WHY_SIGNATURE_UNKNOWN);
    assert_int_equal(registrar_open(r.front.registrar), 0);
    front_rig_close(&r);
}

/* Whoever is known needs no search, and so does not wait for those of others. */
static void test_known_devices_do_not_wait(void **state)
{
    struct asker strangers[SEARCHES_OF_PEER], k;
    struct front_rig r;

    (void)state;
    skip_when_slow();
    front_rig_open(&r, &prompt, no_limits);
    front_rig_put_groups(&r, MANY);
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID }), BERTH_WHY_NONE);
    for (size_t i = 0; i < ARRAY_LEN(strangers); i++)
        assert_true(start(&r, &strangers[i], STRANGER(1)));
    assert_int_equal(ask(&r, &k, &(struct ask){ .id = ID, .peer = "192.0.2.2" }), BERTH_WHY_NONE);
    for (size_t i = 1; i < ARRAY_LEN(strangers); i++)
        assert_int_equal(strangers[i].answers, 0);
    for (size_t i = 0; i < ARRAY_LEN(strangers); i++) {
        await(&r, &strangers[i]);
        assert_int_equal(strangers[i].reason, BERTH_WHY_SIGNATURE_UNKNOWN);
    }
    front_rig_close(&r);
}

static void test_too_many_searches_of_one_address(void **state)
{
    struct asker strangers[SEARCHES_OF_PEER], one_more, other;
    struct front_rig r;

    (void)state;
    skip_when_slow();
    front_rig_open(&r, &prompt, no_limits);
    front_rig_put_groups(&r, MANY);
    for (size_t i = 0; i < ARRAY_LEN(strangers); i++)
        assert_true(start(&r, &strangers[i], STRANGER(1)));
    assert_int_equal(ask(&r, &one_more, STRANGER(2)), BERTH_WHY_OVERLOADED);
    assert_int_equal(strangers[0].answers, 0);
    assert_true(start(&r, &other, &(struct ask){ .id = "a", .peer = "192.0.2.2" }));
    await(&r, &other); /* after those before it */
    assert_int_equal(other.reason, BERTH_WHY_NONE);
    for (size_t i = 0; i < ARRAY_LEN(strangers); i++)
        assert_int_equal(strangers[i].reason, BERTH_WHY_SIGNATURE_UNKNOWN);
    front_rig_close(&r);
}

/* Those that wait too long are told to come back, not that they are being assigned: nobody knows
 * who they are. */
static void test_too_many_searches(void **state)
{
    struct asker strangers[SEARCHES_MAX], one_more;
    struct front_rig r;
    char peer[32];

    (void)state;
    skip_when_slow();
    front_rig_open(&r, &prompt, no_limits);
    front_rig_put_groups(&r, 10 * MANY);
    for (size_t i = 0; i < ARRAY_LEN(strangers); i++) {
        (void)snprintf(peer, sizeof peer, "198.51.100.%zu", i);
        assert_true(
            start(&r, &strangers[i], &(struct ask){ .id = ID, .key = WRONG_KEY, .peer = peer }));
    }
    assert_int_equal(ask(&r, &one_more, STRANGER(1)), BERTH_WHY_OVERLOADED);
    for (size_t i = 0; i < ARRAY_LEN(strangers); i++)
        assert_int_equal(strangers[i].answers, 0);
    loop_skip(r.front.loop, REGISTRAR_DEADLINE_MS + 1);
    front_rig_settle(&r);
    assert_int_equal(strangers[SEARCHES_MAX - 1].reason, BERTH_WHY_OVERLOADED);
    front_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_search_among_many_groups),
        cmocka_unit_test(test_known_devices_do_not_wait),
        cmocka_unit_test(test_too_many_searches_of_one_address),
        cmocka_unit_test(test_too_many_searches),
        cmocka_unit_test(test_assigned),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refusals_are_kept),
        cmocka_unit_test(test_storms),
        cmocka_unit_test(test_store_fails_and_recovers),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_deadline_repeats_no_foreign_operation_id),
        cmocka_unit_test(test_forgotten_askers),
        cmocka_unit_test(test_freed_with_registrations_open),
        cmocka_unit_test(test_stopping),
        cmocka_unit_test(test_overload),
        cmocka_unit_test(test_authenticated_requests_count_against_the_device),
        cmocka_unit_test(test_failures_count_against_the_peer),
        cmocka_unit_test(test_stale_storm),
        cmocka_unit_test(test_group_disabled_meanwhile),
        cmocka_unit_test(test_log_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
