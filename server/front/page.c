#include "front/page.h"

#include <string.h>

#include "crypto/b64.h"
#include "ops/log.h"

#define RECORD_MEMORY    (256 * 1024) /* for one record's document at a time */
#define BODY_MAX         (768 * 1024) /* bytes of an answer; what is left comes with the next page */
#define CHECK_BYTES      4
#define CONTINUATION_MAX 512 /* characters: keys have at most 128 bytes */

bool page_limit(berth_str text, size_t *limit)
{
    uint64_t n;
    berth_err e = berth_str_to_u64(text, &n);

    if (e == BERTH_E_SYNTAX || (e == BERTH_OK && n == 0))
        return false;
    *limit = e == BERTH_OK && n < STORE_LIST_MAX ? (size_t)n : STORE_LIST_MAX;
    return true;
}

/* FNV-1a. Against slips of the pen alone: whoever may list may begin anywhere. */
static void put_check(berth_str key, uint8_t out[CHECK_BYTES])
{
    uint32_t sum = 2166136261u;

    for (size_t i = 0; i < key.n; i++)
        sum = (sum ^ (uint8_t)key.p[i]) * 16777619u;
    for (size_t i = 0; i < CHECK_BYTES; i++)
        out[i] = (uint8_t)(sum >> (8 * i));
}

/* The check, then the key, in base64url without padding (RFC 4648 section 5): safe in a header and
 * in a query. */
static void put_continuation(struct berth_buf *b, berth_str key)
{
    uint8_t bytes[CONTINUATION_MAX];
    size_t from = b->n;

    if (key.n > sizeof bytes - CHECK_BYTES) {
        b->over = true;
        return;
    }
    put_check(key, bytes);
    memcpy(bytes + CHECK_BYTES, key.p, key.n);
    berth_b64_put(b, bytes, CHECK_BYTES + key.n);
    while (b->n > from && b->p[b->n - 1] == '=')
        b->n--;
    for (size_t i = from; i < b->n; i++)
        b->p[i] = (char)(b->p[i] == '+' ? '-' : b->p[i] == '/' ? '_' : b->p[i]);
}

static bool read_continuation(struct call *c, berth_str text, berth_str *key)
{
    char storage[CONTINUATION_MAX + 4];
    uint8_t *out, check[CHECK_BYTES];
    struct berth_buf b;
    size_t n;

    if (text.n == 0 || text.n > CONTINUATION_MAX)
        return false;
    berth_buf_init(&b, storage, sizeof storage);
    for (size_t i = 0; i < text.n; i++) {
        char ch = text.p[i];
        if (ch == '+' || ch == '/')
            return false;
        berth_buf_put_char(&b, (char)(ch == '-' ? '+' : ch == '_' ? '/' : ch));
    }
    while (b.n % 4 != 0)
        berth_buf_put_char(&b, '=');
    out = berth_arena_alloc(&c->arena, CONTINUATION_MAX);
    if (out == NULL || berth_b64_decode(berth_buf_str(&b), out, CONTINUATION_MAX, &n) != BERTH_OK)
        return false;
    if (n <= CHECK_BYTES)
        return false;
    *key = (berth_str){ (const char *)out + CHECK_BYTES, n - CHECK_BYTES };
    put_check(*key, check);
    return memcmp(check, out, CHECK_BYTES) == 0;
}

struct page *page_new(struct call *c, const char *item_type)
{
    berth_str count = http_field(c->x, BERTH_STR("x-ms-max-item-count"));
    berth_str token = http_field(c->x, BERTH_STR("x-ms-continuation"));
    struct page *p = call_alloc(c, sizeof *p);

    if (p == NULL)
        return NULL;
    *p = (struct page){ .item_type = item_type, .limit = PAGE_DEFAULT };
    c->state = p;
    if (count.p != NULL && !page_limit(count, &p->limit)) {
        call_refuse(c, BERTH_WHY_REQUEST_INVALID,
                    BERTH_STR("x-ms-max-item-count must be a number from 1."));
        return NULL;
    }
    if (token.n > 0 && !read_continuation(c, token, &p->after)) {
        call_refuse(c, BERTH_WHY_REQUEST_INVALID,
                    BERTH_STR("x-ms-continuation is not one that this service gave."));
        return NULL;
    }
    return p;
}

/* What was written since BEFORE may hold keys, and the call wipes only what it kept. */
static void take_back(const struct call *c, struct berth_buf *b, size_t before)
{
    c->f->crypto->wipe(c->f->crypto->ctx, b->p + before, b->max - before);
    b->n = before;
    b->over = false;
}

/* Appends one document; when it does not fit, B is as before. False: stop here. */
static bool put_record(const struct call *c, const struct page *p, struct berth_buf *b,
                       const struct berth_record *rec, struct berth_arena *memory, bool first)
{
    size_t before = b->n;

    berth_arena_reset(memory);
    if (!first)
        berth_buf_put_char(b, ',');
    if (!p->put(c, b, rec, memory)) {
        log_event(LOG_ERROR, "record is damaged", LOG_NUM("kind", rec->kind),
                  LOG_TEXT("key", rec->key));
        take_back(c, b, before); /* the others can be shown all the same */
        return true;
    }
    if (!b->over && b->n < b->max)
        return true;
    take_back(c, b, before);
    return false;
}

static void answer(struct call *c, const struct page *p, struct berth_buf *b, berth_str last)
{
    struct http_header headers[2];
    char storage[CONTINUATION_MAX];
    struct berth_buf token;
    size_t n = 0;

    if (p->item_type != NULL)
        headers[n++] =
            (struct http_header){ BERTH_STR("x-ms-item-type"), berth_str_of(p->item_type) };
    if (last.n > 0) {
        berth_buf_init(&token, storage, sizeof storage);
        put_continuation(&token, last);
        if (token.over) {
            call_fail(c, BERTH_WHY_INTERNAL, "a key is too long for a continuation");
            return;
        }
        headers[n++] =
            (struct http_header){ BERTH_STR("x-ms-continuation"), berth_buf_str(&token) };
    }
    call_send(c, 200, b, headers, n);
}

/* A page ends early when the answer is full: the client goes on from there. */
static void on_listed(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    const struct page *p = c->state;
    struct berth_arena memory;
    struct berth_buf b;
    size_t taken = 0;
    void *room;

    if (!call_stored(c, reply))
        return;
    room = call_alloc(c, RECORD_MEMORY);
    if (room == NULL)
        return;
    berth_arena_init(&memory, room, RECORD_MEMORY);
    call_body(c, &b);
    b.max = b.max < BODY_MAX ? b.max : BODY_MAX;
    berth_buf_put_char(&b, '[');
    while (taken < reply->count && put_record(c, p, &b, &reply->records[taken], &memory, b.n == 1))
        taken++;
    if (taken == 0 && reply->count > 0) {
        call_fail(c, BERTH_WHY_INTERNAL, "a record does not fit an answer");
        return;
    }
    berth_buf_put_char(&b, ']');
    answer(c, p, &b,
           taken < reply->count || reply->more ? reply->records[taken - 1].key : (berth_str){ 0 });
}

void page_run(struct call *c, struct page *p, enum berth_kind kind, berth_str scope,
              berth_str owner)
{
    struct store_query q = {
        .kind = kind,
        .scope = scope,
        .owner = owner,
        .after = p->after,
        .limit = p->limit,
    };

    c->state = p;
    store_list(c->f->store, &q, on_listed, c);
}
