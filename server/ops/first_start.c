#include "ops/first_start.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/policy.h"
#include "front/catalog.h"
#include "prov/hub.h"

#define ID_SCOPE_PREFIX "0ne"

static berth_err complain(char *problem, size_t problem_size, const char *path, const char *words)
{
    (void)snprintf(
        problem, problem_size,
        "data directory %.256s: %s; give another with data-dir, or make it for the user that "
        "runs berth",
        path, words);
    return BERTH_E_IO;
}

/* A directory that the operator made keeps its mode (it may be a volume shared with a group), yet
 * where anyone may write anyone may swap the keys. */
static berth_err check_directory(const char *path, char *problem, size_t problem_size)
{
    struct stat is;

    if (stat(path, &is) != 0)
        return complain(problem, problem_size, path, strerror(errno));
    if (!S_ISDIR(is.st_mode))
        return complain(problem, problem_size, path, "is not a directory");
    if ((is.st_mode & S_IWOTH) != 0)
        return complain(problem, problem_size, path, "can be written by every user");
    if (access(path, R_OK | W_OK | X_OK) != 0)
        return complain(problem, problem_size, path, strerror(errno));
    return BERTH_OK;
}

/* Keys would be written wherever it leads, by root too, should root start the daemon once. */
static berth_err check_no_link(const char *path, char *problem, size_t problem_size)
{
    struct stat is;

    if (lstat(path, &is) != 0 || !S_ISLNK(is.st_mode))
        return BERTH_OK; /* the next check has words for it */
    (void)snprintf(problem, problem_size,
                   "%.256s is a link; put the directory itself there, or name certificates kept "
                   "elsewhere with tls-certificate and tls-key",
                   path);
    return BERTH_E_IO;
}

berth_err first_start_directory(const char *data_dir, char *problem, size_t problem_size)
{
    char tls[FILE_PATH_MAX];
    berth_err e = file_make_directories(data_dir, 0700);

    if (e != BERTH_OK)
        return complain(problem, problem_size, data_dir, strerror(errno));
    e = check_directory(data_dir, problem, problem_size);
    if (e != BERTH_OK)
        return e;
    if (file_path(tls, data_dir, FIRST_START_TLS_DIR) != BERTH_OK)
        return complain(problem, problem_size, data_dir, strerror(ENAMETOOLONG));
    if (mkdir(tls, 0700) != 0 && errno != EEXIST)
        return complain(problem, problem_size, tls, strerror(errno));
    e = check_no_link(tls, problem, problem_size);
    return e == BERTH_OK ? check_directory(tls, problem, problem_size) : e;
}

/* What first_start_changes fills in. */
struct changes {
    const struct berth_crypto *crypto;
    struct berth_arena *a;
    struct berth_change *out;
    size_t count;
};

static void add(struct changes *c, const struct berth_record *rec)
{
    assert(c->count < FIRST_START_CHANGES_MAX);
    c->out[c->count++] =
        (struct berth_change){ .type = BERTH_PUT, .expect = BERTH_ABSENT, .rec = *rec };
}

static berth_err make_id_scope(struct changes *c, berth_str *out)
{
    uint8_t random[4];
    char text[16];
    berth_err e = c->crypto->random(c->crypto->ctx, random, sizeof random);
    int n;

    if (e != BERTH_OK)
        return e;
    n = snprintf(text, sizeof text, ID_SCOPE_PREFIX "%02X%02X%02X%02X", random[0], random[1],
                 random[2], random[3]);
    return berth_arena_dup(c->a, (berth_str){ text, (size_t)n }, out);
}

static berth_err add_id_scope(struct changes *c, const struct seed *seed)
{
    struct berth_record rec = { .kind = BERTH_KIND_SETTING,
                                .scope = BERTH_STR(""),
                                .key = BERTH_STR(SETTING_ID_SCOPE),
                                .owner = BERTH_STR(""),
                                .body = BERTH_STR("{}") };
    berth_err e = BERTH_OK;

    if (seed != NULL)
        rec.name = berth_str_of(seed->id_scope);
    else
        e = make_id_scope(c, &rec.name);
    if (e == BERTH_OK)
        add(c, &rec);
    return e;
}

static berth_err add_hub(struct changes *c, const struct berth_hub *h)
{
    struct berth_record rec;
    berth_err e = berth_hub_encode(h, c->a, &rec);

    if (e == BERTH_OK)
        add(c, &rec);
    return e;
}

static berth_err make_key(const struct berth_crypto *crypto, struct berth_key *key)
{
    key->n = BERTH_POLICY_KEY_SIZE;
    return crypto->random(crypto->ctx, key->bytes, BERTH_POLICY_KEY_SIZE);
}

/* PRIMARY: NULL for a new key. */
static berth_err add_policy(struct changes *c, berth_str hub, const struct berth_policy_default *d,
                            const struct berth_key *primary)
{
    struct berth_policy p = { .hub = hub, .name = berth_str_of(d->name), .rights = d->rights };
    struct berth_record rec;
    berth_err e = BERTH_OK;

    if (primary != NULL)
        p.keys.primary = *primary;
    else
        e = make_key(c->crypto, &p.keys.primary);
    if (e == BERTH_OK)
        e = make_key(c->crypto, &p.keys.secondary);
    if (e == BERTH_OK)
        e = berth_policy_encode(&p, c->a, &rec);
    if (e == BERTH_OK)
        add(c, &rec);
    c->crypto->wipe(c->crypto->ctx, &p.keys, sizeof p.keys);
    return e;
}

/* The first of the defaults is the owner's. */
static berth_err add_policies(struct changes *c, berth_str hub,
                              const struct berth_policy_default *defaults,
                              const struct berth_key *owner)
{
    for (; defaults->name != NULL; defaults++, owner = NULL) {
        berth_err e = add_policy(c, hub, defaults, owner);

        if (e != BERTH_OK)
            return e;
    }
    return BERTH_OK;
}

static berth_err add_hub_whole(struct changes *c, const struct berth_hub *h,
                               const struct berth_key *owner)
{
    berth_err e = add_policies(c, h->host_name, berth_hub_policies, owner);

    return e == BERTH_OK ? add_hub(c, h) : e;
}

berth_err first_start_hub_changes(const struct berth_hub *hub, const struct berth_key *owner,
                                  const struct berth_crypto *crypto, struct berth_arena *a,
                                  struct berth_change out[FIRST_START_CHANGES_MAX], size_t *count)
{
    struct changes c = { .crypto = crypto, .a = a, .out = out };
    berth_err e = add_hub_whole(&c, hub, owner);

    *count = e == BERTH_OK ? c.count : 0;
    return e;
}

berth_err first_start_changes(const struct config *config, const struct berth_crypto *crypto,
                              const struct seed *seed, struct berth_arena *a,
                              struct berth_change out[FIRST_START_CHANGES_MAX], size_t *count)
{
    struct changes c = { .crypto = crypto, .a = a, .out = out };
    struct berth_hub hub = { .weight = 1, .takes_devices = true };
    berth_err e;

    assert(config->host_count > 0);
    *count = 0;
    e = berth_arena_lower(a, berth_str_of(config->hosts[0]), &hub.host_name);
    if (e == BERTH_OK)
        e = add_id_scope(&c, seed);
    if (e == BERTH_OK)
        e = add_policies(&c, BERTH_STR(""), berth_service_policies,
                         seed != NULL ? &seed->service_key : NULL);
    if (e == BERTH_OK)
        e = add_hub_whole(&c, &hub, seed != NULL ? &seed->hub_key : NULL);
    if (e == BERTH_OK)
        *count = c.count;
    return e;
}
