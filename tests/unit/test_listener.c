#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net/echo.h"
#include "tests/unit/check.h"
#include "tests/unit/layer_rig.h"

#define CLIENTS   200
#define TURNS_MAX 200000 /* a guard against hanging, no bound on time */
#define BIG       (8 * 1024 * 1024)

/* What stands on the connections of a test. */
enum kind { WITH_ECHO, WITH_RECORD, DECLINE };

struct fixture {
    struct loop *loop;
    struct listener *listener;
    enum kind kind;
    struct rig_top tops[8];
    int accepted;
    int pauses, resumes;
    struct peer last_peer;
};

static struct layer *on_accept(void *user, struct layer *tcp, const struct peer *peer)
{
    struct fixture *f = user;

    f->last_peer = *peer;
    f->accepted++;
    if (f->kind == DECLINE)
        return NULL;
    if (f->kind == WITH_ECHO)
        return echo_layer_new(tcp);
    struct rig_top *top = &f->tops[f->accepted - 1];
    rig_top_init(top, tcp);
    return &top->l;
}

static void on_paused(void *user, const char *why)
{
    struct fixture *f = user;

    if (why != NULL)
        f->pauses++;
    else
        f->resumes++;
}

static struct sockaddr_storage loopback(int family, uint16_t port)
{
    struct sockaddr_storage s = { .ss_family = (sa_family_t)family };

    if (family == AF_INET6) {
        struct sockaddr_in6 *a = (struct sockaddr_in6 *)&s;
        a->sin6_addr = in6addr_any; /* dual-stack */
        a->sin6_port = htons(port);
    } else {
        struct sockaddr_in *a = (struct sockaddr_in *)&s;
        a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        a->sin_port = htons(port);
    }
    return s;
}

static void start(struct fixture *f, enum kind kind, size_t connections_max)
{
    *f = (struct fixture){ .kind = kind };
    assert_int_equal(loop_new(0, &f->loop), BERTH_OK);
    struct listener_options o = { .addr = loopback(AF_INET, 0),
                                  .connections_max = connections_max,
                                  .accept = on_accept,
                                  .paused = on_paused,
                                  .user = f };
    assert_int_equal(listener_start(f->loop, &o, &f->listener), BERTH_OK);
    assert_int_not_equal(listener_port(f->listener), 0);
}

static void stop(struct fixture *f)
{
    loop_free(f->loop);
    for (size_t i = 0; i < ARRAY_LEN(f->tops); i++)
        rig_top_deinit(&f->tops[i]);
}

static void turn(struct fixture *f)
{
    uv_run(loop_uv(f->loop), UV_RUN_NOWAIT);
}

/* Turns the loop until CONDITION holds; it is not evaluated again after that. */
#define TURN_UNTIL(f, condition)                                                                   \
    do {                                                                                           \
        bool held_ = (condition);                                                                  \
        for (int turn_ = 0; turn_ < TURNS_MAX && !held_; turn_++) {                                \
            turn(f);                                                                               \
            held_ = (condition);                                                                   \
        }                                                                                          \
        assert_true(held_);                                                                        \
    } while (0)

static int new_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    return fd;
}

static int dial_by(const struct fixture *f, int fd)
{
    struct sockaddr_storage a = loopback(AF_INET, listener_port(f->listener));

    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(struct sockaddr_in)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static int dial(const struct fixture *f)
{
    return dial_by(f, new_socket());
}

/* Bytes read; 0 at the end; -1 while there is nothing; -2 after a reset. */
static ssize_t take(int fd, void *p, size_t n)
{
    ssize_t got = recv(fd, p, n, 0);

    if (got >= 0)
        return got;
    return errno == EAGAIN ? -1 : -2;
}

static void send_all(struct fixture *f, int fd, const char *p, size_t n)
{
    for (int i = 0; i < TURNS_MAX && n > 0; i++) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

        if (sent > 0) {
            p += sent;
            n -= (size_t)sent;
        }
        turn(f);
    }
    assert_int_equal(n, 0);
}

static void test_many_connections(void **state)
{
    struct fixture f;
    int fds[CLIENTS];
    char buf[16];
    (void)state;

    start(&f, WITH_ECHO, 0);
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = dial(&f);
    TURN_UNTIL(&f, f.accepted == CLIENTS);
    assert_int_equal(listener_connections(f.listener), CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        int n = snprintf(buf, sizeof buf, "%d", i);
        send_all(&f, fds[i], buf, (size_t)n);
    }
    for (int i = 0; i < CLIENTS; i++) {
        ssize_t n = -1;

        TURN_UNTIL(&f, (n = take(fds[i], buf, sizeof buf - 1)) != -1);
        assert_true(n > 0);
        buf[n] = '\0';
        assert_int_equal(atoi(buf), i);
        close(fds[i]);
    }
    TURN_UNTIL(&f, listener_connections(f.listener) == 0);
    stop(&f);
}

static void read_nodelay(uv_handle_t *h, void *on)
{
    uv_os_fd_t fd;
    socklen_t n = sizeof(int);

    if (uv_handle_get_type(h) == UV_TCP && uv_fileno(h, &fd) == 0)
        assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, on, &n), 0);
}

static void test_nodelay_is_inherited(void **state)
{
    struct fixture f;
    int on = 0;
    (void)state;

    start(&f, WITH_RECORD, 0);
    int fd = dial(&f);
    TURN_UNTIL(&f, f.accepted == 1);
    uv_walk(loop_uv(f.loop), read_nodelay, &on);
    assert_int_not_equal(on, 0);
    close(fd);
    stop(&f);
}

static void read_quickack(uv_handle_t *h, void *on)
{
    uv_os_fd_t fd;
    socklen_t n = sizeof(int);

    if (uv_handle_get_type(h) == UV_TCP && uv_fileno(h, &fd) == 0)
        assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, on, &n), 0);
}

/* Once a connection goes to and fro the kernel delays its ACKs; input without an answer must not
 * wait for that. */
static void test_quick_ack(void **state)
{
    struct fixture f;
    int quick = 1;
    char c;
    (void)state;

    start(&f, WITH_RECORD, 0);
    int fd = dial(&f);
    TURN_UNTIL(&f, f.accepted == 1);
    for (int i = 0; i < 1000 && quick; i++) {
        int inputs = f.tops[0].inputs;

        send_all(&f, fd, "x", 1);
        TURN_UNTIL(&f, f.tops[0].inputs > inputs);
        layer_write(f.tops[0].l.below, "y", 1);
        TURN_UNTIL(&f, take(fd, &c, 1) == 1);
        uv_walk(loop_uv(f.loop), read_quickack, &quick);
    }
    if (!quick) { /* else this kernel never delays */
        int inputs = f.tops[0].inputs;

        send_all(&f, fd, "x", 1);
        TURN_UNTIL(&f, f.tops[0].inputs > inputs);
        uv_walk(loop_uv(f.loop), read_quickack, &quick);
        assert_true(quick);

        f.tops[0].l.answering = true; /* the answer will carry it */
        layer_write(f.tops[0].l.below, "y", 1);
        TURN_UNTIL(&f, take(fd, &c, 1) == 1);
        send_all(&f, fd, "x", 1);
        TURN_UNTIL(&f, f.tops[0].inputs > inputs + 1);
        uv_walk(loop_uv(f.loop), read_quickack, &quick);
        assert_false(quick);
    }
    close(fd);
    stop(&f);
}

static void test_peer_text(void **state)
{
    struct fixture f;
    struct sockaddr_in local;
    socklen_t n = sizeof local;
    char want[PEER_TEXT_SIZE];
    (void)state;

    start(&f, WITH_RECORD, 0);
    int fd = dial(&f);
    TURN_UNTIL(&f, f.accepted == 1);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&local, &n), 0);
    snprintf(want, sizeof want, "127.0.0.1:%u", ntohs(local.sin_port));
    assert_string_equal(f.last_peer.text, want);
    assert_string_equal(layer_peer(&f.tops[0].l)->text, want);
    close(fd);
    stop(&f);
}

/* A dual-stack socket: IPv4 peers are named as such. */
static void test_peer_text_dual_stack(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, DECLINE, 0);
    listener_close(f.listener);
    struct listener_options o = { .addr = loopback(AF_INET6, 0), .accept = on_accept, .user = &f };
    if (listener_start(f.loop, &o, &f.listener) != BERTH_OK) {
        stop(&f); /* no IPv6 on this machine */
        skip();
    }
    int fd = dial(&f);
    TURN_UNTIL(&f, f.accepted == 1);
    assert_memory_equal(f.last_peer.text, "127.0.0.1:", 10);
    close(fd);

    struct sockaddr_in6 six = { .sin6_family = AF_INET6,
                                .sin6_addr = in6addr_loopback,
                                .sin6_port = htons(listener_port(f.listener)) };
    fd = socket(AF_INET6, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&six, sizeof six) == 0) {
        TURN_UNTIL(&f, f.accepted == 2);
        assert_memory_equal(f.last_peer.text, "[::1]:", 6);
    }
    close(fd);
    stop(&f);
}

static void test_declined(void **state)
{
    struct fixture f;
    char c;
    (void)state;

    start(&f, DECLINE, 0);
    int fd = dial(&f);
    TURN_UNTIL(&f, take(fd, &c, 1) == 0);
    TURN_UNTIL(&f, listener_connections(f.listener) == 0);
    close(fd);
    stop(&f);
}

/* More than any socket buffer, through an echo that gets no further than its peer reads. */
static void test_bulk_both_ways(void **state)
{
    struct fixture f;
    char *data = malloc(BIG);
    char *got = malloc(BIG);
    size_t sent = 0;
    size_t n = 0;
    (void)state;

    for (size_t i = 0; i < BIG; i++)
        data[i] = (char)(i * 13 + i / 257);
    start(&f, WITH_ECHO, 0);
    int fd = dial(&f);
    for (int stuck = 0; stuck < 1000; stuck++) { /* not reading: everything fills up, and stops */
        ssize_t now = send(fd, data + sent, BIG - sent, MSG_NOSIGNAL);

        if (now > 0) {
            sent += (size_t)now;
            stuck = 0;
        }
        turn(&f);
    }
    for (int i = 0; i < TURNS_MAX && n < BIG; i++) {
        ssize_t now = sent < BIG ? send(fd, data + sent, BIG - sent, MSG_NOSIGNAL) : 0;
        ssize_t back = take(fd, got + n, BIG - n);

        sent += now > 0 ? (size_t)now : 0;
        n += back > 0 ? (size_t)back : 0;
        turn(&f);
    }
    assert_int_equal(n, BIG);
    assert_memory_equal(got, data, BIG);
    close(fd);
    TURN_UNTIL(&f, listener_connections(f.listener) == 0);
    stop(&f);
    free(data);
    free(got);
}

/* A peer that never reads: at most the tail's bound is kept for it. */
static void test_tail_bound(void **state)
{
    struct fixture f;
    char *data = calloc(1, BIG);
    char *got = malloc(BIG);
    (void)state;

    start(&f, WITH_RECORD, 0);
    int fd = dial(&f);
    TURN_UNTIL(&f, f.accepted == 1);
    struct layer *tcp = f.tops[0].l.below;
    while (layer_write(tcp, data, BIG) == BIG)
        ;
    assert_int_equal(layer_write(tcp, data, 1), 0);
    assert_int_equal(f.tops[0].writables, 0);
    for (int i = 0; i < TURNS_MAX && f.tops[0].writables == 0; i++) {
        take(fd, got, BIG);
        turn(&f);
    }
    assert_int_equal(f.tops[0].writables, 1);
    assert_int_equal(layer_write(tcp, data, 1), 1);
    close(fd);
    TURN_UNTIL(&f, f.tops[0].closes == 1);
    stop(&f);
    free(data);
    free(got);
}

static void find_queue(uv_handle_t *h, void *size)
{
    if (uv_handle_get_type(h) == UV_TCP)
        *(size_t *)size = uv_stream_get_write_queue_size((uv_stream_t *)h);
}

static size_t tail_bytes(struct fixture *f)
{
    size_t size = 0;

    uv_walk(loop_uv(f->loop), find_queue, &size);
    return size;
}

/* A tail of single bytes costs far more memory than bytes: the pieces count too. */
static void test_tail_bound_counts_pieces(void **state)
{
    struct fixture f;
    char data[1024] = { 0 };
    int singles = 0;
    (void)state;

    start(&f, WITH_RECORD, 0);
    int fd = dial(&f);
    TURN_UNTIL(&f, f.accepted == 1);
    struct layer *tcp = f.tops[0].l.below;
    while (tail_bytes(&f) == 0)
        assert_int_equal(layer_write(tcp, data, sizeof data), sizeof data);
    while (layer_write(tcp, data, 1) == 1)
        singles++;
    assert_true(singles > 100);
    assert_true(singles < TCP_TAIL_MAX / 64);
    close(fd);
    TURN_UNTIL(&f, f.tops[0].closes == 1);
    stop(&f);
}

/* Reading stops while the layer above has not taken everything, and goes on after resume. */
static void test_input_is_kept(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, WITH_RECORD, 0);
    int fd = dial(&f);
    TURN_UNTIL(&f, f.accepted == 1);
    f.tops[0].appetite = 3;
    send_all(&f, fd, "0123456789", 10);
    TURN_UNTIL(&f, f.tops[0].inputs == 1);
    send_all(&f, fd, "abc", 3);
    for (int i = 0; i < 100; i++)
        turn(&f);
    assert_int_equal(f.tops[0].inputs, 1);
    f.tops[0].appetite = 4;
    layer_resume(f.tops[0].l.below);
    assert_int_equal(f.tops[0].inputs, 1);
    TURN_UNTIL(&f, f.tops[0].inputs == 2);
    assert_int_equal(f.tops[0].got.n, 7);
    f.tops[0].appetite = RIG_ALL;
    layer_resume(f.tops[0].l.below);
    TURN_UNTIL(&f, f.tops[0].got.n == 13);
    assert_memory_equal(f.tops[0].got.p, "0123456789abc", 13);
    close(fd);
    TURN_UNTIL(&f, f.tops[0].closes == 1);
    stop(&f);
}

/* What is kept outlives its reader's own writes and closing, also when a write finds the peer gone.
 */
static void test_kept_input_outlives_its_reading(void **state)
{
    (void)state;
    for (int closes = 0; closes < 2; closes++) {
        const struct linger hard = { .l_onoff = 1 };
        struct fixture f;

        start(&f, WITH_RECORD, 0);
        int fd = dial(&f);
        TURN_UNTIL(&f, f.accepted == 1);
        f.tops[0].appetite = 3;
        send_all(&f, fd, "0123456789", 10);
        TURN_UNTIL(&f, f.tops[0].inputs == 1);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        close(fd);
        f.tops[0].write_in_input = !closes;
        f.tops[0].close_in_input = closes;
        f.tops[0].appetite = RIG_ALL;
        layer_resume(f.tops[0].l.below);
        TURN_UNTIL(&f, f.tops[0].closes == 1);
        assert_int_equal(f.tops[0].got.n, 10);
        assert_memory_equal(f.tops[0].got.p, "0123456789", 10);
        stop(&f);
    }
}

/* Closed from above with data in flight both ways: the peer gets every byte, then the end, and no
 * reset although it had sent what nobody read. */
static void test_close_with_data_in_flight(void **state)
{
    struct fixture f;
    char *data = calloc(1, BIG);
    char *got = malloc(BIG);
    size_t n = 0;
    ssize_t back = -1;
    (void)state;

    start(&f, WITH_RECORD, 0);
    int fd = dial(&f);
    TURN_UNTIL(&f, f.accepted == 1);
    struct layer *tcp = f.tops[0].l.below;
    f.tops[0].appetite = 1;
    send_all(&f, fd, "unread", 6);
    TURN_UNTIL(&f, f.tops[0].inputs == 1);
    size_t taken = layer_write(tcp, data, BIG);
    layer_close(tcp);
    layer_close(tcp);
    assert_int_equal(layer_write(tcp, data, 1), 1);
    assert_int_equal(f.tops[0].closes, 0);
    send_all(&f, fd, "more", 4);
    for (int i = 0; i < TURNS_MAX && back != 0; i++) {
        back = take(fd, got, BIG);
        assert_int_not_equal(back, -2);
        n += back > 0 ? (size_t)back : 0;
        turn(&f);
    }
    assert_int_equal(back, 0);
    assert_int_equal(n, taken);
    assert_int_equal(f.tops[0].closes, 0); /* our end is sent; the peer's is waited for */
    close(fd);
    TURN_UNTIL(&f, f.tops[0].closes == 1);
    assert_int_equal(f.tops[0].inputs, 1);
    stop(&f);
    assert_int_equal(f.tops[0].closes, 1);
    free(data);
    free(got);
}

/* A peer that neither reads nor ends is not waited for without end. */
static void test_close_has_limits(void **state)
{
    (void)state;
    for (int with_tail = 0; with_tail < 2; with_tail++) {
        struct fixture f;
        char *data = calloc(1, BIG);

        start(&f, WITH_RECORD, 0);
        int fd = dial(&f);
        int small = 4096; /* else the kernels may hold all of it */
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
        TURN_UNTIL(&f, f.accepted == 1);
        if (with_tail)
            layer_write(f.tops[0].l.below, data, BIG);
        layer_close(f.tops[0].l.below);
        turn(&f);
        loop_skip(f.loop, (with_tail ? TCP_FLUSH_MS : TCP_LINGER_MS) - 1000);
        turn(&f);
        assert_int_equal(f.tops[0].closes, 0);
        loop_skip(f.loop, 1000 + LOOP_TICK_MS);
        TURN_UNTIL(&f, f.tops[0].closes == 1);
        close(fd);
        stop(&f);
        free(data);
    }
}

/* The listener's end of the connection that FD dialled. */
static int accepted_end(int fd)
{
    struct sockaddr_in mine, peer;
    socklen_t n = sizeof mine;

    assert_int_equal(getsockname(fd, (struct sockaddr *)&mine, &n), 0);
    for (int i = 0; i < 1024; i++) {
        n = sizeof peer;
        if (i != fd && getpeername(i, (struct sockaddr *)&peer, &n) == 0 &&
            peer.sin_family == AF_INET && peer.sin_port == mine.sin_port)
            return i;
    }
    fail_msg("no such connection");
    return -1;
}

/* Kernels hold a few KiB between the two, so that the tail moves whenever some is read. */
static int dial_narrow(struct fixture *f)
{
    int segment = 1400, read_first = 16 * 1024, small = 4096;
    int fd = new_socket();

    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &read_first, sizeof read_first), 0);
    (void)dial_by(f, fd);
    TURN_UNTIL(f, f->accepted == 1);
    assert_int_equal(setsockopt(accepted_end(fd), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    return fd;
}

/* Writes more than the tail holds, and closes; how much was taken. */
static size_t close_with_tail(struct fixture *f)
{
    char *data = calloc(1, BIG);
    size_t taken = layer_write(f->tops[0].l.below, data, BIG);

    assert_true(taken > TCP_TAIL_MAX && taken < BIG);
    layer_close(f->tops[0].l.below);
    turn(f);
    free(data);
    return taken;
}

/* At most N bytes; how many. */
static size_t read_some(struct fixture *f, int fd, size_t n)
{
    char *got = malloc(n);
    size_t all = 0;

    assert_non_null(got);
    for (int i = 0; i < 1000 && all < n; i++) {
        ssize_t some = take(fd, got, n - all);

        assert_int_not_equal(some, -2); /* it is not cut off */
        all += some > 0 ? (size_t)some : 0;
        turn(f);
    }
    free(got);
    return all;
}

/* A line that is slow: some of an answer leaves each time, and all of it in the end. */
static void test_close_of_a_slow_line(void **state)
{
    struct fixture f;
    size_t taken, got = 0;
    (void)state;

    start(&f, WITH_RECORD, 0);
    int fd = dial_narrow(&f);
    taken = close_with_tail(&f);
    for (int i = 0; i < 100 && got < taken; i++) {
        got += read_some(&f, fd, 16 * 1024);
        if (i < 12)
            loop_skip(f.loop, TCP_FLUSH_MS - 2000);
    }
    CHECK("all of it", got == taken);
    close(fd);
    TURN_UNTIL(&f, f.tops[0].closes == 1);
    stop(&f);
}

/* But not for ever. */
static void test_close_of_the_slowest_line(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, WITH_RECORD, 0);
    int fd = dial_narrow(&f);
    (void)close_with_tail(&f);
    assert_true(read_some(&f, fd, 16 * 1024) > 0);
    loop_skip(f.loop, TCP_FLUSH_ALL_MS - 2000);
    turn(&f);
    assert_int_equal(f.tops[0].closes, 0);
    assert_true(read_some(&f, fd, 32 * 1024) > 0);
    loop_skip(f.loop, TCP_FLUSH_MS + LOOP_TICK_MS);
    TURN_UNTIL(&f, f.tops[0].closes == 1);
    close(fd);
    stop(&f);
}

static void test_close_within_input(void **state)
{
    struct fixture f;
    char c;
    (void)state;

    start(&f, WITH_RECORD, 0);
    int fd = dial(&f);
    TURN_UNTIL(&f, f.accepted == 1);
    f.tops[0].close_in_input = true;
    send_all(&f, fd, "x", 1);
    TURN_UNTIL(&f, take(fd, &c, 1) == 0);
    close(fd);
    TURN_UNTIL(&f, f.tops[0].closes == 1);
    stop(&f);
}

static void test_reset_by_peer(void **state)
{
    struct fixture f;
    struct linger hard = { .l_onoff = 1 };
    char *data = calloc(1, BIG);
    (void)state;

    start(&f, WITH_RECORD, 0);
    int fd = dial(&f);
    TURN_UNTIL(&f, f.accepted == 1);
    layer_write(f.tops[0].l.below, data, BIG); /* a tail waits */
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd);
    TURN_UNTIL(&f, f.tops[0].closes == 1);
    assert_int_equal(listener_connections(f.listener), 0);
    stop(&f);
    free(data);
}

/* Written before the loop has noticed that the peer is gone: no CLOSED from inside the write. */
static void test_write_after_reset(void **state)
{
    struct fixture f;
    struct linger hard = { .l_onoff = 1 };
    (void)state;

    start(&f, WITH_RECORD, 0);
    int fd = dial(&f);
    TURN_UNTIL(&f, f.accepted == 1);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd);
    for (int i = 0; i < 3; i++)
        assert_int_equal(layer_write(f.tops[0].l.below, "x", 1), 1);
    assert_int_equal(f.tops[0].closes, 0);
    TURN_UNTIL(&f, f.tops[0].closes == 1);
    stop(&f);
}

static void test_connections_max(void **state)
{
    struct fixture f;
    int fds[4];
    (void)state;

    start(&f, WITH_RECORD, 3);
    for (int i = 0; i < 4; i++)
        fds[i] = dial(&f);
    TURN_UNTIL(&f, f.pauses == 1);
    for (int i = 0; i < 100; i++)
        turn(&f);
    assert_int_equal(f.accepted, 3);
    assert_int_equal(f.pauses, 1);
    assert_int_equal(listener_connections(f.listener), 3);
    close(fds[0]);
    TURN_UNTIL(&f, f.accepted == 4);
    assert_int_equal(f.resumes, 1);
    for (int i = 1; i < 4; i++)
        close(fds[i]);
    TURN_UNTIL(&f, listener_connections(f.listener) == 0);
    stop(&f);
}

/* The room is shared: whoever's connection goes, all that wait look again a little later. */
static void test_shared_room(void **state)
{
    struct connection_room room = { .max = 2 };
    struct fixture f, g;
    int fds[3];
    (void)state;

    start(&f, WITH_RECORD, 0);
    listener_close(f.listener);
    g = (struct fixture){ .kind = WITH_RECORD, .loop = f.loop };
    struct listener_options o = { .addr = loopback(AF_INET, 0),
                                  .room = &room,
                                  .accept = on_accept,
                                  .paused = on_paused,
                                  .user = &f };
    assert_int_equal(listener_start(f.loop, &o, &f.listener), BERTH_OK);
    o.user = &g;
    assert_int_equal(listener_start(f.loop, &o, &g.listener), BERTH_OK);
    fds[0] = dial(&f);
    fds[1] = dial(&f);
    TURN_UNTIL(&f, f.accepted == 2);
    assert_int_equal(atomic_load(&room.open), 2);
    fds[2] = dial(&g);
    TURN_UNTIL(&f, g.pauses == 1);
    for (int i = 0; i < 5; i++)
        loop_skip(f.loop, 1000);
    assert_int_equal(g.accepted + g.resumes, 0);
    close(fds[0]);
    TURN_UNTIL(&f, listener_connections(f.listener) == 1);
    loop_skip(f.loop, 1000);
    TURN_UNTIL(&f, g.accepted == 1);
    assert_int_equal(g.resumes, 1);
    close(fds[1]);
    close(fds[2]);
    TURN_UNTIL(&f, atomic_load(&room.open) == 0);
    stop(&f);
    rig_top_deinit(&g.tops[0]);
}

/* A client that ends its side behind what it asked still hears the answer. */
static void test_half_closed(void **state)
{
    struct fixture f;
    char buf[8];
    ssize_t n = -1;
    (void)state;

    start(&f, WITH_RECORD, 0);
    int fd = dial(&f);
    TURN_UNTIL(&f, f.accepted == 1);
    f.tops[0].owes = true;
    send_all(&f, fd, "ask", 3);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    TURN_UNTIL(&f, f.tops[0].ends == 1);
    for (int i = 0; i < 100; i++)
        turn(&f);
    assert_int_equal(f.tops[0].closes, 0);
    layer_write(f.tops[0].l.below, "told", 4);
    layer_close(f.tops[0].l.below);
    TURN_UNTIL(&f, (n = take(fd, buf, sizeof buf)) != -1);
    assert_int_equal(n, 4);
    TURN_UNTIL(&f, take(fd, buf, 1) == 0);
    TURN_UNTIL(&f, f.tops[0].closes == 1); /* no waiting for an end that has come */
    close(fd);
    stop(&f);
}

/* Out of file descriptors: pauses instead of spinning, tries again later. */
static void test_out_of_files(void **state)
{
    struct fixture f;
    struct rlimit old, tight;
    (void)state;

    if (getenv("BERTH_TEST_VALGRIND") != NULL)
        skip(); /* valgrind opens files of its own, and gives the limit out of its own head */
    start(&f, WITH_RECORD, 0);
    int fd = dial(&f);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    tight = old;
    tight.rlim_cur = (rlim_t)fd + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    TURN_UNTIL(&f, f.pauses == 1);
    for (int i = 0; i < 100; i++)
        turn(&f);
    assert_int_equal(f.accepted, 0);
    assert_int_equal(f.pauses, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    loop_skip(f.loop, 1000);
    TURN_UNTIL(&f, f.accepted == 1);
    assert_int_equal(f.resumes, 1);
    close(fd);
    stop(&f);
}

/* One who sends faster than it is read leaves the other connections their turns. */
static void test_full_reads_have_turns(void **state)
{
    static const char piece[64 * 1024];
    struct fixture f;
    size_t total = 0;
    ssize_t n;
    (void)state;

    start(&f, WITH_RECORD, 0);
    int fd = dial(&f);
    TURN_UNTIL(&f, f.accepted == 1);
    while ((n = send(fd, piece, sizeof piece, MSG_DONTWAIT)) > 0)
        total += (size_t)n;
    assert_true(total > 2 * LOOP_SCRATCH_SIZE);
    for (int i = 0; i < 1000 && f.tops[0].got.n < total; i++) {
        size_t before = f.tops[0].got.n;

        turn(&f);
        assert_in_range(f.tops[0].got.n - before, 0, LOOP_SCRATCH_SIZE);
    }
    assert_int_equal(f.tops[0].got.n, total);
    close(fd);
    stop(&f);
}

/* Who asks while it stops sees no pause that will never end. */
static void test_stops_while_paused(void **state)
{
    struct connection_room room = { .max = 0 };
    struct fixture f;
    (void)state;

    start(&f, WITH_RECORD, 0);
    listener_close(f.listener);
    struct listener_options o = { .addr = loopback(AF_INET, 0),
                                  .room = &room,
                                  .accept = on_accept,
                                  .paused = on_paused,
                                  .user = &f };
    assert_int_equal(listener_start(f.loop, &o, &f.listener), BERTH_OK);
    int fd = dial(&f);
    TURN_UNTIL(&f, f.pauses == 1);
    listener_stop_accepting(f.listener);
    assert_int_equal(f.resumes, 1);
    close(fd);
    stop(&f);
}

static void test_stop_accepting(void **state)
{
    struct fixture f;
    char c;
    (void)state;

    start(&f, WITH_ECHO, 0);
    int fd = dial(&f);
    listener_stop_accepting(f.listener); /* what the kernel had taken is served */
    listener_stop_accepting(f.listener);
    assert_int_equal(f.accepted, 1);
    struct sockaddr_storage a = loopback(AF_INET, listener_port(f.listener));
    int late = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_not_equal(connect(late, (struct sockaddr *)&a, sizeof(struct sockaddr_in)), 0);
    close(late);
    send_all(&f, fd, "x", 1);
    TURN_UNTIL(&f, take(fd, &c, 1) == 1);
    close(fd);
    TURN_UNTIL(&f, listener_connections(f.listener) == 0);
    stop(&f);
}

static void test_listener_close(void **state)
{
    struct fixture f;
    char c;
    (void)state;

    start(&f, WITH_RECORD, 0);
    int fd = dial(&f);
    TURN_UNTIL(&f, f.accepted == 1);
    layer_write(f.tops[0].l.below, "b", 1);
    listener_close(f.listener);
    TURN_UNTIL(&f, take(fd, &c, 1) == 1);
    TURN_UNTIL(&f, take(fd, &c, 1) == 0);
    close(fd);
    TURN_UNTIL(&f, f.tops[0].closes == 1);
    stop(&f);
}

/* Who owes an answer writes it first. */
static void test_listener_close_owing(void **state)
{
    struct fixture f;
    char c;
    (void)state;

    start(&f, WITH_RECORD, 0);
    int fd = dial(&f);
    TURN_UNTIL(&f, f.accepted == 1);
    f.tops[0].owes = true;
    listener_close(f.listener);
    assert_int_equal(f.tops[0].ends, 1);
    for (int i = 0; i < 10; i++)
        turn(&f);
    assert_int_equal(f.tops[0].closes, 0);
    assert_int_equal(layer_write(f.tops[0].l.below, "b", 1), 1);
    layer_close(f.tops[0].l.below);
    TURN_UNTIL(&f, take(fd, &c, 1) == 1);
    TURN_UNTIL(&f, take(fd, &c, 1) == 0);
    close(fd);
    TURN_UNTIL(&f, f.tops[0].closes == 1);
    stop(&f);
}

/* Whatever is open when the loop is freed is closed, each layer told once. */
static void test_free_with_connections(void **state)
{
    (void)state;
    for (int closing = 0; closing < 2; closing++) {
        struct fixture f;
        char *data = calloc(1, BIG);

        start(&f, WITH_RECORD, 0);
        int fd = dial(&f);
        int other = dial(&f);
        TURN_UNTIL(&f, f.accepted == 2);
        f.tops[1].appetite = 0;
        send_all(&f, other, "kept", 4);
        layer_write(f.tops[0].l.below, data, BIG);
        if (closing)
            listener_close(f.listener);
        stop(&f);
        assert_int_equal(f.tops[0].closes, 1);
        assert_int_equal(f.tops[1].closes, 1);
        close(fd);
        close(other);
        free(data);
    }
}

static void test_start_problems(void **state)
{
    struct fixture f;
    struct listener *l;
    (void)state;

    start(&f, WITH_RECORD, 0);
    int plain = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_storage a = loopback(AF_INET, 0);
    socklen_t n = sizeof a;
    assert_int_equal(bind(plain, (struct sockaddr *)&a, sizeof(struct sockaddr_in)), 0);
    assert_int_equal(listen(plain, 1), 0);
    assert_int_equal(getsockname(plain, (struct sockaddr *)&a, &n), 0);
    struct listener_options o = { .addr = a, .accept = on_accept, .user = &f };
    errno = 0;
    assert_int_equal(listener_start(f.loop, &o, &l), BERTH_E_IO);
    assert_int_equal(errno, EADDRINUSE);
    assert_null(l);
    close(plain);

    /* Two of ours share a port: one per loop. */
    o.addr = loopback(AF_INET, listener_port(f.listener));
    assert_int_equal(listener_start(f.loop, &o, &l), BERTH_OK);
    assert_int_equal(listener_port(l), listener_port(f.listener));
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_connections),
        cmocka_unit_test(test_nodelay_is_inherited),
        cmocka_unit_test(test_quick_ack),
        cmocka_unit_test(test_peer_text),
        cmocka_unit_test(test_peer_text_dual_stack),
        cmocka_unit_test(test_declined),
        cmocka_unit_test(test_bulk_both_ways),
        cmocka_unit_test(test_tail_bound),
        cmocka_unit_test(test_tail_bound_counts_pieces),
        cmocka_unit_test(test_input_is_kept),
        cmocka_unit_test(test_kept_input_outlives_its_reading),
        cmocka_unit_test(test_close_with_data_in_flight),
        cmocka_unit_test(test_close_has_limits),
        cmocka_unit_test(test_close_of_a_slow_line),
        cmocka_unit_test(test_close_of_the_slowest_line),
        cmocka_unit_test(test_close_within_input),
        cmocka_unit_test(test_reset_by_peer),
        cmocka_unit_test(test_write_after_reset),
        cmocka_unit_test(test_connections_max),
        cmocka_unit_test(test_shared_room),
        cmocka_unit_test(test_stops_while_paused),
        cmocka_unit_test(test_full_reads_have_turns),
        cmocka_unit_test(test_half_closed),
        cmocka_unit_test(test_out_of_files),
        cmocka_unit_test(test_stop_accepting),
        cmocka_unit_test(test_listener_close),
        cmocka_unit_test(test_listener_close_owing),
        cmocka_unit_test(test_free_with_connections),
        cmocka_unit_test(test_start_problems),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
