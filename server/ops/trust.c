#include "ops/trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/file.h"
#include "ops/log.h"

#define NAMES_MAX (CONFIG_HOSTS_MAX + 256) /* the daemon's own and its hubs' */
#define NAME_SIZE 256
#define DAY_MS    (24 * 60 * 60 * 1000)
#define DAY_S     86400

/* One thing to be done. Jobs follow each other: certificates are files. */
struct job {
    struct trust *t;
    struct job *next;
    struct trust_wish wish;
    bool reload;
    unsigned worker;
    trust_done *done; /* NULL: nobody waits */
    void *user;
    bool changed; /* workers get other certificates */
    struct trust_answer answer;
};

struct trust {
    struct trust_options o;
    struct store_port *port;
    struct worker *const *workers;
    size_t worker_count;
    uv_timer_t timer;
    bool has_timer, closed;
    bool operators;
    bool stale; /* what stands in the files is not in use yet */

    struct job *job; /* under way */
    struct job *first, **last;
    size_t waiting; /* workers that have yet to take what it made */

    char names[NAMES_MAX][NAME_SIZE];
    const char *name_list[NAMES_MAX];
    size_t name_count;

    char paths[4][FILE_PATH_MAX];
    struct tls_files files;
    struct pki_item items[PKI_ITEMS_MAX]; /* as of the latest job */
    size_t item_count;
};

/* ---- names ---- */

static void add_name(struct trust *t, berth_str name)
{
    char *slot;

    if (t->name_count == NAMES_MAX || name.n >= NAME_SIZE)
        return;
    slot = t->names[t->name_count];
    memcpy(slot, name.p, name.n);
    slot[name.n] = '\0';
    t->name_list[t->name_count++] = slot;
}

/* Of a hub's record the key is the name. */
static void collect_names(struct trust *t, const struct store_reply *hubs)
{
    t->name_count = 0;
    for (size_t i = 0; i < t->o.config->host_count; i++)
        add_name(t, berth_str_of(t->o.config->hosts[i]));
    for (size_t i = 0; i < hubs->count; i++)
        add_name(t, hubs->records[i].key);
}

/* ---- what there is ---- */

static void look(struct trust *t)
{
    if (!t->operators) {
        t->item_count = pki_look(t->o.tls_dir, t->items);
        return;
    }
    t->item_count = 0;
    if (pki_look_at(t->files.chain_file, "server", &t->items[0]))
        t->item_count++;
    if (t->files.rsa_chain_file != NULL &&
        pki_look_at(t->files.rsa_chain_file, "server-rsa", &t->items[t->item_count]))
        t->item_count++;
}

/* Whether the files are others than at the latest look: renewed by somebody who told nobody. */
static bool look_again(struct trust *t)
{
    struct pki_item before[PKI_ITEMS_MAX];
    size_t count = t->item_count;

    memcpy(before, t->items, sizeof before);
    look(t);
    if (count == 0)
        return false;
    for (size_t i = 0; i < count && i < t->item_count; i++)
        if (strcmp(before[i].fingerprint, t->items[i].fingerprint) != 0)
            return true;
    return count != t->item_count;
}

static void read_ca(struct trust *t, char pem[TRUST_PEM_MAX])
{
    char path[FILE_PATH_MAX];
    struct berth_buf b;

    if (t->operators) {
        pki_root_of(t->files.chain_file, pem, TRUST_PEM_MAX);
        return;
    }
    berth_buf_init(&b, pem, TRUST_PEM_MAX - 1);
    if (file_path(path, t->o.tls_dir, "ca.pem") != BERTH_OK || file_read(path, &b) != BERTH_OK)
        b.n = 0;
    pem[b.n] = '\0';
}

static void fill_answer(struct trust *t, struct job *j)
{
    struct trust_answer *a = &j->answer;
    const char *name = j->wish.name;

    memcpy(a->items, t->items, sizeof a->items);
    a->item_count = t->item_count;
    a->operators = t->operators;
    if (j->done == NULL)
        return;
    read_ca(t, a->pem);
    a->covers = a->err == BERTH_OK && pki_file_lacks(t->files.chain_file, &name, 1) == NULL;
}

/* ---- what the operator should know ---- */

static void warn_of_expiry(const struct pki_item *item, int64_t now_s)
{
    bool is_ca = strncmp(item->name, "ca", 2) == 0;
    int64_t left = item->expiry_s - now_s;

    if (left >= (int64_t)(is_ca ? PKI_CA_WARN_DAYS : PKI_RENEW_DAYS) * DAY_S ||
        strcmp(item->name, "ca-previous") == 0)
        return;
    log_event(
        LOG_WARNING, left < 0 ? "a certificate has expired" : "a certificate expires soon",
        LOG_TEXT("certificate", berth_str_of(item->name)),
        LOG_NUM("days_left", left < 0 ? -1 : left / DAY_S),
        LOG_TEXT("remedy", is_ca ? BERTH_STR("berth ca rollover, and give devices the new ca.pem")
                                 : BERTH_STR("put a new one in its place and send SIGHUP")));
}

static void warn_of_name(const struct trust *t, const char *path)
{
    const char *lacks = path == NULL ? NULL : pki_file_lacks(path, t->name_list, t->name_count);

    if (lacks != NULL)
        log_event(LOG_WARNING, "the certificate lacks a name",
                  LOG_TEXT("name", berth_str_of(lacks)), LOG_TEXT("file", berth_str_of(path)),
                  LOG_TEXT("remedy",
                           BERTH_STR("clients that use this name refuse to connect: have it issued "
                                     "with all names of hostname and of the hubs")));
}

static void warn(const struct trust *t, int64_t now_s)
{
    for (size_t i = 0; i < t->item_count; i++)
        warn_of_expiry(&t->items[i], now_s);
    warn_of_name(t, t->files.chain_file);
    warn_of_name(t, t->files.rsa_chain_file);
}

static const char *reason_of(const struct job *j)
{
    if (j->reload)
        return "reload";
    return j->wish.verb == TRUST_COVER  ? "a hub's name"
           : j->wish.verb == TRUST_ROLL ? "roll-over of the CA"
                                        : "expiry or names";
}

static void tell(const struct job *j)
{
    const struct trust_answer *a = &j->answer;

    /* A step that does not fit is the asker's mistake, and it is told. */
    if (a->err != BERTH_OK && !(j->wish.verb == TRUST_ROLL && a->err == BERTH_E_MISMATCH))
        log_event(LOG_ERROR, "certificates are kept as they were",
                  LOG_TEXT("why", berth_str_of(reason_of(j))),
                  LOG_TEXT("problem", berth_str_of(a->problem)));
    else if (j->changed)
        log_event(LOG_NOTICE, "new certificates in use",
                  LOG_TEXT("why", berth_str_of(reason_of(j))));
}

/* ---- a job's end ---- */

static void next(struct trust *t);

static void on_answer(void *arg)
{
    struct job *j = arg;

    j->done(j->user, &j->answer);
    free(j);
}

static void finish(struct trust *t)
{
    struct job *j = t->job;

    t->job = NULL;
    tell(j);
    if (j->done == NULL || !worker_post(t->workers[j->worker], on_answer, j))
        free(j);
    next(t);
}

/* ---- certificates for the workers ---- */

struct exchange {
    struct trust *t;
    struct worker *w;
    struct tls_certificates *made;
};

static void on_taken(void *arg)
{
    struct trust *t = arg;

    if (!t->closed && --t->waiting == 0)
        finish(t);
}

static void take(void *arg)
{
    struct exchange *x = arg;

    tls_context_use(worker_tls(x->w), x->made);
    loop_post(x->t->o.loop, on_taken, x->t);
    free(x);
}

static void give(struct trust *t, struct worker *w, struct tls_certificates *made)
{
    struct exchange *x = malloc(sizeof *x);

    if (x == NULL)
        abort(); /* as loop_post does */
    *x = (struct exchange){ t, w, made };
    if (worker_post(w, take, x))
        return;
    tls_certificates_free(made);
    free(x);
    loop_post(t->o.loop, on_taken, t);
}

/* For all workers or for none. */
static berth_err renew(struct trust *t, char *problem, size_t problem_size)
{
    struct tls_certificates *made[CONFIG_LOOPS_MAX] = { NULL };
    berth_err e = BERTH_OK;

    for (size_t i = 0; i < t->worker_count && e == BERTH_OK; i++)
        e = tls_certificates_new(worker_tls(t->workers[i]), &t->files, &made[i], problem,
                                 problem_size);
    t->stale = e != BERTH_OK;
    if (e == BERTH_OK)
        t->waiting = t->worker_count;
    for (size_t i = 0; i < t->worker_count; i++) {
        if (e == BERTH_OK)
            give(t, t->workers[i], made[i]);
        else
            tls_certificates_free(made[i]);
    }
    return e;
}

/* ---- a job ---- */

static berth_err keep_own(struct trust *t, struct job *j, int64_t now_s)
{
    struct trust_answer *a = &j->answer;
    struct pki_report report = { 0 };
    berth_err e = BERTH_OK;

    if (j->wish.verb == TRUST_ROLL)
        e = pki_roll(t->o.tls_dir, j->wish.step, now_s, a->problem, sizeof a->problem);
    if (e != BERTH_OK)
        return e;
    e = pki_ensure(t->o.tls_dir, t->name_list, t->name_count, now_s, &report, a->problem,
                   sizeof a->problem);
    return e;
}

static berth_err keep_operators(struct job *j)
{
    if (j->wish.verb != TRUST_ROLL)
        return BERTH_OK;
    (void)snprintf(j->answer.problem, sizeof j->answer.problem,
                   "the certificates in use are the operator's own (tls-certificate)");
    return BERTH_E_MISMATCH;
}

static void work(struct trust *t, struct job *j, int64_t now_s)
{
    struct trust_answer *a = &j->answer;

    if (j->wish.verb != TRUST_LOOK || j->done == NULL)
        a->err = t->operators ? keep_operators(j) : keep_own(t, j, now_s);
    t->stale = look_again(t) || t->stale;
    if (a->err == BERTH_OK && (t->stale || j->reload)) {
        a->err = renew(t, a->problem, sizeof a->problem);
        j->changed = a->err == BERTH_OK;
    }
    fill_answer(t, j);
    if (j->done == NULL)
        warn(t, now_s);
    if (!j->changed)
        finish(t);
}

static void on_hubs(void *user, const struct store_reply *reply)
{
    struct trust *t = user;
    struct job *j = t->job;

    if (reply->result == STORE_OK) {
        collect_names(t, reply);
        work(t, j, loop_now_ms(t->o.loop) / 1000);
        return;
    }
    j->answer.err = BERTH_E_IO;
    (void)snprintf(j->answer.problem, sizeof j->answer.problem, "cannot list the hubs: %s",
                   reply->problem == NULL ? "the store failed" : reply->problem);
    finish(t);
}

static void next(struct trust *t)
{
    const struct store_query hubs = { .kind = BERTH_KIND_HUB, .limit = STORE_LIST_MAX };

    if (t->closed || t->job != NULL || t->first == NULL)
        return;
    t->job = t->first;
    t->first = t->job->next;
    if (t->first == NULL)
        t->last = &t->first;
    store_list(t->port, &hubs, on_hubs, t);
}

static void enqueue(void *arg)
{
    struct job *j = arg;
    struct trust *t = j->t;

    if (t->closed) {
        free(j);
        return;
    }
    *t->last = j;
    t->last = &j->next;
    next(t);
}

static struct job *new_job(struct trust *t)
{
    struct job *j = calloc(1, sizeof *j);

    if (j == NULL)
        abort(); /* as loop_post does */
    j->t = t;
    return j;
}

void trust_ask(struct trust *t, unsigned index, const struct trust_wish *wish, trust_done *done,
               void *user)
{
    struct job *j = new_job(t);

    j->wish = *wish;
    j->worker = index;
    j->done = done;
    j->user = user;
    loop_post(t->o.loop, enqueue, j);
}

static void check(struct trust *t, bool reload)
{
    struct job *j = new_job(t);

    j->reload = reload;
    enqueue(j);
}

void trust_reload(struct trust *t)
{
    check(t, true);
}

static void on_timer(uv_timer_t *timer)
{
    check(timer->data, false);
}

/* ---- life ---- */

static void deliver(void *arg)
{
    struct trust *t = arg;

    if (t->port != NULL) /* a wake may come late */
        (void)store_deliver(t->port);
}

static void wake(void *arg)
{
    struct trust *t = arg;

    loop_post(t->o.loop, deliver, t);
}

static berth_err name_own(struct trust *t)
{
    static const char *const files[4] = { "server.pem", "server.key", "server-rsa.pem",
                                          "server-rsa.key" };
    berth_err e = BERTH_OK;

    for (size_t i = 0; i < 4 && e == BERTH_OK; i++)
        e = file_path(t->paths[i], t->o.tls_dir, files[i]);
    t->files = (struct tls_files){ t->paths[0], t->paths[1], t->paths[2], t->paths[3] };
    return e;
}

static berth_err name_files(struct trust *t)
{
    const struct config *c = t->o.config;

    t->operators = c->tls_certificate[0] != '\0';
    if (!t->operators)
        return name_own(t);
    t->files = (struct tls_files){ .chain_file = c->tls_certificate, .key_file = c->tls_key };
    if (c->tls_rsa_certificate[0] != '\0') {
        t->files.rsa_chain_file = c->tls_rsa_certificate;
        t->files.rsa_key_file = c->tls_rsa_key;
    }
    return BERTH_OK;
}

berth_err trust_new(const struct trust_options *o, struct trust **out)
{
    struct trust *t = calloc(1, sizeof *t);
    struct store_attach attach = { .wake = wake, .wake_user = t };
    berth_err e;

    *out = t;
    if (t == NULL)
        return BERTH_E_MEMORY;
    t->o = *o;
    t->last = &t->first;
    e = name_files(t);
    return e == BERTH_OK ? o->attach(o->store, &attach, &t->port) : e;
}

const struct tls_files *trust_files(const struct trust *t)
{
    return &t->files;
}

void trust_start(struct trust *t, struct worker *const *workers, size_t count)
{
    t->workers = workers;
    t->worker_count = count;
    (void)uv_timer_init(loop_uv(t->o.loop), &t->timer);
    t->timer.data = t;
    t->has_timer = true;
    (void)uv_timer_start(&t->timer, on_timer, 0, DAY_MS);
}

void trust_put_metrics(const struct trust *t, struct berth_buf *b)
{
    char line[160];

    berth_buf_put(b,
                  BERTH_STR("# HELP berth_certificate_expiry_seconds when a certificate expires, "
                            "in seconds since 1970\n"
                            "# TYPE berth_certificate_expiry_seconds gauge\n"));
    for (size_t i = 0; i < t->item_count; i++) {
        (void)snprintf(line, sizeof line, "berth_certificate_expiry_seconds{name=\"%s\"} %lld\n",
                       t->items[i].name, (long long)t->items[i].expiry_s);
        berth_buf_put(b, berth_str_of(line));
    }
}

void trust_stop(struct trust *t)
{
    struct store_port *port;

    if (t == NULL || t->closed)
        return;
    t->closed = true;
    port = t->port;
    t->port = NULL;
    if (port != NULL)
        store_detach(port);
    if (t->has_timer)
        uv_close((uv_handle_t *)&t->timer, NULL);
}

void trust_free(struct trust *t)
{
    if (t == NULL)
        return;
    free(t->job);
    while (t->first != NULL) {
        struct job *j = t->first;

        t->first = j->next;
        free(j);
    }
    free(t);
}
