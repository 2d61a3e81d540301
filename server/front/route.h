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
};

/* The APIs' tables: for the APIs themselves and for the test that tries every right on every row.
 */
extern const struct route_table dps_service_routes;
extern const struct route_table hub_service_routes;
extern const struct route_table berth_api_routes;

/* Finds C's row, asks for its right in C->hub, checks version, media type and size of the body,
 * then calls the handler; or refuses. Fixed words match without regard to case, as the Node SDK
 * demands ("/enrollmentgroups/.."). */
void route_run(struct call *c, const struct route_table *t);

#endif
