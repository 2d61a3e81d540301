/* The service API of registrations: what became of each device. */
#include "crypto/b64.h"
#include "front/if_match.h"
#include "front/page.h"
#include "front/service.h"
#include "prov/enrollment.h"
#include "prov/registration.h"
#include "wire/query.h"

/* A registration's etag is the base64 of a quoted one: "IjAw..". Both forms are taken, with or
 * without quotes around. */
static uint64_t registration_etag_parse(berth_str header)
{
    uint8_t plain[64];
    berth_str text = header;
    size_t n;

    (void)berth_str_skip(&text, BERTH_STR("W/"));
    while (text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"')
        text = berth_str_sub(text, 1, text.n - 2);
    if (berth_b64_decode(text, plain, sizeof plain, &n) == BERTH_OK && n > 0 && plain[0] == '"')
        return berth_etag_parse((berth_str){ (const char *)plain, n });
    return berth_etag_parse(header);
}

/* The key of the registration addressed; false after refusing. */
static bool begin(struct call *c, berth_str *key)
{
    return call_key(c, c->segments[1], BERTH_WHY_REGISTRATION_ID_INVALID, key);
}

static void on_read(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    struct berth_registration r;
    struct berth_buf b;

    if (!call_stored(c, reply))
        return;
    if (reply->count == 0) {
        call_refuse(c, BERTH_WHY_REGISTRATION_NOT_FOUND, (berth_str){ 0 });
        return;
    }
    if (berth_registration_decode(&reply->records[0], &c->arena, &r) != BERTH_OK) {
        call_fail(c, BERTH_WHY_RECORD_DAMAGED, "a registration's record is damaged");
        return;
    }
    call_body(c, &b);
    berth_registration_put(&b, &r);
    call_send(c, 200, &b, NULL, 0);
}

void api_registration_get(struct call *c)
{
    berth_str key;

    if (begin(c, &key))
        store_get(c->f->store, BERTH_KIND_REGISTRATION, (berth_str){ 0 }, key, on_read, c);
}

/* Which of the two it was: gone, or another version. */
static void on_delete_read(void *user, const struct store_reply *reply)
{
    struct call *c = user;

    if (call_stored(c, reply))
        call_refuse(c, reply->count == 0 ? BERTH_WHY_REGISTRATION_NOT_FOUND : BERTH_WHY_ETAG_STALE,
                    (berth_str){ 0 });
}

static void on_deleted(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    const berth_str *key = c->state;

    if (!call_stored(c, reply))
        return;
    if (reply->result == STORE_OK)
        call_empty(c, 204);
    else
        store_get(c->f->store, BERTH_KIND_REGISTRATION, (berth_str){ 0 }, *key, on_delete_read, c);
}

/* The device stays in its hub: the next registration is decided as a first one. */
void api_registration_delete(struct call *c)
{
    uint64_t expect = if_match(c, registration_etag_parse);
    struct berth_change change = { .type = BERTH_DELETE,
                                   .expect = expect == BERTH_ANY ? BERTH_PRESENT : expect };
    berth_str *key = call_alloc(c, sizeof *key);

    if (key == NULL || !begin(c, key))
        return;
    c->state = key;
    change.rec.kind = BERTH_KIND_REGISTRATION;
    change.rec.key = *key;
    store_commit(c->f->store, &change, 1, loop_now_ms(c->f->loop), on_deleted, c);
}

static bool put_listed(const struct call *c, struct berth_buf *b, const struct berth_record *rec,
                       struct berth_arena *memory)
{
    struct berth_registration r;

    (void)c;
    if (berth_registration_decode(rec, memory, &r) != BERTH_OK)
        return false;
    berth_registration_put(b, &r);
    return true;
}

/* Those of one group. A group that is not there has none; one that was deleted leaves some. */
void api_registration_query(struct call *c)
{
    struct page *p;
    berth_str owner;

    if (!begin(c, &owner))
        return;
    p = page_new(c, "DeviceRegistration");
    if (p == NULL)
        return;
    p->put = put_listed;
    page_run(c, p, BERTH_KIND_REGISTRATION, (berth_str){ 0 }, owner);
}

/* All there are: /berth/v1/registrations?top=n. */
void api_registration_list(struct call *c)
{
    berth_str top = berth_query_get(c->x->query, BERTH_STR("top"));
    struct page *p = page_new(c, "DeviceRegistration");

    if (p == NULL)
        return;
    if (top.p != NULL && !page_limit(top, &p->limit)) {
        call_refuse(c, BERTH_WHY_REQUEST_INVALID, BERTH_STR("top must be a number from 1."));
        return;
    }
    p->put = put_listed;
    page_run(c, p, BERTH_KIND_REGISTRATION, (berth_str){ 0 }, (berth_str){ 0 });
}
