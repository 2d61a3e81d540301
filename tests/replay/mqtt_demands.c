/* What holds of MQTT itself and of the WebSocket below it, for provisioning and hub alike. */
#include <openssl/evp.h>
#include <string.h>

#include "replay/demand.h"
#include "unit/check.h"

static bool is_let_in(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return x->count == 1 && heard_at(x, BERTH_MQTT_CONNACK) == 0 &&
           x->heard[0].code == BERTH_MQTT_ACCEPTED && !x->closed;
}

static bool is_turned_away(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return heard_at(x, BERTH_MQTT_CONNACK) == 0 && x->heard[0].code == BERTH_MQTT_NOT_AUTHORIZED &&
           (x->closed || x->heard[x->count - 1].type == HEARD_CLOSE_FRAME);
}

static bool has_no_session(const struct exchange *x, const struct talk *t)
{
    size_t at = heard_at(x, BERTH_MQTT_CONNACK);

    (void)t;
    return at < x->count && !x->heard[at].session_present;
}

static bool is_granted(const struct exchange *x, const struct talk *t)
{
    size_t at = heard_at(x, BERTH_MQTT_SUBACK);

    (void)t;
    return at == 0 && x->count == 1 && x->heard[0].packet_id == x->packet.packet_id &&
           x->heard[0].code <= x->packet.filter_qos[0];
}

static bool is_unsubscribed(const struct exchange *x, const struct talk *t)
{
    size_t at = heard_at(x, BERTH_MQTT_UNSUBACK);

    (void)t;
    return at < x->count && x->heard[at].packet_id == x->packet.packet_id;
}

static size_t count_of(const struct exchange *x, enum berth_mqtt_type type)
{
    size_t n = 0;

    for (size_t i = 0; i < x->count; i++)
        n += x->heard[i].type == HEARD_MQTT && x->heard[i].packet == type;
    return n;
}

/* One for a publish of QoS 1, with its ID; none for QoS 0. */
static bool is_acknowledged(const struct exchange *x, const struct talk *t)
{
    size_t at = heard_at(x, BERTH_MQTT_PUBACK);

    (void)t;
    if (x->packet.qos == 0)
        return at == TALK_HEARD_MAX;
    return count_of(x, BERTH_MQTT_PUBACK) == 1 && x->heard[at].packet_id == x->packet.packet_id;
}

static bool acknowledged_first(const struct exchange *x, const struct talk *t)
{
    size_t ack = heard_at(x, BERTH_MQTT_PUBACK), answer = heard_at(x, BERTH_MQTT_PUBLISH);

    (void)t;
    return answer < x->count && (x->packet.qos == 0 || ack < answer);
}

static bool is_answered_once(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return count_of(x, BERTH_MQTT_PUBLISH) == 1 && !x->garbled &&
           x->count == (x->packet.qos > 0 ? 2u : 1u);
}

/* What the subscription that the answer comes by was granted. */
static unsigned granted(const struct talk *t)
{
    unsigned qos = 0;

    for (size_t i = 0; i < t->count; i++)
        if (t->list[i].role == SAYS_SUBSCRIBE && t->list[i].count > 0 &&
            memmem(t->list[i].packet.filters[0].p, t->list[i].packet.filters[0].n, "/res/#", 6))
            qos = t->list[i].heard[0].code;
    return qos;
}

static bool has_granted_qos(const struct exchange *x, const struct talk *t)
{
    const struct heard *h = answer_of(x);

    return h != NULL && h->qos <= granted(t) && (h->qos == 0 || h->packet_id != 0) && !h->retain;
}

static bool is_qos_1(const struct exchange *x, const struct talk *t)
{
    const struct heard *h = answer_of(x);

    (void)t;
    return h != NULL && h->qos == 1 && h->packet_id != 0;
}

static bool stands_after_a_pause(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return answer_of(x) != NULL && !x->closed;
}

static bool is_closed(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return x->closed;
}

/* ---- WebSocket ---- */

static bool field_of(const struct exchange *x, const char *name, char *out, size_t size)
{
    return x->count == 1 && x->heard[0].type == HEARD_HTTP &&
           talk_field(x->heard[0].head, name, out, size);
}

static bool is_101(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return x->count == 1 && x->heard[0].type == HEARD_HTTP && x->heard[0].status == 101;
}

static bool is_upgraded(const struct exchange *x, const struct talk *t)
{
    char connection[64], upgrade[64];

    (void)t;
    return field_of(x, "Connection", connection, sizeof connection) &&
           strcasestr(connection, "upgrade") != NULL &&
           field_of(x, "Upgrade", upgrade, sizeof upgrade) && strcasecmp(upgrade, "websocket") == 0;
}

/* RFC 6455 section 4.2.2, by another library than berth's own way to it. */
static bool accepts_key(const struct exchange *x, const struct talk *t)
{
    static const char salt[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char digest[EVP_MAX_MD_SIZE], text[2 * EVP_MAX_MD_SIZE];
    char key[128], accept[64];
    unsigned n;

    (void)t;
    if (!talk_field(x->said, "Sec-WebSocket-Key", key, sizeof key - sizeof salt) ||
        !field_of(x, "Sec-WebSocket-Accept", accept, sizeof accept))
        return false;
    strcat(key, salt);
    CHECK("SHA-1", EVP_Digest(key, strlen(key), digest, &n, EVP_sha1(), NULL) == 1);
    (void)EVP_EncodeBlock(text, digest, (int)n);
    return strcmp(accept, (const char *)text) == 0;
}

static bool has_blank_in_accept(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return x->count == 1 && strcasestr(x->heard[0].head, "\r\nsec-websocket-accept: ") != NULL;
}

static bool echoes_protocol(const struct exchange *x, const struct talk *t)
{
    char offered[64], taken[64];

    (void)t;
    return talk_field(x->said, "Sec-WebSocket-Protocol", offered, sizeof offered) &&
           field_of(x, "Sec-WebSocket-Protocol", taken, sizeof taken) &&
           strcmp(offered, taken) == 0;
}

static bool offers_no_extension(const struct exchange *x, const struct talk *t)
{
    char text[128];

    (void)t;
    return x->count == 1 && !field_of(x, "Sec-WebSocket-Extensions", text, sizeof text);
}

static bool is_framed_well(const struct exchange *x, const struct talk *t)
{
    (void)t;
    for (size_t i = 0; i < x->count; i++)
        if (!x->heard[i].framed_well)
            return false;
    return x->count > 0 && !x->garbled;
}

static bool says_goodbye(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return x->closed || (x->count == 1 && x->heard[0].type == HEARD_CLOSE_FRAME);
}

#define ON_MQTT (C | EMBEDDED | NODE | PYTHON | CSHARP)
#define BOTH    (DPS | HUB)
#define TALKING (ROLE(CONNECT) | ROLE(SUBSCRIBE) | PUBLISHES)

static const struct demand rows[] = {
    { ON_MQTT, MQTT, DPS, ROLE(CONNECT), ALWAYS, "CONNACK 0, whatever the token is worth",
      "dps-device 10.1, 10.3", is_let_in, NULL },
    { ON_MQTT, MQTT, HUB, ROLE(CONNECT), SERVED, "CONNACK 0", "hub-device 5.2", is_let_in, NULL },
    { ON_MQTT, MQTT, HUB, ROLE(CONNECT), REFUSED, "CONNACK 5, then the end", "hub-device 5.2, 18",
      is_turned_away, NULL },
    { ON_MQTT, MQTT, BOTH, ROLE(CONNECT), ALWAYS, "no session present, whatever was asked",
      "dps-device 2.13, hub-device 5.2", has_no_session, NULL },
    { ON_MQTT, MQTT, BOTH, ROLE(SUBSCRIBE), ALWAYS, "SUBACK with its ID, no 0x80, no higher QoS",
      "dps-device 10.3, hub-device 6, 19 H26", is_granted, NULL },
    { NODE, MQTT, BOTH, ROLE(UNSUBSCRIBE), ALWAYS, "UNSUBACK with its ID",
      "captures, first messages", is_unsubscribed, NULL },
    { ON_MQTT, MQTT, BOTH, PUBLISHES, ALWAYS, "PUBACK with its ID for QoS 1, none for QoS 0",
      "dps-device 10.3, hub-device 11", is_acknowledged, NULL },
    { CSHARP | PYTHON | NODE, MQTT, BOTH, REQUESTS | ROLE(TWIN_GET), ALWAYS,
      "PUBACK before the answer", "dps-device 2.12, ProvisioningChannelHandlerAdapter.cs:193",
      acknowledged_first, NULL },
    { ON_MQTT, MQTT, BOTH, REQUESTS | ROLE(TWIN_GET), ALWAYS, "one answer, and nothing else",
      "dps-device 2.14, hub-device 11", is_answered_once, NULL },
    { ON_MQTT, MQTT, BOTH, REQUESTS | ROLE(TWIN_GET), ALWAYS,
      "the answer's QoS is at most the granted one", "dps-device 10.1, hub-device 19 H26",
      has_granted_qos, NULL },
    { CSHARP, MQTT, DPS, REQUESTS, ALWAYS, "the answer is QoS 1 with a packet ID that is not 0",
      "dps-device 2.14", is_qos_1, NULL },
    { C | CSHARP, MQTT, DPS, ROLE(POLL), SERVED,
      "keep-alive 0: five quiet minutes cost no connection", "dps-device 2.15",
      stands_after_a_pause, NULL },
    { NODE, TCP, BOTH, ROLE(DISCONNECT), ALWAYS, "TCP is closed after DISCONNECT",
      "dps-device 2.22, captures", is_closed, NULL },

    { ON_MQTT, WS, BOTH, ROLE(UPGRADE), ALWAYS, "101", "dps-device 11, uws_client.c:1197", is_101,
      NULL },
    { PYTHON | CSHARP | NODE, WS, BOTH, ROLE(UPGRADE), ALWAYS, "Connection and Upgrade say so",
      "dps-device 11, client.py:4719", is_upgraded, NULL },
    { PYTHON | CSHARP | NODE, WS, BOTH, ROLE(UPGRADE), ALWAYS, "the right Sec-WebSocket-Accept",
      "dps-device 11, client.py:4719", accepts_key, NULL },
    { PYTHON, WS, BOTH, ROLE(UPGRADE), ALWAYS, "a blank behind the colon of that field",
      "dps-device 11, client.py:4719", has_blank_in_accept, NULL },
    { C | NODE | CSHARP, WS, BOTH, ROLE(UPGRADE), ALWAYS,
      "the subprotocol offered, in the client's letters", "dps-device 2.19, 11", echoes_protocol,
      NULL },
    { ON_MQTT, WS, BOTH, ROLE(UPGRADE), ALWAYS, "no extension comes back", "dps-device 11",
      offers_no_extension, NULL },
    { ON_MQTT, WS, BOTH, TALKING, ALWAYS, "frames unmasked, binary and whole", "dps-device 11",
      is_framed_well, NULL },
    { ON_MQTT, WS, BOTH, ROLE(DISCONNECT), ALWAYS, "a close frame after DISCONNECT",
      "dps-device 11, 2.22", says_goodbye, NULL },
    { NODE, WS, BOTH, ROLE(NOTHING), ALWAYS, "TCP is closed after its close frame",
      "dps-device 2.22, captures", is_closed, NULL },
};

const struct demand_table mqtt_demands = { rows, ARRAY_LEN(rows) };
