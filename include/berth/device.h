/* berth/device.h - provision a device from a desktop program: the state machine of
 * berth/provisioning.h over OpenSSL and sockets. */
#ifndef BERTH_DEVICE_H
#define BERTH_DEVICE_H

#include "berth/provisioning.h"

#ifdef __cplusplus
extern "C" {
#endif

struct berth_device_options {
    struct berth_prov_options prov; /* prov.host is what the certificate must name */
    uint16_t port;                  /* 0: 443 or 8883 */
    const char *connect_to;         /* address to connect to instead of prov.host; NULL: the same */
    const char *ca_file;            /* PEM to trust; NULL: the system's store */
    /* Told of each change, may be NULL. STATUS: "connected", "registering", "assigning",
     * "assigned", .. */
    void (*status)(void *user, const char *status);
    void *user;
    /* Stop soon when it becomes non-zero; while a name is looked up, when that has ended, which the
     * resolver's settings decide. NULL: never. */
    const volatile int *cancel;
};

/* Blocks until done. BERTH_OK with *RESULT assigned, or the error with what is known in *RESULT
 * (message has words). */
BERTH_MUST_USE berth_err berth_device_provision(const struct berth_device_options *o,
                                                struct berth_prov_result *result);

#ifdef __cplusplus
}
#endif

#endif
