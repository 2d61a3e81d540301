/* The table of sessions: places, mailboxes, peers, over two loops run by hand. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front/sessions_impl.h"
#include "unit/check.h"

#define HUB    BERTH_STR("hub.example")
#define DEVICE BERTH_STR("dev")

/* One who holds a session. */
struct holder {
    struct session *place;
    struct session_prior prior;
    int messages;
    struct session_message last;
    char body[64];
};

static struct sessions *table;
static struct loop *loops[2];

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(sessions_new(&table), BERTH_OK);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(loop_new(i, &loops[i]), BERTH_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++)
        loop_free(loops[i]);
    sessions_free(table);
    return 0;
}

static void turn(void)
{
    for (unsigned i = 0; i < 2; i++)
        (void)uv_run(loop_uv(loops[i]), UV_RUN_NOWAIT);
}

static void receive(void *owner, const struct session_message *m)
{
    struct holder *h = owner;

    h->messages++;
    h->last = *m;
    (void)snprintf(h->body, sizeof h->body, "%.*s", BERTH_STR_ARG(m->body));
}

static struct peer peer_at(const char *address)
{
    struct peer p = { .text = "" };
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&p.addr;
    struct sockaddr_in *four = (struct sockaddr_in *)&p.addr;

    (void)snprintf(p.text, sizeof p.text, "%s", address);
    four->sin_family = AF_INET;
    if (inet_pton(AF_INET, address, &four->sin_addr) == 1)
        return p;
    six->sin6_family = AF_INET6;
    assert_int_equal(inet_pton(AF_INET6, address, &six->sin6_addr), 1);
    return p;
}

static void join_at(struct holder *h, unsigned loop, berth_str hub, berth_str device,
                    const char *address, int64_t now_ms)
{
    struct peer peer = peer_at(address);
    struct session_claim claim = { .hub = hub,
                                   .device_id = device,
                                   .peer = &peer,
                                   .now_ms = now_ms,
                                   .mono_ms = now_ms,
                                   .loop = loops[loop],
                                   .receive = receive,
                                   .owner = h };

    *h = (struct holder){ 0 };
    assert_int_equal(sessions_join(table, &claim, &h->place, &h->prior), BERTH_OK);
}

static void join(struct holder *h, unsigned loop, const char *address)
{
    join_at(h, loop, HUB, DEVICE, address, 1000);
}

static void test_one_session(void **state)
{
    struct session_view v;
    struct holder h;

    (void)state;
    assert_false(sessions_find(table, HUB, DEVICE, &v));
    join(&h, 0, "10.0.0.1");
    assert_false(h.prior.live || h.prior.other_peer || h.prior.in_turn);
    assert_true(sessions_find(table, HUB, DEVICE, &v));
    assert_int_equal(v.connected_ms, 1000);
    assert_int_equal(v.active_ms, 1000);
    assert_string_equal(v.peer.text, "10.0.0.1");
    session_touch(h.place, 2000);
    assert_true(sessions_find(table, HUB, DEVICE, &v));
    assert_int_equal(v.active_ms, 2000);
    assert_false(sessions_find(table, HUB, BERTH_STR("Dev"), &v)); /* case counts */
    assert_false(sessions_find(table, BERTH_STR("hub2.example"), DEVICE, &v));
    assert_int_equal(sessions_count(table, HUB), 1);
    assert_int_equal(sessions_count(table, BERTH_STR("hub2.example")), 0);
    assert_ptr_equal(sessions_owner(table, HUB, DEVICE, loops[0]), &h);
    assert_null(sessions_owner(table, HUB, DEVICE, loops[1]));
    assert_true(sessions_leave(h.place));
    assert_false(sessions_find(table, HUB, DEVICE, &v));
    assert_int_equal(sessions_count(table, HUB), 0);
}

static void test_mailbox(void **state)
{
    char text[] = "{\"a\":1}";
    struct session_message m = { .type = SESSION_DESIRED, .version = 7, .body = { text, 7 } };
    struct holder h;

    (void)state;
    assert_false(sessions_send(table, HUB, DEVICE, &m));
    join(&h, 1, "10.0.0.1");
    assert_true(sessions_send(table, HUB, DEVICE, &m));
    assert_int_equal(h.messages, 0); /* in an event of its own */
    memset(text, 'x', sizeof text);  /* the sender's no more */
    turn();
    assert_int_equal(h.messages, 1);
    assert_int_equal(h.last.type, SESSION_DESIRED);
    assert_int_equal(h.last.version, 7);
    assert_string_equal(h.body, "{\"a\":1}");
    assert_true(sessions_send(table, HUB, DEVICE, &m));
    assert_true(sessions_leave(h.place));
    turn();
    assert_int_equal(h.messages, 1); /* never after it left */
}

static void test_mailbox_bound(void **state)
{
    struct session_message m = { .type = SESSION_DESIRED };
    struct session_message end = { .type = SESSION_END };
    struct holder h;

    (void)state;
    join(&h, 0, "10.0.0.1");
    for (int i = 0; i < SESSIONS_MAILBOX_MAX; i++)
        assert_true(sessions_send(table, HUB, DEVICE, &m));
    assert_false(sessions_send(table, HUB, DEVICE, &m));
    assert_true(sessions_send(table, HUB, DEVICE, &end)); /* the end always arrives */
    turn();
    assert_int_equal(h.messages, SESSIONS_MAILBOX_MAX + 1);
    assert_true(sessions_send(table, HUB, DEVICE, &m));
    turn();
    assert_true(sessions_leave(h.place));
}

static void test_takeover(void **state)
{
    struct session_message m = { .type = SESSION_DESIRED, .version = 1 };
    struct holder first, second;

    (void)state;
    join(&first, 0, "10.0.0.1");
    join(&second, 1, "10.0.0.1");
    assert_true(second.prior.live);
    assert_false(second.prior.other_peer);
    assert_int_equal(sessions_count(table, HUB), 1);
    assert_ptr_equal(sessions_owner(table, HUB, DEVICE, loops[1]), &second);
    assert_null(sessions_owner(table, HUB, DEVICE, loops[0]));
    assert_true(sessions_send(table, HUB, DEVICE, &m));
    turn();
    assert_int_equal(first.messages, 1);
    assert_int_equal(first.last.type, SESSION_END);
    assert_int_equal(first.last.why, BERTH_WHY_SESSION_TAKEN_OVER);
    assert_int_equal(second.messages, 1);
    assert_int_equal(second.last.type, SESSION_DESIRED);
    assert_false(sessions_leave(first.place)); /* the newer one tells */
    assert_int_equal(sessions_count(table, HUB), 1);
    assert_true(sessions_leave(second.place));
    assert_int_equal(sessions_count(table, HUB), 0);
}

/* The older one may leave after the newer one. */
static void test_takeover_left_late(void **state)
{
    struct session_view v;
    struct holder first, second;

    (void)state;
    join(&first, 0, "10.0.0.1");
    join(&second, 0, "10.0.0.1");
    assert_true(sessions_leave(second.place));
    assert_false(sessions_find(table, HUB, DEVICE, &v));
    assert_false(sessions_leave(first.place));
    assert_int_equal(sessions_count(table, HUB), 0);
    turn();
}

static void test_peers(void **state)
{
    static const struct {
        const char *name, *address;
        int64_t at_ms;
        bool other, in_turn;
        const char *before;
    } rows[] = {
        { "the first", "10.0.0.1", 0, false, false, "" },
        { "the same again", "10.0.0.1", 10, false, false, "10.0.0.1" },
        { "moved", "10.0.0.2", 20, true, false, "10.0.0.1" },
        { "and back", "10.0.0.1", 30, true, true, "10.0.0.2" },
        { "a third one", "10.0.0.3", 40, true, false, "10.0.0.1" },
        { "back, just in time", "10.0.0.1", 39 + SESSIONS_TURN_MS, true, true, "10.0.0.3" },
        { "back, too late", "10.0.0.3", 39 + 2 * SESSIONS_TURN_MS, true, false, "10.0.0.1" },
        { "the first again", "10.0.0.1", 40 + 2 * SESSIONS_TURN_MS, true, true, "10.0.0.3" },
        { "within a /64", "2001:db8::1", 50 + 2 * SESSIONS_TURN_MS, true, false, "10.0.0.1" },
        { "is one party", "2001:db8::2", 60 + 2 * SESSIONS_TURN_MS, false, false, "2001:db8::1" },
        { "another /64", "2001:db8:1::2", 70 + 2 * SESSIONS_TURN_MS, true, false, "2001:db8::2" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct holder h;
        join_at(&h, 0, HUB, BERTH_STR("wanderer"), rows[i].address, rows[i].at_ms);
        CHECK(rows[i].name, !h.prior.live);
        CHECK(rows[i].name, h.prior.other_peer == rows[i].other);
        CHECK(rows[i].name, h.prior.in_turn == rows[i].in_turn);
        CHECK(rows[i].name, strcmp(h.prior.peer, rows[i].before) == 0);
        CHECK(rows[i].name, sessions_leave(h.place));
    }
}

/* What is kept of the last peers is forgotten for as many devices of newer ones, not before: those
 * that lie in one place, as devices of any names do. */
static void test_bound_of_traces(void **state)
{
    static struct traces t;
    struct session s = { .peer = peer_at("10.0.0.1") };
    struct session_prior prior;

    (void)state;
    for (uint64_t i = 0; i < TRACES_MAX; i++) {
        s.hash = i << 24 | 1;
        traces_note(&t, &s, 7, 1000 + (int64_t)i, &prior);
        CHECK("new", prior.peer[0] == '\0');
    }
    for (uint64_t i = 0; i < TRACES_MAX; i++) {
        s.hash = i << 24 | 1;
        traces_note(&t, &s, 7, 2000 + (int64_t)i, &prior);
        CHECK("all are kept", strcmp(prior.peer, "10.0.0.1") == 0);
    }
    s.hash = (uint64_t)TRACES_MAX << 24 | 1; /* lies where the first one does */
    traces_note(&t, &s, 7, 3000, &prior);
    CHECK("one more", prior.peer[0] == '\0');
    for (uint64_t i = TRACES_MAX - 1; i > 0; i--) {
        s.hash = i << 24 | 1;
        traces_note(&t, &s, 7, 3000 + (int64_t)i, &prior);
        CHECK("the others are kept", strcmp(prior.peer, "10.0.0.1") == 0);
    }
    s.hash = 1;
    traces_note(&t, &s, 7, 4000, &prior);
    CHECK("the oldest is not", prior.peer[0] == '\0');
}

static void test_same_party(void **state)
{
    struct peer a = peer_at("10.0.0.1"), b = peer_at("10.0.0.2"),
                mapped = peer_at("::ffff:10.0.0.1");

    (void)state;
    assert_true(sessions_same_party(&a, &a));
    assert_false(sessions_same_party(&a, &b));
    assert_true(sessions_same_party(&a, &mapped));
}

static void test_many(void **state)
{
    enum { COUNT = 5000 };
    struct holder *all = calloc(COUNT, sizeof *all);
    struct session_view v;
    char id[16];

    (void)state;
    assert_non_null(all);
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(id, sizeof id, "d%d", i);
        join_at(&all[i], 0, HUB, berth_str_of(id), "10.0.0.1", i);
    }
    assert_int_equal(sessions_count(table, HUB), COUNT);
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(id, sizeof id, "d%d", i);
        assert_true(sessions_find(table, HUB, berth_str_of(id), &v));
        assert_int_equal(v.connected_ms, i);
    }
    for (int i = 0; i < COUNT; i++)
        assert_true(sessions_leave(all[i].place));
    assert_int_equal(sessions_count(table, HUB), 0);
    free(all);
}

/* ---- threads ---- */

#define ROUNDS 2000

static atomic_int running = 2;

static void *send_all(void *arg)
{
    struct session_message m = { .type = SESSION_DESIRED, .body = BERTH_STR("{}") };
    struct session_view v;

    (void)arg;
    while (atomic_load(&running) > 0) {
        (void)sessions_send(table, HUB, DEVICE, &m);
        (void)sessions_find(table, HUB, DEVICE, &v);
        (void)sessions_count(table, HUB);
    }
    return NULL;
}

/* Joins and leaves on a loop of its own, which both threads do in the same place. */
static void *come_and_go(void *arg)
{
    unsigned i = *(unsigned *)arg;

    for (int n = 0; n < ROUNDS; n++) {
        struct holder h;
        join(&h, i, "10.0.0.1");
        (void)uv_run(loop_uv(loops[i]), UV_RUN_NOWAIT);
        (void)sessions_leave(h.place);
    }
    (void)atomic_fetch_sub(&running, 1);
    return NULL;
}

static void test_threads(void **state)
{
    unsigned numbers[] = { 0, 1 };
    pthread_t threads[3];

    (void)state;
    assert_int_equal(pthread_create(&threads[2], NULL, send_all, NULL), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &numbers[i]), 0);
    for (int i = 0; i < 3; i++)
        (void)pthread_join(threads[i], NULL);
    assert_int_equal(sessions_count(table, HUB), 0);
}

#define ROW(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_one_session),
        ROW(test_mailbox),
        ROW(test_mailbox_bound),
        ROW(test_takeover),
        ROW(test_takeover_left_late),
        ROW(test_peers),
        ROW(test_bound_of_traces),
        ROW(test_same_party),
        ROW(test_many),
        ROW(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
