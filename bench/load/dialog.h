/* bench/load/dialog.h - what is said on one connection after the TLS handshake, as a machine
 * without I/O: bytes to send and waits come out, bytes received go in. One file for each transport;
 * transport.c lists them. */
#ifndef BENCH_LOAD_DIALOG_H
#define BENCH_LOAD_DIALOG_H

#include "bench/load/fleet.h"

#define DIALOG_ANSWER_MS 30000 /* for one answer */
#define DIALOG_WHY_MAX   256

enum dialog_need {
    DIALOG_SEND = 1, /* OUT, then sent with what was taken */
    DIALOG_RECEIVE,  /* read within WAIT_MS, then received */
    DIALOG_WAIT,     /* WAIT_MS with the connection open, then waited */
    DIALOG_HOLD,     /* what was wanted has come; the connection may stay as it is */
    DIALOG_DONE,     /* what was wanted has come; close */
    DIALOG_FAILED,   /* FAILURE and WHY are set; close */
};

/* What can become of a connection that is not served. */
enum failure {
    FAILURE_CONNECT,   /* no TCP connection */
    FAILURE_HANDSHAKE, /* no TLS session; the certificate may not be trusted */
    FAILURE_LOST,      /* closed before the end */
    FAILURE_SLOW,      /* an answer did not come in time */
    FAILURE_REFUSED,   /* the service said no */
    FAILURE_WRONG,     /* an answer that makes no sense */
    FAILURES
};

struct dialog {
    const struct transport *transport;
    enum dialog_need need;
    uint32_t wait_ms;
    berth_str out;
    enum failure failure;
    int error_code; /* six digits from the service, 0 when none */
    char why[DIALOG_WHY_MAX];
};

struct transport {
    const char *name;
    bool needs_devices, over_https_port;
    /* NULL: out of memory, or the crypto library failed. FLEET is borrowed for the dialog's life.
     */
    struct dialog *(*start)(const struct transport *t, struct fleet *fleet, const struct device *d);
    /* Each only when need asks for it. */
    void (*sent)(struct dialog *d, size_t n);
    void (*received)(struct dialog *d, const void *bytes, size_t n);
    void (*waited)(struct dialog *d, int64_t now_s);
    void (*end)(struct dialog *d);
};

/* NULL when there is none of that name. */
const struct transport *transport_find(berth_str name);
/* Their names in order; NULL behind the last. */
const char *transport_name(size_t i);

extern const struct transport transport_https, transport_mqtt, transport_mqtt_ws;
extern const struct transport transport_idle; /* MQTT up to CONNACK, then nothing */
/* Baselines of a comparison. */
extern const struct transport transport_close, transport_echo, transport_pubsub;

void dialog_fail(struct dialog *d, enum failure failure, const char *why);

#endif
