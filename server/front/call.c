#include "front/call.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "berth/registration_id.h"
#include "wire/percent.h"

static void on_abandoned(struct http_exchange *x)
{
    struct call *c = x->user;

    c->x = NULL;
    if (c->gone != NULL)
        c->gone(c);
}

static bool copy(struct call *c, berth_str from, berth_str *to)
{
    return berth_arena_dup(&c->arena, from, to) == BERTH_OK;
}

/* The views of an exchange end with it; a call may outlive it. */
static bool copy_request(struct call *c)
{
    const struct http_exchange *x = c->x;
    const struct peer *peer = layer_peer(x->layer);
    berth_str if_match = http_field(x, BERTH_STR("if-match"));

    if (peer != NULL)
        memcpy(c->peer, peer->text, sizeof c->peer);
    return copy(c, x->method_text, &c->method_text) && copy(c, x->path, &c->path) &&
           copy(c, x->body, &c->body) && (if_match.p == NULL || copy(c, if_match, &c->if_match));
}

static berth_err decode_segment(struct call *c, berth_str text)
{
    struct berth_buf b;
    berth_err e;

    if (text.n == 0 || c->segment_count == CALL_SEGMENTS_MAX)
        return BERTH_E_NOT_FOUND;
    berth_arena_lend(&c->arena, &b);
    e = berth_percent_decode(text, &b);
    if (e == BERTH_OK)
        e = berth_arena_keep(&c->arena, &b, &c->segments[c->segment_count]);
    if (e == BERTH_OK)
        c->segment_count++;
    return e;
}

/* A trailing slash is as good as none: the Node and C SDKs write "/devices/?..". */
static berth_err take_path_apart(struct call *c)
{
    berth_str rest = c->path;
    berth_err e = BERTH_OK;

    if (!berth_str_skip(&rest, BERTH_STR("/")))
        return BERTH_E_NOT_FOUND;
    while (rest.n > 0 && e == BERTH_OK)
        e = decode_segment(c, berth_str_cut(&rest, '/'));
    return e;
}

static void enlist(struct call *c)
{
    c->next = c->f->calls;
    if (c->next != NULL)
        c->next->prev = &c->next;
    c->prev = &c->f->calls;
    c->f->calls = c;
}

struct call *call_new(struct front *f, struct http_exchange *x, enum call_dialect dialect)
{
    struct call *c = malloc(sizeof *c + CALL_ARENA_SIZE);
    berth_err e;

    if (c == NULL) {
        http_respond(x, 503, NULL, 0, (berth_str){ 0 });
        return NULL;
    }
    *c = (struct call){ .f = f, .x = x, .dialect = dialect, .method = x->method };
    enlist(c);
    berth_arena_init(&c->arena, c->memory, CALL_ARENA_SIZE);
    front_tracking_id(f, c->tracking);
    x->user = c;
    x->abandoned = on_abandoned;
    metrics_add(f->metrics, service_requests, 1);

    if (!copy_request(c)) {
        call_fail(c, BERTH_WHY_INTERNAL, "a request does not fit its call");
        return NULL;
    }
    if (f->stopping) {
        call_refuse(c, BERTH_WHY_STOPPING, (berth_str){ 0 });
        return NULL;
    }
    e = take_path_apart(c);
    if (e == BERTH_OK)
        return c;
    if (e == BERTH_E_SYNTAX)
        call_refuse(c, BERTH_WHY_REQUEST_INVALID, BERTH_STR("The path has a broken escape."));
    else
        call_refuse(c, BERTH_WHY_ROUTE_UNKNOWN, (berth_str){ 0 });
    return NULL;
}

/* Whether the peer has failed so often that it is not even listened to. */
static bool peer_may_ask(struct call *c, const struct sockaddr *addr)
{
    c->retry_after_s = limits_peer(c->f->limits, addr, loop_mono_ms(c->f->loop));
    if (c->retry_after_s == 0)
        return true;
    metrics_add(c->f->metrics, throttled, 1);
    call_refuse(c, BERTH_WHY_THROTTLED_PEER, (berth_str){ 0 });
    return false;
}

bool call_allowed(struct call *c, berth_str hub, unsigned rights)
{
    struct front *f = c->f;
    const struct peer *peer = layer_peer(c->x->layer);
    const struct sockaddr *addr = peer == NULL ? NULL : (const struct sockaddr *)&peer->addr;
    const struct berth_policy *policies, *used = NULL;
    enum berth_reason why = BERTH_WHY_NONE;
    size_t count = 0;

    if (addr != NULL && !peer_may_ask(c, addr))
        return false;
    store_deliver_changes(f->store);
    policies = catalog_policies(f->catalog, hub, &count);
    struct berth_service_request req = {
        .authorization = http_field(c->x, BERTH_STR("authorization")),
        .host = c->x->host,
        .path = c->x->path,
        .rights = rights,
    };
    if (berth_policy_judge(f->crypto, &req, policies, count, loop_now_ms(f->loop) / 1000, &why,
                           &used) != BERTH_OK) {
        call_fail(c, BERTH_WHY_CRYPTO_FAILED, "the crypto library could not judge a service token");
        return false;
    }
    if (used != NULL && !copy(c, used->name, &c->policy)) {
        call_fail(c, BERTH_WHY_INTERNAL, "a policy's name does not fit its call");
        return false;
    }
    if (why == BERTH_WHY_NONE)
        return true;
    /* A right that is missing is no guess at a key: it does not count against the address. */
    if (addr != NULL && why != BERTH_WHY_RIGHT_MISSING)
        limits_peer_failed(f->limits, addr, loop_mono_ms(f->loop));
    call_refuse(c, why, (berth_str){ 0 });
    return false;
}

static void note_high(struct call *c)
{
    if (c->arena.n > c->high)
        c->high = c->arena.n;
}

void call_mark(struct call *c)
{
    c->mark = c->arena.n;
}

bool call_again(struct call *c)
{
    metrics_add(c->f->metrics, decisions_repeated, 1);
    if (++c->tries >= CALL_TRIES_MAX) {
        call_refuse(c, BERTH_WHY_CONTENDED, (berth_str){ 0 });
        return false;
    }
    note_high(c);
    c->arena.n = c->mark;
    return true;
}

bool call_stored(struct call *c, const struct store_reply *reply)
{
    if (reply->result != STORE_FAILED)
        return true;
    call_fail(c, BERTH_WHY_STORE_FAILED,
              reply->problem != NULL ? reply->problem : "the store failed");
    return false;
}

static bool fill_key(struct call *c, struct berth_key *key, const struct berth_key *kept,
                     uint8_t size)
{
    const struct berth_crypto *crypto = c->f->crypto;

    assert(size <= BERTH_KEY_MAX);
    if (key->n > 0)
        return true;
    if (kept != NULL && kept->n > 0) {
        *key = *kept;
        return true;
    }
    if (crypto->random(crypto->ctx, key->bytes, size) != BERTH_OK)
        return false;
    key->n = size;
    return true;
}

bool call_fill_keys(struct call *c, struct berth_key_pair *pair, const struct berth_key_pair *kept,
                    uint8_t size)
{
    if (fill_key(c, &pair->primary, kept == NULL ? NULL : &kept->primary, size) &&
        fill_key(c, &pair->secondary, kept == NULL ? NULL : &kept->secondary, size))
        return true;
    call_fail(c, BERTH_WHY_CRYPTO_FAILED, "no random bytes for a key");
    return false;
}

bool call_key(struct call *c, berth_str id, enum berth_reason invalid, berth_str *key)
{
    struct berth_id_check check = berth_registration_id_check(id);

    if (check.fault != BERTH_ID_FINE)
        call_refuse(c, invalid, berth_str_of(berth_id_fault_text(check.fault)));
    else if (berth_arena_lower(&c->arena, id, key) != BERTH_OK)
        call_fail(c, BERTH_WHY_INTERNAL, "a call's arena is exhausted");
    else
        return true;
    return false;
}

void *call_alloc(struct call *c, size_t size)
{
    void *p = berth_arena_alloc(&c->arena, size);

    if (p == NULL)
        call_fail(c, BERTH_WHY_INTERNAL, "a call's arena is exhausted");
    return p;
}

void call_body(struct call *c, struct berth_buf *b)
{
    berth_arena_lend(&c->arena, b);
}
