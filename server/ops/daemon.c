#include "ops/daemon_impl.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "berth/openssl.h"
#include "berth/version.h"
#include "front/forensics.h"
#include "front/refusals.h"
#include "ops/log.h"
#include "ops/notify.h"
#include "ops/secure.h"
#include "ops/trust.h"
#include "store/sqlite/sqlite_store.h"

static int give_up(struct daemon *d)
{
    (void)fprintf(stderr, "berth: %s\n", d->problem);
    return d->is_second ? DAEMON_SECOND : DAEMON_FAILED;
}

/* ---- signals ---- */

/* A service manager that does not listen is worth a line, no more. */
static void tell_manager(berth_err e)
{
    if (e != BERTH_OK)
        log_event(LOG_WARNING, "the service manager was not told",
                  LOG_TEXT("why", berth_str_of(berth_err_text(e))));
}

static void count_ended(void *user)
{
    struct daemon *d = user;

    if (++d->workers_ended == d->worker_count)
        loop_stop(d->loop);
}

void daemon_worker_ended(void *user)
{
    struct daemon *d = user;

    loop_post(d->loop, count_ended, d);
}

static void reload(struct daemon *d)
{
    if (d->worker_count == d->config->loops && !d->stopping)
        trust_reload(d->trust);
}

/* The health port goes on until the workers have ended, and a second signal ends the process. */
static void on_signal(uv_signal_t *h, int number)
{
    struct daemon *d = h->data;

    if (number == SIGHUP) {
        reload(d);
        return;
    }
    if (d->stopping)
        _exit(128 + number);
    d->stopping = true;
    log_event(LOG_NOTICE, "stopping", LOG_NUM("signal", number));
    tell_manager(notify_stopping());
    for (size_t i = 0; i < d->worker_count; i++)
        worker_stop(d->workers[i]);
}

static void watch_signals(struct daemon *d)
{
    static const int numbers[DAEMON_SIGNALS] = { SIGTERM, SIGINT, SIGHUP };

    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < DAEMON_SIGNALS; i++) {
        (void)uv_signal_init(loop_uv(d->loop), &d->signals[i]);
        d->signals[i].data = d;
        (void)uv_signal_start(&d->signals[i], on_signal, numbers[i]);
    }
}

/* ---- what it tells ---- */

static void tell_first_start(const struct daemon *d)
{
    const struct setup *s = &d->setup;

    if (!s->first_start || s->owner[0] == '\0')
        return;
    (void)printf("berth " BERTH_VERSION ": first start in %s\n\n"
                 "  ID scope        %s\n"
                 "  CA certificate  %s   (devices and tools must trust it)\n"
                 "  profile         %s   (the command line finds the daemon by it)\n\n"
                 "Next, in another terminal:\n"
                 "  export BERTH_PROFILE=%s\n"
                 "  berth enrollment-group create mylegacydevices\n"
                 "  berth connection-string show\n\n",
                 d->config->data_dir, s->id_scope,
                 s->ca_file[0] != '\0' ? s->ca_file : "that of your tls-certificate", s->profile,
                 s->profile);
    (void)fflush(stdout);
}

static void tell_ready(const struct daemon *d)
{
    char status[NOTIFY_STATUS_MAX];
    uint16_t https = worker_https_port(d->workers[0]), mqtts = worker_mqtts_port(d->workers[0]);

    (void)printf("berth serves https://%s:%u and mqtts://%s:%u; ID scope %s\n", d->config->hosts[0],
                 https, d->config->hosts[0], mqtts, d->setup.id_scope);
    (void)fflush(stdout);
    log_event(LOG_NOTICE, "serving", LOG_TEXT("host", berth_str_of(d->config->hosts[0])),
              LOG_NUM("https_port", https), LOG_NUM("mqtts_port", mqtts),
              LOG_TEXT("id_scope", berth_str_of(d->setup.id_scope)),
              LOG_NUM("made_certificates", d->setup.made_leaf));
    (void)snprintf(status, sizeof status, "serving on ports %u and %u", https, mqtts);
    tell_manager(notify_status(status));
    tell_manager(notify_ready());
}

/* False when whoever waited for it has gone. */
static bool announce(const struct daemon *d)
{
    const struct daemon_dev *dev = d->dev;

    if (dev != NULL)
        return dev->ready(dev->user, worker_https_port(d->workers[0]),
                          worker_mqtts_port(d->workers[0]));
    tell_first_start(d);
    tell_ready(d);
    return true;
}

/* ---- from start to end ---- */

static void release(struct daemon *d)
{
    for (size_t i = 0; i < d->worker_count; i++) {
        if (!d->stopping)
            worker_stop(d->workers[i]);
        worker_free(d->workers[i]);
    }
    trust_stop(d->trust);
    forensics_stop(d->forensics);
    refusals_free(d->refusals);
    common_deinit(&d->common);
    if (d->health != NULL)
        listener_close(d->health);
    for (size_t i = 0; i < DAEMON_SIGNALS; i++)
        if (d->signals[i].data != NULL)
            uv_close((uv_handle_t *)&d->signals[i], NULL);
    loop_free(d->loop);
    trust_free(d->trust);
    if (d->store != NULL)
        sqlite_store_close(d->store);
    berth_openssl_deinit(&d->crypto);
}

static void set_up_log(const struct config *c)
{
    bool as_text = strcmp(c->log_format, "text") == 0 ||
                   (strcmp(c->log_format, "auto") == 0 && isatty(STDERR_FILENO));
    enum log_level level = LOG_INFO;

    (void)log_level_of(berth_str_of(c->log_level), &level);
    log_setup(level, as_text);
    log_keep_at_crash();
}

int daemon_run(const struct config *c, const struct daemon_dev *dev)
{
    struct daemon d = { .config = c, .dev = dev };
    int code = DAEMON_OK;

    set_up_log(c);
    if (dev != NULL)
        log_without_priority();
    if (secure_process(c->dumpable) != BERTH_OK || berth_openssl_init(&d.crypto) != BERTH_OK ||
        loop_new(CONFIG_LOOPS_MAX, &d.loop) != BERTH_OK) {
        (void)fprintf(stderr, "berth: cannot set up the process\n");
        return DAEMON_FAILED;
    }
    if (c->unsafe_answer_before_commit)
        log_event(LOG_ERROR, "UNSAFE: answers leave before the commit; for tests alone",
                  LOG_NUM("unsafe", 1));
    watch_signals(&d);
    if (daemon_start(&d) != BERTH_OK) {
        code = give_up(&d);
    } else if (!announce(&d)) {
        code = DAEMON_FAILED;
    } else {
        if (loop_run(d.loop) != BERTH_OK || !d.stopping)
            code = DAEMON_FAILED;
    }
    release(&d);
    log_event(LOG_NOTICE, "stopped", LOG_NUM("code", code));
    return code;
}
