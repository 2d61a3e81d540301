#include "berth/device.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "berth/openssl.h"
#include "client/clock.h"
#include "client/provisioning_wire.h"
#include "client/tls_socket.h"

#define HTTPS_PORT 443
#define MQTT_PORT  8883

struct run {
    const struct berth_device_options *o;
    struct berth_crypto crypto;
    struct berth__tls tls;
    struct berth_prov prov;
    const char *told; /* the status last told */
};

static void tell(struct run *r, const char *status)
{
    if (r->o->status == NULL || (r->told != NULL && strcmp(r->told, status) == 0))
        return;
    r->told = status;
    r->o->status(r->o->user, status);
}

static void tell_progress(struct run *r)
{
    const struct berth_prov *p = &r->prov;

    if (p->need == BERTH_PROV_FAILED)
        tell(r, p->result.status[0] != '\0' ? p->result.status : "error");
    else if (p->need == BERTH_PROV_DONE)
        tell(r, "assigned");
    else if (p->phase != BERTH__LEAVING && p->assigning)
        tell(r, "assigning");
    else if (p->phase == BERTH__REGISTERING)
        tell(r, "registering");
}

static void lost(struct run *r, berth_err why)
{
    struct berth_prov_result *result = &r->prov.result;

    berth_prov_lost(&r->prov, why);
    if (r->prov.need == BERTH_PROV_FAILED && r->tls.message[0] != '\0')
        (void)snprintf(result->message, sizeof result->message, "%s", r->tls.message);
}

static void send_request(struct run *r)
{
    struct berth_prov *p = &r->prov;
    int64_t deadline = berth__now_ms() + BERTH_PROV_ANSWER_MS;

    while (p->need == BERTH_PROV_SEND) {
        size_t n = 0;
        berth_err e =
            berth__tls_send(&r->tls, p->tx.p + p->tx_sent, p->tx.n - p->tx_sent, deadline, &n);
        if (e == BERTH_OK)
            berth_prov_sent(p, n);
        else
            lost(r, e);
    }
}

/* One deadline for the whole answer: a service that drips bytes gains nothing. */
static void receive_answer(struct run *r)
{
    struct berth_prov *p = &r->prov;
    int64_t deadline = berth__now_ms() + p->wait_ms;
    char bytes[4096];

    while (p->need == BERTH_PROV_RECEIVE) {
        size_t n = 0;
        berth_err e = berth__tls_receive(&r->tls, bytes, sizeof bytes, deadline, &n);
        if (e == BERTH_OK)
            berth_prov_received(p, bytes, n);
        else
            lost(r, e);
    }
}

static void wait_until_due(struct run *r)
{
    berth_err e = berth__sleep_until(berth__now_ms() + r->prov.wait_ms, r->o->cancel);

    if (e == BERTH_OK) {
        berth_prov_waited(&r->prov, time(NULL));
        return;
    }
    (void)snprintf(r->tls.message, sizeof r->tls.message, "stopped on request");
    lost(r, e);
}

static void step(struct run *r)
{
    switch (r->prov.need) {
    case BERTH_PROV_SEND:
        send_request(r);
        break;
    case BERTH_PROV_RECEIVE:
        receive_answer(r);
        break;
    case BERTH_PROV_WAIT:
        wait_until_due(r);
        break;
    case BERTH_PROV_DONE:
    case BERTH_PROV_FAILED:
        break;
    }
}

static void open_connection(struct run *r)
{
    const struct berth_device_options *o = r->o;
    bool is_mqtt = o->prov.transport == BERTH_TRANSPORT_MQTT;
    char host[BERTH_PROV_HOST_MAX + 1];
    struct berth__tls_options tls = {
        .host = host,
        .connect_to = o->connect_to,
        .port = o->port != 0 ? o->port
                : is_mqtt    ? MQTT_PORT
                             : HTTPS_PORT,
        .ca_file = o->ca_file,
        .cancel = o->cancel,
    };
    berth_err e;

    (void)snprintf(host, sizeof host, "%.*s", BERTH_STR_ARG(o->prov.host));
    e = berth__tls_open(&r->tls, &tls);
    if (e == BERTH_OK)
        tell(r, "connected");
    else
        lost(r, e);
}

static void run(struct run *r)
{
    if (berth_prov_start(&r->prov, &r->crypto, &r->o->prov, time(NULL)) != BERTH_OK)
        return;
    open_connection(r);
    do {
        tell_progress(r);
        step(r);
    } while (r->prov.need != BERTH_PROV_DONE && r->prov.need != BERTH_PROV_FAILED);
    tell_progress(r);
    berth__tls_close(&r->tls);
}

berth_err berth_device_provision(const struct berth_device_options *o,
                                 struct berth_prov_result *result)
{
    struct run r = { .o = o, .tls.fd = -1 };
    berth_err e = berth_openssl_init(&r.crypto);

    *result = (struct berth_prov_result){ .err = e };
    if (e != BERTH_OK) {
        (void)snprintf(result->message, sizeof result->message, "OpenSSL could not be set up");
        return e;
    }
    run(&r);
    *result = r.prov.result;
    berth_prov_end(&r.prov);
    berth_openssl_deinit(&r.crypto);
    return result->err;
}
