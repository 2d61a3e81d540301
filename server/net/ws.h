/* net/ws.h - the ws layer: what stands above it writes and reads a stream of bytes, the peer sees
 * binary frames of a WebSocket server (RFC 6455, no extensions). It takes the place of the http
 * layer, see http_switch; the opening handshake is its caller's. */
#ifndef NET_WS_H
#define NET_WS_H

#include "berth/str.h"
#include "net/layer.h"

#define WS_FRAME_MAX   (1024 * 1024)   /* bytes of a client's frame; it is passed on as it comes */
#define WS_PIECE_MAX   (16 * 1024 - 4) /* bytes of a frame sent: with its head, one TLS record */
#define WS_TURN_MAX    16              /* control frames at once: others get their turn between */
#define WS_CLOSE_MS    5000            /* for the peer's close frame, or to take our last frames */
#define WS_ACCEPT_SIZE 28              /* characters of Sec-WebSocket-Accept */

struct ws_options {
    /* Makes what stands above, NULL when memory is out. */
    struct layer *(*up)(void *user, struct layer *ws);
    /* Told when the peer broke the framing and is told so by a close frame; WHY is static. NULL:
     * none. */
    void (*refused)(void *user, struct layer *ws, const char *why);
};

/* A layer for BELOW, with the one above. NULL when memory is out. O and USER are borrowed for the
 * layer's life. */
struct layer *ws_layer_new(struct layer *below, const struct ws_options *o, void *user);

/* The answer to a client's Sec-WebSocket-Key (RFC 6455 section 4.2.2), NUL-terminated. False when
 * the crypto library fails. */
bool ws_accept(berth_str key, char out[WS_ACCEPT_SIZE + 1]);

#endif
