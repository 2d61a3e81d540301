#include <assert.h>

#include "base/utf8.h"
#include "wire/json.h"
#include "wire/json_text.h"

void berth_json_begin(struct berth_json_out *j, struct berth_buf *b)
{
    *j = (struct berth_json_out){ .b = b };
}

/* The comma before the next member or element, when one is due. */
static void put_comma(struct berth_json_out *j)
{
    if (j->comma)
        berth_buf_put_char(j->b, ',');
    j->comma = true;
}

void berth_json_open(struct berth_json_out *j, char bracket)
{
    assert(bracket == '{' || bracket == '[');
    put_comma(j);
    berth_buf_put_char(j->b, bracket);
    j->comma = false;
}

void berth_json_close(struct berth_json_out *j, char bracket)
{
    assert(bracket == '}' || bracket == ']');
    berth_buf_put_char(j->b, bracket);
    j->comma = true;
}

static void put_quoted(struct berth_buf *b, berth_str plain)
{
    berth_buf_put_char(b, '"');
    berth_json_escape(b, plain);
    berth_buf_put_char(b, '"');
}

void berth_json_name(struct berth_json_out *j, berth_str name)
{
    put_comma(j);
    put_quoted(j->b, name);
    berth_buf_put_char(j->b, ':');
    j->comma = false;
}

void berth_json_put_string(struct berth_json_out *j, berth_str plain)
{
    put_comma(j);
    put_quoted(j->b, plain);
}

void berth_json_put_i64(struct berth_json_out *j, int64_t v)
{
    put_comma(j);
    berth_buf_put_i64(j->b, v);
}

void berth_json_put_bool(struct berth_json_out *j, bool v)
{
    berth_json_put_raw(j, v ? BERTH_STR("true") : BERTH_STR("false"));
}

void berth_json_put_null(struct berth_json_out *j)
{
    berth_json_put_raw(j, BERTH_STR("null"));
}

void berth_json_put_raw(struct berth_json_out *j, berth_str source)
{
    put_comma(j);
    berth_buf_put(j->b, source);
}

void berth_json_member(struct berth_json_out *j, const char *name, berth_str plain)
{
    berth_json_name(j, berth_str_of(name));
    berth_json_put_string(j, plain);
}

void berth_json_member_i64(struct berth_json_out *j, const char *name, int64_t v)
{
    berth_json_name(j, berth_str_of(name));
    berth_json_put_i64(j, v);
}

void berth_json_member_bool(struct berth_json_out *j, const char *name, bool v)
{
    berth_json_name(j, berth_str_of(name));
    berth_json_put_bool(j, v);
}

void berth_json_member_raw(struct berth_json_out *j, const char *name, berth_str source)
{
    berth_json_name(j, berth_str_of(name));
    berth_json_put_raw(j, source);
}

static void put_control(struct berth_buf *b, char c)
{
    switch (c) {
    case '\b':
        berth_buf_put(b, BERTH_STR("\\b"));
        break;
    case '\f':
        berth_buf_put(b, BERTH_STR("\\f"));
        break;
    case '\n':
        berth_buf_put(b, BERTH_STR("\\n"));
        break;
    case '\r':
        berth_buf_put(b, BERTH_STR("\\r"));
        break;
    case '\t':
        berth_buf_put(b, BERTH_STR("\\t"));
        break;
    default:
        berth_buf_put(b, BERTH_STR("\\u"));
        berth_buf_put_hex(b, (unsigned char)c, 4);
    }
}

/* S begins with a byte that does not stand for itself. Returns how many bytes that took. */
static size_t escape_one(struct berth_buf *b, berth_str s)
{
    size_t n;

    if (s.p[0] == '"' || s.p[0] == '\\') {
        berth_buf_put_char(b, '\\');
        berth_buf_put_char(b, s.p[0]);
        return 1;
    }
    if ((unsigned char)s.p[0] < 0x20) {
        put_control(b, s.p[0]);
        return 1;
    }
    n = berth_utf8_size(s);
    berth_buf_put(b, n == 0 ? BERTH_STR("\xef\xbf\xbd") : berth_str_sub(s, 0, n));
    return n == 0 ? 1 : n;
}

void berth_json_escape(struct berth_buf *b, berth_str s)
{
    while (s.n > 0) {
        size_t n = berth__json_plain(s.p, s.p + s.n);

        berth_buf_put(b, berth_str_sub(s, 0, n));
        s = berth_str_sub(s, n, s.n);
        if (s.n > 0)
            s = berth_str_sub(s, escape_one(b, s), s.n);
    }
}
