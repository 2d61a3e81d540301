#include "berth/provisioning.h"

#include <assert.h>
#include <string.h>

#include "base/ascii.h"
#include "berth/registration_id.h"
#include "berth/sas.h"
#include "client/provisioning_wire.h"
#include "prov/dps_device.h"
#include "wire/json.h"

#define TOKEN_FAILED "the token could not be made: the crypto library failed"

bool berth__is_plain(berth_str s, size_t max, const char *forbidden)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || strchr(forbidden, s.p[i]) != NULL)
            return false;
    return s.n > 0 && s.n <= max;
}

void berth__prov_settle(struct berth_prov *p)
{
    p->need = p->result.err == BERTH_OK ? BERTH_PROV_DONE : BERTH_PROV_FAILED;
}

void berth__prov_send(struct berth_prov *p)
{
    if (p->tx.over)
        berth__prov_fail(p, BERTH_E_RANGE, BERTH_STR("the request is too long"));
    else if (p->tx.n > p->tx_sent)
        p->need = BERTH_PROV_SEND;
}

static void consume_http(struct berth_prov *p)
{
    struct berth__answer answer;
    bool complete = false;
    berth_err e = berth__http_answer_read(p->rx_storage, p->rx_n, &answer, &complete);

    if (e == BERTH_E_RANGE || (e == BERTH_OK && !complete && p->rx_n == BERTH_PROV_RX_MAX))
        berth__prov_fail(p, BERTH_E_RANGE, BERTH_STR("the service's answer is too long"));
    else if (e != BERTH_OK)
        berth__prov_fail(p, e,
                         BERTH_STR("what came is not an HTTP answer: is this the HTTPS port, "
                                   "443?"));
    else if (complete) {
        p->rx_n = 0;
        berth__prov_judge(p, &answer);
    }
}

static void consume_mqtt(struct berth_prov *p)
{
    while (p->need == BERTH_PROV_RECEIVE) {
        struct berth__answer answer;
        bool has_answer;
        size_t used = 0;

        berth__mqtt_consume(p, &used, &answer, &has_answer);
        if (has_answer)
            berth__prov_judge(p, &answer);
        if (used == 0)
            return;
        memmove(p->rx_storage, p->rx_storage + used, p->rx_n - used);
        p->rx_n -= used;
    }
}

static void consume(struct berth_prov *p)
{
    if (p->o.transport == BERTH_TRANSPORT_HTTPS)
        consume_http(p);
    else
        consume_mqtt(p);
}

/* ---- start ---- */

static berth_err check_options(const struct berth_prov_options *o)
{
    struct berth_json payload;

    if (o->host.n > BERTH_PROV_HOST_MAX || o->id_scope.n > BERTH_PROV_SCOPE_MAX ||
        o->payload.n > BERTH_PROV_PAYLOAD_MAX || o->registration_id.n > BERTH_ID_MAX ||
        o->key.n < BERTH_KEY_MIN || o->key.n > BERTH_KEY_MAX)
        return BERTH_E_RANGE;
    for (size_t i = 0; i < o->id_scope.n; i++)
        if (!ascii_is_alnum(o->id_scope.p[i]) && memchr("-_.", o->id_scope.p[i], 3) == NULL)
            return BERTH_E_SYNTAX;
    if (o->id_scope.n == 0 || !berth__is_plain(o->host, BERTH_PROV_HOST_MAX, "/[]@") ||
        berth_registration_id_check(o->registration_id).fault != BERTH_ID_FINE)
        return BERTH_E_SYNTAX;
    return o->payload.n == 0 ? BERTH_OK : berth_json_check(o->payload, &payload, NULL);
}

static berth_err make_token(struct berth_prov *p, int64_t now_s)
{
    char storage[BERTH_PROV_SCOPE_MAX + BERTH_ID_MAX + 32];
    struct berth_hmac_key key = { NULL };
    struct berth_buf resource;
    berth_err e = p->crypto->hmac_prepare(p->crypto->ctx, p->o.key.bytes, p->o.key.n, &key);

    if (e != BERTH_OK)
        return e;
    berth_buf_init(&resource, storage, sizeof storage);
    berth_dps_resource_put(&resource, p->o.id_scope, p->o.registration_id);
    berth_buf_init(&p->token, p->token_storage, sizeof p->token_storage);
    e = berth_sas_build(p->crypto, &key, berth_buf_str(&resource), now_s + BERTH_PROV_TOKEN_LIFE_S,
                        BERTH_STR("registration"), &p->token);
    p->crypto->hmac_release(p->crypto->ctx, &key);
    return e == BERTH_OK && p->token.over ? BERTH_E_RANGE : e;
}

berth_err berth_prov_start(struct berth_prov *p, const struct berth_crypto *c,
                           const struct berth_prov_options *o, int64_t now_s)
{
    berth_err e;

    memset(p, 0, sizeof *p);
    p->crypto = c;
    p->o = *o;
    berth_buf_init(&p->tx, p->tx_storage, sizeof p->tx_storage);
    berth_buf_init(&p->body, p->body_storage, sizeof p->body_storage);
    e = check_options(o);
    if (e == BERTH_OK)
        e = make_token(p, now_s);
    if (e != BERTH_OK) {
        berth__prov_fail(p, e,
                         e == BERTH_E_CRYPTO ? BERTH_STR(TOKEN_FAILED)
                                             : BERTH_STR("an option cannot be used: host, ID "
                                                         "scope, registration ID, key or payload"));
        return e;
    }
    berth_dps_register_put(&p->body, o->registration_id, o->payload);
    if (o->transport == BERTH_TRANSPORT_HTTPS) {
        p->phase = BERTH__REGISTERING;
        berth__http_request(p);
    } else {
        p->phase = BERTH__CONNECTING;
        berth__mqtt_connect(p);
    }
    berth__prov_send(p);
    return p->result.err;
}

/* ---- events ---- */

void berth_prov_sent(struct berth_prov *p, size_t n)
{
    assert(p->need == BERTH_PROV_SEND && n <= p->tx.n - p->tx_sent);
    p->tx_sent += n;
    if (p->tx_sent < p->tx.n)
        return;
    p->crypto->wipe(p->crypto->ctx, p->tx_storage, p->tx.n); /* it held the token */
    berth_buf_reset(&p->tx);
    p->tx_sent = 0;
    if (p->phase == BERTH__LEAVING) {
        berth__prov_settle(p);
    } else if (p->pausing) {
        p->need = BERTH_PROV_WAIT;
    } else {
        p->need = BERTH_PROV_RECEIVE;
        p->wait_ms = BERTH_PROV_ANSWER_MS;
        if (p->rx_n > 0)
            consume(p);
    }
}

void berth_prov_received(struct berth_prov *p, const void *bytes, size_t n)
{
    const char *from = bytes;

    assert(p->need == BERTH_PROV_RECEIVE);
    while (n > 0 && p->need != BERTH_PROV_DONE && p->need != BERTH_PROV_FAILED) {
        size_t room = BERTH_PROV_RX_MAX - p->rx_n;
        size_t part = n < room ? n : room;

        if (part == 0) {
            berth__prov_fail(p, BERTH_E_RANGE, BERTH_STR("the service sends more than was asked"));
            return;
        }
        memcpy(p->rx_storage + p->rx_n, from, part);
        p->rx_n += part;
        from += part;
        n -= part;
        if (p->need == BERTH_PROV_RECEIVE)
            consume(p);
    }
}

void berth_prov_waited(struct berth_prov *p, int64_t now_s)
{
    berth_err e = BERTH_OK;

    assert(p->need == BERTH_PROV_WAIT);
    p->pausing = false;
    if (p->phase == BERTH__POLLING)
        p->polls++;
    if (p->o.transport == BERTH_TRANSPORT_MQTT)
        berth__mqtt_request(p);
    else {
        e = make_token(p, now_s); /* the waits may add up to more than a token's life */
        berth__http_request(p);
    }
    if (e != BERTH_OK)
        berth__prov_fail(p, e, BERTH_STR(TOKEN_FAILED));
    else
        berth__prov_send(p);
}

void berth_prov_lost(struct berth_prov *p, berth_err why)
{
    if (p->need == BERTH_PROV_DONE || p->need == BERTH_PROV_FAILED)
        return;
    if (p->phase == BERTH__LEAVING) /* the answer is here; only the goodbye was lost */
        berth__prov_settle(p);
    else if (why == BERTH_E_TIMEOUT)
        berth__prov_fail(p, why, BERTH_STR("the service did not answer in time"));
    else
        berth__prov_fail(p, why, BERTH_STR("the service closed the connection before it answered"));
}

void berth_prov_end(struct berth_prov *p)
{
    if (p->crypto == NULL)
        return;
    p->crypto->wipe(p->crypto->ctx, p->token_storage, sizeof p->token_storage);
    p->crypto->wipe(p->crypto->ctx, p->tx_storage, sizeof p->tx_storage);
    p->crypto->wipe(p->crypto->ctx, &p->o.key, sizeof p->o.key);
    p->crypto = NULL;
}
