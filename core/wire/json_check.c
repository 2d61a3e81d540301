#include <string.h>

#include "base/ascii.h"
#include "base/utf8.h"
#include "wire/json.h"
#include "wire/json_names.h"
#include "wire/json_text.h"

/* What may stand at the place reached, after blanks. */
enum want {
    WANT_VALUE,
    WANT_VALUE_OR_END, /* just behind '[' */
    WANT_NAME,
    WANT_NAME_OR_END, /* just behind '{' */
    WANT_MORE,        /* behind a value */
    FAILED,
};

struct scan {
    const char *start, *p, *end; /* p: the first byte not yet found good */
    berth_err e;
    unsigned depth;                                /* open arrays and objects */
    bool in_object[BERTH_JSON_DEPTH_MAX + 1];      /* by depth; the document itself is depth 0 */
    uint16_t first_name[BERTH_JSON_DEPTH_MAX + 1]; /* by depth: the object's in NAMES */
    struct berth__json_names names;
};

static bool fail(struct scan *s, const char *at, berth_err e)
{
    s->p = at;
    s->e = e;
    return false;
}

static bool bad(struct scan *s, const char *at)
{
    return fail(s, at, BERTH_E_SYNTAX);
}

/* The byte at the place reached, or 0 at the end: no byte that JSON wants anywhere. */
static char peek(const struct scan *s)
{
    return s->p < s->end ? *s->p : 0;
}

static void skip_blanks(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
        s->p++;
}

static bool scan_word(struct scan *s, const char *word)
{
    for (; *word != 0; word++, s->p++)
        if (peek(s) != *word)
            return bad(s, s->p);
    return true;
}

static bool scan_digits(struct scan *s)
{
    if (!ascii_is_digit(peek(s)))
        return bad(s, s->p);
    while (ascii_is_digit(peek(s)))
        s->p++;
    return true;
}

static bool scan_number(struct scan *s)
{
    if (peek(s) == '-')
        s->p++;
    if (peek(s) == '0')
        s->p++; /* nothing but fraction or exponent may follow */
    else if (!scan_digits(s))
        return false;
    if (peek(s) == '.') {
        s->p++;
        if (!scan_digits(s))
            return false;
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->p++;
        if (peek(s) == '+' || peek(s) == '-')
            s->p++;
        return scan_digits(s);
    }
    return true;
}

/* \uXXXX, a high surrogate with its low one. */
static bool scan_unicode(struct scan *s, bool is_name)
{
    const char *p = s->p;
    size_t left = (size_t)(s->end - p);
    int code = left < 6 ? -1 : berth__json_hex4(p + 2);

    if (code < 0 || (code >= 0xdc00 && code <= 0xdfff) || (code == 0 && is_name))
        return bad(s, p);
    s->p += 6;
    if (code < 0xd800 || code > 0xdbff)
        return true;
    code = left < 12 || p[6] != '\\' || p[7] != 'u' ? -1 : berth__json_hex4(p + 8);
    if (code < 0xdc00 || code > 0xdfff)
        return bad(s, p);
    s->p += 6;
    return true;
}

static bool scan_escape(struct scan *s, bool is_name)
{
    if (s->end - s->p < 2)
        return bad(s, s->end);
    if (s->p[1] == 'u')
        return scan_unicode(s, is_name);
    if (s->p[1] == 0 || strchr("\"\\/bfnrt", s->p[1]) == NULL)
        return bad(s, s->p + 1);
    s->p += 2;
    return true;
}

static bool scan_string(struct scan *s, bool is_name)
{
    s->p++;
    for (;;) {
        size_t n;

        s->p += berth__json_plain(s->p, s->end);
        if (peek(s) == '"')
            break;
        if (peek(s) == '\\') {
            if (!scan_escape(s, is_name))
                return false;
            continue;
        }
        n = berth_utf8_size((berth_str){ s->p, (size_t)(s->end - s->p) });
        if (n < 2)
            return bad(s, s->p); /* the end, a control character, no UTF-8 */
        s->p += n;
    }
    s->p++;
    return true;
}

static enum want open_container(struct scan *s, bool is_object)
{
    if (s->depth == BERTH_JSON_DEPTH_MAX) {
        fail(s, s->p, BERTH_E_RANGE);
        return FAILED;
    }
    s->p++;
    s->depth++;
    s->in_object[s->depth] = is_object;
    s->first_name[s->depth] = (uint16_t)s->names.n;
    return is_object ? WANT_NAME_OR_END : WANT_VALUE_OR_END;
}

static enum want close_container(struct scan *s)
{
    size_t repeated;

    if (s->in_object[s->depth]) {
        berth_err e = berth__json_names_end(&s->names, s->first_name[s->depth], &repeated);
        if (e != BERTH_OK) {
            fail(s, s->start + repeated, e);
            return FAILED;
        }
    }
    s->depth--;
    s->p++;
    return WANT_MORE;
}

static enum want scan_value(struct scan *s)
{
    bool good;

    switch (peek(s)) {
    case '{':
        return open_container(s, true);
    case '[':
        return open_container(s, false);
    case '"':
        good = scan_string(s, false);
        break;
    case 't':
        good = scan_word(s, "true");
        break;
    case 'f':
        good = scan_word(s, "false");
        break;
    case 'n':
        good = scan_word(s, "null");
        break;
    default:
        good = scan_number(s);
        break;
    }
    return good ? WANT_MORE : FAILED;
}

static enum want scan_name(struct scan *s)
{
    const char *name = s->p;
    berth_err e;

    if (peek(s) != '"') {
        bad(s, s->p);
        return FAILED;
    }
    if (!scan_string(s, true))
        return FAILED;
    e = berth__json_names_add(&s->names, s->first_name[s->depth], (size_t)(name - s->start));
    if (e != BERTH_OK) {
        fail(s, name, e);
        return FAILED;
    }
    skip_blanks(s);
    if (peek(s) != ':') {
        bad(s, s->p);
        return FAILED;
    }
    s->p++;
    return WANT_VALUE;
}

static enum want scan_more(struct scan *s)
{
    bool in_object = s->in_object[s->depth];

    if (s->depth > 0 && peek(s) == (in_object ? '}' : ']'))
        return close_container(s);
    if (s->depth > 0 && peek(s) == ',') {
        s->p++;
        return in_object ? WANT_NAME : WANT_VALUE;
    }
    bad(s, s->p);
    return FAILED;
}

/* One value. */
static bool scan_document(struct scan *s)
{
    enum want want = WANT_VALUE;

    while (want != FAILED && !(want == WANT_MORE && s->depth == 0)) {
        skip_blanks(s);
        switch (want) {
        case WANT_VALUE_OR_END:
            want = peek(s) == ']' ? close_container(s) : scan_value(s);
            break;
        case WANT_NAME_OR_END:
            want = peek(s) == '}' ? close_container(s) : scan_name(s);
            break;
        case WANT_VALUE:
            want = scan_value(s);
            break;
        case WANT_NAME:
            want = scan_name(s);
            break;
        default:
            want = scan_more(s);
            break;
        }
    }
    return want != FAILED;
}

berth_err berth_json_check(berth_str text, struct berth_json *out, size_t *position)
{
    struct scan s; /* not zeroed as a whole: most documents need little of it */
    berth_str value = { 0 };

    *out = (struct berth_json){ 0 };
    if (text.n == 0)
        text = BERTH_STR("");
    s.start = s.p = text.p;
    s.end = text.p + text.n;
    s.e = text.n > BERTH_JSON_TEXT_MAX ? BERTH_E_RANGE : BERTH_OK;
    s.depth = 0;
    s.in_object[0] = false;
    s.names.text = text;
    s.names.n = 0;
    skip_blanks(&s);
    value.p = s.p;
    if (s.e == BERTH_OK && scan_document(&s)) {
        value.n = (size_t)(s.p - value.p);
        skip_blanks(&s);
        if (s.p != s.end)
            bad(&s, s.p);
    }
    if (s.e == BERTH_OK)
        *out = (struct berth_json){ berth__json_type(value), value };
    else if (position != NULL)
        *position = (size_t)(s.p - s.start);
    return s.e;
}
