#include "net/loop.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/check.h"

#define POSTERS        4
#define POSTS_PER_LOOP 1000

static struct loop *loop;

static int set_up(void **state)
{
    (void)state;
    return loop_new(3, &loop) == BERTH_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

static void turn(void)
{
    uv_run(loop_uv(loop), UV_RUN_NOWAIT);
}

/* One poster's numbers, checked on the loop to come in order. */
struct poster {
    pthread_t thread;
    int sent, got;
    bool disordered;
};

struct letter {
    struct poster *from;
    int number;
};

static struct poster posters[POSTERS];
static int letters;

static void on_letter(void *arg)
{
    struct letter *l = arg;

    l->from->disordered |= l->number != l->from->got;
    l->from->got++;
    free(l);
    if (++letters == POSTERS * POSTS_PER_LOOP)
        loop_stop(loop);
}

static void *post_all(void *arg)
{
    struct poster *p = arg;

    while (p->sent < POSTS_PER_LOOP) {
        struct letter *l = malloc(sizeof *l);

        if (l == NULL)
            abort();
        *l = (struct letter){ p, p->sent++ };
        loop_post(loop, on_letter, l);
    }
    return NULL;
}

static void test_posts_keep_order(void **state)
{
    (void)state;
    for (int i = 0; i < POSTERS; i++)
        pthread_create(&posters[i].thread, NULL, post_all, &posters[i]);
    assert_int_equal(loop_run(loop), BERTH_OK);
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(posters[i].thread, NULL);
        assert_int_equal(posters[i].got, POSTS_PER_LOOP);
        assert_false(posters[i].disordered);
    }
}

static void count(void *arg)
{
    ++*(int *)arg;
}

static void test_stop_before_run(void **state)
{
    int ran = 0;
    (void)state;

    loop_post(loop, count, &ran);
    loop_stop(loop);
    assert_int_equal(loop_run(loop), BERTH_OK);
    assert_int_equal(ran, 1);
    loop_stop(loop); /* and it runs again */
    assert_int_equal(loop_run(loop), BERTH_OK);
}

static void test_free_runs_what_is_posted(void **state)
{
    struct loop *other;
    int ran = 0;
    (void)state;

    assert_int_equal(loop_new(0, &other), BERTH_OK);
    loop_post(other, count, &ran);
    loop_free(other);
    assert_int_equal(ran, 1);
    loop_free(NULL);
}

static void test_after_event(void **state)
{
    int ran = 0;
    int after = 0;
    (void)state;

    loop_after_event(loop, count, &after);
    turn();
    assert_int_equal(after, 0);
    loop_post(loop, count, &ran);
    turn();
    assert_int_equal(ran, 1);
    assert_int_equal(after, 1);
    loop_event_done(loop);
    assert_int_equal(after, 2);
    loop_after_event(loop, NULL, NULL);
    loop_event_done(loop);
    assert_int_equal(after, 2);
}

struct alarm {
    struct deadline d;
    int fired;
    struct alarm *clears; /* clears this one when it fires */
    int64_t again_ms;     /* sets itself again, -1: no */
};

static void on_alarm(struct deadline *d)
{
    struct alarm *a = (struct alarm *)(void *)d;

    a->fired++;
    if (a->clears != NULL)
        deadline_clear(&a->clears->d);
    if (a->again_ms >= 0)
        deadline_set(loop, d, a->again_ms, on_alarm);
}

/* Set for AFTER_MS: has not fired one millisecond before, has fired within a tick. */
static const struct {
    const char *name;
    int64_t after_ms;
} waits[] = {
    { "one millisecond", 1 },
    { "below a tick", LOOP_TICK_MS - 1 },
    { "a tick", LOOP_TICK_MS },
    { "over a tick", LOOP_TICK_MS + 1 },
    { "15 seconds", 15000 },
    { "the wheel's round", 8192 * LOOP_TICK_MS },
    { "just over a round", 8192 * LOOP_TICK_MS + 1 },
    { "three rounds", 3 * 8192 * LOOP_TICK_MS + 77 },
};

static void test_deadlines(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        struct alarm a = { .again_ms = -1 };

        deadline_set(loop, &a.d, waits[i].after_ms, on_alarm);
        loop_skip(loop, waits[i].after_ms - 1);
        CHECK(waits[i].name, a.fired == 0);
        loop_skip(loop, 1 + LOOP_TICK_MS);
        CHECK(waits[i].name, a.fired == 1);
        CHECK(waits[i].name, a.d.prev == NULL);
        loop_skip(loop, 10 * waits[i].after_ms);
        CHECK(waits[i].name, a.fired == 1);
    }
}

static void test_deadlines_after_a_pause(void **state)
{
    struct alarm a = { .again_ms = -1 };
    struct alarm b = { .again_ms = -1 };
    (void)state;

    loop_skip(loop, 50 * 8192 * LOOP_TICK_MS); /* nothing was set: the wheel slept */
    deadline_set(loop, &a.d, 5000, on_alarm);
    loop_skip(loop, 4999);
    deadline_set(loop, &b.d, 8192 * LOOP_TICK_MS - 5000, on_alarm);
    assert_int_equal(a.fired, 0);
    loop_skip(loop, 1 + LOOP_TICK_MS);
    assert_int_equal(a.fired, 1);
    assert_int_equal(b.fired, 0);
    loop_skip(loop, 8192 * LOOP_TICK_MS);
    assert_int_equal(b.fired, 1);
}

static void test_deadline_moved_and_cleared(void **state)
{
    struct alarm a = { .again_ms = -1 };
    (void)state;

    deadline_clear(&a.d);
    deadline_set(loop, &a.d, 1000, on_alarm);
    deadline_set(loop, &a.d, 5000, on_alarm);
    loop_skip(loop, 4000);
    assert_int_equal(a.fired, 0);
    deadline_clear(&a.d);
    deadline_clear(&a.d);
    loop_skip(loop, 10000);
    assert_int_equal(a.fired, 0);
}

/* Two in one slot, whichever comes first clears the other; and one that sets itself again. */
static void test_deadlines_within_deadlines(void **state)
{
    struct alarm a = { .again_ms = -1 };
    struct alarm b = { .again_ms = -1, .clears = &a };
    struct alarm c = { .again_ms = LOOP_TICK_MS };
    (void)state;

    a.clears = &b;
    deadline_set(loop, &a.d, 1000, on_alarm);
    deadline_set(loop, &b.d, 1000, on_alarm);
    deadline_set(loop, &c.d, 1000, on_alarm);
    loop_skip(loop, 1000 + LOOP_TICK_MS);
    assert_int_equal(a.fired + b.fired, 1);
    assert_int_equal(c.fired, 1);
    loop_skip(loop, 2 * LOOP_TICK_MS);
    assert_int_equal(c.fired, 2);
    deadline_clear(&c.d);
}

/* Zero means the next turn, also from within such a turn; the loop does not sleep before. */
static void test_next_turn(void **state)
{
    struct alarm a = { .again_ms = 0 };
    struct alarm b = { .again_ms = -1, .clears = &a };
    (void)state;

    deadline_set(loop, &a.d, 0, on_alarm);
    assert_int_equal(a.fired, 0);
    turn();
    assert_int_equal(a.fired, 1);
    turn();
    assert_int_equal(a.fired, 2);
    deadline_set(loop, &b.d, 0, on_alarm);
    turn();
    turn();
    assert_int_equal(b.fired, 1);
    assert_true(a.fired <= 3);
    assert_null(a.d.prev);
}

/* The timer stands only while a deadline does: no wake-up without one. */
static void test_timer_sleeps(void **state)
{
    struct alarm a = { .again_ms = -1 };
    struct alarm b = { .again_ms = -1 };
    (void)state;

    turn(); /* libuv registers its descriptors */
    deadline_set(loop, &a.d, 5000, on_alarm);
    assert_true(uv_backend_timeout(loop_uv(loop)) > 1000);
    deadline_set(loop, &b.d, 60000, on_alarm);
    assert_true(uv_backend_timeout(loop_uv(loop)) <= 5000 + LOOP_TICK_MS);
    deadline_clear(&a.d);
    deadline_clear(&b.d);
    loop_skip(loop, 5000 + LOOP_TICK_MS);
    assert_int_equal(uv_backend_timeout(loop_uv(loop)), -1);
    deadline_set(loop, &a.d, 60000, on_alarm);
    deadline_set(loop, &a.d, 0, on_alarm);
    turn();
    assert_int_equal(a.fired, 1);
}

/* Real time: the timer really fires. */
static void stop_loop(struct deadline *d)
{
    (void)d;
    loop_stop(loop);
}

static void test_real_timer(void **state)
{
    struct deadline d = { 0 };
    (void)state;

    deadline_set(loop, &d, 1, stop_loop);
    assert_int_equal(loop_run(loop), BERTH_OK);
    assert_null(d.prev);
}

static void test_clocks(void **state)
{
    (void)state;
    int64_t mono = loop_mono_ms(loop);
    int64_t wall = loop_now_ms(loop);
    int64_t real = (int64_t)time(NULL) * 1000;

    assert_true(wall > real - 60000 && wall < real + 60000);
    assert_int_equal(loop_now_ms(loop), wall);
    loop_skip(loop, 3600000);
    assert_int_equal(loop_mono_ms(loop), mono + 3600000);
    assert_true(loop_now_ms(loop) >= wall + 3600000);
    assert_int_equal(loop_index(loop), 3);
}

static void test_held_clock(void **state)
{
    (void)state;
    int64_t mono = loop_mono_ms(loop);

    loop_skip(loop, 500);
    loop_hold_wall(loop, 1700000000000); /* before and after now alike */
    assert_int_equal(loop_now_ms(loop), 1700000000000);
    uv_sleep(2);
    uv_update_time(loop_uv(loop));
    assert_int_equal(loop_now_ms(loop), 1700000000000);
    assert_true(loop_mono_ms(loop) > mono + 500);
    loop_skip(loop, 3000);
    assert_int_equal(loop_now_ms(loop), 1700000003000);
    loop_hold_wall(loop, 4102444800000);
    assert_int_equal(loop_now_ms(loop), 4102444800000);
}

struct member {
    struct loop_member m;
    int dropped;
};

static void on_drop(struct loop_member *m)
{
    ((struct member *)(void *)m)->dropped++;
}

static void test_members(void **state)
{
    struct loop *other;
    struct member m[3] = { 0 };
    (void)state;

    assert_int_equal(loop_new(0, &other), BERTH_OK);
    for (int i = 0; i < 3; i++)
        loop_join(other, &m[i].m, on_drop);
    loop_leave(&m[1].m);
    loop_leave(&m[1].m);
    loop_free(other);
    assert_int_equal(m[0].dropped, 1);
    assert_int_equal(m[1].dropped, 0);
    assert_int_equal(m[2].dropped, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_posts_keep_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_before_run, set_up, tear_down),
        cmocka_unit_test(test_free_runs_what_is_posted),
        cmocka_unit_test_setup_teardown(test_after_event, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deadlines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deadlines_after_a_pause, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deadline_moved_and_cleared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deadlines_within_deadlines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_next_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_timer_sleeps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_real_timer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_held_clock, set_up, tear_down),
        cmocka_unit_test(test_members),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
