#include "ops/setup.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "front/catalog.h"
#include "ops/first_start.h"
#include "ops/pki.h"
#include "ops/trust.h"
#include "prov/enrollment.h"

/* the daemon's own and its hubs' */
#define NAMES_MAX (CONFIG_HOSTS_MAX + BERTH_ENROLLMENT_HUBS_MAX)

/* Drives a store's port without a loop. */
struct pump {
    pthread_mutex_t lock;
    pthread_cond_t rung;
    bool due;
    bool done; /* set by callbacks, which run in pump_wait */
    enum store_result result;
    char problem[256];
};

static void ring(void *user)
{
    struct pump *p = user;

    (void)pthread_mutex_lock(&p->lock);
    p->due = true;
    (void)pthread_cond_signal(&p->rung);
    (void)pthread_mutex_unlock(&p->lock);
}

static void pump_wait(struct pump *p, struct store_port *port)
{
    while (!p->done) {
        (void)pthread_mutex_lock(&p->lock);
        while (!p->due)
            (void)pthread_cond_wait(&p->rung, &p->lock);
        p->due = false;
        (void)pthread_mutex_unlock(&p->lock);
        (void)store_deliver(port);
    }
}

static void on_filled(void *user, bool ok)
{
    struct pump *p = user;

    (void)ok; /* an empty registry is told by the missing ID scope */
    p->done = true;
}

static void on_committed(void *user, const struct store_reply *reply)
{
    struct pump *p = user;

    p->result = reply->result;
    (void)snprintf(p->problem, sizeof p->problem, "%s",
                   reply->problem == NULL ? "" : reply->problem);
    p->done = true;
}

static int64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What a set-up works on. */
struct work {
    const struct config *config;
    const struct seed *seed; /* or NULL */
    const struct berth_crypto *crypto;
    struct catalog *catalog;
    struct store_port *port;
    struct pump *pump;
    struct setup *out;
    char *problem;
    size_t problem_size;
};

static berth_err commit(struct work *w, const struct berth_change *changes, size_t count)
{
    struct pump *p = w->pump;

    p->done = false;
    store_commit(w->port, changes, count, now_ms(), on_committed, p);
    pump_wait(p, w->port);
    if (p->result != STORE_OK) {
        (void)snprintf(w->problem, w->problem_size, "cannot write the first records: %s",
                       p->problem);
        return BERTH_E_IO;
    }
    store_deliver_changes(w->port);
    return BERTH_OK;
}

static berth_err commit_first(struct work *w)
{
    unsigned char memory[FIRST_START_ARENA_SIZE];
    struct berth_change changes[FIRST_START_CHANGES_MAX];
    struct berth_arena a;
    size_t count;
    berth_err e;

    berth_arena_init(&a, memory, sizeof memory);
    e = first_start_changes(w->config, w->crypto, w->seed, &a, changes, &count);
    if (e == BERTH_OK)
        e = commit(w, changes, count);
    else
        (void)snprintf(w->problem, w->problem_size, "cannot make the first records: %s",
                       berth_err_text(e));
    w->crypto->wipe(w->crypto->ctx, memory, sizeof memory);
    return e;
}

/* A hub of the seed may be the daemon's own, which is there by now. */
static berth_err commit_seed(struct work *w)
{
    struct berth_change changes[STORE_CHANGES_MAX];
    berth_err e = BERTH_OK;

    for (size_t at = 0; e == BERTH_OK && w->seed != NULL && at < w->seed->count;) {
        size_t n = 0;
        for (; n < STORE_CHANGES_MAX && at < w->seed->count; n++, at++)
            changes[n] = (struct berth_change){ .type = BERTH_PUT,
                                                .expect = BERTH_ANY,
                                                .rec = *w->seed->records[at] };
        e = commit(w, changes, n);
    }
    return e;
}

/* Every name that a client may use: the daemon's own, then its hubs'. */
static size_t collect_names(const struct config *c, const struct catalog *catalog, char hubs[][256],
                            const char *names[NAMES_MAX])
{
    const struct berth_catalog *view = catalog_view(catalog);
    size_t n = 0;

    for (size_t i = 0; i < c->host_count; i++)
        names[n++] = c->hosts[i];
    for (size_t i = 0; i < view->hub_count && n < NAMES_MAX; i++) {
        berth_str name = view->hubs[i].host_name;
        if (name.n >= 256)
            continue;
        memcpy(hubs[i], name.p, name.n);
        hubs[i][name.n] = '\0';
        names[n++] = hubs[i];
    }
    return n;
}

static berth_err make_certificates(const struct config *c, const struct catalog *catalog,
                                   struct setup *out, char *problem, size_t problem_size)
{
    size_t hub_count = catalog_view(catalog)->hub_count;
    char(*hubs)[256];
    const char *names[NAMES_MAX];
    struct pki_report report = { 0 };
    berth_err e = BERTH_E_MEMORY;

    if (c->tls_certificate[0] != '\0')
        return BERTH_OK; /* the keeper of certificates tells which names they lack */
    hubs = calloc(hub_count + 1, sizeof *hubs);
    if (hubs != NULL)
        e = pki_ensure(out->tls_dir, names, collect_names(c, catalog, hubs, names), now_ms() / 1000,
                       &report, problem, problem_size);
    free(hubs);
    out->made_ca = report.made_ca;
    out->made_leaf = report.made_leaf;
    return e;
}

/* The first that may change the service's policies; no such policy is an operator's choice. */
static void find_owner(const struct catalog *catalog, struct setup *out)
{
    size_t count;
    const struct berth_policy *p = catalog_policies(catalog, BERTH_STR(""), &count);

    for (; count > 0 && (p->rights & BERTH_RIGHT_SERVICE_CONFIG) == 0; count--)
        p++;
    if (count == 0)
        return;
    (void)snprintf(out->owner, sizeof out->owner, "%.*s", BERTH_STR_ARG(p->name));
    out->owner_key = p->keys.primary;
}

static berth_err set_up(struct work *w)
{
    struct setup *out = w->out;
    bool is_empty;
    berth_str scope;
    berth_err e = BERTH_OK;

    catalog_fill(w->catalog, w->port, on_filled, w->pump);
    pump_wait(w->pump, w->port);
    is_empty = catalog_view(w->catalog)->id_scope.n == 0;
    if (is_empty)
        e = commit_first(w);
    if (e == BERTH_OK && is_empty)
        e = commit_seed(w);
    if (e != BERTH_OK)
        return e;
    scope = catalog_view(w->catalog)->id_scope;
    if (scope.n == 0) {
        (void)snprintf(w->problem, w->problem_size, "the registry cannot be read; see the log");
        return BERTH_E_IO;
    }
    (void)snprintf(out->id_scope, sizeof out->id_scope, "%.*s", BERTH_STR_ARG(scope));
    find_owner(w->catalog, out);
    return make_certificates(w->config, w->catalog, out, w->problem, w->problem_size);
}

/* With the operator's own certificate its CA, when that stands in the chain; else the system
 * knows it. */
static berth_err name_ca_file(const struct config *c, struct setup *out)
{
    char whole[PATH_MAX], root[TRUST_PEM_MAX];

    if (c->tls_certificate[0] == '\0')
        return file_path(out->ca_file, out->tls_dir, "ca.pem");
    pki_root_of(c->tls_certificate, root, sizeof root);
    if (root[0] == '\0' || realpath(c->tls_certificate, whole) == NULL)
        return BERTH_OK;
    if (strlen(whole) >= sizeof out->ca_file)
        return BERTH_E_RANGE;
    memcpy(out->ca_file, whole, strlen(whole) + 1);
    return BERTH_OK;
}

/* Whole paths: the profile is read from other places than this one. */
static berth_err name_files(const struct config *c, struct setup *out)
{
    char whole[PATH_MAX];
    const char *dir = realpath(c->data_dir, whole) != NULL ? whole : c->data_dir;
    berth_err e = file_path(out->tls_dir, dir, FIRST_START_TLS_DIR);

    if (e == BERTH_OK)
        e = file_path(out->profile, dir, FIRST_START_PROFILE);
    out->first_start = e == BERTH_OK && access(out->profile, F_OK) != 0;
    return e == BERTH_OK ? name_ca_file(c, out) : e;
}

berth_err setup_run(const struct config *c, const struct seed *seed, struct store *s,
                    worker_attach *attach, const struct berth_crypto *crypto, struct setup *out,
                    char *problem, size_t problem_size)
{
    struct pump p = { .lock = PTHREAD_MUTEX_INITIALIZER, .rung = PTHREAD_COND_INITIALIZER };
    struct work w = { .config = c,
                      .seed = seed,
                      .crypto = crypto,
                      .pump = &p,
                      .out = out,
                      .problem = problem,
                      .problem_size = problem_size };
    struct store_attach a = {
        .wake = ring, .wake_user = &p, .watcher = catalog_watch, .watch_kinds = CATALOG_KINDS
    };
    berth_err e = catalog_new(crypto, &w.catalog);

    *out = (struct setup){ 0 };
    a.watch_user = w.catalog;
    if (e == BERTH_OK)
        e = name_files(c, out);
    if (e == BERTH_OK)
        e = attach(s, &a, &w.port);
    if (e != BERTH_OK) {
        (void)snprintf(problem, problem_size, "cannot open the registry: %s", berth_err_text(e));
        catalog_free(w.catalog);
        return e;
    }
    e = set_up(&w);
    store_detach(w.port);
    catalog_free(w.catalog);
    return e;
}

berth_err setup_write_profile(const struct config *c, const struct setup *s, uint16_t https_port,
                              uint16_t mqtts_port, char *problem, size_t problem_size)
{
    const struct first_start_profile p = {
        .host = berth_str_of(c->hosts[0]),
        .https_port = https_port,
        .mqtts_port = mqtts_port,
        .ca_file = s->ca_file,
        .id_scope = berth_str_of(s->id_scope),
        .policy = berth_str_of(s->owner),
        .key = &s->owner_key,
    };

    return s->owner[0] == '\0' ? BERTH_OK
                               : first_start_write_profile(c->data_dir, &p, problem, problem_size);
}
