#include "front/hub_device.h"

struct device_task *device_task_new(struct call *c)
{
    berth_str id = c->segments[1];
    struct berth_id_check check = berth_device_id_check(id);
    struct device_task *t;

    if (check.fault != BERTH_ID_FINE) {
        call_refuse(c, BERTH_WHY_DEVICE_ID_INVALID, berth_str_of(berth_id_fault_text(check.fault)));
        return NULL;
    }
    t = call_alloc(c, sizeof *t);
    if (t == NULL)
        return NULL;
    t->id = id;
    t->expect = if_match(c, berth_hub_device_etag_parse);
    c->state = t;
    call_mark(c);
    return t;
}

void device_task_read(struct call *c, store_done *done)
{
    const struct device_task *t = c->state;

    store_get(c->f->store, BERTH_KIND_DEVICE, c->hub, t->id, done, c);
}

/* A call outlives its reply, and the decision may be taken after it: the record is copied. */
bool device_task_take(struct call *c, const struct store_reply *reply)
{
    struct device_task *t = c->state;
    struct berth_record rec;

    if (!call_stored(c, reply))
        return false;
    if (reply->count == 0) {
        call_refuse(c, BERTH_WHY_DEVICE_NOT_FOUND, (berth_str){ 0 });
        return false;
    }
    if (berth_record_dup(&c->arena, &reply->records[0], &rec) != BERTH_OK) {
        call_fail(c, BERTH_WHY_INTERNAL, "a device's record does not fit its call");
        return false;
    }
    if (berth_hub_device_decode(&rec, &c->arena, &t->d) == BERTH_OK)
        return true;
    call_fail(c, BERTH_WHY_RECORD_DAMAGED, "a device's record is damaged");
    return false;
}

void device_task_commit(struct call *c, uint64_t expect, store_done *done)
{
    const struct device_task *t = c->state;
    struct berth_change changes[] = {
        { .type = BERTH_PUT, .expect = expect },
        { .type = BERTH_CHECK, /* the hub may be deleted meanwhile */
          .expect = BERTH_PRESENT,
          .rec = { .kind = BERTH_KIND_HUB, .scope = BERTH_STR(""), .key = c->hub } },
    };

    if (berth_hub_device_encode(&t->d, &c->arena, &changes[0].rec) != BERTH_OK)
        call_fail(c, BERTH_WHY_INTERNAL, "a device does not fit its record");
    else
        store_commit(c->f->store, changes, 2, loop_now_ms(c->f->loop), done, c);
}

/* Quoted, as the C# SDK demands of the header; in the document it is not. */
void device_task_answer(struct call *c, const struct berth_buf *b, uint64_t revision)
{
    char storage[32];
    struct berth_buf etag;

    berth_buf_init(&etag, storage, sizeof storage);
    berth_buf_put_char(&etag, '"');
    berth_hub_device_etag_put(&etag, revision);
    berth_buf_put_char(&etag, '"');
    call_send(c, 200, b, &(struct http_header){ BERTH_STR("etag"), berth_buf_str(&etag) }, 1);
}
