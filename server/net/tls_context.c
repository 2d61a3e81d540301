#include "net/tls_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#define CIPHERS_1_2                                                                                \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                                   \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                                   \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define CIPHERS_1_3 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

/* Who a device is, attestation decides: its certificate may come from any authority, or none. */
static int accept_any(X509_STORE_CTX *chain, void *arg)
{
    (void)arg;
    X509_STORE_CTX_set_error(chain, X509_V_OK);
    return 1;
}

/* limits.md section 2 has what each is worth. */
static bool apply_settings(SSL_CTX *ctx)
{
    char groups[] = "X25519:P-256"; /* OpenSSL's macro casts const away */

    /* Requests carry keys and tokens, and OpenSSL decrypts them into blocks that it frees as they
     * are unless told to wipe them. */
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_CLEANSE_PLAINTEXT);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(ctx, TLS_CERT_LIST_MAX);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL); /* requested; without FAIL_IF_NO_PEER_CERT */
    SSL_CTX_set_cert_verify_callback(ctx, accept_any, NULL);
    return SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
           SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set1_groups_list(ctx, groups) == 1 &&
           SSL_CTX_set_cipher_list(ctx, CIPHERS_1_2) == 1 &&
           SSL_CTX_set_ciphersuites(ctx, CIPHERS_1_3) == 1;
}

static const char *ssl_words(void)
{
    unsigned long e = ERR_peek_error();
    const char *words =
        ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e)) : ERR_reason_error_string(e);

    return words != NULL ? words : "OpenSSL gave no reason";
}

static berth_err load_pair(SSL_CTX *ctx, const char *chain, const char *key, char *problem,
                           size_t problem_size)
{
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ctx, chain) != 1) {
        (void)snprintf(problem, problem_size, "certificate %s: %s", chain, ssl_words());
        return BERTH_E_CRYPTO;
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
        (void)snprintf(problem, problem_size, "private key %s: %s", key, ssl_words());
        return BERTH_E_CRYPTO;
    }
    if (SSL_CTX_check_private_key(ctx) != 1) {
        (void)snprintf(problem, problem_size, "private key %s does not belong to certificate %s",
                       key, chain);
        return BERTH_E_MISMATCH;
    }
    return BERTH_OK;
}

/* *OUT is the caller's, also when it could not be filled. */
static berth_err make(OSSL_LIB_CTX *lib, const struct tls_files *f, SSL_CTX **out, char *problem,
                      size_t problem_size)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(lib, NULL, TLS_server_method());

    *out = ctx;
    if (ctx == NULL) {
        (void)snprintf(problem, problem_size, "OpenSSL made no context: %s", ssl_words());
        return BERTH_E_MEMORY;
    }
    if (!apply_settings(ctx)) {
        (void)snprintf(problem, problem_size, "OpenSSL refused the settings: %s", ssl_words());
        return BERTH_E_CRYPTO;
    }
    berth_err e = load_pair(ctx, f->chain_file, f->key_file, problem, problem_size);
    if (e == BERTH_OK && f->rsa_chain_file != NULL)
        e = load_pair(ctx, f->rsa_chain_file, f->rsa_key_file, problem, problem_size);
    return e;
}

static berth_err fill(struct tls_context *c, const struct tls_files *f, char *problem,
                      size_t problem_size)
{
    c->lib = OSSL_LIB_CTX_new();
    c->bio = tls_bio_method();
    if (c->bio == NULL || c->lib == NULL) {
        (void)snprintf(problem, problem_size, "OpenSSL made no context: %s", ssl_words());
        return BERTH_E_MEMORY;
    }
    return make(c->lib, f, &c->ctx, problem, problem_size);
}

berth_err tls_context_new(const struct tls_files *f, struct tls_context **out, char *problem,
                          size_t problem_size)
{
    struct tls_context *c = calloc(1, sizeof *c);

    *out = NULL;
    if (c == NULL) {
        (void)snprintf(problem, problem_size, "out of memory");
        return BERTH_E_MEMORY;
    }
    berth_err e = fill(c, f, problem, problem_size);
    ERR_clear_error();
    if (e != BERTH_OK) {
        tls_context_free(c);
        return e;
    }
    *out = c;
    return BERTH_OK;
}

void tls_context_free(struct tls_context *c)
{
    if (c == NULL)
        return;
    deadline_clear(&c->turn);
    SSL_CTX_free(c->ctx);
    BIO_meth_free(c->bio);
    OSSL_LIB_CTX_free(c->lib);
    free(c);
}

berth_err tls_certificates_new(struct tls_context *c, const struct tls_files *f,
                               struct tls_certificates **out, char *problem, size_t problem_size)
{
    struct tls_certificates *n = calloc(1, sizeof *n);
    berth_err e;

    *out = NULL;
    if (n == NULL) {
        (void)snprintf(problem, problem_size, "out of memory");
        return BERTH_E_MEMORY;
    }
    e = make(c->lib, f, &n->ctx, problem, problem_size);
    ERR_clear_error();
    if (e != BERTH_OK) {
        tls_certificates_free(n);
        return e;
    }
    *out = n;
    return BERTH_OK;
}

void tls_certificates_free(struct tls_certificates *n)
{
    if (n == NULL)
        return;
    SSL_CTX_free(n->ctx);
    free(n);
}

/* Each connection holds a count on the SSL_CTX it was made from. */
void tls_context_use(struct tls_context *c, struct tls_certificates *n)
{
    SSL_CTX *old = c->ctx;

    c->ctx = n->ctx;
    c->covered[0] = '\0';
    n->ctx = old;
    tls_certificates_free(n);
}
