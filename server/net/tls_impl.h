/* net/tls_impl.h - what the parts of the tls layer share: tls.c the layer, tls_bio.c OpenSSL's way
 * to its bytes, tls_handshake.c the beginning, tls_queue.c who begins when, tls_failure.c why it
 * failed, tls_context.c settings and certificates. */
#ifndef NET_TLS_IMPL_H
#define NET_TLS_IMPL_H

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "net/bytes.h"
#include "net/tls.h"

#define TLS_CERT_LIST_MAX 32768 /* bytes of a client's certificate chain */

/* Handshakes begun in one turn of the loop; the next ones wait for a later turn. */
#define TLS_BEGIN_AT_ONCE 8

struct tls_context {
    OSSL_LIB_CTX *lib;
    SSL_CTX *ctx;
    BIO_METHOD *bio;   /* tls_bio_method */
    char covered[256]; /* the name last found in the certificate: nearly always the next one too */
    struct tls *first, **last; /* who waits for a turn, in the order in which they asked */
    struct deadline turn;
    int64_t turn_ms;
    unsigned begun; /* in the turn of that time */
};

struct tls_certificates {
    SSL_CTX *ctx;
};

/* Bytes for OpenSSL and from it, within one event. */
struct tls_wire {
    const uint8_t *in; /* whole records */
    size_t in_n;
    uint8_t *out; /* the loop's buffer: records, within one call into OpenSSL */
    size_t out_n;
};

/* Moves bytes between OpenSSL and a wire, the BIO's data. */
BIO_METHOD *tls_bio_method(void);

#define TLS_FIRST_BYTES 8 /* enough to tell what is no TLS */

struct tls {
    struct layer l;
    struct tls_context *context;
    SSL *ssl;                 /* NULL until the peer has said something, and has got its turn */
    struct tls *next, **prev; /* prev NULL: does not wait for one */
    const struct tls_options *o;
    struct deadline limit; /* of the handshake, later of the closing */
    struct deadline again; /* a turn of the loop in which kept bytes are offered */
    struct tls_wire wire;
    struct bytes partial;           /* the beginning of a record */
    struct bytes kept;              /* plain text the layer above did not take */
    struct bytes unsent;            /* records the layer below did not take */
    uint8_t first[TLS_FIRST_BYTES]; /* that the peer sent */
    size_t first_n;
    bool admitted; /* has got its turn */
    bool full;     /* a write was taken in part: the layer above waits for WRITABLE */
    bool wanted;   /* the layer above asked for what is kept */
    bool offering; /* it is reading that: nothing within frees it */
    bool ended;    /* the peer sent close_notify, its end, or what cannot be read */
    bool told;     /* the layer above knows */
    bool broken;   /* a fatal alert was sent or received: no close_notify any more */
    bool closing;
    struct tls_info info;
};

/* Hands the records of the last call into OpenSSL down; what has no room there is kept. Called
 * after every such call, so the loop's buffer never holds the records of two connections. */
void tls_flush(struct tls *t);
/* Says close_notify when there is a session to end, then closes below once all has been taken. */
void tls_finish(struct tls *t, bool notify);

/* Whether the handshake of T may begin now. If not, T's input is asked for again (layer_resume)
 * when it may: those who have a connection are served between the handshakes of those who want one,
 * however many come at once, and the first to come are the first to be through. */
bool tls_queue_admits(struct tls *t);
bool tls_queue_has(const struct tls *t);
/* Harmless when T does not wait. */
void tls_queue_leave(struct tls *t);

/* Gives the handshake its time. */
void tls_handshake_limit(struct tls *t);
/* Makes what it needs; false when memory is out. */
bool tls_handshake_begin(struct tls *t);
/* Takes it as far as the input goes. */
void tls_handshake_go_on(struct tls *t);
/* The peer closed the connection before it was done. */
void tls_handshake_left(struct tls *t);

/* What the first N bytes of a connection say when its handshake failed; OTHERWISE when they are TLS
 * or none. */
enum tls_failure tls_failure_of_bytes(const uint8_t *first, size_t n);
/* What OpenSSL's error says. */
enum tls_failure tls_failure_of_error(unsigned long e);
/* Whether the certificate that SSL shows is made out to NAME. */
bool tls_name_is_covered(struct tls_context *c, SSL *ssl, const char *name);

#endif
