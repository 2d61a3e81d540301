#include "wire/websocket.h"

#include <string.h>

#include "base/utf8.h"
#include "crypto/b64.h"

#define FIN        0x80
#define RESERVED   0x70 /* for extensions, of which none is ever agreed on */
#define OPCODE     0x0f
#define MASKED     0x80
#define LENGTH     0x7f
#define LENGTH_16  126 /* the length follows in two bytes */
#define LENGTH_64  127 /* in eight */
#define SHORT_MAX  125
#define MIDDLE_MAX 0xffff
#define KEY_BYTES  16

static bool is_control(enum berth_ws_opcode opcode)
{
    return opcode >= BERTH_WS_CLOSE;
}

static berth_err read_first(uint8_t byte, const struct berth_ws_rules *rules,
                            struct berth_ws_head *h)
{
    uint8_t opcode = byte & OPCODE;

    if ((byte & RESERVED) != 0 || (opcode > BERTH_WS_BINARY && opcode < BERTH_WS_CLOSE) ||
        opcode > BERTH_WS_PONG)
        return BERTH_E_SYNTAX;
    h->opcode = (enum berth_ws_opcode)opcode;
    h->fin = (byte & FIN) != 0;
    if (is_control(h->opcode))
        return h->fin ? BERTH_OK : BERTH_E_SYNTAX;
    return (h->opcode == BERTH_WS_CONTINUATION) == rules->in_message ? BERTH_OK : BERTH_E_SYNTAX;
}

static berth_err read_second(uint8_t byte, const struct berth_ws_rules *rules,
                             struct berth_ws_head *h)
{
    h->masked = (byte & MASKED) != 0;
    if (h->masked != rules->masked)
        return BERTH_E_SYNTAX;
    return is_control(h->opcode) && (byte & LENGTH) > BERTH_WS_CONTROL_MAX ? BERTH_E_SYNTAX
                                                                           : BERTH_OK;
}

/* How many bytes of length follow the second byte. */
static size_t length_size(uint8_t second)
{
    switch (second & LENGTH) {
    case LENGTH_16:
        return 2;
    case LENGTH_64:
        return 8;
    default:
        return 0;
    }
}

static berth_err read_length(const uint8_t *p, const struct berth_ws_rules *rules,
                             struct berth_ws_head *h)
{
    size_t size = length_size(p[1]);
    uint64_t n = size == 0 ? p[1] & LENGTH : 0;

    for (size_t i = 0; i < size; i++)
        n = n << 8 | p[2 + i];
    if ((size == 2 && n <= SHORT_MAX) || (size == 8 && n <= MIDDLE_MAX) || n >> 63 != 0)
        return BERTH_E_SYNTAX;
    if (!is_control(h->opcode) && n > rules->payload_max)
        return BERTH_E_RANGE;
    h->payload_n = (size_t)n;
    return BERTH_OK;
}

berth_err berth_ws_head_read(berth_str bytes, const struct berth_ws_rules *rules,
                             struct berth_ws_head *out, size_t *used)
{
    const uint8_t *p = (const uint8_t *)bytes.p;
    struct berth_ws_head h = { 0 };
    berth_err e;

    *out = h;
    *used = 0;
    if (bytes.n < 1)
        return BERTH_OK;
    e = read_first(p[0], rules, &h);
    if (e != BERTH_OK || bytes.n < 2)
        return e;
    e = read_second(p[1], rules, &h);
    size_t size = 2 + length_size(p[1]);
    if (e != BERTH_OK || bytes.n < size)
        return e;
    e = read_length(p, rules, &h);
    size_t mask_n = h.masked ? BERTH_WS_MASK_SIZE : 0;
    if (e != BERTH_OK || bytes.n < size + mask_n)
        return e;
    memcpy(h.mask, p + size, mask_n);
    *out = h;
    *used = size + mask_n;
    return BERTH_OK;
}

static void put_big_endian(struct berth_buf *b, uint64_t v, unsigned bytes)
{
    while (bytes-- > 0)
        berth_buf_put_char(b, (char)(v >> 8 * bytes & 0xff));
}

void berth_ws_head_put(struct berth_buf *b, const struct berth_ws_head *h)
{
    size_t n = h->payload_n;
    unsigned masked = h->masked ? MASKED : 0;

    berth_buf_put_char(b, (char)((h->fin ? FIN : 0u) | (unsigned)h->opcode));
    if (n <= SHORT_MAX) {
        berth_buf_put_char(b, (char)(masked | n));
    } else if (n <= MIDDLE_MAX) {
        berth_buf_put_char(b, (char)(masked | LENGTH_16));
        put_big_endian(b, n, 2);
    } else {
        berth_buf_put_char(b, (char)(masked | LENGTH_64));
        put_big_endian(b, n, 8);
    }
    if (h->masked)
        berth_buf_put(b, (berth_str){ (const char *)h->mask, sizeof h->mask });
}

void berth_ws_mask(uint8_t *to, const uint8_t *from, size_t n,
                   const uint8_t mask[BERTH_WS_MASK_SIZE], size_t offset)
{
    for (size_t i = 0; i < n; i++)
        to[i] = from[i] ^ mask[(offset + i) % BERTH_WS_MASK_SIZE];
}

/* 1004 to 1006 and 1015 stand for what no frame says; what is not registered belongs to nobody. */
static bool may_be_sent(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

berth_err berth_ws_close_read(berth_str payload, uint16_t *code)
{
    *code = 0;
    if (payload.n == 0)
        return BERTH_OK;
    if (payload.n == 1)
        return BERTH_E_SYNTAX;
    unsigned c = (unsigned)(uint8_t)payload.p[0] << 8 | (uint8_t)payload.p[1];
    if (!may_be_sent(c))
        return BERTH_E_SYNTAX;
    berth_str reason = berth_str_sub(payload, 2, payload.n);
    while (reason.n > 0) {
        size_t size = berth_utf8_size(reason);
        if (size == 0)
            return BERTH_E_SYNTAX;
        reason = berth_str_sub(reason, size, reason.n);
    }
    *code = (uint16_t)c;
    return BERTH_OK;
}

void berth_ws_close_put(struct berth_buf *b, uint16_t code)
{
    struct berth_ws_head h = { .opcode = BERTH_WS_CLOSE, .fin = true };

    h.payload_n = code != 0 ? 2 : 0;
    berth_ws_head_put(b, &h);
    if (code != 0)
        put_big_endian(b, code, 2);
}

bool berth_ws_list_has(berth_str list, berth_str token)
{
    while (list.n > 0) {
        if (berth_str_ieq(berth_str_trim(berth_str_cut(&list, ',')), token))
            return true;
    }
    return false;
}

bool berth_ws_key_is_valid(berth_str text)
{
    uint8_t bytes[KEY_BYTES];
    size_t n = 0;

    return text.n == BERTH_WS_KEY_SIZE &&
           berth_b64_decode(text, bytes, sizeof bytes, &n) == BERTH_OK && n == sizeof bytes;
}
