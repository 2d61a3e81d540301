#include "cli/profile.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/profiles.h"
#include "cli/tell.h"
#include "ops/config.h"
#include "ops/first_start.h"

#define SYSTEM_DIR  "/var/lib/berth"
#define PROBLEM_MAX 256
#define HOW_TO_FIND "name the profile.ini that `berth serve` wrote with --profile or $BERTH_PROFILE"

static berth_err copy(berth_str value, char *out, size_t size)
{
    if (value.n == 0)
        return BERTH_E_SYNTAX;
    if (value.n >= size || berth_str_find(value, '\0') < value.n)
        return BERTH_E_RANGE;
    memcpy(out, value.p, value.n);
    out[value.n] = '\0';
    return BERTH_OK;
}

static berth_err take_port(berth_str value, uint16_t *out)
{
    uint64_t n = 0;
    berth_err e = berth_str_to_u64(value, &n);

    if (e != BERTH_OK || n == 0 || n > UINT16_MAX)
        return BERTH_E_RANGE;
    *out = (uint16_t)n;
    return BERTH_OK;
}

static berth_err take_key(struct profile *p, berth_str key, berth_str value, const char **problem)
{
    uint16_t port;

    *problem = "not a valid value";
    if (berth_str_eq(key, BERTH_STR("host")))
        return login_host(value, p->host, &port);
    if (berth_str_eq(key, BERTH_STR("https-port")))
        return take_port(value, &p->https_port);
    if (berth_str_eq(key, BERTH_STR("mqtts-port")))
        return take_port(value, &p->mqtts_port);
    if (berth_str_eq(key, BERTH_STR("ca-file")))
        return copy(value, p->ca_file, sizeof p->ca_file);
    if (berth_str_eq(key, BERTH_STR("remote"))) {
        p->remote = berth_str_eq(value, BERTH_STR("yes"));
        return BERTH_OK;
    }
    if (berth_str_eq(key, BERTH_STR("id-scope")))
        return copy(value, p->id_scope, sizeof p->id_scope);
    if (berth_str_eq(key, BERTH_STR("connection-string")))
        return login_parse(value, &p->login, problem);
    return BERTH_OK;
}

static berth_err parse_line(struct profile *p, berth_str line, const char **problem)
{
    berth_str key, value = line;

    if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';' || line.p[0] == '[')
        return BERTH_OK;
    key = berth_str_trim(berth_str_cut(&value, '='));
    return take_key(p, key, berth_str_trim(value), problem);
}

/* Not libinih: its lines end at 198 bytes, and a connection string may be longer. */
static berth_err parse(berth_str text, struct profile *p, char *problem, size_t problem_size)
{
    for (unsigned n = 1; text.n > 0; n++) {
        berth_str line = berth_str_trim(berth_str_cut(&text, '\n'));
        const char *why = NULL;
        berth_err e;

        if (berth_str_ends(line, BERTH_STR("\r")))
            line = berth_str_trim(berth_str_sub(line, 0, line.n - 1));
        e = parse_line(p, line, &why);
        if (e != BERTH_OK) {
            (void)snprintf(problem, problem_size, "line %u: %s", n, why);
            return e;
        }
    }
    if (p->login.host[0] != '\0')
        return BERTH_OK;
    (void)snprintf(problem, problem_size, "it has no connection-string");
    return BERTH_E_SYNTAX;
}

static void use_login(struct profile *p)
{
    if (p->login.port != 0)
        p->https_port = p->login.port;
    if (p->host[0] == '\0')
        memcpy(p->host, p->login.host, sizeof p->host);
}

bool profile_is_local(const struct profile *p)
{
    return p->path[0] != '\0' && !p->remote;
}

bool profile_data_dir(const struct profile *p, char out[FILE_PATH_MAX])
{
    char path[FILE_PATH_MAX], tls[FILE_PATH_MAX];

    if (!profile_is_local(p))
        return false;
    memcpy(path, p->path, sizeof path);
    (void)snprintf(out, FILE_PATH_MAX, "%s", dirname(path));
    return file_path(tls, out, FIRST_START_TLS_DIR) == BERTH_OK && access(tls, F_OK) == 0;
}

berth_err profile_parse(berth_str text, struct profile *out, char *problem, size_t problem_size)
{
    berth_err e;

    *out = (struct profile){ .https_port = PROFILE_HTTPS_PORT, .mqtts_port = PROFILE_MQTTS_PORT };
    e = parse(text, out, problem, problem_size);
    if (e == BERTH_OK)
        use_login(out);
    else
        explicit_bzero(out, sizeof *out);
    return e;
}

static int tell_unreadable(const char *path, berth_err e)
{
    if (e == BERTH_E_FULL)
        return tell_failure(EXIT_CODE_USAGE, "%s: longer than a profile", path);
    if (e == BERTH_E_IO && errno == EACCES)
        return tell_failure(EXIT_CODE_USAGE,
                            "%s: %s\n  it holds the service's key: run this as the user that runs "
                            "the daemon, or use --login",
                            path, strerror(errno));
    return tell_failure(EXIT_CODE_USAGE, "%s: %s\n  " HOW_TO_FIND, path,
                        e == BERTH_E_IO ? strerror(errno) : "there is no such file");
}

static int read_file(const char *path, struct profile *out, bool *missing)
{
    char text[PROFILE_TEXT_MAX], problem[PROBLEM_MAX];
    struct berth_buf b;
    berth_err e;

    berth_buf_init(&b, text, sizeof text);
    e = file_read(path, &b);
    *missing = e == BERTH_E_NOT_FOUND;
    if (*missing)
        return EXIT_CODE_OK;
    if (e != BERTH_OK)
        return tell_unreadable(path, e);
    e = profile_parse(berth_buf_str(&b), out, problem, sizeof problem);
    explicit_bzero(text, sizeof text);
    if (e != BERTH_OK)
        return tell_failure(EXIT_CODE_USAGE, "%s: %s\n  the daemon writes it anew at each start",
                            path, problem);
    (void)snprintf(out->path, sizeof out->path, "%s", path);
    return EXIT_CODE_OK;
}

int profile_read(const char *path, struct profile *out)
{
    bool missing;
    int code = read_file(path, out, &missing);

    return missing ? tell_unreadable(path, BERTH_E_NOT_FOUND) : code;
}

/* A name that `berth login` gave, or a file's. */
static int read_named(const char *name, struct profile *out)
{
    char path[FILE_PATH_MAX];
    bool missing = false;
    int code;

    if (!profiles_name_is_valid(name))
        return profile_read(name, out);
    code = profiles_path(name, path);
    if (code == EXIT_CODE_OK)
        code = read_file(path, out, &missing);
    if (code == EXIT_CODE_OK && missing)
        code = tell_failure(EXIT_CODE_NOT_FOUND,
                            "there is no profile \"%s\"\n  `berth login list` shows those there "
                            "are; a file of the working directory is ./%s",
                            name, name);
    return code;
}

static int read_in(const char *directory, struct profile *out, bool *missing)
{
    char path[FILE_PATH_MAX];

    if (file_path(path, directory, FIRST_START_PROFILE) != BERTH_OK)
        return tell_failure(EXIT_CODE_USAGE, "%.64s..: the path is too long", directory);
    return read_file(path, out, missing);
}

static int take_login_text(const char *text, const char *from, struct profile *out)
{
    const char *problem;

    *out = (struct profile){ .https_port = PROFILE_HTTPS_PORT, .mqtts_port = PROFILE_MQTTS_PORT };
    if (login_parse(berth_str_of(text), &out->login, &problem) != BERTH_OK)
        return tell_failure(
            EXIT_CODE_USAGE,
            "%s: %s\n  wanted: HostName=..;SharedAccessKeyName=..;SharedAccessKey=..", from,
            problem);
    use_login(out);
    return EXIT_CODE_OK;
}

/* Overwritten once read, so that its key leaves the process list. */
static int take_login(char *text, struct profile *out)
{
    int code = take_login_text(text, "--login", out);

    memset(text, '*', strlen(text));
    return code;
}

static int find_usual(struct profile *out, bool *missing)
{
    char directory[CONFIG_TEXT_MAX];
    int code = EXIT_CODE_OK;

    *missing = true;
    if (config_default_data_dir(directory, sizeof directory) == BERTH_OK)
        code = read_in(directory, out, missing);
    if (code == EXIT_CODE_OK && *missing)
        code = read_in(SYSTEM_DIR, out, missing);
    return code;
}

static int find(const struct options *o, struct profile *out, bool *missing)
{
    const char *login = getenv("BERTH_LOGIN"), *path = getenv("BERTH_PROFILE");
    char current[PROFILES_NAME_MAX + 1];

    *missing = false;
    if (o->login != NULL)
        return take_login(o->login, out);
    if (o->profile != NULL)
        return read_named(o->profile, out);
    if (o->data_dir != NULL) {
        int code = read_in(o->data_dir, out, missing);

        if (code != EXIT_CODE_OK || !*missing)
            return code;
        *missing = false;
        return tell_failure(EXIT_CODE_USAGE,
                            "there is no " FIRST_START_PROFILE " in %s\n  " HOW_TO_FIND,
                            o->data_dir);
    }
    if (login != NULL && login[0] != '\0')
        return take_login_text(login, "$BERTH_LOGIN", out);
    if (path != NULL && path[0] != '\0')
        return read_named(path, out);
    profiles_current(current);
    if (current[0] != '\0')
        return read_named(current, out);
    return find_usual(out, missing);
}

int profile_find_if_any(const struct options *o, struct profile *out, bool *found)
{
    bool missing;
    int code;

    *out = (struct profile){ .https_port = PROFILE_HTTPS_PORT, .mqtts_port = PROFILE_MQTTS_PORT };
    code = find(o, out, &missing);
    *found = code == EXIT_CODE_OK && !missing;
    if (code == EXIT_CODE_OK && o->ca_file != NULL &&
        copy(berth_str_of(o->ca_file), out->ca_file, sizeof out->ca_file) != BERTH_OK)
        return tell_failure(EXIT_CODE_USAGE, "--ca-file: not a path");
    return code;
}

int profile_find(const struct options *o, struct profile *out)
{
    bool found;
    int code = profile_find_if_any(o, out, &found);

    if (code == EXIT_CODE_OK && !found)
        return tell_failure(
            EXIT_CODE_USAGE,
            "no profile in the usual places: is there a daemon on this machine?\n"
            "  start one with `berth serve`, or " HOW_TO_FIND
            ",\n  another machine's service with `berth login`; `berth login list` shows "
            "those it remembers, `berth login use` chooses one");
    return code;
}
