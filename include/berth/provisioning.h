/* berth/provisioning.h - a device's registration, as a state machine without I/O: bytes to send and
 * waits come out, bytes received go in. berth/device.h runs it over sockets. Wire: docs/wire.md. */
#ifndef BERTH_PROVISIONING_H
#define BERTH_PROVISIONING_H

#include "berth/buf.h"
#include "berth/crypto.h"

enum berth_transport { BERTH_TRANSPORT_HTTPS, BERTH_TRANSPORT_MQTT };

#define BERTH_PROV_TX_MAX       4096  /* bytes of one request */
#define BERTH_PROV_RX_MAX       16384 /* bytes of one answer, headers included */
#define BERTH_PROV_TOKEN_LIFE_S 3600
#define BERTH_PROV_ANSWER_MS    30000 /* how long one answer may take */

struct berth_prov_options {
    enum berth_transport transport;
    berth_str host; /* endpoint as the certificate names it; borrowed like all others for the
                       machine's life */
    berth_str id_scope;
    berth_str registration_id;
    struct berth_key key; /* the device's key: derived, or of its individual enrollment */
    berth_str payload;    /* JSON for custom allocation; absent: none */
};

enum berth_prov_need {
    BERTH_PROV_SEND =
        1, /* write tx[tx_sent..tx.n), then call berth_prov_sent with what the socket took */
    BERTH_PROV_RECEIVE, /* read within wait_ms, then call berth_prov_received */
    BERTH_PROV_WAIT,    /* sleep wait_ms with the connection open, then call berth_prov_waited */
    BERTH_PROV_DONE,    /* result is set; close */
    BERTH_PROV_FAILED,  /* result.err and, if the service said why, error_code and message; close */
};

struct berth_prov_result {
    berth_err err;
    int error_code;    /* six digits from the service, 0 when none */
    char message[256]; /* the service's words */
    char tracking_id[64];
    char status[16]; /* "assigned", "disabled", .. */
    char assigned_hub[256];
    char device_id[132];
    char operation_id[192];
};

struct berth_prov {
    enum berth_prov_need need;
    uint32_t wait_ms;
    struct berth_prov_result result;
    int polls;      /* how often the operation was asked about */
    bool assigning; /* the service has said so at least once */
    size_t tx_sent;
    struct berth_buf tx;
    /* its own */
    const struct berth_crypto *crypto;
    struct berth_prov_options o;
    int phase;
    uint32_t rid;
    uint16_t packet_id;
    size_t rx_n;
    char tx_storage[BERTH_PROV_TX_MAX];
    char rx_storage[BERTH_PROV_RX_MAX];
    char token[1024];
};

/* NOW_S: seconds since 1970, for the token. Sets need. BERTH_E_RANGE when an option is over its
 * bound. */
BERTH_MUST_USE berth_err berth_prov_start(struct berth_prov *p, const struct berth_crypto *c,
                                          const struct berth_prov_options *o, int64_t now_s);
void berth_prov_sent(struct berth_prov *p, size_t n);
void berth_prov_received(struct berth_prov *p, const void *bytes, size_t n);
void berth_prov_waited(struct berth_prov *p, int64_t now_s);
/* The connection closed or a wait passed without bytes. */
void berth_prov_lost(struct berth_prov *p, berth_err why);
/* Wipes key and token; keeps the result. */
void berth_prov_end(struct berth_prov *p);

#endif
