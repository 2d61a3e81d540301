#include "front/router.h"

#include "front/call.h"
#include "wire/percent.h"

struct api {
    const char *first; /* segment of the path */
    void (*serve)(struct front *f, struct http_exchange *x);
};

static const struct api apis[] = {
    { "enrollments", dps_service },   { "enrollmentGroups", dps_service },
    { "registrations", dps_service }, { "devices", hub_service },
    { "twins", hub_service },         { "statistics", hub_service },
    { "berth", berth_api },
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
    for (size_t i = 0; i < sizeof apis / sizeof apis[0]; i++) {
        if (berth_percent_ieq(first, berth_str_of(apis[i].first))) {
            apis[i].serve(front, x);
            return;
        }
    }
    /* /{ID scope}/registrations/..: any scope, so that a wrong one is refused as such */
    if (berth_percent_ieq(second, BERTH_STR("registrations")))
        device_http(front, x);
    else
        no_such_path(front, x);
}
