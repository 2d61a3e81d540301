#include "wire/json_text.h"

#include <string.h>

#include "base/ascii.h"

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* Zero only when none of the eight bytes of W needs a look. Borrows can make it cry wolf. */
static uint64_t needs_look(uint64_t w)
{
    uint64_t quote = w ^ EACH_BYTE('"');
    uint64_t backslash = w ^ EACH_BYTE('\\');
    uint64_t is_quote = (quote - EACH_BYTE(1)) & ~quote;
    uint64_t is_backslash = (backslash - EACH_BYTE(1)) & ~backslash;
    uint64_t is_control = (w - EACH_BYTE(0x20)) & ~w;

    return (is_quote | is_backslash | is_control | w) & EACH_BYTE(0x80);
}

static bool is_plain(char c)
{
    unsigned char byte = (unsigned char)c;

    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

size_t berth__json_plain(const char *p, const char *end)
{
    const char *start = p;

    while ((size_t)(end - p) >= sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, p, sizeof word);
        if (needs_look(word) != 0)
            break;
        p += sizeof word;
    }
    while (p < end && is_plain(*p))
        p++;
    return (size_t)(p - start);
}

enum berth_json_type berth__json_type(berth_str text)
{
    switch (text.n == 0 ? 0 : text.p[0]) {
    case 0:
        return BERTH_JSON_ABSENT;
    case 'n':
        return BERTH_JSON_NULL;
    case 'f':
        return BERTH_JSON_FALSE;
    case 't':
        return BERTH_JSON_TRUE;
    case '"':
        return BERTH_JSON_STRING;
    case '[':
        return BERTH_JSON_ARRAY;
    case '{':
        return BERTH_JSON_OBJECT;
    default:
        return BERTH_JSON_NUMBER;
    }
}

size_t berth__json_string_size(berth_str s)
{
    for (size_t at = 1; at < s.n; at++) {
        size_t escapes = 0;

        at += berth_str_find(berth_str_sub(s, at, s.n), '"');
        while (at - escapes > 1 && s.p[at - escapes - 1] == '\\')
            escapes++;
        if (escapes % 2 == 0)
            return at < s.n ? at + 1 : s.n;
    }
    return s.n;
}

int berth__json_hex4(const char *p)
{
    int value = 0;

    for (int i = 0; i < 4; i++) {
        int digit = ascii_hex_value(p[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* The character that \uXXXX at P stands for; *SIZE is how many bytes of source that takes. */
static unsigned code_point(const char *p, const char *end, size_t *size)
{
    unsigned code = (unsigned)berth__json_hex4(p + 2);

    *size = 6;
    if (code >= 0xd800 && code < 0xdc00 && end - p >= 12) {
        unsigned low = (unsigned)berth__json_hex4(p + 8);
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        *size = 12;
    }
    return code;
}

/* CODE as UTF-8, its bytes in reverse so that the next one is always the last. */
static void set_pending(struct berth__json_chars *c, unsigned code)
{
    unsigned lead = code < 0x80 ? 0 : code < 0x800 ? 0xc0 : code < 0x10000 ? 0xe0 : 0xf0;
    unsigned tail = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;

    for (unsigned i = 0; i < tail; i++, code >>= 6)
        c->pending[i] = (unsigned char)(0x80 | (code & 0x3f));
    c->pending[tail] = (unsigned char)(lead | code);
    c->have = tail + 1;
}

/* What backslash and LETTER stand for. */
static int short_escape(char letter)
{
    switch (letter) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return letter; /* quote, backslash, slash */
    }
}

int berth__json_char(struct berth__json_chars *c)
{
    size_t size = 2;
    int byte;

    if (c->have > 0)
        return c->pending[--c->have];
    if (c->p == c->end || *c->p == '"')
        return -1;
    if (*c->p != '\\')
        return (unsigned char)*c->p++;
    if (c->end - c->p < 2 || (c->p[1] == 'u' && c->end - c->p < 6))
        return -1;
    if (c->p[1] != 'u') {
        byte = short_escape(c->p[1]);
    } else {
        set_pending(c, code_point(c->p, c->end, &size));
        byte = c->pending[--c->have];
    }
    c->p += size;
    return byte;
}
