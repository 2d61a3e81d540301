/* ops/address.h - IP addresses and ports, from text to what sockets take. */
#ifndef OPS_ADDRESS_H
#define OPS_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "berth/err.h"

/* An IPv4 or IPv6 literal, without brackets. BERTH_E_SYNTAX otherwise, with errno EINVAL. */
BERTH_MUST_USE berth_err address_parse(const char *text, unsigned short port,
                                       struct sockaddr_storage *out);

/* Whether TEXT is such a literal. */
bool address_is_literal(const char *text);

/* Whether nobody listens there yet. A listener shares its port with the daemon's other loops
 * (SO_REUSEPORT), so a second daemon would share it too, and each would get half of the devices:
 * this is how it notices. errno says why not. */
bool address_is_free(const struct sockaddr_storage *addr);

/* Puts into PROBLEM why the daemon cannot listen on TEXT and PORT, ERROR being errno, and what
 * helps. IS_DEV: the options are those of berth dev. */
void address_explain(const char *text, unsigned short port, int error, bool is_dev, char *problem,
                     size_t problem_size);

#endif
