#include "cli/provisioned.h"

#include "cli/command.h"
#include "cli/tell.h"
#include "wire/percent.h"

int provisioned_ask(struct api *a, const char *hub, const char *device_id, struct provisioned *out)
{
    char tail[API_PATH_MAX / 2], path[API_PATH_MAX];
    struct berth_buf b;
    int code;

    *out = (struct provisioned){ 0 };
    berth_buf_init(&b, tail, sizeof tail - 1);
    berth_buf_put(&b, BERTH_STR("/devices/"));
    berth_percent_put(&b, berth_str_of(device_id));
    berth_buf_put(&b, BERTH_STR("/provisioning"));
    tail[b.n] = '\0';
    api_path(path, "/berth/v1/hubs/", hub, tail);
    /* The hub may be gone: its registrations stay. */
    code = api_call(a, &(struct api_request){ .method = "GET", .path = path, .pardoned = 404 });
    if (code != EXIT_CODE_OK)
        return code;
    (void)api_string(a->json, "registrationId", out->registration, sizeof out->registration);
    (void)api_string(a->json, "otherRegistrationId", out->other, sizeof out->other);
    return EXIT_CODE_OK;
}

void provisioned_warn(const struct provisioned *p, const char *hub, const char *device_id)
{
    if (p->other[0] != '\0')
        tell_warning("two registrations stand for device \"%s\" in hub %s: \"%s\", which has its "
                     "keys, and \"%s\"\n  give one of the two enrollments another deviceId, or "
                     "delete the registration that is no more",
                     device_id, hub, p->registration, p->other);
}
