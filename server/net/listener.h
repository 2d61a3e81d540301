/* net/listener.h - listening sockets of one loop (SO_REUSEPORT), and the tcp layer under every
 * accepted connection. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <netinet/in.h>
#include <stdatomic.h>

#include "net/layer.h"
#include "net/loop.h"

#define PEER_TEXT_SIZE 64 /* "[2001:db8::1]:65535" and NUL */
/* Unsent bytes held before a connection counts as full: what anybody may cost by not reading. */
#define TCP_TAIL_MAX (64 * 1024)
/* Once the connection is being closed: each time for some of them to leave, and for all. */
#define TCP_FLUSH_MS     5000
#define TCP_FLUSH_ALL_MS 60000
#define TCP_LINGER_MS    2000 /* then for the peer's own end, lest a reset eat our last bytes */

struct listener;

/* What is known of an accepted connection. */
struct peer {
    char text[PEER_TEXT_SIZE]; /* address and port, for the log */
    struct sockaddr_storage addr;
};

/* How many connections may be open at once on all listeners that share it, on whatever loops. */
struct connection_room {
    size_t max;
    _Atomic size_t open;
};

/* Makes what stands on a new connection: TCP is its lowest layer, to be set as ->below of the layer
 * made, whose pointer becomes TCP->above. Returns NULL to close at once. */
typedef struct layer *listener_accept(void *user, struct layer *tcp, const struct peer *peer);

/* WHY of a pause at connections_max or at the room's. */
#define LISTENER_WHY_CROWDED "the most connections allowed are open"

struct listener_options {
    struct sockaddr_storage addr; /* where; port 0 picks one */
    int backlog;                  /* 0: 1024 */
    size_t connections_max;       /* of this listener; beyond it accepting pauses; 0: no bound */
    struct connection_room *room; /* the same, for all that share it; NULL: no bound */
    listener_accept *accept;
    /* Accepting pauses for WHY (static), or goes on: WHY is NULL. May be NULL. */
    void (*paused)(void *user, const char *why);
    void (*gone)(void *user); /* a connection that accept was told of has ended. May be NULL */
    void *user;
};

/* BERTH_E_IO with errno kept: EACCES and EADDRINUSE are what callers explain. */
BERTH_MUST_USE berth_err listener_start(struct loop *l, const struct listener_options *o,
                                        struct listener **out);
/* The port bound, in host order. */
uint16_t listener_port(const struct listener *l);
size_t listener_connections(const struct listener *l);
/* Accepts no more; present connections go on. */
void listener_stop_accepting(struct listener *l);
/* Closes the listener and every connection; frees itself when the last one has gone. */
void listener_close(struct listener *l);

/* The peer of a connection, from any of its layers. */
const struct peer *layer_peer(const struct layer *any);

#endif
