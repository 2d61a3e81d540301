#include "ops/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A path, or '@' and a name in the abstract namespace, where the '@' stands for a NUL. */
static berth_err address_of(const char *name, struct sockaddr_un *out, socklen_t *size)
{
    size_t n = strlen(name);

    if (name[0] != '/' && name[0] != '@')
        return BERTH_E_UNSUPPORTED;
    if (n < 2 || n > sizeof out->sun_path - 1)
        return BERTH_E_RANGE;
    *out = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(out->sun_path, name, n);
    if (name[0] == '@')
        out->sun_path[0] = '\0';
    /* An abstract name is all the bytes given: no NUL may follow. */
    *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (name[0] == '/'));
    return BERTH_OK;
}

static berth_err send_state(const char *state)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to;
    socklen_t size;
    ssize_t sent;
    berth_err e;
    int fd;

    if (name == NULL || name[0] == '\0')
        return BERTH_OK;
    e = address_of(name, &to, &size);
    if (e != BERTH_OK)
        return e;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return BERTH_E_IO;
    sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to, size);
    (void)close(fd);
    return sent < 0 ? BERTH_E_IO : BERTH_OK;
}

berth_err notify_ready(void)
{
    return send_state("READY=1");
}

berth_err notify_stopping(void)
{
    return send_state("STOPPING=1");
}

berth_err notify_status(const char *text)
{
    char state[sizeof "STATUS=" + NOTIFY_STATUS_MAX];

    (void)snprintf(state, sizeof state, "STATUS=%s", text);
    /* A line feed would begin another variable. */
    for (char *p = state; *p != '\0'; p++)
        if (*p == '\n')
            *p = ' ';
    return send_state(state);
}
