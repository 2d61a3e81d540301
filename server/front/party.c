#include "front/party.h"

#include <netinet/in.h>
#include <string.h>

_Static_assert(sizeof(struct in_addr) <= PARTY_MAX && sizeof(struct in6_addr) == 2 * PARTY_MAX,
               "an IPv4 address, or half an IPv6 one");

size_t party_of(const struct sockaddr *addr, uint8_t out[PARTY_MAX])
{
    struct in6_addr six;

    if (addr->sa_family == AF_INET) {
        memcpy(out, &((const struct sockaddr_in *)(const void *)addr)->sin_addr, 4);
        return 4;
    }
    if (addr->sa_family != AF_INET6)
        return 0;
    six = ((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr;
    /* A dual-stack listener shows IPv4 peers as ::ffff:a.b.c.d, all of one /64. */
    if (IN6_IS_ADDR_V4MAPPED(&six)) {
        memcpy(out, &six.s6_addr[12], 4);
        return 4;
    }
    memcpy(out, six.s6_addr, PARTY_MAX);
    return PARTY_MAX;
}
