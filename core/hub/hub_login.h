/* hub/hub_login.h - who may open a session with a hub as a device. */
#ifndef BERTH_HUB_HUB_LOGIN_H
#define BERTH_HUB_HUB_LOGIN_H

#include "base/reason.h"
#include "berth/sas.h"
#include "hub/device.h"

/* Whether the bearer of TOKEN is D, under the name HOST by which the device addressed its hub. *WHY
 * none: yes. Also for a session that lives, when its device has changed. Errors are crypto failures
 * only. */
BERTH_MUST_USE berth_err berth_hub_judge(const struct berth_crypto *c,
                                         const struct berth_hub_device *d,
                                         const struct berth_sas *token, berth_str host,
                                         int64_t now_s, enum berth_reason *why);

#endif
