#include "cli/reach.h"

#include <netdb.h>
#include <sys/socket.h>

const char *reach_host(const struct profile *place)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;

    if (!profile_is_local(place) || place->login.host[0] == '[')
        return place->login.host;
    if (getaddrinfo(place->login.host, NULL, &hints, &found) != 0)
        return "localhost";
    freeaddrinfo(found);
    return place->login.host;
}
