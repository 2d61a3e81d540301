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
/* The mqtt layer for a tls layer: DPS today. */
struct layer *device_mqtt_new(struct front *f, struct layer *tls);

#endif
