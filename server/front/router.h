/* front/router.h - which API a request belongs to: told apart by path and host (one port serves
 * all). */
#ifndef FRONT_ROUTER_H
#define FRONT_ROUTER_H

#include "front/front.h"
#include "front/route.h"
#include "net/http.h"

/* http_handler; USER is the loop's struct front. */
void router_http(void *front, struct http_exchange *x);

/* The service APIs, ended by a NULL name. A path that is not the device API's is served from here
 * or not at all, so whoever walks this list has seen every route that a right opens. */
struct router_api {
    const char *first; /* segment of the path */
    const struct route_table *routes;
};
extern const struct router_api router_apis[];

/* Adapters, each in its own file. */
void device_http(struct front *f, struct http_exchange *x); /* /{scope}/registrations/.. */
/* A WebSocket for devices: the path says so, or at "/" the field Upgrade. */
bool device_ws_is_meant(const struct http_exchange *x);
void device_ws(struct front *f, struct http_exchange *x);

/* The mqtt layer for BELOW, a tls layer or the ws layer over one: DPS and hub,
 * told apart by the user name. TRANSPORT, static, is
 * for the log. NULL when memory is out. */
struct layer *device_mqtt_new(struct front *f, struct layer *below, const char *transport);

#endif
