#include "net/ws.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "crypto/b64.h"
#include "net/bytes.h"
#include "net/loop.h"
#include "wire/websocket.h"

#define SHA1_SIZE 20
#define GUID      "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 section 1.3 */

enum ws_state {
    WS_OPEN,
    WS_CLOSING, /* our close frame is on its way, the peer's has not come */
    WS_ENDING,  /* nothing more is read; closed below once all has left */
    WS_ENDED,
};

struct ws {
    struct layer l;
    const struct ws_options *o;
    void *user;
    enum ws_state state;
    bool in_message; /* a fragment came, its last one has not */
    bool in_payload; /* HEAD is that of the frame under way */
    bool held;       /* the layer above left bytes */
    bool stalled;    /* input was left because UNSENT had to go first */
    bool peer_ended; /* no close frame will come any more */
    bool full;       /* a write was taken in part: the layer above waits for WRITABLE */
    struct berth_ws_head head;
    size_t payload_at;
    uint8_t begun[BERTH_WS_HEAD_MAX]; /* a head that has not come whole */
    size_t begun_n;
    uint8_t control[BERTH_WS_CONTROL_MAX]; /* of the control frame under way, unmasked */
    unsigned controls;                     /* control frames of this turn */
    struct bytes unsent;
    struct deadline limit; /* of the closing */
    struct deadline turn;  /* set: other connections have theirs first */
};

static struct ws *ws_of(struct layer *l)
{
    return (struct ws *)(void *)((char *)l - offsetof(struct ws, l));
}

/* ---- closing ---- */

static void close_below(struct ws *w)
{
    w->state = WS_ENDED;
    deadline_clear(&w->limit);
    deadline_clear(&w->turn);
    bytes_free(&w->unsent);
    layer_close(w->l.below);
}

static void on_limit(struct deadline *d)
{
    close_below((struct ws *)(void *)((char *)d - offsetof(struct ws, limit)));
}

static void end(struct ws *w)
{
    if (w->state == WS_ENDED)
        return;
    w->state = WS_ENDING;
    if (w->unsent.n == 0)
        close_below(w);
    else
        deadline_set(w->l.loop, &w->limit, WS_CLOSE_MS, on_limit);
}

/* ---- sending ---- */

/* Hands FRAME down; what has no room there is kept, so that no frame is ever cut short. */
static void send_frame(struct ws *w, berth_str frame)
{
    size_t sent = 0;

    if (w->unsent.n == 0)
        sent = layer_write(w->l.below, frame.p, frame.n);
    if (!bytes_append(&w->unsent, frame.p + sent, frame.n - sent))
        close_below(w);
}

static void send_close(struct ws *w, uint16_t code)
{
    char text[BERTH_WS_HEAD_MAX + 2];
    struct berth_buf b;

    berth_buf_init(&b, text, sizeof text);
    berth_ws_close_put(&b, code);
    send_frame(w, berth_buf_str(&b));
}

/* Head and payload leave together: apart they would be two TLS records in two segments. */
static void send_payload(struct ws *w, enum berth_ws_opcode opcode, berth_str payload)
{
    struct berth_ws_head head = { .opcode = opcode, .fin = true, .payload_n = payload.n };
    char text[BERTH_WS_HEAD_MAX + WS_PIECE_MAX];
    struct berth_buf b;

    berth_buf_init(&b, text, sizeof text);
    berth_ws_head_put(&b, &head);
    berth_buf_put(&b, payload);
    send_frame(w, berth_buf_str(&b));
}

static size_t ws_write(struct layer *l, const uint8_t *p, size_t n)
{
    struct ws *w = ws_of(l);
    size_t taken = 0;

    while (taken < n && w->state == WS_OPEN && w->unsent.n == 0) {
        size_t piece = n - taken < WS_PIECE_MAX ? n - taken : WS_PIECE_MAX;

        send_payload(w, BERTH_WS_BINARY, (berth_str){ (const char *)p + taken, piece });
        taken += piece;
    }
    if (w->state != WS_OPEN)
        return n;
    w->full = taken < n;
    return taken;
}

static void ws_writable(struct layer *l)
{
    struct ws *w = ws_of(l);

    if (w->state == WS_ENDED)
        return;
    bytes_drop(&w->unsent, layer_write(l->below, w->unsent.p, w->unsent.n));
    if (w->unsent.n > 0)
        return;
    if (w->state == WS_ENDING) {
        close_below(w);
        return;
    }
    if (w->stalled) {
        w->stalled = false;
        layer_resume(l->below);
    }
    if (w->full && w->state == WS_OPEN) {
        w->full = false;
        l->above->ops->writable(l->above);
    }
}

/* ---- receiving ---- */

/* Says why by a close frame, and hears no more (RFC 6455 section 7.1.7). */
static void fail(struct ws *w, uint16_t code, const char *why)
{
    if (w->o->refused != NULL)
        w->o->refused(w->user, &w->l, why);
    if (w->state == WS_OPEN)
        send_close(w, code);
    end(w);
}

static void on_close_frame(struct ws *w, berth_str payload)
{
    uint16_t code;

    if (berth_ws_close_read(payload, &code) != BERTH_OK) {
        fail(w, BERTH_WS_PROTOCOL_ERROR, "a close frame with a bad status or reason");
        return;
    }
    if (w->state == WS_OPEN)
        send_close(w, code);
    end(w);
}

static void on_control(struct ws *w)
{
    berth_str payload = { (const char *)w->control, w->head.payload_n };

    w->in_payload = false;
    w->controls++;
    if (w->head.opcode == BERTH_WS_CLOSE)
        on_close_frame(w, payload);
    else if (w->head.opcode == BERTH_WS_PING && w->state == WS_OPEN)
        send_payload(w, BERTH_WS_PONG, payload);
}

static bool is_control(const struct ws *w)
{
    return w->head.opcode >= BERTH_WS_CLOSE;
}

static void begin_payload(struct ws *w)
{
    w->payload_at = 0;
    w->in_payload = w->head.payload_n > 0;
    if (w->head.opcode == BERTH_WS_TEXT) {
        fail(w, BERTH_WS_NOT_BINARY, "a text frame: MQTT travels in binary ones");
        return;
    }
    if (!is_control(w))
        w->in_message = !w->head.fin;
    else if (!w->in_payload)
        on_control(w);
}

/* Goes on with a frame's head; returns how many bytes belong to it. */
static size_t take_head(struct ws *w, const uint8_t *p, size_t n)
{
    const struct berth_ws_rules rules = { WS_FRAME_MAX, true, w->in_message };
    size_t had = w->begun_n;
    size_t room = sizeof w->begun - had;
    size_t added = n < room ? n : room;
    size_t used;

    memcpy(w->begun + had, p, added);
    berth_err e = berth_ws_head_read((berth_str){ (const char *)w->begun, had + added }, &rules,
                                     &w->head, &used);
    if (e == BERTH_E_RANGE)
        fail(w, BERTH_WS_TOO_BIG, "a frame over its bound");
    else if (e != BERTH_OK)
        fail(w, BERTH_WS_PROTOCOL_ERROR, "bytes that are no frame of a WebSocket client");
    if (e != BERTH_OK)
        return n;
    if (used == 0) {
        w->begun_n = had + added;
        return added;
    }
    w->begun_n = 0;
    begin_payload(w);
    return used - had;
}

/* Unmasks beside the input, which is lent and may be offered again. */
static size_t pass_up(struct ws *w, const uint8_t *p, size_t n)
{
    uint8_t text[WS_PIECE_MAX];
    size_t size = n < sizeof text ? n : sizeof text;

    if (w->state != WS_OPEN)
        return n;
    berth_ws_mask(text, p, size, w->head.mask, w->payload_at);
    size_t used = layer_input(w->l.above, text, size);
    explicit_bzero(text, size);
    if (w->state != WS_OPEN)
        return size;
    w->held = used < size;
    return used;
}

static size_t take_payload(struct ws *w, const uint8_t *p, size_t n)
{
    size_t left = w->head.payload_n - w->payload_at;
    size_t used = n < left ? n : left;

    if (is_control(w))
        berth_ws_mask(w->control + w->payload_at, p, used, w->head.mask, w->payload_at);
    else
        used = pass_up(w, p, used);
    w->payload_at += used;
    if (w->payload_at < w->head.payload_n)
        return used;
    if (is_control(w))
        on_control(w);
    else
        w->in_payload = false;
    return used;
}

static void on_turn(struct deadline *d)
{
    layer_resume(((struct ws *)(void *)((char *)d - offsetof(struct ws, turn)))->l.below);
}

static bool goes_on(const struct ws *w)
{
    return !w->held && w->unsent.n == 0 && w->state < WS_ENDING;
}

/* A peer may send ten thousand pings in one flight, each of which is answered: after some of them
 * the others have their turn. */
static size_t ws_input(struct layer *l, const uint8_t *p, size_t n)
{
    struct ws *w = ws_of(l);
    size_t used = 0;

    w->held = false;
    w->controls = 0;
    while (used < n && goes_on(w) && w->controls < WS_TURN_MAX) {
        if (w->in_payload)
            used += take_payload(w, p + used, n - used);
        else
            used += take_head(w, p + used, n - used);
    }
    if (w->state >= WS_ENDING)
        return n;
    w->stalled = used < n && w->unsent.n > 0;
    if (used < n && goes_on(w))
        deadline_set(l->loop, &w->turn, 0, on_turn);
    return used;
}

/* ---- the rest ---- */

static void ws_resume(struct layer *l)
{
    if (ws_of(l)->state < WS_ENDING)
        layer_resume(l->below);
}

static void ws_close(struct layer *l)
{
    struct ws *w = ws_of(l);

    if (w->state != WS_OPEN)
        return;
    w->state = WS_CLOSING;
    deadline_set(l->loop, &w->limit, WS_CLOSE_MS, on_limit);
    send_close(w, BERTH_WS_NORMAL);
    if (w->peer_ended)
        end(w);
    else if (w->state == WS_CLOSING)
        layer_resume(l->below); /* what is held back stands before the peer's close frame */
}

static void ws_ended(struct layer *l)
{
    struct ws *w = ws_of(l);

    w->peer_ended = true;
    if (w->state != WS_OPEN || !layer_ended(l->above))
        end(w);
}

static void ws_closed(struct layer *l)
{
    struct ws *w = ws_of(l);

    deadline_clear(&w->limit);
    deadline_clear(&w->turn);
    l->above->ops->closed(l->above);
    bytes_free(&w->unsent);
    free(w);
}

static const struct layer_ops ws_ops = {
    .input = ws_input,
    .writable = ws_writable,
    .ended = ws_ended,
    .closed = ws_closed,
    .write = ws_write,
    .resume = ws_resume,
    .close = ws_close,
};

struct layer *ws_layer_new(struct layer *below, const struct ws_options *o, void *user)
{
    struct ws *w = calloc(1, sizeof *w);

    if (w == NULL)
        return NULL;
    w->l = (struct layer){ .ops = &ws_ops, .below = below, .loop = below->loop };
    w->o = o;
    w->user = user;
    w->l.above = o->up(user, &w->l);
    if (w->l.above == NULL) {
        free(w);
        return NULL;
    }
    return &w->l;
}

bool ws_accept(berth_str key, char out[WS_ACCEPT_SIZE + 1])
{
    char text[BERTH_WS_KEY_SIZE + sizeof GUID - 1];
    uint8_t hash[SHA1_SIZE];
    struct berth_buf b;

    berth_buf_init(&b, text, sizeof text);
    berth_buf_put(&b, key);
    berth_buf_put(&b, BERTH_STR(GUID));
    if (b.over || EVP_Digest(b.p, b.n, hash, NULL, EVP_sha1(), NULL) != 1)
        return false;
    berth_buf_init(&b, out, WS_ACCEPT_SIZE);
    berth_b64_put(&b, hash, sizeof hash);
    out[b.n] = '\0';
    return !b.over;
}
