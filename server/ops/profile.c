/* The profile: a file of its own, for it alone carries a secret in clear. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "crypto/b64.h"
#include "ops/first_start.h"

#define PROFILE_MAX 4096

static void put_line(struct berth_buf *b, berth_str key, berth_str value)
{
    berth_buf_put(b, key);
    berth_buf_put(b, BERTH_STR(" = "));
    berth_buf_put(b, value);
    berth_buf_put_char(b, '\n');
}

static void put_port(struct berth_buf *b, berth_str key, uint16_t port)
{
    berth_buf_put(b, key);
    berth_buf_put(b, BERTH_STR(" = "));
    berth_buf_put_u64(b, port);
    berth_buf_put_char(b, '\n');
}

static void put_connection_string(struct berth_buf *b, const struct first_start_profile *p)
{
    berth_buf_put(b, BERTH_STR("connection-string = HostName="));
    berth_buf_put(b, p->host);
    berth_buf_put(b, BERTH_STR(";SharedAccessKeyName="));
    berth_buf_put(b, p->policy);
    berth_buf_put(b, BERTH_STR(";SharedAccessKey="));
    berth_key_put(b, p->key);
    berth_buf_put_char(b, '\n');
}

static void put_profile(struct berth_buf *b, const struct first_start_profile *p)
{
    berth_buf_put(b, BERTH_STR("# Written by berth serve, for the command line. Holds the key of a "
                               "service policy.\n[berth]\n"));
    put_line(b, BERTH_STR("host"), p->host);
    put_port(b, BERTH_STR("https-port"), p->https_port);
    put_port(b, BERTH_STR("mqtts-port"), p->mqtts_port);
    if (p->ca_file[0] != '\0')
        put_line(b, BERTH_STR("ca-file"), berth_str_of(p->ca_file));
    put_line(b, BERTH_STR("id-scope"), p->id_scope);
    put_connection_string(b, p);
}

static bool is_private(const char *path)
{
    struct stat is;

    return stat(path, &is) == 0 && (is.st_mode & 0777) == 0600;
}

static bool says_already(const char *path, berth_str content)
{
    char text[PROFILE_MAX];
    struct berth_buf b;
    bool same;

    berth_buf_init(&b, text, sizeof text);
    same = is_private(path) && file_read(path, &b) == BERTH_OK &&
           berth_str_eq(berth_buf_str(&b), content);
    explicit_bzero(text, sizeof text);
    return same;
}

berth_err first_start_write_profile(const char *data_dir, const struct first_start_profile *profile,
                                    char *problem, size_t problem_size)
{
    char path[FILE_PATH_MAX], text[PROFILE_MAX];
    struct berth_buf b;
    berth_str content;
    berth_err e = file_path(path, data_dir, FIRST_START_PROFILE);

    if (e != BERTH_OK)
        return e;
    berth_buf_init(&b, text, sizeof text);
    put_profile(&b, profile);
    e = berth_buf_done(&b, &content);
    if (e == BERTH_OK && !says_already(path, content))
        e = file_replace(path, content, 0600);
    if (e != BERTH_OK)
        (void)snprintf(problem, problem_size, "%s: %s", path,
                       e == BERTH_E_IO ? strerror(errno) : berth_err_text(e));
    explicit_bzero(text, sizeof text);
    return e;
}
