#include "front/router.h"

#include "front/call.h"
#include "wire/percent.h"

const struct router_api router_apis[] = {
    { "enrollments", &dps_service_routes },   { "enrollmentGroups", &dps_service_routes },
    { "registrations", &dps_service_routes }, { "devices", &hub_service_routes },
    { "twins", &hub_service_routes },         { "statistics", &hub_service_routes },
    { "berth", &berth_api_routes },           { NULL, NULL },
};

static void no_such_path(struct front *f, struct http_exchange *x)
{
    struct call *c = call_new(f, x, CALL_DPS);

    if (c != NULL)
        call_refuse(c, BERTH_WHY_ROUTE_UNKNOWN, (berth_str){ 0 });
}

void router_http(void *front, struct http_exchange *x)
{
    berth_str rest = x->path, first, second;

    if (device_ws_is_meant(x)) {
        device_ws(front, x);
        return;
    }
    (void)berth_str_skip(&rest, BERTH_STR("/"));
    first = berth_str_cut(&rest, '/');
    second = berth_str_cut(&rest, '/');
    for (const struct router_api *a = router_apis; a->first != NULL; a++) {
        if (berth_percent_ieq(first, berth_str_of(a->first))) {
            route_serve(front, x, a->routes);
            return;
        }
    }
    /* /{ID scope}/registrations/..: any scope, so that a wrong one is refused as such */
    if (berth_percent_ieq(second, BERTH_STR("registrations")))
        device_http(front, x);
    else
        no_such_path(front, x);
}
