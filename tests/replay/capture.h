/* capture.h - a captured session (tests/captures/) as what the client sent, message by message, and
 * how its bytes were cut on the way. Only what a client sent is taken: what the listener of that
 * day answered is not what berth must. */
#ifndef TESTS_REPLAY_CAPTURE_H
#define TESTS_REPLAY_CAPTURE_H

#include "unit/layer_rig.h"
#include "wire/websocket.h"

#define CAPTURE_MESSAGES_MAX 64
#define CAPTURE_PIECES_MAX   32
#define CAPTURE_MQTT_PORT    8883

/* A WebSocket frame of the client: head as it came, mask included, and how much it carries. */
struct capture_frame {
    uint8_t head[BERTH_WS_HEAD_MAX];
    size_t head_n, payload_n;
};

/* One MQTT packet or one HTTP request; or frames without a packet, such as a close frame. */
struct capture_message {
    struct rig_bytes bytes; /* unmasked, without frames */
    struct capture_frame frames[CAPTURE_PIECES_MAX];
    size_t frame_count; /* 0: not over WebSocket */
    size_t cuts[CAPTURE_PIECES_MAX];
    size_t cut_count; /* sizes of the TLS records it came in; 0: one */
    bool opens;       /* the first of a connection */
};

struct capture {
    unsigned port;
    struct capture_message messages[CAPTURE_MESSAGES_MAX];
    size_t count;
};

/* Ends the program when the file is not there or says what is not understood. */
void capture_read(const char *path, struct capture *out);
void capture_free(struct capture *c);

#endif
