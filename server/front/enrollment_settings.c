/* What berth adds to an enrollment and Azure's document has no member for:
 * /berth/v1/enrollments/{id}/settings. */
#include "front/if_match.h"
#include "front/service.h"
#include "prov/enrollment.h"
#include "wire/json.h"

struct task {
    enum berth_kind kind;
    enum berth_reason missing;
    berth_str key;
    uint64_t expect; /* of If-Match */
    bool assigning_first;
    struct berth_enrollment e;
};

static struct task *begin(struct call *c, enum berth_kind kind)
{
    bool is_group = kind == BERTH_KIND_GROUP;
    berth_str id = c->segments[3];
    struct berth_id_check check = berth_registration_id_check(id);
    struct task *t;

    if (check.fault != BERTH_ID_FINE) {
        call_refuse(c, is_group ? BERTH_WHY_GROUP_ID_INVALID : BERTH_WHY_REGISTRATION_ID_INVALID,
                    berth_str_of(berth_id_fault_text(check.fault)));
        return NULL;
    }
    t = call_alloc(c, sizeof *t);
    if (t == NULL)
        return NULL;
    t->kind = kind;
    t->missing = is_group ? BERTH_WHY_GROUP_NOT_FOUND : BERTH_WHY_ENROLLMENT_NOT_FOUND;
    t->expect = if_match(c, berth_etag_parse);
    if (berth_arena_lower(&c->arena, id, &t->key) != BERTH_OK) {
        call_fail(c, BERTH_WHY_INTERNAL, "a call's arena is exhausted");
        return NULL;
    }
    c->state = t;
    call_mark(c);
    return t;
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

static bool take_stored(struct call *c, const struct store_reply *reply)
{
    struct task *t = c->state;

    if (!call_stored(c, reply))
        return false;
    if (reply->count == 0) {
        call_refuse(c, t->missing, (berth_str){ 0 });
        return false;
    }
    if (berth_enrollment_decode(&reply->records[0], &c->arena, &t->e) == BERTH_OK)
        return true;
    call_fail(c, BERTH_WHY_RECORD_DAMAGED, "an enrollment's record is damaged");
    return false;
}

static void read_enrollment(struct call *c, store_done *done)
{
    const struct task *t = c->state;

    store_get(c->f->store, t->kind, (berth_str){ 0 }, t->key, done, c);
}

static void on_read(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    const struct task *t = c->state;

    if (take_stored(c, reply))
        answer(c, t->e.assigning_first);
}

static void get(struct call *c, enum berth_kind kind)
{
    if (begin(c, kind) != NULL)
        read_enrollment(c, on_read);
}

void api_enrollment_settings_get(struct call *c)
{
    get(c, BERTH_KIND_ENROLLMENT);
}

void api_group_settings_get(struct call *c)
{
    get(c, BERTH_KIND_GROUP);
}

static void on_patch_read(void *user, const struct store_reply *reply);

static void on_patched(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    const struct task *t = c->state;

    if (!call_stored(c, reply))
        return;
    if (reply->result == STORE_OK)
        answer(c, t->assigning_first);
    else if (if_match_is_etag(t->expect))
        call_refuse(c, BERTH_WHY_ETAG_STALE, (berth_str){ 0 });
    else if (call_again(c))
        read_enrollment(c, on_patch_read);
}

static void on_patch_read(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    struct task *t = c->state;
    struct berth_change change = { .type = BERTH_PUT };

    if (!take_stored(c, reply))
        return;
    if (if_match_is_etag(t->expect) && t->expect != t->e.version) {
        call_refuse(c, BERTH_WHY_ETAG_STALE, (berth_str){ 0 });
        return;
    }
    t->e.assigning_first = t->assigning_first;
    change.expect = t->e.version;
    if (berth_enrollment_encode(&t->e, &c->arena, &change.rec) != BERTH_OK)
        call_fail(c, BERTH_WHY_INTERNAL, "an enrollment does not fit its record");
    else
        store_commit(c->f->store, &change, 1, loop_now_ms(c->f->loop), on_patched, c);
}

static void patch(struct call *c, enum berth_kind kind)
{
    struct task *t = begin(c, kind);
    struct berth_json doc;

    if (t == NULL)
        return;
    if (berth_json_check(c->body, &doc, NULL) != BERTH_OK ||
        berth_json_bool(berth_json_get(doc, BERTH_STR("assigningFirst")), &t->assigning_first) !=
            BERTH_OK)
        call_refuse(c, BERTH_WHY_REQUEST_INVALID,
                    BERTH_STR("The body must be {\"assigningFirst\": true or false}."));
    else
        read_enrollment(c, on_patch_read);
}

void api_enrollment_settings_patch(struct call *c)
{
    patch(c, BERTH_KIND_ENROLLMENT);
}

void api_group_settings_patch(struct call *c)
{
    patch(c, BERTH_KIND_GROUP);
}
