/* bare CERTIFICATE KEY - the baseline: a TLS server with nothing but epoll and SSL_set_fd, under
 * the daemon's own TLS settings, that echoes. Prints its port. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "net/tls_impl.h"

#define EVENTS_MAX 64
#define TEXT_SIZE  16384

struct conn {
    SSL *ssl;
    int fd;
};

static int open_listener(uint16_t *port)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof addr;
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&addr, n) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&addr, &n) != 0)
        return -1;
    *port = ntohs(addr.sin_port);
    return fd;
}

static void end_conn(struct conn *c)
{
    SSL_free(c->ssl);
    (void)close(c->fd);
    free(c);
    ERR_clear_error();
}

static void accept_all(SSL_CTX *ctx, int listener, int epoll)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *c = calloc(1, sizeof *c);
        struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

        if (c == NULL)
            abort();
        c->fd = fd;
        c->ssl = SSL_new(ctx);
        if (c->ssl == NULL || SSL_set_fd(c->ssl, fd) != 1 ||
            epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) != 0) {
            end_conn(c);
            continue;
        }
        SSL_set_accept_state(c->ssl);
    }
}

/* SSL_read_ex does the handshake first. What is echoed fits the socket's buffer. */
static void serve(struct conn *c)
{
    static char text[TEXT_SIZE];
    size_t n, wrote;

    while (SSL_read_ex(c->ssl, text, sizeof text, &n) == 1) {
        if (SSL_write_ex(c->ssl, text, n, &wrote) != 1) {
            end_conn(c);
            return;
        }
    }
    switch (SSL_get_error(c->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
        return;
    case SSL_ERROR_ZERO_RETURN:
        (void)SSL_shutdown(c->ssl);
        break;
    default:
        break;
    }
    end_conn(c);
}

int main(int argc, char **argv)
{
    struct tls_context *tls;
    struct tls_files files = { 0 };
    struct epoll_event events[EVENTS_MAX], listening = { .events = EPOLLIN };
    char problem[256] = "usage: bare CERTIFICATE KEY";
    uint16_t port = 0;
    int epoll = epoll_create1(EPOLL_CLOEXEC), listener = open_listener(&port);

    if (argc == 3)
        files = (struct tls_files){ .chain_file = argv[1], .key_file = argv[2] };
    if (argc != 3 || tls_context_new(&files, &tls, problem, sizeof problem) != BERTH_OK ||
        listener < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &listening) != 0) {
        (void)fprintf(stderr, "bare: %s\n", problem);
        return 1;
    }
    SSL_CTX_set_mode(tls->ctx, SSL_MODE_RELEASE_BUFFERS); /* the daemon gives them back itself */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)printf("%u\n", (unsigned)port);
    (void)fflush(stdout);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                accept_all(tls->ctx, listener, epoll);
            else
                serve(events[i].data.ptr);
        }
    }
}
