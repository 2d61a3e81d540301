/* front/route.h - an API as a table: method, path, right, handler. */
#ifndef FRONT_ROUTE_H
#define FRONT_ROUTE_H

#include "front/call.h"

#define ROUTE_BODY_MAX (104 * 1024) /* bytes of a request document: BERTH_ENROLLMENT_BODY_MAX */

struct route {
    enum http_method method;
    const char *path; /* "enrollments/+/attestationmechanism": '+' is any one segment */
    unsigned rights;  /* one of these bits suffices */
    void (*handler)(struct call *c);
};

struct route_table {
    const struct route *rows;
    size_t count;
    bool versioned; /* requests need an api-version */
    bool of_hub;    /* about the hub that the Host header names, in the hub's dialect */
};

extern const struct route_table dps_service_routes;
extern const struct route_table hub_service_routes;
extern const struct route_table berth_api_routes;

/* Finds X's row, asks for its right in the service or the hub, checks version, media type and size
 * of the body, then calls the handler; or refuses. Fixed words match without regard to case, as the
 * Node SDK demands ("/enrollmentgroups/.."). */
void route_serve(struct front *f, struct http_exchange *x, const struct route_table *t);

#endif
