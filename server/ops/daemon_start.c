#include "ops/daemon_impl.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "front/forensics.h"
#include "front/refusals.h"
#include "ops/address.h"
#include "ops/first_start.h"
#include "ops/log.h"
#include "ops/secure.h"
#include "ops/trust.h"
#include "store/sqlite/snapshot.h"
#include "store/sqlite/sqlite_store.h"

static berth_err open_store(struct daemon *d)
{
    const struct config *c = d->config;
    struct sqlite_store_problem problem = { "" };
    struct sqlite_store_options o = {
        .directory = c->data_dir,
        .key_file = c->key_file[0] == '\0' ? NULL : c->key_file,
        .crypto = &d->crypto,
        .window_ms = -1,
        .answer_before_commit = c->unsafe_answer_before_commit,
    };
    berth_err e = sqlite_store_open(&o, &d->store, &problem);

    if (e != BERTH_OK)
        (void)snprintf(d->problem, sizeof d->problem, "%s", problem.text);
    return e;
}

/* A second start: that the daemon runs already says more than that its ports are taken. A directory
 * without a lock file is left as it is. */
static berth_err check_not_held(struct daemon *d)
{
    struct sqlite_store_problem problem = { "" };
    char path[FILE_PATH_MAX];
    int fd = -1;

    if (file_path(path, d->config->data_dir, SQLITE_STORE_LOCK) != BERTH_OK ||
        access(path, F_OK) != 0)
        return BERTH_OK;
    if (sqlite_directory_lock(d->config->data_dir, &fd, &problem) == BERTH_E_MISMATCH) {
        (void)snprintf(d->problem, sizeof d->problem, "%s", problem.text);
        d->is_second = true;
        return BERTH_E_MISMATCH;
    }
    if (fd >= 0)
        (void)close(fd);
    return BERTH_OK;
}

/* All loops listen on the same port, so only this can notice that another program has it. Before
 * anything is made: the first start's names and texts are those of one that serves. */
static berth_err check_ports(struct daemon *d)
{
    const struct config *c = d->config;
    const uint16_t ports[] = { c->https_port, c->mqtts_port };

    for (size_t i = 0; i < 2 * c->listen_count; i++) {
        const char *text = c->listen[i / 2];
        uint16_t port = ports[i % 2];
        struct sockaddr_storage a;

        if (address_parse(text, port, &a) == BERTH_OK && address_is_free(&a))
            continue;
        address_explain(text, port, errno, d->dev != NULL, d->problem, sizeof d->problem);
        return BERTH_E_IO;
    }
    return BERTH_OK;
}

static berth_err start_workers(struct daemon *d)
{
    const struct config *c = d->config;
    struct worker_options o = {
        .config = c,
        .store = d->store,
        .common = &d->common,
        .attach = sqlite_store_attach,
        .files = trust_files(d->trust),
        .trust = d->trust,
        .refusals = d->refusals,
        .forensics = d->forensics,
        .dev = d->dev != NULL ? d->dev->seed->dev : NULL,
        .https_port = c->https_port,
        .mqtts_port = c->mqtts_port,
        .room = &d->room,
        .ended = daemon_worker_ended,
        .user = d,
    };
    size_t files = secure_file_limit();
    size_t connections = secure_connections(files, c->loops, c->connections_max);

    if (connections == 0) {
        (void)snprintf(d->problem, sizeof d->problem,
                       "the limit of open files leaves no room for connections; raise it "
                       "(LimitNOFILE=, ulimit -n)");
        return BERTH_E_IO;
    }
    d->room.max = connections;
    log_event(LOG_NOTICE, "limits", LOG_NUM("open_files", (int64_t)files),
              LOG_NUM("connections", (int64_t)connections), LOG_NUM("loops", c->loops));
    for (; d->worker_count < c->loops; d->worker_count++) {
        struct worker *w;
        o.index = (unsigned)d->worker_count;
        if (worker_start(&o, &w, d->problem, sizeof d->problem) != BERTH_OK)
            return BERTH_E_IO;
        d->workers[d->worker_count] = w;
        o.https_port = worker_https_port(w);
        o.mqtts_port = worker_mqtts_port(w);
    }
    trust_start(d->trust, d->workers, d->worker_count);
    return BERTH_OK;
}

static berth_err open_trust(struct daemon *d)
{
    struct trust_options o = {
        .config = d->config,
        .loop = d->loop,
        .store = d->store,
        .attach = sqlite_store_attach,
        .tls_dir = d->setup.tls_dir,
    };
    berth_err e = trust_new(&o, &d->trust);

    if (e != BERTH_OK)
        (void)snprintf(d->problem, sizeof d->problem, "cannot keep the certificates: %s",
                       berth_err_text(e));
    return e;
}

static berth_err start_forensics(struct daemon *d)
{
    struct forensics_options o = { .store = d->store, .attach = sqlite_store_attach };
    berth_err e = refusals_new(&d->refusals);

    o.refusals = d->refusals;
    if (e == BERTH_OK)
        e = forensics_start(&o, &d->forensics);
    if (e != BERTH_OK)
        (void)snprintf(d->problem, sizeof d->problem, "cannot start forensics: %s",
                       berth_err_text(e));
    return e;
}

berth_err daemon_start(struct daemon *d)
{
    berth_err e = check_not_held(d);

    if (e == BERTH_OK)
        e = check_ports(d);
    if (e == BERTH_OK)
        e = daemon_open_health(d); /* asked only once the main loop runs */
    if (e == BERTH_OK)
        e = first_start_directory(d->config->data_dir, d->problem, sizeof d->problem);
    if (e == BERTH_OK)
        e = open_store(d);
    if (e == BERTH_OK)
        e = setup_run(d->config, d->dev != NULL ? d->dev->seed : NULL, d->store,
                      sqlite_store_attach, &d->crypto, &d->setup, d->problem, sizeof d->problem);
    if (e == BERTH_OK)
        e = open_trust(d);
    if (e == BERTH_OK)
        e = common_init(&d->common, (uint64_t)loop_now_ms(d->loop) * 1000);
    if (e == BERTH_OK)
        e = start_forensics(d);
    if (e == BERTH_OK)
        e = start_workers(d);
    if (e == BERTH_OK)
        e = setup_write_profile(d->config, &d->setup, worker_https_port(d->workers[0]),
                                worker_mqtts_port(d->workers[0]), d->problem, sizeof d->problem);
    if (e == BERTH_OK && d->setup.made_ca && !d->setup.first_start)
        trust_tell_new_ca();
    d->crypto.wipe(d->crypto.ctx, &d->setup.owner_key, sizeof d->setup.owner_key);
    return e;
}
