#include "unit/rig_world.h"

#include <stdlib.h>
#include <string.h>

#include "berth/derive.h"
#include "berth/openssl.h"
#include "berth/sas.h"
#include "crypto/b64.h"
#include "front/record_copy.h"
#include "unit/check.h"

void world_init(struct world *w)
{
    memset(w, 0, sizeof *w);
    assert_int_equal(berth_openssl_init(&w->crypto), BERTH_OK);
    w->now_ms = WORLD_NOW_MS;
    w->catalog.id_scope = BERTH_STR(WORLD_SCOPE);
    w->catalog.groups = w->group_views;
    w->catalog.hubs = w->hubs;
}

static void release_group(struct world *w, size_t i)
{
    w->crypto.hmac_release(w->crypto.ctx, &w->keys[i][0]);
    w->crypto.hmac_release(w->crypto.ctx, &w->keys[i][1]);
}

void world_deinit(struct world *w)
{
    for (size_t i = 0; i < w->group_count; i++)
        release_group(w, i);
    for (size_t i = 0; i < w->count; i++)
        record_copy_free(&w->crypto, w->records[i]);
    berth_openssl_deinit(&w->crypto);
}

static size_t find(const struct world *w, enum berth_kind kind, berth_str scope, berth_str key)
{
    size_t i = 0;

    while (i < w->count &&
           !(w->records[i]->kind == kind && berth_str_eq(w->records[i]->scope, scope) &&
             berth_str_eq(w->records[i]->key, key)))
        i++;
    return i;
}

const struct berth_record *world_find(const struct world *w, enum berth_kind kind,
                                      const char *scope, const char *key)
{
    size_t i = find(w, kind, berth_str_of(scope), berth_str_of(key));

    return i == w->count ? NULL : w->records[i];
}

size_t world_count(const struct world *w, enum berth_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < w->count; i++)
        n += w->records[i]->kind == kind;
    return n;
}

static bool holds(const struct world *w, const struct berth_change *c)
{
    if (c->rec.kind == BERTH_KIND_HUB) /* they stand in the catalog alone */
        return c->expect == BERTH_PRESENT && berth_catalog_hub(&w->catalog, c->rec.key) != NULL;
    size_t i = find(w, c->rec.kind, c->rec.scope, c->rec.key);
    uint64_t version = i == w->count ? BERTH_ABSENT : w->records[i]->version;

    return c->expect == BERTH_ANY || (c->expect == BERTH_PRESENT && version != BERTH_ABSENT) ||
           c->expect == version;
}

static void remove_at(struct world *w, size_t i)
{
    record_copy_free(&w->crypto, w->records[i]);
    w->records[i] = w->records[--w->count];
}

static void put(struct world *w, const struct berth_record *rec)
{
    size_t i = find(w, rec->kind, rec->scope, rec->key);
    struct berth_record *copy = record_copy(rec);

    assert_non_null(copy);
    copy->created_ms = i == w->count ? w->now_ms : w->records[i]->created_ms;
    copy->updated_ms = w->now_ms;
    copy->version = w->version;
    if (i < w->count)
        remove_at(w, i);
    assert_true(w->count < WORLD_RECORDS_MAX);
    w->records[w->count++] = copy;
}

berth_err world_commit(struct world *w, const struct berth_change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!holds(w, &changes[i]))
            return BERTH_E_MISMATCH;
    w->version++;
    w->commits++;
    for (size_t i = 0; i < count; i++) {
        const struct berth_record *rec = &changes[i].rec;
        size_t at = find(w, rec->kind, rec->scope, rec->key);
        if (changes[i].type == BERTH_PUT)
            put(w, rec);
        else if (changes[i].type == BERTH_DELETE && at < w->count)
            remove_at(w, at);
    }
    return BERTH_OK;
}

/* Parses, stores; returns the record as the store has it. */
static const struct berth_record *store_document(struct world *w, bool is_group, const char *id,
                                                 const char *json)
{
    static unsigned char memory[512 * 1024];
    struct berth_enrollment e;
    struct berth_refusal why;
    struct berth_arena a;
    struct berth_change c = { .type = BERTH_PUT, .expect = BERTH_ANY };

    berth_arena_init(&a, memory, sizeof memory);
    if (berth_enrollment_parse(is_group, berth_str_of(id), berth_str_of(json), &a, &e, &why) !=
        BERTH_OK)
        fail_msg("%s: %.*s", id, BERTH_STR_ARG(why.message));
    if (strstr(json, "\"assigningFirst\":true") != NULL)
        e.assigning_first = true;
    assert_int_equal(berth_enrollment_encode(&e, &a, &c.rec), BERTH_OK);
    assert_int_equal(world_commit(w, &c, 1), BERTH_OK);
    return w->records[find(w, c.rec.kind, BERTH_STR(""), c.rec.key)];
}

void world_add_enrollment(struct world *w, const char *id, const char *json)
{
    (void)store_document(w, false, id, json);
}

static void view_group(struct world *w, size_t i, const struct berth_record *rec)
{
    struct berth_enrollment *e = &w->groups[i];
    struct berth_arena a;
    struct berth_record mine = *rec;

    berth_arena_init(&a, w->group_memory[i], sizeof w->group_memory[i]);
    assert_int_equal(berth_arena_dup(&a, rec->name, &mine.name), BERTH_OK);
    assert_int_equal(berth_arena_dup(&a, rec->key, &mine.key), BERTH_OK);
    assert_int_equal(berth_arena_dup(&a, rec->body, &mine.body), BERTH_OK);
    assert_int_equal(berth_enrollment_decode(&mine, &a, e), BERTH_OK);
    assert_int_equal(w->crypto.hmac_prepare(w->crypto.ctx, e->keys.primary.bytes, e->keys.primary.n,
                                            &w->keys[i][0]),
                     BERTH_OK);
    assert_int_equal(w->crypto.hmac_prepare(w->crypto.ctx, e->keys.secondary.bytes,
                                            e->keys.secondary.n, &w->keys[i][1]),
                     BERTH_OK);
    w->group_views[i] = (struct berth_group){ e, mine.key, &w->keys[i][0], &w->keys[i][1] };
}

void world_add_group(struct world *w, const char *id, const char *json)
{
    const struct berth_record *rec = store_document(w, true, id, json);

    view_group(w, w->group_count++, rec);
    w->catalog.group_count = w->group_count;
    if (w->group_count > 1) /* as the catalog has them */
        assert_true(berth_str_cmp(w->group_views[w->group_count - 2].key, rec->key) < 0);
}

void world_change_group(struct world *w, const char *id, const char *json)
{
    const struct berth_record *rec = store_document(w, true, id, json);

    for (size_t i = 0; i < w->group_count; i++) {
        if (!berth_str_eq(w->group_views[i].key, rec->key))
            continue;
        release_group(w, i);
        view_group(w, i, rec);
    }
}

void world_add_hub(struct world *w, const char *name, int weight)
{
    w->hubs[w->hub_count++] = (struct berth_hub){ berth_str_of(name), weight, true, 1 };
    w->catalog.hub_count = w->hub_count;
}

static void make_token(struct world_op *o, const char *id, const char *key)
{
    struct berth_crypto *c = &o->w->crypto;
    struct berth_hmac_key prepared;
    struct berth_key decoded;
    char resource_text[256];
    struct berth_buf b, resource;

    assert_int_equal(berth_key_decode(berth_str_of(key), &decoded), BERTH_OK);
    assert_int_equal(c->hmac_prepare(c->ctx, decoded.bytes, decoded.n, &prepared), BERTH_OK);
    berth_buf_init(&resource, resource_text, sizeof resource_text);
    berth_buf_put(&resource, BERTH_STR(WORLD_SCOPE "/registrations/"));
    berth_buf_put(&resource, berth_str_of(id));
    berth_buf_init(&b, o->token, sizeof o->token);
    assert_int_equal(berth_sas_build(c, &prepared, berth_buf_str(&resource),
                                     o->w->now_ms / 1000 + 3600, BERTH_STR("registration"), &b),
                     BERTH_OK);
    c->hmac_release(c->ctx, &prepared);
    o->op.req.credential.type = BERTH_CREDENTIAL_SAS;
    o->op.req.credential.u.sas = berth_buf_str(&b);
}

static void give(struct world_op *o, const struct berth_event *ev)
{
    berth_operation_step(&o->op, ev, &o->w->catalog, o->w->now_ms, &o->actions);
}

void world_event(struct world_op *o, enum berth_event_type type)
{
    give(o, &(struct berth_event){ .type = type });
}

void world_start(struct world *w, struct world_op *o, const char *id, const char *key,
                 const char *operation_id)
{
    struct berth_registration_request req;

    memset(o, 0, sizeof *o);
    o->w = w;
    o->memory = malloc(BERTH_OPERATION_ARENA);
    assert_non_null(o->memory);
    berth_arena_init(&o->arena, o->memory, BERTH_OPERATION_ARENA);
    if (operation_id == NULL) {
        uint8_t random[16];
        assert_int_equal(w->crypto.random(w->crypto.ctx, random, sizeof random), BERTH_OK);
        berth_operation_id_make(o->operation_id, random, w->now_ms);
    } else {
        strncpy(o->operation_id, operation_id, sizeof o->operation_id - 1);
    }
    if (key != NULL)
        make_token(o, id, key);
    req = o->op.req;
    req.id_scope = BERTH_STR(WORLD_SCOPE);
    req.registration_id = berth_str_of(id);
    req.peer = BERTH_STR("192.0.2.1:1");
    req.is_poll = operation_id != NULL;
    req.operation_id = berth_str_of(o->operation_id);
    berth_operation_init(&o->op, &w->crypto, &req, &o->arena);
    world_event(o, BERTH_EV_START);
}

static const struct berth_record *lookup(struct world *w, enum berth_kind kind, berth_str scope,
                                         berth_str key)
{
    size_t i = scope.p == NULL ? w->count : find(w, kind, scope, key);

    return i == w->count ? NULL : w->records[i];
}

bool world_apply(struct world_op *o)
{
    const struct berth_action *a = &o->actions.list[o->actions.count - 1];
    berth_err e;

    assert_int_equal(a->type, BERTH_DO_COMMIT);
    e = world_commit(o->w, a->changes, a->change_count);
    give(o, &(struct berth_event){ .type = e == BERTH_OK ? BERTH_EV_COMMITTED : BERTH_EV_STALE,
                                   .committed_version = o->w->version });
    return e == BERTH_OK;
}

/* False when it stops. */
static bool carry_out(struct world_op *o, const struct berth_action *a, bool stop_at_commit)
{
    struct world *w = o->w;

    switch (a->type) {
    case BERTH_DO_ANSWER:
        o->answer = a->answer;
        o->answers++;
        return true;
    case BERTH_DO_END:
        o->ended = true;
        return false;
    case BERTH_DO_LOAD:
        give(o, &(struct berth_event){
                    .type = BERTH_EV_LOADED,
                    .enrollment = lookup(w, BERTH_KIND_ENROLLMENT, BERTH_STR(""), a->key),
                    .registration = lookup(w, BERTH_KIND_REGISTRATION, BERTH_STR(""), a->key) });
        return true;
    case BERTH_DO_PAUSE:
        give(o, &(struct berth_event){ .type = BERTH_EV_CONTINUE });
        return true;
    case BERTH_DO_LOAD_DEVICES:
        give(o,
             &(struct berth_event){
                 .type = BERTH_EV_DEVICES,
                 .device_there = lookup(w, BERTH_KIND_DEVICE, a->there.hub, a->there.device_id),
                 .device_before = lookup(w, BERTH_KIND_DEVICE, a->before.hub, a->before.device_id),
                 .other = lookup(w, BERTH_KIND_REGISTRATION, BERTH_STR(""), a->other),
                 .other_enrollment = lookup(w, BERTH_KIND_ENROLLMENT, BERTH_STR(""), a->other) });
        return true;
    case BERTH_DO_SHARED:
        o->shared = a->shared;
        o->shares++;
        return true;
    case BERTH_DO_COMMIT:
        if (stop_at_commit)
            return false;
        (void)world_apply(o);
        return true;
    }
    return false;
}

void world_run(struct world_op *o, bool stop_at_commit)
{
    bool go_on = true;

    while (go_on && o->actions.count > 0) {
        struct berth_actions now = o->actions;
        if (now.list[0].type != BERTH_DO_COMMIT || !stop_at_commit)
            o->actions.count = 0;
        for (size_t i = 0; go_on && i < now.count; i++) {
            if (now.list[i].type == BERTH_DO_COMMIT && !stop_at_commit)
                o->actions = now;
            go_on = carry_out(o, &now.list[i], stop_at_commit);
        }
    }
}

void world_end(struct world_op *o)
{
    berth_operation_deinit(&o->op);
    free(o->memory);
    o->memory = NULL;
}

const struct berth_answer *world_register(struct world *w, struct world_op *o, const char *id,
                                          const char *key)
{
    world_start(w, o, id, key, NULL);
    world_run(o, false);
    assert_true(o->ended);
    assert_int_equal(o->answers, 1);
    return &o->answer;
}

const char *world_derive(struct world *w, const char *group_key, const char *id)
{
    static char text[BERTH_DERIVED_TEXT_SIZE];

    assert_int_equal(
        berth_derive_key_text(&w->crypto, berth_str_of(group_key), berth_str_of(id), text),
        BERTH_OK);
    return text;
}
