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
    BIO_METHOD *bio; /* tls_bio_method */
};

struct tls_certificates {
    SSL_CTX *ctx;
};

/* Moves bytes between OpenSSL and the buffers of the present event; the BIO's data is the layer. */
BIO_METHOD *tls_bio_method(void);

#endif
