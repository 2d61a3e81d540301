#include "client/tls_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/clock.h"

#define CANCEL_SLICE_MS 100 /* how soon a set cancel flag is seen */

/* ---- waiting ---- */

/* POLLFD NULL: only the time. BERTH_E_TIMEOUT at the deadline. */
static berth_err wait_for(struct pollfd *fd, int64_t deadline_ms, const volatile int *cancel)
{
    for (;;) {
        int64_t left = deadline_ms - berth__now_ms();
        int ready;

        if (cancel != NULL && *cancel != 0)
            return BERTH_E_CLOSED;
        if (left <= 0)
            return BERTH_E_TIMEOUT;
        ready = berth__poll(fd, fd == NULL ? 0 : 1,
                            (int)(left < CANCEL_SLICE_MS ? left : CANCEL_SLICE_MS));
        if (ready > 0)
            return BERTH_OK;
        if (ready < 0 && errno != EINTR)
            return BERTH_E_IO;
    }
}

berth_err berth__sleep_until(int64_t deadline_ms, const volatile int *cancel)
{
    berth_err e = wait_for(NULL, deadline_ms, cancel);

    return e == BERTH_E_TIMEOUT ? BERTH_OK : e;
}

static berth_err wait_socket(struct berth__tls *t, short events, int64_t deadline_ms)
{
    struct pollfd fd = { .fd = t->fd, .events = events };
    berth_err e = wait_for(&fd, deadline_ms, t->cancel);

    if (e == BERTH_E_CLOSED)
        (void)snprintf(t->message, sizeof t->message, "stopped on request");
    return e;
}

/* ---- TCP ---- */

static berth_err connect_failed(struct berth__tls *t, const char *where, uint16_t port, int error)
{
    if (error == ECONNREFUSED)
        (void)snprintf(t->message, sizeof t->message,
                       "nothing listens on %s port %u: start the service, or give its port", where,
                       (unsigned)port);
    else
        (void)snprintf(t->message, sizeof t->message,
                       "%s port %u cannot be reached (%s): check address, network and firewall",
                       where, (unsigned)port, strerror(error));
    return error == ETIMEDOUT ? BERTH_E_TIMEOUT : BERTH_E_IO;
}

/* errno of the attempt, 0 when connected, -1 when asked to stop. */
static int try_address(struct berth__tls *t, const struct addrinfo *a)
{
    int error = 0, yes = 1;
    socklen_t size = sizeof error;
    berth_err e;

    t->fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (t->fd < 0)
        return errno;
    setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(t->fd, a->ai_addr, a->ai_addrlen) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno;
    e = wait_socket(t, POLLOUT, berth__now_ms() + BERTH__TLS_CONNECT_MS);
    if (e != BERTH_OK)
        return e == BERTH_E_CLOSED ? -1 : ETIMEDOUT;
    return getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

static bool is_stopped(struct berth__tls *t)
{
    bool stopped = t->cancel != NULL && *t->cancel != 0;

    if (stopped)
        (void)snprintf(t->message, sizeof t->message, "stopped on request");
    return stopped;
}

static berth_err connect_tcp(struct berth__tls *t, const char *where, uint16_t port)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *list;
    char service[8];
    int error;

    (void)snprintf(service, sizeof service, "%u", (unsigned)port);
    /* RFC 6761 section 6.3: localhost is this machine, whatever a resolver would say */
    error = getaddrinfo(strcasecmp(where, "localhost") == 0 ? NULL : where, service, &hints, &list);
    if (is_stopped(t)) { /* a resolver cannot be stopped: it may have come long ago */
        if (error == 0)
            freeaddrinfo(list);
        return BERTH_E_CLOSED;
    }
    if (error != 0) {
        (void)snprintf(t->message, sizeof t->message,
                       "the name %s is not known (%s): correct it, or add it to DNS or /etc/hosts",
                       where, gai_strerror(error));
        return BERTH_E_NOT_FOUND;
    }
    error = EHOSTUNREACH;
    for (struct addrinfo *a = list; a != NULL; a = a->ai_next) {
        error = try_address(t, a);
        if (error <= 0)
            break;
        if (t->fd >= 0)
            close(t->fd);
        t->fd = -1;
    }
    freeaddrinfo(list);
    if (error < 0)
        return BERTH_E_CLOSED;
    return error == 0 ? BERTH_OK : connect_failed(t, where, port, error);
}

/* ---- a BIO over send(): write(), which OpenSSL's own uses, kills the process by SIGPIPE when the
 * service has closed, and a library may not change the process's signals ---- */

static int bio_write(BIO *bio, const char *bytes, int n)
{
    const struct berth__tls *t = BIO_get_data(bio);
    ssize_t done = send(t->fd, bytes, (size_t)n, MSG_NOSIGNAL);

    BIO_clear_retry_flags(bio);
    if (done < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return (int)done;
}

static int bio_read(BIO *bio, char *out, int size)
{
    const struct berth__tls *t = BIO_get_data(bio);
    ssize_t n = recv(t->fd, out, (size_t)size, 0);

    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    if (n == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return (int)n;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF)
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return command == BIO_CTRL_FLUSH;
}

static bool attach_bio(struct berth__tls *t)
{
    BIO *bio;

    t->bio = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "berth");
    if (t->bio == NULL)
        return false;
    BIO_meth_set_write(t->bio, bio_write);
    BIO_meth_set_read(t->bio, bio_read);
    BIO_meth_set_ctrl(t->bio, bio_control);
    bio = BIO_new(t->bio);
    if (bio == NULL)
        return false;
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    return true;
}

/* ---- TLS ---- */

static berth_err load_trust(struct berth__tls *t, const char *ca_file)
{
    bool loaded = ca_file == NULL ? SSL_CTX_set_default_verify_paths(t->ctx) == 1
                                  : SSL_CTX_load_verify_file(t->ctx, ca_file) == 1;

    if (loaded)
        return BERTH_OK;
    (void)snprintf(t->message, sizeof t->message,
                   "no certificate can be read from %s: give a PEM file with the service's CA",
                   ca_file == NULL ? "the system's store" : ca_file);
    return BERTH_E_NOT_FOUND;
}

/* The name to verify; SNI only for DNS names (RFC 6066 forbids addresses in it). */
static bool set_name(struct berth__tls *t, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    char sni[256];
    unsigned char address[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    (void)snprintf(sni, sizeof sni, "%s", host); /* the call is a macro that takes no const */
    return SSL_set1_host(t->ssl, host) == 1 && SSL_set_tlsext_host_name(t->ssl, sni) == 1;
}

static berth_err prepare(struct berth__tls *t, const struct berth__tls_options *o)
{
    berth_err e;

    t->ctx = SSL_CTX_new(TLS_client_method());
    if (t->ctx == NULL)
        goto failed;
    SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
    SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
    /* an answer's end is told by its length, never by the end of the stream */
    SSL_CTX_set_options(t->ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    e = load_trust(t, o->ca_file);
    if (e != BERTH_OK)
        return e;
    t->ssl = SSL_new(t->ctx);
    if (t->ssl != NULL && set_name(t, o->host) && attach_bio(t))
        return BERTH_OK;
failed:
    (void)snprintf(t->message, sizeof t->message, "OpenSSL could not prepare a connection");
    return BERTH_E_CRYPTO;
}

static berth_err certificate_refused(struct berth__tls *t, const char *host, long why)
{
    switch (why) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        (void)snprintf(
            t->message, sizeof t->message,
            "the service's certificate does not name %s: use a name that it holds, or have it "
            "made for this one",
            host);
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        (void)snprintf(t->message, sizeof t->message,
                       "%s for %s: check this machine's clock, or renew the service's certificate",
                       X509_verify_cert_error_string(why), host);
        break;
    default:
        (void)snprintf(t->message, sizeof t->message,
                       "the certificate of %s is not trusted (%s): give the CA file of the service",
                       host, X509_verify_cert_error_string(why));
        break;
    }
    return BERTH_E_CRYPTO;
}

static berth_err handshake_failed(struct berth__tls *t, const struct berth__tls_options *o)
{
    unsigned long error = ERR_peek_error();
    long why = SSL_get_verify_result(t->ssl);
    int reason = ERR_GET_REASON(error);
    bool foreign = reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_PACKET_LENGTH_TOO_LONG ||
                   reason == SSL_R_UNEXPECTED_MESSAGE || reason == SSL_R_HTTP_REQUEST;

    if (why != X509_V_OK)
        return certificate_refused(t, o->host, why);
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && foreign) {
        (void)snprintf(
            t->message, sizeof t->message,
            "port %u does not speak TLS: give the port of the service's HTTPS or MQTT listener",
            (unsigned)o->port);
        return BERTH_E_SYNTAX;
    }
    if (error == 0) {
        (void)snprintf(t->message, sizeof t->message,
                       "port %u closed the connection before TLS was up: is it the service's?",
                       (unsigned)o->port);
        return BERTH_E_CLOSED;
    }
    (void)snprintf(t->message, sizeof t->message, "TLS with %s failed (%s)", o->host,
                   ERR_reason_error_string(error) != NULL ? ERR_reason_error_string(error)
                                                          : "unknown");
    return BERTH_E_CRYPTO;
}

/* After a call on t->ssl returned RESULT <= 0: waits when that helps. */
static berth_err wait_as_told(struct berth__tls *t, int result, int64_t deadline_ms)
{
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return wait_socket(t, POLLIN, deadline_ms);
    case SSL_ERROR_WANT_WRITE:
        return wait_socket(t, POLLOUT, deadline_ms);
    case SSL_ERROR_ZERO_RETURN:
    case SSL_ERROR_SYSCALL:
        return BERTH_E_CLOSED;
    default:
        return BERTH_E_IO;
    }
}

static berth_err shake_hands(struct berth__tls *t, const struct berth__tls_options *o)
{
    int64_t deadline = berth__now_ms() + BERTH__TLS_CONNECT_MS;

    for (;;) {
        berth_err e;
        int result;

        ERR_clear_error();
        result = SSL_connect(t->ssl);
        if (result == 1)
            return BERTH_OK;
        e = wait_as_told(t, result, deadline);
        if (e == BERTH_E_TIMEOUT)
            (void)snprintf(t->message, sizeof t->message,
                           "port %u did not answer the TLS handshake: is it the service's?",
                           (unsigned)o->port);
        else if (e != BERTH_OK && t->message[0] == '\0')
            e = handshake_failed(t, o);
        if (e != BERTH_OK)
            return e;
    }
}

/* ---- the connection ---- */

berth_err berth__tls_open(struct berth__tls *t, const struct berth__tls_options *o)
{
    berth_err e;

    *t = (struct berth__tls){ .fd = -1, .cancel = o->cancel };
    e = prepare(t, o);
    if (e == BERTH_OK)
        e = connect_tcp(t, o->connect_to != NULL ? o->connect_to : o->host, o->port);
    if (e == BERTH_OK)
        e = shake_hands(t, o);
    if (e != BERTH_OK)
        berth__tls_close(t);
    ERR_clear_error();
    return e;
}

berth_err berth__tls_send(struct berth__tls *t, const void *bytes, size_t n, int64_t deadline_ms,
                          size_t *done)
{
    for (;;) {
        berth_err e;

        ERR_clear_error();
        if (SSL_write_ex(t->ssl, bytes, n, done) == 1)
            return BERTH_OK;
        e = wait_as_told(t, 0, deadline_ms);
        if (e != BERTH_OK)
            return e;
    }
}

berth_err berth__tls_receive(struct berth__tls *t, void *out, size_t size, int64_t deadline_ms,
                             size_t *n)
{
    for (;;) {
        berth_err e;

        ERR_clear_error();
        if (SSL_read_ex(t->ssl, out, size, n) == 1)
            return BERTH_OK;
        e = wait_as_told(t, 0, deadline_ms);
        if (e != BERTH_OK)
            return e;
    }
}

void berth__tls_close(struct berth__tls *t)
{
    if (t->ssl != NULL && t->fd >= 0 && SSL_is_init_finished(t->ssl))
        (void)SSL_shutdown(t->ssl);
    SSL_free(t->ssl);
    SSL_CTX_free(t->ctx);
    BIO_meth_free(t->bio);
    if (t->fd >= 0)
        close(t->fd);
    t->ssl = NULL;
    t->ctx = NULL;
    t->bio = NULL;
    t->fd = -1;
    ERR_clear_error();
}
