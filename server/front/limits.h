/* front/limits.h - rate limits of one loop: authenticated requests count against the device,
 * failures against the peer's address. Fixed tables: the oldest entry makes room, so a flood of
 * names costs no memory. */
#ifndef FRONT_LIMITS_H
#define FRONT_LIMITS_H

#include <stdint.h>
#include <sys/socket.h>

#include "berth/str.h"

#define LIMITS_ENTRIES 16384 /* devices, and as many peers, remembered by one loop */

struct limits;

struct limits_rates {
    uint32_t device_requests_per_min; /* the burst is as large; 0: no limit */
    uint32_t peer_failures_per_min;   /* likewise */
};

BERTH_MUST_USE berth_err limits_new(const struct limits_rates *r, struct limits **out);
void limits_free(struct limits *l);

/* Counts one authenticated request; a refused one does not count. 0: go on; else after how many
 * seconds to try again. */
unsigned limits_device(struct limits *l, berth_str registration_key, int64_t mono_ms);
/* Whether ADDR has failed too often lately: 0, or seconds. Counts nothing. IPv6 counts per /64. */
unsigned limits_peer(struct limits *l, const struct sockaddr *addr, int64_t mono_ms);
/* Counts one failure of ADDR. */
void limits_peer_failed(struct limits *l, const struct sockaddr *addr, int64_t mono_ms);

#endif
