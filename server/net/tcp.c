#include "net/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/bytes.h"

enum tcp_state {
    TCP_OPEN,
    TCP_FLUSHING, /* closed from above or ended by the peer: the tail still leaves */
    TCP_DRAINING, /* our end is sent: what still comes is read and thrown away */
    TCP_GONE,     /* the handle is closing */
};

struct tcp {
    struct layer l;
    uv_tcp_t uv;
    enum tcp_state state;
    bool full;  /* a write was taken in part: the layer above waits for WRITABLE */
    bool ended; /* the peer sent its end */
    bool wrote; /* since this was last cleared: an answer carries the ACK along */
    size_t tail;
    size_t flushing; /* bytes of it, when that was last looked at */
    int64_t flush_until_ms;
    struct bytes kept; /* input that the layer above did not take; not reading meanwhile */
    bool offering;     /* it is reading that: nothing within frees it */
    struct deadline again;
    struct deadline linger;
    struct peer peer;
    struct tcp *next, **prev;
    void (*gone)(struct tcp *t, void *user);
    void *user;
};

/* A piece of the tail, owned by libuv until it is written. */
struct piece {
    uv_write_t req;
    struct tcp *t;
    size_t n;
    uint8_t bytes[];
};

static struct tcp *tcp_of(struct layer *l)
{
    return (struct tcp *)(void *)((char *)l - offsetof(struct tcp, l));
}

static uv_stream_t *stream(struct tcp *t)
{
    return (uv_stream_t *)&t->uv;
}

static int fd_of(const struct tcp *t)
{
    uv_os_fd_t fd = -1;

    uv_fileno((const uv_handle_t *)&t->uv, &fd);
    return fd;
}

static void on_closed(uv_handle_t *h)
{
    struct tcp *t = h->data;
    struct loop *loop = t->l.loop;

    if (t->l.above != NULL)
        t->l.above->ops->closed(t->l.above);
    t->gone(t, t->user);
    free(t);
    loop_event_done(loop);
}

static void drop_kept(struct tcp *t)
{
    if (!t->offering)
        bytes_free(&t->kept);
}

void tcp_drop(struct tcp *t)
{
    if (t->state == TCP_GONE)
        return;
    t->state = TCP_GONE;
    deadline_clear(&t->again);
    deadline_clear(&t->linger);
    drop_kept(t);
    uv_close((uv_handle_t *)&t->uv, on_closed);
}

static struct tcp *tcp_of_linger(struct deadline *d)
{
    return (struct tcp *)(void *)((char *)d - offsetof(struct tcp, linger));
}

static void on_linger(struct deadline *d)
{
    tcp_drop(tcp_of_linger(d));
}

/* A slow line is not a dead one: as long as some of the tail leaves, it has time. */
static void on_flush(struct deadline *d)
{
    struct tcp *t = tcp_of_linger(d);
    size_t left = uv_stream_get_write_queue_size(stream(t));

    if (left >= t->flushing || loop_mono_ms(t->l.loop) >= t->flush_until_ms) {
        tcp_drop(t);
        return;
    }
    t->flushing = left;
    deadline_set(t->l.loop, d, TCP_FLUSH_MS, on_flush);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    struct tcp *t = h->data;

    (void)suggested;
    *buf = uv_buf_init((char *)loop_rx(t->l.loop), LOOP_SCRATCH_SIZE);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf);

/* Says our end, then reads and forgets until the peer says its own: closing with unread bytes
 * would send a reset, which takes our last answer away from the peer. */
static void drain(struct tcp *t)
{
    if (t->ended || t->l.above->parted || shutdown(fd_of(t), SHUT_WR) != 0) {
        tcp_drop(t);
        return;
    }
    t->state = TCP_DRAINING;
    deadline_set(t->l.loop, &t->linger, TCP_LINGER_MS, on_linger);
    uv_read_start(stream(t), on_alloc, on_read);
}

static void finish(struct tcp *t)
{
    deadline_clear(&t->again);
    drop_kept(t);
    if (t->tail == 0) {
        drain(t);
        return;
    }
    t->state = TCP_FLUSHING;
    t->flushing = uv_stream_get_write_queue_size(stream(t));
    t->flush_until_ms = loop_mono_ms(t->l.loop) + TCP_FLUSH_ALL_MS;
    deadline_set(t->l.loop, &t->linger, TCP_FLUSH_MS, on_flush);
}

static void on_written(uv_write_t *req, int status)
{
    struct piece *piece = (struct piece *)req;
    struct tcp *t = piece->t;
    struct loop *loop = t->l.loop;

    t->tail -= sizeof *piece + piece->n;
    explicit_bzero(piece->bytes, piece->n);
    free(piece);
    if (t->state == TCP_GONE)
        return; /* called by the closing itself */
    if (status < 0) {
        tcp_drop(t);
    } else if (t->state == TCP_FLUSHING && t->tail == 0) {
        drain(t);
    } else if (t->state == TCP_OPEN && t->full && t->tail <= TCP_TAIL_MAX / 2) {
        t->full = false;
        t->l.above->ops->writable(t->l.above);
    }
    loop_event_done(loop);
}

/* Returns how many bytes were taken into the tail. */
static size_t enqueue(struct tcp *t, const uint8_t *p, size_t n)
{
    size_t room = t->tail < TCP_TAIL_MAX ? TCP_TAIL_MAX - t->tail : 0;
    size_t taken = n < room ? n : room;

    t->full = taken < n;
    if (taken == 0)
        return 0;
    struct piece *piece = malloc(sizeof *piece + taken);
    if (piece == NULL) {
        tcp_drop(t);
        return n;
    }
    piece->t = t;
    piece->n = taken;
    memcpy(piece->bytes, p, taken);
    /* The piece itself counts: a tail of single bytes must not cost more than its bound. */
    t->tail += sizeof *piece + taken;
    uv_buf_t buf = uv_buf_init((char *)piece->bytes, (unsigned)taken);
    if (uv_write(&piece->req, stream(t), &buf, 1, on_written) != 0) {
        t->tail -= sizeof *piece + taken;
        free(piece);
        tcp_drop(t);
        return n;
    }
    return taken;
}

/* Returns how many bytes the socket took, or an error of libuv. */
static ssize_t send_now(struct tcp *t, const uint8_t *p, size_t n)
{
    size_t part = n > INT32_MAX ? INT32_MAX : n;

    if (t->l.above->leaving) { /* its bytes and our end in one segment */
        ssize_t sent = send(fd_of(t), p, part, MSG_MORE | MSG_NOSIGNAL);
        return sent >= 0 ? sent : uv_translate_sys_error(errno);
    }
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)p, (unsigned)part);
    return uv_try_write(stream(t), &buf, 1);
}

static size_t tcp_write(struct layer *l, const uint8_t *p, size_t n)
{
    struct tcp *t = tcp_of(l);
    size_t sent = 0;

    if (t->state != TCP_OPEN || n == 0)
        return n;
    t->wrote = true;
    if (t->tail == 0) {
        ssize_t wrote = send_now(t, p, n);

        if (wrote < 0 && wrote != UV_EAGAIN) {
            tcp_drop(t); /* its CLOSED comes from the loop, not from in here */
            return n;
        }
        sent = wrote > 0 ? (size_t)wrote : 0;
    }
    return sent == n ? n : sent + enqueue(t, p + sent, n - sent);
}

/* Keeps what the layer above left, and reads no more until it asks. */
static void hold(struct tcp *t, const uint8_t *p, size_t n)
{
    uv_read_stop(stream(t));
    if (!bytes_append(&t->kept, p, n))
        tcp_drop(t);
}

static void go_on(struct deadline *d)
{
    struct tcp *t = (struct tcp *)(void *)((char *)d - offsetof(struct tcp, again));

    if (t->kept.n > 0) {
        t->offering = true;
        size_t used = layer_input(t->l.above, t->kept.p, t->kept.n);
        t->offering = false;
        bytes_drop(&t->kept, t->state == TCP_OPEN ? used : t->kept.n);
    }
    if (t->state == TCP_OPEN && t->kept.n == 0)
        uv_read_start(stream(t), on_alloc, on_read);
}

static void tcp_resume(struct layer *l)
{
    struct tcp *t = tcp_of(l);

    if (t->state == TCP_OPEN && t->kept.n > 0)
        deadline_set(l->loop, &t->again, 0, go_on);
}

static void tcp_close(struct layer *l)
{
    struct tcp *t = tcp_of(l);

    if (t->state == TCP_OPEN)
        finish(t);
}

static const struct layer_ops tcp_ops = {
    .write = tcp_write,
    .resume = tcp_resume,
    .close = tcp_close,
};

/* Where a buffer was filled more is waiting, and libuv would read on, thirty times: the other
 * connections have their turn first. */
static void yield(struct tcp *t)
{
    uv_read_stop(stream(t));
    deadline_set(t->l.loop, &t->again, 0, go_on);
}

static void on_end(struct tcp *t, bool orderly)
{
    t->ended = true;
    if (!orderly || t->state == TCP_DRAINING) {
        tcp_drop(t);
        return;
    }
    uv_read_stop(stream(t));
    if (t->state == TCP_OPEN && !layer_ended(t->l.above))
        finish(t);
}

static bool is_answering(const struct layer *l)
{
    while (l->above != NULL)
        l = l->above;
    return l->answering;
}

/* Asks for the ACK of what was read now instead of 40 ms later: clients that write head and body
 * apart wait for it (dps-device.md section 2, rule 23). An answer carries it, and one that is under
 * way most likely leaves within these 40 ms. */
static void acknowledge(struct tcp *t)
{
    int on = 1;

    if (!t->wrote && t->state == TCP_OPEN && !is_answering(&t->l))
        setsockopt(fd_of(t), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct tcp *t = s->data;

    if (n == 0)
        return;
    if (n < 0) {
        on_end(t, n == UV_EOF);
        loop_event_done(t->l.loop);
        return;
    }
    if (t->state != TCP_OPEN)
        return;
    t->wrote = false;
    const uint8_t *p = (const uint8_t *)buf->base;
    size_t used = layer_input(t->l.above, p, (size_t)n);
    if (t->state == TCP_OPEN && used < (size_t)n)
        hold(t, p + used, (size_t)n - used);
    else if (t->state == TCP_OPEN && n == LOOP_SCRATCH_SIZE)
        yield(t);
    loop_event_done(t->l.loop);
    acknowledge(t);
}

static void write_peer(struct peer *peer)
{
    char host[INET6_ADDRSTRLEN] = "?";

    if (peer->addr.ss_family == AF_INET6) {
        const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)&peer->addr;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&a->sin6_addr);

        if (mapped)
            inet_ntop(AF_INET, a->sin6_addr.s6_addr + 12, host, sizeof host);
        else
            inet_ntop(AF_INET6, &a->sin6_addr, host, sizeof host);
        (void)snprintf(peer->text, sizeof peer->text, mapped ? "%s:%u" : "[%s]:%u", host,
                       ntohs(a->sin6_port));
        return;
    }
    const struct sockaddr_in *a = (const struct sockaddr_in *)&peer->addr;
    inet_ntop(AF_INET, &a->sin_addr, host, sizeof host);
    (void)snprintf(peer->text, sizeof peer->text, "%s:%u", host, ntohs(a->sin_port));
}

static void on_unopened(uv_handle_t *h)
{
    free(h->data);
}

struct tcp *tcp_new(struct loop *l, int fd, const struct sockaddr_storage *addr,
                    void (*gone)(struct tcp *t, void *user), void *user)
{
    struct tcp *t = calloc(1, sizeof *t);

    if (t == NULL) {
        close(fd);
        return NULL;
    }
    t->l = (struct layer){ .ops = &tcp_ops, .loop = l };
    t->gone = gone;
    t->user = user;
    uv_tcp_init(loop_uv(l), &t->uv);
    t->uv.data = t;
    if (uv_tcp_open(&t->uv, fd) != 0) {
        close(fd);
        uv_close((uv_handle_t *)&t->uv, on_unopened);
        return NULL;
    }
    t->peer.addr = *addr;
    write_peer(&t->peer);
    return t;
}

struct layer *tcp_layer(struct tcp *t)
{
    return &t->l;
}

const struct peer *tcp_peer(const struct tcp *t)
{
    return &t->peer;
}

void tcp_start(struct tcp *t)
{
    if (t->state == TCP_OPEN)
        uv_read_start(stream(t), on_alloc, on_read);
}

void tcp_list_add(struct tcp **list, struct tcp *t)
{
    t->next = *list;
    if (t->next != NULL)
        t->next->prev = &t->next;
    t->prev = list;
    *list = t;
}

void tcp_list_remove(struct tcp *t)
{
    if (t->prev == NULL)
        return;
    *t->prev = t->next;
    if (t->next != NULL)
        t->next->prev = t->prev;
    t->next = NULL;
    t->prev = NULL;
}

struct tcp *tcp_list_next(const struct tcp *t)
{
    return t->next;
}

const struct peer *layer_peer(const struct layer *any)
{
    static const struct peer nobody = { .text = "-" };

    while (any->below != NULL)
        any = any->below;
    if (any->ops != &tcp_ops)
        return &nobody; /* a test's lowest layer */
    return &((const struct tcp *)(const void *)((const char *)any - offsetof(struct tcp, l)))->peer;
}
