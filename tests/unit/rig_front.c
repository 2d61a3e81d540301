#include "unit/rig_front.h"

#include <string.h>

#include "berth/derive.h"
#include "berth/openssl.h"
#include "berth/sas.h"
#include "crypto/b64.h"
#include "front/hub_session.h"
#include "front/presence.h"
#include "ops/log.h"
#include "prov/enrollment.h"
#include "unit/check.h"

#define OTHER_KEY "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define GROUP_KEY                                                                                  \
    "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw=="
#define TURNS_MAX 100000 /* who has not answered by then never will */

/* ---- the store's door ---- */

static struct front_rig *rig_of(struct store_port *p)
{
    return (struct front_rig *)(void *)((char *)p - offsetof(struct front_rig, wrapper));
}

static void door_get(struct store_port *p, enum berth_kind kind, berth_str scope, berth_str key,
                     store_done *done, void *user)
{
    rig_of(p)->reads++;
    store_get(rig_of(p)->inner, kind, scope, key, done, user);
}

static void door_commit(struct store_port *p, const struct berth_change *changes, size_t count,
                        int64_t now_ms, store_done *done, void *user)
{
    struct front_rig *r = rig_of(p);
    struct berth_change copy[STORE_CHANGES_MAX];

    r->commits++;
    memcpy(copy, changes, count * sizeof *copy);
    if (r->stale > 0) {
        r->stale--;
        copy[0].expect = UINT64_MAX - 7; /* a version that is not there */
    }
    store_commit(r->inner, copy, count, now_ms, done, user);
}

static size_t door_deliver(struct store_port *p)
{
    return store_deliver(rig_of(p)->inner);
}

static void door_deliver_changes(struct store_port *p)
{
    store_deliver_changes(rig_of(p)->inner);
}

static const struct store_ops door_ops = { .get = door_get,
                                           .commit = door_commit,
                                           .deliver = door_deliver,
                                           .deliver_changes = door_deliver_changes };

/* ---- records ---- */

struct waiting {
    bool done;
    enum store_result result;
    uint64_t total;
};

static void on_done(void *user, const struct store_reply *reply)
{
    struct waiting *w = user;

    *w = (struct waiting){ true, reply->result, reply->total };
}

static void await(struct front_rig *r, struct waiting *w)
{
    for (int i = 0; !w->done; i++) {
        CHECK("the store answers", i < TURNS_MAX);
        front_rig_turn(r);
    }
    CHECK("the store could", w->result == STORE_OK);
}

void front_rig_put(struct front_rig *r, const struct berth_record *rec)
{
    struct berth_change change = { .type = BERTH_PUT, .expect = BERTH_ANY, .rec = *rec };
    struct waiting w = { 0 };

    store_commit(r->inner, &change, 1, loop_now_ms(r->front.loop), on_done, &w);
    await(r, &w);
}

static void put_group(struct front_rig *r, const char *id, const char *key, const char *more)
{
    static unsigned char memory[256 * 1024];
    static char text[8192];
    struct berth_enrollment e;
    struct berth_refusal why;
    struct berth_record rec;
    struct berth_arena a;
    int n = snprintf(text, sizeof text,
                     "{\"enrollmentGroupId\":\"%s\",\"attestation\":{\"type\":\"symmetricKey\","
                     "\"symmetricKey\":{\"primaryKey\":\"%s\",\"secondaryKey\":\"%s\"}}%s}",
                     id, key, key, more);

    CHECK(more, n > 0 && (size_t)n < sizeof text);
    berth_arena_init(&a, memory, sizeof memory);
    CHECK(more, berth_enrollment_parse(true, berth_str_of(id), berth_str_of(text), &a, &e, &why) ==
                    BERTH_OK);
    CHECK(more, berth_enrollment_encode(&e, &a, &rec) == BERTH_OK);
    front_rig_put(r, &rec);
}

void front_rig_put_group(struct front_rig *r, const char *more)
{
    put_group(r, FRONT_RIG_GROUP, GROUP_KEY, more);
}

void front_rig_put_groups(struct front_rig *r, size_t count)
{
    char id[32];

    for (size_t i = 0; i < count; i++) {
        (void)snprintf(id, sizeof id, "before-%05zu", i);
        put_group(r, id, OTHER_KEY, "");
    }
}

void front_rig_put_registration(struct front_rig *r, const char *id, berth_str operation,
                                size_t payload)
{
    static unsigned char memory[64 * 1024];
    static char text[16 * 1024];
    struct berth_registration g = { .id = berth_str_of(id),
                                    .group = BERTH_STR(FRONT_RIG_GROUP),
                                    .status = BERTH_ASSIGNED,
                                    .substatus = BERTH_SUB_INITIAL_ASSIGNMENT,
                                    .assigned_hub = BERTH_STR(FRONT_RIG_HUB),
                                    .device_id = berth_str_of(id),
                                    .operation_id = operation,
                                    .payload = { text, payload } };
    struct berth_record rec;
    struct berth_arena a;

    memset(text, 'x', sizeof text);
    text[0] = text[payload - 1] = '"';
    berth_arena_init(&a, memory, sizeof memory);
    CHECK(id, berth_registration_encode(&g, &a, &rec) == BERTH_OK);
    front_rig_put(r, &rec);
}

static unsigned char device_memory[1024 * 1024];

static struct berth_key key_of(char c)
{
    struct berth_key k = { .n = 32 };

    memset(k.bytes, c, k.n);
    return k;
}

static void put_device(struct front_rig *r, const char *id, char key, bool enabled,
                       const char *desired, int64_t version)
{
    struct berth_hub_device d;
    struct berth_record rec;
    struct berth_arena a;

    berth_arena_init(&a, device_memory, sizeof device_memory);
    berth_hub_device_init(&d, BERTH_STR(FRONT_RIG_HUB), berth_str_of(id), 1,
                          loop_now_ms(r->front.loop));
    d.enabled = enabled;
    d.keys = (struct berth_key_pair){ key_of(key), key_of((char)(key + 1)) };
    d.desired.values = berth_str_of(desired);
    d.desired.version = version;
    CHECK(id, berth_hub_device_encode(&d, &a, &rec) == BERTH_OK);
    front_rig_put(r, &rec);
}

void front_rig_put_device(struct front_rig *r, const char *id, char key, bool enabled,
                          const char *desired)
{
    put_device(r, id, key, enabled, desired, 1);
}

void front_rig_put_desired(struct front_rig *r, const char *id, char key, const char *desired,
                           int64_t version)
{
    put_device(r, id, key, true, desired, version);
}

void front_rig_delete(struct front_rig *r, enum berth_kind kind, const char *scope, const char *key)
{
    struct berth_change change = {
        .type = BERTH_DELETE,
        .expect = BERTH_PRESENT,
        .rec = { .kind = kind, .scope = berth_str_of(scope), .key = berth_str_of(key) }
    };
    struct waiting w = { 0 };

    store_commit(r->inner, &change, 1, loop_now_ms(r->front.loop), on_done, &w);
    await(r, &w);
}

void front_rig_delete_device(struct front_rig *r, const char *id)
{
    front_rig_delete(r, BERTH_KIND_DEVICE, FRONT_RIG_HUB, id);
}

struct wanted {
    struct waiting waiting;
    struct berth_hub_device d;
};

static void on_device(void *user, const struct store_reply *reply)
{
    struct wanted *w = user;
    struct berth_arena a;
    struct berth_record *copy;

    on_done(&w->waiting, reply);
    CHECK("the device is there", reply->count == 1);
    berth_arena_init(&a, device_memory, sizeof device_memory);
    copy = berth_arena_alloc(&a, sizeof *copy);
    *copy = reply->records[0];
    CHECK("room", berth_arena_dup(&a, copy->body, &copy->body) == BERTH_OK &&
                      berth_arena_dup(&a, copy->name, &copy->name) == BERTH_OK &&
                      berth_arena_dup(&a, copy->scope, &copy->scope) == BERTH_OK);
    CHECK("the record is whole", berth_hub_device_decode(copy, &a, &w->d) == BERTH_OK);
    memset(&w->d.keys, 0, sizeof w->d.keys);
}

const struct berth_hub_device *front_rig_device(struct front_rig *r, const char *id)
{
    static struct wanted w;

    w = (struct wanted){ 0 };
    store_get(r->inner, BERTH_KIND_DEVICE, BERTH_STR(FRONT_RIG_HUB), berth_str_of(id), on_device,
              &w);
    await(r, &w.waiting);
    return &w.d;
}

size_t front_rig_count(struct front_rig *r, enum berth_kind kind, const char *scope)
{
    struct waiting w = { 0 };

    store_count(r->inner, kind, berth_str_of(scope), -1, on_done, &w);
    await(r, &w);
    return (size_t)w.total;
}

/* ---- life ---- */

static void wake(void *user)
{
    (void)user; /* the rig looks by itself */
}

static void open_store(struct front_rig *r)
{
    struct store_attach attach = { .wake = wake,
                                   .watcher = front_watch,
                                   .watch_user = &r->front,
                                   .watch_kinds = FRONT_WATCH_KINDS };

    r->store = fake_store_new(&(struct fake_options){ 0 });
    CHECK("attached", fake_store_attach(r->store, &attach, &r->inner) == BERTH_OK);
    r->wrapper.ops = &door_ops;
    r->front.store = &r->wrapper;
}

static void seed(struct front_rig *r)
{
    front_rig_put(r, &(struct berth_record){ .kind = BERTH_KIND_SETTING,
                                             .key = BERTH_STR(SETTING_ID_SCOPE),
                                             .name = BERTH_STR(FRONT_RIG_SCOPE),
                                             .body = BERTH_STR("{}") });
    front_rig_put(
        r, &(struct berth_record){ .kind = BERTH_KIND_HUB,
                                   .key = BERTH_STR(FRONT_RIG_HUB),
                                   .name = BERTH_STR(FRONT_RIG_HUB),
                                   .body = BERTH_STR("{\"weight\":1,\"allocation\":true}") });
    front_rig_put_group(r, "");
}

void front_rig_open(struct front_rig *r, const struct fake_options *o, struct limits_rates rates)
{
    memset(r, 0, sizeof *r);
    log_setup(0, false); /* no lines */
    config_defaults(&r->config);
    CHECK("crypto", berth_openssl_init(&r->crypto) == BERTH_OK);
    CHECK("common", common_init(&r->common, 0) == BERTH_OK);
    r->front = (struct front){
        .crypto = &r->crypto, .config = &r->config, .metrics = &r->metrics, .common = &r->common
    };
    CHECK("loop", loop_new(0, &r->front.loop) == BERTH_OK);
    CHECK("catalog", catalog_new(&r->crypto, &r->front.catalog) == BERTH_OK);
    CHECK("limits", limits_new(&rates, &r->front.limits) == BERTH_OK);
    CHECK("registrar", registrar_new(&r->front, &r->front.registrar) == BERTH_OK);
    CHECK("presence", presence_new(&r->front, &r->front.presence) == BERTH_OK);
    open_store(r);
    seed(r);
    fake_store_set(r->store, o);
}

void front_rig_close(struct front_rig *r)
{
    registrar_free(r->front.registrar);
    store_detach(r->inner);
    hub_sessions_drop(&r->front);
    presence_free(r->front.presence);
    fake_store_free(r->store);
    catalog_free(r->front.catalog);
    limits_free(r->front.limits);
    loop_free(r->front.loop);
    common_deinit(&r->common);
    berth_openssl_deinit(&r->crypto);
}

void front_rig_turn(struct front_rig *r)
{
    fake_store_step(r->store);
    (void)store_deliver(r->inner);
    (void)uv_run(loop_uv(r->front.loop), UV_RUN_NOWAIT);
}

void front_rig_settle(struct front_rig *r)
{
    for (int i = 0; registrar_open(r->front.registrar) > 0 || fake_store_under_way(r->store) > 0;
         i++) {
        CHECK("it comes to rest", i < TURNS_MAX);
        front_rig_turn(r);
    }
}

/* ---- credentials ---- */

const char *front_rig_key(struct front_rig *r, const char *id)
{
    static char text[BERTH_DERIVED_TEXT_SIZE];

    CHECK(id, berth_derive_key_text(&r->crypto, BERTH_STR(GROUP_KEY), berth_str_of(id), text) ==
                  BERTH_OK);
    return text;
}

const char *front_rig_device_token(struct front_rig *r, const char *resource, char key,
                                   int64_t seconds)
{
    static char token[1024];
    struct berth_key k = key_of(key);
    struct berth_hmac_key prepared;
    struct berth_buf b;

    berth_buf_init(&b, token, sizeof token - 1);
    CHECK(resource, r->crypto.hmac_prepare(r->crypto.ctx, k.bytes, k.n, &prepared) == BERTH_OK);
    CHECK(resource, berth_sas_build(&r->crypto, &prepared, berth_str_of(resource),
                                    loop_now_ms(r->front.loop) / 1000 + seconds, (berth_str){ 0 },
                                    &b) == BERTH_OK);
    r->crypto.hmac_release(r->crypto.ctx, &prepared);
    token[b.n] = '\0';
    return token;
}

const char *front_rig_token(struct front_rig *r, const char *id, const char *key)
{
    static char token[1024];
    char resource_text[256];
    struct berth_hmac_key prepared;
    struct berth_buf resource, b;
    struct berth_key k;

    berth_buf_init(&resource, resource_text, sizeof resource_text);
    berth_buf_put(&resource, BERTH_STR(FRONT_RIG_SCOPE "/registrations/"));
    berth_buf_put(&resource, berth_str_of(id));
    berth_buf_init(&b, token, sizeof token - 1);
    CHECK(id, berth_key_decode(berth_str_of(key), &k) == BERTH_OK);
    CHECK(id, r->crypto.hmac_prepare(r->crypto.ctx, k.bytes, k.n, &prepared) == BERTH_OK);
    CHECK(id, berth_sas_build(&r->crypto, &prepared, berth_buf_str(&resource),
                              loop_now_ms(r->front.loop) / 1000 + 3600, BERTH_STR("registration"),
                              &b) == BERTH_OK);
    r->crypto.hmac_release(r->crypto.ctx, &prepared);
    token[b.n] = '\0';
    return token;
}
