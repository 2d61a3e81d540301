#include "ops/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

berth_err address_parse(const char *text, unsigned short port, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return BERTH_OK;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        return BERTH_OK;
    }
    errno = EINVAL;
    return BERTH_E_SYNTAX;
}

bool address_is_literal(const char *text)
{
    struct sockaddr_storage any;

    return address_parse(text, 0, &any) == BERTH_OK;
}

bool address_is_free(const struct sockaddr_storage *addr)
{
    socklen_t n =
        addr->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    int on = 1;
    int fd = socket(addr->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result, error;

    if (fd < 0)
        return false;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    result = bind(fd, (const struct sockaddr *)addr, n);
    error = errno;
    (void)close(fd);
    errno = error;
    return result == 0;
}

static const char *remedy_of(int error, bool is_dev)
{
    if (error == EACCES)
        return "ports under 1024 need the right to bind them: give the service "
               "CAP_NET_BIND_SERVICE, lower the sysctl net.ipv4.ip_unprivileged_port_start, or "
               "choose others with --https-port and --mqtts-port (official SDKs know 443 and 8883 "
               "only)";
    if (error == EADDRINUSE)
        return "another program listens there: stop it, or choose another port or address";
    return is_dev ? "see --bind, --https-port and --mqtts-port"
                  : "see --listen, --https-port and --mqtts-port";
}

void address_explain(const char *text, unsigned short port, int error, bool is_dev, char *problem,
                     size_t problem_size)
{
    (void)snprintf(problem, problem_size, "cannot listen on %s port %u: %s; %s", text,
                   (unsigned)port, strerror(error), remedy_of(error, is_dev));
}
