#include "bench/load/registration.h"

#include <stdlib.h>
#include <time.h>

struct registration {
    struct dialog d;
    struct berth_prov p;
};

berth_err registration_start(struct berth_prov *p, enum berth_transport transport,
                             struct fleet *fleet, const struct device *device)
{
    struct berth_prov_options o = { .transport = transport,
                                    .host = berth_str_of(fleet->host),
                                    .id_scope = berth_str_of(fleet->id_scope),
                                    .registration_id = berth_str_of(device->id),
                                    .key = device->key };

    return berth_prov_start(p, &fleet->crypto, &o, (int64_t)time(NULL));
}

static enum failure kind_of(const struct berth_prov_result *r)
{
    switch (r->err) {
    case BERTH_E_CLOSED:
        return FAILURE_LOST;
    case BERTH_E_TIMEOUT:
        return FAILURE_SLOW;
    case BERTH_E_MISMATCH:
    case BERTH_E_IO:
        return FAILURE_REFUSED;
    default:
        return FAILURE_WRONG;
    }
}

void registration_tell(const struct berth_prov *p, struct dialog *d)
{
    switch (p->need) {
    case BERTH_PROV_SEND:
        d->need = DIALOG_SEND;
        d->out = (berth_str){ p->tx.p + p->tx_sent, p->tx.n - p->tx_sent };
        break;
    case BERTH_PROV_RECEIVE:
        d->need = DIALOG_RECEIVE;
        d->wait_ms = p->wait_ms;
        break;
    case BERTH_PROV_WAIT:
        d->need = DIALOG_WAIT;
        d->wait_ms = p->wait_ms;
        break;
    case BERTH_PROV_DONE:
        d->need = DIALOG_DONE;
        break;
    case BERTH_PROV_FAILED:
        dialog_fail(d, kind_of(&p->result), p->result.message);
        d->error_code = p->result.error_code;
        break;
    }
}

static struct dialog *start(const struct transport *t, struct fleet *fleet,
                            const struct device *device)
{
    struct registration *r = malloc(sizeof *r);
    enum berth_transport wire =
        t == &transport_https ? BERTH_TRANSPORT_HTTPS : BERTH_TRANSPORT_MQTT;

    if (r == NULL)
        return NULL;
    r->d = (struct dialog){ .transport = t };
    if (registration_start(&r->p, wire, fleet, device) != BERTH_OK) {
        berth_prov_end(&r->p);
        free(r);
        return NULL;
    }
    registration_tell(&r->p, &r->d);
    return &r->d;
}

static struct registration *of(struct dialog *d)
{
    return (struct registration *)d;
}

static void sent(struct dialog *d, size_t n)
{
    berth_prov_sent(&of(d)->p, n);
    registration_tell(&of(d)->p, d);
}

static void received(struct dialog *d, const void *bytes, size_t n)
{
    berth_prov_received(&of(d)->p, bytes, n);
    registration_tell(&of(d)->p, d);
}

static void waited(struct dialog *d, int64_t now_s)
{
    berth_prov_waited(&of(d)->p, now_s);
    registration_tell(&of(d)->p, d);
}

static void end(struct dialog *d)
{
    berth_prov_end(&of(d)->p);
    free(d);
}

const struct transport transport_https = {
    "https", true, true, start, sent, received, waited, end
};
const struct transport transport_mqtt = { "mqtt", true, false, start, sent, received, waited, end };
