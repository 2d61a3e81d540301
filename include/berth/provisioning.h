/* berth/provisioning.h - a device's registration, as a state machine without I/O: bytes to send and
 * waits come out, bytes received go in. berth/device.h runs it over sockets. Wire: docs/wire.md. */
#ifndef BERTH_PROVISIONING_H
#define BERTH_PROVISIONING_H

#include "berth/buf.h"
#include "berth/crypto.h"

#ifdef __cplusplus
extern "C" {
#endif

enum berth_transport { BERTH_TRANSPORT_HTTPS, BERTH_TRANSPORT_MQTT };

#define BERTH_PROV_TX_MAX       4096  /* bytes of one request */
#define BERTH_PROV_RX_MAX       16384 /* bytes of one answer, headers included */
#define BERTH_PROV_HOST_MAX     253   /* bytes of the endpoint's name */
#define BERTH_PROV_SCOPE_MAX    64    /* characters of an ID scope: letters, digits, '-' '_' '.' */
#define BERTH_PROV_PAYLOAD_MAX  2048  /* bytes of the payload for custom allocation */
#define BERTH_PROV_TOKEN_LIFE_S 3600
#define BERTH_PROV_ANSWER_MS    30000 /* how long one answer may take */
#define BERTH_PROV_RETRIES_MAX  5     /* answers 429 and 5xx taken in a row before giving up */
#define BERTH_PROV_POLLS_MAX    600   /* questions about one operation before giving up */

struct berth_prov_options {
    enum berth_transport transport;
    berth_str host; /* as the certificate names it; borrowed, like all others, for P's life */
    berth_str id_scope;
    berth_str registration_id;
    struct berth_key key; /* the device's key: derived, or of its individual enrollment */
    berth_str payload;    /* JSON for custom allocation; absent: none */
};

enum berth_prov_need {
    BERTH_PROV_SEND = 1, /* write tx[tx_sent..tx.n), then berth_prov_sent with what was taken */
    BERTH_PROV_RECEIVE,  /* read within wait_ms, then call berth_prov_received */
    BERTH_PROV_WAIT,     /* sleep wait_ms with the connection open, then call berth_prov_waited */
    BERTH_PROV_DONE,     /* result is set; close */
    BERTH_PROV_FAILED, /* result.err and, if the service said why, error_code and message; close */
};

/* All texts end in NUL and hold printable characters only. */
struct berth_prov_result {
    berth_err err;  /* BERTH_E_MISMATCH: the service refused the device; BERTH_E_IO: it could not */
    int error_code; /* six digits from the service, 0 when none */
    char message[256]; /* the service's words, else what went wrong here; cut to fit */
    char tracking_id[64];
    char status[16]; /* "assigned", "disabled", ..; empty when the service named none */
    char assigned_hub[256];
    char device_id[132];
    char operation_id[192];
};

struct berth_prov {
    enum berth_prov_need need;
    uint32_t wait_ms; /* RECEIVE: for the whole answer, however many reads it takes */
    struct berth_prov_result result;
    int polls;      /* how often the operation was asked about */
    bool assigning; /* the service has said so at least once */
    size_t tx_sent;
    struct berth_buf tx;
    /* its own */
    const struct berth_crypto *crypto;
    struct berth_prov_options o;
    int phase;
    int retries;
    bool pausing;
    int stale;
    uint32_t rid;
    uint16_t packet_id;
    size_t rx_n;
    struct berth_buf body;
    struct berth_buf token;
    char tx_storage[BERTH_PROV_TX_MAX];
    char rx_storage[BERTH_PROV_RX_MAX];
    char body_storage[BERTH_PROV_PAYLOAD_MAX + 192];
    char token_storage[1024];
};

/* NOW_S: seconds since 1970, for the token. Sets need. BERTH_E_RANGE when an option is over its
 * bound, BERTH_E_SYNTAX when one cannot be what it should, BERTH_E_CRYPTO; then P is FAILED. */
BERTH_MUST_USE berth_err berth_prov_start(struct berth_prov *p, const struct berth_crypto *c,
                                          const struct berth_prov_options *o, int64_t now_s);
/* Each only when need asks for it. */
void berth_prov_sent(struct berth_prov *p, size_t n);
void berth_prov_received(struct berth_prov *p, const void *bytes, size_t n);
void berth_prov_waited(struct berth_prov *p, int64_t now_s);
/* The connection closed or a wait passed without bytes. Nothing is changed once DONE or FAILED. */
void berth_prov_lost(struct berth_prov *p, berth_err why);
/* Wipes key and token; keeps the result. Safe twice. */
void berth_prov_end(struct berth_prov *p);

#ifdef __cplusplus
}
#endif

#endif
