/* client/clock.h - what time it is, and waiting. A test that lets time pass as it likes brings both
 * functions of its own; the linker then leaves these out. */
#ifndef CLIENT_CLOCK_H
#define CLIENT_CLOCK_H

#include <poll.h>
#include <stdint.h>

/* Milliseconds of a clock that only goes forward. */
int64_t berth__now_ms(void);
/* poll(2). */
int berth__poll(struct pollfd *fds, nfds_t count, int timeout_ms);

#endif
