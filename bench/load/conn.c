#include "bench/load/conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#define READ_SIZE 16384

int64_t conn_now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void fail(struct conn *c, enum failure failure, const char *why)
{
    c->failed = true;
    c->failure = failure;
    (void)snprintf(c->why, sizeof c->why, "%s", why);
    c->phase = CONN_ENDED;
}

static void set_deadline(struct conn *c, int64_t ms)
{
    c->deadline_us = conn_now_us() + ms * 1000;
}

/* ---- the beginning ---- */

/* From one of PEERS addresses: limits of the service count by them. */
static bool bind_peer(const struct conn *c, const struct conn_target *to)
{
    uint32_t address = INADDR_LOOPBACK + (1u << 16) - 1 + (uint32_t)(c->index % to->peers);
    struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };
    int on = 1;

    return setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) == 0 &&
           bind(c->fd, (struct sockaddr *)&from, sizeof from) == 0;
}

static bool open_socket(struct conn *c, const struct conn_target *to)
{
    int on = 1;

    c->fd = socket(to->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return c->fd >= 0 && setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
           (to->peers == 0 || bind_peer(c, to)) &&
           (connect(c->fd, (const struct sockaddr *)&to->addr, to->addr_n) == 0 ||
            errno == EINPROGRESS);
}

static bool open_tls(struct conn *c, SSL_CTX *ctx, const struct conn_target *to)
{
    char name[256]; /* OpenSSL's macro casts const away */

    (void)snprintf(name, sizeof name, "%s", to->host);
    c->ssl = SSL_new(ctx);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1 ||
        SSL_set_tlsext_host_name(c->ssl, name) != 1)
        return false;
    SSL_set_connect_state(c->ssl);
    return !to->verify || SSL_set1_host(c->ssl, to->host) == 1;
}

void conn_begin(struct conn *c, SSL_CTX *ctx, const struct conn_target *to, struct dialog *dialog)
{
    c->phase = CONN_SHAKING;
    c->dialog = dialog;
    c->ssl = NULL;
    c->failed = false;
    c->answered_us = 0;
    c->error_code = 0;
    if (!open_socket(c, to))
        fail(c, FAILURE_CONNECT, strerror(errno));
    else if (!open_tls(c, ctx, to))
        fail(c, FAILURE_CONNECT, "out of memory");
    else
        set_deadline(c, CONN_HANDSHAKE_MS);
}

/* ---- the handshake ---- */

static void fail_handshake(struct conn *c, int why)
{
    long verified = SSL_get_verify_result(c->ssl);
    int error = 0;
    socklen_t n = sizeof error;
    char text[DIALOG_WHY_MAX];

    if (verified != X509_V_OK) {
        (void)snprintf(text, sizeof text, "the certificate is not trusted: %s (--ca-file)",
                       X509_verify_cert_error_string(verified));
        fail(c, FAILURE_HANDSHAKE, text);
    } else if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 && error != 0) {
        fail(c, FAILURE_CONNECT, strerror(error));
    } else if (why == SSL_ERROR_SYSCALL) {
        fail(c, errno == ECONNREFUSED ? FAILURE_CONNECT : FAILURE_HANDSHAKE,
             errno != 0 ? strerror(errno) : "the service closed the connection");
    } else {
        const char *words = ERR_reason_error_string(ERR_peek_error());
        fail(c, FAILURE_HANDSHAKE, words != NULL ? words : "OpenSSL gave no reason");
    }
}

static void shake(struct conn *c)
{
    int r, why;

    errno = 0;
    r = SSL_do_handshake(c->ssl);
    why = r == 1 ? SSL_ERROR_NONE : SSL_get_error(c->ssl, r);
    if (r == 1) {
        c->phase = CONN_TALKING;
        set_deadline(c, DIALOG_ANSWER_MS);
    } else if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
        fail_handshake(c, why);
    }
}

/* ---- the dialog ---- */

/* Whether OpenSSL only waits for the socket; else the connection has failed. */
static bool would_block(struct conn *c)
{
    int why = SSL_get_error(c->ssl, 0);

    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return true;
    fail(c, FAILURE_LOST, "the service closed the connection before it answered");
    return false;
}

static bool send_some(struct conn *c)
{
    struct dialog *d = c->dialog;
    size_t wrote;

    if (SSL_write_ex(c->ssl, d->out.p, d->out.n, &wrote) != 1) {
        (void)would_block(c);
        return false;
    }
    d->transport->sent(d, wrote);
    if (d->need == DIALOG_RECEIVE)
        set_deadline(c, d->wait_ms);
    return true;
}

static bool receive_some(struct conn *c)
{
    static char text[READ_SIZE]; /* one thread */
    struct dialog *d = c->dialog;
    size_t n;

    if (SSL_read_ex(c->ssl, text, sizeof text, &n) != 1) {
        (void)would_block(c);
        return false;
    }
    d->transport->received(d, text, n);
    return true;
}

void conn_leave(struct conn *c)
{
    c->phase = CONN_LEAVING;
    (void)SSL_shutdown(c->ssl);
    (void)shutdown(c->fd, SHUT_WR);
    set_deadline(c, CONN_LEAVING_MS);
}

static void refused(struct conn *c)
{
    fail(c, c->dialog->failure, c->dialog->why);
    c->error_code = c->dialog->error_code;
    if (c->failure == FAILURE_REFUSED)
        c->answered_us = conn_now_us();
    conn_leave(c);
}

/* False when there is nothing more to be done at present. */
static bool talk_on(struct conn *c)
{
    switch (c->dialog->need) {
    case DIALOG_SEND:
        return send_some(c);
    case DIALOG_RECEIVE:
        return receive_some(c);
    case DIALOG_WAIT:
        c->phase = CONN_WAITING;
        set_deadline(c, c->dialog->wait_ms);
        return false;
    case DIALOG_HOLD:
        c->answered_us = conn_now_us();
        c->phase = CONN_HELD;
        return false;
    case DIALOG_DONE:
        c->answered_us = conn_now_us();
        conn_leave(c);
        return false;
    case DIALOG_FAILED:
        refused(c);
        return false;
    }
    return false;
}

/* Reads and forgets: true when the server's end has come. */
static bool drained(const struct conn *c)
{
    char text[512];
    ssize_t n;

    while ((n = recv(c->fd, text, sizeof text, 0)) > 0)
        continue;
    return n == 0 || errno != EAGAIN;
}

static void watch_held(struct conn *c)
{
    char text[64];
    size_t n;

    while (SSL_read_ex(c->ssl, text, sizeof text, &n) == 1)
        continue;
    if (c->phase == CONN_HELD && !would_block(c))
        c->answered_us = 0;
}

void conn_event(struct conn *c)
{
    if (c->phase == CONN_SHAKING)
        shake(c);
    while (c->phase == CONN_TALKING && talk_on(c))
        continue;
    if (c->phase == CONN_HELD)
        watch_held(c);
    if (c->phase == CONN_LEAVING && drained(c))
        c->phase = CONN_ENDED;
    ERR_clear_error();
}

void conn_check(struct conn *c, int64_t now_us)
{
    if (c->phase == CONN_FREE || c->phase == CONN_HELD || c->phase == CONN_ENDED ||
        now_us < c->deadline_us)
        return;
    if (c->phase == CONN_SHAKING) {
        fail(c, FAILURE_SLOW, "no TLS session in time");
    } else if (c->phase == CONN_TALKING) {
        fail(c, FAILURE_SLOW, "the service did not answer in time");
    } else if (c->phase == CONN_LEAVING) {
        c->phase = CONN_ENDED;
    } else {
        c->dialog->transport->waited(c->dialog, (int64_t)time(NULL));
        c->phase = CONN_TALKING;
        set_deadline(c, DIALOG_ANSWER_MS);
        conn_event(c);
    }
}

void conn_end(struct conn *c)
{
    if (c->dialog != NULL)
        c->dialog->transport->end(c->dialog);
    SSL_free(c->ssl);
    if (c->fd >= 0)
        (void)close(c->fd);
    c->dialog = NULL;
    c->ssl = NULL;
    c->fd = -1;
    c->phase = CONN_FREE;
    ERR_clear_error();
}
