/* How the http layer leaves its connection to another: what was received behind the request, an
 * answer that has no room, a successor that cannot be made. */
#include <stdio.h>
#include <string.h>

#include "net/http.h"
#include "net/loop.h"
#include "tests/unit/check.h"
#include "tests/unit/layer_rig.h"

#define GET    "GET /old HTTP/1.1\r\nHost: h\r\n\r\n"
#define SWITCH "GET /new HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"

struct fixture {
    struct loop *loop;
    struct rig rig;
    struct http_options o;
    struct rig_top top; /* the successor */
    bool made, barren, later, may_switch;
    struct http_exchange *x;
};

static struct layer *make(void *user, struct layer *below)
{
    struct fixture *f = user;

    assert_false(f->made);
    assert_ptr_equal(below, &f->rig.l);
    f->made = true;
    if (f->barren)
        return NULL;
    rig_top_init(&f->top, below);
    return &f->top.l;
}

static void do_switch(struct fixture *f, struct http_exchange *x)
{
    static const struct http_header h[] = {
        { BERTH_STR_INIT("Upgrade"), BERTH_STR_INIT("x") },
        { BERTH_STR_INIT("Connection"), BERTH_STR_INIT("Upgrade") },
    };

    f->x = NULL;
    http_switch(x, h, ARRAY_LEN(h), make, f);
}

static void abandoned(struct http_exchange *x)
{
    ((struct fixture *)x->user)->x = NULL;
}

static void handler(void *user, struct http_exchange *x)
{
    struct fixture *f = user;

    f->may_switch = x->may_switch;
    x->user = f;
    x->abandoned = abandoned;
    if (!berth_str_eq(x->path, BERTH_STR("/new")) || !x->may_switch)
        http_respond(x, 200, NULL, 0, BERTH_STR("old"));
    else if (f->later)
        f->x = x;
    else
        do_switch(f, x);
}

static void start(struct fixture *f)
{
    *f = (struct fixture){ 0 };
    assert_int_equal(loop_new(0, &f->loop), BERTH_OK);
    f->o = (struct http_options){ .handler = handler, .user = f };
    rig_init(&f->rig, f->loop);
    f->rig.l.above = http_layer_new(&f->rig.l, &f->o);
    assert_non_null(f->rig.l.above);
}

static void stop(struct fixture *f)
{
    rig_close(&f->rig);
    assert_int_equal(f->top.closes, f->made && !f->barren);
    rig_top_deinit(&f->top);
    rig_deinit(&f->rig);
    loop_free(f->loop);
}

static void offer(struct fixture *f, const char *text)
{
    rig_offer(&f->rig, text, strlen(text));
}

static bool got(const struct fixture *f, const char *text)
{
    size_t n = strlen(text);

    return f->top.got.n == n && (n == 0 || memcmp(f->top.got.p, text, n) == 0);
}

static bool wrote(const struct fixture *f, const char *text)
{
    return f->rig.out.n > 0 && memmem(f->rig.out.p, f->rig.out.n, text, strlen(text)) != NULL;
}

static void test_at_once(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    offer(&f, GET);
    rig_forget(&f.rig);
    offer(&f, SWITCH);
    assert_true(f.made && f.rig.l.above == &f.top.l);
    assert_true(wrote(&f, "HTTP/1.1 101 Switching Protocols\r\n"));
    assert_true(wrote(&f, "\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"));
    assert_false(wrote(&f, "Content-Length")); /* RFC 9110 section 8.6 */
    assert_false(wrote(&f, "close"));
    assert_int_equal(f.top.inputs, 0);
    offer(&f, GET); /* no request any more */
    assert_true(got(&f, GET));
    loop_skip(f.loop, 10 * HTTP_IDLE_MS); /* nor a bound of HTTP's */
    assert_false(f.rig.close_wanted);
    stop(&f);
}

static void test_byte_by_byte(void **state)
{
    static const char all[] = SWITCH "new bytes";
    struct fixture f;

    (void)state;
    start(&f);
    for (size_t i = 0; i < sizeof all - 1; i++) {
        rig_offer(&f.rig, all + i, 1);
        rig_turn(&f.rig);
    }
    assert_true(got(&f, "new bytes"));
    stop(&f);
}

/* A client need not wait for 101: what it sent behind its request belongs to the successor. */
static void test_bytes_behind_the_request(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    offer(&f, GET SWITCH GET);
    rig_turn(&f.rig);
    assert_true(got(&f, GET));
    assert_int_equal(f.rig.in.n, 0);
    stop(&f);
}

static void test_successor_leaves_some(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    f.later = true;
    offer(&f, SWITCH "abc");
    do_switch(&f, f.x);
    f.top.appetite = 1;
    rig_turn(&f.rig);
    assert_true(got(&f, "a"));
    f.top.appetite = RIG_ALL;
    layer_resume(&f.rig.l);
    rig_turn(&f.rig);
    assert_true(got(&f, "abc"));
    stop(&f);
}

static void test_later(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    f.later = true;
    offer(&f, SWITCH "new");
    assert_non_null(f.x);
    assert_false(f.made);
    do_switch(&f, f.x);
    assert_true(f.made);
    assert_int_equal(f.top.inputs, 0); /* never from inside a call */
    rig_turn(&f.rig);
    assert_true(got(&f, "new"));
    stop(&f);
}

/* The successor must not write between the pieces of 101. */
static void test_no_room(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    f.rig.capacity = 10;
    offer(&f, SWITCH "new");
    assert_false(f.made);
    rig_drain(&f.rig, 10);
    assert_false(f.made);
    rig_drain(&f.rig, RIG_ALL);
    assert_true(f.made);
    assert_true(wrote(&f, "\r\n\r\n"));
    rig_turn(&f.rig);
    assert_true(got(&f, "new"));
    stop(&f);
}

static void test_no_room_ever(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    f.rig.capacity = 10;
    offer(&f, SWITCH "new");
    loop_skip(f.loop, HTTP_SEND_MS + LOOP_TICK_MS);
    assert_true(f.rig.close_wanted && !f.made);
    rig_turn(&f.rig);
    assert_true(f.rig.closed);
    stop(&f);
}

static void test_peer_leaves(void **state)
{
    (void)state;
    for (int later = 0; later < 2; later++) {
        struct fixture f;

        start(&f);
        f.later = later != 0;
        f.rig.capacity = 10;
        offer(&f, SWITCH "new");
        rig_close(&f.rig);
        assert_true(!f.made && f.x == NULL);
        stop(&f);
    }
}

static void test_no_successor(void **state)
{
    (void)state;
    for (int later = 0; later < 2; later++) {
        struct fixture f;

        start(&f);
        f.barren = true;
        f.later = later != 0;
        offer(&f, SWITCH "new");
        if (later)
            do_switch(&f, f.x);
        rig_turn(&f.rig);
        assert_true(f.made && f.rig.closed);
        stop(&f);
    }
}

static void test_old_http(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    offer(&f, "GET /new HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    assert_false(f.may_switch || f.made);
    assert_true(wrote(&f, "200 OK"));
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_bytes_behind_the_request),
        cmocka_unit_test(test_successor_leaves_some),
        cmocka_unit_test(test_later),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_no_room_ever),
        cmocka_unit_test(test_peer_leaves),
        cmocka_unit_test(test_no_successor),
        cmocka_unit_test(test_old_http),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
