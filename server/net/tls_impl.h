/* net/tls_impl.h - what tls.c and tls_context.c share. */
#ifndef NET_TLS_IMPL_H
#define NET_TLS_IMPL_H

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "net/tls.h"

#define TLS_CERT_LIST_MAX 32768 /* bytes of a client's certificate chain */

struct tls_context {
    OSSL_LIB_CTX *lib;
    SSL_CTX *ctx;
    BIO_METHOD *bio;   /* tls_bio_method */
    char covered[256]; /* the name last found in the certificate: nearly always the next one too */
};

struct tls_certificates {
    SSL_CTX *ctx;
};

/* Moves bytes between OpenSSL and the buffers of the present event; the BIO's data is the layer. */
BIO_METHOD *tls_bio_method(void);

#define TLS_FIRST_BYTES 8 /* enough to tell what is no TLS */

/* What the first N bytes of a connection say when its handshake failed; OTHERWISE when they are TLS
 * or none. */
enum tls_failure tls_failure_of_bytes(const uint8_t *first, size_t n);
/* What OpenSSL's error says. */
enum tls_failure tls_failure_of_error(unsigned long e);
/* Whether the certificate that SSL shows is made out to NAME. */
bool tls_name_is_covered(struct tls_context *c, SSL *ssl, const char *name);

#endif
