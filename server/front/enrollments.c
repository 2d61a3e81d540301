/* The service API of enrollment groups and individual enrollments. */
#include "front/enrollment_task.h"
#include "front/page.h"
#include "front/service.h"
#include "prov/registration.h"

#define KEY_SIZE 64 /* bytes of a key made here: what Azure makes */

static struct enrollment_task *begin(struct call *c, const struct enrollment_sort *sort)
{
    return enrollment_task_new(c, sort, c->segments[1]);
}

static void answer(struct call *c, bool with_keys)
{
    const struct enrollment_task *t = c->state;
    struct berth_buf b;

    call_body(c, &b);
    berth_enrollment_put(&b, &t->e, with_keys, t->registration_state);
    call_send(c, 200, &b, NULL, 0);
}

/* ---- GET, and attestationmechanism ---- */

static void on_read(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    struct enrollment_task *t = c->state;

    if (!enrollment_task_take(c, reply))
        return;
    t->e = t->stored;
    answer(c, false);
}

/* Its document is kept and the enrollment read after it: records end with their callback. */
static void on_registration(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    struct enrollment_task *t = c->state;
    struct berth_registration r;
    struct berth_buf b;

    if (!call_stored(c, reply))
        return;
    if (reply->count > 0) {
        if (berth_registration_decode(&reply->records[0], &c->arena, &r) != BERTH_OK) {
            call_fail(c, BERTH_WHY_RECORD_DAMAGED, "a registration's record is damaged");
            return;
        }
        call_body(c, &b);
        berth_registration_put(&b, &r);
        if (berth_arena_keep(&c->arena, &b, &t->registration_state) != BERTH_OK) {
            call_fail(c, BERTH_WHY_INTERNAL, "a registration does not fit its call");
            return;
        }
    }
    enrollment_task_read(c, on_read);
}

void api_enrollment_get(struct call *c)
{
    struct enrollment_task *t = begin(c, &sort_individual);

    if (t != NULL)
        store_get(c->f->store, BERTH_KIND_REGISTRATION, (berth_str){ 0 }, t->key, on_registration,
                  c);
}

void api_group_get(struct call *c)
{
    if (begin(c, &sort_group) != NULL)
        enrollment_task_read(c, on_read);
}

static void on_attestation(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    const struct enrollment_task *t = c->state;
    struct berth_buf b;

    if (!enrollment_task_take(c, reply))
        return;
    call_body(c, &b);
    berth_attestation_put(&b, &t->stored);
    call_send(c, 200, &b, NULL, 0);
}

void api_enrollment_attestation(struct call *c)
{
    if (begin(c, &sort_individual) != NULL)
        enrollment_task_read(c, on_attestation);
}

void api_group_attestation(struct call *c)
{
    if (begin(c, &sort_group) != NULL)
        enrollment_task_read(c, on_attestation);
}

/* ---- PUT ---- */

/* The document as t->e, with all its keys; STORED gives those left out, NULL: new ones. */
static bool decide(struct call *c, const struct berth_enrollment *stored)
{
    struct enrollment_task *t = c->state;
    struct berth_refusal why = { 0 };
    berth_err e = berth_enrollment_parse(t->sort->is_group, t->id, c->body, &c->arena, &t->e, &why);

    if (e != BERTH_OK) {
        call_refuse_as(c, e, &why);
        return false;
    }
    if (stored != NULL) {
        /* the spelling first given stays, and what the document cannot say */
        if (berth_arena_dup(&c->arena, stored->id, &t->e.id) != BERTH_OK) {
            call_fail(c, BERTH_WHY_INTERNAL, "a call's arena is exhausted");
            return false;
        }
        t->e.assigning_first = stored->assigning_first;
        t->e.created_ms = stored->created_ms;
    }
    return t->e.attestation != BERTH_ATTEST_SYMMETRIC_KEY ||
           call_fill_keys(c, &t->e.keys, stored == NULL ? NULL : &stored->keys, KEY_SIZE);
}

static void commit(struct call *c, uint64_t expect, store_done *done)
{
    struct enrollment_task *t = c->state;
    struct berth_change change = { .type = BERTH_PUT, .expect = expect };

    if (berth_enrollment_encode(&t->e, &c->arena, &change.rec) != BERTH_OK) {
        call_fail(c, BERTH_WHY_INTERNAL, "an enrollment does not fit its record");
        return;
    }
    t->now_ms = loop_now_ms(c->f->loop);
    store_commit(c->f->store, &change, 1, t->now_ms, done, c);
}

static void answer_written(struct call *c, uint64_t version)
{
    struct enrollment_task *t = c->state;

    t->e.version = version;
    t->e.updated_ms = t->now_ms;
    answer(c, true);
}

static void on_created(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    struct enrollment_task *t = c->state;

    if (!call_stored(c, reply))
        return;
    if (reply->result == STORE_STALE) {
        call_refuse(c, t->sort->exists, (berth_str){ 0 });
        return;
    }
    t->e.created_ms = t->now_ms;
    answer_written(c, reply->version);
}

static void on_put_read(void *user, const struct store_reply *reply);

static void on_updated(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    const struct enrollment_task *t = c->state;

    if (!call_stored(c, reply))
        return;
    if (reply->result == STORE_OK)
        answer_written(c, reply->version);
    else if (if_match_is_etag(t->expect))
        call_refuse(c, BERTH_WHY_ETAG_STALE, (berth_str){ 0 });
    else if (call_again(c))
        enrollment_task_read(c, on_put_read);
}

static void on_put_read(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    const struct enrollment_task *t = c->state;

    if (!enrollment_task_take(c, reply))
        return;
    if (if_match_is_etag(t->expect) && t->expect != t->stored.version)
        call_refuse(c, BERTH_WHY_ETAG_STALE, (berth_str){ 0 });
    else if (decide(c, &t->stored))
        commit(c, t->stored.version, on_updated);
}

static void put(struct call *c, const struct enrollment_sort *sort)
{
    const struct enrollment_task *t = begin(c, sort);

    if (t == NULL)
        return;
    if (t->expect != BERTH_ANY)
        enrollment_task_read(c, on_put_read);
    else if (decide(c, NULL))
        commit(c, BERTH_ABSENT, on_created);
}

void api_enrollment_put(struct call *c)
{
    put(c, &sort_individual);
}

void api_group_put(struct call *c)
{
    put(c, &sort_group);
}

/* ---- DELETE ---- */

/* Which of the two it was: gone, or another version. */
static void on_delete_read(void *user, const struct store_reply *reply)
{
    struct call *c = user;

    if (enrollment_task_take(c, reply))
        call_refuse(c, BERTH_WHY_ETAG_STALE, (berth_str){ 0 });
}

static void on_deleted(void *user, const struct store_reply *reply)
{
    struct call *c = user;

    if (!call_stored(c, reply))
        return;
    if (reply->result == STORE_OK)
        call_empty(c, 204);
    else
        enrollment_task_read(c, on_delete_read);
}

static void delete_one(struct call *c, const struct enrollment_sort *sort)
{
    const struct enrollment_task *t = begin(c, sort);
    struct berth_change change = { .type = BERTH_DELETE };

    if (t == NULL)
        return;
    change.expect = t->expect == BERTH_ANY ? BERTH_PRESENT : t->expect;
    change.rec.kind = sort->kind;
    change.rec.key = t->key;
    store_commit(c->f->store, &change, 1, loop_now_ms(c->f->loop), on_deleted, c);
}

void api_enrollment_delete(struct call *c)
{
    delete_one(c, &sort_individual);
}

void api_group_delete(struct call *c)
{
    delete_one(c, &sort_group);
}

/* ---- query ---- */

static bool put_listed(const struct call *c, struct berth_buf *b, const struct berth_record *rec,
                       struct berth_arena *memory)
{
    /* in the arena, not on the stack: it holds keys, and the arena is wiped */
    struct berth_enrollment *e = berth_arena_alloc(memory, sizeof *e);

    (void)c;
    if (e == NULL || berth_enrollment_decode(rec, memory, e) != BERTH_OK)
        return false;
    berth_enrollment_put(b, e, false, (berth_str){ 0 });
    return true;
}

/* The text of the query is not looked at: Azure's service gives everything, whatever it says, and
 * clients send "*", "SELECT *" and more. */
static void query(struct call *c, const struct enrollment_sort *sort)
{
    struct page *p = page_new(c, sort->item_type);

    if (p == NULL)
        return;
    p->put = put_listed;
    page_run(c, p, sort->kind, (berth_str){ 0 }, (berth_str){ 0 });
}

void api_enrollment_query(struct call *c)
{
    query(c, &sort_individual);
}

void api_group_query(struct call *c)
{
    query(c, &sort_group);
}
