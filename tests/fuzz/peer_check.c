#include "fuzz/peer_check.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "unit/layer_rig.h"

#define HEAD_MAX 16384

/* ---- MQTT ---- */

/* The length behind a packet's first byte; *AT moves behind it. False: not whole, or no length. */
static bool remaining(const uint8_t *p, size_t n, size_t *at, size_t *length)
{
    *length = 0;
    for (unsigned i = 0; i < 4 && *at < n; i++) {
        uint8_t b = p[(*at)++];
        *length |= (size_t)(b & 0x7f) << 7 * i;
        if (b < 0x80)
            return i == 0 || b != 0;
    }
    return false;
}

static const char *check_publish(uint8_t first, const uint8_t *p, size_t n)
{
    size_t topic_n = n < 2 ? 0 : (size_t)p[0] << 8 | p[1];
    unsigned qos = first >> 1 & 3;

    if (qos > 1 || topic_n == 0 || 2 + topic_n + 2 * qos > n)
        return "a PUBLISH that does not hold what it says";
    if (memchr(p + 2, 0, topic_n) != NULL || memchr(p + 2, '#', topic_n) != NULL ||
        memchr(p + 2, '+', topic_n) != NULL)
        return "a topic nobody may publish to";
    if (qos == 1 && p[2 + topic_n] == 0 && p[3 + topic_n] == 0)
        return "packet ID 0";
    return NULL;
}

static const char *check_packet(uint8_t first, const uint8_t *p, size_t n)
{
    switch (first) {
    case 0x30:
    case 0x31:
    case 0x32:
    case 0x3a:
        return check_publish(first, p, n);
    case 0x40:
    case 0xb0:
        return n == 2 && (p[0] | p[1]) != 0 ? NULL : "a wrong acknowledgement";
    case 0x90:
        for (size_t i = 2; i < n; i++)
            if (p[i] > 1 && p[i] != 0x80)
                return "a SUBACK that grants what is not offered";
        return n >= 3 && (p[0] | p[1]) != 0 ? NULL : "a wrong SUBACK";
    case 0xd0:
        return n == 0 ? NULL : "a PINGRESP that holds something";
    default:
        return "a packet that no server sends";
    }
}

static const char *check_connack(const uint8_t *p, size_t n, bool *refused)
{
    if (n != 2 || p[0] > 1 || p[1] > 5 || (p[0] == 1 && p[1] != 0))
        return "a wrong CONNACK";
    *refused = p[1] != 0;
    return NULL;
}

const char *peer_check_mqtt(berth_str heard, bool cut)
{
    const uint8_t *p = (const uint8_t *)heard.p;
    const char *wrong = NULL;
    bool refused = false;

    for (size_t at = 0, length; at < heard.n && wrong == NULL; at += length) {
        bool begins = at == 0;
        uint8_t first = p[at++];
        if (!remaining(p, heard.n, &at, &length) || length > heard.n - at)
            return cut ? NULL : "half a packet";
        if (refused)
            return "something behind a refusal";
        if (begins != (first == 0x20))
            return "the first packet, and no other, is CONNACK";
        wrong =
            begins ? check_connack(p + at, length, &refused) : check_packet(first, p + at, length);
    }
    return wrong;
}

/* ---- WebSocket ---- */

/* The length of the frame's payload; SIZE_MAX when its head is not whole. *AT moves behind it. */
static size_t frame_length(const uint8_t *p, size_t n, size_t *at, const char **wrong)
{
    uint8_t second = p[*at + 1];
    unsigned more = second == 126 ? 2 : second == 127 ? 8 : 0;
    size_t length = more == 0 ? second : 0;

    if (second >= 0x80)
        *wrong = "a masked frame";
    if (n - *at < 2 + more)
        return SIZE_MAX;
    for (unsigned i = 0; i < more; i++)
        length = length << 8 | p[*at + 2 + i];
    if ((more == 2 && length < 126) || (more == 8 && length < 65536))
        *wrong = "a length that could be said shorter";
    *at += 2 + more;
    return length;
}

static const char *check_frames(berth_str s, bool cut)
{
    const uint8_t *p = (const uint8_t *)s.p;
    struct rig_bytes stream = { 0 };
    const char *wrong = NULL;
    bool closed = false;

    for (size_t at = 0; at < s.n && wrong == NULL;) {
        uint8_t opcode = p[at] & 0x0f;
        bool control = opcode >= 8;
        if (closed)
            wrong = "a frame behind the close frame";
        if (p[at] >> 4 != 8 || (opcode != 2 && (opcode < 8 || opcode > 10)))
            wrong = "a frame of another kind";
        size_t length = s.n - at < 2 ? SIZE_MAX : frame_length(p, s.n, &at, &wrong);
        if (length == SIZE_MAX || length > s.n - at) {
            wrong = wrong != NULL || cut ? wrong : "half a frame";
            break;
        }
        if (control && length > 125)
            wrong = "a long control frame";
        closed = opcode == 8;
        if (!control)
            rig_bytes_add(&stream, p + at, length);
        at += length;
    }
    if (wrong == NULL)
        wrong = peer_check_mqtt((berth_str){ (const char *)stream.p, stream.n }, cut);
    rig_bytes_free(&stream);
    return wrong;
}

/* ---- HTTP ---- */

struct answer {
    int status;
    bool has_length, json, last;
    size_t body_n;
};

static bool is_field(berth_str line, const char *name, berth_str *value)
{
    size_t n = strlen(name);

    if (line.n < n + 2 || strncasecmp(line.p, name, n) != 0 || line.p[n] != ':')
        return false;
    *value = berth_str_sub(line, n + 2, line.n);
    return true;
}

static bool is_text(berth_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return true;
}

static const char *take_field(struct answer *a, berth_str line)
{
    size_t name_n = berth_str_find(line, ':');
    berth_str value;

    if (name_n == 0 || name_n + 1 >= line.n || line.p[name_n + 1] != ' ' || !is_text(line))
        return "a field that is none";
    if (is_field(line, "Transfer-Encoding", &value))
        return "a coding that was not to be used";
    if (is_field(line, "Content-Length", &value)) {
        if (a->has_length || value.n == 0 || value.n > 9)
            return "two lengths, or none";
        a->has_length = true;
        a->body_n = 0;
        for (size_t i = 0; i < value.n; i++) {
            if (value.p[i] < '0' || value.p[i] > '9')
                return "a length that is no number";
            a->body_n = a->body_n * 10 + (size_t)(value.p[i] - '0');
        }
    }
    if (is_field(line, "Content-Type", &value) && value.n >= 16)
        a->json = strncmp(value.p, "application/json", 16) == 0;
    if (is_field(line, "Connection", &value))
        a->last = value.n == 5 && strncasecmp(value.p, "close", 5) == 0;
    return NULL;
}

static const char *take_head(struct answer *a, berth_str head)
{
    const char *wrong = NULL;
    bool first = true;

    *a = (struct answer){ 0 };
    while (head.n > 0 && wrong == NULL) {
        const char *end = memmem(head.p, head.n, "\r\n", 2);
        berth_str line = berth_str_sub(head, 0, (size_t)(end - head.p));
        head = berth_str_sub(head, line.n + 2, head.n);
        if (!first) {
            wrong = take_field(a, line);
            continue;
        }
        first = false;
        if (line.n < 14 || strncmp(line.p, "HTTP/1.1 ", 9) != 0 || line.p[12] != ' ' ||
            !is_text(line))
            return "a status line that is none";
        a->status = atoi(line.p + 9);
    }
    return wrong;
}

static const char *check_json(berth_str body)
{
    json_error_t error;
    json_t *v = json_loadb(body.p, body.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

    json_decref(v);
    /* numbers are handed on as they were written, whatever fits a reader's */
    return v != NULL || json_error_code(&error) == json_error_numeric_overflow
               ? NULL
               : "a body that is no JSON";
}

/* An answer to HEAD says how long its body would be; what follows tells that there is none. */
static bool is_headless(berth_str rest)
{
    return rest.n == 0 || (rest.n >= 9 && strncmp(rest.p, "HTTP/1.1 ", 9) == 0);
}

/* One answer, taken off *S. */
static const char *check_answer(berth_str *s, bool cut, struct answer *a)
{
    const char *blank = memmem(s->p, s->n, "\r\n\r\n", 4);
    size_t head_n = blank == NULL ? 0 : (size_t)(blank - s->p) + 2;
    const char *wrong;
    berth_str rest;

    if (blank == NULL) {
        rest = *s;
        s->n = 0;
        return cut && rest.n < HEAD_MAX ? NULL : "half a head";
    }
    wrong = take_head(a, berth_str_sub(*s, 0, head_n));
    rest = berth_str_sub(*s, head_n + 2, s->n);
    *s = rest;
    if (wrong != NULL || a->status == 101 || a->status == 100)
        return wrong;
    if (a->status < 200 || a->status > 599)
        return "a status that no server sends";
    if (a->status == 204)
        return a->body_n == 0 ? NULL : "204 with a body";
    if (!a->has_length)
        return "no length";
    if (a->body_n == 0 || is_headless(rest))
        return NULL;
    if (a->body_n > rest.n) {
        s->n = 0;
        return cut ? NULL : "half a body";
    }
    *s = berth_str_sub(rest, a->body_n, rest.n);
    return a->json ? check_json(berth_str_sub(rest, 0, a->body_n)) : NULL;
}

const char *peer_check_http(berth_str heard, bool cut)
{
    struct answer a = { 0 };
    const char *wrong = NULL;

    while (heard.n > 0 && wrong == NULL) {
        if (a.last)
            return "something behind the last answer";
        wrong = check_answer(&heard, cut, &a);
        if (wrong == NULL && a.status == 101)
            return check_frames(heard, cut);
    }
    return wrong;
}
