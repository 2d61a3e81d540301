#include <string.h>

#include "base/ascii.h"
#include "client/provisioning_wire.h"

#define CHUNK_DIGITS_MAX 8 /* hex digits of a chunk's size */

struct head {
    int status;
    int retry_after_s;
    bool has_length, is_chunked;
    uint64_t length;
};

/* Takes a line without its CRLF off *S. *FOUND false: its end is to come. A lone CR or LF in a line
 * is how requests are smuggled past lenient readers. */
static berth_err take_line(berth_str *s, berth_str *line, bool *found)
{
    size_t n = berth_str_find(*s, '\n');

    *found = n < s->n;
    if (!*found)
        return BERTH_OK;
    if (n == 0 || s->p[n - 1] != '\r')
        return BERTH_E_SYNTAX;
    *line = berth_str_sub(*s, 0, n - 1);
    *s = berth_str_sub(*s, n + 1, s->n);
    return berth_str_find(*line, '\r') == line->n ? BERTH_OK : BERTH_E_SYNTAX;
}

/* "HTTP/1.1 202 Accepted"; what stands behind the code is not looked at. */
static berth_err read_status_line(berth_str line, struct head *h)
{
    uint64_t status;

    if (!berth_str_skip(&line, BERTH_STR("HTTP/1.1 ")) &&
        !berth_str_skip(&line, BERTH_STR("HTTP/1.0 ")))
        return BERTH_E_SYNTAX;
    if (line.n > 3 && line.p[3] != ' ')
        return BERTH_E_SYNTAX;
    if (berth_str_to_u64(berth_str_sub(line, 0, 3), &status) != BERTH_OK || status < 100 ||
        status > 599)
        return BERTH_E_SYNTAX;
    h->status = (int)status;
    return BERTH_OK;
}

static bool is_name(berth_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_alnum(s.p[i]) && memchr("!#$%&'*+-.^_`|~", s.p[i], 15) == NULL)
            return false;
    return s.n > 0;
}

static berth_err read_length(berth_str value, struct head *h)
{
    if (h->has_length || berth_str_to_u64(value, &h->length) != BERTH_OK)
        return BERTH_E_SYNTAX;
    h->has_length = true;
    return BERTH_OK;
}

static berth_err read_header(berth_str line, struct head *h)
{
    size_t colon = berth_str_find(line, ':');
    berth_str name = berth_str_sub(line, 0, colon);
    berth_str value = berth_str_trim(berth_str_sub(line, colon + 1, line.n));
    uint64_t seconds;

    if (colon == line.n || !is_name(name))
        return BERTH_E_SYNTAX;
    if (berth_str_ieq(name, BERTH_STR("Content-Length")))
        return read_length(value, h);
    if (berth_str_ieq(name, BERTH_STR("Transfer-Encoding"))) {
        if (h->is_chunked || !berth_str_ieq(value, BERTH_STR("chunked")))
            return BERTH_E_SYNTAX;
        h->is_chunked = true;
    } else if (berth_str_ieq(name, BERTH_STR("Retry-After"))) {
        if (berth_str_to_u64(value, &seconds) == BERTH_OK && seconds <= INT32_MAX)
            h->retry_after_s = (int)seconds;
    }
    return BERTH_OK;
}

/* Takes status line, headers and the empty line off *S. */
static berth_err take_head(berth_str *s, struct head *h, bool *complete)
{
    berth_str line;
    berth_err e = take_line(s, &line, complete);

    *h = (struct head){ 0 };
    if (e != BERTH_OK || !*complete)
        return e;
    e = read_status_line(line, h);
    while (e == BERTH_OK) {
        e = take_line(s, &line, complete);
        if (e != BERTH_OK || !*complete || line.n == 0)
            break;
        e = read_header(line, h);
    }
    return e == BERTH_OK && h->has_length && h->is_chunked ? BERTH_E_SYNTAX : e;
}

/* Takes "size[;extension]" off *S. */
static berth_err take_chunk_size(berth_str *s, size_t *size, bool *found)
{
    berth_str line, digits;
    berth_err e = take_line(s, &line, found);

    *size = 0;
    if (e != BERTH_OK || !*found)
        return e;
    digits = berth_str_cut(&line, ';');
    if (digits.n == 0 || digits.n > CHUNK_DIGITS_MAX)
        return BERTH_E_SYNTAX;
    for (size_t i = 0; i < digits.n; i++) {
        int value = ascii_hex_value(digits.p[i]);
        if (value < 0)
            return BERTH_E_SYNTAX;
        *size = *size << 4 | (size_t)value;
    }
    return BERTH_OK;
}

/* Trailers are read past, to the empty line that ends the answer. */
static berth_err take_trailers(berth_str *s, bool *complete)
{
    struct head ignored = { 0 };
    berth_str line;
    berth_err e;

    do {
        e = take_line(s, &line, complete);
        if (e != BERTH_OK || !*complete || line.n == 0)
            return e;
        e = read_header(line, &ignored);
    } while (e == BERTH_OK);
    return e;
}

/* Walks the chunks of *S; with OUT also moves their content there. */
static berth_err take_chunks(berth_str *s, char *out, size_t *n, bool *complete)
{
    size_t size;

    *n = 0;
    for (;;) {
        berth_err e = take_chunk_size(s, &size, complete);
        if (e != BERTH_OK || !*complete)
            return e;
        if (size == 0)
            return take_trailers(s, complete);
        *complete = s->n >= 2 && s->n - 2 >= size;
        if (!*complete)
            return size > BERTH_PROV_RX_MAX ? BERTH_E_RANGE : BERTH_OK;
        if (memcmp(s->p + size, "\r\n", 2) != 0)
            return BERTH_E_SYNTAX;
        if (out != NULL)
            memmove(out + *n, s->p, size);
        *n += size;
        *s = berth_str_sub(*s, size + 2, s->n);
    }
}

static berth_err read_chunked(char *bytes, berth_str *s, berth_str *body, bool *complete)
{
    char *start = bytes;
    berth_str again = *s;
    size_t n;
    berth_err e = take_chunks(s, NULL, &n, complete);

    if (e != BERTH_OK || !*complete)
        return e;
    e = take_chunks(&again, start, &n, complete);
    *body = (berth_str){ start, n };
    return e;
}

static berth_err read_fixed(const struct head *h, berth_str *s, berth_str *body, bool *complete)
{
    if (!h->has_length && h->status != 204)
        return BERTH_E_SYNTAX;
    if (h->length > BERTH_PROV_RX_MAX)
        return BERTH_E_RANGE;
    *complete = s->n >= h->length;
    *body = berth_str_sub(*s, 0, (size_t)h->length);
    *s = berth_str_sub(*s, (size_t)h->length, s->n);
    return BERTH_OK;
}

berth_err berth__http_answer_read(char *bytes, size_t n, struct berth__answer *out, bool *complete)
{
    berth_str s = { bytes, n };
    struct head h;
    berth_err e;

    *out = (struct berth__answer){ 0 };
    do {
        e = take_head(&s, &h, complete);
        if (e != BERTH_OK || !*complete)
            return e;
    } while (h.status >= 100 && h.status < 200); /* interim answers have no body */

    e = h.is_chunked ? read_chunked(bytes + (n - s.n), &s, &out->body, complete)
                     : read_fixed(&h, &s, &out->body, complete);
    if (e != BERTH_OK || !*complete)
        return e;
    out->status = h.status;
    out->retry_after_s = h.retry_after_s;
    return s.n == 0 ? BERTH_OK : BERTH_E_SYNTAX;
}
