/* front/party.h - who stands behind an address. */
#ifndef FRONT_PARTY_H
#define FRONT_PARTY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define PARTY_MAX 8

/* The part of ADDR that one party commands: an IPv4 address, or the /64 that any IPv6 host can fill
 * with addresses of its own. Returns its size; 0 for a peer without address. */
size_t party_of(const struct sockaddr *addr, uint8_t out[PARTY_MAX]);

#endif
