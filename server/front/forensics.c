#include "front/forensics_impl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "berth/openssl.h"
#include "front/record_copy.h"
#include "ops/log.h"

#define NICE 19 /* 15 parts of the processor where a loop has 1024 */

static const struct berth_bucket_rule rate = { FORENSICS_BURST, FORENSICS_PER_MIN };

static int64_t mono_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the groups' keys, present and former ---- */

static bool is_key(const struct forensics *f, const struct berth_key *a, const struct berth_key *b)
{
    return a->n == b->n && f->crypto.equal(f->crypto.ctx, a->bytes, b->bytes, a->n);
}

static void remember(struct forensics *f, const struct berth_key *key, berth_str group)
{
    struct forensics_former *place = &f->former[f->former_next];

    if (key->n == 0)
        return;
    f->former_next = (f->former_next + 1) % FORENSICS_FORMER_MAX;
    if (f->former_count < FORENSICS_FORMER_MAX)
        f->former_count++;
    place->key = *key;
    place->group_n = group.n < sizeof place->group ? group.n : sizeof place->group;
    memcpy(place->group, group.p, place->group_n);
}

static void remember_replaced(struct forensics *f, const struct berth_key_pair *old, berth_str id)
{
    const struct berth_group *g = berth_catalog_group(catalog_view(f->catalog), id);
    const struct berth_key_pair *now = g == NULL ? NULL : &g->enrollment->keys;

    if (now == NULL ||
        (!is_key(f, &old->primary, &now->primary) && !is_key(f, &old->primary, &now->secondary)))
        remember(f, &old->primary, id);
    if (now == NULL || (!is_key(f, &old->secondary, &now->primary) &&
                        !is_key(f, &old->secondary, &now->secondary)))
        remember(f, &old->secondary, id);
}

static void watch(void *user, const struct berth_record *rec, bool deleted)
{
    struct forensics *f = user;
    const struct berth_group *g = rec->kind != BERTH_KIND_GROUP
                                      ? NULL
                                      : berth_catalog_group(catalog_view(f->catalog), rec->key);
    struct berth_key_pair old = { 0 };

    if (g != NULL)
        old = g->enrollment->keys;
    catalog_watch(f->catalog, rec, deleted);
    if (g != NULL)
        remember_replaced(f, &old, rec->key);
    f->crypto.wipe(f->crypto.ctx, &old, sizeof old);
}

/* ---- the store, asked one thing at a time ---- */

static void ring(void *user)
{
    struct forensics *f = user;

    (void)pthread_mutex_lock(&f->lock);
    f->due = true;
    (void)pthread_cond_signal(&f->rung);
    (void)pthread_mutex_unlock(&f->lock);
}

/* Delivers what is due until the present question is answered; false when it is to stop. */
static bool await_reply(struct forensics *f)
{
    while (f->asking) {
        bool stopping;

        (void)pthread_mutex_lock(&f->lock);
        while (!f->due && !f->stopping)
            (void)pthread_cond_wait(&f->rung, &f->lock);
        f->due = false;
        stopping = f->stopping;
        (void)pthread_mutex_unlock(&f->lock);
        if (stopping)
            return false;
        (void)store_deliver(f->port);
    }
    return true;
}

static void on_filled(void *user, bool ok)
{
    struct forensics *f = user;

    f->asking = false;
    f->filled = ok;
}

static void on_record(void *user, const struct store_reply *reply)
{
    struct forensics *f = user;

    f->asking = false;
    if (reply->result == STORE_OK && reply->count > 0)
        f->reply = record_copy(&reply->records[0]);
}

struct berth_record *forensics_fetch(struct forensics *f, enum berth_kind kind, berth_str key)
{
    struct berth_record *rec;

    f->asking = true;
    f->reply = NULL;
    store_get(f->port, kind, BERTH_STR(""), key, on_record, f);
    if (!await_reply(f))
        return NULL;
    rec = f->reply;
    f->reply = NULL;
    return rec;
}

/* ---- the thread ---- */

/* Waits for a job and takes it into F->job; false when it is to stop. */
static bool next_job(struct forensics *f)
{
    bool due = false, has = false, stopping = false;

    (void)pthread_mutex_lock(&f->lock);
    while (!f->stopping && !f->due && f->waiting == 0)
        (void)pthread_cond_wait(&f->rung, &f->lock);
    stopping = f->stopping;
    due = f->due;
    f->due = false;
    if (f->waiting > 0) {
        f->job = f->jobs[f->first];
        explicit_bzero(&f->jobs[f->first], sizeof f->jobs[0]);
        f->first = (f->first + 1) % FORENSICS_QUEUE_MAX;
        f->waiting--;
        has = true;
    }
    (void)pthread_mutex_unlock(&f->lock);
    if (stopping)
        return false;
    if (due)
        (void)store_deliver(f->port);
    f->job.refusal.number = has ? f->job.refusal.number : 0;
    return true;
}

static berth_err set_up(struct forensics *f)
{
    struct store_attach attach = { .wake = ring,
                                   .wake_user = f,
                                   .watcher = watch,
                                   .watch_user = f,
                                   .watch_kinds = CATALOG_KINDS };
    berth_err e = berth_openssl_init(&f->crypto);

    if (e == BERTH_OK)
        e = catalog_new(&f->crypto, &f->catalog);
    if (e == BERTH_OK)
        e = f->o.attach(f->o.store, &attach, &f->port);
    return e;
}

static void fill(struct forensics *f)
{
    f->asking = true;
    catalog_fill(f->catalog, f->port, on_filled, f);
    if (await_reply(f) && !f->filled)
        log_event(LOG_ERROR, "forensics cannot read the registry", LOG_NUM("filled", 0));
}

static void count(struct forensics *f, bool found)
{
    (void)pthread_mutex_lock(&f->lock);
    f->counts.matched += found;
    f->counts.unmatched += !found;
    (void)pthread_mutex_unlock(&f->lock);
}

static void *run(void *user)
{
    struct forensics *f = user;

    /* What it does nobody waits for. Not SCHED_IDLE: that may not run for long while it holds a
     * lock that a loop wants. */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    fill(f);
    while (next_job(f)) {
        if (f->job.refusal.number == 0)
            continue;
        store_deliver_changes(f->port);
        count(f, forensics_look_into(f, &f->job));
        explicit_bzero(&f->job, sizeof f->job);
    }
    return NULL;
}

static void release(struct forensics *f)
{
    if (f->port != NULL)
        store_detach(f->port);
    catalog_free(f->catalog);
    record_copy_free(&f->crypto, f->reply);
    if (f->crypto.ctx != NULL)
        berth_openssl_deinit(&f->crypto);
    (void)pthread_cond_destroy(&f->rung);
    (void)pthread_mutex_destroy(&f->lock);
    explicit_bzero(f, sizeof *f);
    free(f);
}

berth_err forensics_start(const struct forensics_options *o, struct forensics **out)
{
    struct forensics *f = calloc(1, sizeof *f);
    berth_err e;

    *out = NULL;
    if (f == NULL)
        return BERTH_E_MEMORY;
    f->o = *o;
    if (f->o.mono_ms == NULL)
        f->o.mono_ms = mono_ms;
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->rung, NULL);
    berth_bucket_init(&f->bucket, &rate, f->o.mono_ms());
    e = set_up(f);
    if (e == BERTH_OK && pthread_create(&f->thread, NULL, run, f) != 0)
        e = BERTH_E_IO;
    if (e != BERTH_OK) {
        release(f);
        return e;
    }
    *out = f;
    return BERTH_OK;
}

void forensics_stop(struct forensics *f)
{
    if (f == NULL)
        return;
    (void)pthread_mutex_lock(&f->lock);
    f->stopping = true;
    (void)pthread_cond_signal(&f->rung);
    (void)pthread_mutex_unlock(&f->lock);
    (void)pthread_join(f->thread, NULL);
    release(f);
}

/* ---- the loops' side ---- */

bool forensics_can_help(enum berth_reason why)
{
    return why == BERTH_WHY_SIGNATURE_UNKNOWN || why == BERTH_WHY_SIGNATURE_WRONG ||
           why == BERTH_WHY_NOT_ENROLLED || why == BERTH_WHY_TOKEN_MALFORMED ||
           why == BERTH_WHY_TOKEN_FOR_OTHER || why == BERTH_WHY_TOKEN_EXPIRED;
}

static bool take(struct forensics *f, struct refusal_handle h, berth_str id, berth_str token,
                 enum berth_reason why, int64_t now_ms)
{
    struct forensics_job *j = &f->jobs[(f->first + f->waiting) % FORENSICS_QUEUE_MAX];

    if (f->waiting == FORENSICS_QUEUE_MAX || id.n > sizeof j->id || token.n > sizeof j->token ||
        berth_bucket_take(&f->bucket, &rate, f->o.mono_ms()) > 0)
        return false;
    *j = (struct forensics_job){
        .refusal = h, .why = why, .now_ms = now_ms, .id_n = id.n, .token_n = token.n
    };
    memcpy(j->id, id.p, id.n);
    memcpy(j->token, token.p, token.n);
    f->waiting++;
    (void)pthread_cond_signal(&f->rung);
    return true;
}

void forensics_submit(struct forensics *f, struct refusal_handle h,
                      const struct berth_registration_request *req, enum berth_reason why,
                      int64_t now_ms)
{
    berth_str id = req->registration_id;
    bool taken = false;

    if (f == NULL || h.number == 0)
        return;
    (void)pthread_mutex_lock(&f->lock);
    if (req->credential.type == BERTH_CREDENTIAL_SAS && id.n > 0)
        taken = take(f, h, id, req->credential.u.sas, why, now_ms);
    f->counts.dropped += !taken;
    (void)pthread_mutex_unlock(&f->lock);
    if (!taken)
        refusals_examined(f->o.refusals, h, REFUSAL_SKIPPED, NULL, (berth_str){ 0 });
}

void forensics_count(struct forensics *f, struct forensics_counts *out)
{
    (void)pthread_mutex_lock(&f->lock);
    *out = f->counts;
    (void)pthread_mutex_unlock(&f->lock);
}
