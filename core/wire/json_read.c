#include "wire/json.h"
#include "wire/json_text.h"

/* The reader trusts that the text was checked, but for one thing: it never looks past the view. */

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Index of the first byte from AT on that is neither blank nor C. */
static size_t skip(berth_str s, size_t at, char c)
{
    while (at < s.n && (is_blank(s.p[at]) || s.p[at] == c))
        at++;
    return at;
}

/* Size of the array or object that S begins with. */
static size_t container_size(berth_str s)
{
    size_t at = 0, depth = 0;

    do {
        char c = s.p[at];
        if (c == '"')
            at += berth__json_string_size(berth_str_sub(s, at, s.n));
        else
            at++;
        if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
    } while (at < s.n && depth > 0);
    return at;
}

/* Size of the value that S begins with. */
static size_t value_size(berth_str s)
{
    size_t n = 0;

    if (s.n == 0)
        return 0;
    if (s.p[0] == '"')
        return berth__json_string_size(s);
    if (s.p[0] == '{' || s.p[0] == '[')
        return container_size(s);
    while (n < s.n && !is_blank(s.p[n]) && s.p[n] != ',' && s.p[n] != ']' && s.p[n] != '}')
        n++;
    return n;
}

/* The inside of a quoted string. */
static berth_str unquoted(berth_str s)
{
    if (s.n < 2)
        return (berth_str){ 0 };
    return (berth_str){ s.p + 1, s.n - 2 };
}

bool berth_json_next(struct berth_json container, struct berth_json_iter *it, berth_str *name,
                     struct berth_json *value)
{
    bool is_object = container.type == BERTH_JSON_OBJECT;
    berth_str s = container.text;
    berth_str own = { 0 };
    size_t at;

    if (name != NULL)
        *name = own;
    *value = (struct berth_json){ 0 };
    if (!is_object && container.type != BERTH_JSON_ARRAY)
        return false;
    at = skip(s, it->at == 0 ? 1 : it->at, ',');
    if (at + 1 >= s.n)
        return false; /* the closing bracket */
    if (is_object) {
        own = berth_str_sub(s, at, berth__json_string_size(berth_str_sub(s, at, s.n)));
        at = skip(s, at + own.n, ':');
    }
    value->text = berth_str_sub(s, at, s.n);
    value->text.n = value_size(value->text);
    value->type = berth__json_type(value->text);
    if (name != NULL)
        *name = unquoted(own);
    it->at = at + value->text.n;
    return true;
}

size_t berth_json_count(struct berth_json container)
{
    struct berth_json_iter it = { 0 };
    struct berth_json value;
    size_t n = 0;

    while (berth_json_next(container, &it, NULL, &value))
        n++;
    return n;
}

static struct berth__json_chars decode(berth_str raw)
{
    return (struct berth__json_chars){ .p = raw.p, .end = raw.p + raw.n };
}

/* Whether RAW, the inside of a string, decodes to PLAIN. */
static bool reads(berth_str raw, berth_str plain)
{
    struct berth__json_chars c;

    if (raw.n < plain.n)
        return false; /* decoding never makes it longer */
    if (berth_str_find(raw, '\\') == raw.n)
        return berth_str_eq(raw, plain);
    c = decode(raw);
    for (size_t i = 0; i < plain.n; i++)
        if (berth__json_char(&c) != (unsigned char)plain.p[i])
            return false;
    return berth__json_char(&c) < 0;
}

struct berth_json berth_json_get(struct berth_json object, berth_str name)
{
    struct berth_json_iter it = { 0 };
    struct berth_json value;
    berth_str raw;

    if (object.type != BERTH_JSON_OBJECT)
        return (struct berth_json){ 0 };
    while (berth_json_next(object, &it, &raw, &value))
        if (reads(raw, name))
            return value;
    return (struct berth_json){ 0 };
}

bool berth_json_is(struct berth_json v, berth_str plain)
{
    return v.type == BERTH_JSON_STRING && reads(unquoted(v.text), plain);
}

berth_err berth_json_string(struct berth_json v, struct berth_arena *a, berth_str *out)
{
    struct berth_buf b;
    struct berth__json_chars c;
    berth_str raw;

    *out = (berth_str){ 0 };
    if (v.type != BERTH_JSON_STRING)
        return BERTH_E_SYNTAX;
    raw = unquoted(v.text);
    if (berth_str_find(raw, '\\') == raw.n) {
        *out = raw;
        return BERTH_OK;
    }
    berth_arena_lend(a, &b);
    c = decode(raw);
    for (int byte = berth__json_char(&c); byte >= 0 && !b.over; byte = berth__json_char(&c))
        berth_buf_put_char(&b, (char)byte);
    return berth_arena_keep(a, &b, out);
}

berth_err berth_json_i64(struct berth_json v, int64_t *out)
{
    return v.type == BERTH_JSON_NUMBER ? berth_str_to_i64(v.text, out) : BERTH_E_SYNTAX;
}

berth_err berth_json_bool(struct berth_json v, bool *out)
{
    if (v.type != BERTH_JSON_TRUE && v.type != BERTH_JSON_FALSE)
        return BERTH_E_SYNTAX;
    *out = v.type == BERTH_JSON_TRUE;
    return BERTH_OK;
}
