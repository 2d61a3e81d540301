/* What `berth dev` adds to the front: faults from text, the words of refusals, the layer that
 * drops. */
#include <stdio.h>
#include <string.h>

#include "front/dev.h"
#include "unit/check.h"
#include "unit/layer_rig.h"

/* ---- faults from text ---- */

#define A16    "aaaaaaaaaaaaaaaa"
#define ID_128 A16 A16 A16 A16 A16 A16 A16 A16

static const struct {
    const char *name, *text;
    berth_err want;
    enum dev_fault_kind kind;
    int64_t value; /* by the kind: milliseconds, reason, times, bytes */
} rows[] = {
    { "milliseconds", "sn-1:delay=500ms", BERTH_OK, DEV_DELAY, 500 },
    { "seconds", "sn-1:delay=2s", BERTH_OK, DEV_DELAY, 2000 },
    { "the longest delay", "sn-1:delay=10m", BERTH_OK, DEV_DELAY, DEV_DELAY_MAX_MS },
    { "the same in seconds", "sn-1:delay=600s", BERTH_OK, DEV_DELAY, DEV_DELAY_MAX_MS },
    { "a longer one", "sn-1:delay=11m", BERTH_E_RANGE, DEV_DELAY, 0 },
    { "a longer one in ms", "sn-1:delay=600001ms", BERTH_E_RANGE, DEV_DELAY, 0 },
    { "no delay at all", "sn-1:delay=0s", BERTH_E_RANGE, DEV_DELAY, 0 },
    { "a delay without a unit", "sn-1:delay=5", BERTH_E_RANGE, DEV_DELAY, 0 },
    { "a unit alone", "sn-1:delay=ms", BERTH_E_RANGE, DEV_DELAY, 0 },
    { "an empty delay", "sn-1:delay=", BERTH_E_RANGE, DEV_DELAY, 0 },
    { "a delay without value", "sn-1:delay", BERTH_E_RANGE, DEV_DELAY, 0 },
    { "refused", "sn-1:refuse", BERTH_OK, DEV_REFUSE, BERTH_WHY_SIGNATURE_UNKNOWN },
    { "with a reason", "sn-1:refuse=TOKEN_EXPIRED", BERTH_OK, DEV_REFUSE, BERTH_WHY_TOKEN_EXPIRED },
    { "in small letters", "sn-1:refuse=no_hub", BERTH_OK, DEV_REFUSE, BERTH_WHY_NO_HUB },
    { "the last of registrations", "sn-1:refuse=THROTTLED_PEER", BERTH_OK, DEV_REFUSE,
      BERTH_WHY_THROTTLED_PEER },
    { "the first of the service's", "sn-1:refuse=SERVICE_TOKEN_MISSING", BERTH_E_RANGE, DEV_REFUSE,
      0 },
    { "no reason", "sn-1:refuse=", BERTH_E_RANGE, DEV_REFUSE, 0 },
    { "always throttled", "sn-1:throttle", BERTH_OK, DEV_THROTTLE, -1 },
    { "three times", "sn-1:throttle=3", BERTH_OK, DEV_THROTTLE, 3 },
    { "with a time to wait", "sn-1:throttle=3,600", BERTH_OK, DEV_THROTTLE, 3 },
    { "too long a time", "sn-1:throttle=3,601", BERTH_E_RANGE, DEV_THROTTLE, 0 },
    { "no time", "sn-1:throttle=3,0", BERTH_E_RANGE, DEV_THROTTLE, 0 },
    { "the most", "sn-1:throttle=1000000", BERTH_OK, DEV_THROTTLE, DEV_THROTTLES_MAX },
    { "one more", "sn-1:throttle=1000001", BERTH_E_RANGE, DEV_THROTTLE, 0 },
    { "zero times", "sn-1:throttle=0", BERTH_E_RANGE, DEV_THROTTLE, 0 },
    { "no byte", "sn-1:drop-after=0", BERTH_OK, DEV_DROP, 0 },
    { "the most bytes", "sn-1:drop-after=1000000", BERTH_OK, DEV_DROP, DEV_DROP_MAX },
    { "one byte more", "sn-1:drop-after=1000001", BERTH_E_RANGE, DEV_DROP, 0 },
    { "less than none", "sn-1:drop-after=-1", BERTH_E_RANGE, DEV_DROP, 0 },
    { "assigning", "sn-1:assigning-forever", BERTH_OK, DEV_ASSIGNING, 0 },
    { "a value that is not taken", "sn-1:assigning-forever=", BERTH_E_SYNTAX, DEV_ASSIGNING, 0 },
    { "the last colon counts", "a:b:refuse", BERTH_OK, DEV_REFUSE, BERTH_WHY_SIGNATURE_UNKNOWN },
    { "the longest ID", ID_128 ":refuse", BERTH_OK, DEV_REFUSE, BERTH_WHY_SIGNATURE_UNKNOWN },
    { "a longer ID", ID_128 "a:refuse", BERTH_E_SYNTAX, DEV_REFUSE, 0 },
    { "no ID", ":refuse", BERTH_E_SYNTAX, DEV_REFUSE, 0 },
    { "no colon", "refuse", BERTH_E_SYNTAX, DEV_REFUSE, 0 },
    { "nothing", "", BERTH_E_SYNTAX, DEV_REFUSE, 0 },
    { "an unknown kind", "sn-1:explode", BERTH_E_SYNTAX, DEV_REFUSE, 0 },
};

static int64_t value_of(struct dev_fault *f)
{
    switch (f->kind) {
    case DEV_DELAY:
        return f->delay_ms;
    case DEV_REFUSE:
        return (int64_t)f->reason;
    case DEV_THROTTLE:
        return f->throttles;
    case DEV_DROP:
        return (int64_t)f->drop_after;
    case DEV_ASSIGNING:
        break;
    }
    return 0;
}

static void test_fault_text(void **state)
{
    static struct dev d;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char problem[384] = "";
        d.count = 0;
        berth_err e = dev_add_fault(&d, berth_str_of(rows[i].text), problem, sizeof problem);

        CHECK(rows[i].name, e == rows[i].want);
        CHECK(rows[i].name, (e == BERTH_OK) == (problem[0] == '\0'));
        CHECK(rows[i].name, d.count == (e == BERTH_OK ? 1u : 0u));
        if (e != BERTH_OK)
            continue;
        CHECK(rows[i].name, d.faults[0].kind == rows[i].kind);
        CHECK(rows[i].name, value_of(&d.faults[0]) == rows[i].value);
    }
}

static void test_fault_count(void **state)
{
    static struct dev d;
    char problem[384];

    (void)state;
    for (int i = 0; i < SEED_FAULTS_MAX; i++)
        assert_int_equal(dev_add_fault(&d, BERTH_STR("sn-1:refuse"), problem, sizeof problem),
                         BERTH_OK);
    assert_int_equal(dev_add_fault(&d, BERTH_STR("sn-1:refuse"), problem, sizeof problem),
                     BERTH_E_FULL);
    assert_non_null(strstr(problem, "256"));
}

/* ---- words ---- */

/* Adapters have 1024 bytes for an error's whole body. */
static void test_messages(void **state)
{
    static struct dev d;

    (void)state;
    for (unsigned r = BERTH_WHY_NONE + 1; r < BERTH_REASON_COUNT; r++) {
        const struct berth_reason_row *row = berth_reason_row((enum berth_reason)r);
        berth_str message = dev_message(&d, (enum berth_reason)r);

        CHECK(row->name, message.n > 0 && message.n < 640);
        CHECK(row->name, berth_str_starts(message, berth_str_of(row->peer)));
        CHECK(row->name, strstr(message.p, row->remedy) != NULL);
        CHECK(row->name, dev_message(NULL, (enum berth_reason)r).p == NULL);
    }
    assert_null(dev_message(&d, BERTH_WHY_NONE).p);
}

/* ---- the layer ---- */

struct stand {
    struct front f;
    struct rig socket;
    struct rig_top top;
};

static struct layer *make_top(void *user, struct layer *below)
{
    struct stand *s = user;

    rig_top_init(&s->top, below);
    return &s->top.l;
}

static struct layer *make_none(void *user, struct layer *below)
{
    (void)user;
    (void)below;
    return NULL;
}

static void open_stand(struct stand *s)
{
    *s = (struct stand){ 0 };
    assert_int_equal(loop_new(0, &s->f.loop), BERTH_OK);
    rig_init(&s->socket, s->f.loop);
    s->socket.l.above = dev_layer_new(&s->f, &s->socket.l, make_top, s);
    assert_non_null(s->socket.l.above);
}

static void close_stand(struct stand *s)
{
    rig_close(&s->socket);
    assert_int_equal(s->top.closes, 1);
    assert_null(s->f.dev_layers);
    rig_deinit(&s->socket);
    rig_top_deinit(&s->top);
    loop_free(s->f.loop);
}

static size_t write_down(struct stand *s, const char *text)
{
    return layer_write(s->socket.l.above, text, strlen(text));
}

static void arm(struct stand *s, size_t bytes)
{
    dev_layer_arm(&s->f, layer_peer(&s->socket.l), bytes);
}

static void test_layer_is_transparent(void **state)
{
    struct stand s;

    (void)state;
    open_stand(&s);
    assert_int_equal(write_down(&s, "hello"), 5);
    assert_int_equal(s.socket.out.n, 5);
    rig_offer(&s.socket, "abc", 3);
    assert_int_equal(s.top.got.n, 3);
    s.socket.capacity = 2;
    assert_int_equal(write_down(&s, "world"), 2);
    rig_drain(&s.socket, RIG_ALL);
    assert_int_equal(s.top.writables, 1);
    assert_int_equal(s.socket.closes, 0);
    close_stand(&s);
}

static void test_layer_drops(void **state)
{
    static const struct {
        const char *name;
        size_t after, out;
        bool dropped;
    } cases[] = {
        { "at once", 0, 0, true },
        { "in the middle", 4, 4, true },
        { "at the very end", 10, 10, true },
        { "later than all that is written", 11, 10, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stand s;
        open_stand(&s);
        arm(&s, cases[i].after);
        CHECK(cases[i].name, write_down(&s, "01234") == 5);
        CHECK(cases[i].name, write_down(&s, "56789") == 5);
        CHECK(cases[i].name, s.socket.out.n == cases[i].out);
        CHECK(cases[i].name, s.socket.close_wanted == cases[i].dropped);
        close_stand(&s);
    }
}

/* What the socket does not take yet is not what may still leave. */
static void test_layer_drops_under_pressure(void **state)
{
    struct stand s;

    (void)state;
    open_stand(&s);
    arm(&s, 4);
    s.socket.capacity = 3;
    assert_int_equal(write_down(&s, "01234"), 3);
    assert_false(s.socket.close_wanted);
    rig_drain(&s.socket, RIG_ALL);
    assert_int_equal(write_down(&s, "34"), 2);
    assert_int_equal(s.socket.out.n, 4);
    assert_true(s.socket.close_wanted);
    close_stand(&s);
}

static void test_layer_without_top(void **state)
{
    struct stand s = { 0 };

    (void)state;
    assert_int_equal(loop_new(0, &s.f.loop), BERTH_OK);
    rig_init(&s.socket, s.f.loop);
    assert_null(dev_layer_new(&s.f, &s.socket.l, make_none, NULL));
    assert_null(s.f.dev_layers);
    loop_free(s.f.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fault_text),        cmocka_unit_test(test_fault_count),
        cmocka_unit_test(test_messages),          cmocka_unit_test(test_layer_is_transparent),
        cmocka_unit_test(test_layer_drops),       cmocka_unit_test(test_layer_drops_under_pressure),
        cmocka_unit_test(test_layer_without_top),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
