/* net/http_impl.h - what the parts of the http layer share: http.c the connection, http_request.c
 * one request as it comes in, http_write.c its answer. */
#ifndef NET_HTTP_IMPL_H
#define NET_HTTP_IMPL_H

/* llhttp's names for six methods are ours for the same ones. */
#define HTTP_DELETE LLHTTP_DELETE
#define HTTP_GET    LLHTTP_GET
#define HTTP_HEAD   LLHTTP_HEAD
#define HTTP_PATCH  LLHTTP_PATCH
#define HTTP_POST   LLHTTP_POST
#define HTTP_PUT    LLHTTP_PUT
#include <llhttp.h>
#undef HTTP_DELETE
#undef HTTP_GET
#undef HTTP_HEAD
#undef HTTP_PATCH
#undef HTTP_POST
#undef HTTP_PUT

#include "net/bytes.h"
#include "net/http.h"
#include "net/loop.h"

struct http;

enum http_phase {
    HTTP_IN_LINE,   /* the request line, and empty lines before it */
    HTTP_IN_FIELDS, /* header fields */
    HTTP_IN_BODY,
    HTTP_COMPLETE,
    HTTP_REFUSED,
};

/* One request, from its first byte to its answer. All views of the exchange borrow from TEXT. */
struct http_request {
    struct http_exchange x;
    struct http *h;
    llhttp_t parser;
    enum http_phase phase;
    int status;      /* of the refusal */
    const char *why; /* static */
    bool keep_alive;
    bool expects;       /* to be told to send the body */
    bool old;           /* HTTP/1.0 */
    bool at_line_start; /* of the header */
    bool versioned;     /* the request line is whole but for its end */
    bool in_name;       /* the last field's name may go on */
    size_t line_bytes;
    size_t field_bytes;
    size_t body_bytes; /* as sent, with the framing of chunks */
    size_t count;
    struct http_header headers[HTTP_HEADERS_MAX];
    char *text;
    size_t text_n, text_cap;
};

/* NULL when memory is out. */
struct http_request *http_request_new(struct http *h, struct loop *loop);
void http_request_free(struct http_request *r);
/* Takes up to N bytes at P, none beyond the request's end; R->phase tells what it came to. */
size_t http_request_feed(struct http_request *r, const uint8_t *p, size_t n);

struct http_answer {
    int status;
    const struct http_header *headers;
    size_t count;
    berth_str body;
    bool head; /* answers HEAD: the body is only measured */
    bool keep_alive;
    bool old;
    int64_t now_ms;
};

/* The whole answer as bytes; false when memory is out. */
bool http_write(const struct http_answer *a, struct bytes *out);

#endif
