/* The hub's service API: devices, twins, statistics of the hub that the Host header names. */
#include "front/common.h"
#include "front/route.h"
#include "front/service.h"
#include "wire/json.h"

struct statistics {
    uint64_t enabled;
};

static void on_disabled(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    const struct statistics *s = c->state;
    struct berth_json_out j;
    struct berth_buf b;

    if (!call_stored(c, reply))
        return;
    call_body(c, &b);
    berth_json_begin(&j, &b);
    berth_json_open(&j, '{');
    berth_json_member_i64(&j, "totalDeviceCount", (int64_t)(s->enabled + reply->total));
    berth_json_member_i64(&j, "enabledDeviceCount", (int64_t)s->enabled);
    berth_json_member_i64(&j, "disabledDeviceCount", (int64_t)reply->total);
    berth_json_close(&j, '}');
    call_send(c, 200, &b, NULL, 0);
}

static void on_enabled(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    struct statistics *s = c->state;

    if (!call_stored(c, reply))
        return;
    s->enabled = reply->total;
    store_count(c->f->store, BERTH_KIND_DEVICE, c->hub, 0, on_disabled, c);
}

/* The total is the sum of both, so that the three always agree. */
static void statistics_devices(struct call *c)
{
    c->state = call_alloc(c, sizeof(struct statistics));
    if (c->state != NULL)
        store_count(c->f->store, BERTH_KIND_DEVICE, c->hub, 1, on_enabled, c);
}

static void statistics_service(struct call *c)
{
    struct berth_json_out j;
    struct berth_buf b;

    call_body(c, &b);
    berth_json_begin(&j, &b);
    berth_json_open(&j, '{');
    berth_json_member_i64(&j, "connectedDeviceCount",
                          (int64_t)sessions_count(c->f->common->sessions, c->hub));
    berth_json_close(&j, '}');
    call_send(c, 200, &b, NULL, 0);
}

#define READ    (BERTH_RIGHT_REGISTRY_READ | BERTH_RIGHT_REGISTRY_WRITE)
#define WRITE   BERTH_RIGHT_REGISTRY_WRITE
#define CONNECT BERTH_RIGHT_SERVICE_CONNECT

static const struct route rows[] = {
    { HTTP_GET, "devices", READ, api_device_list },
    { HTTP_GET, "devices/+", READ, api_device_get },
    { HTTP_PUT, "devices/+", WRITE, api_device_put },
    { HTTP_DELETE, "devices/+", WRITE, api_device_delete },
    { HTTP_POST, "devices/query", CONNECT, api_device_query },
    { HTTP_GET, "twins/+", CONNECT, api_twin_get },
    { HTTP_PATCH, "twins/+", CONNECT, api_twin_patch },
    { HTTP_PUT, "twins/+", CONNECT, api_twin_put },
    { HTTP_GET, "statistics/devices", BERTH_RIGHT_REGISTRY_READ, statistics_devices },
    { HTTP_GET, "statistics/service", BERTH_RIGHT_REGISTRY_READ, statistics_service },
};

const struct route_table hub_service_routes = {
    .rows = rows,
    .count = sizeof rows / sizeof rows[0],
    .versioned = true,
    .of_hub = true,
};
