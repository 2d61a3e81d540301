#include "service_rig.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "berth/openssl.h"
#include "berth/sas.h"
#include "check.h"
#include "front/call.h"
#include "front/common.h"
#include "front/refusals.h"
#include "front/router.h"
#include "net/http.h"
#include "ops/log.h"
#include "prov/registration.h"
#include "tests/store/fake_store.h"

#define OUT_MAX    (2 * 1024 * 1024)
#define PATIENCE_S 60 /* a store of the caller's that has not answered by then never will */

static const struct fake_options usual = { .seed = 1, .delay_max = 3, .reorder = true };

struct rig {
    struct front front;
    struct common common;
    struct config config;
    struct metrics metrics;
    struct berth_crypto crypto;
    struct fake_store *store; /* NULL: over a store of the caller's */
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool woken;               /* under LOCK */
    struct store_port *inner; /* the store's own door; FRONT has WRAPPER */
    struct store_port wrapper;
    int stale;
    void (*hook)(struct rig *r); /* before the next commit */
    size_t calls;                /* of the store, through the wrapper */
    struct http_options http;
    struct layer bottom; /* below HTTP: what a socket would be */
    struct layer *layer;
    char *out;
    size_t out_n;
    struct rig_answer answer;
    uint64_t reasons[BERTH_REASON_COUNT]; /* before the request */
    char etag[128];
    char value[1024];
    bool done, ok;
    struct store_reply reply;
};

/* ---- the lowest layer ---- */

static struct rig *rig_of(struct layer *l)
{
    return (struct rig *)(void *)((char *)l - offsetof(struct rig, bottom));
}

static size_t take_write(struct layer *l, const uint8_t *p, size_t n)
{
    struct rig *r = rig_of(l);

    CHECK("answer fits", n < OUT_MAX - r->out_n);
    memcpy(r->out + r->out_n, p, n);
    r->out_n += n;
    r->out[r->out_n] = '\0';
    return n;
}

static void do_nothing(struct layer *l)
{
    (void)l;
}

static const struct layer_ops bottom_ops = { .write = take_write,
                                             .resume = do_nothing,
                                             .close = do_nothing };

/* ---- the store's door, with its faults ---- */

static struct rig *rig_of_port(struct store_port *p)
{
    return (struct rig *)(void *)((char *)p - offsetof(struct rig, wrapper));
}

static void door_get(struct store_port *p, enum berth_kind kind, berth_str scope, berth_str key,
                     store_done *done, void *user)
{
    rig_of_port(p)->calls++;
    store_get(rig_of_port(p)->inner, kind, scope, key, done, user);
}

static void door_list(struct store_port *p, const struct store_query *q, store_done *done,
                      void *user)
{
    rig_of_port(p)->calls++;
    store_list(rig_of_port(p)->inner, q, done, user);
}

static void door_count(struct store_port *p, enum berth_kind kind, berth_str scope, int32_t tag,
                       store_done *done, void *user)
{
    rig_of_port(p)->calls++;
    store_count(rig_of_port(p)->inner, kind, scope, tag, done, user);
}

/* The hook's changes reach the catalog, which a commit's texts may stand in. */
static void run_hook(struct rig *r, struct berth_change *changes, size_t count)
{
    static unsigned char storage[65536];
    void (*hook)(struct rig *) = r->hook;
    struct berth_arena a;

    berth_arena_init(&a, storage, sizeof storage);
    for (size_t i = 0; i < count; i++) {
        struct berth_record mine;

        CHECK("a copy", berth_record_dup(&a, &changes[i].rec, &mine) == BERTH_OK);
        mine.secret = changes[i].rec.secret;
        changes[i].rec = mine;
    }
    r->hook = NULL;
    hook(r);
}

static void door_commit(struct store_port *p, const struct berth_change *changes, size_t count,
                        int64_t now_ms, store_done *done, void *user)
{
    struct rig *r = rig_of_port(p);
    struct berth_change copy[STORE_CHANGES_MAX];

    r->calls++;
    memcpy(copy, changes, count * sizeof *copy);
    if (r->hook != NULL)
        run_hook(r, copy, count);
    if (r->stale > 0) {
        r->stale--;
        copy[0].expect = UINT64_MAX - 7; /* a version that is not there */
    }
    store_commit(r->inner, copy, count, now_ms, done, user);
}

static size_t door_deliver(struct store_port *p)
{
    return store_deliver(rig_of_port(p)->inner);
}

static void door_deliver_changes(struct store_port *p)
{
    store_deliver_changes(rig_of_port(p)->inner);
}

static const struct store_ops door_ops = { .get = door_get,
                                           .list = door_list,
                                           .count = door_count,
                                           .commit = door_commit,
                                           .deliver = door_deliver,
                                           .deliver_changes = door_deliver_changes };

static void wake(void *user)
{
    struct rig *r = user;

    pthread_mutex_lock(&r->lock);
    r->woken = true;
    pthread_cond_signal(&r->cond);
    pthread_mutex_unlock(&r->lock);
}

static bool await_wake(struct rig *r)
{
    struct timespec until;
    int rc = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&r->lock);
    while (!r->woken && rc == 0)
        rc = pthread_cond_timedwait(&r->cond, &r->lock, &until);
    bool woken = r->woken;
    r->woken = false;
    pthread_mutex_unlock(&r->lock);
    return woken;
}

bool rig_step(struct rig *r)
{
    bool under_way = r->store == NULL ? await_wake(r) : fake_store_under_way(r->store) > 0;

    if (r->store != NULL)
        fake_store_step(r->store);
    else
        (void)uv_run(loop_uv(r->front.loop), UV_RUN_NOWAIT);
    return store_deliver(r->inner) > 0 || under_way;
}

/* ---- straight into the store ---- */

static void on_done(void *user, const struct store_reply *reply)
{
    struct rig *r = user;

    r->done = true;
    r->ok = reply->result == STORE_OK;
    r->reply = *reply;
}

static void await(struct rig *r)
{
    while (!r->done)
        CHECK("the store answers", rig_step(r));
    r->done = false;
    CHECK("the store could", r->ok);
}

void rig_put(struct rig *r, const struct berth_record *rec)
{
    struct berth_change change = { .type = BERTH_PUT, .expect = BERTH_ANY, .rec = *rec };

    store_commit(r->inner, &change, 1, loop_now_ms(r->front.loop), on_done, r);
    await(r);
}

bool rig_has(struct rig *r, enum berth_kind kind, const char *scope, const char *key)
{
    store_get(r->inner, kind, berth_str_of(scope), berth_str_of(key), on_done, r);
    await(r);
    return r->reply.count == 1;
}

struct berth_key rig_key(void)
{
    struct berth_key key = { .n = 32 };

    memset(key.bytes, 'k', key.n);
    return key;
}

void rig_put_policy_keys(struct rig *r, const struct berth_policy *p)
{
    char storage[4096];
    struct berth_arena a;
    struct berth_record rec;

    berth_arena_init(&a, storage, sizeof storage);
    CHECK("policy", berth_policy_encode(p, &a, &rec) == BERTH_OK);
    rig_put(r, &rec);
}

void rig_put_policy(struct rig *r, const char *hub, const char *name, unsigned rights)
{
    rig_put_policy_keys(r, &(struct berth_policy){ .hub = berth_str_of(hub),
                                                   .name = berth_str_of(name),
                                                   .rights = rights,
                                                   .keys = { rig_key(), rig_key() } });
}

void rig_put_registration(struct rig *r, const char *id, const char *group)
{
    char storage[4096];
    struct berth_arena a;
    struct berth_record rec;
    struct berth_registration g = { .id = berth_str_of(id),
                                    .group = berth_str_of(group),
                                    .status = BERTH_ASSIGNED,
                                    .substatus = BERTH_SUB_INITIAL_ASSIGNMENT,
                                    .assigned_hub = BERTH_STR(RIG_HOST),
                                    .device_id = berth_str_of(id),
                                    .operation_id = BERTH_STR("5.0.0") };

    berth_arena_init(&a, storage, sizeof storage);
    CHECK(id, berth_registration_encode(&g, &a, &rec) == BERTH_OK);
    rig_put(r, &rec);
}

static void put_hub(struct rig *r, const char *name)
{
    rig_put(r, &(struct berth_record){ .kind = BERTH_KIND_HUB,
                                       .key = berth_str_of(name),
                                       .name = berth_str_of(name),
                                       .body = BERTH_STR("{\"weight\":1,\"allocation\":true}") });
    for (const struct berth_policy_default *p = berth_hub_policies; p->name != NULL; p++)
        rig_put_policy(r, name, p->name, p->rights);
}

size_t rig_store_calls(const struct rig *r)
{
    return r->calls;
}

void rig_make_stale(struct rig *r, int n)
{
    r->stale = n;
}

void rig_before_commit(struct rig *r, void (*hook)(struct rig *r))
{
    r->hook = hook;
}

static void on_gone(void *user, const struct store_reply *reply)
{
    (void)user;
    CHECK("it was there", reply->result == STORE_OK);
}

void rig_delete_at_once(struct rig *r, enum berth_kind kind, const char *scope, const char *key)
{
    struct berth_change change = {
        .type = BERTH_DELETE,
        .expect = BERTH_PRESENT,
        .rec = { .kind = kind, .scope = berth_str_of(scope), .key = berth_str_of(key) },
    };

    fake_store_set(r->store, &(struct fake_options){ 0 });
    store_commit(r->inner, &change, 1, loop_now_ms(r->front.loop), on_gone, NULL);
    fake_store_set(r->store, &usual);
}

void rig_break_store(struct rig *r)
{
    fake_store_set(r->store, &(struct fake_options){ .delay_max = 3, .fail_percent = 100 });
}

/* ---- life ---- */

static berth_err open_store(struct rig *r, const struct rig_store *s)
{
    struct store_attach attach = { .wake = wake,
                                   .wake_user = r,
                                   .watcher = front_watch,
                                   .watch_user = &r->front,
                                   .watch_kinds = FRONT_WATCH_KINDS };

    r->wrapper.ops = &door_ops;
    if (s != NULL)
        return s->attach(s->store, &attach, &r->inner);
    r->store = fake_store_new(&usual);
    assert_non_null(r->store);
    return fake_store_attach(r->store, &attach, &r->inner);
}

static void seed(struct rig *r)
{
    rig_put(r, &(struct berth_record){ .kind = BERTH_KIND_SETTING,
                                       .key = BERTH_STR(SETTING_ID_SCOPE),
                                       .name = BERTH_STR(RIG_SCOPE),
                                       .body = BERTH_STR("{}") });
    for (const struct berth_policy_default *p = berth_service_policies; p->name != NULL; p++)
        rig_put_policy(r, "", p->name, p->rights);
    put_hub(r, RIG_HOST);
    put_hub(r, RIG_HUB);
}

static void connect_layers(struct rig *r)
{
    r->http = (struct http_options){ .handler = router_http, .user = &r->front };
    r->bottom = (struct layer){ .ops = &bottom_ops, .loop = r->front.loop };
    r->layer = http_layer_new(&r->bottom, &r->http);
    assert_non_null(r->layer);
    r->layer->below = &r->bottom;
    r->layer->loop = r->front.loop;
    r->bottom.above = r->layer;
}

static void on_filled(void *user, bool ok)
{
    struct rig *r = user;

    r->done = true;
    r->ok = ok;
}

static bool fill(struct rig *r)
{
    catalog_fill(r->front.catalog, &r->wrapper, on_filled, r);
    while (!r->done)
        CHECK("the store answers", rig_step(r));
    r->done = false;
    return r->ok;
}

struct rig *rig_new_over(const struct rig_store *s)
{
    struct rig *r = calloc(1, sizeof *r);
    struct limits_rates rates = { .device_requests_per_min = 120, .peer_failures_per_min = 20 };

    assert_non_null(r);
    r->out = malloc(OUT_MAX);
    assert_non_null(r->out);
    log_setup(0, false); /* no lines */
    config_defaults(&r->config);
    strcpy(r->config.hosts[0], RIG_HOST);
    strcpy(r->config.hosts[1], RIG_ALIAS);
    r->config.host_count = 2;
    CHECK("crypto", berth_openssl_init(&r->crypto) == BERTH_OK);
    CHECK("common", common_init(&r->common, 0) == BERTH_OK);
    r->front = (struct front){ .crypto = &r->crypto,
                               .config = &r->config,
                               .metrics = &r->metrics,
                               .common = &r->common,
                               .store = &r->wrapper,
                               .https_port = 443,
                               .mqtts_port = 8883 };
    CHECK("loop", loop_new(0, &r->front.loop) == BERTH_OK);
    CHECK("catalog", catalog_new(&r->crypto, &r->front.catalog) == BERTH_OK);
    CHECK("limits", limits_new(&rates, &r->front.limits) == BERTH_OK);
    CHECK("refusals", refusals_new(&r->front.refusals) == BERTH_OK);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->cond, NULL);
    bool ok = open_store(r, s) == BERTH_OK;
    if (ok && s != NULL && s->filled)
        ok = fill(r);
    else if (ok)
        seed(r);
    if (ok) {
        connect_layers(r);
        return r;
    }
    rig_free(r);
    return NULL;
}

struct rig *rig_new(void)
{
    struct rig *r = rig_new_over(NULL);

    assert_non_null(r);
    return r;
}

void rig_hang_up(struct rig *r)
{
    if (r->layer != NULL)
        r->layer->ops->closed(r->layer);
    r->layer = NULL;
}

void rig_settle(struct rig *r)
{
    while (rig_step(r))
        continue;
}

void rig_free(struct rig *r)
{
    rig_hang_up(r);
    front_stop(&r->front);
    if (r->inner != NULL)
        store_detach(r->inner);
    calls_drop(&r->front);
    if (r->store != NULL)
        fake_store_free(r->store);
    catalog_free(r->front.catalog);
    limits_free(r->front.limits);
    refusals_free(r->front.refusals);
    loop_free(r->front.loop);
    common_deinit(&r->common);
    berth_openssl_deinit(&r->crypto);
    pthread_cond_destroy(&r->cond);
    pthread_mutex_destroy(&r->lock);
    free(r->out);
    free(r);
}

struct front *rig_front(struct rig *r)
{
    return &r->front;
}

/* ---- asking ---- */

const char *const rig_methods[] = { "GET", "HEAD", "PUT", "POST", "PATCH", "DELETE" };

void rig_line(const struct route *row, const char *id, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, "%s /", rig_methods[row->method]);

    for (const char *p = row->path; *p != '\0' && n + 64 < size; p++) {
        if (*p == '+')
            n += (size_t)snprintf(out + n, size - n, "%s", id);
        else
            out[n++] = *p;
    }
    out[n] = '\0';
}

const char *rig_token(const char *resource, const char *policy, const struct berth_key *key,
                      int64_t expiry_s)
{
    static char text[1024];
    struct berth_crypto crypto;
    struct berth_hmac_key prepared;
    struct berth_buf b;

    berth_buf_init(&b, text, sizeof text - 1);
    CHECK("crypto", berth_openssl_init(&crypto) == BERTH_OK);
    CHECK("key", crypto.hmac_prepare(crypto.ctx, key->bytes, key->n, &prepared) == BERTH_OK);
    CHECK("token", berth_sas_build(&crypto, &prepared, berth_str_of(resource), expiry_s,
                                   berth_str_of(policy), &b) == BERTH_OK);
    crypto.hmac_release(crypto.ctx, &prepared);
    berth_openssl_deinit(&crypto);
    text[b.n] = '\0';
    return text;
}

static const char *owner_of(const char *line)
{
    const char *path = strchr(line, ' ') + 1;
    bool hub = strncasecmp(path, "/devices", 8) == 0 || strncasecmp(path, "/twins", 6) == 0 ||
               strncasecmp(path, "/statistics", 11) == 0;

    return hub ? "iothubowner" : RIG_OWNER;
}

static void put_headers(struct rig *r, struct berth_buf *b, const char *headers)
{
    for (const char *p = headers; *p != '\0'; p++) {
        if (*p == '@')
            berth_buf_put(b, berth_str_of(r->etag));
        else
            berth_buf_put_char(b, *p);
    }
}

static void put_authorization(struct rig *r, struct berth_buf *b, const struct rig_request *q)
{
    const char *host = q->host != NULL ? q->host : RIG_HOST;
    const char *policy = q->policy != NULL ? q->policy : owner_of(q->line);
    const char *token = q->token;
    struct berth_key key = rig_key();

    if (token == NULL && policy[0] == '\0')
        return;
    if (token == NULL)
        token = rig_token(host, policy, &key, loop_now_ms(r->front.loop) / 1000 + 3600);
    berth_buf_put(b, BERTH_STR("Authorization: "));
    berth_buf_put(b, berth_str_of(token));
    berth_buf_put(b, BERTH_STR("\r\n"));
}

static void put_request(struct rig *r, struct berth_buf *b, const struct rig_request *q)
{
    const char *headers = q->headers != NULL ? q->headers : "";

    berth_buf_put(b, berth_str_of(q->line));
    if (strchr(q->line, '?') == NULL)
        berth_buf_put(b, BERTH_STR("?api-version=2021-10-01"));
    berth_buf_put(b, BERTH_STR(" HTTP/1.1\r\nHost: "));
    berth_buf_put(b, berth_str_of(q->host != NULL ? q->host : RIG_HOST));
    berth_buf_put(b, BERTH_STR("\r\n"));
    put_authorization(r, b, q);
    put_headers(r, b, headers);
    if (q->body != NULL && strcasestr(headers, "content-type:") == NULL)
        berth_buf_put(b, BERTH_STR("Content-Type: application/json; charset=utf-8\r\n"));
    berth_buf_put(b, BERTH_STR("Content-Length: "));
    berth_buf_put_u64(b, q->body != NULL ? strlen(q->body) : 0);
    berth_buf_put(b, BERTH_STR("\r\n\r\n"));
    berth_buf_put(b, berth_str_of(q->body != NULL ? q->body : ""));
}

size_t rig_write(struct rig *r, const struct rig_request *q, char *out, size_t size)
{
    struct berth_buf b;

    berth_buf_init(&b, out, size);
    put_request(r, &b, q);
    CHECK(q->line, !b.over);
    return b.n;
}

void rig_send(struct rig *r, const struct rig_request *q)
{
    size_t size = 256 * 1024, n, taken = 0;
    char *text = malloc(size);

    assert_non_null(text);
    n = rig_write(r, q, text, size);
    for (size_t i = 0; i < BERTH_REASON_COUNT; i++)
        r->reasons[i] = r->metrics.reasons[i];
    r->out_n = 0;
    r->out[0] = '\0';
    while (taken < n) {
        size_t more = layer_input(r->layer, (const uint8_t *)text + taken, n - taken);
        if (more == 0)
            break; /* refused: the rest is not wanted */
        taken += more;
    }
    free(text);
}

static void note_etag(struct rig *r)
{
    const char *p = strstr(r->answer.body, "\"etag\":\"");
    size_t n = 0;

    if (p == NULL || r->answer.status >= 300)
        return;
    for (p += strlen("\"etag\":\""); *p != '\0' && *p != '"' && n + 1 < sizeof r->etag; p++) {
        if (*p == '\\')
            p++;
        r->etag[n++] = *p;
    }
    r->etag[n] = '\0';
}

const struct rig_answer *rig_answer(struct rig *r)
{
    char *blank = strstr(r->out, "\r\n\r\n");

    r->answer = (struct rig_answer){ .head = r->out, .body = r->out + r->out_n };
    if (blank == NULL)
        return &r->answer;
    r->answer.status = atoi(r->out + strlen("HTTP/1.1 "));
    blank[2] = '\0';
    r->answer.body = blank + 4;
    r->answer.body_n = r->out_n - (size_t)(blank + 4 - r->out);
    for (unsigned i = 1; i < BERTH_REASON_COUNT; i++)
        if (r->metrics.reasons[i] != r->reasons[i])
            r->answer.why = (enum berth_reason)i;
    note_etag(r);
    return &r->answer;
}

const struct rig_answer *rig_ask(struct rig *r, const struct rig_request *q)
{
    rig_send(r, q);
    while (r->out_n == 0)
        CHECK(q->line, rig_step(r));
    return rig_answer(r);
}

const char *rig_header(struct rig *r, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = r->answer.head; (p = strstr(p, "\r\n")) != NULL;) {
        p += 2;
        if (strncmp(p, name, n) != 0 || p[n] != ':')
            continue;
        p += n + 1;
        p += strspn(p, " ");
        snprintf(r->value, sizeof r->value, "%.*s", (int)strcspn(p, "\r"), p);
        return r->value;
    }
    return "";
}

static bool all_in(const char *text, const char *wanted, bool want)
{
    char copy[1024];

    if (wanted == NULL)
        return true;
    snprintf(copy, sizeof copy, "%s", wanted);
    for (char *save, *one = strtok_r(copy, "~", &save); one; one = strtok_r(NULL, "~", &save))
        if ((strstr(text, one) != NULL) != want)
            return false;
    return true;
}

void rig_play(struct rig *r, const struct rig_line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct rig_line *s = &lines[i];
        const struct rig_answer *a = rig_ask(
            r, &(struct rig_request){ .line = s->line, .headers = s->headers, .body = s->body });
        if (a->status != s->status || a->why != s->why || !all_in(a->body, s->has, true) ||
            !all_in(a->body, s->lacks, false))
            fail_msg("%s: status %d, reason %s, body %s", s->name, a->status,
                     berth_reason_row(a->why)->name, a->body);
    }
}
