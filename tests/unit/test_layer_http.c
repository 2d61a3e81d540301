#include "net/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/loop.h"
#include "tests/unit/check.h"
#include "tests/unit/layer_rig.h"

#define OK_GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"

/* What the handler saw, and how it is to answer. */
struct seen {
    int requests;
    int abandoned;
    int refused;
    char line[8192]; /* "METHOD path?query host body", of all requests */
    size_t header_count;
    bool later; /* keeps the exchange in X */
    bool close_below;
    struct http_exchange *x;
    struct http_header extra;
    size_t body_n;
    int status;
    berth_str body;
};

struct fixture {
    struct loop *loop;
    struct rig rig;
    struct seen seen;
    struct http_options o;
};

static void on_abandoned(struct http_exchange *x)
{
    struct seen *s = x->user;

    s->abandoned++;
    s->x = NULL;
}

static void answer(struct seen *s, struct http_exchange *x)
{
    s->x = NULL;
    http_respond(x, s->status, &s->extra, s->extra.name.n > 0, s->body);
}

static void handler(void *user, struct http_exchange *x)
{
    struct seen *s = user;
    size_t at = strlen(s->line);

    s->requests++;
    s->header_count = x->header_count;
    s->body_n = x->body.n;
    snprintf(s->line + at, sizeof s->line - at, "[%.*s %.*s|%.*s|%.*s|%.*s]",
             BERTH_STR_ARG(x->method_text), BERTH_STR_ARG(x->path), BERTH_STR_ARG(x->query),
             BERTH_STR_ARG(x->host), (int)(x->body.n < 64 ? x->body.n : 64), x->body.p);
    x->user = s;
    x->abandoned = on_abandoned;
    s->x = x;
    if (s->close_below)
        layer_close(x->layer->below);
    if (!s->later)
        answer(s, x);
}

static void on_refused(void *user, struct layer *l, int status, const char *why)
{
    struct seen *s = user;

    (void)l;
    assert_non_null(why);
    s->refused = status;
}

static void start(struct fixture *f)
{
    *f = (struct fixture){ .seen = { .status = 200, .body = BERTH_STR_INIT("yes") } };
    assert_int_equal(loop_new(0, &f->loop), BERTH_OK);
    f->o = (struct http_options){ .handler = handler, .user = &f->seen, .refused = on_refused };
    rig_init(&f->rig, f->loop);
    f->rig.l.above = http_layer_new(&f->rig.l, &f->o);
    assert_non_null(f->rig.l.above);
}

static void stop(struct fixture *f)
{
    rig_close(&f->rig);
    rig_deinit(&f->rig);
    loop_free(f->loop);
}

static bool wrote(struct fixture *f, const char *text)
{
    return memmem(f->rig.out.p, f->rig.out.n, text, strlen(text)) != NULL;
}

static int answers(const struct fixture *f)
{
    int n = 0;

    for (size_t i = 0; i + 9 <= f->rig.out.n; i++)
        n += memcmp(f->rig.out.p + i, "HTTP/1.1 ", 9) == 0;
    return n;
}

static void offer_bytewise(struct fixture *f, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        rig_offer(&f->rig, p + i, 1);
        rig_turn(&f->rig);
    }
}

/* A whole conversation: what is sent, what the handler sees, how it ends. */
static const struct {
    const char *name, *in, *seen;
    int refused;   /* status, 0: none */
    bool stays_up; /* the connection is kept */
} talks[] = {
    { "a GET", OK_GET, "[GET /a||h|]", 0, true },
    { "a query, and a port at the host", "GET /a/b?c=d&e HTTP/1.1\r\nHost: H.x:443\r\n\r\n",
      "[GET /a/b|c=d&e|H.x|]", 0, true },
    { "an IPv6 host", "GET / HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n", "[GET /||[::1]|]", 0, true },
    { "a body", "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", "[PUT /a||h|abc]", 0,
      true },
    { "content-length 0 on GET, as the C SDK sends",
      "GET /a HTTP/1.1\r\nHost: h\r\ncontent-length: 0\r\n\r\n", "[GET /a||h|]", 0, true },
    { "chunks, as Node sends",
      "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n",
      "[POST /a||h|abc]", 0, true },
    { "three requests in a row", OK_GET OK_GET OK_GET, "[GET /a||h|][GET /a||h|][GET /a||h|]", 0,
      true },
    { "a body that looks like a request",
      "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 28\r\n\r\n" OK_GET OK_GET,
      "[PUT /a||h|" OK_GET "][GET /a||h|]", 0, true },
    { "a body line that begins with a blank",
      "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n{\n }" OK_GET,
      "[PUT /a||h|{\n }][GET /a||h|]", 0, true },
    { "empty lines before the request", "\r\n\r\n" OK_GET, "[GET /a||h|]", 0, true },
    { "blanks around a value", "GET /a HTTP/1.1\r\nHost:  \t h \t \r\n\r\n", "[GET /a||h|]", 0,
      true },
    { "an absolute target counts more than Host",
      "GET http://other:80/a?b HTTP/1.1\r\nHost: h\r\n\r\n", "[GET /a|b|other|]", 0, true },
    { "HEAD", "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n", "[HEAD /a||h|]", 0, true },
    { "a method for others", "OPTIONS /a HTTP/1.1\r\nHost: h\r\n\r\n", "[OPTIONS /a||h|]", 0,
      true },
    { "an offer to upgrade is ignored",
      "GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" OK_GET,
      "[GET /a||h|][GET /a||h|]", 0, true },
    { "CONNECT opens no tunnel", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n" OK_GET,
      "[CONNECT h:443||h|][GET /a||h|]", 0, true },
    { "Expect gets no interim answer",
      "PUT /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
      "[PUT /a||h|x]", 0, true },
    { "Connection: close", "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" OK_GET,
      "[GET /a||h|]", 0, false },
    { "HTTP/1.0 closes", "GET /a HTTP/1.0\r\n\r\n", "[GET /a|||]", 0, false },
    { "HTTP/1.0 may ask to stay", "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
      "[GET /a|||]", 0, true },
    { "no Host", "GET /a HTTP/1.1\r\n\r\n", "", 400, false },
    { "two Hosts", "GET /a HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", "", 400, false },
    { "a Host that is none", "GET /a HTTP/1.1\r\nHost: h/x\r\n\r\n", "", 400, false },
    { "an absolute target without a good host", "GET http://a@b/ HTTP/1.1\r\nHost: h\r\n\r\n", "",
      400, false },
    { "garbage", "\x16\x03\x01\x02", "", 400, false },
    { "HTTP/2", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", "", 505, false },
    { "the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", 505, false },
    { "trailer fields",
      "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n",
      "", 400, false },
};

static void run_talk(size_t i, bool bytewise)
{
    struct fixture f;

    start(&f);
    if (bytewise)
        offer_bytewise(&f, talks[i].in, strlen(talks[i].in));
    else
        rig_offer(&f.rig, talks[i].in, strlen(talks[i].in));
    rig_turn(&f.rig);
    CHECK(talks[i].name, strcmp(f.seen.line, talks[i].seen) == 0);
    CHECK(talks[i].name, f.seen.refused == talks[i].refused);
    CHECK(talks[i].name, f.rig.closed == !talks[i].stays_up);
    CHECK(talks[i].name, answers(&f) == f.seen.requests + (talks[i].refused != 0));
    CHECK(talks[i].name, f.rig.in.n == 0 || f.rig.closed);
    stop(&f);
}

static void test_talks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(talks); i++) {
        run_talk(i, false);
        run_talk(i, true);
    }
}

/* Each would let a proxy before us see other requests than we do. */
static const struct {
    const char *name, *in;
} smuggled[] = {
    { "Content-Length and Transfer-Encoding",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
      "0\r\n\r\n" },
    { "Transfer-Encoding and Content-Length",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
      "0\r\n\r\n" },
    { "Content-Length twice",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab" },
    { "Content-Length twice, the same",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na" },
    { "Content-Length as a list", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\na" },
    { "Content-Length with a sign", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\na" },
    { "Content-Length below zero", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\na" },
    { "Content-Length in hex", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x1\r\n\r\na" },
    { "Content-Length over 64 bits",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551617\r\n\r\na" },
    { "a blank before the colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n" },
    { "bare LF", "GET / HTTP/1.1\nHost: h\n\n" },
    { "bare LF after a field", "GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n" },
    { "lone CR", "GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n" },
    { "lone CR, then a request", "GET / HTTP/1.1\r\nHost: h\r\nX: y\r\r\n" OK_GET },
    { "xchunked", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" },
    { "gzip, then chunked",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" },
    { "chunked, then identity",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" },
    { "two Transfer-Encodings", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                                "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" },
    { "chunked twice", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
    { "chunked in HTTP/1.0",
      "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
    { "LF in a chunk extension",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;a\nb\r\na\r\n0\r\n\r\n" },
    { "a chunk size in words",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\na\r\n0\r\n\r\n" },
    { "a chunk size over 64 bits",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "10000000000000001\r\na\r\n0\r\n\r\n" },
    { "a chunk longer than its size",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n" },
    { "a folded field", "GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n z\r\n\r\n" },
    { "a field folded with a tab", "GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n\tz\r\n\r\n" },
    { "a folded field without a first line", "GET / HTTP/1.1\r\nHost: h\r\nX:\r\n z\r\n\r\n" },
    { "a fold before the first field", "GET / HTTP/1.1\r\n Host: h\r\n\r\n" },
    { "a folded Transfer-Encoding",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" },
    { "a field without a name", "GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n" },
    { "a field without a colon", "GET / HTTP/1.1\r\nHost: h\r\nfoo\r\n\r\n" },
    { "a blank in the target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n" },
    { "HTTP/0.9", "GET /a\r\n\r\n" },
};

static void test_smuggling(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(smuggled); i++) {
        for (int bytewise = 0; bytewise < 2; bytewise++) {
            struct fixture f;

            start(&f);
            if (bytewise)
                offer_bytewise(&f, smuggled[i].in, strlen(smuggled[i].in));
            else
                rig_offer(&f.rig, smuggled[i].in, strlen(smuggled[i].in));
            rig_turn(&f.rig);
            CHECK(smuggled[i].name, f.seen.requests == 0);
            CHECK(smuggled[i].name, f.seen.refused == 400);
            CHECK(smuggled[i].name, f.rig.closed);
            CHECK(smuggled[i].name, wrote(&f, "HTTP/1.1 400 Bad Request\r\n"));
            CHECK(smuggled[i].name, wrote(&f, "{\"errorCode\":400004,\"message\":\""));
            stop(&f);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_talks),
        cmocka_unit_test(test_smuggling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
