/* What is said for comparison's sake, to this daemon or to another server: nothing; 300 bytes that
 * come back; a message to a broker by way of one's own subscription; a connection that stays. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/load/dialog.h"
#include "berth/sas.h"
#include "prov/dps_device.h"
#include "wire/mqtt.h"

#define ECHO_SIZE    300
#define MESSAGE_SIZE 200
#define TOKEN_LIFE_S 3600
#define OUT_MAX      2048
#define RX_MAX       2048

struct baseline {
    struct dialog d;
    char topic[BERTH_ID_MAX + 8];
    unsigned step;
    enum dialog_need then; /* once OUT is sent */
    struct berth_buf out;
    size_t out_sent, rx_n;
    char out_storage[OUT_MAX], rx[RX_MAX];
};

static struct baseline *of(struct dialog *d)
{
    return (struct baseline *)d;
}

static struct baseline *make(const struct transport *t)
{
    struct baseline *b = malloc(sizeof *b);

    if (b == NULL)
        return NULL;
    b->d = (struct dialog){ .transport = t, .wait_ms = DIALOG_ANSWER_MS };
    b->step = 0;
    b->out_sent = b->rx_n = 0;
    berth_buf_init(&b->out, b->out_storage, sizeof b->out_storage);
    return b;
}

static void say(struct baseline *b, enum dialog_need then)
{
    b->then = then;
    b->d.need = DIALOG_SEND;
    b->d.out = berth_buf_str(&b->out);
    if (b->out.over)
        dialog_fail(&b->d, FAILURE_WRONG, "what is to be said is too long");
}

static void sent(struct dialog *d, size_t n)
{
    struct baseline *b = of(d);

    b->out_sent += n;
    d->out = (berth_str){ b->out.p + b->out_sent, b->out.n - b->out_sent };
    if (d->out.n > 0)
        return;
    berth_buf_reset(&b->out);
    b->out_sent = 0;
    d->need = b->then;
}

static void waited(struct dialog *d, int64_t now_s)
{
    (void)d;
    (void)now_s;
}

static void end(struct dialog *d)
{
    free(d);
}

static bool keep(struct baseline *b, const void *bytes, size_t n)
{
    if (n > sizeof b->rx - b->rx_n) {
        dialog_fail(&b->d, FAILURE_WRONG, "the answer is too long");
        return false;
    }
    memcpy(b->rx + b->rx_n, bytes, n);
    b->rx_n += n;
    return true;
}

/* ---- nothing, and an echo ---- */

static struct dialog *start_close(const struct transport *t, struct fleet *fleet,
                                  const struct device *device)
{
    struct baseline *b = make(t);

    (void)fleet;
    (void)device;
    if (b == NULL)
        return NULL;
    b->d.need = DIALOG_DONE;
    return &b->d;
}

static struct dialog *start_echo(const struct transport *t, struct fleet *fleet,
                                 const struct device *device)
{
    struct baseline *b = make(t);

    (void)fleet;
    (void)device;
    if (b == NULL)
        return NULL;
    for (size_t i = 0; i < ECHO_SIZE; i++)
        berth_buf_put_char(&b->out, 'x');
    say(b, DIALOG_RECEIVE);
    return &b->d;
}

static void hear_echo(struct dialog *d, const void *bytes, size_t n)
{
    struct baseline *b = of(d);

    if (keep(b, bytes, n) && b->rx_n >= ECHO_SIZE)
        d->need = DIALOG_DONE;
}

/* ---- MQTT ---- */

typedef void hear_packet(struct baseline *b, const struct berth_mqtt_packet *p);

static void hear_mqtt(struct baseline *b, const void *bytes, size_t n, hear_packet *hear)
{
    struct berth_mqtt_packet p;
    size_t used;

    if (!keep(b, bytes, n))
        return;
    while (b->d.need == DIALOG_RECEIVE) {
        if (berth_mqtt_read((berth_str){ b->rx, b->rx_n }, RX_MAX, &p, &used) != BERTH_OK) {
            dialog_fail(&b->d, FAILURE_WRONG, "what came is not MQTT");
            return;
        }
        if (used == 0)
            return;
        hear(b, &p);
        memmove(b->rx, b->rx + used, b->rx_n - used);
        b->rx_n -= used;
    }
}

static void not_accepted(struct baseline *b)
{
    dialog_fail(&b->d, FAILURE_REFUSED, "the server refused the connection (CONNACK)");
}

static void hear_pubsub_packet(struct baseline *b, const struct berth_mqtt_packet *p)
{
    char text[MESSAGE_SIZE];
    berth_str topic = berth_str_of(b->topic);

    if (p->type == BERTH_MQTT_CONNACK && p->code != BERTH_MQTT_ACCEPTED) {
        not_accepted(b);
    } else if (b->step == 0 && p->type == BERTH_MQTT_CONNACK) {
        berth_mqtt_put_subscribe(&b->out, 1, topic, 1);
        say(b, DIALOG_RECEIVE);
        b->step++;
    } else if (b->step == 1 && p->type == BERTH_MQTT_SUBACK) {
        memset(text, 'x', sizeof text);
        berth_mqtt_put_publish(&b->out, topic, (berth_str){ text, sizeof text }, 1, 2);
        say(b, DIALOG_RECEIVE);
        b->step++;
    } else if (b->step == 2 && p->type == BERTH_MQTT_PUBLISH) { /* PUBACK comes before or after */
        berth_mqtt_put_puback(&b->out, p->packet_id);
        berth_mqtt_put_empty(&b->out, BERTH_MQTT_DISCONNECT);
        say(b, DIALOG_DONE);
    } else if (p->type != BERTH_MQTT_PUBACK) {
        dialog_fail(&b->d, FAILURE_WRONG, "the server broke the order of MQTT packets");
    }
}

static void hear_pubsub(struct dialog *d, const void *bytes, size_t n)
{
    hear_mqtt(of(d), bytes, n, hear_pubsub_packet);
}

static struct dialog *start_pubsub(const struct transport *t, struct fleet *fleet,
                                   const struct device *device)
{
    struct baseline *b = make(t);

    (void)fleet;
    if (b == NULL)
        return NULL;
    (void)snprintf(b->topic, sizeof b->topic, "t/%s", device->id);
    berth_mqtt_put_connect(&b->out, berth_str_of(device->id), (berth_str){ 0 }, (berth_str){ 0 },
                           true, 60);
    say(b, DIALOG_RECEIVE);
    return &b->d;
}

/* ---- a connection that stays ---- */

static berth_err put_login(struct baseline *b, struct fleet *fleet, const struct device *device)
{
    char resource_text[512], user_text[512], token_text[BERTH_SAS_MAX];
    struct berth_buf resource, user, token;
    struct berth_hmac_key key;
    berth_str scope = berth_str_of(fleet->id_scope), id = berth_str_of(device->id);
    berth_err e =
        fleet->crypto.hmac_prepare(fleet->crypto.ctx, device->key.bytes, device->key.n, &key);

    berth_buf_init(&resource, resource_text, sizeof resource_text);
    berth_dps_resource_put(&resource, scope, id);
    berth_buf_init(&user, user_text, sizeof user_text);
    berth_dps_user_put(&user, scope, id, BERTH_STR("load"));
    berth_buf_init(&token, token_text, sizeof token_text);
    if (e == BERTH_OK)
        e = berth_sas_build(&fleet->crypto, &key, berth_buf_str(&resource),
                            (int64_t)time(NULL) + TOKEN_LIFE_S, BERTH_STR("registration"), &token);
    fleet->crypto.hmac_release(fleet->crypto.ctx, &key);
    if (e == BERTH_OK)
        berth_mqtt_put_connect(&b->out, id, berth_buf_str(&user), berth_buf_str(&token), true, 0);
    return e;
}

/* With an ID scope as a device of this service, without as any client of a broker. No keep-alive:
 * nothing is said until the other side ends it. */
static struct dialog *start_idle(const struct transport *t, struct fleet *fleet,
                                 const struct device *device)
{
    struct baseline *b = make(t);
    berth_err e = BERTH_OK;

    if (b == NULL)
        return NULL;
    if (fleet->id_scope != NULL && device->key.n > 0)
        e = put_login(b, fleet, device);
    else
        berth_mqtt_put_connect(&b->out, berth_str_of(device->id), (berth_str){ 0 },
                               (berth_str){ 0 }, true, 0);
    if (e != BERTH_OK) {
        free(b);
        return NULL;
    }
    say(b, DIALOG_RECEIVE);
    return &b->d;
}

static void hear_idle_packet(struct baseline *b, const struct berth_mqtt_packet *p)
{
    if (p->type == BERTH_MQTT_CONNACK && p->code == BERTH_MQTT_ACCEPTED)
        b->d.need = DIALOG_HOLD;
    else
        not_accepted(b);
}

static void hear_idle(struct dialog *d, const void *bytes, size_t n)
{
    hear_mqtt(of(d), bytes, n, hear_idle_packet);
}

const struct transport transport_close = { "close", false,     false,  start_close,
                                           sent,    hear_echo, waited, end };
const struct transport transport_echo = { "echo", false,     false,  start_echo,
                                          sent,   hear_echo, waited, end };
const struct transport transport_pubsub = { "pubsub", false,       false,  start_pubsub,
                                            sent,     hear_pubsub, waited, end };
const struct transport transport_idle = { "idle", false,     false,  start_idle,
                                          sent,   hear_idle, waited, end };
