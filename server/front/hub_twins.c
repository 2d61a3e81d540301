/* The hub service API of device twins. */
#include "front/hub_device.h"
#include "front/presence.h"
#include "front/service.h"

static void answer(struct call *c)
{
    struct device_task *t = c->state;
    struct berth_buf b;

    presence_show(c->f, &t->d);
    call_body(c, &b);
    berth_twin_put(&b, &t->d);
    device_task_answer(c, &b, t->d.twin_revision);
}

static void on_read(void *user, const struct store_reply *reply)
{
    struct call *c = user;

    if (device_task_take(c, reply))
        answer(c);
}

void api_twin_get(struct call *c)
{
    if (device_task_new(c) != NULL)
        device_task_read(c, on_read);
}

static void on_update_read(void *user, const struct store_reply *reply);

/* Whatever changed may have been the identity alone: the etag is judged again on what is there. */
static void on_updated(void *user, const struct store_reply *reply)
{
    struct call *c = user;

    if (!call_stored(c, reply))
        return;
    if (reply->result == STORE_OK)
        answer(c);
    else if (call_again(c))
        device_task_read(c, on_update_read);
}

static void on_update_read(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    struct device_task *t = c->state;
    struct berth_refusal why = { 0 };
    berth_err e;

    if (!device_task_take(c, reply))
        return;
    if (if_match_is_etag(t->expect) && t->expect != t->d.twin_revision) {
        call_refuse(c, BERTH_WHY_ETAG_STALE, (berth_str){ 0 });
        return;
    }
    e = berth_twin_update(&t->d, c->body, t->replace, loop_now_ms(c->f->loop), &c->arena, &why);
    if (e != BERTH_OK)
        call_refuse_as(c, e, &why);
    else
        device_task_commit(c, t->d.version, on_updated);
}

static void update(struct call *c, bool replace)
{
    struct device_task *t = device_task_new(c);

    if (t == NULL)
        return;
    t->replace = replace;
    device_task_read(c, on_update_read);
}

void api_twin_patch(struct call *c)
{
    update(c, false);
}

void api_twin_put(struct call *c)
{
    update(c, true);
}
