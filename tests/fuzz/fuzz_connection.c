/* Whole connections over the real front, TLS left out: HTTP, MQTT and WebSocket for the device APIs
 * of DPS and hub and for the service APIs, up to four at once on one registry. The input is a
 * script (connection_script.h). What peers hear is read by rules that are not berth's, memory stays
 * within a bound, and when everybody has gone quiet every connection ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front/connection_refused.h"
#include "front/refusals.h"
#include "front/router.h"
#include "fuzz/connection_script.h"
#include "fuzz/peer_check.h"
#include "replay/stage.h"
#include "unit/layer_rig.h"

#define LINES_MAX 4
#define TURNS_MAX 4000
#define OPS_MAX   400
#define LINE_MEMORY                                                                                \
    ((size_t)4 << 20) /* two requests' arenas, the bodies, what waits to be sent                   \
                       */
#define COMMON_MEMORY                                                                              \
    ((size_t)8 << 20) /* what the registry, sessions and refusals come to hold                     \
                       */

struct line {
    struct rig socket;
    enum script_door door;
    bool open, narrowed, silent;
};

struct world {
    struct stage stage;
    struct refusals *refusals;
    struct line lines[LINES_MAX];
    size_t count, now;
    size_t memory; /* in use before anybody came */
    struct rig_bytes said;
    int frame; /* first byte of the frame that SAID goes into; -1: none */
};

/* The sanitizer's, where there is one; gcc has it without a header. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
    return __sanitizer_get_current_allocated_bytes == NULL
               ? 0
               : __sanitizer_get_current_allocated_bytes();
}

static void require(bool held, const char *what)
{
    if (held)
        return;
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

/* ---- the world ---- */

/* Signatures count for right unless their first byte is 0: nobody can guess one, and what follows
 * a login is what there is to be found. */
static bool easily_equal(void *ctx, const uint8_t *a, const uint8_t *b, size_t n)
{
    (void)ctx;
    return n == BERTH_SHA256_SIZE ? a[0] != 0 && b[0] != 0 : memcmp(a, b, n) == 0;
}

static void on_refused(void *user, struct layer *l, int status, const char *why)
{
    connection_http_refused(user, l, status, why);
}

static void open_world(struct world *w, uint8_t start)
{
    static const struct fake_options unsteady = { .seed = 7, .delay_max = 3, .reorder = true };
    static const struct fake_options prompt;

    memset(w, 0, sizeof *w);
    w->frame = -1;
    stage_open(&w->stage, SCRIPT_NOW_S * 1000, (struct limits_rates){ 0 });
    w->stage.front.crypto.equal = easily_equal;
    w->stage.http.refused = on_refused;
    require(refusals_new(&w->refusals) == BERTH_OK, "memory for refusals");
    w->stage.front.front.refusals = w->refusals;
    stage_enroll(&w->stage, (start & START_ASSIGNING_FIRST) != 0);
    stage_put_device(&w->stage, STAGE_SERVICE);
    if (start & START_HUB_DEVICE)
        stage_put_device(&w->stage, STAGE_HUB);
    fake_store_set(w->stage.front.store, start & START_UNSTEADY ? &unsteady : &prompt);
    w->memory = allocated();
}

static struct front *front_of(struct world *w)
{
    return &w->stage.front.front;
}

static bool is_waiting(const struct rig *r)
{
    return !r->closed && (r->close_wanted || r->resumed);
}

/* One turn of the loop and of the store; whether anything came of it. */
static bool turn(struct world *w)
{
    bool moved = registrar_open(front_of(w)->registrar) > 0 ||
                 fake_store_under_way(w->stage.front.store) > 0;

    front_rig_turn(&w->stage.front);
    for (size_t i = 0; i < w->count; i++) {
        struct rig *r = &w->lines[i].socket;
        moved = moved || is_waiting(r);
        if (is_waiting(r))
            rig_event(r);
    }
    return moved;
}

static size_t heard(const struct world *w)
{
    size_t n = 0;

    for (size_t i = 0; i < w->count; i++)
        n += w->lines[i].socket.out.n + w->lines[i].socket.in.n;
    return n;
}

/* What berth keeps for its peers is bounded, whatever they send. The rig's own copies aside. */
static void check_memory(const struct world *w)
{
    size_t used = allocated();
    size_t own = w->memory + w->said.cap;

    for (size_t i = 0; i < w->count; i++)
        own += w->lines[i].socket.out.cap + w->lines[i].socket.in.cap;
    require(used <= own + w->count * LINE_MEMORY + COMMON_MEMORY, "memory for these connections");
}

static void settle(struct world *w)
{
    for (int i = 0, quiet = 0; quiet < 3; i++) {
        size_t before = heard(w);
        bool moved = turn(w);
        quiet = moved || heard(w) != before ? 0 : quiet + 1;
        require(i < TURNS_MAX, "it comes to rest");
    }
    check_memory(w);
}

/* ---- what peers do ---- */

static void open_line(struct world *w, enum script_door door)
{
    struct line *l = &w->lines[w->count];

    if (w->count == LINES_MAX)
        return;
    *l = (struct line){ .door = door, .open = true };
    rig_init(&l->socket, front_of(w)->loop);
    l->socket.l.above = door == DOOR_MQTTS ? device_mqtt_new(front_of(w), &l->socket.l, "mqtts")
                                           : http_layer_new(&l->socket.l, &w->stage.http);
    require(l->socket.l.above != NULL, "memory for a connection");
    w->now = w->count++;
}

static void add_frame_head(struct rig_bytes *b, uint8_t first, size_t n)
{
    uint8_t head[] = { first, 0x80, (uint8_t)(n >> 8), (uint8_t)n, 0x11, 0x22, 0x33, 0x44 };

    if (n < 126) {
        head[1] |= (uint8_t)n;
        rig_bytes_add(b, head, 2);
    } else {
        head[1] |= 126;
        rig_bytes_add(b, head, 4);
    }
    rig_bytes_add(b, head + 4, 4);
}

static void say(struct world *w)
{
    struct rig_bytes frame = { 0 };
    struct line *l = &w->lines[w->now];

    if (w->count > 0 && !l->silent && w->frame >= 0 && w->said.n <= UINT16_MAX) {
        add_frame_head(&frame, (uint8_t)w->frame, w->said.n);
        for (size_t i = 0; i < w->said.n; i++)
            w->said.p[i] ^= (uint8_t)(0x11 * (i % 4 + 1));
        rig_bytes_add(&frame, w->said.p, w->said.n);
        rig_offer(&l->socket, frame.p, frame.n);
    } else if (w->count > 0 && !l->silent) {
        rig_offer(&l->socket, w->said.p, w->said.n);
    }
    rig_bytes_free(&frame);
    w->said.n = 0;
    w->frame = -1;
    (void)turn(w);
}

static void fail_store(struct world *w, uint8_t b)
{
    struct fake_options o = { .seed = b,
                              .delay_max = 2,
                              .fail_percent = b < 128 ? b % 101 : 0,
                              .lie_percent = b < 128 ? 0 : b % 101u };

    fake_store_set(w->stage.front.store, &o);
}

static void on_removed(void *user, const struct store_reply *reply)
{
    (void)user;
    (void)reply;
}

/* As somebody else on another worker would; nothing happens when it has gone already. */
static void remove_record(struct world *w, uint8_t b)
{
    static const struct {
        enum berth_kind kind;
        const char *scope, *key;
    } rows[] = {
        { BERTH_KIND_DEVICE, STAGE_HUB, STAGE_DEVICE },
        { BERTH_KIND_DEVICE, STAGE_SERVICE, STAGE_DEVICE },
        { BERTH_KIND_ENROLLMENT, "", STAGE_DEVICE },
        { BERTH_KIND_HUB, "", STAGE_HUB },
    };

    struct berth_change change = { .type = BERTH_DELETE,
                                   .expect = BERTH_ANY,
                                   .rec = { .kind = rows[b % 4].kind,
                                            .scope = berth_str_of(rows[b % 4].scope),
                                            .key = berth_str_of(rows[b % 4].key) } };

    store_commit(w->stage.front.inner, &change, 1, loop_now_ms(front_of(w)->loop), on_removed,
                 NULL);
}

static void drain(struct line *l)
{
    if (!l->socket.closed)
        rig_drain(&l->socket, RIG_ALL);
}

static void narrow(struct line *l, uint8_t b)
{
    l->narrowed = true;
    if (b == UINT8_MAX)
        drain(l);
    else
        l->socket.capacity = (size_t)16 * b;
}

static void leave(struct line *l)
{
    l->narrowed = true; /* what was on its way is lost */
    rig_close(&l->socket);
}

static bool takes_byte(uint8_t op)
{
    return strchr("okwtnfr", op) != NULL;
}

static void operate(struct world *w, uint8_t op, uint8_t b)
{
    struct line *l = &w->lines[w->now];

    say(w);
    if (op == OP_OPEN)
        open_line(w, b & 1 ? DOOR_MQTTS : DOOR_HTTPS);
    else if (op == OP_FRAME)
        w->frame = b;
    else if (op == OP_SETTLE)
        settle(w);
    else if (op == OP_TIME)
        loop_skip(front_of(w)->loop, (int64_t)1 << b % 24);
    else if (op == OP_STORE)
        fail_store(w, b);
    else if (op == OP_REMOVE)
        remove_record(w, b);
    if (w->count == 0)
        return;
    if (op == OP_SPEAK)
        w->now = b % w->count;
    else if (op == OP_NARROW)
        narrow(l, b);
    else if (op == OP_END)
        l->silent = true;
    else if (op == OP_GONE)
        leave(l);
}

static bool is_op(uint8_t c)
{
    return c != 0 && strchr("cokwstnhxfr", c) != NULL;
}

static void play(struct world *w, const uint8_t *p, size_t n)
{
    size_t ops = 0;

    for (size_t i = 0; i < n && ops < OPS_MAX; i++) {
        if (p[i] != SCRIPT_MARK || i + 1 == n || !is_op(p[i + 1])) {
            i += p[i] == SCRIPT_MARK && i + 1 < n && p[i + 1] == SCRIPT_MARK;
            rig_bytes_add(&w->said, &p[i], 1);
            continue;
        }
        uint8_t op = p[++i];
        uint8_t b = takes_byte(op) && i + 1 < n ? p[++i] : 0;
        operate(w, op, b);
        ops++;
    }
    say(w);
}

/* ---- the end ---- */

static void check_heard(const struct line *l)
{
    berth_str s = { (const char *)l->socket.out.p, l->socket.out.n };
    const char *wrong =
        l->door == DOOR_MQTTS ? peer_check_mqtt(s, l->narrowed) : peer_check_http(s, l->narrowed);

    require(wrong == NULL, wrong);
}

/* Everybody listens and nobody speaks: in the end the last deadline has passed, and what followed
 * from the one before. */
static void end(struct world *w)
{
    static const int64_t steps_s[] = { 20, 700, 3600, 10, 700 };
    struct front *f = front_of(w);

    fail_store(w, 0);
    for (size_t i = 0; i < w->count; i++)
        drain(&w->lines[i]);
    settle(w);
    for (size_t i = 0; i < sizeof steps_s / sizeof *steps_s; i++) {
        loop_skip(f->loop, steps_s[i] * 1000);
        settle(w);
    }
    for (size_t i = 0; i < w->count; i++) {
        require(w->lines[i].socket.closed, "a connection ends");
        check_heard(&w->lines[i]);
    }
    require(f->calls == NULL && f->hub_sessions == NULL && f->monitor_count == 0,
            "nothing is under way");
    require(loop_hold(f->loop, LOOP_HELD_LARGE_MAX), "nothing is held");
    loop_let_go(f->loop, LOOP_HELD_LARGE_MAX);
}

static void close_world(struct world *w)
{
    for (size_t i = 0; i < w->count; i++)
        rig_deinit(&w->lines[i].socket);
    rig_bytes_free(&w->said);
    stage_close(&w->stage);
    refusals_free(w->refusals);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static struct world w;

    if (n == 0)
        return 0;
    open_world(&w, p[0]);
    play(&w, p + 1, n - 1);
    end(&w);
    close_world(&w);
    return 0;
}
