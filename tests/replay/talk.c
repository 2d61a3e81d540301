#include "replay/talk.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front/router.h"
#include "unit/check.h"

/* One connection of the client. */
struct line {
    struct stage *s;
    struct rig socket;
    size_t seen;            /* bytes already taken apart */
    bool switched;          /* frames from here on */
    bool mqtt;              /* from its first byte */
    struct rig_bytes plain; /* payload of frames, not yet taken apart */
    size_t plain_seen;
    bool open;
};

/* ---- what is said ---- */

static bool has(const struct exchange *x, const char *text)
{
    return strstr(x->said, text) != NULL;
}

static enum talk_role role_of_http(const struct exchange *x)
{
    if (has(x, "\r\nUpgrade: websocket\r\n"))
        return SAYS_UPGRADE;
    if (has(x, "/register?"))
        return SAYS_REGISTER;
    return has(x, "/operations/") ? SAYS_POLL : SAYS_REQUEST;
}

static enum talk_role role_of_publish(const struct berth_mqtt_packet *p)
{
    static const struct {
        berth_str start;
        enum talk_role role;
    } topics[] = {
        { BERTH_STR_INIT("$dps/registrations/PUT/"), SAYS_REGISTER },
        { BERTH_STR_INIT("$dps/registrations/GET/"), SAYS_POLL },
        { BERTH_STR_INIT("devices/"), SAYS_EVENT },
        { BERTH_STR_INIT("$iothub/twin/GET/"), SAYS_TWIN_GET },
    };

    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        if (berth_str_starts(p->topic, topics[i].start))
            return topics[i].role;
    fail_msg("%.*s: no topic of these sessions", BERTH_STR_ARG(p->topic));
    return SAYS_NOTHING;
}

static enum talk_role role_of_packet(struct exchange *x, size_t n)
{
    size_t used = 0;

    CHECK("a packet", berth_mqtt_read((berth_str){ x->said, n }, BERTH_MQTT_PACKET_MAX, &x->packet,
                                      &used) == BERTH_OK &&
                          used == n);
    switch (x->packet.type) {
    case BERTH_MQTT_CONNECT:
        return SAYS_CONNECT;
    case BERTH_MQTT_SUBSCRIBE:
        return SAYS_SUBSCRIBE;
    case BERTH_MQTT_UNSUBSCRIBE:
        return SAYS_UNSUBSCRIBE;
    case BERTH_MQTT_DISCONNECT:
        return SAYS_DISCONNECT;
    case BERTH_MQTT_PUBLISH:
        return role_of_publish(&x->packet);
    default:
        fail_msg("packet of type %d", x->packet.type);
        return SAYS_NOTHING;
    }
}

/* The captured service named operations otherwise; a client says what it was told. Both have the
 * same length. */
static void name_operation(char *said, size_t n, const char *id)
{
    size_t id_n = strlen(STAGE_OPERATION_ID);
    char *at = memmem(said, n, STAGE_OPERATION_ID, id_n);

    if (at == NULL)
        return;
    CHECK("an operation ID of the captured length", strlen(id) == id_n);
    memcpy(at, id, id_n);
}

static void prepare(const struct line *l, const struct capture_message *m, struct exchange *x)
{
    memset(x, 0, sizeof *x);
    CHECK("the message fits", m->bytes.n < sizeof x->said);
    if (m->bytes.n == 0)
        return;
    memcpy(x->said, m->bytes.p, m->bytes.n);
    x->role = l->mqtt || l->switched ? role_of_packet(x, m->bytes.n) : role_of_http(x);
}

static void turn(struct line *l)
{
    front_rig_turn(&l->s->front);
    if (l->socket.resumed)
        rig_turn(&l->socket);
}

static void offer(struct line *l, const uint8_t *p, size_t n, bool byte_by_byte)
{
    size_t step = byte_by_byte ? 1 : n;

    for (size_t at = 0; at < n; at += step) {
        rig_offer(&l->socket, p + at, step);
        turn(l);
    }
}

static void offer_frames(struct line *l, const struct capture_message *m, const char *said,
                         bool byte_by_byte)
{
    const uint8_t *payload = (const uint8_t *)said;

    for (size_t i = 0; i < m->frame_count; i++) {
        const struct capture_frame *f = &m->frames[i];
        const uint8_t *mask = f->head + f->head_n - BERTH_WS_MASK_SIZE;
        struct rig_bytes bytes = { 0 };

        rig_bytes_add(&bytes, f->head, f->head_n);
        for (size_t k = 0; k < f->payload_n; k++) {
            uint8_t c = payload[k] ^ mask[k % BERTH_WS_MASK_SIZE];
            rig_bytes_add(&bytes, &c, 1);
        }
        offer(l, bytes.p, bytes.n, byte_by_byte);
        payload += f->payload_n;
        rig_bytes_free(&bytes);
    }
}

static void offer_cuts(struct line *l, const struct capture_message *m, const char *said,
                       bool byte_by_byte)
{
    const uint8_t *p = (const uint8_t *)said;

    for (size_t i = 0; i < m->cut_count; i++) {
        offer(l, p, m->cuts[i], byte_by_byte);
        p += m->cuts[i];
    }
}

static void say(struct line *l, const struct capture_message *m, const struct exchange *x,
                bool byte_by_byte)
{
    if (m->frame_count > 0)
        offer_frames(l, m, x->said, byte_by_byte);
    else if (m->cut_count > 0)
        offer_cuts(l, m, x->said, byte_by_byte);
    else
        offer(l, (const uint8_t *)x->said, m->bytes.n, byte_by_byte);
}

/* Until nobody has anything to do. */
static void settle(struct line *l)
{
    for (int i = 0; i < 8; i++) {
        front_rig_settle(&l->s->front);
        front_rig_turn(&l->s->front);
        rig_turn(&l->socket);
    }
}

/* ---- what is heard ---- */

static struct heard *add_heard(struct exchange *x, enum heard_type type)
{
    CHECK("answers", x->count < TALK_HEARD_MAX);
    x->heard[x->count].type = type;
    return &x->heard[x->count++];
}

static void copy(char *out, size_t size, berth_str s)
{
    CHECK("the answer fits", s.n < size);
    if (s.n > 0)
        memcpy(out, s.p, s.n);
    out[s.n] = '\0';
}

/* Bytes taken from the start of S; 0: no whole packet. */
static size_t hear_packet(struct exchange *x, berth_str s)
{
    struct berth_mqtt_packet p;
    struct heard *h;
    size_t used = 0;

    if (s.n == 0 || berth_mqtt_read(s, BERTH_MQTT_PACKET_MAX, &p, &used) != BERTH_OK || used == 0)
        return 0;
    h = add_heard(x, HEARD_MQTT);
    h->packet = p.type;
    h->packet_id = p.packet_id;
    h->qos = p.qos;
    h->code = p.code;
    h->session_present = p.session_present;
    h->retain = p.retain;
    h->framed_well = true;
    if (p.type == BERTH_MQTT_PUBLISH) {
        copy(h->head, sizeof h->head, p.topic);
        copy(h->body, sizeof h->body, p.payload);
        h->body_n = p.payload.n;
    }
    return used;
}

bool talk_field(const char *head, const char *name, char *out, size_t size)
{
    size_t n = strlen(name);

    for (const char *p = head; (p = strstr(p, "\r\n")) != NULL;) {
        p += 2;
        if (strncasecmp(p, name, n) != 0 || p[n] != ':')
            continue;
        p += n + 1;
        p += strspn(p, " ");
        (void)snprintf(out, size, "%.*s", (int)strcspn(p, "\r"), p);
        return true;
    }
    return false;
}

static size_t hear_http(struct exchange *x, berth_str s)
{
    const char *blank = s.n == 0 ? NULL : memmem(s.p, s.n, "\r\n\r\n", 4);
    size_t head_n, body_n;
    struct heard *h;
    char length[32];

    if (blank == NULL)
        return 0;
    head_n = (size_t)(blank - s.p) + 2;
    h = add_heard(x, HEARD_HTTP);
    copy(h->head, sizeof h->head, berth_str_sub(s, 0, head_n));
    h->status = strncmp(h->head, "HTTP/1.1 ", 9) == 0 ? atoi(h->head + 9) : 0;
    h->framed_well = true;
    body_n = talk_field(h->head, "Content-Length", length, sizeof length)
                 ? strtoul(length, NULL, 10)
                 : 0;
    if (head_n + 2 + body_n > s.n) {
        x->garbled = true; /* fewer bytes than announced */
        return s.n;
    }
    copy(h->body, sizeof h->body, berth_str_sub(s, head_n + 2, body_n));
    h->body_n = body_n;
    return head_n + 2 + body_n;
}

static void hear_stream(struct exchange *x, berth_str *s)
{
    size_t used;

    while ((used = hear_packet(x, *s)) > 0)
        *s = berth_str_sub(*s, used, s->n);
}

/* Takes one frame off S and hears what it holds. */
static bool hear_frame(struct line *l, struct exchange *x, berth_str *s)
{
    static const struct berth_ws_rules rules = { .payload_max = 1 << 20 };
    struct berth_ws_head head;
    berth_str plain;
    size_t used = 0, before = x->count;

    if (s->n == 0)
        return false;
    if (berth_ws_head_read(*s, &rules, &head, &used) != BERTH_OK || used == 0 ||
        s->n < used + head.payload_n) {
        x->garbled = true;
        return false;
    }
    if (head.opcode == BERTH_WS_CLOSE)
        (void)add_heard(x, HEARD_CLOSE_FRAME);
    else
        rig_bytes_add(&l->plain, s->p + used, head.payload_n);
    *s = berth_str_sub(*s, used + head.payload_n, s->n);
    plain = (berth_str){ (const char *)l->plain.p + l->plain_seen, l->plain.n - l->plain_seen };
    hear_stream(x, &plain);
    l->plain_seen = l->plain.n - plain.n;
    for (size_t i = before; i < x->count; i++)
        x->heard[i].framed_well =
            head.fin && (head.opcode == BERTH_WS_BINARY || head.opcode == BERTH_WS_CLOSE);
    return true;
}

static void hear(struct line *l, struct exchange *x)
{
    berth_str s = { (const char *)l->socket.out.p + l->seen, l->socket.out.n - l->seen };
    size_t used;

    if (l->mqtt) {
        hear_stream(x, &s);
    } else if (!l->switched) {
        while ((used = hear_http(x, s)) > 0)
            s = berth_str_sub(s, used, s.n);
        l->switched = x->count > 0 && x->heard[0].status == 101;
    } else {
        while (hear_frame(l, x, &s))
            continue;
    }
    x->garbled = x->garbled || s.n > 0;
    x->closed = l->socket.closed;
    l->seen = l->socket.out.n;
}

/* ---- from end to end ---- */

static void connect_line(struct line *l, struct stage *s, unsigned port)
{
    *l = (struct line){ .s = s, .open = true, .mqtt = port == CAPTURE_MQTT_PORT };
    rig_init(&l->socket, s->front.front.loop);
    l->socket.l.above = l->mqtt ? device_mqtt_new(&s->front.front, &l->socket.l, "mqtts")
                                : http_layer_new(&l->socket.l, &s->http);
    assert_non_null(l->socket.l.above);
}

/* The client goes away. */
static void hang_up(struct line *l, struct talk *t)
{
    if (!l->open)
        return;
    rig_close(&l->socket);
    settle(l);
    rig_bytes_add(&t->transcript, l->socket.out.p, l->socket.out.n);
    rig_deinit(&l->socket);
    rig_bytes_free(&l->plain);
    l->open = false;
}

/* The operation ID that the answer to a registration holds, as a client reads it. */
static void learn_operation(const struct exchange *x, char out[BERTH_OPERATION_ID_SIZE])
{
    for (size_t i = 0; i < x->count; i++) {
        json_t *body = json_loads(x->heard[i].body, 0, NULL);
        const char *id = json_string_value(json_object_get(body, "operationId"));
        if (id != NULL)
            (void)snprintf(out, BERTH_OPERATION_ID_SIZE, "%s", id);
        json_decref(body);
    }
}

/* By closing, or by a close frame. */
static bool has_ended(const struct talk *t)
{
    const struct exchange *last = &t->list[t->count == 0 ? 0 : t->count - 1];

    return last->closed ||
           (last->count > 0 && last->heard[last->count - 1].type == HEARD_CLOSE_FRAME);
}

void talk_play(struct stage *s, const struct capture *c, const struct talk_how *how,
               struct talk *out)
{
    char told[BERTH_OPERATION_ID_SIZE] = "";
    struct line l = { 0 };

    memset(out, 0, sizeof *out);
    out->assigning_first = how->assigning_first;
    out->refusal = how->refusal;
    for (size_t i = 0; i < c->count; i++) {
        const struct capture_message *m = &c->messages[i];
        struct exchange *x = &out->list[out->count];

        if (m->opens) {
            hang_up(&l, out);
            connect_line(&l, s, c->port);
        }
        if (how->refusal != REFUSED_NOTHING && has_ended(out))
            continue; /* nobody speaks to who has gone */
        prepare(&l, m, x);
        if (x->role == SAYS_POLL && !how->polls)
            continue;
        name_operation(x->said, m->bytes.n, told);
        if (x->role == SAYS_POLL)
            loop_skip(s->front.front.loop, how->pause_ms);
        if (x->role == SAYS_REGISTER)
            stage_operation_id(s, out->operation_id);
        say(&l, m, x, how->byte_by_byte);
        settle(&l);
        hear(&l, x);
        if (x->role == SAYS_REGISTER)
            learn_operation(x, told);
        out->count++;
    }
    (void)snprintf(out->events, sizeof out->events, "%s", stage_events(s));
    hang_up(&l, out);
}

void talk_free(struct talk *t)
{
    rig_bytes_free(&t->transcript);
}
