/* net/tls.h - the tls layer: OpenSSL over buffers of the loop, no socket. One context per loop in
 * its own OSSL_LIB_CTX: a shared one costs 29 % with two threads (docs/performance.md). TLS 1.2
 * and 1.3; a client certificate is requested and never required. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "net/layer.h"
#include "net/loop.h"

struct tls_context;

struct tls_files {
    const char *chain_file;     /* PEM: ECDSA P-256 leaf, then issuers */
    const char *key_file;       /* PEM */
    const char *rsa_chain_file; /* PEM for devices without ECDSA; NULL: none */
    const char *rsa_key_file;
};

#define TLS_HANDSHAKE_MS 15000 /* from accept to the end of the handshake */

/* What a connection's handshake came to, for whoever stands on it. */
struct tls_info {
    char server_name[256]; /* SNI, lower case; "" when not sent */
    const char *version;   /* "TLSv1.3"; static */
    const char *cipher;    /* static */
    bool name_is_covered;  /* by the certificate shown; true when no name was sent */
};

/* PROBLEM gets words for the operator. */
BERTH_MUST_USE berth_err tls_context_new(const struct tls_files *f, struct tls_context **out,
                                         char *problem, size_t problem_size);
void tls_context_free(struct tls_context *c);

/* Other certificates for a context in use. */
struct tls_certificates;

/* Any thread, while C lives. PROBLEM gets words for the operator; C goes on as it was. */
BERTH_MUST_USE berth_err tls_certificates_new(struct tls_context *c, const struct tls_files *f,
                                              struct tls_certificates **out, char *problem,
                                              size_t problem_size);
/* NULL is fine. */
void tls_certificates_free(struct tls_certificates *n);
/* On C's loop: connections whose handshake begins from now on get N, which is taken. Those that are
 * up, or in their handshake, keep what they began with. */
void tls_context_use(struct tls_context *c, struct tls_certificates *n);

/* Called once the handshake is done: makes the layer above, or NULL to close. */
typedef struct layer *tls_up(void *user, struct layer *tls, const struct tls_info *info);
/* Why a handshake failed, as far as it can be told. */
enum tls_failure {
    TLS_FAILED_OTHERWISE,
    TLS_FAILED_LEFT, /* the peer hung up */
    TLS_FAILED_SLOW,
    TLS_FAILED_CROWDED,    /* so many began before it that its turn did not come in time */
    TLS_FAILED_CA_UNKNOWN, /* alerts of the peer's */
    TLS_FAILED_EXPIRED,
    TLS_FAILED_BAD_CERTIFICATE,
    TLS_FAILED_CERTIFICATE,
    TLS_FAILED_NO_CIPHER,
    TLS_FAILED_VERSION,
    TLS_FAILED_PLAIN_HTTP, /* the first bytes were no TLS */
    TLS_FAILED_PLAIN_MQTT,
    TLS_FAILED_PLAIN,
};

/* Called when a handshake failed; REASON such as "tlsv1 alert unknown ca"; static or valid for the
 * call. The name in layer_tls_info is known when the peer had come so far. */
typedef void tls_failed(void *user, struct layer *tls, enum tls_failure what, const char *reason);

struct tls_options {
    tls_up *up;
    tls_failed *failed; /* NULL: none */
    void (*waiting)(void *user,
                    int by); /* so many more wait for a turn; NULL: nobody counts them */
    void *user;
};

/* A layer for TCP (which stays its ->below). NULL when memory is out. O is borrowed for the layer's
 * life. */
struct layer *tls_layer_new(struct tls_context *c, struct layer *tcp, const struct tls_options *o);
/* The info of the tls layer below ANY; blanks when there is none (plain port). */
const struct tls_info *layer_tls_info(const struct layer *any);

#endif
