#include "replay/spoil.h"

#include <stdio.h>
#include <string.h>

#include "unit/check.h"

/* ---- words ---- */

static void replace_all(char *text, size_t size, const char *from, const char *to)
{
    size_t from_n = strlen(from), to_n = strlen(to);

    for (char *at = text; (at = strstr(at, from)) != NULL; at += to_n) {
        size_t rest = strlen(at + from_n) + 1;
        CHECK(from, (size_t)(at - text) + to_n + rest <= size);
        memmove(at + to_n, at + from_n, rest);
        memcpy(at, to, to_n);
    }
}

static const struct {
    const char *name;
    enum { HEAD, BODY, EVENTS } part;
    const char *from, *to;
} words[] = {
    { "no operationId", BODY, "\"operationId\"", "\"operation\"" },
    { "a slash in the operation ID", BODY, ".11111111-", "/11111111-" },
    { "another operation ID", BODY, "\"5.0", "\"6.0" },
    { "a status in capitals", BODY, "\"assign", "\"ASSIGN" },
    { "status by another name", BODY, "\"status\"", "\"state\"" },
    { "no registrationState", BODY, "\"registrationState\"", "\"registration\"" },
    { "no registration ID", BODY, "\"registrationId\"", "\"id\"" },
    { "a hub with its port", BODY, "127.0.0.2\"", "127.0.0.2:8883\"" },
    { "no device ID", BODY, "\"deviceId\"", "\"device\"" },
    { "no substatus", BODY, "\"substatus\"", "\"subStatus\"" },
    { "null for what is absent", BODY, "\"dev1\"", "null" },
    { "null for a flag", BODY, ":true", ":null" },
    { "dates of three digits", BODY, "0000Z\"", "Z\"" },
    { "no JSON", BODY, "{", "" },
    { "a fraction of a second to wait", HEAD, "retry-after=3", "retry-after=3.5" },
    { "a date to wait for", HEAD, "Retry-After: 3", "Retry-After: Mon, 23 Nov 2026" },
    { "$rid without its $", HEAD, "$rid=", "rid=" },
    { "$rid not first", HEAD, "?$rid=", "?x=1&$rid=" },
    { "another $rid", HEAD, "$rid=", "$rid=0" },
    { "another topic", HEAD, "/res/", "/rez/" },
    { "a topic's status 500", HEAD, "/res/20", "/res/50" },
    { "a parameter without =", HEAD, "/?$rid=", "/?$rid" },
    { "no slash before the query", HEAD, "/?", "?" },
    { "no reason phrase", HEAD, "202 Accepted", "202" },
    { "no reason phrase, 200", HEAD, "200 OK", "200" },
    { "text/plain", HEAD, "application/json", "text/plain" },
    { "no Content-Length", HEAD, "Content-Length", "X-Length" },
    { "chunks", HEAD, "Date:", "Transfer-Encoding: chunked\r\nDate:" },
    { "Connection: close", HEAD, "Date:", "Connection: close\r\nDate:" },
    { "no Upgrade", HEAD, "Upgrade: websocket", "Upgrade: h2c" },
    { "another accepted key", HEAD, "Accept: ", "Accept: A" },
    { "no blank in the accepted key", HEAD, "Accept: ", "Accept:" },
    { "the subprotocol, MQTT", HEAD, "Protocol: mqtt", "Protocol: MQTT" },
    { "the subprotocol, mqtt", HEAD, "Protocol: MQTT", "Protocol: mqtt" },
    { "an extension", HEAD, "Upgrade: websocket",
      "Upgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate" },
    { "a twin without $version", BODY, "\"$version\"", "\"version\"" },
    { "another twin", BODY, "\"interval\":30", "\"interval\":31" },
    { "a property lost", EVENTS, "\"idx\"", "\"ids\"" },
    { "a content type lost", EVENTS, "\"contentType\"", "\"type\"" },
    { "keys shown", BODY, "\"type\":\"symmetricKey\"",
      "\"type\":\"symmetricKey\",\"primaryKey\":\"x\"" },
    { "no keys", BODY, "\"primaryKey\"", "\"key\"" },
    { "other keys", BODY, "a2tra2tr", "b2tra2tr" },
    { "an etag without quotes", BODY, "\\\"", "" },
    { "a word in capitals", BODY, "\"enabled\"", "\"Enabled\"" },
    { "a number for a boolean", BODY, "\"iotEdge\":false", "\"iotEdge\":0" },
    { "an object round the array", BODY, "[{", "{\"value\":[{" },
    { "a field's name in capitals", HEAD, "x-ms-item-type", "X-Ms-Item-Type" },
    { "a page too many", HEAD, "Date:", "x-ms-continuation: a\r\nDate:" },
    { "an error of another status", BODY, "\"errorCode\":404", "\"errorCode\":500" },
    { "an error of another class", BODY, "\"errorCode\":4", "\"errorCode\":5" },
    { "no tracking ID", BODY, "\"trackingId\"", "\"tracking\"" },
    { "two messages", BODY, "\"message\"", "\"errorMessage\":\"x\",\"message\"" },
    { "a refusal's status 200", HEAD, "/res/4", "/res/2" },
    { "no time to come again", HEAD, "&retry-after=", "&after=" },
    { "no x-ms-error-code", HEAD, "x-ms-error-code", "x-error" },
    { "no connectionState", BODY, "\"connectionState\"", "\"state\"" },
};

static void spoil_words(size_t i, struct heard *h)
{
    if (words[i].part == HEAD)
        replace_all(h->head, sizeof h->head, words[i].from, words[i].to);
    if (words[i].part == BODY)
        replace_all(h->body, sizeof h->body, words[i].from, words[i].to);
    h->body_n = strlen(h->body);
}

/* ---- deeds: one exchange each ---- */

static void drop(struct exchange *x, size_t at)
{
    memmove(&x->heard[at], &x->heard[at + 1], (x->count - at - 1) * sizeof x->heard[0]);
    x->count--;
}

static void drop_all(struct exchange *x)
{
    x->count = 0;
}

static void drop_puback(struct exchange *x)
{
    for (size_t i = 0; i < x->count; i++)
        if (x->heard[i].packet == BERTH_MQTT_PUBACK)
            drop(x, i);
}

static void add_puback(struct exchange *x)
{
    if (x->packet.type == BERTH_MQTT_PUBLISH && x->packet.qos == 0 && x->count < TALK_HEARD_MAX) {
        x->heard[x->count] = (struct heard){ .type = HEARD_MQTT, .packet = BERTH_MQTT_PUBACK };
        x->count++;
    }
}

static void swap_first_two(struct exchange *x)
{
    static struct heard other;

    if (x->count < 2)
        return;
    other = x->heard[0];
    x->heard[0] = x->heard[1];
    x->heard[1] = other;
}

static void repeat_last(struct exchange *x)
{
    if (x->count == 0 || x->count == TALK_HEARD_MAX)
        return;
    x->heard[x->count] = x->heard[x->count - 1];
    x->count++;
}

static void shift_ids(struct exchange *x)
{
    for (size_t i = 0; i < x->count; i++)
        x->heard[i].packet_id++;
}

static void clear_ids(struct exchange *x)
{
    for (size_t i = 0; i < x->count; i++)
        x->heard[i].packet_id = 0;
}

static void raise_qos(struct exchange *x)
{
    for (size_t i = 0; i < x->count; i++)
        x->heard[i].qos = 2;
}

static void lower_qos(struct exchange *x)
{
    for (size_t i = 0; i < x->count; i++)
        x->heard[i].qos = 0;
}

static void retain(struct exchange *x)
{
    for (size_t i = 0; i < x->count; i++)
        x->heard[i].retain = true;
}

static void refuse(struct exchange *x)
{
    for (size_t i = 0; i < x->count; i++)
        x->heard[i].code = 0x80;
}

static void resume(struct exchange *x)
{
    for (size_t i = 0; i < x->count; i++)
        x->heard[i].session_present = true;
}

static void misframe(struct exchange *x)
{
    for (size_t i = 0; i < x->count; i++)
        x->heard[i].framed_well = false;
}

static void change_status(struct exchange *x)
{
    for (size_t i = 0; i < x->count; i++)
        x->heard[i].status = x->heard[i].status == 202 ? 200 : x->heard[i].status + 300;
}

static void answer_500(struct exchange *x)
{
    for (size_t i = 0; i < x->count; i++)
        x->heard[i].status = 500;
}

static void close_early(struct exchange *x)
{
    x->closed = true;
}

static void hold_open(struct exchange *x)
{
    x->closed = false;
}

static void garble(struct exchange *x)
{
    x->garbled = true;
}

static const struct {
    const char *name;
    void (*deed)(struct exchange *x);
} deeds[] = {
    { "silence", drop_all },
    { "no PUBACK", drop_puback },
    { "a PUBACK for QoS 0", add_puback },
    { "the answer before the PUBACK", swap_first_two },
    { "everything twice", repeat_last },
    { "other packet IDs", shift_ids },
    { "packet ID 0", clear_ids },
    { "QoS 2", raise_qos },
    { "QoS 0", lower_qos },
    { "retained", retain },
    { "refused", refuse },
    { "session present", resume },
    { "masked frames", misframe },
    { "200 for 202, and others", change_status },
    { "500", answer_500 },
    { "closed at once", close_early },
    { "never closed", hold_open },
    { "bytes behind the answer", garble },
};

size_t spoil_count(void)
{
    return ARRAY_LEN(words) + ARRAY_LEN(deeds);
}

const char *spoil_name(size_t i)
{
    return i < ARRAY_LEN(words) ? words[i].name : deeds[i - ARRAY_LEN(words)].name;
}

void spoil(size_t i, struct talk *t)
{
    if (i < ARRAY_LEN(words) && words[i].part == EVENTS)
        replace_all(t->events, sizeof t->events, words[i].from, words[i].to);
    for (size_t k = 0; k < t->count; k++) {
        struct exchange *x = &t->list[k];
        if (i >= ARRAY_LEN(words)) {
            deeds[i - ARRAY_LEN(words)].deed(x);
            continue;
        }
        for (size_t n = 0; n < x->count; n++)
            spoil_words(i, &x->heard[n]);
    }
}
