#include "net/listener.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/tcp.h"

#define ACCEPT_AT_ONCE  64  /* connections per event: present ones get their turn between */
#define ACCEPT_RETRY_MS 500 /* after the process ran out of files */
/* After the room shared with other listeners was full. All of them wait for it, whoever's
 * connection went, lest the one that is flooded take every place that comes free. */
#define ROOM_RETRY_MS 200

struct listener {
    struct loop *loop;
    struct listener_options o;
    int fd; /* -1: accepts no more */
    uv_poll_t poll;
    bool poll_gone;
    bool paused;
    bool closing;
    uint16_t port;
    size_t count;
    struct tcp *list;
    struct deadline retry; /* set: goes on then, not with the next connection that goes */
    struct loop_member member;
};

static void on_incoming(uv_poll_t *poll, int status, int events);

static void tell(struct listener *l, const char *why)
{
    if (l->o.paused != NULL)
        l->o.paused(l->o.user, why);
}

static void on_retry(struct deadline *d);

/* For RETRY_MS, or until a connection goes when that is 0. */
static void pause_accepting(struct listener *l, const char *why, int64_t retry_ms)
{
    l->paused = true;
    uv_poll_stop(&l->poll);
    if (retry_ms > 0)
        deadline_set(l->loop, &l->retry, retry_ms, on_retry);
    tell(l, why);
}

static bool crowded(const struct listener *l)
{
    return l->o.connections_max > 0 && l->count >= l->o.connections_max;
}

static bool room_is_full(const struct listener *l)
{
    return l->o.room != NULL && atomic_load(&l->o.room->open) >= l->o.room->max;
}

static bool take_place(struct listener *l)
{
    if (l->o.room == NULL || atomic_fetch_add(&l->o.room->open, 1) < l->o.room->max)
        return true;
    atomic_fetch_sub(&l->o.room->open, 1);
    return false;
}

static void leave_place(struct listener *l)
{
    if (l->o.room != NULL)
        atomic_fetch_sub(&l->o.room->open, 1);
}

static void go_on(struct listener *l)
{
    if (!l->paused || l->fd < 0 || crowded(l) || l->retry.prev != NULL)
        return;
    l->paused = false;
    uv_poll_start(&l->poll, UV_READABLE, on_incoming);
    tell(l, NULL);
}

static void on_retry(struct deadline *d)
{
    struct listener *l = (struct listener *)(void *)((char *)d - offsetof(struct listener, retry));

    if (room_is_full(l))
        deadline_set(l->loop, &l->retry, ROOM_RETRY_MS, on_retry);
    else
        go_on(l);
}

static void free_when_done(struct listener *l)
{
    if (!l->closing || !l->poll_gone || l->count > 0)
        return;
    loop_leave(&l->member);
    free(l);
}

static void on_gone(struct tcp *t, void *user)
{
    struct listener *l = user;

    tcp_list_remove(t);
    l->count--;
    leave_place(l);
    if (l->o.gone != NULL)
        l->o.gone(l->o.user);
    go_on(l);
    free_when_done(l);
}

static void stand_up(struct listener *l, int fd, const struct sockaddr_storage *addr)
{
    struct tcp *t = tcp_new(l->loop, fd, addr, on_gone, l);

    if (t == NULL) {
        leave_place(l);
        return;
    }
    l->count++;
    tcp_list_add(&l->list, t);
    struct layer *tcp = tcp_layer(t);
    tcp->above = l->o.accept(l->o.user, tcp, tcp_peer(t));
    if (tcp->above == NULL)
        tcp_drop(t);
    else
        tcp_start(t);
}

/* Takes one connection; false when there is none or no room for one. */
static bool accept_one(struct listener *l)
{
    struct sockaddr_storage addr = { 0 };
    socklen_t n = sizeof addr;

    if (crowded(l)) {
        pause_accepting(l, LISTENER_WHY_CROWDED, 0);
        return false;
    }
    if (!take_place(l)) {
        pause_accepting(l, LISTENER_WHY_CROWDED, ROOM_RETRY_MS);
        return false;
    }
    int fd = accept4(l->fd, (struct sockaddr *)&addr, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        stand_up(l, fd, &addr);
        return true;
    }
    leave_place(l);
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        pause_accepting(l, "the process is out of file descriptors or memory for sockets",
                        ACCEPT_RETRY_MS);
        return false;
    }
    /* What the network did to one connection is no reason to leave the next waiting. */
    return errno != EAGAIN && errno != EWOULDBLOCK && errno != EBADF && errno != EINVAL;
}

static void accept_some(struct listener *l)
{
    for (int i = 0; i < ACCEPT_AT_ONCE && l->fd >= 0; i++) {
        if (!accept_one(l))
            return;
    }
}

static void on_incoming(uv_poll_t *poll, int status, int events)
{
    struct listener *l = poll->data;
    struct loop *loop = l->loop;

    (void)events;
    if (status == 0)
        accept_some(l);
    loop_event_done(loop);
}

static void on_poll_gone(uv_handle_t *h)
{
    struct listener *l = h->data;

    l->poll_gone = true;
    free_when_done(l);
}

static void stop(struct listener *l)
{
    if (l->fd < 0)
        return;
    deadline_clear(&l->retry);
    if (l->paused) {
        l->paused = false;
        tell(l, NULL);
    }
    uv_poll_stop(&l->poll);
    uv_close((uv_handle_t *)&l->poll, on_poll_gone);
    close(l->fd);
    l->fd = -1;
}

void listener_stop_accepting(struct listener *l)
{
    /* What the kernel has accepted in our name is served, not reset. */
    if (!l->paused)
        accept_some(l);
    stop(l);
}

/* As if the peer had said its end: whoever owes it an answer writes that first. */
static void close_one(struct layer *tcp)
{
    struct layer *top = tcp;

    while (top->above != NULL)
        top = top->above;
    if (top->ops->close != NULL) /* not up yet: nothing is owed */
        layer_close(tcp);
    else if (!layer_ended(top))
        layer_close(top->below);
}

void listener_close(struct listener *l)
{
    if (l->closing)
        return;
    l->closing = true;
    stop(l);
    for (struct tcp *t = l->list; t != NULL; t = tcp_list_next(t))
        close_one(tcp_layer(t));
    free_when_done(l);
}

/* The loop is being freed: no connection is waited for. */
static void on_drop(struct loop_member *m)
{
    struct listener *l = (struct listener *)(void *)((char *)m - offsetof(struct listener, member));

    l->closing = true;
    stop(l);
    for (struct tcp *t = l->list; t != NULL; t = tcp_list_next(t))
        tcp_drop(t);
    free_when_done(l);
}

static socklen_t addr_size(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static int set_options(int fd, int family)
{
    int on = 1;
    int off = 0;

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
        return -1;
    if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0)
        return -1;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* accepted ones inherit it */
}

/* A listening socket, or -1 with errno. */
static int open_socket(const struct listener_options *o, uint16_t *port)
{
    struct sockaddr_storage addr = o->addr;
    socklen_t n = addr_size(&addr);
    int fd = socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (set_options(fd, addr.ss_family) != 0 || bind(fd, (struct sockaddr *)&addr, n) != 0 ||
        listen(fd, o->backlog > 0 ? o->backlog : 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&addr, &n) != 0) {
        int e = errno;

        close(fd);
        errno = e;
        return -1;
    }
    *port = ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                             : ((struct sockaddr_in *)&addr)->sin_port);
    return fd;
}

berth_err listener_start(struct loop *loop, const struct listener_options *o, struct listener **out)
{
    struct listener *l = calloc(1, sizeof *l);

    *out = NULL;
    if (l == NULL)
        return BERTH_E_MEMORY;
    l->loop = loop;
    l->o = *o;
    l->fd = open_socket(o, &l->port);
    if (l->fd < 0) {
        int e = errno;

        free(l);
        errno = e;
        return BERTH_E_IO;
    }
    int e = uv_poll_init_socket(loop_uv(loop), &l->poll, l->fd);
    if (e != 0) {
        close(l->fd);
        free(l);
        errno = -e;
        return BERTH_E_IO;
    }
    l->poll.data = l;
    uv_poll_start(&l->poll, UV_READABLE, on_incoming);
    loop_join(loop, &l->member, on_drop);
    *out = l;
    return BERTH_OK;
}

uint16_t listener_port(const struct listener *l)
{
    return l->port;
}

size_t listener_connections(const struct listener *l)
{
    return l->count;
}
