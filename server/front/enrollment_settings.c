/* What berth adds to an enrollment and Azure's document has no member for:
 * /berth/v1/enrollments/{id}/settings. */
#include "front/enrollment_task.h"
#include "front/service.h"
#include "wire/json.h"

static struct enrollment_task *begin(struct call *c, const struct enrollment_sort *sort)
{
    return enrollment_task_new(c, sort, c->segments[3]);
}

static void answer(struct call *c, bool assigning_first)
{
    struct berth_json_out j;
    struct berth_buf b;

    call_body(c, &b);
    berth_json_begin(&j, &b);
    berth_json_open(&j, '{');
    berth_json_member_bool(&j, "assigningFirst", assigning_first);
    berth_json_close(&j, '}');
    call_send(c, 200, &b, NULL, 0);
}

static void on_read(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    const struct enrollment_task *t = c->state;

    if (enrollment_task_take(c, reply))
        answer(c, t->stored.assigning_first);
}

static void get(struct call *c, const struct enrollment_sort *sort)
{
    if (begin(c, sort) != NULL)
        enrollment_task_read(c, on_read);
}

void api_enrollment_settings_get(struct call *c)
{
    get(c, &sort_individual);
}

void api_group_settings_get(struct call *c)
{
    get(c, &sort_group);
}

static void on_patch_read(void *user, const struct store_reply *reply);

static void on_patched(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    const struct enrollment_task *t = c->state;

    if (!call_stored(c, reply))
        return;
    if (reply->result == STORE_OK)
        answer(c, t->assigning_first);
    else if (if_match_is_etag(t->expect))
        call_refuse(c, BERTH_WHY_ETAG_STALE, (berth_str){ 0 });
    else if (call_again(c))
        enrollment_task_read(c, on_patch_read);
}

static void on_patch_read(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    struct enrollment_task *t = c->state;
    struct berth_change change = { .type = BERTH_PUT };

    if (!enrollment_task_take(c, reply))
        return;
    if (if_match_is_etag(t->expect) && t->expect != t->stored.version) {
        call_refuse(c, BERTH_WHY_ETAG_STALE, (berth_str){ 0 });
        return;
    }
    t->stored.assigning_first = t->assigning_first;
    change.expect = t->stored.version;
    if (berth_enrollment_encode(&t->stored, &c->arena, &change.rec) != BERTH_OK)
        call_fail(c, BERTH_WHY_INTERNAL, "an enrollment does not fit its record");
    else
        store_commit(c->f->store, &change, 1, loop_now_ms(c->f->loop), on_patched, c);
}

static void patch(struct call *c, const struct enrollment_sort *sort)
{
    struct enrollment_task *t = begin(c, sort);
    struct berth_json doc;

    if (t == NULL)
        return;
    if (berth_json_check(c->body, &doc, NULL) != BERTH_OK ||
        berth_json_bool(berth_json_get(doc, BERTH_STR("assigningFirst")), &t->assigning_first) !=
            BERTH_OK)
        call_refuse(c, BERTH_WHY_REQUEST_INVALID,
                    BERTH_STR("The body must be {\"assigningFirst\": true or false}."));
    else
        enrollment_task_read(c, on_patch_read);
}

void api_enrollment_settings_patch(struct call *c)
{
    patch(c, &sort_individual);
}

void api_group_settings_patch(struct call *c)
{
    patch(c, &sort_group);
}
