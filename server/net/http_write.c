#include "net/http_impl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "berth/buf.h"

#define FIXED_MAX 256 /* status line, Content-Length, Date, Connection, empty line */

static berth_str phrase_of(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        { 101, "Switching Protocols" },
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 302, "Found" },
        { 303, "See Other" },
        { 304, "Not Modified" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 412, "Precondition Failed" },
        { 413, "Content Too Large" },
        { 414, "URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 426, "Upgrade Required" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
    };

    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++) {
        if (phrases[i].status == status)
            return berth_str_of(phrases[i].phrase);
    }
    return BERTH_STR("Other"); /* the C SDK's parser wants something there */
}

static void put_two(struct berth_buf *b, int v)
{
    berth_buf_put_char(b, (char)('0' + v / 10));
    berth_buf_put_char(b, (char)('0' + v % 10));
}

/* "Date: Sun, 06 Nov 1994 08:49:37 GMT": English whatever the locale, so not by strftime. */
static void put_date(struct berth_buf *b, int64_t now_ms)
{
    static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    time_t s = (time_t)(now_ms / 1000);
    struct tm tm;

    gmtime_r(&s, &tm);
    berth_buf_put(b, BERTH_STR("Date: "));
    berth_buf_put(b, berth_str_of(days[tm.tm_wday]));
    berth_buf_put(b, BERTH_STR(", "));
    put_two(b, tm.tm_mday);
    berth_buf_put_char(b, ' ');
    berth_buf_put(b, berth_str_of(months[tm.tm_mon]));
    berth_buf_put_char(b, ' ');
    berth_buf_put_i64(b, tm.tm_year + 1900);
    berth_buf_put_char(b, ' ');
    put_two(b, tm.tm_hour);
    berth_buf_put_char(b, ':');
    put_two(b, tm.tm_min);
    berth_buf_put_char(b, ':');
    put_two(b, tm.tm_sec);
    berth_buf_put(b, BERTH_STR(" GMT\r\n"));
}

/* A control character in a value would let its author write header fields of his own. */
static void put_value(struct berth_buf *b, berth_str value)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        berth_buf_put_char(b, (c < 0x20 && c != '\t') || c == 0x7f ? ' ' : (char)c);
    }
}

static bool has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static void put_head(struct berth_buf *b, const struct http_answer *a)
{
    berth_buf_put(b, BERTH_STR("HTTP/1.1 "));
    berth_buf_put_i64(b, a->status);
    berth_buf_put_char(b, ' ');
    berth_buf_put(b, phrase_of(a->status));
    berth_buf_put(b, BERTH_STR("\r\n"));
    if (has_body(a->status)) {
        berth_buf_put(b, BERTH_STR("Content-Length: "));
        berth_buf_put_u64(b, a->body.n);
        berth_buf_put(b, BERTH_STR("\r\n"));
    }
    put_date(b, a->now_ms);
    for (size_t i = 0; i < a->count; i++) {
        berth_buf_put(b, a->headers[i].name);
        berth_buf_put(b, BERTH_STR(": "));
        put_value(b, a->headers[i].value);
        berth_buf_put(b, BERTH_STR("\r\n"));
    }
    if (!a->keep_alive)
        berth_buf_put(b, BERTH_STR("Connection: close\r\n"));
    else if (a->old)
        berth_buf_put(b, BERTH_STR("Connection: keep-alive\r\n"));
    berth_buf_put(b, BERTH_STR("\r\n"));
}

bool http_write(const struct http_answer *a, struct bytes *out)
{
    bool with_body = !a->head && has_body(a->status);
    size_t size = FIXED_MAX + (with_body ? a->body.n : 0);
    struct berth_buf b;

    for (size_t i = 0; i < a->count; i++)
        size += a->headers[i].name.n + a->headers[i].value.n + 4;
    *out = (struct bytes){ .p = malloc(size), .cap = size };
    if (out->p == NULL)
        return false;
    berth_buf_init(&b, out->p, size);
    put_head(&b, a);
    if (with_body)
        berth_buf_put(&b, a->body);
    out->n = b.n;
    return !b.over;
}
