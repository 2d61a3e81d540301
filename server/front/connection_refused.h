/* front/connection_refused.h - refusals before anyone has said who it is: counted by their reason
 * and kept for `berth explain`. The log line is whoever's refuses. */
#ifndef FRONT_CONNECTION_REFUSED_H
#define FRONT_CONNECTION_REFUSED_H

#include "front/front.h"
#include "net/tls.h"

/* L is any layer of the connection; TRANSPORT is static; DETAIL and ID may be absent. */
void connection_refused(struct front *f, const struct layer *l, enum berth_reason why,
                        const char *transport, berth_str detail, berth_str registration_id);
/* For the tls layer's callbacks: a handshake that failed, and one that was done. */
void connection_tls_failed(struct front *f, const struct layer *tls, enum tls_failure what,
                           const char *transport, const char *reason);
void connection_tls_up(struct front *f, const struct layer *tls, const struct tls_info *info,
                       const char *transport);
/* For the http layer's: what it refused below its handler. */
void connection_http_refused(struct front *f, const struct layer *l, int status, const char *why);

/* Whether BYTES, the first on a connection, begin an HTTP request. */
bool connection_is_http(berth_str bytes);

#endif
