/* client/tls_socket.h - one TLS connection of a device to its service: blocking to its caller, with
 * a deadline and a flag to stop it. The peer's chain and name are always verified. */
#ifndef CLIENT_TLS_SOCKET_H
#define CLIENT_TLS_SOCKET_H

#include <openssl/ssl.h>

#include "berth/str.h"

#define BERTH__TLS_CONNECT_MS 10000 /* for one address to accept, and for the handshake */

struct berth__tls_options {
    const char *host;       /* what the certificate must name: a DNS name or an IP address */
    const char *connect_to; /* NULL: HOST */
    uint16_t port;
    const char *ca_file;        /* NULL: the system's store */
    const volatile int *cancel; /* NULL: never */
};

struct berth__tls {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    BIO_METHOD *bio;
    const volatile int *cancel;
    char message[256]; /* after an error: cause and remedy */
};

/* Waits until DEADLINE_MS, or BERTH_E_CLOSED as soon as *CANCEL is set. */
BERTH_MUST_USE berth_err berth__sleep_until(int64_t deadline_ms, const volatile int *cancel);

/* On error T needs no close, though it may have one. */
BERTH_MUST_USE berth_err berth__tls_open(struct berth__tls *t, const struct berth__tls_options *o);
/* At least one byte, *DONE says how many. BERTH_E_TIMEOUT, BERTH_E_CLOSED, BERTH_E_IO. */
BERTH_MUST_USE berth_err berth__tls_send(struct berth__tls *t, const void *bytes, size_t n,
                                         int64_t deadline_ms, size_t *done);
BERTH_MUST_USE berth_err berth__tls_receive(struct berth__tls *t, void *out, size_t size,
                                            int64_t deadline_ms, size_t *n);
/* Safe twice. */
void berth__tls_close(struct berth__tls *t);

#endif
