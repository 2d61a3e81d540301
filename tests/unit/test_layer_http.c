#include "net/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

static void offer(struct fixture *f, const char *text)
{
    rig_offer(&f->rig, text, strlen(text));
}

static bool wrote(struct fixture *f, const char *text)
{
    return f->rig.out.n > 0 && memmem(f->rig.out.p, f->rig.out.n, text, strlen(text)) != NULL;
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

#define EXPECTING "PUT /a HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: "
#define GO_AHEAD  "HTTP/1.1 100 Continue\r\n\r\n"

static void test_expect(void **state)
{
    static const struct {
        const char *name, *head, *body, *seen;
        size_t capacity;
        bool asked; /* for the body */
    } cases[] = {
        { "body held back", EXPECTING "1\r\n\r\n", "x", "[PUT /a||h|x]", RIG_ALL, true },
        { "body with the header", EXPECTING "2\r\n\r\nx", "y", "[PUT /a||h|xy]", RIG_ALL, false },
        { "no body", EXPECTING "0\r\n\r\n", "", "[PUT /a||h|]", RIG_ALL, false },
        { "body too large", EXPECTING "131073\r\n\r\n", "", "", RIG_ALL, false },
        { "peer that does not read", EXPECTING "1\r\n\r\n", "x", "[PUT /a||h|x]", 0, false },
        { "peer that reads a little", EXPECTING "1\r\n\r\n", "x", "", 3, false },
        { "something else",
          "PUT /a HTTP/1.1\r\nHost: h\r\nExpect: more\r\nContent-Length: 1\r\n\r\n", "x",
          "[PUT /a||h|x]", RIG_ALL, false },
        { "in HTTP/1.0",
          "PUT /a HTTP/1.0\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", "x",
          "[PUT /a||h|x]", RIG_ALL, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        start(&f);
        f.rig.capacity = cases[i].capacity;
        offer(&f, cases[i].head);
        rig_turn(&f.rig);
        CHECK(cases[i].name, wrote(&f, GO_AHEAD) == cases[i].asked);
        offer(&f, cases[i].body);
        rig_turn(&f.rig);
        CHECK(cases[i].name, strcmp(f.seen.line, cases[i].seen) == 0);
        stop(&f);
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
    { "a scheme in capitals", "GET HTTPS://other/a HTTP/1.1\r\nHost: h\r\n\r\n", "[GET /a||other|]",
      0, true },
    { "HEAD", "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n", "[HEAD /a||h|]", 0, true },
    { "a method for others", "OPTIONS /a HTTP/1.1\r\nHost: h\r\n\r\n", "[OPTIONS /a||h|]", 0,
      true },
    { "an offer to upgrade is ignored",
      "GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" OK_GET,
      "[GET /a||h|][GET /a||h|]", 0, true },
    { "CONNECT opens no tunnel", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n" OK_GET,
      "[CONNECT h:443||h|][GET /a||h|]", 0, true },
    { "a body after CONNECT is no request",
      "CONNECT h:443 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", "[CONNECT h:443||h|abc]",
      0, true },
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
        offer(&f, talks[i].in);
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
                offer(&f, smuggled[i].in);
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

/* A request whose measured part has SIZE bytes or fields. */
static char *sized(const char *part, size_t size, size_t *n)
{
    char *p = malloc(size * 8 + 8192);
    size_t at;

    assert_non_null(p);
    if (strcmp(part, "target") == 0) {
        at = (size_t)sprintf(p, "GET /");
        memset(p + at, 'a', size - 1);
        at += size - 1;
        at += (size_t)sprintf(p + at, " HTTP/1.1\r\nHost: h\r\n\r\n");
    } else if (strcmp(part, "fields") == 0) {
        at = (size_t)sprintf(p, "GET / HTTP/1.1\r\nHost: h\r\n");
        for (size_t i = 1; i < size; i++)
            at += (size_t)sprintf(p + at, "X: y\r\n");
        at += (size_t)sprintf(p + at, "\r\n");
    } else if (strcmp(part, "header") == 0) {
        at = (size_t)sprintf(p, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
        memset(p + at, 'a', size - 16);
        at += size - 16;
        at += (size_t)sprintf(p + at, "\r\n\r\n");
    } else if (strcmp(part, "body") == 0) {
        at = (size_t)sprintf(p, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", size);
        memset(p + at, 'a', size);
        at += size;
    } else {
        at = (size_t)sprintf(p, "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (size_t i = 0; i < size; i += 1024) {
            size_t chunk = size - i < 1024 ? size - i : 1024;
            at += (size_t)sprintf(p + at, "%zx\r\n", chunk);
            memset(p + at, 'a', chunk);
            at += chunk;
            at += (size_t)sprintf(p + at, "\r\n");
        }
        at += (size_t)sprintf(p + at, "0\r\n\r\n");
    }
    *n = at;
    return p;
}

static const struct {
    const char *name, *part;
    size_t size;
    int refused;
} bounds[] = {
    { "longest target", "target", HTTP_TARGET_MAX, 0 },
    { "target too long", "target", HTTP_TARGET_MAX + 1, 414 },
    { "most fields", "fields", HTTP_HEADERS_MAX, 0 },
    { "too many fields", "fields", HTTP_HEADERS_MAX + 1, 431 },
    { "largest header", "header", HTTP_HEADER_BYTES_MAX, 0 },
    { "header too large", "header", HTTP_HEADER_BYTES_MAX + 1, 431 },
    { "largest body", "body", HTTP_BODY_MAX, 0 },
    { "body too large", "body", HTTP_BODY_MAX + 1, 413 },
    { "largest body in chunks", "chunks", HTTP_BODY_MAX, 0 },
    { "body in chunks too large", "chunks", HTTP_BODY_MAX + 1, 413 },
};

/* The views still hold after the text has moved many times. */
static void check_seen(struct fixture *f, size_t i)
{
    const char *name = bounds[i].name;
    const char *part = bounds[i].part;

    CHECK(name, strstr(f->seen.line, "||h|") != NULL);
    if (strcmp(part, "body") == 0 || strcmp(part, "chunks") == 0) {
        CHECK(name, f->seen.body_n == bounds[i].size);
        CHECK(name, strstr(f->seen.line, "[PUT /||h|aaaa") == f->seen.line);
    }
    if (strcmp(part, "fields") == 0)
        CHECK(name, f->seen.header_count == bounds[i].size);
}

static void test_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        for (size_t step = 1000; step <= 1u << 20; step <<= 10) {
            struct fixture f;
            size_t n;
            char *in = sized(bounds[i].part, bounds[i].size, &n);

            start(&f);
            for (size_t at = 0; at < n; at += step)
                rig_offer(&f.rig, in + at, n - at < step ? n - at : step);
            rig_turn(&f.rig);
            CHECK(bounds[i].name, f.seen.refused == bounds[i].refused);
            CHECK(bounds[i].name, f.seen.requests == (bounds[i].refused == 0));
            CHECK(bounds[i].name, f.rig.closed == (bounds[i].refused != 0));
            if (bounds[i].refused == 0)
                check_seen(&f, i);
            stop(&f);
            free(in);
        }
    }
}

/* What needs no memory must still have an end. */
static void test_endless_framing(void **state)
{
    struct fixture f;
    char junk[8192];
    (void)state;

    memset(junk, 'a', sizeof junk);
    start(&f);
    offer(&f, "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    offer(&f, "1;");
    rig_offer(&f.rig, junk, sizeof junk - 2);
    for (int i = 1; i < 8 * HTTP_BODY_MAX / 8192; i++)
        rig_offer(&f.rig, junk, sizeof junk);
    assert_int_equal(f.seen.refused, 0);
    offer(&f, "a");
    assert_int_equal(f.seen.refused, 413);
    stop(&f);

    start(&f);
    for (int i = 0; i < (HTTP_TARGET_MAX + 64) / 2; i++)
        offer(&f, "\r\n");
    assert_int_equal(f.seen.refused, 0);
    offer(&f, "\r");
    assert_int_equal(f.seen.refused, 414);
    stop(&f);
}

/* SENT, then silence: nothing happens before LIMIT_MS, then the connection ends. */
static const struct {
    const char *name, *sent;
    int64_t limit_ms;
    int refused;
} slow[] = {
    { "nothing at all", "", HTTP_IDLE_MS, 0 },
    { "idle after a request", OK_GET, HTTP_IDLE_MS, 0 },
    { "half a header", "GET /a HT", HTTP_HEADER_MS, 408 },
    { "a header without its end", "GET /a HTTP/1.1\r\nHost: h\r\n", HTTP_HEADER_MS, 408 },
    { "half a second header", OK_GET "G", HTTP_HEADER_MS, 408 },
    { "half a body", "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab", HTTP_BODY_MS,
      408 },
};

static void test_slow_peers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
        struct fixture f;

        start(&f);
        offer(&f, slow[i].sent);
        rig_turn(&f.rig);
        loop_skip(f.loop, slow[i].limit_ms - 1000);
        rig_turn(&f.rig);
        CHECK(slow[i].name, !f.rig.closed);
        loop_skip(f.loop, 1000 + LOOP_TICK_MS);
        rig_turn(&f.rig);
        CHECK(slow[i].name, f.rig.closed);
        CHECK(slow[i].name, f.seen.refused == slow[i].refused);
        CHECK(slow[i].name,
              wrote(&f, "HTTP/1.1 408 Request Timeout\r\n") == (slow[i].refused == 408));
        stop(&f);
    }
}

/* A byte now and then does not prolong a request. */
static void test_dripping_peer(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    offer(&f, "GET /");
    for (int i = 0; i < 16; i++) {
        loop_skip(f.loop, 1000);
        offer(&f, "a");
    }
    rig_turn(&f.rig);
    assert_int_equal(f.seen.refused, 408);
    assert_true(f.rig.closed);
    stop(&f);
}

static void test_handler_has_no_deadline(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    f.seen.later = true;
    offer(&f, OK_GET);
    loop_skip(f.loop, 10 * HTTP_IDLE_MS);
    rig_turn(&f.rig);
    assert_false(f.rig.closed);
    answer(&f.seen, f.seen.x);
    assert_int_equal(answers(&f), 1);
    stop(&f);
}

static void test_answer_form(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    f.seen.status = 202;
    f.seen.extra = (struct http_header){ BERTH_STR("Retry-After"), BERTH_STR("3") };
    offer(&f, OK_GET);
    assert_true(wrote(&f, "HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\nDate: "));
    assert_true(wrote(&f, " GMT\r\nRetry-After: 3\r\n\r\nyes"));
    rig_forget(&f.rig);
    offer(&f, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(wrote(&f, "Content-Length: 3\r\n"));
    assert_false(wrote(&f, "yes"));
    rig_forget(&f.rig);
    f.seen.status = 204;
    offer(&f, OK_GET);
    assert_true(wrote(&f, "HTTP/1.1 204 No Content\r\n"));
    assert_false(wrote(&f, "Content-Length"));
    assert_false(wrote(&f, "yes"));
    rig_forget(&f.rig);
    f.seen.status = 299;
    offer(&f, OK_GET);
    assert_true(wrote(&f, "HTTP/1.1 299 Other\r\n"));
    rig_forget(&f.rig);
    offer(&f, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_true(wrote(&f, "\r\nConnection: keep-alive\r\n"));
    rig_forget(&f.rig);
    offer(&f, "GET / HTTP/1.0\r\n\r\n");
    assert_true(wrote(&f, "\r\nConnection: close\r\n"));
    stop(&f);
}

static void test_date(void **state)
{
    struct fixture f;
    char want[64];
    (void)state;

    start(&f);
    offer(&f, OK_GET);
    time_t now = (time_t)(loop_now_ms(f.loop) / 1000);
    struct tm tm;
    strftime(want, sizeof want, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime_r(&now, &tm));
    assert_true(wrote(&f, want));
    stop(&f);
}

static void test_header_value_stays_one_line(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    f.seen.extra =
        (struct http_header){ BERTH_STR("Location"), BERTH_STR("/a\r\nSet-Cookie: b\x7f") };
    offer(&f, OK_GET);
    assert_true(wrote(&f, "\r\nLocation: /a  Set-Cookie: b \r\n"));
    stop(&f);
}

/* The second request waits below until the first is answered, and is offered in another event. */
static void test_late_answers(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    f.seen.later = true;
    offer(&f, OK_GET OK_GET);
    rig_turn(&f.rig);
    assert_int_equal(f.seen.requests, 1);
    assert_int_equal(f.rig.in.n, strlen(OK_GET));
    answer(&f.seen, f.seen.x);
    assert_int_equal(f.seen.requests, 1);
    rig_turn(&f.rig);
    assert_int_equal(f.seen.requests, 2);
    answer(&f.seen, f.seen.x);
    assert_int_equal(answers(&f), 2);
    stop(&f);
    assert_int_equal(f.seen.abandoned, 0);
}

static void test_abandoned(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    f.seen.later = true;
    offer(&f, OK_GET);
    rig_close(&f.rig);
    assert_int_equal(f.seen.abandoned, 1);
    stop(&f);

    start(&f); /* nothing to abandon: half a request, then none */
    offer(&f, OK_GET "GET");
    stop(&f);
    assert_int_equal(f.seen.abandoned, 0);
}

/* A peer may say its end behind its last request: it still gets the answer, and then ours. */
static void test_half_closed(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        struct fixture f;

        start(&f);
        f.seen.later = true;
        offer(&f, OK_GET);
        if (full)
            f.rig.capacity = 1;
        rig_end(&f.rig);
        rig_turn(&f.rig);
        assert_false(f.rig.closed);
        answer(&f.seen, f.seen.x);
        assert_int_equal(f.rig.close_wanted, !full);
        rig_drain(&f.rig, RIG_ALL);
        assert_true(f.rig.close_wanted);
        assert_int_equal(answers(&f), 1);
        assert_true(wrote(&f, "\r\nConnection: close\r\n"));
        rig_turn(&f.rig);
        stop(&f);
        assert_int_equal(f.seen.abandoned, 0);
    }
}

/* The answer is on its way already. */
static void test_half_closed_while_sending(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    f.rig.capacity = 1;
    offer(&f, OK_GET);
    rig_end(&f.rig);
    assert_false(f.rig.close_wanted);
    rig_drain(&f.rig, RIG_ALL);
    assert_int_equal(answers(&f), 1);
    assert_true(f.rig.close_wanted);
    rig_turn(&f.rig);
    stop(&f);
}

static void test_half_closed_owed_nothing(void **state)
{
    static const struct {
        const char *name, *in;
        bool idle;
    } cases[] = {
        { "before a request", "", false },
        { "within a header", "GET / HT", false },
        { "within a body", "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx", false },
        { "answered", OK_GET, false },
        { "while the handler waits for news", OK_GET, true },
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;

        start(&f);
        f.seen.later = cases[i].idle;
        offer(&f, cases[i].in);
        if (cases[i].idle)
            f.seen.x->idle = true;
        rig_end(&f.rig);
        CHECK(cases[i].name, f.rig.close_wanted);
        rig_turn(&f.rig);
        CHECK(cases[i].name, f.rig.closed && f.seen.abandoned == cases[i].idle);
        stop(&f);
    }
}

/* The handler closes the connection below and still answers: nothing is used after its end. */
static void test_close_within_handler(void **state)
{
    (void)state;
    for (int later = 0; later < 2; later++) {
        struct fixture f;

        start(&f);
        f.seen.close_below = true;
        f.seen.later = later;
        offer(&f, OK_GET);
        rig_turn(&f.rig);
        assert_true(f.rig.closed);
        assert_int_equal(f.seen.abandoned, later);
        stop(&f);
    }
}

/* A peer that reads slowly gets its answer in pieces, and no second one is begun meanwhile. */
static void test_slow_reader(void **state)
{
    struct fixture f;
    static char big[100000];
    (void)state;

    memset(big, 'b', sizeof big);
    start(&f);
    f.seen.body = (berth_str){ big, sizeof big };
    f.rig.capacity = 10;
    offer(&f, OK_GET OK_GET);
    rig_turn(&f.rig);
    assert_int_equal(f.seen.requests, 1);
    assert_int_equal(f.rig.out.n, 10);
    while (f.seen.requests == 1) {
        rig_drain(&f.rig, 3333);
        rig_turn(&f.rig);
    }
    rig_drain(&f.rig, RIG_ALL);
    rig_turn(&f.rig);
    assert_int_equal(answers(&f), 2);
    assert_true(f.rig.out.n > 2 * sizeof big);
    assert_false(f.rig.closed);
    stop(&f);
}

static void test_reader_that_stops(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    f.rig.capacity = 10;
    offer(&f, OK_GET);
    loop_skip(f.loop, HTTP_SEND_MS - 1000);
    rig_turn(&f.rig);
    assert_false(f.rig.closed);
    loop_skip(f.loop, 1000 + LOOP_TICK_MS);
    rig_turn(&f.rig);
    assert_true(f.rig.closed);
    stop(&f);
}

/* The connection closes only once the last answer has left. */
static void test_refusal_to_slow_reader(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    f.rig.capacity = 10;
    offer(&f, "bad\r\n\r\n" OK_GET);
    rig_turn(&f.rig);
    assert_false(f.rig.closed);
    rig_drain(&f.rig, RIG_ALL);
    rig_turn(&f.rig);
    assert_true(f.rig.closed);
    assert_int_equal(f.rig.closes, 1);
    assert_int_equal(answers(&f), 1);
    assert_int_equal(f.seen.requests, 0);
    stop(&f);
}

static void test_fields_by_name(void **state)
{
    static const struct http_header headers[] = {
        { BERTH_STR_INIT("X-One"), BERTH_STR_INIT("1") },
        { BERTH_STR_INIT("x-one"), BERTH_STR_INIT("2") },
    };
    struct http_exchange x = { .headers = headers, .header_count = 2 };
    (void)state;

    assert_true(berth_str_eq(http_field(&x, BERTH_STR("x-ONE")), BERTH_STR("1")));
    assert_null(http_field(&x, BERTH_STR("x-on")).p);
}

/* Thousands of requests in one flight leave the loop to others between. */
static void test_turns(void **state)
{
    static const char request[] = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
    enum { COUNT = 2 * HTTP_TURN_MAX + 1 };
    char flight[COUNT * sizeof request] = "";
    struct fixture f;

    (void)state;
    start(&f);
    for (int i = 0; i < COUNT; i++)
        strcat(flight, request);
    offer(&f, flight);
    CHECK("one turn", f.seen.requests == HTTP_TURN_MAX);
    for (int i = 0; i < 10 && f.seen.requests < COUNT; i++)
        rig_turn(&f.rig);
    CHECK("all in the end", f.seen.requests == COUNT);
    CHECK("each answered", answers(&f) == COUNT);
    stop(&f);
}

/* ---- the budget for what waits for its rest ---- */

/* Half a request of 100 KiB takes room for 128 KiB, and while that is filled for the first 1 KiB.
 */
#define LARGE_ROOM ((size_t)(1 + 128) * 1024)

static void offer_half(struct fixture *f)
{
    static char body[90 * 1024];

    memset(body, 'x', sizeof body);
    offer(f, "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 102400\r\n\r\n");
    rig_offer(&f->rig, body, sizeof body);
}

static void test_budget_of_bodies(void **state)
{
    static const struct {
        const char *name;
        size_t room;
        bool served;
    } cases[] = {
        { "just enough", LARGE_ROOM, true },
        { "one byte too little", LARGE_ROOM - 1, false },
        { "none", 0, false },
    };
    static char rest[10 * 1024];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t others = LOOP_HELD_LARGE_MAX - cases[i].room;
        struct fixture f;
        start(&f);
        for (size_t n = others; n > 0; n -= n < 4096 ? n : 4096)
            CHECK(cases[i].name, loop_hold(f.loop, n < 4096 ? n : 4096));
        offer_half(&f);
        CHECK(cases[i].name, wrote(&f, "HTTP/1.1 503 ") == !cases[i].served);
        if (cases[i].served)
            rig_offer(&f.rig, rest, sizeof rest);
        CHECK(cases[i].name, f.seen.requests == cases[i].served);
        CHECK(cases[i].name, f.seen.refused == (cases[i].served ? 0 : 503));
        rig_close(&f.rig);
        CHECK("given back",
              loop_hold(f.loop, LOOP_HELD_SMALL) == (others <= LOOP_HELD_MAX - LOOP_HELD_SMALL));
        loop_let_go(f.loop, LOOP_HELD_SMALL);
        loop_let_go(f.loop, others); /* and not a byte more is there */
        CHECK("all of it", loop_hold(f.loop, LOOP_HELD_LARGE_MAX));
        rig_deinit(&f.rig);
        loop_free(f.loop);
    }
}

/* Large bodies have filled their share: a device's request is served. */
static void test_small_requests_have_room(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    CHECK("filled", loop_hold(f.loop, LOOP_HELD_LARGE_MAX));
    CHECK("to the brim", !loop_hold(f.loop, LOOP_HELD_SMALL + 1));
    offer(&f, OK_GET);
    CHECK("served", f.seen.requests == 1);
    for (size_t n = LOOP_HELD_LARGE_MAX; n < LOOP_HELD_MAX; n += LOOP_HELD_SMALL)
        CHECK("as much as may be", loop_hold(f.loop, LOOP_HELD_SMALL));
    CHECK("and not a byte more", !loop_hold(f.loop, 1));
    offer(&f, OK_GET);
    CHECK("no more", wrote(&f, "HTTP/1.1 503 ") && f.seen.requests == 1);
    loop_let_go(f.loop, LOOP_HELD_MAX);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget_of_bodies),
        cmocka_unit_test(test_small_requests_have_room),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_talks),
        cmocka_unit_test(test_expect),
        cmocka_unit_test(test_smuggling),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_endless_framing),
        cmocka_unit_test(test_slow_peers),
        cmocka_unit_test(test_dripping_peer),
        cmocka_unit_test(test_handler_has_no_deadline),
        cmocka_unit_test(test_answer_form),
        cmocka_unit_test(test_date),
        cmocka_unit_test(test_header_value_stays_one_line),
        cmocka_unit_test(test_late_answers),
        cmocka_unit_test(test_abandoned),
        cmocka_unit_test(test_half_closed),
        cmocka_unit_test(test_half_closed_while_sending),
        cmocka_unit_test(test_half_closed_owed_nothing),
        cmocka_unit_test(test_close_within_handler),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_reader_that_stops),
        cmocka_unit_test(test_refusal_to_slow_reader),
        cmocka_unit_test(test_fields_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
