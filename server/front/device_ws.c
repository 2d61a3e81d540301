/* The opening handshake of a device's WebSocket (RFC 6455 section 4.2): judged here, then the
 * connection is handed to the ws layer with MQTT upon it. Rules: docs/wire.md. */
#include "front/connection_refused.h"
#include "front/dev.h"
#include "front/refusals.h"
#include "front/router.h"
#include "net/listener.h"
#include "net/ws.h"
#include "ops/log.h"
#include "prov/dps_device.h"
#include "wire/percent.h"
#include "wire/websocket.h"

#define TRANSPORT "mqtt-ws"

/* What the client offers to speak, as far as it matters here. */
struct offer {
    berth_str key;      /* absent unless there is exactly one */
    berth_str protocol; /* the first that is served, in the client's letters */
    bool amqp;          /* offered too, or alone */
};

static struct layer *stack_mqtt(void *front, struct layer *ws)
{
    return device_mqtt_new(front, ws, TRANSPORT);
}

static void on_frames_refused(void *front, struct layer *ws, const char *why)
{
    const struct berth_reason_row *row = berth_reason_row(BERTH_WHY_WEBSOCKET_FRAME);
    struct front *f = front;

    connection_refused(f, ws, BERTH_WHY_WEBSOCKET_FRAME, TRANSPORT, berth_str_of(why),
                       (berth_str){ 0 });
    log_event(LOG_NOTICE, "websocket closed", LOG_TEXT("why", berth_str_of(why)),
              LOG_TEXT("peer", berth_str_of(layer_peer(ws)->text)),
              LOG_TEXT("reason", berth_str_of(row->name)),
              LOG_TEXT("cause", berth_str_of(row->text)),
              LOG_TEXT("remedy", berth_str_of(row->remedy)));
}

static const struct ws_options mqtt_over_ws = { .up = stack_mqtt, .refused = on_frames_refused };

static struct layer *stack_ws(void *front, struct layer *below)
{
    return ws_layer_new(below, &mqtt_over_ws, front);
}

/* Whether a list field, which may come in several lines, has TOKEN. */
static bool has_token(const struct http_exchange *x, berth_str name, berth_str token)
{
    for (size_t i = 0; i < x->header_count; i++) {
        if (berth_str_ieq(x->headers[i].name, name) &&
            berth_ws_list_has(x->headers[i].value, token))
            return true;
    }
    return false;
}

static bool asks_to_switch(const struct http_exchange *x)
{
    return has_token(x, BERTH_STR("upgrade"), BERTH_STR("websocket")) &&
           has_token(x, BERTH_STR("connection"), BERTH_STR("upgrade"));
}

/* The SDKs' path, or that of C#, which asks at the root. */
bool device_ws_is_meant(const struct http_exchange *x)
{
    berth_str rest = x->path, first, second;

    if (berth_str_eq(rest, BERTH_STR("/")))
        return asks_to_switch(x);
    if (!berth_str_skip(&rest, BERTH_STR("/")))
        return false;
    first = berth_str_cut(&rest, '/');
    second = berth_str_cut(&rest, '/');
    return rest.n == 0 && berth_percent_ieq(first, BERTH_STR("$iothub")) &&
           berth_percent_ieq(second, BERTH_STR("websocket"));
}

static void take_protocols(berth_str list, struct offer *o)
{
    while (list.n > 0) {
        berth_str name = berth_str_trim(berth_str_cut(&list, ','));

        if (o->protocol.n == 0 && berth_str_ieq(name, BERTH_STR("mqtt")))
            o->protocol = name;
        else if (berth_str_ieq(name, BERTH_STR("AMQPWSB10")))
            o->amqp = true;
    }
}

static struct offer read_offer(const struct http_exchange *x)
{
    struct offer o = { 0 };
    size_t keys = 0;

    for (size_t i = 0; i < x->header_count; i++) {
        const struct http_header *h = &x->headers[i];

        if (berth_str_ieq(h->name, BERTH_STR("sec-websocket-key"))) {
            o.key = h->value;
            keys++;
        } else if (berth_str_ieq(h->name, BERTH_STR("sec-websocket-protocol"))) {
            take_protocols(h->value, &o);
        }
    }
    if (keys != 1)
        o.key = (berth_str){ 0 };
    return o;
}

static enum berth_reason judge(const struct front *f, const struct http_exchange *x,
                               const struct offer *o)
{
    if (f->stopping)
        return BERTH_WHY_STOPPING;
    if (x->method != HTTP_GET)
        return BERTH_WHY_METHOD_NOT_ALLOWED;
    if (!asks_to_switch(x))
        return BERTH_WHY_WEBSOCKET_EXPECTED;
    if (!berth_str_eq(http_field(x, BERTH_STR("sec-websocket-version")), BERTH_STR("13")))
        return BERTH_WHY_WEBSOCKET_VERSION;
    if (!x->may_switch || !berth_ws_key_is_valid(o->key))
        return BERTH_WHY_WEBSOCKET_HANDSHAKE;
    if (o->protocol.n == 0)
        return o->amqp ? BERTH_WHY_AMQP_UNSERVED : BERTH_WHY_WEBSOCKET_PROTOCOL;
    return BERTH_WHY_NONE;
}

static void refuse(struct front *f, struct http_exchange *x, enum berth_reason why)
{
    const struct berth_reason_row *row = berth_reason_row(why);
    char tracking[FRONT_TRACKING_SIZE], text[1024];
    struct berth_buf b;

    front_tracking_id(f, tracking);
    metrics_add(f->metrics, reasons[why], 1);
    (void)refusals_add(f->refusals,
                       &(struct refusal_note){ .kind = REFUSAL_CONNECTION,
                                               .reason = why,
                                               .tracking = tracking,
                                               .peer = layer_peer(x->layer)->text,
                                               .transport = TRANSPORT },
                       loop_now_ms(f->loop));
    log_event(LOG_NOTICE, "websocket refused", LOG_TEXT("tracking_id", berth_str_of(tracking)),
              LOG_TEXT("peer", berth_str_of(layer_peer(x->layer)->text)), LOG_TEXT("host", x->host),
              LOG_TEXT("reason", berth_str_of(row->name)),
              LOG_TEXT("cause", berth_str_of(row->text)),
              LOG_TEXT("remedy", berth_str_of(row->remedy)));
    berth_buf_init(&b, text, sizeof text);
    berth_dps_error_put(&b, why, dev_message(f->dev, why), berth_str_of(tracking),
                        loop_now_ms(f->loop));
    struct http_header h[] = {
        { BERTH_STR("Content-Type"), BERTH_STR("application/json; charset=utf-8") },
        { BERTH_STR("x-ms-request-id"), berth_str_of(tracking) },
        /* RFC 9110 sections 7.8, 15.5.6 and 15.5.22, RFC 6455 section 4.4: what to come back with
         */
        { BERTH_STR("Allow"), BERTH_STR("GET") },
        { BERTH_STR("Connection"), BERTH_STR("Upgrade") },
        { BERTH_STR("Upgrade"), BERTH_STR("websocket") },
        { BERTH_STR("Sec-WebSocket-Version"), BERTH_STR("13") },
    };
    size_t count = row->status == 426 ? 6 : row->status == 405 ? 3 : 2;
    http_respond(x, row->status, h, count, berth_buf_str(&b));
}

void device_ws(struct front *f, struct http_exchange *x)
{
    struct offer o = read_offer(x);
    enum berth_reason why = judge(f, x, &o);
    char accept[WS_ACCEPT_SIZE + 1];

    if (why == BERTH_WHY_NONE && !ws_accept(o.key, accept))
        why = BERTH_WHY_OVERLOADED;
    if (why != BERTH_WHY_NONE) {
        refuse(f, x, why);
        return;
    }
    const struct http_header h[] = {
        { BERTH_STR("Upgrade"), BERTH_STR("websocket") },
        { BERTH_STR("Connection"), BERTH_STR("Upgrade") },
        { BERTH_STR("Sec-WebSocket-Accept"), berth_str_of(accept) },
        { BERTH_STR("Sec-WebSocket-Protocol"), o.protocol },
    };
    metrics_add(f->metrics, websockets_opened, 1);
    http_switch(x, h, sizeof h / sizeof h[0], stack_ws, f);
}
