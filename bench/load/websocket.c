/* A registration by MQTT over WebSocket (RFC 6455): the opening handshake, frames around what
 * libberth says, and the close frame that ends it. */
#include <stdlib.h>
#include <string.h>

#include "bench/load/registration.h"
#include "crypto/b64.h"
#include "wire/websocket.h"

#define HEAD_MAX 2048 /* bytes of the answer to the opening handshake */

enum phase { PHASE_OPENING, PHASE_FRAMES, PHASE_LEAVING };

struct ws {
    struct dialog d;
    struct berth_prov p;
    struct berth_crypto *crypto;
    enum phase phase;
    size_t said; /* bytes of P's that the present frame holds */
    struct berth_buf out;
    size_t out_sent;
    size_t rx_n;
    char out_storage[BERTH_PROV_TX_MAX + 512];
    char rx[BERTH_PROV_RX_MAX];
};

static struct ws *of(struct dialog *d)
{
    return (struct ws *)d;
}

static void send_out(struct ws *w)
{
    if (w->out.over) {
        dialog_fail(&w->d, FAILURE_WRONG, "the request does not fit a frame");
        return;
    }
    w->d.need = DIALOG_SEND;
    w->d.out = (berth_str){ w->out.p + w->out_sent, w->out.n - w->out_sent };
}

static void put_opening(struct ws *w, struct fleet *fleet)
{
    uint8_t nonce[16];

    if (fleet->crypto.random(fleet->crypto.ctx, nonce, sizeof nonce) != BERTH_OK)
        memset(nonce, 7, sizeof nonce);
    berth_buf_put(&w->out, BERTH_STR("GET /$iothub/websocket HTTP/1.1\r\nHost: "));
    berth_buf_put(&w->out, berth_str_of(fleet->host));
    berth_buf_put(&w->out, BERTH_STR("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n"
                                     "Sec-WebSocket-Key: "));
    berth_b64_put(&w->out, nonce, sizeof nonce);
    berth_buf_put(&w->out, BERTH_STR("\r\n\r\n"));
}

static void put_frame(struct ws *w, enum berth_ws_opcode opcode, berth_str payload)
{
    struct berth_ws_head head = {
        .opcode = opcode, .fin = true, .masked = true, .payload_n = payload.n
    };
    size_t mark;

    (void)w->crypto->random(w->crypto->ctx, head.mask, sizeof head.mask);
    berth_buf_reset(&w->out);
    w->out_sent = 0;
    berth_ws_head_put(&w->out, &head);
    mark = w->out.n;
    berth_buf_put(&w->out, payload);
    if (w->out.over)
        return;
    berth_ws_mask((uint8_t *)w->out.p + mark, (const uint8_t *)payload.p, payload.n, head.mask, 0);
}

/* What P needs, in frames. */
static void tell(struct ws *w)
{
    static const char normal[] = { BERTH_WS_NORMAL >> 8, (char)(BERTH_WS_NORMAL & 0xff) };

    registration_tell(&w->p, &w->d);
    if (w->d.need == DIALOG_SEND) {
        berth_str said = w->d.out;
        w->said = said.n;
        put_frame(w, BERTH_WS_BINARY, said);
        send_out(w);
    } else if (w->d.need == DIALOG_DONE) {
        w->phase = PHASE_LEAVING;
        put_frame(w, BERTH_WS_CLOSE, (berth_str){ normal, sizeof normal });
        send_out(w);
    }
}

static struct dialog *start(const struct transport *t, struct fleet *fleet,
                            const struct device *device)
{
    struct ws *w = malloc(sizeof *w);

    if (w == NULL)
        return NULL;
    w->d = (struct dialog){ .transport = t };
    w->crypto = &fleet->crypto;
    w->phase = PHASE_OPENING;
    w->out_sent = w->said = w->rx_n = 0;
    berth_buf_init(&w->out, w->out_storage, sizeof w->out_storage);
    if (registration_start(&w->p, BERTH_TRANSPORT_MQTT, fleet, device) != BERTH_OK) {
        berth_prov_end(&w->p);
        free(w);
        return NULL;
    }
    put_opening(w, fleet);
    send_out(w);
    return &w->d;
}

/* True when the switch has been answered; its bytes are gone then. */
static bool take_switch(struct ws *w)
{
    berth_str heard = { w->rx, w->rx_n };
    const char *end = memmem(w->rx, w->rx_n, "\r\n\r\n", 4);
    size_t head;

    if (end == NULL) {
        if (w->rx_n > HEAD_MAX)
            dialog_fail(&w->d, FAILURE_WRONG, "the answer to the WebSocket handshake is too long");
        return false;
    }
    if (!berth_str_skip(&heard, BERTH_STR("HTTP/1.1 101 "))) {
        dialog_fail(&w->d, FAILURE_REFUSED, "the service does not switch to WebSocket");
        return false;
    }
    head = (size_t)(end - w->rx) + 4;
    memmove(w->rx, w->rx + head, w->rx_n - head);
    w->rx_n -= head;
    w->phase = PHASE_FRAMES;
    tell(w);
    return true;
}

/* One frame out of RX; false when there is no whole one, or the dialog is over. */
static bool take_frame(struct ws *w)
{
    const struct berth_ws_rules rules = { .payload_max = BERTH_PROV_RX_MAX - BERTH_WS_HEAD_MAX };
    struct berth_ws_head head;
    size_t used, whole;

    if (berth_ws_head_read((berth_str){ w->rx, w->rx_n }, &rules, &head, &used) != BERTH_OK) {
        dialog_fail(&w->d, FAILURE_WRONG, "what came is no WebSocket frame");
        return false;
    }
    whole = used + head.payload_n;
    if (used == 0 || w->rx_n < whole)
        return false;
    if (head.opcode == BERTH_WS_CLOSE) {
        berth_prov_lost(&w->p, BERTH_E_CLOSED);
        registration_tell(&w->p, &w->d);
        return false;
    }
    if (head.opcode == BERTH_WS_BINARY && w->p.need == BERTH_PROV_RECEIVE) {
        berth_prov_received(&w->p, w->rx + used, head.payload_n);
        tell(w);
    }
    memmove(w->rx, w->rx + whole, w->rx_n - whole);
    w->rx_n -= whole;
    return true;
}

static void take_frames(struct ws *w)
{
    while (w->phase == PHASE_FRAMES && w->d.need == DIALOG_RECEIVE && take_frame(w))
        continue;
}

static void sent(struct dialog *d, size_t n)
{
    struct ws *w = of(d);

    w->out_sent += n;
    if (w->out_sent < w->out.n) {
        send_out(w);
    } else if (w->phase == PHASE_OPENING) {
        d->need = DIALOG_RECEIVE;
        d->wait_ms = DIALOG_ANSWER_MS;
    } else if (w->phase == PHASE_LEAVING) {
        d->need = DIALOG_DONE;
    } else {
        berth_prov_sent(&w->p, w->said);
        tell(w);
        take_frames(w);
    }
}

static void received(struct dialog *d, const void *bytes, size_t n)
{
    struct ws *w = of(d);

    if (n > sizeof w->rx - w->rx_n) {
        dialog_fail(d, FAILURE_WRONG, "the answer is too long");
        return;
    }
    memcpy(w->rx + w->rx_n, bytes, n);
    w->rx_n += n;
    if (w->phase == PHASE_FRAMES || take_switch(w))
        take_frames(w);
}

static void waited(struct dialog *d, int64_t now_s)
{
    berth_prov_waited(&of(d)->p, now_s);
    tell(of(d));
}

static void end(struct dialog *d)
{
    struct ws *w = of(d);

    w->crypto->wipe(w->crypto->ctx, w->out_storage, sizeof w->out_storage); /* held the token */
    berth_prov_end(&w->p);
    free(w);
}

const struct transport transport_mqtt_ws = { "mqtt-ws", true,     true,   start,
                                             sent,      received, waited, end };
