#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ops/config_table.h"
#include "ops/file.h"

#define LOOPS_DEFAULT_MAX 8

static berth_err format_path(char *out, size_t size, const char *first, const char *rest)
{
    int n = snprintf(out, size, "%s%s", first, rest);

    return n > 0 && (size_t)n < size ? BERTH_OK : BERTH_E_RANGE;
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] == '/' ? value : NULL;
}

berth_err config_default_data_dir(char *out, size_t size)
{
    const char *state = variable("STATE_DIRECTORY");

    if (state != NULL &&
        strchr(state, ':') == NULL) /* a colon: several, and none is ours to pick */
        return format_path(out, size, state, "");
    if (geteuid() == 0)
        return format_path(out, size, "/var/lib/berth", "");
    if (variable("XDG_DATA_HOME") != NULL)
        return format_path(out, size, variable("XDG_DATA_HOME"), "/berth");
    if (variable("HOME") != NULL)
        return format_path(out, size, variable("HOME"), "/.local/share/berth");
    return BERTH_E_NOT_FOUND;
}

static berth_err finish_data_dir(struct config *c, char *problem, size_t problem_size)
{
    if (c->data_dir[0] != '\0' ||
        config_default_data_dir(c->data_dir, sizeof c->data_dir) == BERTH_OK)
        return BERTH_OK;
    (void)snprintf(problem, problem_size, "no data directory: give data-dir");
    return BERTH_E_NOT_FOUND;
}

/* What reaches the daemon from this machine, and by its name from the next. */
static berth_err finish_hosts(struct config *c, char *problem, size_t problem_size)
{
    char machine[256] = "", names[300];

    if (c->host_count > 0)
        return BERTH_OK;
    (void)gethostname(machine, sizeof machine - 1);
    (void)snprintf(names, sizeof names, "%s,localhost,127.0.0.1", machine);
    if (machine[0] != '\0' && config_set(c, "hostname", names, problem, problem_size) == BERTH_OK)
        return BERTH_OK;
    return config_set(c, "hostname", "localhost,127.0.0.1", problem, problem_size);
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT };
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool works = fd >= 0 && bind(fd, (const struct sockaddr *)&any, sizeof any) == 0;

    if (fd >= 0)
        (void)close(fd);
    return works;
}

unsigned config_default_loops(unsigned cores)
{
    return cores < LOOPS_DEFAULT_MAX ? cores : LOOPS_DEFAULT_MAX;
}

static void finish_loops(struct config *c)
{
    cpu_set_t allowed;

    if (c->loops == 0)
        c->loops = config_default_loops(sched_getaffinity(0, sizeof allowed, &allowed) == 0
                                            ? (unsigned)CPU_COUNT(&allowed)
                                            : 1);
}

/* systemd's LoadCredential=store.key:PATH keeps the key away from the database's disk. */
static berth_err finish_key_file(struct config *c, char *problem, size_t problem_size)
{
    const char *credentials = variable("CREDENTIALS_DIRECTORY");
    char path[FILE_PATH_MAX];

    if (c->key_file[0] != '\0')
        return BERTH_OK;
    if (credentials != NULL && file_path(path, credentials, "store.key") == BERTH_OK &&
        access(path, F_OK) == 0)
        return config_set(c, "key-file", path, problem, problem_size);
    if (file_path(path, c->data_dir, "store.key") != BERTH_OK)
        return BERTH_E_RANGE;
    return config_set(c, "key-file", path, problem, problem_size);
}

static berth_err check_ports(const struct config *c, char *problem, size_t problem_size)
{
    const char *clash = NULL;

    if (c->https_port != 0 && c->https_port == c->mqtts_port)
        clash = "https-port and mqtts-port";
    else if (c->ops_port != 0 && c->ops_port == c->https_port)
        clash = "ops-port and https-port";
    else if (c->ops_port != 0 && c->ops_port == c->mqtts_port)
        clash = "ops-port and mqtts-port";
    if (clash == NULL)
        return BERTH_OK;
    (void)snprintf(problem, problem_size, "%s are the same port", clash);
    return BERTH_E_MISMATCH;
}

/* A certificate and its key go together, and the RSA pair beside the other one. */
static berth_err check_certificates(const struct config *c, char *problem, size_t problem_size)
{
    const char *lacks = NULL;

    if ((c->tls_certificate[0] == '\0') != (c->tls_key[0] == '\0'))
        lacks = "tls-certificate and tls-key";
    else if ((c->tls_rsa_certificate[0] == '\0') != (c->tls_rsa_key[0] == '\0'))
        lacks = "tls-rsa-certificate and tls-rsa-key";
    else if (c->tls_rsa_certificate[0] != '\0' && c->tls_certificate[0] == '\0')
        lacks = "tls-rsa-certificate and tls-certificate";
    if (lacks == NULL)
        return BERTH_OK;
    (void)snprintf(problem, problem_size, "%s go together: give both or neither", lacks);
    return BERTH_E_MISMATCH;
}

berth_err config_finish(struct config *c, char *problem, size_t problem_size)
{
    berth_err e = finish_data_dir(c, problem, problem_size);

    if (e == BERTH_OK)
        e = finish_hosts(c, problem, problem_size);
    if (e == BERTH_OK && c->listen_count == 0)
        e = config_set(c, "listen", has_ipv6() ? "::" : "0.0.0.0", problem, problem_size);
    if (e == BERTH_OK)
        e = finish_key_file(c, problem, problem_size);
    if (e == BERTH_OK)
        e = check_ports(c, problem, problem_size);
    if (e == BERTH_OK)
        e = check_certificates(c, problem, problem_size);
    if (e == BERTH_OK)
        finish_loops(c);
    return e;
}
