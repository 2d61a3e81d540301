/* What the service APIs show of the moment: events as they come, audit, who is connected. */
#include <stdio.h>
#include <string.h>

#include "front/common.h"
#include "front/monitor.h"
#include "unit/check.h"
#include "unit/service_rig.h"

#define EVENTS "/berth/v1/hubs/" RIG_HUB "/events"

static struct common *common_of(struct rig *r)
{
    return rig_front(r)->common;
}

static void add(struct rig *r, const char *device, const char *payload)
{
    struct berth_hub_event e = { .device_id = berth_str_of(device),
                                 .payload = berth_str_of(payload) };

    assert_true(hub_events_add(common_of(r)->events, BERTH_STR(RIG_HUB), &e));
}

static void turn(struct rig *r)
{
    (void)uv_run(loop_uv(rig_front(r)->loop), UV_RUN_NOWAIT);
}

static const struct rig_answer *ask(struct rig *r, const char *line)
{
    return rig_ask(r, &(struct rig_request){ .line = line });
}

static void begin(struct rig *r, const char *line)
{
    rig_send(r, &(struct rig_request){ .line = line });
}

static bool is_waiting(struct rig *r)
{
    return rig_answer(r)->status == 0;
}

static bool has(const struct rig_answer *a, const char *text)
{
    return strstr(a->body, text) != NULL;
}

/* ---- events ---- */

static void test_cursor(void **state)
{
    struct rig *r = rig_new();
    const struct rig_answer *a;

    (void)state;
    add(r, "dev", "before");
    a = ask(r, "GET " EVENTS "?wait=0"); /* from now on */
    assert_int_equal(a->status, 200);
    assert_string_equal(a->body, "[]");
    assert_string_equal(rig_header(r, "x-ms-continuation"), "1");
    add(r, "dev", "one");
    add(r, "other", "two");
    a = ask(r, "GET " EVENTS "?after=1");
    assert_true(has(a, "\"payload\":\"one\"") && has(a, "\"payload\":\"two\""));
    assert_false(has(a, "before"));
    assert_string_equal(rig_header(r, "x-ms-continuation"), "3");
    assert_string_equal(rig_header(r, "x-berth-missed"), "");
    a = ask(r, "GET " EVENTS "?after=0&deviceId=oth%65r");
    assert_true(has(a, "two") && !has(a, "one"));
    a = ask(r, "GET /berth/v1/hubs/Line2.Test.Example/events?after=2");
    assert_true(has(a, "two") && !has(a, "one"));
    a = ask(r, "GET /berth/v1/hubs/" RIG_HOST "/events?after=0"); /* another hub's */
    assert_string_equal(a->body, "[]");
    rig_free(r);
}

static void test_missed(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    for (int i = 0; i < HUB_EVENTS_MAX + 5; i++)
        add(r, "dev", "x");
    (void)ask(r, "GET " EVENTS "?after=2&deviceId=nobody");
    assert_string_equal(rig_header(r, "x-berth-missed"), "3");
    rig_free(r);
}

static void test_waits(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    begin(r, "GET " EVENTS "?wait=20");
    loop_skip(rig_front(r)->loop, 19000);
    turn(r);
    assert_true(is_waiting(r));
    add(r, "dev", "at last");
    turn(r);
    assert_true(has(rig_answer(r), "at last"));
    assert_string_equal(rig_header(r, "x-ms-continuation"), "1");
    assert_int_equal(rig_front(r)->monitor_count, 0);
    rig_free(r);
}

static void test_waits_in_vain(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    begin(r, "GET " EVENTS "?wait=20&deviceId=dev");
    add(r, "other", "not this one");
    turn(r);
    assert_true(is_waiting(r));
    loop_skip(rig_front(r)->loop, 20000 + LOOP_TICK_MS);
    turn(r);
    assert_string_equal(rig_answer(r)->body, "[]");
    assert_string_equal(rig_header(r, "x-ms-continuation"), "1");
    rig_free(r);
}

/* The time is over and an event has come, in either order. */
static void test_late_and_woken(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    begin(r, "GET " EVENTS "?wait=1&deviceId=dev");
    add(r, "other", "x"); /* is being woken */
    loop_skip(rig_front(r)->loop, 1000 + LOOP_TICK_MS);
    turn(r);
    assert_string_equal(rig_answer(r)->body, "[]");
    assert_int_equal(rig_front(r)->monitor_count, 0);
    rig_free(r);
}

/* Hubs may come and go for ever: their messages go with them. */
static void test_hub_goes(void **state)
{
    const char *hub = "line9.test.example";
    struct berth_hub_event e = { .device_id = BERTH_STR("dev"), .payload = BERTH_STR("x") };
    struct rig *r = rig_new();
    struct hub_events_counts n;

    (void)state;
    assert_int_equal(
        rig_ask(r, &(struct rig_request){ .line = "PUT /berth/v1/hubs/Line9.test.example",
                                          .body = "{}" })
            ->status,
        200);
    assert_true(hub_events_add(common_of(r)->events, berth_str_of(hub), &e));
    hub_events_count(common_of(r)->events, &n);
    assert_int_equal(n.hubs, 1);
    assert_int_equal(ask(r, "DELETE /berth/v1/hubs/Line9.test.example")->status, 204);
    hub_events_count(common_of(r)->events, &n);
    assert_int_equal(n.hubs, 0);
    rig_free(r);
}

/* A cursor that stems from a process before, or from a hub of that name before: it waits, and is
 * told what comes. */
static void test_cursor_of_before(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    begin(r, "GET " EVENTS "?after=99&wait=20"); /* no device has ever said anything here */
    assert_true(is_waiting(r));
    add(r, "dev", "first");
    turn(r);
    assert_true(has(rig_answer(r), "first"));
    assert_string_equal(rig_header(r, "x-ms-continuation"), "1");

    begin(r, "GET " EVENTS "?after=99&wait=20&deviceId=nobody");
    assert_true(is_waiting(r));
    loop_skip(rig_front(r)->loop, 20000 + LOOP_TICK_MS);
    assert_string_equal(rig_answer(r)->body, "[]");
    assert_string_equal(rig_header(r, "x-ms-continuation"), "1");
    rig_free(r);
}

/* Its events went with the hub, while somebody else still watches it. */
static void test_hub_goes_while_watched(void **state)
{
    struct hub_watch other = { 0 };
    struct hub_events_query q = { .hub = BERTH_STR(RIG_HUB), .after = 3 };
    struct rig *r = rig_new();
    struct hub_events *events = common_of(r)->events;
    uint64_t next, missed;

    (void)state;
    for (int i = 0; i < 3; i++)
        add(r, "dev", "gone");
    other.loop = rig_front(r)->loop;
    assert_int_equal(hub_events_put(events, &q, NULL, NULL, &other, &next, &missed), 0);
    hub_events_forget(events, q.hub);
    begin(r, "GET " EVENTS "?after=1&wait=20");
    assert_true(is_waiting(r));
    assert_true(hub_watch_end(&other));
    add(r, "dev", "new");
    turn(r);
    assert_true(has(rig_answer(r), "new"));
    assert_false(has(rig_answer(r), "gone"));
    rig_free(r);
}

static void test_client_goes(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    begin(r, "GET " EVENTS "?wait=20");
    assert_int_equal(rig_front(r)->monitor_count, 1);
    rig_hang_up(r);
    assert_int_equal(rig_front(r)->monitor_count, 0);
    assert_null(rig_front(r)->calls);
    rig_free(r);
}

/* It is being woken when its client goes. */
static void test_client_goes_while_woken(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    begin(r, "GET " EVENTS "?wait=20");
    add(r, "dev", "x");
    rig_hang_up(r);
    turn(r);
    assert_int_equal(rig_front(r)->monitor_count, 0);
    assert_null(rig_front(r)->calls);
    rig_free(r);
}

static void test_daemon_stops(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    begin(r, "GET " EVENTS "?wait=20");
    front_stop(rig_front(r));
    assert_string_equal(rig_answer(r)->body, "[]");
    assert_null(rig_front(r)->calls);
    rig_free(r);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *line;
        int status;
        enum berth_reason why;
    } cases[] = {
        { "GET " EVENTS "?after=x", 400, BERTH_WHY_REQUEST_INVALID },
        { "GET " EVENTS "?after=-1", 400, BERTH_WHY_REQUEST_INVALID },
        { "GET " EVENTS "?wait=31&after=0", 400, BERTH_WHY_REQUEST_INVALID },
        { "GET " EVENTS "?wait=", 400, BERTH_WHY_REQUEST_INVALID },
        { "GET " EVENTS "?deviceId=%zz", 400, BERTH_WHY_REQUEST_INVALID },
        { "GET /berth/v1/hubs/none.example/events?wait=0", 404, BERTH_WHY_HUB_NOT_FOUND },
        { "GET /berth/v1/audit?after=x", 400, BERTH_WHY_REQUEST_INVALID },
    };
    struct rig *r = rig_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct rig_answer *a = ask(r, cases[i].line);
        CHECK(cases[i].line, a->status == cases[i].status && a->why == cases[i].why);
    }
    add(r, "dev", "x");
    begin(r, "GET " EVENTS "?wait=30&after=0"); /* the bound's other side */
    assert_true(has(rig_answer(r), "\"payload\":\"x\""));
    rig_free(r);
}

static void test_bound_of_monitors(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    rig_front(r)->monitor_count = MONITORS_MAX;
    assert_int_equal(ask(r, "GET " EVENTS "?wait=0")->why, BERTH_WHY_OVERLOADED);
    rig_front(r)->monitor_count = MONITORS_MAX - 1;
    assert_int_equal(ask(r, "GET " EVENTS "?wait=0")->status, 200);
    rig_front(r)->monitor_count = 0;
    rig_free(r);
}

/* ---- audit ---- */

static void test_audit(void **state)
{
    struct rig *r = rig_new();
    const struct rig_answer *a;

    (void)state;
    a = ask(r, "GET /berth/v1/audit?x=");
    assert_string_equal(a->body, "[]");
    assert_string_equal(rig_header(r, "x-ms-continuation"), "0");
    audit_add(common_of(r)->audit, &(struct audit_note){ .event = AUDIT_PEERS_IN_TURN,
                                                         .time_ms = 1,
                                                         .hub = BERTH_STR(RIG_HUB),
                                                         .device_id = BERTH_STR("dev"),
                                                         .peer = "a",
                                                         .other_peer = "b" });
    a = ask(r, "GET /berth/v1/audit?after=0");
    assert_true(has(a, "\"event\":\"peersInTurn\""));
    assert_string_equal(rig_header(r, "x-ms-continuation"), "1");
    assert_string_equal(ask(r, "GET /berth/v1/audit?after=1")->body, "[]");
    rig_free(r);
}

/* ---- who is connected ---- */

static struct loop *other_loop; /* that holds the session */

static void receive(void *owner, const struct session_message *m)
{
    (void)owner;
    (void)m;
}

static struct session *join(struct rig *r, const char *device)
{
    const struct peer peer = { .text = "-" };
    struct session_claim claim = { .hub = BERTH_STR(RIG_HOST),
                                   .device_id = berth_str_of(device),
                                   .peer = &peer,
                                   .now_ms = INT64_C(1700000000000),
                                   .receive = receive,
                                   .owner = &other_loop };
    struct session_prior prior;
    struct session *place;

    assert_int_equal(loop_new(1, &other_loop), BERTH_OK);
    claim.loop = other_loop;
    assert_int_equal(sessions_join(common_of(r)->sessions, &claim, &place, &prior), BERTH_OK);
    return place;
}

static void test_connection_state(void **state)
{
    static const char *const lines[] = { "GET /devices/dev", "GET /devices", "GET /twins/dev",
                                         "POST /devices/query" };
    struct rig *r = rig_new();
    struct session *place;

    (void)state;
    (void)rig_ask(
        r, &(struct rig_request){ .line = "PUT /devices/dev", .body = "{\"deviceId\":\"dev\"}" });
    for (int connected = 0; connected < 2; connected++) {
        place = connected ? join(r, "dev") : NULL;
        if (connected)
            session_touch(place, INT64_C(1700000005000));
        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
            const char *body = i == 3 ? "{\"query\":\"SELECT * FROM devices\"}" : NULL;
            const struct rig_answer *a =
                rig_ask(r, &(struct rig_request){ .line = lines[i], .body = body });
            CHECK(lines[i], has(a, "\"connectionState\":\"Connected\"") == connected);
            CHECK(lines[i], has(a, "\"lastActivityTime\":\"2023-11-14T22:13:25") == connected);
            CHECK(lines[i], has(a, "Disconnected") == !connected);
        }
        CHECK("statistics",
              has(ask(r, "GET /statistics/service"),
                  connected ? "{\"connectedDeviceCount\":1}" : "{\"connectedDeviceCount\":0}"));
    }
    (void)sessions_leave(place);
    loop_free(other_loop);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cursor),
        cmocka_unit_test(test_missed),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_waits_in_vain),
        cmocka_unit_test(test_late_and_woken),
        cmocka_unit_test(test_hub_goes),
        cmocka_unit_test(test_client_goes),
        cmocka_unit_test(test_client_goes_while_woken),
        cmocka_unit_test(test_daemon_stops),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bound_of_monitors),
        cmocka_unit_test(test_audit),
        cmocka_unit_test(test_connection_state),
        cmocka_unit_test(test_cursor_of_before),
        cmocka_unit_test(test_hub_goes_while_watched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
