#include "ops/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
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
