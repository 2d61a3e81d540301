#include "front/enrollment_task.h"

const struct enrollment_sort sort_individual = {
    .kind = BERTH_KIND_ENROLLMENT,
    .invalid = BERTH_WHY_REGISTRATION_ID_INVALID,
    .missing = BERTH_WHY_ENROLLMENT_NOT_FOUND,
    .exists = BERTH_WHY_ENROLLMENT_EXISTS,
    .item_type = "Enrollment",
};
const struct enrollment_sort sort_group = {
    .is_group = true,
    .kind = BERTH_KIND_GROUP,
    .invalid = BERTH_WHY_GROUP_ID_INVALID,
    .missing = BERTH_WHY_GROUP_NOT_FOUND,
    .exists = BERTH_WHY_GROUP_EXISTS,
    .item_type = "EnrollmentGroup",
};

struct enrollment_task *enrollment_task_new(struct call *c, const struct enrollment_sort *sort,
                                            berth_str id)
{
    struct enrollment_task *t = call_alloc(c, sizeof *t);

    if (t == NULL)
        return NULL;
    *t =
        (struct enrollment_task){ .sort = sort, .id = id, .expect = if_match(c, berth_etag_parse) };
    if (!call_key(c, id, sort->invalid, &t->key))
        return NULL;
    c->state = t;
    call_mark(c);
    return t;
}

void enrollment_task_read(struct call *c, store_done *done)
{
    const struct enrollment_task *t = c->state;

    store_get(c->f->store, t->sort->kind, (berth_str){ 0 }, t->key, done, c);
}

bool enrollment_task_take(struct call *c, const struct store_reply *reply)
{
    struct enrollment_task *t = c->state;

    if (!call_stored(c, reply))
        return false;
    if (reply->count == 0) {
        call_refuse(c, t->sort->missing, (berth_str){ 0 });
        return false;
    }
    if (berth_enrollment_decode(&reply->records[0], &c->arena, &t->stored) == BERTH_OK)
        return true;
    call_fail(c, BERTH_WHY_RECORD_DAMAGED, "an enrollment's record is damaged");
    return false;
}
