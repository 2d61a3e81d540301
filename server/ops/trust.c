#include "ops/trust_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS (24 * 60 * 60 * 1000)

/* ---- names ---- */

static void add_name(struct trust *t, berth_str name)
{
    char *slot;

    if (t->name_count == TRUST_NAMES_MAX || name.n >= TRUST_NAME_SIZE)
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

/* ---- a job's answer ---- */

static void fill_answer(struct trust *t, struct trust_job *j)
{
    struct trust_answer *a = &j->answer;
    const char *name = j->wish.name;

    memcpy(a->items, t->items, sizeof a->items);
    a->item_count = t->item_count;
    a->operators = t->operators;
    if (j->done == NULL)
        return;
    trust_read_ca(t, a->pem);
    a->covers = a->err == BERTH_OK && pki_file_lacks(t->files.chain_file, &name, 1) == NULL;
}

/* ---- a job's end ---- */

static void next(struct trust *t);

static void on_answer(void *arg)
{
    struct trust_job *j = arg;

    j->done(j->user, &j->answer);
    free(j);
}

static void finish(struct trust *t)
{
    struct trust_job *j = t->job;

    t->job = NULL;
    trust_tell(j);
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

static berth_err keep_own(struct trust *t, struct trust_job *j, int64_t now_s)
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
    if (report.made_ca)
        trust_tell_new_ca();
    return e;
}

static berth_err keep_operators(struct trust_job *j)
{
    if (j->wish.verb != TRUST_ROLL)
        return BERTH_OK;
    (void)snprintf(j->answer.problem, sizeof j->answer.problem,
                   "the certificates in use are the operator's own (tls-certificate)");
    return BERTH_E_MISMATCH;
}

static void work(struct trust *t, struct trust_job *j, int64_t now_s)
{
    struct trust_answer *a = &j->answer;

    if (j->wish.verb != TRUST_LOOK || j->done == NULL)
        a->err = t->operators ? keep_operators(j) : keep_own(t, j, now_s);
    t->stale = trust_look_again(t) || t->stale;
    if (a->err == BERTH_OK && (t->stale || j->reload)) {
        a->err = renew(t, a->problem, sizeof a->problem);
        j->changed = a->err == BERTH_OK;
    }
    fill_answer(t, j);
    if (j->done == NULL)
        trust_warn(t, now_s);
    if (!j->changed)
        finish(t);
}

static void on_hubs(void *user, const struct store_reply *reply)
{
    struct trust *t = user;
    struct trust_job *j = t->job;

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
    struct trust_job *j = arg;
    struct trust *t = j->t;

    if (t->closed) {
        free(j);
        return;
    }
    *t->last = j;
    t->last = &j->next;
    next(t);
}

static struct trust_job *new_job(struct trust *t)
{
    struct trust_job *j = calloc(1, sizeof *j);

    if (j == NULL)
        abort(); /* as loop_post does */
    j->t = t;
    return j;
}

void trust_ask(struct trust *t, unsigned index, const struct trust_wish *wish, trust_done *done,
               void *user)
{
    struct trust_job *j = new_job(t);

    j->wish = *wish;
    j->worker = index;
    j->done = done;
    j->user = user;
    loop_post(t->o.loop, enqueue, j);
}

static void check(struct trust *t, bool reload)
{
    struct trust_job *j = new_job(t);

    j->reload = reload;
    enqueue(j);
}

/* One that waits will load what stands there then. */
static bool reload_waits(const struct trust *t)
{
    const struct trust_job *j = t->first;

    while (j != NULL && !j->reload)
        j = j->next;
    return j != NULL;
}

void trust_reload(struct trust *t)
{
    if (!reload_waits(t))
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
        struct trust_job *j = t->first;

        t->first = j->next;
        free(j);
    }
    free(t);
}
