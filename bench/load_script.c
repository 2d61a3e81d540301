#include "bench/load_script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "berth/derive.h"
#include "berth/openssl.h"
#include "berth/sas.h"
#include "crypto/b64.h"
#include "prov/dps_device.h"
#include "wire/mqtt.h"

#define ECHO_SIZE    300
#define SAYS_MAX     2048 /* bytes that one connection says */
#define ID_MAX       128
#define TOKEN_LIFE_S 3600

static char echo_text[ECHO_SIZE];
static char subscribe_text[64], goodbye_text[16];
static berth_str subscribe, goodbye;

/* Where all scripts are written, one after the other. */
struct writer {
    struct berth_crypto crypto;
    struct berth_hmac_key group;
    const struct load_who *who;
    struct berth_buf out;
    int64_t expiry;
};

static berth_err put_token(struct writer *w, berth_str scope, berth_str id, struct berth_buf *token)
{
    struct berth_key device;
    struct berth_hmac_key prepared = { 0 };
    char text[ID_MAX * 2];
    struct berth_buf resource;
    berth_err e = berth_derive_key_prepared(&w->crypto, &w->group, id, &device);

    berth_buf_init(&resource, text, sizeof text);
    berth_dps_resource_put(&resource, scope, id);
    if (e == BERTH_OK)
        e = w->crypto.hmac_prepare(w->crypto.ctx, device.bytes, device.n, &prepared);
    if (e == BERTH_OK)
        e = berth_sas_build(&w->crypto, &prepared, berth_buf_str(&resource), w->expiry,
                            BERTH_STR("registration"), token);
    w->crypto.hmac_release(w->crypto.ctx, &prepared);
    return e;
}

static berth_str since(const struct berth_buf *b, size_t mark)
{
    return (berth_str){ b->p + mark, b->n - mark };
}

static berth_str put_connect(struct writer *w, berth_str scope, berth_str id, berth_str token)
{
    size_t mark = w->out.n;
    char text[ID_MAX * 2];
    struct berth_buf user;

    berth_buf_init(&user, text, sizeof text);
    berth_dps_user_put(&user, scope, id, BERTH_STR("tlsload"));
    berth_mqtt_put_connect(&w->out, id, berth_buf_str(&user), token, true, 60);
    return since(&w->out, mark);
}

static berth_str put_publish(struct writer *w, berth_str id)
{
    size_t mark = w->out.n;
    char topic_text[128], body_text[ID_MAX * 2];
    struct berth_buf topic, body;

    berth_buf_init(&topic, topic_text, sizeof topic_text);
    berth_dps_topic_register_put(&topic, BERTH_STR("1"));
    berth_buf_init(&body, body_text, sizeof body_text);
    berth_dps_register_put(&body, id, (berth_str){ 0 });
    berth_mqtt_put_publish(&w->out, berth_buf_str(&topic), berth_buf_str(&body), 1, 2);
    return since(&w->out, mark);
}

static berth_str put_http(struct writer *w, berth_str scope, berth_str id, berth_str token)
{
    size_t mark = w->out.n;
    char body_text[ID_MAX * 2];
    struct berth_buf body;

    berth_buf_init(&body, body_text, sizeof body_text);
    berth_dps_register_put(&body, id, (berth_str){ 0 });
    berth_buf_put(&w->out, BERTH_STR("PUT /"));
    berth_buf_put(&w->out, scope);
    berth_buf_put(&w->out, BERTH_STR("/registrations/"));
    berth_buf_put(&w->out, id);
    berth_buf_put(&w->out, BERTH_STR("/register?api-version=" BERTH_DPS_API_VERSION
                                     " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: tlsload\r\n"
                                     "Content-Type: application/json; charset=utf-8\r\n"
                                     "Authorization: "));
    berth_buf_put(&w->out, token);
    berth_buf_put(&w->out, BERTH_STR("\r\nContent-Length: "));
    berth_buf_put_u64(&w->out, body.n);
    berth_buf_put(&w->out, BERTH_STR("\r\n\r\n"));
    berth_buf_put(&w->out, berth_buf_str(&body));
    return since(&w->out, mark);
}

static berth_err put_device(struct writer *w, struct load_script *s, size_t i)
{
    char id_text[ID_MAX], token_text[BERTH_SAS_MAX];
    berth_str scope = berth_str_of(w->who->id_scope), id;
    struct berth_buf token;
    berth_err e;

    (void)snprintf(id_text, sizeof id_text, "%s-%06zu", w->who->prefix, i);
    id = berth_str_of(id_text);
    berth_buf_init(&token, token_text, sizeof token_text);
    e = put_token(w, scope, id, &token);
    if (e != BERTH_OK)
        return e;
    if (s->mode != LOAD_MQTT) {
        s->says[i].first = put_http(w, scope, id, berth_buf_str(&token));
    } else {
        s->says[i].first = put_connect(w, scope, id, berth_buf_str(&token));
        s->says[i].publish = put_publish(w, id);
    }
    return w->out.over ? BERTH_E_RANGE : BERTH_OK;
}

static berth_err put_devices(struct load_script *s, const struct load_who *who)
{
    struct writer w = { .who = who, .expiry = (int64_t)time(NULL) + TOKEN_LIFE_S };
    struct berth_key group;
    berth_err e = berth_openssl_init(&w.crypto);

    if (e != BERTH_OK)
        return e;
    berth_buf_init(&w.out, s->memory, s->count * SAYS_MAX);
    e = berth_key_decode(berth_str_of(who->group_key), &group);
    if (e == BERTH_OK)
        e = w.crypto.hmac_prepare(w.crypto.ctx, group.bytes, group.n, &w.group);
    for (size_t i = 0; e == BERTH_OK && i < s->count; i++)
        e = put_device(&w, s, i);
    w.crypto.hmac_release(w.crypto.ctx, &w.group);
    berth_openssl_deinit(&w.crypto);
    return e;
}

static void make_common(void)
{
    struct berth_buf b;

    memset(echo_text, 'x', sizeof echo_text);
    berth_buf_init(&b, subscribe_text, sizeof subscribe_text);
    berth_mqtt_put_subscribe(&b, 1, BERTH_STR(BERTH_DPS_RESPONSE_FILTER), 1);
    subscribe = berth_buf_str(&b);
    berth_buf_init(&b, goodbye_text, sizeof goodbye_text);
    berth_mqtt_put_puback(&b, 1); /* the daemon's first packet ID on a connection */
    berth_mqtt_put_empty(&b, BERTH_MQTT_DISCONNECT);
    goodbye = berth_buf_str(&b);
}

berth_err load_script_init(struct load_script *s, enum load_mode mode, size_t count,
                           const struct load_who *who)
{
    *s = (struct load_script){ .mode = mode, .count = count };
    make_common();
    if (mode == LOAD_CLOSE || mode == LOAD_ECHO)
        return BERTH_OK;
    s->says = calloc(count, sizeof *s->says);
    s->memory = malloc(count * SAYS_MAX);
    if (s->says == NULL || s->memory == NULL)
        return BERTH_E_MEMORY;
    return put_devices(s, who);
}

void load_script_deinit(struct load_script *s)
{
    free(s->says);
    free(s->memory);
    *s = (struct load_script){ 0 };
}

berth_str load_script_first(const struct load_script *s, size_t i)
{
    if (s->mode == LOAD_CLOSE)
        return (berth_str){ 0 };
    return s->mode == LOAD_ECHO ? (berth_str){ echo_text, sizeof echo_text } : s->says[i].first;
}

static enum load_progress hear_mqtt(const struct load_script *s, size_t i, unsigned *step,
                                    const struct berth_mqtt_packet *p, berth_str *reply)
{
    struct berth_dps_answer_topic topic;

    if (*step == 0 && p->type == BERTH_MQTT_CONNACK && p->code == BERTH_MQTT_ACCEPTED) {
        *reply = subscribe;
    } else if (*step == 1 && p->type == BERTH_MQTT_SUBACK && p->code == 1) {
        *reply = s->says[i].publish;
    } else if (*step == 2 && p->type == BERTH_MQTT_PUBACK) {
        *reply = (berth_str){ 0 };
    } else if (*step == 3 && p->type == BERTH_MQTT_PUBLISH && p->qos == 1 &&
               berth_dps_answer_topic_parse(p->topic, &topic) == BERTH_OK && topic.status == 200) {
        *reply = goodbye;
        return LOAD_DONE;
    } else {
        return LOAD_WRONG;
    }
    ++*step;
    return LOAD_SAY;
}

static bool is_wanted(berth_str heard, berth_str body, bool refused)
{
    if (refused)
        return strncmp(heard.p, "HTTP/1.1 401 ", 13) == 0;
    return strncmp(heard.p, "HTTP/1.1 202 ", 13) == 0 &&
           memmem(body.p, body.n, "\"status\":\"assigned\"", 19) != NULL;
}

static enum load_progress hear_http(berth_str heard, bool refused, size_t *used, berth_str *reply)
{
    static const char field[] = "\r\ncontent-length: ";
    const char *end = memmem(heard.p, heard.n, "\r\n\r\n", 4), *at = NULL;
    size_t head, body = 0;

    *reply = (berth_str){ 0 };
    if (end == NULL)
        return LOAD_WAIT;
    head = (size_t)(end - heard.p) + 4;
    for (size_t i = 0; at == NULL && i + sizeof field - 1 < head; i++)
        if (strncasecmp(heard.p + i, field, sizeof field - 1) == 0)
            at = heard.p + i + sizeof field - 1;
    while (at != NULL && *at >= '0' && *at <= '9' && body < 1000000)
        body = body * 10 + (size_t)(*at++ - '0');
    if (heard.n < head + body)
        return LOAD_WAIT;
    *used = heard.n;
    return is_wanted(heard, (berth_str){ heard.p + head, body }, refused) ? LOAD_DONE : LOAD_WRONG;
}

enum load_progress load_script_hear(const struct load_script *s, size_t i, unsigned *step,
                                    berth_str heard, size_t *used, berth_str *reply)
{
    struct berth_mqtt_packet p;

    *used = 0;
    *reply = (berth_str){ 0 };
    switch (s->mode) {
    case LOAD_MQTT:
        if (berth_mqtt_read(heard, BERTH_MQTT_PACKET_MAX, &p, used) != BERTH_OK)
            return LOAD_WRONG;
        return *used == 0 ? LOAD_WAIT : hear_mqtt(s, i, step, &p, reply);
    case LOAD_HTTP:
    case LOAD_REFUSED:
        return hear_http(heard, s->mode == LOAD_REFUSED, used, reply);
    case LOAD_ECHO:
        if (heard.n < ECHO_SIZE)
            return LOAD_WAIT;
        *used = heard.n;
        return heard.n == ECHO_SIZE ? LOAD_DONE : LOAD_WRONG;
    case LOAD_CLOSE:
    case LOAD_MODES:
        break;
    }
    return LOAD_WRONG;
}
