/* The http layer over the rig: the first byte says how the input is split and answered, the rest
 * is what the peer sends. Requests must come to the handler the same however they are split. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/http.h"
#include "net/loop.h"
#include "tests/unit/layer_rig.h"

#define SPLITS    0x0f /* of the first byte: the largest piece, 0 for all at once */
#define LATE      0x10 /* answers come in later events */
#define NARROW    0x20 /* the peer reads slowly */
#define LEAVES    0x40 /* the peer goes away in the end without waiting */
#define ROUNDS    200000
#define DIGEST_AT 14695981039346656037u

struct run {
    struct http_exchange *waiting;
    uint64_t digest; /* of all requests seen */
    int requests, ended, refused;
    uint8_t mode;
};

static struct loop *loop;

static void mix(struct run *r, berth_str s)
{
    for (size_t i = 0; i < s.n; i++)
        r->digest = (r->digest ^ (uint8_t)s.p[i]) * 1099511628211u;
    r->digest = (r->digest ^ s.n) * 1099511628211u;
}

static void require(bool held)
{
    if (!held)
        abort();
}

static void on_abandoned(struct http_exchange *x)
{
    struct run *r = x->user;

    r->waiting = NULL;
    r->ended++;
}

static void answer(struct run *r, struct http_exchange *x)
{
    static const struct http_header json = { BERTH_STR_INIT("Content-Type"),
                                             BERTH_STR_INIT("application/json") };

    r->waiting = NULL;
    r->ended++;
    http_respond(x, 200, &json, 1, x->body);
}

static void handler(void *user, struct http_exchange *x)
{
    struct run *r = user;

    require(r->waiting == NULL);
    require(x->target.n > 0 && x->target.n <= HTTP_TARGET_MAX);
    require(x->header_count <= HTTP_HEADERS_MAX);
    require(x->body.n <= HTTP_BODY_MAX);
    r->requests++;
    mix(r, x->method_text);
    mix(r, x->target);
    mix(r, x->path);
    mix(r, x->query);
    mix(r, x->host);
    mix(r, x->body);
    for (size_t i = 0; i < x->header_count; i++) {
        mix(r, x->headers[i].name);
        mix(r, x->headers[i].value);
        require(memchr(x->headers[i].value.p, '\n', x->headers[i].value.n) == NULL);
    }
    x->user = r;
    x->abandoned = on_abandoned;
    r->waiting = x;
    if ((r->mode & LATE) == 0)
        answer(r, x);
}

static void on_refused(void *user, struct layer *l, int status, const char *why)
{
    struct run *r = user;

    (void)l;
    require(status >= 400 && status < 600 && why != NULL);
    r->refused++;
}

/* Lets later events happen until nothing more comes of them. */
static void settle(struct rig *rig, struct run *r)
{
    for (int i = 0; i < ROUNDS && !rig->closed; i++) {
        size_t out = rig->out.n;
        size_t in = rig->in.n;

        if (r->waiting != NULL)
            answer(r, r->waiting);
        if (rig->starved)
            rig_drain(rig, 4096);
        if (rig->close_wanted)
            rig_close(rig);
        if (rig->in.n > 0 && !rig->resumed) /* after some requests others have their turn */
            (void)uv_run(loop_uv(rig->l.loop), UV_RUN_NOWAIT);
        if (rig->resumed)
            rig_turn(rig);
        if (r->waiting == NULL && !rig->starved && !rig->resumed && rig->out.n == out &&
            rig->in.n == in)
            return;
    }
}

static struct run play(uint8_t mode, const uint8_t *p, size_t n)
{
    struct run r = { .mode = mode, .digest = DIGEST_AT };
    struct http_options o = { .handler = handler, .user = &r, .refused = on_refused };
    struct rig rig;
    size_t most = mode & SPLITS ? (size_t)1 << ((mode & SPLITS) - 1) : n;

    rig_init(&rig, loop);
    if (mode & NARROW)
        rig.capacity = 100;
    rig.l.above = http_layer_new(&rig.l, &o);
    require(rig.l.above != NULL);
    for (size_t at = 0; at < n; at += most) {
        rig_offer(&rig, p + at, n - at < most ? n - at : most);
        if ((mode & LEAVES) == 0)
            settle(&rig, &r);
    }
    rig_close(&rig);
    rig_deinit(&rig);
    require(r.waiting == NULL);
    require(r.requests == r.ended);
    require(r.refused <= 1);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    if (loop == NULL && loop_new(0, &loop) != BERTH_OK)
        abort();
    if (n == 0)
        return 0;
    struct run split = play(p[0], p + 1, n - 1);
    struct run whole = play(0, p + 1, n - 1);
    if ((p[0] & LEAVES) == 0) {
        require(split.requests == whole.requests);
        require(split.digest == whole.digest);
        require(split.refused == whole.refused);
    }
    return 0;
}
