/* WebSocket by generation: every first byte, masked or not, every form of every telling length,
 * within a message and outside, cut at every byte of the head. What must come of each is worked out
 * here from RFC 6455, without the codec. */
#include <stdlib.h>
#include <string.h>

#include "net/loop.h"
#include "net/ws.h"
#include "tests/unit/check.h"
#include "tests/unit/layer_rig.h"

#define FIN      0x80
#define RESERVED 0x70
#define MASKED   0x80
#define CONTROL  0x08
#define ACCEPTED 0 /* no close frame */
#define WITHOUT  1 /* a close frame without a code */

struct fixture {
    struct loop *loop;
    struct rig rig;
    struct rig_top top;
};

struct frame {
    uint8_t first;
    bool masked;
    unsigned form; /* bytes of length behind the second one: 0, 2, 8 */
    uint64_t n;
    bool in_message;
};

static struct layer *up(void *user, struct layer *ws)
{
    struct fixture *f = user;

    rig_top_init(&f->top, ws);
    return &f->top.l;
}

static const struct ws_options options = { .up = up };

static void start(struct fixture *f, struct loop *loop, bool in_message)
{
    *f = (struct fixture){ .loop = loop };
    rig_init(&f->rig, loop);
    f->rig.l.above = ws_layer_new(&f->rig.l, &options, f);
    assert_non_null(f->rig.l.above);
    if (in_message)
        rig_offer(&f->rig, "\x02\x81\0\0\0\0m", 7);
    assert_int_equal(f->rig.out.n, 0);
}

static void stop(struct fixture *f)
{
    rig_turn(&f->rig);
    rig_close(&f->rig);
    assert_int_equal(f->top.closes, 1);
    rig_top_deinit(&f->top);
    rig_deinit(&f->rig);
}

static size_t write_head(const struct frame *w, uint8_t out[14])
{
    size_t n = 0;

    out[n++] = w->first;
    out[n++] = (uint8_t)((w->masked ? MASKED : 0) | (w->form == 0   ? (uint8_t)w->n
                                                     : w->form == 2 ? 126
                                                                    : 127));
    for (unsigned i = w->form; i-- > 0;)
        out[n++] = (uint8_t)(w->n >> 8 * i);
    for (int i = 0; i < 4 && w->masked; i++)
        out[n++] = 0;
    return n;
}

static bool is_shortest(const struct frame *w)
{
    return w->form == 0   ? w->n <= 125
           : w->form == 2 ? w->n > 125
                          : w->n > 0xffff && w->n >> 63 == 0;
}

/* The close code that the frame's head earns. */
static unsigned expected(const struct frame *w)
{
    uint8_t opcode = w->first & 15;
    bool control = (opcode & CONTROL) != 0;

    if ((w->first & RESERVED) != 0 || (opcode > 2 && opcode < 8) || opcode > 10 || !w->masked ||
        !is_shortest(w))
        return 1002;
    if (control)
        return (w->first & FIN) != 0 && w->n <= 125 ? ACCEPTED : 1002;
    if ((opcode == 0) != w->in_message)
        return 1002;
    if (w->n > WS_FRAME_MAX)
        return 1009;
    return opcode == 1 ? 1003 : ACCEPTED;
}

/* Of the close frame that the layer has sent; ACCEPTED when it sent none. */
static unsigned code_sent(const struct fixture *f)
{
    const uint8_t *p = f->rig.out.p;

    if (f->rig.out.n == 0 || p[0] != (FIN | 8))
        return ACCEPTED;
    return f->rig.out.n == 4 && p[1] == 2 ? (unsigned)p[2] << 8 | p[3] : WITHOUT;
}

static void offer_exact(struct fixture *f, const uint8_t *p, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);

    assert_non_null(copy);
    memcpy(copy, p, n);
    rig_offer(&f->rig, copy, n);
    free(copy);
}

static void judge(struct loop *loop, const struct frame *w)
{
    struct fixture f;
    uint8_t head[14];
    size_t n = write_head(w, head);
    bool closes = (w->first & 15) == 8; /* an empty close frame is answered by one */
    unsigned want = expected(w), code;

    start(&f, loop, w->in_message);
    offer_exact(&f, head, n);
    code = code_sent(&f);
    if (closes && want == ACCEPTED && w->n == 0)
        want = WITHOUT;
    if (code != want || f.rig.close_wanted != (want != ACCEPTED))
        fail_msg("first byte %02x, masked %d, length %llu in %u bytes, in a message %d: %u, not %u",
                 w->first, w->masked, (unsigned long long)w->n, w->form, w->in_message, code, want);
    stop(&f);

    for (size_t cut = 1; cut < n; cut++) { /* a beginning is waited for, or earns the same */
        start(&f, loop, w->in_message);
        offer_exact(&f, head, cut);
        code = code_sent(&f);
        if (code != ACCEPTED && code != want)
            fail_msg("first byte %02x, %zu of %zu bytes: %u, not %u", w->first, cut, n, code, want);
        offer_exact(&f, head + cut, n - cut);
        if (code_sent(&f) != want)
            fail_msg("first byte %02x, cut at %zu: %u, not %u", w->first, cut, code_sent(&f), want);
        stop(&f);
    }
}

static void test_every_head(void **state)
{
    static const uint64_t lengths[] = { 0,
                                        1,
                                        125,
                                        126,
                                        127,
                                        0xffff,
                                        0x10000,
                                        WS_FRAME_MAX,
                                        WS_FRAME_MAX + 1,
                                        1u << 31,
                                        1ull << 62,
                                        1ull << 63,
                                        UINT64_MAX };
    static const unsigned forms[] = { 0, 2, 8 };
    struct loop *loop;

    (void)state;
    assert_int_equal(loop_new(0, &loop), BERTH_OK);
    for (unsigned first = 0; first < 256; first++)
        for (unsigned bits = 0; bits < 4; bits++)
            for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
                for (size_t k = 0; k < ARRAY_LEN(forms); k++) {
                    struct frame w = { (uint8_t)first, bits & 1, forms[k], lengths[i], bits >> 1 };

                    if (w.form < 8 && w.n >> (w.form == 0 ? 7 : 16) != 0)
                        continue; /* cannot be written so */
                    if (w.form == 0 && w.n > 125)
                        continue; /* these two say that a longer form follows */
                    judge(loop, &w);
                }
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_head) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
