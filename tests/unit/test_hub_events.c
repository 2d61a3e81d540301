/* What devices sent, kept for those who watch: order, bounds, waiting. And the audit's ring. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front/audit.h"
#include "front/hub_events.h"
#include "ops/log.h"
#include "unit/check.h"
#include "wire/json.h"

#define HUB BERTH_STR("hub.example")

static struct hub_events *events;
static struct loop *loop;
static char text[1 << 21];
static max_align_t names[1 << 13];

static int set_up(void **state)
{
    (void)state;
    log_setup(0, false); /* no lines */
    assert_int_equal(hub_events_new(0, &events), BERTH_OK);
    assert_int_equal(loop_new(0, &loop), BERTH_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    loop_free(loop);
    hub_events_free(events);
    return 0;
}

static void add(berth_str hub, const char *device, berth_str payload)
{
    struct berth_hub_event e = { .device_id = berth_str_of(device),
                                 .bag = BERTH_STR("a=b"),
                                 .payload = payload };

    assert_true(hub_events_add(events, hub, &e));
}

struct page {
    size_t count;
    uint64_t next, missed;
    struct berth_json list;
};

/* ROOM bytes for the array, its brackets included. */
static struct page ask_in(uint64_t after, const char *device, size_t room)
{
    struct hub_events_query q = { .hub = HUB, .device_id = berth_str_of(device), .after = after };
    struct page p = { 0 };
    struct berth_arena a;
    struct berth_buf b;

    berth_buf_init(&b, text, room);
    berth_arena_init(&a, names, sizeof names);
    berth_buf_put_char(&b, '[');
    p.count = hub_events_put(events, &q, &b, &a, NULL, &p.next, &p.missed);
    berth_buf_put_char(&b, ']');
    assert_false(b.over);
    assert_int_equal(berth_json_check(berth_buf_str(&b), &p.list, NULL), BERTH_OK);
    assert_int_equal(berth_json_count(p.list), p.count);
    return p;
}

static struct page ask(uint64_t after, const char *device)
{
    return ask_in(after, device, sizeof text);
}

/* Whether W waits, having seen all up to AFTER. */
static bool waits_after(uint64_t after, struct hub_watch *w)
{
    struct hub_events_query q = { .hub = HUB, .after = after };
    uint64_t next, missed;
    struct berth_arena a;
    struct berth_buf b;

    berth_buf_init(&b, text, sizeof text);
    berth_arena_init(&a, names, sizeof names);
    bool none = hub_events_put(events, &q, &b, &a, w, &next, &missed) == 0;
    assert_true(none == hub_watch_stands(w));
    return none;
}

static int64_t first_sequence(struct page p)
{
    struct berth_json_iter it = { 0 };
    struct berth_json e;
    int64_t n = -1;

    assert_true(berth_json_next(p.list, &it, NULL, &e));
    assert_int_equal(berth_json_i64(berth_json_get(e, BERTH_STR("sequence")), &n), BERTH_OK);
    return n;
}

static void test_order(void **state)
{
    struct page p;

    (void)state;
    assert_int_equal(hub_events_last(events, HUB), 0);
    p = ask(0, NULL);
    assert_int_equal(p.count, 0);
    for (int i = 0; i < 3; i++)
        add(HUB, i == 1 ? "other" : "dev", BERTH_STR("x"));
    add(BERTH_STR("hub2.example"), "dev", BERTH_STR("x"));
    assert_int_equal(hub_events_last(events, HUB), 3);
    assert_int_equal(hub_events_last(events, BERTH_STR("hub2.example")), 1);
    p = ask(0, NULL);
    assert_int_equal(p.count, 3);
    assert_int_equal(p.next, 3);
    assert_int_equal(first_sequence(p), 1);
    p = ask(1, NULL);
    assert_int_equal(p.count, 2);
    assert_int_equal(first_sequence(p), 2);
    p = ask(3, NULL);
    assert_int_equal(p.count, 0);
    assert_int_equal(p.next, 3);
    p = ask(99, NULL); /* of a process before */
    assert_int_equal(p.count, 3);
    assert_int_equal(p.missed, 0);
}

static void test_one_device(void **state)
{
    struct page p;

    (void)state;
    for (int i = 0; i < 4; i++)
        add(HUB, i == 2 ? "dev" : "other", BERTH_STR("x"));
    p = ask(0, "dev");
    assert_int_equal(p.count, 1);
    assert_int_equal(first_sequence(p), 3);
    assert_int_equal(p.next, 4); /* those of others are not looked at again */
    p = ask(0, "Dev");
    assert_int_equal(p.count, 0);
    assert_int_equal(p.next, 4);
}

static void test_count_bound(void **state)
{
    struct page p;

    (void)state;
    for (int i = 0; i < HUB_EVENTS_MAX; i++)
        add(HUB, "dev", BERTH_STR("x"));
    p = ask_in(0, NULL, 4096);
    assert_int_equal(first_sequence(p), 1);
    add(HUB, "dev", BERTH_STR("x"));
    p = ask_in(0, NULL, 4096);
    assert_int_equal(first_sequence(p), 2);
    assert_int_equal(p.missed, 0); /* nothing was seen before */
    add(HUB, "dev", BERTH_STR("x"));
    p = ask_in(1, NULL, 4096);
    assert_int_equal(first_sequence(p), 3);
    assert_int_equal(p.missed, 1);
    p = ask_in(2, NULL, 4096);
    assert_int_equal(p.missed, 0);
}

static void test_bytes_bound(void **state)
{
    const size_t size = 256 * 1024;
    char *payload = malloc(size);
    struct page p;

    (void)state;
    assert_non_null(payload);
    memset(payload, 'x', size);
    for (int i = 0; i < 9; i++)
        add(HUB, "dev", (berth_str){ payload, size });
    p = ask_in(0, NULL, 600 * 1024);
    assert_int_equal(p.count, 2);           /* as many as fit */
    assert_int_equal(first_sequence(p), 3); /* seven fit into 2 MiB with what they cost */
    assert_int_equal(p.next, 4);
    p = ask_in(p.next, NULL, 600 * 1024);
    assert_int_equal(first_sequence(p), 5);
    free(payload);
}

/* ---- waiting ---- */

static void on_woken(void *user)
{
    ++*(int *)user;
}

static void turn(void)
{
    (void)uv_run(loop_uv(loop), UV_RUN_NOWAIT);
}

static void test_watch(void **state)
{
    int woken = 0;
    struct hub_watch w = { .loop = loop, .woken = on_woken, .user = &woken };

    (void)state;
    assert_true(waits_after(0, &w));
    add(BERTH_STR("hub2.example"), "dev", BERTH_STR("x"));
    turn();
    assert_int_equal(woken, 0);
    add(HUB, "dev", BERTH_STR("x"));
    add(HUB, "dev", BERTH_STR("x"));
    assert_int_equal(woken, 0); /* in an event of its own */
    assert_false(hub_watch_end(&w));
    turn();
    assert_int_equal(woken, 1);       /* once */
    assert_false(waits_after(1, &w)); /* there is one already */
    assert_true(waits_after(2, &w));
    assert_true(hub_watch_end(&w));
    assert_false(hub_watch_end(&w));
    add(HUB, "dev", BERTH_STR("x"));
    turn();
    assert_int_equal(woken, 1);
}

static void test_watches(void **state)
{
    int woken[3] = { 0 };
    struct hub_watch w[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        w[i] = (struct hub_watch){ .loop = loop, .woken = on_woken, .user = &woken[i] };
        assert_true(waits_after(0, &w[i]));
    }
    assert_true(hub_watch_end(&w[1]));
    add(HUB, "dev", BERTH_STR("x"));
    turn();
    assert_int_equal(woken[0], 1);
    assert_int_equal(woken[1], 0);
    assert_int_equal(woken[2], 1);
}

/* ---- hubs that go ---- */

static struct hub_events_counts kept(void)
{
    struct hub_events_counts n;

    hub_events_count(events, &n);
    return n;
}

/* However many hubs there were: nothing is left of those that are gone. */
static void test_forget(void **state)
{
    (void)state;
    assert_int_equal(hub_events_last(events, HUB), 0);
    assert_int_equal(ask(0, NULL).count, 0);
    assert_int_equal(kept().hubs, 0); /* who only looks leaves nothing behind */
    for (int i = 0; i < 3; i++)
        add(HUB, "dev", BERTH_STR("0123456789"));
    add(BERTH_STR("hub2.example"), "dev", BERTH_STR("x"));
    assert_int_equal(kept().hubs, 2);
    assert_int_equal(kept().events, 4);
    assert_in_range(kept().bytes, 4 * 10, 4 * 300);
    hub_events_forget(events, HUB);
    hub_events_forget(events, HUB);
    assert_int_equal(kept().hubs, 1);
    assert_int_equal(kept().events, 1);
    assert_int_equal(ask(0, NULL).count, 0);
    add(HUB, "dev", BERTH_STR("x")); /* a hub of the same name */
    assert_int_equal(first_sequence(ask(3, NULL)), 4);
}

static void test_forget_watched(void **state)
{
    int woken = 0;
    struct hub_watch w = { .loop = loop, .woken = on_woken, .user = &woken };

    (void)state;
    add(HUB, "dev", BERTH_STR("x"));
    assert_true(waits_after(1, &w));
    hub_events_forget(events, HUB);
    assert_int_equal(kept().hubs, 1);
    assert_int_equal(kept().events, 0);
    add(HUB, "dev", BERTH_STR("x")); /* made again, while W waits */
    turn();
    assert_int_equal(woken, 1);
    hub_events_forget(events, HUB);
    assert_int_equal(kept().hubs, 1); /* W has yet to end */
    assert_false(hub_watch_end(&w));
    assert_int_equal(kept().hubs, 0);
    assert_false(hub_watch_end(&w));
    assert_true(waits_after(0, &w));
    assert_true(hub_watch_end(&w));
    assert_int_equal(kept().hubs, 0);
}

/* ---- what a reader has seen of a process, or of a hub, that is no more ---- */

static void test_cursor_of_a_process_before(void **state)
{
    struct page p;

    (void)state;
    hub_events_free(events);
    assert_int_equal(hub_events_new(1000, &events), BERTH_OK);
    assert_int_equal(hub_events_last(events, HUB), 1000);
    assert_int_equal(ask(5, NULL).next, 1000);
    add(HUB, "dev", BERTH_STR("x"));
    add(HUB, "dev", BERTH_STR("y"));
    p = ask(1, NULL);
    assert_true(p.count == 2 && p.missed == 0 && p.next == 1002);
    assert_int_equal(first_sequence(p), 1001);
    assert_int_equal(ask(5000, NULL).count, 2); /* the clock was set back */
    assert_int_equal(ask(1001, NULL).count, 1);
    for (int i = 0; i < HUB_EVENTS_MAX; i++)
        add(HUB, "dev", BERTH_STR("z"));
    assert_int_equal(ask(1, NULL).missed, 2);
}

static void test_cursor_of_a_hub_before(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        add(HUB, "dev", BERTH_STR("x"));
    hub_events_forget(events, HUB);
    for (int i = 0; i < 3; i++)
        add(HUB, "dev", BERTH_STR("y"));
    assert_int_equal(ask(1, NULL).count, 3);
    assert_int_equal(ask(3, NULL).count, 3);
    assert_int_equal(ask(4, NULL).count, 2);
}

/* ---- audit ---- */

static size_t audit_ask(struct audit *a, uint64_t after, size_t room, uint64_t *last,
                        struct berth_json *list)
{
    struct berth_buf b;

    berth_buf_init(&b, text, room);
    *last = audit_put(a, after, &b);
    assert_false(b.over);
    assert_int_equal(berth_json_check(berth_buf_str(&b), list, NULL), BERTH_OK);
    return berth_json_count(*list);
}

static void test_audit_cursor_of_a_process_before(void **state)
{
    static const struct audit_note note = { .event = AUDIT_PEERS_IN_TURN,
                                            .hub = BERTH_STR_INIT("h"),
                                            .device_id = BERTH_STR_INIT("dev"),
                                            .peer = "10.0.0.1:1" };
    struct berth_json list;
    struct audit *a;
    uint64_t last;

    (void)state;
    assert_int_equal(audit_new(NULL, 1000, &a), BERTH_OK);
    assert_int_equal(audit_ask(a, 5, sizeof text, &last, &list), 0);
    assert_int_equal(last, 1000);
    for (int i = 0; i < 3; i++)
        audit_add(a, &note);
    assert_int_equal(audit_ask(a, 5, sizeof text, &last, &list), 3);
    assert_int_equal(last, 1003);
    assert_int_equal(audit_ask(a, 1001, sizeof text, &last, &list), 2);
    assert_int_equal(audit_ask(a, 5000, sizeof text, &last, &list), 3); /* the clock was set back */
    audit_free(a);
}

static void test_audit(void **state)
{
    struct berth_json_iter it = { 0 };
    struct berth_json list, e;
    struct audit *a;
    uint64_t last;

    (void)state;
    assert_int_equal(audit_new(NULL, 0, &a), BERTH_OK);
    assert_int_equal(audit_ask(a, 0, sizeof text, &last, &list), 0);
    audit_add(a, &(struct audit_note){ .event = AUDIT_PEERS_IN_TURN,
                                       .time_ms = 1,
                                       .hub = HUB,
                                       .device_id = BERTH_STR("dev"),
                                       .peer = "10.0.0.1:1",
                                       .other_peer = "10.0.0.2:2" });
    assert_int_equal(audit_ask(a, 0, sizeof text, &last, &list), 1);
    assert_int_equal(last, 1);
    assert_true(berth_json_next(list, &it, NULL, &e));
    assert_true(berth_json_is(berth_json_get(e, BERTH_STR("event")), BERTH_STR("peersInTurn")));
    assert_true(berth_json_is(berth_json_get(e, BERTH_STR("deviceId")), BERTH_STR("dev")));
    assert_true(berth_json_is(berth_json_get(e, BERTH_STR("peer")), BERTH_STR("10.0.0.1:1")));
    assert_true(berth_json_is(berth_json_get(e, BERTH_STR("otherPeer")), BERTH_STR("10.0.0.2:2")));
    assert_int_equal(audit_ask(a, 1, sizeof text, &last, &list), 0);
    for (int i = 0; i < AUDIT_MAX; i++)
        audit_add(a, &(struct audit_note){ .event = AUDIT_REGISTERED_ELSEWHERE,
                                           .time_ms = 1,
                                           .hub = HUB,
                                           .device_id = BERTH_STR("dev"),
                                           .peer = "a",
                                           .other_peer = "b" });
    assert_int_equal(audit_ask(a, 0, sizeof text, &last, &list), AUDIT_MAX);
    assert_int_equal(last, AUDIT_MAX + 1);
    assert_in_range(audit_ask(a, 0, 1000, &last, &list), 1, 5); /* as many as fit */
    assert_in_range(last, 2, 6);
    audit_free(a);
}

/* Whoever watches the hub is shown it, if it asks. */
static void test_long_names(void **state)
{
    static char name[AUDIT_TEXT_MAX + 1];
    struct berth_json_iter it = { 0 };
    struct berth_json list, e;
    struct audit *a;
    uint64_t last;

    (void)state;
    memset(name, 'n', sizeof name);
    assert_int_equal(audit_new(NULL, 0, &a), BERTH_OK);
    for (size_t n = AUDIT_TEXT_MAX; n <= sizeof name; n++) {
        berth_str long_name = { name, n }, kept = { name, AUDIT_TEXT_MAX };
        audit_add(a, &(struct audit_note){ .hub = long_name,
                                           .device_id = long_name,
                                           .registration = long_name,
                                           .other_registration = long_name });
        assert_int_equal(audit_ask(a, n - AUDIT_TEXT_MAX, sizeof text, &last, &list), 1);
        it.at = 0;
        assert_true(berth_json_next(list, &it, NULL, &e));
        assert_true(berth_json_is(berth_json_get(e, BERTH_STR("hub")), kept));
        assert_true(berth_json_is(berth_json_get(e, BERTH_STR("deviceId")), kept));
        assert_true(berth_json_is(berth_json_get(e, BERTH_STR("registrationId")), kept));
        assert_true(berth_json_is(berth_json_get(e, BERTH_STR("otherRegistrationId")), kept));
    }
    audit_free(a);
}

static void test_audit_is_shown(void **state)
{
    struct hub_events_query q = { .hub = HUB, .audit = true };
    static unsigned char memory[65536];
    struct berth_arena shown;
    struct audit_note n = { .event = AUDIT_DEVICE_SHARED,
                            .time_ms = 1,
                            .hub = HUB,
                            .device_id = BERTH_STR("dev"),
                            .registration = BERTH_STR("new-board"),
                            .other_registration = BERTH_STR("old-board"),
                            .peer = "10.0.0.1:1" };
    static const char want[] =
        "\"audit\":{\"sequence\":1,\"time\":\"1970-01-01T00:00:00.0010000Z\","
        "\"event\":\"deviceShared\"";
    uint64_t next, missed;
    struct berth_buf b;
    struct audit *a;

    (void)state;
    berth_arena_init(&shown, memory, sizeof memory);
    assert_int_equal(audit_new(events, 0, &a), BERTH_OK);
    audit_add(a, &n);
    berth_buf_init(&b, text, sizeof text);
    assert_int_equal(hub_events_put(events, &q, &b, &shown, NULL, &next, &missed), 1);
    text[b.n] = '\0';
    assert_non_null(strstr(text, want));
    assert_non_null(strstr(text, "\"registrationId\":\"new-board\""));
    assert_non_null(strstr(text, "\"otherRegistrationId\":\"old-board\""));
    assert_null(strstr(text, "payload"));
    q.audit = false;
    berth_buf_init(&b, text, sizeof text);
    assert_int_equal(hub_events_put(events, &q, &b, &shown, NULL, &next, &missed), 0);
    assert_int_equal(next, 1);
    audit_free(a);
}

/* It is skipped and told as missed: no reader would ever come past it. */
static void test_one_that_never_fits(void **state)
{
    struct page p;

    (void)state;
    add(HUB, "dev",
        BERTH_STR("a payload that is longer than the room that there is for all of it"));
    add(HUB, "dev", BERTH_STR("x"));
    p = ask_in(0, NULL, 190);
    assert_int_equal(p.count, 1);
    assert_int_equal(first_sequence(p), 2);
    assert_int_equal(p.missed, 1);
    assert_int_equal(p.next, 2);
}

#define ROW(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(test_order),
        ROW(test_one_device),
        ROW(test_count_bound),
        ROW(test_bytes_bound),
        ROW(test_watch),
        ROW(test_watches),
        ROW(test_forget),
        ROW(test_forget_watched),
        ROW(test_audit),
        ROW(test_long_names),
        ROW(test_audit_is_shown),
        ROW(test_one_that_never_fits),
        ROW(test_cursor_of_a_process_before),
        ROW(test_cursor_of_a_hub_before),
        ROW(test_audit_cursor_of_a_process_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
