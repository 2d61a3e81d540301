#include "cli/profile_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/tell.h"
#include "crypto/b64.h"

static void put_connection_string(struct berth_buf *b, const struct login *l)
{
    berth_buf_put(b, BERTH_STR("connection-string = HostName="));
    berth_buf_put(b, berth_str_of(l->host));
    if (l->port != 0) {
        berth_buf_put_char(b, ':');
        berth_buf_put_u64(b, l->port);
    }
    berth_buf_put(b, BERTH_STR(";SharedAccessKeyName="));
    berth_buf_put(b, berth_str_of(l->policy));
    berth_buf_put(b, BERTH_STR(";SharedAccessKey="));
    berth_key_put(b, &l->key);
    berth_buf_put_char(b, '\n');
}

static berth_err replace(const char *path, const struct berth_buf *b)
{
    return b->over ? BERTH_E_FULL : file_replace(path, berth_buf_str(b), 0600);
}

/* ---- a new key ---- */

static bool is_connection_string(berth_str line)
{
    berth_str name = berth_str_cut(&line, '=');

    return berth_str_eq(berth_str_trim(name), BERTH_STR("connection-string"));
}

static void put_renewed(struct berth_buf *b, berth_str old, const struct login *l)
{
    while (old.n > 0) {
        berth_str line = berth_str_cut(&old, '\n');

        if (is_connection_string(line)) {
            put_connection_string(b, l);
            continue;
        }
        berth_buf_put(b, line);
        berth_buf_put_char(b, '\n');
    }
}

void profile_file_renew(const struct profile *p)
{
    char old[PROFILE_TEXT_MAX], text[PROFILE_TEXT_MAX];
    struct berth_buf in, out;
    berth_err e;

    if (p->path[0] == '\0') {
        tell_warning("it was the key of this login: $BERTH_LOGIN or --login need the new one");
        return;
    }
    berth_buf_init(&in, old, sizeof old);
    berth_buf_init(&out, text, sizeof text);
    e = file_read(p->path, &in);
    if (e == BERTH_OK) {
        put_renewed(&out, berth_buf_str(&in), &p->login);
        e = replace(p->path, &out);
    }
    explicit_bzero(old, sizeof old);
    explicit_bzero(text, sizeof text);
    if (e == BERTH_OK)
        tell_note("it was the key of %s: the new one stands there now", p->path);
    else
        tell_warning(
            "it was the key of %s, and the new one cannot be written there: %s\n  a daemon "
            "writes its own profile at its next start; for others `berth login` again",
            p->path, e == BERTH_E_IO ? strerror(errno) : berth_err_text(e));
}

/* ---- a login ---- */

static void put_text(struct berth_buf *b, const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    berth_buf_put(b, berth_str_of(name));
    berth_buf_put(b, BERTH_STR(" = "));
    berth_buf_put(b, berth_str_of(value));
    berth_buf_put_char(b, '\n');
}

static void put_port(struct berth_buf *b, const char *name, uint16_t port)
{
    char text[8];

    (void)snprintf(text, sizeof text, "%u", port);
    put_text(b, name, text);
}

int profile_file_write(const char *path, const struct profile *p)
{
    char text[PROFILE_TEXT_MAX];
    struct berth_buf b;
    berth_err e;

    berth_buf_init(&b, text, sizeof text);
    berth_buf_put(&b, BERTH_STR("# Written by berth login. Holds the key of a service policy.\n"
                                "[berth]\nremote = yes\n"));
    put_text(&b, "host", p->host);
    put_port(&b, "https-port", p->https_port);
    put_port(&b, "mqtts-port", p->mqtts_port);
    put_text(&b, "ca-file", p->ca_file);
    put_text(&b, "id-scope", p->id_scope);
    put_connection_string(&b, &p->login);
    e = replace(path, &b);
    explicit_bzero(text, sizeof text);
    if (e == BERTH_OK)
        return EXIT_CODE_OK;
    return tell_failure(EXIT_CODE_FAILED, "%s: %s", path,
                        e == BERTH_E_IO ? strerror(errno) : berth_err_text(e));
}
