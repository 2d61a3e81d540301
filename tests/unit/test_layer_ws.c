/* The ws layer between the rigs: frames in and out, fragments, control frames, back-pressure, both
 * ways to close, and what is refused. */
#include <stdlib.h>
#include <string.h>

#include "net/loop.h"
#include "net/ws.h"
#include "tests/unit/check.h"
#include "tests/unit/layer_rig.h"
#include "tests/unit/websocket_vectors.h"
#include "wire/websocket.h"

#define MASK "\x37\xfa\x21\x3d"

struct fixture {
    struct loop *loop;
    struct rig rig;
    struct rig_top top;
    const char *why; /* of the refusal; NULL: none */
};

static struct layer *up(void *user, struct layer *ws)
{
    struct fixture *f = user;

    rig_top_init(&f->top, ws);
    return &f->top.l;
}

static void refused(void *user, struct layer *ws, const char *why)
{
    (void)ws;
    ((struct fixture *)user)->why = why;
}

static const struct ws_options options = { .up = up, .refused = refused };

static void start(struct fixture *f)
{
    *f = (struct fixture){ 0 };
    assert_int_equal(loop_new(0, &f->loop), BERTH_OK);
    rig_init(&f->rig, f->loop);
    f->rig.l.above = ws_layer_new(&f->rig.l, &options, f);
    assert_non_null(f->rig.l.above);
}

static void stop(struct fixture *f)
{
    rig_close(&f->rig);
    assert_int_equal(f->top.closes, 1);
    rig_top_deinit(&f->top);
    rig_deinit(&f->rig);
    loop_free(f->loop);
}

/* ---- the client ---- */

/* One frame as a client sends it, masked. */
static void put_frame(struct rig_bytes *out, enum berth_ws_opcode opcode, bool fin,
                      const char *text, size_t n)
{
    struct berth_ws_head h = { .opcode = opcode, .fin = fin, .masked = true, .payload_n = n };
    char head[BERTH_WS_HEAD_MAX];
    uint8_t *masked = malloc(n + 1);
    struct berth_buf b;

    assert_non_null(masked);
    memcpy(h.mask, MASK, sizeof h.mask);
    berth_buf_init(&b, head, sizeof head);
    berth_ws_head_put(&b, &h);
    berth_ws_mask(masked, (const uint8_t *)text, n, h.mask, 0);
    rig_bytes_add(out, head, b.n);
    rig_bytes_add(out, masked, n);
    free(masked);
}

static void say_frame(struct fixture *f, enum berth_ws_opcode opcode, bool fin, const char *text)
{
    struct rig_bytes b = { 0 };

    put_frame(&b, opcode, fin, text, strlen(text));
    rig_offer(&f->rig, b.p, b.n);
    rig_bytes_free(&b);
}

static void say(struct fixture *f, const char *text)
{
    say_frame(f, BERTH_WS_BINARY, true, text);
}

static bool got(const struct fixture *f, const char *text)
{
    size_t n = strlen(text);

    return f->top.got.n == n && (n == 0 || memcmp(f->top.got.p, text, n) == 0);
}

/* What the layer sent is BYTES, and no more. */
static bool sent(const struct fixture *f, const void *bytes, size_t n)
{
    return f->rig.out.n == n && (n == 0 || memcmp(f->rig.out.p, bytes, n) == 0);
}
#define SENT(f, literal) sent(f, literal, sizeof(literal) - 1)

static size_t send_up(struct fixture *f, const char *text, size_t n)
{
    return layer_write(f->top.l.below, text, n);
}

/* ---- frames in ---- */

static const struct talk {
    const char *name, *got;
    struct {
        enum berth_ws_opcode opcode;
        bool fin;
        const char *text;
    } frames[16];
    size_t count;
    const char *sent;
    size_t sent_n;
} talks[] = {
    { .name = "one frame",
      .got = "abc",
      .frames = { { BERTH_WS_BINARY, true, "abc" } },
      .count = 1 },
    { .name = "one message in thirteen frames, as Node sends CONNECT",
      .got = "\x10\x2c..MQTT.....dev1user...password",
      .frames = { { BERTH_WS_BINARY, true, "\x10" },
                  { BERTH_WS_BINARY, true, "\x2c" },
                  { BERTH_WS_BINARY, true, ".." },
                  { BERTH_WS_BINARY, true, "MQTT" },
                  { BERTH_WS_BINARY, true, "." },
                  { BERTH_WS_BINARY, true, "." },
                  { BERTH_WS_BINARY, true, ".." },
                  { BERTH_WS_BINARY, true, "." },
                  { BERTH_WS_BINARY, true, "dev1" },
                  { BERTH_WS_BINARY, true, "user" },
                  { BERTH_WS_BINARY, true, "." },
                  { BERTH_WS_BINARY, true, ".." },
                  { BERTH_WS_BINARY, true, "password" } },
      .count = 13 },
    { .name = "fragments",
      .got = "abcdef",
      .frames = { { BERTH_WS_BINARY, false, "ab" },
                  { BERTH_WS_CONTINUATION, false, "" },
                  { BERTH_WS_CONTINUATION, false, "cd" },
                  { BERTH_WS_CONTINUATION, true, "e" },
                  { BERTH_WS_BINARY, true, "f" } },
      .count = 5 },
    { .name = "a ping between fragments is answered with its payload",
      .got = "abcd",
      .frames = { { BERTH_WS_BINARY, false, "ab" },
                  { BERTH_WS_PING, true, "still?" },
                  { BERTH_WS_CONTINUATION, true, "cd" } },
      .count = 3,
      .sent = "\x8a\x06still?",
      .sent_n = 8 },
    { .name = "an empty ping",
      .got = "",
      .frames = { { BERTH_WS_PING, true, "" } },
      .count = 1,
      .sent = "\x8a\x00",
      .sent_n = 2 },
    { .name = "a pong that nobody asked for",
      .got = "a",
      .frames = { { BERTH_WS_PONG, true, "x" }, { BERTH_WS_BINARY, true, "a" } },
      .count = 2 },
    { .name = "empty frames",
      .got = "a",
      .frames = { { BERTH_WS_BINARY, true, "" }, { BERTH_WS_BINARY, true, "a" } },
      .count = 2 },
};

/* In pieces of STEP bytes; 0: all at once. */
static void run_talk(const struct talk *t, size_t step)
{
    struct rig_bytes b = { 0 };
    struct fixture f;

    start(&f);
    for (size_t i = 0; i < t->count; i++)
        put_frame(&b, t->frames[i].opcode, t->frames[i].fin, t->frames[i].text,
                  strlen(t->frames[i].text));
    for (size_t at = 0; at < b.n; at += step == 0 ? b.n : step) {
        size_t left = b.n - at;
        rig_offer(&f.rig, b.p + at, step == 0 || step > left ? left : step);
    }
    CHECK(t->name, got(&f, t->got));
    CHECK(t->name, sent(&f, t->sent, t->sent_n));
    CHECK(t->name, f.rig.in.n == 0 && !f.rig.close_wanted && f.why == NULL);
    rig_bytes_free(&b);
    stop(&f);
}

static void test_talks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(talks); i++) {
        for (size_t step = 0; step < 8; step++)
            run_talk(&talks[i], step);
    }
}

/* Larger than what is unmasked at once, from both sides of the 16-bit length. */
static void test_large_frames(void **state)
{
    static const size_t sizes[] = { 125, 126, 65535, 65536, WS_FRAME_MAX };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char *text = malloc(sizes[i]);
        struct rig_bytes b = { 0 };
        struct fixture f;

        assert_non_null(text);
        for (size_t k = 0; k < sizes[i]; k++)
            text[k] = (char)(k * 7 + k / 251);
        start(&f);
        put_frame(&b, BERTH_WS_BINARY, true, text, sizes[i]);
        rig_offer(&f.rig, b.p, b.n);
        assert_int_equal(f.top.got.n, sizes[i]);
        assert_memory_equal(f.top.got.p, text, sizes[i]);
        assert_null(f.why);
        rig_bytes_free(&b);
        free(text);
        stop(&f);
    }
}

/* What the layer above leaves is offered again, as it was, once it asks. */
static void test_reader_takes_its_time(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    f.top.appetite = 3;
    say(&f, "abcdefgh");
    say_frame(&f, BERTH_WS_PING, true, "p");
    assert_true(got(&f, "abc"));
    assert_true(SENT(&f, "")); /* the ping stands behind what is left */
    f.top.appetite = 4;
    rig_turn(&f.rig);
    assert_true(got(&f, "abc")); /* nothing comes unasked */
    layer_resume(f.top.l.below);
    rig_turn(&f.rig);
    assert_true(got(&f, "abcdefg"));
    f.top.appetite = RIG_ALL;
    layer_resume(f.top.l.below);
    rig_turn(&f.rig);
    assert_true(got(&f, "abcdefgh"));
    assert_true(SENT(&f, "\x8a\x01p"));
    stop(&f);
}

/* ---- frames out ---- */

static void test_writes(void **state)
{
    static const struct {
        const char *name, *head;
        size_t n, head_n;
    } rows[] = {
        { "one byte", "\x82\x01", 1, 2 },
        { "longest of one byte", "\x82\x7d", 125, 2 },
        { "shortest of two", "\x82\x7e\x00\x7e", 126, 4 },
        { "all that fits one record", "\x82\x7e\x3f\xfc", WS_PIECE_MAX, 4 },
    };
    static char text[WS_PIECE_MAX];

    (void)state;
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f;

        start(&f);
        CHECK(rows[i].name, send_up(&f, text, rows[i].n) == rows[i].n);
        CHECK(rows[i].name, f.rig.out.n == rows[i].head_n + rows[i].n);
        CHECK(rows[i].name, memcmp(f.rig.out.p, rows[i].head, rows[i].head_n) == 0);
        CHECK(rows[i].name, memcmp(f.rig.out.p + rows[i].head_n, text, rows[i].n) == 0);
        stop(&f);
    }
}

static void test_long_write_is_cut(void **state)
{
    char *text = calloc(1, WS_PIECE_MAX + 3);
    struct fixture f;

    (void)state;
    assert_non_null(text);
    start(&f);
    assert_int_equal(send_up(&f, text, WS_PIECE_MAX + 3), WS_PIECE_MAX + 3);
    assert_int_equal(f.rig.out.n, 4 + WS_PIECE_MAX + 2 + 3);
    assert_memory_equal(f.rig.out.p + 4 + WS_PIECE_MAX, "\x82\x03\0\0\0", 5);
    free(text);
    stop(&f);
}

/* A frame that was begun is sent whole; the next waits; input waits with it. */
static void test_peer_reads_slowly(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    f.rig.capacity = 3;
    assert_int_equal(send_up(&f, "abcd", 4), 4); /* taken: the head promised it */
    assert_true(SENT(&f, "\x82\x04"
                         "a"));
    assert_int_equal(send_up(&f, "ef", 2), 0);
    say(&f, "in");
    assert_true(got(&f, ""));
    rig_drain(&f.rig, 2);
    assert_int_equal(f.top.writables, 0);
    rig_drain(&f.rig, 1);
    assert_int_equal(f.top.writables, 1);
    assert_true(SENT(&f, "\x82\x04"
                         "abcd"));
    rig_turn(&f.rig);
    assert_true(got(&f, "in"));
    rig_drain(&f.rig, RIG_ALL);
    assert_int_equal(send_up(&f, "ef", 2), 2);
    assert_true(SENT(&f, "\x82\x04"
                         "abcd\x82\x02"
                         "ef"));
    assert_int_equal(f.top.writables, 1);
    stop(&f);
}

/* In one flight: other connections have their turn between. */
static void test_pings_have_turns(void **state)
{
    enum { COUNT = 2 * WS_TURN_MAX + 1, ANSWER = 2 };
    struct rig_bytes b = { 0 };
    struct fixture f;

    (void)state;
    start(&f);
    for (int i = 0; i < COUNT; i++)
        put_frame(&b, BERTH_WS_PING, true, "", 0);
    rig_offer(&f.rig, b.p, b.n);
    CHECK("one turn", f.rig.out.n == ANSWER * WS_TURN_MAX);
    for (int i = 0; i < 10 && f.rig.out.n < ANSWER * COUNT; i++)
        rig_turn(&f.rig);
    CHECK("all in the end", f.rig.out.n == ANSWER * COUNT);
    rig_bytes_free(&b);
    stop(&f);
}

/* Pings cannot pile up answers: while one waits for room nothing is read. */
static void test_flood_of_pings(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    f.rig.capacity = 0;
    for (int i = 0; i < 1000; i++)
        say_frame(&f, BERTH_WS_PING, true, "0123456789");
    assert_true(f.rig.in.n >= 999 * 16);
    rig_drain(&f.rig, RIG_ALL);
    for (int i = 0; i < 1000 / WS_TURN_MAX + 1; i++)
        rig_turn(&f.rig);
    assert_int_equal(f.top.writables, 0); /* which had nothing to write */
    assert_int_equal(f.rig.in.n, 0);
    assert_int_equal(f.rig.out.n, 1000 * 12);
    stop(&f);
}

/* ---- closing ---- */

static void test_peer_closes(void **state)
{
    static const struct {
        const char *name, *payload, *sent;
        size_t sent_n;
        bool refused;
    } rows[] = {
        { "normally", "\x03\xe8", "\x88\x02\x03\xe8", 4, false },
        { "with a reason", "\x03\xe9gone", "\x88\x02\x03\xe9", 4, false },
        { "without status", "", "\x88\x00", 2, false },
        { "with half a status", "\x03", "\x88\x02\x03\xea", 4, true },
        { "with a status that is never sent", "\x03\xed", "\x88\x02\x03\xea", 4, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f;

        start(&f);
        say_frame(&f, BERTH_WS_CLOSE, true, rows[i].payload);
        say(&f, "too late");
        CHECK(rows[i].name, sent(&f, rows[i].sent, rows[i].sent_n));
        CHECK(rows[i].name, f.rig.close_wanted && (f.why != NULL) == rows[i].refused);
        CHECK(rows[i].name, got(&f, ""));
        CHECK(rows[i].name, send_up(&f, "dropped", 7) == 7);
        layer_close(f.top.l.below); /* both at once: still one close */
        rig_turn(&f.rig);
        CHECK(rows[i].name, sent(&f, rows[i].sent, rows[i].sent_n));
        CHECK(rows[i].name, f.rig.closed && f.rig.closes == 1 && f.top.closes == 1);
        stop(&f);
    }
}

/* Our close frame, then the peer's; what it still sends before that is nobody's. */
static void test_above_closes(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    (void)send_up(&f, "bye", 3);
    layer_close(f.top.l.below);
    layer_close(f.top.l.below);
    assert_true(SENT(&f, "\x82\x03"
                         "bye\x88\x02\x03\xe8"));
    assert_int_equal(send_up(&f, "dropped", 7), 7);
    say(&f, "under way");
    say_frame(&f, BERTH_WS_PING, true, "");
    rig_turn(&f.rig);
    assert_false(f.rig.close_wanted);
    say_frame(&f, BERTH_WS_CLOSE, true, "\x03\xe8");
    assert_true(f.rig.close_wanted);
    assert_true(got(&f, "") && f.top.inputs == 0);
    assert_true(SENT(&f, "\x82\x03"
                         "bye\x88\x02\x03\xe8"));
    assert_null(f.why);
    stop(&f);
}

/* DISCONNECT: the layer above closes inside input, with bytes left behind it. */
static void test_above_closes_within_input(void **state)
{
    struct rig_bytes b = { 0 };
    struct fixture f;

    (void)state;
    start(&f);
    f.top.close_in_input = true;
    f.top.appetite = 1;
    put_frame(&b, BERTH_WS_BINARY, true, "abc", 3);
    put_frame(&b, BERTH_WS_BINARY, true, "def", 3);
    put_frame(&b, BERTH_WS_CLOSE, true, "", 0);
    rig_offer(&f.rig, b.p, b.n);
    assert_true(got(&f, "a") && f.top.inputs == 1);
    assert_true(SENT(&f, "\x88\x02\x03\xe8"));
    assert_true(f.rig.close_wanted);
    rig_bytes_free(&b);
    stop(&f);
}

/* Held input does not keep the peer's close frame away. */
static void test_above_closes_with_input_held(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    f.top.appetite = 0;
    say(&f, "held");
    say_frame(&f, BERTH_WS_CLOSE, true, "");
    assert_true(f.rig.in.n > 0);
    layer_close(f.top.l.below);
    rig_turn(&f.rig);
    assert_true(f.rig.closed && got(&f, ""));
    stop(&f);
}

/* A connection that is being closed is told so once; what follows the end is consumed. */
static void test_garbage_after_close(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    layer_close(f.top.l.below);
    rig_offer(&f.rig, "\x88\x01garbage", 9);
    assert_true(SENT(&f, "\x88\x02\x03\xe8"));
    assert_true(f.rig.close_wanted && f.rig.in.n == 0);
    stop(&f);

    start(&f);
    rig_offer(&f.rig, "\x88\x80\x01\x02\x03\x04garbage", 13);
    assert_true(f.rig.close_wanted && f.rig.in.n == 0 && f.why == NULL);
    stop(&f);
}

static void test_peer_never_closes(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    layer_close(f.top.l.below);
    loop_skip(f.loop, WS_CLOSE_MS - LOOP_TICK_MS);
    assert_false(f.rig.close_wanted);
    loop_skip(f.loop, 2 * LOOP_TICK_MS);
    assert_true(f.rig.close_wanted);
    stop(&f);
}

/* The last frames leave before the connection ends, or are given up. */
static void test_close_waits_for_room(void **state)
{
    (void)state;
    for (int drained = 0; drained < 2; drained++) {
        struct fixture f;

        start(&f);
        f.rig.capacity = 1;
        (void)send_up(&f, "ab", 2);
        say_frame(&f, BERTH_WS_CLOSE, true, ""); /* not read before the rest has left */
        layer_close(f.top.l.below);
        rig_turn(&f.rig);
        assert_false(f.rig.close_wanted);
        if (drained) {
            rig_drain(&f.rig, RIG_ALL);
            rig_turn(&f.rig);
            assert_true(SENT(&f, "\x82\x02"
                                 "ab\x88\x02\x03\xe8"));
        } else {
            loop_skip(f.loop, WS_CLOSE_MS + LOOP_TICK_MS);
        }
        assert_true(f.rig.close_wanted);
        stop(&f);
    }
}

/* ---- what is refused ---- */

static void test_refusals(void **state)
{
    static const struct {
        const char *name;
        const char *bytes;
        size_t n;
        const char *status; /* of the close frame */
    } rows[] = {
        { "not masked", "\x82\x01", 2, "\x03\xea" },
        { "compressed, though nothing was agreed on", "\xc2", 1, "\x03\xea" },
        { "unknown opcode", "\x83", 1, "\x03\xea" },
        { "ping in fragments", "\x09", 1, "\x03\xea" },
        { "ping of 126 bytes", "\x89\xfe", 2, "\x03\xea" },
        { "continuation of nothing", "\x80", 1, "\x03\xea" },
        { "text", "\x81\x81" MASK, 6, "\x03\xeb" },
        { "empty text", "\x81\x80" MASK, 6, "\x03\xeb" },
        { "a frame over its bound by one", "\x82\xff\0\0\0\0\0\x10\0\x01", 10, "\x03\xf1" },
        { "HTTP", "GET / HTTP/1.1\r\n\r\n", 18, "\x03\xea" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f;
        char want[4] = { '\x88', 2, rows[i].status[0], rows[i].status[1] };

        start(&f);
        say(&f, "before");
        rig_offer(&f.rig, rows[i].bytes, rows[i].n - 1);
        if (i != ARRAY_LEN(rows) - 1)
            CHECK(rows[i].name, f.why == NULL);
        rig_offer(&f.rig, rows[i].bytes + rows[i].n - 1, 1);
        CHECK(rows[i].name, f.why != NULL && f.rig.close_wanted);
        CHECK(rows[i].name, sent(&f, want, sizeof want));
        rig_turn(&f.rig);
        CHECK(rows[i].name, f.rig.closed && f.top.closes == 1 && got(&f, "before"));
        stop(&f);
    }
}

static void test_new_message_inside_another(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    say_frame(&f, BERTH_WS_BINARY, false, "a");
    say_frame(&f, BERTH_WS_PING, true, "");
    assert_null(f.why);
    say(&f, "b");
    assert_non_null(f.why);
    assert_true(got(&f, "a"));
    stop(&f);
}

static struct layer *nothing(void *user, struct layer *ws)
{
    (void)user;
    (void)ws;
    return NULL;
}

static void test_nothing_above(void **state)
{
    static const struct ws_options none = { .up = nothing };
    struct fixture f;

    (void)state;
    start(&f);
    assert_null(ws_layer_new(&f.rig.l, &none, NULL));
    stop(&f);
}

static void test_accept(void **state)
{
    char text[WS_ACCEPT_SIZE + 1];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ws_recorded); i++) {
        CHECK(ws_recorded[i].name, ws_accept(berth_str_of(ws_recorded[i].key), text));
        CHECK(ws_recorded[i].name, strcmp(text, ws_recorded[i].accept) == 0);
    }
    assert_false(ws_accept(BERTH_STR("dGhlIHNhbXBsZSBub25jZQ==x"), text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_talks),
        cmocka_unit_test(test_large_frames),
        cmocka_unit_test(test_reader_takes_its_time),
        cmocka_unit_test(test_writes),
        cmocka_unit_test(test_long_write_is_cut),
        cmocka_unit_test(test_peer_reads_slowly),
        cmocka_unit_test(test_pings_have_turns),
        cmocka_unit_test(test_flood_of_pings),
        cmocka_unit_test(test_peer_closes),
        cmocka_unit_test(test_above_closes),
        cmocka_unit_test(test_above_closes_within_input),
        cmocka_unit_test(test_above_closes_with_input_held),
        cmocka_unit_test(test_garbage_after_close),
        cmocka_unit_test(test_peer_never_closes),
        cmocka_unit_test(test_close_waits_for_room),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_new_message_inside_another),
        cmocka_unit_test(test_nothing_above),
        cmocka_unit_test(test_accept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
