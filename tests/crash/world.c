#include "tests/crash/world.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "berth/derive.h"
#include "berth/openssl.h"
#include "crypto/b64.h"
#include "front/registrar.h"
#include "store/sqlite/schema.h"
#include "tests/store/door.h"
#include "tests/store/fault_vfs.h"
#include "tests/store/test_crypto.h"

#define IDLE_MS                                                                                    \
    5 /* without work for so long the WAL is written back: in a moment, not in a second */

/* ---- the store's port, whose calls are steps ---- */

struct marking_port {
    struct store_port base;
    struct store_port *inner;
};

static struct store_port *inner_of(struct store_port *p)
{
    return ((struct marking_port *)(void *)p)->inner;
}

static void mark(const char *what, enum berth_kind kind)
{
    char step[64];

    (void)snprintf(step, sizeof step, "%s %s", what, schema_table(kind));
    (void)fault_mark(step);
}

static void marked_get(struct store_port *p, enum berth_kind kind, berth_str scope, berth_str key,
                       store_done *done, void *user)
{
    mark("ask for", kind);
    store_get(inner_of(p), kind, scope, key, done, user);
}

static void marked_list(struct store_port *p, const struct store_query *q, store_done *done,
                        void *user)
{
    mark("ask for all of", q->kind);
    store_list(inner_of(p), q, done, user);
}

static void marked_count(struct store_port *p, enum berth_kind kind, berth_str scope, int32_t tag,
                         store_done *done, void *user)
{
    store_count(inner_of(p), kind, scope, tag, done, user);
}

static void marked_commit(struct store_port *p, const struct berth_change *changes, size_t count,
                          int64_t now_ms, store_done *done, void *user)
{
    (void)fault_mark("ask for the commit");
    store_commit(inner_of(p), changes, count, now_ms, done, user);
}

static size_t marked_deliver(struct store_port *p)
{
    (void)fault_mark("deliver replies");
    return store_deliver(inner_of(p));
}

static void marked_deliver_changes(struct store_port *p)
{
    store_deliver_changes(inner_of(p));
}

static void marked_detach(struct store_port *p)
{
    store_detach(inner_of(p));
    free(p);
}

static const struct store_ops marked_ops = {
    .get = marked_get,
    .list = marked_list,
    .count = marked_count,
    .commit = marked_commit,
    .deliver = marked_deliver,
    .deliver_changes = marked_deliver_changes,
    .detach = marked_detach,
};

static berth_err attach(void *store, const struct store_attach *a, struct store_port **out)
{
    struct marking_port *p = calloc(1, sizeof *p);

    MUST(p != NULL);
    p->base.ops = &marked_ops;
    berth_err e = sqlite_store_attach(store, a, &p->inner);
    if (e != BERTH_OK) {
        free(p);
        return e;
    }
    *out = &p->base;
    return BERTH_OK;
}

/* ---- life ---- */

bool world_open(struct world *w, bool new)
{
    struct sqlite_store_problem problem = { "" };
    struct sqlite_store_options o = {
        .directory = w->directory,
        .crypto = &test_crypto,
        .window_ms = -1,
        .idle_ms = IDLE_MS,
        .answer_before_commit = w->answer_early,
    };

    w->rig = NULL;
    berth_err e = sqlite_store_open(&o, &w->store, &problem);
    (void)snprintf(w->problem, sizeof w->problem, "%s", problem.text);
    if (e != BERTH_OK || w->bare)
        return e == BERTH_OK;
    struct rig_store s = { .attach = attach, .store = w->store, .filled = !new };
    w->rig = rig_new_over(&s);
    if (w->rig == NULL) {
        (void)snprintf(w->problem, sizeof w->problem, "the catalog cannot be read");
        world_close(w);
        return false;
    }
    struct front *f = rig_front(w->rig);
    MUST(registrar_new(f, &f->registrar) == BERTH_OK);
    return true;
}

void world_close(struct world *w)
{
    if (w->rig != NULL) {
        registrar_free(rig_front(w->rig)->registrar);
        rig_free(w->rig);
    }
    sqlite_store_close(w->store);
    w->rig = NULL;
    w->store = NULL;
}

void world_rest(struct world *w)
{
    const struct timespec moment = { .tv_nsec = 2000000 };
    struct sqlite_store_stats now, before;

    sqlite_store_stats(w->store, &before);
    now = before;
    for (int i = 0; i < 50 && now.checkpoints == before.checkpoints; i++) {
        nanosleep(&moment, NULL);
        sqlite_store_stats(w->store, &now);
    }
}

void world_close_hub(struct world *w)
{
    rig_put(w->rig,
            &(struct berth_record){ .kind = BERTH_KIND_HUB,
                                    .key = BERTH_STR(RIG_HUB),
                                    .name = BERTH_STR(RIG_HUB),
                                    .body = BERTH_STR("{\"weight\":1,\"allocation\":false}") });
}

/* ---- registrations ---- */

unsigned world_device(struct story *s, const char *id, bool mover)
{
    for (unsigned i = 0; i < s->device_count; i++)
        if (strcmp(s->devices[i].id, id) == 0)
            return i;
    MUST(s->device_count < STORY_DEVICES_MAX);
    struct device_story *d = &s->devices[s->device_count];
    *d = (struct device_story){ .mover = mover };
    (void)snprintf(d->id, sizeof d->id, "%s", id);
    return s->device_count++;
}

/* Keys and tokens are the same in each of thousands of worlds, and OpenSSL takes its time. */
struct credential {
    char id[16], key[64], token[512];
};

static void make_credential(struct credential *c, const struct device_story *d)
{
    berth_str group_key = d->mover ? BERTH_STR(WORLD_KEY_MOVERS) : BERTH_STR(WORLD_KEY_STICKY);
    struct berth_crypto crypto;
    struct berth_key key;
    char resource[64];

    (void)snprintf(c->id, sizeof c->id, "%s", d->id);
    MUST(berth_openssl_init(&crypto) == BERTH_OK);
    MUST(berth_derive_key_text(&crypto, group_key, berth_str_of(d->id), c->key) == BERTH_OK);
    berth_openssl_deinit(&crypto);
    MUST(berth_key_decode(berth_str_of(c->key), &key) == BERTH_OK);
    (void)snprintf(resource, sizeof resource, RIG_SCOPE "/registrations/%s", d->id);
    (void)snprintf(c->token, sizeof c->token, "%s",
                   rig_token(resource, "registration", &key, (int64_t)time(NULL) + 86400));
}

static const struct credential *credential_of(const struct device_story *d)
{
    static struct credential known[STORY_DEVICES_MAX];
    static unsigned count;

    for (unsigned i = 0; i < count; i++)
        if (strcmp(known[i].id, d->id) == 0)
            return &known[i];
    MUST(count < STORY_DEVICES_MAX);
    make_credential(&known[count], d);
    return &known[count++];
}

const char *world_device_key(const struct device_story *d)
{
    return credential_of(d)->key;
}

struct asker {
    struct world *w;
    struct device_story *device;
    struct turn *turn;
};

static void on_answer(void *user, const struct berth_answer *a, const char *tracking_id)
{
    struct asker *k = user;
    struct turn *t = k->turn;

    (void)tracking_id;
    if (a->reason == BERTH_WHY_NONE && a->state.status == BERTH_ASSIGNED) {
        (void)snprintf(t->hub, sizeof t->hub, "%.*s", BERTH_STR_ARG(a->state.assigned_hub));
        (void)snprintf(t->operation, sizeof t->operation, "%.*s", BERTH_STR_ARG(a->operation_id));
        t->told = fault_mark("tell assigned");
    } else if (a->reason == BERTH_WHY_STORE_FAILED) {
        k->w->story->refused++;
    } else if (a->reason != BERTH_WHY_NONE) { /* else assigning: it took a second */
        story_blame(k->w->story, "%s is refused as %s", k->device->id,
                    berth_reason_row(a->reason)->name);
    }
}

static void start(struct world *w, unsigned device)
{
    struct device_story *d = &w->story->devices[device];
    struct berth_registration_request req = {
        .id_scope = BERTH_STR(RIG_SCOPE),
        .registration_id = berth_str_of(d->id),
        .credential = { .type = BERTH_CREDENTIAL_SAS,
                        .u.sas = berth_str_of(credential_of(d)->token) },
    };
    struct peer peer = { .text = "192.0.2.1:1" };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201) };
    static struct asker askers[STORY_DEVICES_MAX]; /* each asks one thing at a time */
    struct asker *k = &askers[device];

    MUST(d->count < STORY_TURNS_MAX);
    memcpy(&peer.addr, &in, sizeof in);
    *k = (struct asker){ w, d, &d->turns[d->count] };
    *k->turn = (struct turn){ .told = STORY_NEVER };
    k->turn->asked = fault_mark("ask for a registration");
    d->count++;
    MUST(registrar_start(rig_front(w->rig)->registrar, &req, &peer, "test", on_answer, k) != NULL);
}

const struct rig_answer *world_ask(struct world *w, unsigned from, unsigned below,
                                   const struct rig_request *q)
{
    const struct registrar *r = rig_front(w->rig)->registrar;
    const struct rig_answer *a = NULL;

    for (unsigned i = from; i < (from + below) / 2; i++)
        start(w, i);
    if (q != NULL)
        rig_send(w->rig, q);
    for (unsigned i = (from + below) / 2; i < below; i++)
        start(w, i);
    while (registrar_open(r) > 0 || (q != NULL && a == NULL)) {
        const struct rig_answer *now = q != NULL && a == NULL ? rig_answer(w->rig) : NULL;
        if (now != NULL && now->status != 0) {
            a = now;
        } else if (!rig_step(w->rig)) {
            story_blame(w->story, "no answer comes");
            break;
        }
    }
    return a;
}
