#include "client/provisioning_wire.h"
#include "prov/dps_device.h"
#include "wire/percent.h"

static void put_target(struct berth_prov *p, berth_str verb, berth_str tail)
{
    struct berth_buf *tx = &p->tx;

    berth_buf_put(tx, verb);
    berth_buf_put(tx, BERTH_STR(" /"));
    berth_percent_put(tx, p->o.id_scope);
    berth_buf_put(tx, BERTH_STR("/registrations/"));
    berth_percent_put(tx, p->o.registration_id);
    berth_buf_put(tx, tail);
    berth_percent_put(tx, berth_str_of(p->phase == BERTH__POLLING ? p->result.operation_id : ""));
    berth_buf_put(tx, BERTH_STR("?api-version=" BERTH_DPS_API_VERSION " HTTP/1.1\r\n"));
}

static void put_host(struct berth_prov *p)
{
    bool is_ipv6 = berth_str_find(p->o.host, ':') < p->o.host.n;

    berth_buf_put(&p->tx, is_ipv6 ? BERTH_STR("Host: [") : BERTH_STR("Host: "));
    berth_buf_put(&p->tx, p->o.host);
    berth_buf_put(&p->tx, is_ipv6 ? BERTH_STR("]\r\n") : BERTH_STR("\r\n"));
}

void berth__http_request(struct berth_prov *p)
{
    bool is_poll = p->phase == BERTH__POLLING;

    if (is_poll)
        put_target(p, BERTH_STR("GET"), BERTH_STR("/operations/"));
    else
        put_target(p, BERTH_STR("PUT"), BERTH_STR("/register"));
    put_host(p);
    berth_buf_put(&p->tx, BERTH_STR("User-Agent: " BERTH__USER_AGENT "\r\n"
                                    "Accept: application/json\r\n"
                                    "Authorization: "));
    berth_buf_put(&p->tx, berth_buf_str(&p->token));
    if (!is_poll) {
        berth_buf_put(&p->tx, BERTH_STR("\r\nContent-Type: application/json; charset=utf-8"
                                        "\r\nContent-Length: "));
        berth_buf_put_u64(&p->tx, p->body.n);
    }
    berth_buf_put(&p->tx, BERTH_STR("\r\n\r\n"));
    if (!is_poll)
        berth_buf_put(&p->tx, berth_buf_str(&p->body));
}
