/* wire/websocket.h - the framing of WebSocket (RFC 6455 section 5), no extensions: a frame's head
 * taken apart and built, payload masked and unmasked; and what the opening handshake's fields must
 * say. No I/O, no state. */
#ifndef BERTH_WIRE_WEBSOCKET_H
#define BERTH_WIRE_WEBSOCKET_H

#include "berth/buf.h"

#define BERTH_WS_HEAD_MAX    14  /* bytes before a payload: 2, length 8, masking key 4 */
#define BERTH_WS_CONTROL_MAX 125 /* bytes of a control frame's payload */
#define BERTH_WS_MASK_SIZE   4
#define BERTH_WS_KEY_SIZE    24 /* characters of Sec-WebSocket-Key: base64 of 16 bytes */

enum berth_ws_opcode {
    BERTH_WS_CONTINUATION = 0,
    BERTH_WS_TEXT = 1,
    BERTH_WS_BINARY = 2,
    BERTH_WS_CLOSE = 8,
    BERTH_WS_PING = 9,
    BERTH_WS_PONG = 10,
};

/* Status codes of close frames (section 7.4) that are sent here. */
enum {
    BERTH_WS_NORMAL = 1000,
    BERTH_WS_PROTOCOL_ERROR = 1002,
    BERTH_WS_NOT_BINARY = 1003,
    BERTH_WS_TOO_BIG = 1009,
};

struct berth_ws_head {
    enum berth_ws_opcode opcode;
    bool fin; /* the last frame of its message */
    bool masked;
    uint8_t mask[BERTH_WS_MASK_SIZE]; /* zeroes when not masked */
    size_t payload_n;
};

/* What frames may look like. */
struct berth_ws_rules {
    size_t payload_max; /* of a data frame */
    bool masked;        /* clients mask, servers do not: the other is an error */
    bool in_message;    /* a data frame without FIN came before: only a continuation may follow */
};

/* Takes the head that BYTES begin with apart. BERTH_OK with *USED its size, or 0 when more bytes
 * are needed. BERTH_E_SYNTAX as soon as no continuation can make it valid: reserved bits or
 * opcodes, masked against RULES, a length not in its shortest form, a control frame that is long or
 * fragmented, a data frame out of turn. BERTH_E_RANGE for a payload over the bound. */
BERTH_MUST_USE berth_err berth_ws_head_read(berth_str bytes, const struct berth_ws_rules *rules,
                                            struct berth_ws_head *out, size_t *used);
void berth_ws_head_put(struct berth_buf *b, const struct berth_ws_head *head);

/* Masks or unmasks N bytes, which stand at OFFSET of their payload. FROM and TO may be the same. */
void berth_ws_mask(uint8_t *to, const uint8_t *from, size_t n,
                   const uint8_t mask[BERTH_WS_MASK_SIZE], size_t offset);

/* The status of a close frame's payload (section 5.5.1), 0 when it is empty; BERTH_E_SYNTAX for one
 * byte, a code that must not be sent, or a reason that is not UTF-8. */
BERTH_MUST_USE berth_err berth_ws_close_read(berth_str payload, uint16_t *code);
/* Appends a close frame of a server, not masked; CODE 0: without status. */
void berth_ws_close_put(struct berth_buf *b, uint16_t code);

/* Whether the comma-separated LIST, a field's value, has TOKEN, without regard to ASCII case. */
bool berth_ws_list_has(berth_str list, berth_str token);
/* Whether TEXT is the base64 of 16 bytes. */
bool berth_ws_key_is_valid(berth_str text);

#endif
