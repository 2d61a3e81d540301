/* talk.h - a captured session played against the stage: what the client says, message by message,
 * and what it hears after each. */
#ifndef TESTS_REPLAY_TALK_H
#define TESTS_REPLAY_TALK_H

#include "replay/capture.h"
#include "replay/stage.h"
#include "wire/mqtt.h"

#define TALK_HEARD_MAX 6 /* packets or answers after one message */

enum talk_role {
    SAYS_NOTHING, /* frames alone: the client's close frame */
    SAYS_UPGRADE,
    SAYS_CONNECT,
    SAYS_SUBSCRIBE,
    SAYS_UNSUBSCRIBE,
    SAYS_REGISTER, /* MQTT or HTTP, like the next */
    SAYS_POLL,
    SAYS_EVENT,
    SAYS_TWIN_GET,
    SAYS_DISCONNECT,
    SAYS_REQUEST, /* any other HTTP */
};

/* What the session is refused for, if it is. */
enum talk_refusal { REFUSED_NOTHING, REFUSED_EXPIRED, REFUSED_RATE };

enum heard_type { HEARD_HTTP = 1, HEARD_MQTT, HEARD_CLOSE_FRAME };

/* What came from berth. Texts are copies, NUL-terminated. */
struct heard {
    enum heard_type type;
    /* HTTP: status line and fields with CRLF, without the empty line; MQTT PUBLISH: topic */
    char head[2048];
    char body[8192]; /* HTTP: body; PUBLISH: payload */
    size_t body_n;
    int status;                  /* HTTP */
    enum berth_mqtt_type packet; /* MQTT, like the next */
    unsigned packet_id, qos, code;
    bool session_present, retain;
    bool framed_well; /* over WebSocket: unmasked, binary, whole */
};

struct exchange {
    enum talk_role role;
    char said[4096];                 /* the message as it was sent, for HTTP text */
    struct berth_mqtt_packet packet; /* MQTT: SAID taken apart */
    struct heard heard[TALK_HEARD_MAX];
    size_t count;
    bool garbled; /* bytes came that are no answer */
    bool closed;  /* berth had closed the connection by then */
};

struct talk {
    struct exchange list[CAPTURE_MESSAGES_MAX];
    size_t count;
    bool assigning_first; /* the enrollment asks for it */
    enum talk_refusal refusal;
    char operation_id[BERTH_OPERATION_ID_SIZE]; /* as injected */
    char events[16384];                         /* JSON of what the hub got */
    struct rig_bytes transcript;                /* all that came, as it came */
};

struct talk_how {
    bool byte_by_byte;
    bool assigning_first;
    enum talk_refusal refusal;
    bool polls;       /* told assigned at once, most clients do not ask again */
    int64_t pause_ms; /* before a poll */
};

/* Plays C to its end into *OUT. */
void talk_play(struct stage *s, const struct capture *c, const struct talk_how *how,
               struct talk *out);
void talk_free(struct talk *t);

/* The value of field NAME of an HTTP head, without regard to case, into OUT; false: not there. */
bool talk_field(const char *head, const char *name, char *out, size_t size);

#endif
