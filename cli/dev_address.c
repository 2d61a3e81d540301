/* Which address a throw-away service listens on. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "cli/dev.h"
#include "cli/tell.h"
#include "ops/address.h"

#define TRIES 32

bool dev_address_is_loopback(const char *address)
{
    struct sockaddr_storage a;

    if (address_parse(address, 0, &a) != BERTH_OK)
        return false;
    if (a.ss_family == AF_INET)
        return ntohl(((struct sockaddr_in *)&a)->sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)&a)->sin6_addr);
}

bool dev_address_is_any(const char *address)
{
    struct sockaddr_storage a;

    if (address_parse(address, 0, &a) != BERTH_OK)
        return false;
    if (a.ss_family == AF_INET)
        return ((struct sockaddr_in *)&a)->sin_addr.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_UNSPECIFIED(&((struct sockaddr_in6 *)&a)->sin6_addr);
}

static bool is_taken(const char *address, uint16_t port)
{
    struct sockaddr_storage a;

    return address_parse(address, port, &a) != BERTH_OK ||
           (!address_is_free(&a) && errno == EADDRINUSE);
}

/* 127.64.0.1 to 127.255.255.254, at random: the next run picks another one, and needs no list of
 * those in use. Below 127.64 others have their habits (systemd-resolved: 127.0.0.53). A port that
 * cannot be bound for another reason is explained by the service. */
berth_err dev_address_pick(const struct config *c, char *out, size_t size)
{
    for (int i = 0; i < TRIES; i++) {
        uint8_t r[3];

        if (getrandom(r, sizeof r, 0) != (ssize_t)sizeof r)
            break;
        (void)snprintf(out, size, "127.%d.%d.%d", 64 + r[0] % 192, r[1], 1 + r[2] % 254);
        if (!is_taken(out, c->https_port) && !is_taken(out, c->mqtts_port))
            return BERTH_OK;
    }
    (void)tell_failure(DEV_EXIT_FAILED,
                       "no loopback address has ports %u and %u free\n  something listens on all "
                       "addresses: stop it, or give --https-port and --mqtts-port",
                       (unsigned)c->https_port, (unsigned)c->mqtts_port);
    return BERTH_E_IO;
}
