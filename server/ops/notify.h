/* ops/notify.h - tells the service manager how the daemon is doing: sd_notify's protocol, one
 * datagram to $NOTIFY_SOCKET. Without that variable nothing happens. */
#ifndef OPS_NOTIFY_H
#define OPS_NOTIFY_H

#include "berth/err.h"

#define NOTIFY_STATUS_MAX 256 /* bytes of a status; more is cut */

/* Connections are accepted now. */
BERTH_MUST_USE berth_err notify_ready(void);
BERTH_MUST_USE berth_err notify_stopping(void);
/* One line for `systemctl status`. */
BERTH_MUST_USE berth_err notify_status(const char *text);

#endif
