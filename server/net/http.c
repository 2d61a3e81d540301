#include "net/http_impl.h"

#include <assert.h>
#include <stdlib.h>

#include "berth/buf.h"

enum http_state {
    HTTP_TAKING,    /* between requests, or in one */
    HTTP_ANSWERING, /* the handler has it; further input stays below */
    HTTP_SENDING,   /* the answer has not been taken whole yet */
    HTTP_SWITCHED,  /* 101 has left: what comes is the successor's */
    HTTP_CLOSING,
};

struct http {
    struct layer l;
    const struct http_options *o;
    enum http_state state;
    bool inside;            /* within input: it goes on by itself after an answer */
    bool ended;             /* the peer asks for nothing more */
    bool close_after;       /* the answer is the last one */
    struct http_request *r; /* NULL between requests */
    struct bytes unsent;    /* the answer, from SENT on */
    size_t sent;
    http_successor *make; /* the answer is 101; NULL: any other */
    void *make_user;
    struct deadline limit;
    struct deadline turn; /* set: other connections have theirs first */
    unsigned taken;       /* requests of this turn */
};

static struct http *http_of(struct layer *l)
{
    return (struct http *)(void *)((char *)l - offsetof(struct http, l));
}

static struct http *limited(struct deadline *d)
{
    return (struct http *)(void *)((char *)d - offsetof(struct http, limit));
}

static void hang_up(struct http *h)
{
    if (h->state == HTTP_CLOSING)
        return;
    h->state = HTTP_CLOSING;
    h->make = NULL;
    deadline_clear(&h->limit);
    deadline_clear(&h->turn);
    bytes_free(&h->unsent);
    http_request_free(h->r);
    h->r = NULL;
    layer_close(h->l.below);
}

static void on_slow(struct deadline *d)
{
    hang_up(limited(d)); /* idle, or not reading its answer: nobody there to be told */
}

static void await_request(struct http *h)
{
    h->state = HTTP_TAKING;
    deadline_set(h->l.loop, &h->limit, HTTP_IDLE_MS, on_slow);
    if (!h->inside)
        layer_resume(h->l.below);
}

/* Leaves the connection to the successor; H is gone afterwards. */
static struct layer *give_way(struct http *h)
{
    struct layer *below = h->l.below;
    struct layer *next = h->make(h->make_user, below);

    if (next == NULL) {
        hang_up(h);
        return NULL;
    }
    below->above = next;
    free(h);
    return next;
}

static void switch_over(struct http *h)
{
    struct layer *below = h->l.below;

    h->state = HTTP_SWITCHED;
    deadline_clear(&h->limit);
    deadline_clear(&h->turn);
    if (!h->inside && give_way(h) != NULL)
        layer_resume(below);
}

/* Hands on what is left of the answer. H may be gone afterwards, unless INSIDE. */
static void push(struct http *h)
{
    h->sent += layer_write(h->l.below, h->unsent.p + h->sent, h->unsent.n - h->sent);
    if (h->sent < h->unsent.n) {
        h->state = HTTP_SENDING;
        deadline_set(h->l.loop, &h->limit, HTTP_SEND_MS, on_slow);
        return;
    }
    bytes_free(&h->unsent);
    h->sent = 0;
    if (h->close_after)
        hang_up(h);
    else if (h->make != NULL)
        switch_over(h);
    else
        await_request(h);
}

/* Ends the present request; what A borrows from it is copied first. */
static void answer(struct http *h, const struct http_answer *a)
{
    bool written = http_write(a, &h->unsent);

    h->l.answering = false;
    h->close_after = !a->keep_alive || h->ended;
    http_request_free(h->r);
    h->r = NULL;
    if (written)
        push(h);
    else
        hang_up(h);
}

void http_respond(struct http_exchange *x, int status, const struct http_header *headers,
                  size_t count, berth_str body)
{
    struct http_request *r = (struct http_request *)(void *)x; /* its first member */
    struct http *h = r->h;
    struct http_answer a = {
        .status = status,
        .headers = headers,
        .count = count,
        .body = body,
        .head = x->method == HTTP_HEAD,
        .keep_alive = r->keep_alive && !h->ended,
        .old = r->old,
        .now_ms = loop_now_ms(h->l.loop),
    };

    assert(h->state == HTTP_ANSWERING && h->r == r);
    answer(h, &a);
}

void http_switch(struct http_exchange *x, const struct http_header *headers, size_t count,
                 http_successor *make, void *user)
{
    struct http *h = ((struct http_request *)(void *)x)->h;
    struct http_answer a = {
        .status = 101,
        .headers = headers,
        .count = count,
        .keep_alive = true,
        .now_ms = loop_now_ms(h->l.loop),
    };

    assert(h->state == HTTP_ANSWERING && x->may_switch);
    h->make = make;
    h->make_user = user;
    answer(h, &a);
}

/* What the peer is told; the operator hears WHY from whoever listens to REFUSED. */
static berth_str error_body(int status, const char *why, struct berth_buf *b)
{
    int code = status == 400 ? 400004 : status * 1000 + 1;

    berth_buf_put(b, BERTH_STR("{\"errorCode\":"));
    berth_buf_put_i64(b, code);
    berth_buf_put(b, BERTH_STR(",\"message\":\""));
    for (const char *c = why; *c != '\0'; c++) {
        if (*c != '"' && *c != '\\' && (unsigned char)*c >= 0x20)
            berth_buf_put_char(b, *c);
    }
    berth_buf_put(b, BERTH_STR("\"}"));
    return berth_buf_str(b);
}

/* After a refusal nobody knows where the next request would begin, so it is the last answer. */
static void refuse(struct http *h, int status, const char *why)
{
    static const struct http_header json = { BERTH_STR_INIT("Content-Type"),
                                             BERTH_STR_INIT("application/json; charset=utf-8") };
    char text[256];
    struct berth_buf b;

    if (h->o->refused != NULL)
        h->o->refused(h->o->user, &h->l, status, why);
    berth_buf_init(&b, text, sizeof text);
    struct http_answer a = {
        .status = status,
        .headers = &json,
        .count = 1,
        .body = error_body(status, why, &b),
        .now_ms = loop_now_ms(h->l.loop),
    };
    answer(h, &a);
}

static void on_header_slow(struct deadline *d)
{
    refuse(limited(d), 408, "the header took too long");
}

static void on_body_slow(struct deadline *d)
{
    refuse(limited(d), 408, "the body took too long");
}

static bool begin(struct http *h)
{
    h->r = http_request_new(h, h->l.loop);
    if (h->r == NULL) {
        hang_up(h);
        return false;
    }
    deadline_set(h->l.loop, &h->limit, HTTP_HEADER_MS, on_header_slow);
    return true;
}

static void call_handler(struct http *h)
{
    struct http_exchange *x = &h->r->x;

    deadline_clear(&h->limit);
    h->taken++;
    h->state = HTTP_ANSWERING;
    h->l.answering = true;
    x->layer = &h->l;
    h->o->handler(h->o->user, x);
}

/* RFC 9110 section 10.1.1: the peer holds its body back until it is asked for it. One that does not
 * read its answers is not asked; it has to give up waiting some time. */
static void go_ahead(struct http *h)
{
    const berth_str interim = BERTH_STR("HTTP/1.1 100 Continue\r\n\r\n");
    size_t taken = layer_write(h->l.below, interim.p, interim.n);

    if (taken > 0 && taken < interim.n)
        hang_up(h);
}

static void await_body(struct http *h, bool none_yet)
{
    deadline_set(h->l.loop, &h->limit, HTTP_BODY_MS, on_body_slow);
    if (none_yet && h->r->expects)
        go_ahead(h);
}

/* Goes on with the present request, or begins one; returns how many bytes it took. */
static size_t take(struct http *h, const uint8_t *p, size_t n)
{
    if (h->r == NULL && !begin(h))
        return n;
    bool in_header = h->r->phase < HTTP_IN_BODY;
    size_t used = http_request_feed(h->r, p, n);

    if (h->r->phase == HTTP_REFUSED)
        refuse(h, h->r->status, h->r->why);
    else if (h->r->phase == HTTP_COMPLETE)
        call_handler(h);
    else if (in_header && h->r->phase == HTTP_IN_BODY)
        await_body(h, h->r->body_bytes == 0);
    return used;
}

/* What is left behind the request that asked for the switch goes to whom it switched to. */
static size_t hand_over(struct http *h, const uint8_t *p, size_t n, size_t used)
{
    struct layer *next = give_way(h);

    if (next == NULL)
        return n;
    return used < n ? used + layer_input(next, p + used, n - used) : n;
}

static void on_turn(struct deadline *d)
{
    struct http *h = (struct http *)(void *)((char *)d - offsetof(struct http, turn));

    if (h->state == HTTP_TAKING) /* else whoever answers resumes */
        layer_resume(h->l.below);
}

/* A peer may send thousands of requests in one flight: after some of them the others have their
 * turn. */
static size_t http_input(struct layer *l, const uint8_t *p, size_t n)
{
    struct http *h = http_of(l);
    size_t used = 0;

    h->inside = true;
    h->taken = 0;
    while (used < n && h->state == HTTP_TAKING && h->taken < HTTP_TURN_MAX)
        used += take(h, p + used, n - used);
    h->inside = false;
    if (used < n && h->state == HTTP_TAKING)
        deadline_set(h->l.loop, &h->turn, 0, on_turn);
    if (h->state == HTTP_SWITCHED)
        return hand_over(h, p, n, used);
    return h->state == HTTP_CLOSING ? n : used;
}

static void http_writable(struct layer *l)
{
    struct http *h = http_of(l);

    if (h->state == HTTP_SENDING)
        push(h);
}

/* A peer may end its side behind its last request, and still read. */
static void http_ended(struct layer *l)
{
    struct http *h = http_of(l);

    h->ended = true;
    h->close_after = true;
    if (h->state == HTTP_ANSWERING && h->r->x.idle)
        layer_close(h->l.below); /* CLOSED tells the handler that its peer is gone */
    else if (h->state != HTTP_ANSWERING && h->state != HTTP_SENDING)
        hang_up(h);
}

static void http_closed(struct layer *l)
{
    struct http *h = http_of(l);

    deadline_clear(&h->limit);
    deadline_clear(&h->turn);
    if (h->state == HTTP_ANSWERING && h->r->x.abandoned != NULL)
        h->r->x.abandoned(&h->r->x);
    http_request_free(h->r);
    bytes_free(&h->unsent);
    free(h);
}

static const struct layer_ops http_ops = {
    .input = http_input,
    .writable = http_writable,
    .ended = http_ended,
    .closed = http_closed,
};

struct layer *http_layer_new(struct layer *below, const struct http_options *o)
{
    struct http *h = calloc(1, sizeof *h);

    if (h == NULL)
        return NULL;
    h->l = (struct layer){ .ops = &http_ops, .below = below, .loop = below->loop };
    h->o = o;
    deadline_set(below->loop, &h->limit, HTTP_IDLE_MS, on_slow);
    return &h->l;
}

berth_str http_field(const struct http_exchange *x, berth_str name)
{
    for (size_t i = 0; i < x->header_count; i++) {
        if (berth_str_ieq(x->headers[i].name, name))
            return x->headers[i].value;
    }
    return (berth_str){ 0 };
}
