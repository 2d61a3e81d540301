#include "cli/profiles.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ascii.h"
#include "cli/command.h"
#include "cli/tell.h"

#define SUFFIX ".ini"

bool profiles_name_is_valid(const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < n; i++)
        if (!ascii_is_alnum(name[i]) && name[i] != '-' && name[i] != '_')
            return false;
    return n > 0 && n <= PROFILES_NAME_MAX;
}

/* $XDG_CONFIG_HOME, by its specification only when absolute, else ~/.config; BELOW is what stands
 * below it. */
static int path_below(const char *below, char out[FILE_PATH_MAX])
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int n;

    if (config != NULL && config[0] == '/')
        n = snprintf(out, FILE_PATH_MAX, "%s/%s", config, below);
    else if (home != NULL && home[0] == '/')
        n = snprintf(out, FILE_PATH_MAX, "%s/.config/%s", home, below);
    else
        return tell_failure(EXIT_CODE_USAGE, "no place for profiles\n  set $HOME");
    if (n < 0 || n >= FILE_PATH_MAX)
        return tell_failure(EXIT_CODE_USAGE, "the path of profiles is too long");
    return EXIT_CODE_OK;
}

int profiles_path(const char *name, char out[FILE_PATH_MAX])
{
    char below[PROFILES_NAME_MAX + 32];

    (void)snprintf(below, sizeof below, "berth/profiles/%s" SUFFIX, name);
    return path_below(below, out);
}

int profiles_ca_path(const char *name, char out[FILE_PATH_MAX])
{
    char below[PROFILES_NAME_MAX + 48];
    unsigned random;

    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return tell_failure(EXIT_CODE_FAILED, "no random bytes");
    (void)snprintf(below, sizeof below, "berth/profiles/%s-%08x.pem", name, random);
    return path_below(below, out);
}

int profiles_make_directory(void)
{
    static const char *const parts[] = { "", "berth", "berth/profiles" };
    char path[FILE_PATH_MAX];

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        int code = path_below(parts[i], path);

        if (code != EXIT_CODE_OK)
            return code;
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return tell_failure(EXIT_CODE_FAILED, "%s: %s", path, strerror(errno));
    }
    return EXIT_CODE_OK;
}

/* PATH is "../NAME.ini": of what stands beside it as "../NAME-..". Another file is its owner's. */
static bool is_beside(const char *path, const char *file)
{
    size_t n = strlen(path) - (sizeof SUFFIX - 1);

    return strncmp(path, file, n) == 0 && file[n] == '-';
}

void profiles_ca_of(const char *name, char out[FILE_PATH_MAX])
{
    char path[FILE_PATH_MAX];
    struct profile p = { 0 };

    out[0] = '\0';
    if (profiles_path(name, path) != EXIT_CODE_OK || access(path, F_OK) != 0)
        return;
    if (profile_read(path, &p) == EXIT_CODE_OK && is_beside(path, p.ca_file))
        memcpy(out, p.ca_file, FILE_PATH_MAX);
    explicit_bzero(&p, sizeof p);
}

void profiles_put(struct berth_json_out *j, const char *name, const struct profile *p, bool current)
{
    berth_json_open(j, '{');
    berth_json_member(j, "profile", berth_str_of(name));
    berth_json_member(j, "host", berth_str_of(p->host));
    berth_json_member_i64(j, "httpsPort", p->https_port);
    berth_json_member_i64(j, "mqttsPort", p->mqtts_port);
    berth_json_member(j, "policy", berth_str_of(p->login.policy));
    berth_json_member(j, "idScope", berth_str_of(p->id_scope));
    berth_json_member_bool(j, "current", current);
    berth_json_close(j, '}');
}

/* ---- the one that is used ---- */

void profiles_current(char out[PROFILES_NAME_MAX + 1])
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char path[FILE_PATH_MAX];
    struct berth_buf b;

    out[0] = '\0';
    if ((config == NULL || config[0] != '/') && (home == NULL || home[0] != '/'))
        return; /* a service, say: it has no logins */
    if (path_below("berth/current", path) != EXIT_CODE_OK)
        return;
    berth_buf_init(&b, out, PROFILES_NAME_MAX);
    if (file_read(path, &b) != BERTH_OK)
        b.n = 0;
    while (b.n > 0 && out[b.n - 1] == '\n')
        b.n--;
    out[b.n] = '\0';
    if (!profiles_name_is_valid(out))
        out[0] = '\0';
}

int profiles_set_current(const char *name)
{
    char path[FILE_PATH_MAX];
    int code = path_below("berth/current", path);

    if (code != EXIT_CODE_OK)
        return code;
    if (name[0] == '\0' && (unlink(path) == 0 || errno == ENOENT))
        return EXIT_CODE_OK;
    if (name[0] != '\0' && file_replace(path, berth_str_of(name), 0600) == BERTH_OK)
        return EXIT_CODE_OK;
    return tell_failure(EXIT_CODE_FAILED, "%s: %s", path, strerror(errno));
}

/* ---- all ---- */

static bool take_name(const char *file, char out[PROFILES_NAME_MAX + 1])
{
    size_t n = strlen(file), end = sizeof SUFFIX - 1;

    if (n <= end || n - end > PROFILES_NAME_MAX || strcmp(file + n - end, SUFFIX) != 0)
        return false;
    (void)snprintf(out, PROFILES_NAME_MAX + 1, "%.*s", (int)(n - end), file);
    return profiles_name_is_valid(out);
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

int profiles_list(char (**names)[PROFILES_NAME_MAX + 1], size_t *count)
{
    char path[FILE_PATH_MAX], name[PROFILES_NAME_MAX + 1];
    const struct dirent *entry;
    int code = path_below("berth/profiles", path);
    DIR *dir;

    *count = 0;
    *names = NULL;
    if (code != EXIT_CODE_OK)
        return code;
    *names = calloc(PROFILES_MAX, sizeof **names);
    if (*names == NULL)
        return tell_failure(EXIT_CODE_FAILED, "memory ran out");
    dir = opendir(path);
    if (dir == NULL)
        return errno == ENOENT ? EXIT_CODE_OK
                               : tell_failure(EXIT_CODE_FAILED, "%s: %s", path, strerror(errno));
    while (*count < PROFILES_MAX && (entry = readdir(dir)) != NULL)
        if (take_name(entry->d_name, name))
            memcpy((*names)[(*count)++], name, sizeof name);
    (void)closedir(dir);
    qsort(*names, *count, sizeof **names, compare);
    return EXIT_CODE_OK;
}
