/* The provisioning service's API: enrollments, enrollment groups, registrations. */
#include "front/route.h"
#include "front/router.h"
#include "front/service.h"

#define READ  (BERTH_RIGHT_ENROLLMENT_READ | BERTH_RIGHT_ENROLLMENT_WRITE)
#define WRITE BERTH_RIGHT_ENROLLMENT_WRITE

static const struct route rows[] = {
    { HTTP_POST, "enrollments/query", READ, enrollment_query },
    { HTTP_GET, "enrollments/+", READ, enrollment_get },
    { HTTP_PUT, "enrollments/+", WRITE, enrollment_put },
    { HTTP_DELETE, "enrollments/+", WRITE, enrollment_delete },
    { HTTP_POST, "enrollments/+/attestationmechanism", WRITE, enrollment_attestation },
    { HTTP_POST, "enrollmentGroups/query", READ, group_query },
    { HTTP_GET, "enrollmentGroups/+", READ, group_get },
    { HTTP_PUT, "enrollmentGroups/+", WRITE, group_put },
    { HTTP_DELETE, "enrollmentGroups/+", WRITE, group_delete },
    { HTTP_POST, "enrollmentGroups/+/attestationmechanism", WRITE, group_attestation },
    { HTTP_GET, "registrations/+", BERTH_RIGHT_REGISTRATION_READ, registration_get },
    { HTTP_DELETE, "registrations/+", BERTH_RIGHT_REGISTRATION_WRITE, registration_delete },
    { HTTP_POST, "registrations/+/query", BERTH_RIGHT_REGISTRATION_READ, registration_query },
};

const struct route_table dps_service_routes = {
    .rows = rows,
    .count = sizeof rows / sizeof rows[0],
    .versioned = true,
};

void dps_service(struct front *f, struct http_exchange *x)
{
    struct call *c = call_new(f, x, CALL_DPS);

    if (c != NULL)
        route_run(c, &dps_service_routes);
}
