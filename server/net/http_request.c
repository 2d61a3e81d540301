#include "net/http_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"

#define LINE_MAX_BYTES (HTTP_TARGET_MAX + 64) /* method, version, and empty lines before */
/* The framing of chunks may cost more than what is in them, but not without end. */
#define BODY_RAW_MAX (8 * HTTP_BODY_MAX)
#define MQTT_CONNECT 0x10 /* first byte of MQTT's first packet */
#define TEXT_FIRST   1024 /* bytes; a registration's request fits */

static struct http_request *request_of(llhttp_t *parser)
{
    return parser->data;
}

/* Returns what makes llhttp stop. */
static int refuse(struct http_request *r, int status, const char *why)
{
    if (r->phase != HTTP_REFUSED) {
        r->phase = HTTP_REFUSED;
        r->status = status;
        r->why = why;
    }
    return HPE_USER;
}

static void rebase(berth_str *s, const char *from, const char *to)
{
    if (s->p != NULL)
        s->p = to + (s->p - from);
}

static void let_go(struct http_request *r)
{
    if (r->text != NULL)
        explicit_bzero(r->text, r->text_cap);
    free(r->text);
    loop_let_go(r->x.loop, r->text_cap);
}

static bool grow(struct http_request *r, size_t need)
{
    size_t cap = r->text_cap == 0 ? TEXT_FIRST : r->text_cap;

    while (cap < need)
        cap *= 2;
    if (!loop_hold(r->x.loop, cap))
        return false;
    char *text = malloc(cap);
    if (text == NULL) {
        loop_let_go(r->x.loop, cap);
        return false;
    }
    if (r->text_n > 0)
        memcpy(text, r->text, r->text_n);
    rebase(&r->x.target, r->text, text);
    rebase(&r->x.host, r->text, text);
    rebase(&r->x.body, r->text, text);
    for (size_t i = 0; i < r->count; i++) {
        rebase(&r->headers[i].name, r->text, text);
        rebase(&r->headers[i].value, r->text, text);
    }
    let_go(r);
    r->text = text;
    r->text_cap = cap;
    return true;
}

/* Adds N bytes to the view, which is the last one in the text or a new one. */
static int append(struct http_request *r, berth_str *view, const char *p, size_t n)
{
    if ((r->text_cap == 0 || n > r->text_cap - r->text_n) && !grow(r, r->text_n + n))
        return refuse(r, 503, "too much waits for its rest; try again later");
    if (view->p == NULL)
        view->p = r->text + r->text_n;
    if (n > 0)
        memcpy(r->text + r->text_n, p, n);
    r->text_n += n;
    view->n += n;
    return HPE_OK;
}

static int on_url(llhttp_t *parser, const char *p, size_t n)
{
    struct http_request *r = request_of(parser);

    if (n > HTTP_TARGET_MAX - r->x.target.n)
        return refuse(r, 414, "the request target is too long");
    return append(r, &r->x.target, p, n);
}

static int on_version_complete(llhttp_t *parser)
{
    struct http_request *r = request_of(parser);

    if (parser->http_major != 1 || parser->http_minor > 1)
        return refuse(r, 505, "the HTTP version is neither 1.1 nor 1.0");
    r->old = parser->http_minor == 0;
    r->versioned = true;
    return HPE_OK;
}

static int on_name(llhttp_t *parser, const char *p, size_t n)
{
    struct http_request *r = request_of(parser);

    if (r->phase != HTTP_IN_FIELDS)
        return refuse(r, 400, "the body has trailer fields");
    if (!r->in_name) {
        if (r->count == HTTP_HEADERS_MAX)
            return refuse(r, 431, "the header has too many fields");
        r->headers[r->count++] = (struct http_header){ 0 };
        r->in_name = true;
    }
    return append(r, &r->headers[r->count - 1].name, p, n);
}

static int on_name_complete(llhttp_t *parser)
{
    struct http_request *r = request_of(parser);

    if (!r->in_name || r->headers[r->count - 1].name.n == 0)
        return refuse(r, 400, "a header field has no name");
    r->in_name = false;
    return HPE_OK;
}

static int on_value(llhttp_t *parser, const char *p, size_t n)
{
    struct http_request *r = request_of(parser);

    if (r->phase != HTTP_IN_FIELDS || r->count == 0)
        return refuse(r, 400, "the body has trailer fields");
    return append(r, &r->headers[r->count - 1].value, p, n);
}

/* How many fields are called NAME; *VALUE gets the last one's. */
static size_t find_fields(const struct http_request *r, berth_str name, berth_str *value)
{
    size_t found = 0;

    for (size_t i = 0; i < r->count; i++) {
        if (!berth_str_ieq(r->headers[i].name, name))
            continue;
        *value = r->headers[i].value;
        found++;
    }
    return found;
}

/* One way to tell where the body ends, or none: two would let a proxy and us disagree. llhttp
 * refuses most of this too; what it leaves differs between its versions. */
static int check_framing(struct http_request *r)
{
    berth_str value = { 0 };
    size_t lengths = find_fields(r, BERTH_STR("content-length"), &value);
    size_t codings = find_fields(r, BERTH_STR("transfer-encoding"), &value);

    if (lengths + codings > 1)
        return refuse(r, 400, "the body's length is given twice");
    if (codings == 1 && (r->old || !berth_str_ieq(value, BERTH_STR("chunked"))))
        return refuse(r, 400, "the transfer encoding is not chunked");
    if (r->parser.flags & F_CONTENT_LENGTH && r->parser.content_length > HTTP_BODY_MAX)
        return refuse(r, 413, "the request body is too large");
    return HPE_OK;
}

static bool expects_go_ahead(const struct http_request *r)
{
    berth_str value = { 0 };

    return !r->old && find_fields(r, BERTH_STR("expect"), &value) == 1 &&
           berth_str_ieq(value, BERTH_STR("100-continue"));
}

static bool is_host(berth_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_alnum(s.p[i]) && memchr("-._:[]", s.p[i], 6) == NULL)
            return false;
    }
    return true;
}

static berth_str without_port(berth_str host)
{
    if (host.n > 0 && host.p[0] == '[') {
        size_t end = berth_str_find(host, ']');
        return end < host.n ? berth_str_sub(host, 0, end + 1) : host;
    }
    return berth_str_sub(host, 0, berth_str_find(host, ':'));
}

static int check_host(struct http_request *r)
{
    berth_str host = { 0 };
    size_t found = find_fields(r, BERTH_STR("host"), &host);

    if (found > 1 || (found == 0 && !r->old))
        return refuse(r, 400, "there is not exactly one Host field");
    if (!is_host(host))
        return refuse(r, 400, "the Host field names no host");
    r->x.host = without_port(host);
    return HPE_OK;
}

/* RFC 3986 section 3.1: a scheme's case does not count. */
static bool skip_scheme(berth_str *rest, berth_str scheme)
{
    if (!berth_str_ieq(berth_str_sub(*rest, 0, scheme.n), scheme))
        return false;
    *rest = berth_str_sub(*rest, scheme.n, rest->n);
    return true;
}

/* Also the absolute form, which RFC 9112 section 3.2.2 wants accepted; its host counts then. */
static int split_target(struct http_request *r)
{
    berth_str rest = r->x.target;

    if (skip_scheme(&rest, BERTH_STR("https://")) || skip_scheme(&rest, BERTH_STR("http://"))) {
        size_t end = 0;
        while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
            end++;
        berth_str host = berth_str_sub(rest, 0, end);
        if (!is_host(host))
            return refuse(r, 400, "the request target names no host");
        r->x.host = without_port(host);
        rest = berth_str_sub(rest, end, rest.n);
    }
    r->x.path = berth_str_cut(&rest, '?');
    r->x.query = rest;
    return HPE_OK;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct http_request *r = request_of(parser);

    for (size_t i = 0; i < r->count; i++)
        r->headers[i].value = berth_str_trim(r->headers[i].value);
    r->keep_alive = llhttp_should_keep_alive(parser) != 0;
    r->expects = expects_go_ahead(r);
    parser->upgrade = 0; /* whether to switch is the handler's decision, once all has come */
    int e = check_framing(r);
    if (e == HPE_OK)
        e = check_host(r);
    if (e == HPE_OK)
        r->phase = HTTP_IN_BODY;
    /* llhttp takes 1 and 2 for instructions, so the refusal is told as plain error. */
    return e == HPE_OK ? 0 : -1;
}

static int on_body(llhttp_t *parser, const char *p, size_t n)
{
    struct http_request *r = request_of(parser);

    if (n > HTTP_BODY_MAX - r->x.body.n)
        return refuse(r, 413, "the request body is too large");
    return append(r, &r->x.body, p, n);
}

static enum http_method method_of(uint8_t method)
{
    switch (method) {
    case LLHTTP_GET:
        return HTTP_GET;
    case LLHTTP_HEAD:
        return HTTP_HEAD;
    case LLHTTP_PUT:
        return HTTP_PUT;
    case LLHTTP_POST:
        return HTTP_POST;
    case LLHTTP_PATCH:
        return HTTP_PATCH;
    case LLHTTP_DELETE:
        return HTTP_DELETE;
    default:
        return HTTP_OTHER;
    }
}

static int on_message_complete(llhttp_t *parser)
{
    struct http_request *r = request_of(parser);

    if (split_target(r) != HPE_OK)
        return -1;
    r->x.method = method_of(parser->method);
    r->x.method_text = berth_str_of(llhttp_method_name((llhttp_method_t)parser->method));
    r->x.may_switch = !r->old;
    r->x.headers = r->headers;
    r->x.header_count = r->count;
    r->phase = HTTP_COMPLETE;
    return HPE_PAUSED; /* the next request stays where it is until this one is answered */
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_version_complete = on_version_complete,
    .on_header_field = on_name,
    .on_header_field_complete = on_name_complete,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

struct http_request *http_request_new(struct http *h, struct loop *loop)
{
    struct http_request *r = calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    r->h = h;
    r->x.loop = loop;
    r->at_line_start = true;
    llhttp_init(&r->parser, HTTP_REQUEST, &settings);
    r->parser.data = r;
    return r;
}

void http_request_free(struct http_request *r)
{
    if (r == NULL)
        return;
    let_go(r);
    free(r);
}

/* Returns how many bytes llhttp took. */
static size_t execute(struct http_request *r, const uint8_t *p, size_t n)
{
    bool at_start = r->phase == HTTP_IN_LINE && r->x.target.n == 0;
    llhttp_errno_t e = llhttp_execute(&r->parser, (const char *)p, n);

    if (e == HPE_OK)
        return n;
    if (r->phase == HTTP_COMPLETE)
        return (size_t)(llhttp_get_error_pos(&r->parser) - (const char *)p);
    refuse(r, 400,
           at_start && p[0] == MQTT_CONNECT ? HTTP_WHY_MQTT : llhttp_get_error_reason(&r->parser));
    return n;
}

/* Counts N bytes of the header that begin in the present phase; false when that is too many. */
static bool count_header(struct http_request *r, size_t n)
{
    if (r->phase == HTTP_IN_LINE) {
        r->line_bytes += n;
        if (r->line_bytes > LINE_MAX_BYTES)
            refuse(r, 414, "the request target is too long");
        return r->phase != HTTP_REFUSED;
    }
    r->field_bytes += n;
    if (r->field_bytes > HTTP_HEADER_BYTES_MAX)
        refuse(r, 431, "the header is too large");
    return r->phase != HTTP_REFUSED;
}

/* The header goes to llhttp line by line: where a line starts is known then, and with it a folded
 * field (RFC 9112 section 5.2), which llhttp would let through. */
static size_t feed_line(struct http_request *r, const uint8_t *p, size_t n)
{
    const uint8_t *end = memchr(p, '\n', n);
    size_t size = end != NULL ? (size_t)(end - p) + 1 : n;

    if (r->phase == HTTP_IN_FIELDS && r->at_line_start && (p[0] == ' ' || p[0] == '\t')) {
        refuse(r, 400, "a header field is folded");
        return n;
    }
    if (!count_header(r, size))
        return n;
    r->at_line_start = end != NULL;
    size_t used = execute(r, p, size);
    if (r->phase == HTTP_IN_LINE && r->versioned && end != NULL)
        r->phase = HTTP_IN_FIELDS;
    return used;
}

static size_t feed_body(struct http_request *r, const uint8_t *p, size_t n)
{
    size_t used = execute(r, p, n);

    r->body_bytes += used;
    if (r->phase == HTTP_IN_BODY && r->body_bytes > BODY_RAW_MAX)
        refuse(r, 413, "the request body is too large");
    return used;
}

size_t http_request_feed(struct http_request *r, const uint8_t *p, size_t n)
{
    size_t used = 0;

    while (used < n && r->phase < HTTP_COMPLETE) {
        if (r->phase == HTTP_IN_BODY)
            used += feed_body(r, p + used, n - used);
        else
            used += feed_line(r, p + used, n - used);
    }
    return used;
}
