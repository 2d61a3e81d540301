/* The ws layer over the rig, fed any bytes: the first says how they are split, how narrow the way
 * out is and how much the layer above takes at once. What arrives above must not depend on it; it
 * must be what a reader of whole frames finds. */
#include <stdlib.h>
#include <string.h>

#include "net/loop.h"
#include "net/ws.h"
#include "tests/unit/layer_rig.h"
#include "wire/websocket.h"

#define SPLITS 0x0f /* of the first byte: the largest piece, 0 for all at once */
#define NARROW 0x10 /* the peer reads slowly */
#define SPARE  0x20 /* the layer above takes a few bytes at a time */
#define LEAVES 0x40 /* it closes in the end */
#define ROUNDS 100000

static struct loop *loop;

struct run {
    struct rig rig;
    struct rig_top top;
    bool made;
    int refused;
};

static void require(bool held)
{
    if (!held)
        abort();
}

static struct layer *up(void *user, struct layer *ws)
{
    struct run *r = user;

    rig_top_init(&r->top, ws);
    r->made = true;
    return &r->top.l;
}

static void refused(void *user, struct layer *ws, const char *why)
{
    (void)ws;
    require(why != NULL);
    ((struct run *)user)->refused++;
}

static const struct ws_options options = { .up = up, .refused = refused };

/* What the frames hold, up to the first that ends the connection. */
static struct rig_bytes expected(const uint8_t *p, size_t n)
{
    struct berth_ws_rules rules = { WS_FRAME_MAX, true, false };
    struct rig_bytes out = { 0 };
    struct berth_ws_head h;
    size_t used;

    while (berth_ws_head_read((berth_str){ (const char *)p, n }, &rules, &h, &used) == BERTH_OK &&
           used > 0) {
        size_t size = h.payload_n < n - used ? h.payload_n : n - used;

        if (h.opcode == BERTH_WS_TEXT || (h.opcode == BERTH_WS_CLOSE && size == h.payload_n))
            break;
        if (h.opcode < BERTH_WS_CLOSE) {
            uint8_t *text = malloc(size + 1);
            require(text != NULL);
            berth_ws_mask(text, p + used, size, h.mask, 0);
            rig_bytes_add(&out, text, size);
            free(text);
            rules.in_message = !h.fin;
        }
        p += used + size;
        n -= used + size;
    }
    return out;
}

static void settle(struct run *r, uint8_t mode)
{
    for (int i = 0; i < ROUNDS && !r->rig.closed; i++) {
        size_t in = r->rig.in.n, out = r->rig.out.n;

        if (mode & SPARE && r->rig.in.n > 0) {
            r->top.appetite = 7;
            layer_resume(r->top.l.below);
        }
        if (r->rig.starved)
            rig_drain(&r->rig, 5);
        if (r->rig.in.n > 0 && !r->rig.resumed) /* after some pings others have their turn */
            (void)uv_run(loop_uv(loop), UV_RUN_NOWAIT);
        if (r->rig.resumed || r->rig.close_wanted)
            rig_turn(&r->rig);
        if (!r->rig.starved && r->rig.in.n == in && r->rig.out.n == out)
            return;
    }
}

/* What was sent must be whole frames of a server. */
static void check_output(const struct rig *rig)
{
    struct berth_ws_rules rules = { WS_PIECE_MAX, false, false };
    berth_str rest = { (const char *)rig->out.p, rig->out.n };
    struct berth_ws_head h;
    size_t used;

    while (rest.n > 0) {
        require(berth_ws_head_read(rest, &rules, &h, &used) == BERTH_OK);
        if (used == 0 || used + h.payload_n > rest.n)
            return; /* the peer did not take it all */
        rest = berth_str_sub(rest, used + h.payload_n, rest.n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    if (loop == NULL && loop_new(0, &loop) != BERTH_OK)
        abort();
    if (n == 0)
        return 0;
    uint8_t mode = *p++;
    n--;
    size_t most = mode & SPLITS ? (size_t)1 << ((mode & SPLITS) - 1) : n;
    struct run r = { 0 };

    rig_init(&r.rig, loop);
    r.rig.l.above = ws_layer_new(&r.rig.l, &options, &r);
    require(r.rig.l.above != NULL && r.made);
    if (mode & NARROW)
        r.rig.capacity = 3;
    if (mode & SPARE)
        r.top.appetite = 7;
    for (size_t at = 0; at < n; at += most) {
        rig_offer(&r.rig, p + at, n - at < most ? n - at : most);
        settle(&r, mode);
    }
    struct rig_bytes want = expected(p, n);
    require(r.top.got.n == want.n);
    require(want.n == 0 || memcmp(r.top.got.p, want.p, want.n) == 0);
    if (mode & LEAVES && !r.rig.closed)
        layer_close(r.top.l.below);
    settle(&r, mode);
    check_output(&r.rig);
    rig_close(&r.rig);
    require(r.top.closes == 1 && r.refused <= 1);
    rig_bytes_free(&want);
    rig_top_deinit(&r.top);
    rig_deinit(&r.rig);
    return 0;
}
