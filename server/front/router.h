/* front/router.h - which API a request belongs to: told apart by path and host (one port serves
 * all). */
#ifndef FRONT_ROUTER_H
#define FRONT_ROUTER_H

#include "front/front.h"
#include "net/http.h"

/* http_handler; USER is the loop's struct front. */
void router_http(void *front, struct http_exchange *x);

/* Adapters, each in its own file. */
void device_http(struct front *f, struct http_exchange *x); /* /{scope}/registrations/.. */
void dps_service(struct front *f,
                 struct http_exchange *x); /* /enrollments, /enrollmentGroups, /registrations */
void hub_service(struct front *f,
                 struct http_exchange *x); /* /devices, /twins, /statistics of the host's hub */
void berth_api(struct front *f, struct http_exchange *x); /* /berth/v1 */
/* A WebSocket for devices: the path says so, or at "/" the field Upgrade. */
bool device_ws_is_meant(const struct http_exchange *x);
void device_ws(struct front *f, struct http_exchange *x);

/* The mqtt layer for BELOW, a tls layer or the ws layer over one: DPS and hub,
 * told apart by the user name. TRANSPORT, static, is
 * for the log. NULL when memory is out. */
struct layer *device_mqtt_new(struct front *f, struct layer *below, const char *transport);

#endif
