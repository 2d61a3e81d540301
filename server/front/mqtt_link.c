#include "front/mqtt_link.h"

#include <assert.h>

#include "front/connection_refused.h"
#include "front/refusals.h"
#include "net/listener.h"
#include "ops/log.h"

#define CONNECT_MS   15000            /* from the handshake to CONNECT */
#define IDLE_MS      (10 * 60 * 1000) /* without a packet, when the device set no keep-alive */
#define REST_MS      30000 /* for the rest of a packet, each time REST_BYTES of it have come */
#define REST_BYTES   (32 * 1024)
#define UNREAD_MS    30000         /* until the device reads something of what waits for it */
#define QUIET_MAX_MS (1767 * 1000) /* the same when it set one, however long: as IoT Hub does */

void mqtt_link_end(struct mqtt_link *l, const char *why)
{
    if (l->closing)
        return;
    l->closing = true;
    if (why != NULL)
        log_event(LOG_NOTICE, "mqtt connection closed", LOG_TEXT("why", berth_str_of(why)),
                  LOG_TEXT("peer", berth_str_of(layer_peer(&l->layer)->text)),
                  LOG_TEXT(l->id_name, l->id));
    layer_close(l->layer.below);
}

void mqtt_link_refuse(struct mqtt_link *l, enum berth_reason why)
{
    if (l->closing)
        return;
    connection_refused(l->f, &l->layer, why, l->transport, (berth_str){ 0 }, l->id);
    mqtt_link_end(l, berth_reason_row(why)->text);
}

static void too_quiet(struct deadline *d)
{
    struct mqtt_link *l =
        (struct mqtt_link *)(void *)((char *)d - offsetof(struct mqtt_link, quiet));

    mqtt_link_end(l, l->connected ? "no packet within the keep-alive time" : "no CONNECT in time");
}

/* From the connection's start to CONNECT, then from each whole packet to the next: bytes that make
 * none, however many, prolong nothing. */
static void restart_quiet(struct mqtt_link *l)
{
    int64_t ms = !l->connected          ? CONNECT_MS
                 : l->keep_alive_s == 0 ? IDLE_MS
                                        : (int64_t)l->keep_alive_s * 1500;

    deadline_set(l->f->loop, &l->quiet, ms < QUIET_MAX_MS ? ms : QUIET_MAX_MS, too_quiet);
}

void mqtt_link_connected(struct mqtt_link *l, uint16_t keep_alive_s)
{
    l->connected = true;
    l->keep_alive_s = keep_alive_s;
    restart_quiet(l);
}

/* ---- sending ---- */

static void not_read(struct deadline *d)
{
    struct mqtt_link *l =
        (struct mqtt_link *)(void *)((char *)d - offsetof(struct mqtt_link, unread));

    mqtt_link_end(l, "the device does not read its answers");
}

static void watch_tail(struct mqtt_link *l)
{
    if (l->tail.n > 0)
        deadline_set(l->f->loop, &l->unread, UNREAD_MS, not_read);
    else
        deadline_clear(&l->unread);
}

void mqtt_link_send(struct mqtt_link *l, const struct berth_buf *packet)
{
    size_t sent = l->tail.n > 0 ? 0 : layer_write(l->layer.below, packet->p, packet->n);
    size_t rest = packet->n - sent;

    assert(!packet->over);
    if (l->tail.n + rest > MQTT_TAIL_MAX)
        mqtt_link_end(l, "the device does not read its answers");
    else if (!bytes_append(&l->tail, packet->p + sent, rest))
        mqtt_link_end(l, "out of memory");
    if (l->tail.n > 0 && l->unread.prev == NULL)
        watch_tail(l);
}

static bool is_waiting(const struct mqtt_link *l)
{
    return l->layer.answering || l->tail.n > 0 || l->turn.prev != NULL;
}

/* ---- receiving ---- */

static void take_packet(struct mqtt_link *l, const struct berth_mqtt_packet *p)
{
    metrics_add(l->f->metrics, mqtt_packets, 1);
    if (l->connected)
        restart_quiet(l);
    if (l->connected || p->type == BERTH_MQTT_CONNECT)
        l->ops->packet(l, p);
    else
        mqtt_link_refuse(l, BERTH_WHY_MQTT_MALFORMED);
}

static void on_turn(struct deadline *d);

/* A peer may send thousands of packets in one flight. Those of several flights are counted
 * together: one event of the socket may bring some of them. */
static void end_turn(struct mqtt_link *l)
{
    if (++l->taken < MQTT_TURN_MAX || l->closing)
        return;
    l->taken = 0;
    deadline_set(l->f->loop, &l->turn, 0, on_turn);
}

/* Takes whole packets until none is left, or one has to be waited for. Returns the bytes used. */
static size_t take_packets(struct mqtt_link *l, berth_str bytes)
{
    size_t total = 0;

    while (bytes.n > 0 && !is_waiting(l) && !l->closing) {
        size_t max = l->connected ? l->bytes_max : MQTT_LOGIN_MAX, used;
        struct berth_mqtt_packet p;
        if (!l->connected && connection_is_http(bytes)) {
            mqtt_link_refuse(l, BERTH_WHY_HTTP_ON_MQTT_PORT);
            break;
        }
        if (berth_mqtt_read(bytes, max, &p, &used) != BERTH_OK) {
            mqtt_link_refuse(l, BERTH_WHY_MQTT_MALFORMED);
            break;
        }
        if (used == 0)
            break;
        take_packet(l, &p);
        end_turn(l);
        bytes = berth_str_sub(bytes, used, bytes.n);
        total += used;
    }
    return total;
}

static void watch_rest(struct mqtt_link *l);

static void rest_is_late(struct deadline *d)
{
    struct mqtt_link *l =
        (struct mqtt_link *)(void *)((char *)d - offsetof(struct mqtt_link, rest));

    if (is_waiting(l)) /* what is held may be whole packets, and waits for us */
        watch_rest(l);
    else
        mqtt_link_end(l, "the rest of a packet did not come in time");
}

/* The keep-alive alone would let anybody hold what all share for half an hour. */
static void watch_rest(struct mqtt_link *l)
{
    l->rest_from = l->held.n;
    deadline_set(l->f->loop, &l->rest, REST_MS, rest_is_late);
}

/* Only what is not taken yet; a packet may end the link. */
static void drop_held(struct mqtt_link *l, size_t n)
{
    bytes_drop(&l->held, n);
    loop_let_go(l->f->loop, n);
    if (l->held.n == 0 || l->closing)
        deadline_clear(&l->rest);
    else if (n > 0)
        watch_rest(l);
}

static void take_held(struct mqtt_link *l)
{
    drop_held(l, take_packets(l, (berth_str){ (const char *)l->held.p, l->held.n }));
}

/* False when the link had to end. */
static bool hold(struct mqtt_link *l, const uint8_t *p, size_t n)
{
    if (!loop_hold_more(l->f->loop, l->held.n, n)) {
        mqtt_link_refuse(l, BERTH_WHY_OVERLOADED);
        return false;
    }
    if (bytes_append(&l->held, p, n)) {
        if (l->rest.prev == NULL || l->held.n - l->rest_from >= REST_BYTES)
            watch_rest(l);
        return true;
    }
    loop_let_go(l->f->loop, n);
    mqtt_link_end(l, "out of memory");
    return false;
}

/* Packets held here come first, then what the layer below kept. */
static void go_on(struct mqtt_link *l)
{
    if (l->held.n > 0)
        take_held(l);
    if (is_waiting(l) || l->closing)
        return;
    if (l->ended)
        mqtt_link_end(l, NULL);
    else
        layer_resume(l->layer.below);
}

void mqtt_link_go_on(struct mqtt_link *l)
{
    l->layer.answering = false;
    go_on(l);
}

static void on_turn(struct deadline *d)
{
    struct mqtt_link *l =
        (struct mqtt_link *)(void *)((char *)d - offsetof(struct mqtt_link, turn));

    if (!is_waiting(l)) /* else whoever it waits for goes on */
        go_on(l);
}

static void on_writable(struct layer *layer)
{
    struct mqtt_link *l = (struct mqtt_link *)layer;

    bytes_drop(&l->tail, layer_write(layer->below, l->tail.p, l->tail.n));
    watch_tail(l);
    if (!is_waiting(l))
        mqtt_link_go_on(l);
}

static size_t on_input(struct layer *layer, const uint8_t *p, size_t n)
{
    struct mqtt_link *l = (struct mqtt_link *)layer;
    size_t used = 0;

    if (l->closing)
        return n;
    if (l->held.n > 0) {
        take_held(l);
        if (is_waiting(l))
            return 0; /* offered again after layer_resume */
    }
    if (l->held.n == 0)
        used = take_packets(l, (berth_str){ (const char *)p, n });
    if (is_waiting(l))
        return used;
    if (l->closing || used == n)
        return n;
    if (hold(l, p + used, n - used) && used == 0)
        take_held(l);
    return n;
}

static void on_ended(struct layer *layer)
{
    struct mqtt_link *l = (struct mqtt_link *)layer;

    l->ended = true;
    if (!is_waiting(l))
        mqtt_link_end(l, NULL);
}

static void on_closed(struct layer *layer)
{
    struct mqtt_link *l = (struct mqtt_link *)layer;

    l->ops->closed(l);
}

static const struct layer_ops layer_ops = {
    .input = on_input, .writable = on_writable, .ended = on_ended, .closed = on_closed
};

void mqtt_link_init(struct mqtt_link *l, struct front *f, struct layer *below,
                    const struct mqtt_link_ops *ops)
{
    *l = (struct mqtt_link){
        .layer = { .ops = &layer_ops, .below = below, .loop = below->loop },
        .ops = ops,
        .f = f,
        .id = BERTH_STR(""),
        .id_name = "registration_id",
        .transport = "mqtt",
        .bytes_max = MQTT_BYTES_MAX,
    };
    restart_quiet(l);
}

void mqtt_link_deinit(struct mqtt_link *l)
{
    deadline_clear(&l->quiet);
    deadline_clear(&l->turn);
    deadline_clear(&l->unread);
    drop_held(l, l->held.n);
    bytes_free(&l->tail);
}
