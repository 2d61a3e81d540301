/* The hub service API of device identities. */
#include "front/hub_device.h"
#include "front/page.h"
#include "front/presence.h"
#include "front/service.h"
#include "wire/query.h"

static void answer(struct call *c)
{
    struct device_task *t = c->state;
    struct berth_buf b;

    presence_show(c->f, &t->d);
    call_body(c, &b);
    berth_hub_device_put(&b, &t->d);
    device_task_answer(c, &b, t->d.identity_revision);
}

static void on_read(void *user, const struct store_reply *reply)
{
    struct call *c = user;

    if (device_task_take(c, reply))
        answer(c);
}

void api_device_get(struct call *c)
{
    if (device_task_new(c) != NULL)
        device_task_read(c, on_read);
}

/* ---- PUT ---- */

/* The document applied to the task's device; STORED keys stay where it gives none. */
static bool decide(struct call *c, const struct berth_key_pair *stored)
{
    struct device_task *t = c->state;
    struct berth_refusal why = { 0 };
    berth_err e =
        berth_hub_device_apply(&t->d, t->id, c->body, loop_now_ms(c->f->loop), &c->arena, &why);

    if (e != BERTH_OK) {
        call_refuse_as(c, e, &why);
        return false;
    }
    return t->d.auth != BERTH_AUTH_SAS ||
           call_fill_keys(c, &t->d.keys, stored, BERTH_HUB_DEVICE_KEY_SIZE);
}

static void on_created(void *user, const struct store_reply *reply)
{
    struct call *c = user;

    if (!call_stored(c, reply))
        return;
    if (reply->result == STORE_OK)
        answer(c);
    else
        call_refuse(c, BERTH_WHY_DEVICE_EXISTS, (berth_str){ 0 });
}

static void create(struct call *c)
{
    struct device_task *t = c->state;
    const struct berth_crypto *crypto = c->f->crypto;
    uint64_t generation;

    if (crypto->random(crypto->ctx, (uint8_t *)&generation, sizeof generation) != BERTH_OK) {
        call_fail(c, BERTH_WHY_CRYPTO_FAILED, "no random bytes for a generation");
        return;
    }
    /* 18 decimal digits or fewer, as Azure's ticks have; never 0 */
    berth_hub_device_init(&t->d, c->hub, t->id, generation >> 5 | 1, loop_now_ms(c->f->loop));
    if (decide(c, NULL))
        device_task_commit(c, BERTH_ABSENT, on_created);
}

static void on_put_read(void *user, const struct store_reply *reply);

/* Whatever changed may have been the twin alone: the etag is judged again on what is there now. */
static void on_updated(void *user, const struct store_reply *reply)
{
    struct call *c = user;

    if (!call_stored(c, reply))
        return;
    if (reply->result == STORE_OK)
        answer(c);
    else if (call_again(c))
        device_task_read(c, on_put_read);
}

static void on_put_read(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    struct device_task *t = c->state;
    struct berth_key_pair *stored;

    if (!device_task_take(c, reply))
        return;
    if (if_match_is_etag(t->expect) && t->expect != t->d.identity_revision) {
        call_refuse(c, BERTH_WHY_ETAG_STALE, (berth_str){ 0 });
        return;
    }
    stored = call_alloc(c, sizeof *stored);
    if (stored == NULL)
        return;
    *stored = t->d.keys;
    if (decide(c, stored))
        device_task_commit(c, t->d.version, on_updated);
}

void api_device_put(struct call *c)
{
    const struct device_task *t = device_task_new(c);

    if (t == NULL)
        return;
    if (t->expect == BERTH_ANY)
        create(c);
    else
        device_task_read(c, on_put_read);
}

/* ---- DELETE ---- */

static void on_delete_read(void *user, const struct store_reply *reply);

static void on_deleted(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    const struct device_task *t = c->state;

    if (!call_stored(c, reply))
        return;
    if (reply->result == STORE_OK)
        call_empty(c, 204);
    else if (!if_match_is_etag(t->expect))
        call_refuse(c, BERTH_WHY_DEVICE_NOT_FOUND, (berth_str){ 0 });
    else if (call_again(c))
        device_task_read(c, on_delete_read);
}

static void commit_delete(struct call *c, uint64_t expect)
{
    const struct device_task *t = c->state;
    struct berth_change change = {
        .type = BERTH_DELETE,
        .expect = expect,
        .rec = { .kind = BERTH_KIND_DEVICE, .scope = c->hub, .key = t->id },
    };

    store_commit(c->f->store, &change, 1, loop_now_ms(c->f->loop), on_deleted, c);
}

static void on_delete_read(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    const struct device_task *t = c->state;

    if (!device_task_take(c, reply))
        return;
    if (t->expect == t->d.identity_revision)
        commit_delete(c, t->d.version);
    else
        call_refuse(c, BERTH_WHY_ETAG_STALE, (berth_str){ 0 });
}

/* An etag is the identity's revision, not the record's version, which a twin changes too. */
void api_device_delete(struct call *c)
{
    const struct device_task *t = device_task_new(c);

    if (t == NULL)
        return;
    if (if_match_is_etag(t->expect))
        device_task_read(c, on_delete_read);
    else
        commit_delete(c, BERTH_PRESENT);
}

/* ---- list ---- */

static bool put_listed(const struct call *c, struct berth_buf *b, const struct berth_record *rec,
                       struct berth_arena *memory)
{
    /* in the arena, not on the stack: it holds keys, and the arena is wiped */
    struct berth_hub_device *d = berth_arena_alloc(memory, sizeof *d);

    if (d == NULL || berth_hub_device_decode(rec, memory, d) != BERTH_OK)
        return false;
    presence_show(c->f, d);
    berth_hub_device_put(b, d);
    return true;
}

/* Azure takes any strange top for 1000. It has no pages; here x-ms-continuation gives the rest. */
void api_device_list(struct call *c)
{
    berth_str top = berth_query_get(c->x->query, BERTH_STR("top"));
    struct page *p = page_new(c, NULL);

    if (p == NULL)
        return;
    (void)page_limit(top, &p->limit);
    p->put = put_listed;
    page_run(c, p, BERTH_KIND_DEVICE, c->hub, (berth_str){ 0 });
}
