/* The provisioning service's API: enrollments, enrollment groups, registrations. */
#include "front/route.h"
#include "front/service.h"

#define READ  (BERTH_RIGHT_ENROLLMENT_READ | BERTH_RIGHT_ENROLLMENT_WRITE)
#define WRITE BERTH_RIGHT_ENROLLMENT_WRITE

static const struct route rows[] = {
    { HTTP_POST, "enrollments/query", READ, api_enrollment_query },
    { HTTP_GET, "enrollments/+", READ, api_enrollment_get },
    { HTTP_PUT, "enrollments/+", WRITE, api_enrollment_put },
    { HTTP_DELETE, "enrollments/+", WRITE, api_enrollment_delete },
    { HTTP_POST, "enrollments/+/attestationmechanism", WRITE, api_enrollment_attestation },
    { HTTP_POST, "enrollmentGroups/query", READ, api_group_query },
    { HTTP_GET, "enrollmentGroups/+", READ, api_group_get },
    { HTTP_PUT, "enrollmentGroups/+", WRITE, api_group_put },
    { HTTP_DELETE, "enrollmentGroups/+", WRITE, api_group_delete },
    { HTTP_POST, "enrollmentGroups/+/attestationmechanism", WRITE, api_group_attestation },
    { HTTP_GET, "registrations/+", BERTH_RIGHT_REGISTRATION_READ, api_registration_get },
    { HTTP_DELETE, "registrations/+", BERTH_RIGHT_REGISTRATION_WRITE, api_registration_delete },
    { HTTP_POST, "registrations/+/query", BERTH_RIGHT_REGISTRATION_READ, api_registration_query },
};

const struct route_table dps_service_routes = {
    .rows = rows,
    .count = sizeof rows / sizeof rows[0],
    .versioned = true,
};
