/* net/tcp.h - the lowest layer: one accepted socket. For the listener alone. */
#ifndef NET_TCP_H
#define NET_TCP_H

#include "net/listener.h"

struct tcp;

/* Takes over FD, also when it returns NULL (memory is out). GONE is called with USER once the
 * layer above has heard of the end and T is about to be freed. */
struct tcp *tcp_new(struct loop *l, int fd, const struct sockaddr_storage *addr,
                    void (*gone)(struct tcp *t, void *user), void *user);
struct layer *tcp_layer(struct tcp *t);
const struct peer *tcp_peer(const struct tcp *t);
/* Starts reading; the layer above is in place. */
void tcp_start(struct tcp *t);
/* Closes at once, without a word to the peer; the layer above hears in a later event. */
void tcp_drop(struct tcp *t);

/* The connections of a listener. */
void tcp_list_add(struct tcp **list, struct tcp *t);
void tcp_list_remove(struct tcp *t);
struct tcp *tcp_list_next(const struct tcp *t);

#endif
